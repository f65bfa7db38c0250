/* GET /metrics/{name}/histogram. */
#include "answer.h"
#include "answer_json.h"

/* Cumulative, as Prometheus has them: each counts what the ones before it do. */
static void write_buckets(struct rm_json_writer *json, const struct rm_histograms *histograms)
{
    uint64_t count = 0;

    rm_json_key(json, "buckets");
    rm_json_array_begin(json);
    for (size_t i = 0; i <= histograms->bounds.n; i++) {
        count += rm_histogram_count(&histograms->classic, i);
        rm_json_object_begin(json);
        rm_json_key(json, "le");
        if (i < histograms->bounds.n) {
            rm_json_double(json, histograms->bounds.bounds[i]);
        } else {
            rm_json_text(json, rm_slice_of("+Inf"));
        }
        rm_json_member_uint(json, "count", count);
        rm_json_object_end(json);
    }
    rm_json_array_end(json);
}

static void write_side(struct rm_json_writer *json, const char *key,
                       const struct rm_native_side *side)
{
    rm_json_key(json, key);
    rm_json_array_begin(json);
    for (uint32_t i = 0; i < side->n; i++) {
        rm_json_array_begin(json);
        rm_json_int(json, side->buckets[i].index);
        rm_json_uint(json, side->buckets[i].count);
        rm_json_array_end(json);
    }
    rm_json_array_end(json);
}

static void write_native(struct rm_json_writer *json, const struct rm_native_histogram *native)
{
    rm_json_member_int(json, "schema", native->schema);
    rm_json_member_double(json, "zero_threshold", RM_NATIVE_ZERO_THRESHOLD);
    rm_json_member_uint(json, "zero_count", native->zero_count);
    write_side(json, "positive", &native->positive);
    write_side(json, "negative", &native->negative);
    rm_json_member_double(json, "relative_error", rm_native_histogram_error(native));
}

void rm__answer_histogram(struct rm__exchange *exchange, struct rm_store *store,
                          const struct rm__read_query *query)
{
    struct rm_histograms histograms;
    struct rm_json_writer json;
    struct rm_buffer body;
    int rv = rm_store_histogram(store, &query->selection, &histograms);

    if (rv != 0) {
        rm__answer_failure(exchange, rv);
        return;
    }
    rm__answer_begin(exchange, &json, &body);
    rm_json_member_uint(&json, "count", histograms.count);
    rm_json_key(&json, "sum");
    rm__answer_number(&json, query, histograms.sum);
    if (histograms.sum_overflows) {
        rm_json_member_bool(&json, "overflow", true);
    }
    write_buckets(&json, &histograms);
    if (query->wants_native) {
        write_native(&json, &histograms.native);
    }
    rm__answer_end(exchange, &json, &body);
    rm_histograms_done(&histograms);
}
