#include "listing.h"

#include <jansson.h>
#include <stdlib.h>

#include "../exchange.h"
#include "../read_query.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/partitioning/shard_map.h"

/* A line of a worker's listing; texts live in the worker's answer. */
struct entry {
    struct rm_slice name;
    uint64_t n_series;
    uint64_t n_samples;
    double last;
    uint64_t worker;
};

struct listing {
    struct entry *entries;
    size_t n_entries;
    bool has_more; /* some worker has more than it sent */
    bool is_listed[RM_SHARDS_MAX];
    uint32_t n_listed;
    json_t **roots;
    size_t n_roots;
};

static void listing_done(struct listing *listing)
{
    for (size_t i = 0; i < listing->n_roots; i++) {
        json_decref(listing->roots[i]);
    }
    free(listing->roots);
    free(listing->entries);
}

static bool read_count(const json_t *json, const char *key, uint64_t *ret_count)
{
    const json_t *count = json_object_get(json, key);

    *ret_count = (uint64_t)json_number_value(count);
    return json_is_number(count) && json_number_value(count) >= 0;
}

static bool read_entry(const json_t *json, struct entry *ret_entry)
{
    const json_t *name = json_object_get(json, "metric_name");
    const json_t *last = json_object_get(json, "last");

    ret_entry->name = rm_slice_make(json_string_value(name), json_string_length(name));
    ret_entry->last = json_number_value(last);
    return json_is_string(name) && json_is_number(last) &&
           read_count(json, "series", &ret_entry->n_series) &&
           read_count(json, "count", &ret_entry->n_samples) &&
           read_count(json, "worker", &ret_entry->worker);
}

/* Notes which shards a worker's listing is of; an error where another's has one of them. */
static int read_shards(struct listing *listing, const json_t *shards)
{
    size_t i;
    json_t *shard;

    json_array_foreach(shards, i, shard)
    {
        double id = json_number_value(shard);

        if (!json_is_number(shard) || id < 0 || id >= RM_SHARDS_MAX ||
            listing->is_listed[(size_t)id]) {
            return RM_EPROTO;
        }
        listing->is_listed[(size_t)id] = true;
        listing->n_listed++;
    }
    return 0;
}

static int read_answer(struct listing *listing, const struct rm__fanout_answer *answer)
{
    /* A value may be a larger integer than an int64 holds. */
    json_t *root = json_loadb(answer->body, answer->body_len, JSON_DECODE_INT_AS_REAL, NULL);
    json_t *metrics = json_object_get(root, "metrics");
    struct entry *entries;
    size_t i;
    json_t *metric;

    listing->roots[listing->n_roots++] = root;
    if (!json_is_array(metrics)) {
        return RM_EPROTO;
    }
    listing->has_more = listing->has_more || json_is_string(json_object_get(root, "next"));
    entries = realloc(listing->entries,
                      (listing->n_entries + json_array_size(metrics) + 1) * sizeof *entries);
    if (entries == NULL) {
        return RM_ENOMEM;
    }
    listing->entries = entries;
    json_array_foreach(metrics, i, metric)
    {
        if (!read_entry(metric, &entries[listing->n_entries++])) {
            return RM_EPROTO;
        }
    }
    return read_shards(listing, json_object_get(root, "shards"));
}

static int compare_entries(const void *a, const void *b)
{
    return rm_slice_compare(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void write_entry(struct rm_json_writer *json, const struct entry *entry)
{
    rm_json_object_begin(json);
    rm_json_member_text(json, "metric_name", entry->name);
    rm_json_member_uint(json, "series", entry->n_series);
    rm_json_member_uint(json, "count", entry->n_samples);
    rm_json_member_double(json, "last", entry->last);
    rm_json_member_uint(json, "worker", entry->worker);
    rm_json_object_end(json);
}

static void reply_listing(struct rm__exchange *exchange, struct listing *listing, size_t limit)
{
    size_t n = listing->n_entries < limit ? listing->n_entries : limit;
    bool has_more = listing->has_more || n < listing->n_entries;
    struct rm_buffer body;
    struct rm_json_writer json;

    if (listing->n_entries > 0) {
        qsort(listing->entries, listing->n_entries, sizeof *listing->entries, compare_entries);
    }
    rm_buffer_init(&body, RM__ANSWER_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    rm_json_key(&json, "metrics");
    rm_json_array_begin(&json);
    for (size_t i = 0; i < n; i++) {
        write_entry(&json, &listing->entries[i]);
    }
    rm_json_array_end(&json);
    rm_json_key(&json, "next");
    if (has_more && n > 0) {
        rm_json_text(&json, listing->entries[n - 1].name);
    } else {
        rm_json_null(&json);
    }
    rm_json_object_end(&json);
    rm__reply_written(exchange, 200, &json, &body);
}

static int read_answers(struct listing *listing, const struct rm__fanout_answer *answers,
                        size_t n_answers)
{
    int rv = 0;

    listing->roots = calloc(n_answers, sizeof(json_t *));
    if (listing->roots == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; rv == 0 && i < n_answers; i++) {
        rv = answers[i].error == 0 && answers[i].status == 200 ? read_answer(listing, &answers[i])
                                                               : RM_ECONNECT;
    }
    return rv;
}

static void reply_merged(struct rm__exchange *exchange, struct listing *listing)
{
    struct rm__read_query query;
    struct rm__problem problem;

    if (rm__read_query_init(&query, exchange->route->action, rm__exchange_name(exchange),
                            &exchange->params, rm_http_request_header(exchange->http, "Accept"),
                            rm_clock_wall_ms(), &problem) != 0) {
        rm__reply_problem(exchange, &problem);
    } else {
        reply_listing(exchange, listing, query.limit);
    }
}

bool rm__listing_reply(struct rm__exchange *exchange, const struct rm__fanout_answer *answers,
                       size_t n_answers, uint32_t n_shards)
{
    struct listing listing = {0};
    int rv = read_answers(&listing, answers, n_answers);
    bool is_whole = rv == 0 && listing.n_listed == n_shards;

    if (is_whole) {
        reply_merged(exchange, &listing);
    } else if (rv == RM_ENOMEM) {
        rm__reply_out_of_memory(exchange);
    }
    listing_done(&listing);
    return is_whole || rv == RM_ENOMEM;
}
