/* GET /metrics/{name}/histogram. */
#include <stdlib.h>

#include "answer.h"
#include "answer_json.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/histogram_run.h"

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

static void reply(struct rm__exchange *exchange, const struct rm__read_query *query,
                  const struct rm_histograms *histograms)
{
    struct rm_json_writer json;
    struct rm_buffer body;

    rm__answer_begin(exchange, &json, &body);
    rm_json_member_uint(&json, "count", histograms->count);
    rm_json_key(&json, "sum");
    rm__answer_number(&json, query, histograms->sum);
    if (histograms->sum_overflows) {
        rm_json_member_bool(&json, "overflow", true);
    }
    write_buckets(&json, histograms);
    if (query->wants_native) {
        write_native(&json, &histograms->native);
    }
    rm__answer_end(exchange, query, &json, &body);
}

/* ---- on the way to it ---- */

struct merging {
    struct rm__slow_read read;
    struct rm__read_query query;
    struct rm_histogram_run *run;
};

/* True: it has answered. */
static bool work(struct rm__slow_read *read)
{
    struct merging *merging = RM_LIST_ENTRY(read, struct merging, read);
    struct rm_histograms histograms;
    bool is_done;
    int rv = rm_histogram_run_work(merging->run, RM__SLICE_VALUES, &is_done);

    if (rv != 0) {
        rm__answer_failure(read->exchange, rv);
        return true;
    }
    if (is_done) {
        rm_histogram_run_take(merging->run, &histograms);
        reply(read->exchange, &merging->query, &histograms);
        rm_histograms_done(&histograms);
    }
    return is_done;
}

static bool close_read(struct rm__slow_read *read)
{
    struct merging *merging = RM_LIST_ENTRY(read, struct merging, read);

    return rm_histogram_run_close(merging->run, RM__SLICE_VALUES);
}

static void free_read(struct rm__slow_read *read)
{
    struct merging *merging = RM_LIST_ENTRY(read, struct merging, read);

    rm_histogram_run_free(merging->run);
    free(merging);
}

void rm__answer_histogram(struct rm__exchange *exchange, struct rm_store *store,
                          const struct rm__read_query *query, struct rm__slow_reads *slow_reads)
{
    struct merging *merging = malloc(sizeof *merging);
    int rv;

    if (merging == NULL) {
        rm__answer_failure(exchange, RM_ENOMEM);
        return;
    }
    *merging = (struct merging){
        .read = {.exchange = exchange, .work = work, .close = close_read, .free = free_read},
        .query = *query};
    rv = rm_histogram_run_begin(store, &query->selection, &merging->run);
    if (rv != 0) {
        rm__answer_failure(exchange, rv);
        free_read(&merging->read);
        return;
    }
    merging->read.n_bytes = sizeof *merging + rm_histogram_run_bytes(merging->run);
    rm__slow_reads_begin(slow_reads, &merging->read);
}
