/* GET /metrics/{name}/aggregate. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "answer_json.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/timestamp.h"
#include "raftmetrics/metrics/query_run.h"

/* What is asked, and what the answer is made of. */
struct answer {
    const struct rm__read_query *query;
    struct rm_query_result result;
    struct rm_query_result whole; /* of the same groups, where steps are put in order */
    struct rm_json_writer json;
    bool has_overflow; /* of a sum that is shown */
};

static struct rm_query store_query_of(const struct rm__read_query *query)
{
    const struct rm__aggregate_query *aggregate = &query->aggregate;
    struct rm_query asked = {.selection = query->selection,
                             .n_group_by = aggregate->n_group_by,
                             .step_ms = aggregate->step_ms,
                             .n_quantiles = aggregate->n_quantiles};

    memcpy(asked.group_by, aggregate->group_by, sizeof asked.group_by);
    memcpy(asked.quantiles, aggregate->quantiles, sizeof asked.quantiles);
    asked.needs_moments = rm__aggregate_query_needs(aggregate, RM__AGG_STDDEV) ||
                          rm__aggregate_query_needs(aggregate, RM__AGG_VARIANCE);
    asked.needs_increase = rm__aggregate_query_needs(aggregate, RM__AGG_INCREASE) ||
                           rm__aggregate_query_needs(aggregate, RM__AGG_RATE);
    return asked;
}

/* ---- writing ---- */

static void write_field(struct answer *answer, const struct rm_query_bucket *bucket,
                        const struct rm__agg_field *field)
{
    const struct rm__read_query *query = answer->query;

    rm_json_key_slice(&answer->json, field->name);
    if (field->agg == RM__AGG_COUNT) {
        rm_json_uint(&answer->json, bucket->aggregate.count);
        return;
    }
    if (field->agg == RM__AGG_SUM && bucket->aggregate.sum_overflows) {
        answer->has_overflow = true;
    }
    rm__answer_number(&answer->json, query,
                      rm__agg_value(field, &query->aggregate, &query->selection, bucket));
}

static void write_fields(struct answer *answer, const struct rm_query_bucket *bucket)
{
    const struct rm__aggregate_query *aggregate = &answer->query->aggregate;

    answer->has_overflow = false;
    for (size_t i = 0; i < aggregate->n_aggs; i++) {
        write_field(answer, bucket, &aggregate->aggs[i]);
    }
    if (answer->has_overflow) {
        rm_json_member_bool(&answer->json, "overflow", true);
    }
}

/* The first step there is may begin before the first instant that can be written. */
static int64_t shown_start(const struct rm_query_bucket *bucket)
{
    return bucket->start_ms > RM_TIMESTAMP_MIN_MS ? bucket->start_ms : RM_TIMESTAMP_MIN_MS;
}

static void write_steps(struct answer *answer, const struct rm_query_group *group)
{
    rm_json_key(&answer->json, "series");
    rm_json_array_begin(&answer->json);
    for (size_t i = 0; i < group->n_buckets; i++) {
        rm_json_object_begin(&answer->json);
        rm_json_key(&answer->json, "timestamp");
        rm_json_timestamp(&answer->json, shown_start(&group->buckets[i]));
        write_fields(answer, &group->buckets[i]);
        rm_json_object_end(&answer->json);
    }
    rm_json_array_end(&answer->json);
}

static void write_group(struct answer *answer, const struct rm_query_group *group)
{
    if (answer->query->aggregate.step_ms > 0) {
        write_steps(answer, group);
    } else {
        write_fields(answer, &group->buckets[0]);
    }
}

/* An empty value is the same as no label. */
static void write_group_labels(struct answer *answer, const struct rm_query_group *group)
{
    const struct rm__aggregate_query *aggregate = &answer->query->aggregate;

    rm_json_key(&answer->json, "labels");
    rm_json_object_begin(&answer->json);
    for (size_t i = 0; i < aggregate->n_group_by; i++) {
        if (group->labels[i].len > 0) {
            rm_json_key_slice(&answer->json, aggregate->group_by[i]);
            rm_json_text(&answer->json, group->labels[i]);
        }
    }
    rm_json_object_end(&answer->json);
}

/* ---- the order of groups ---- */

/* A group by its place in the result, which is the order of labels. */
struct rank {
    double key; /* NAN where it does not exist */
    size_t group;
    bool is_descending;
};

/* What does not exist comes last, whatever the direction. */
static int compare_ranks(const void *a, const void *b)
{
    const struct rank *left = a;
    const struct rank *right = b;

    if (isnan(left->key) != isnan(right->key)) {
        return isnan(left->key) ? 1 : -1;
    }
    if (left->key != right->key && !isnan(left->key)) {
        return (left->key < right->key) != left->is_descending ? -1 : 1;
    }
    return (left->group > right->group) - (left->group < right->group);
}

/* The keys, each of the group's whole range. */
static void rank_groups(const struct rm__read_query *query, const struct rm_query_result *whole,
                        struct rank *ranks)
{
    const struct rm__aggregate_query *aggregate = &query->aggregate;

    for (size_t i = 0; i < whole->n_groups; i++) {
        ranks[i].key = rm__agg_value(&aggregate->order_by, aggregate, &query->selection,
                                     &whole->groups[i].buckets[0]);
    }
}

/* Steps say little of where a group stands: it is asked for as a whole, too. */
static bool needs_whole(const struct rm__read_query *query)
{
    return query->aggregate.is_ordered && query->aggregate.step_ms > 0;
}

static struct rm__read_query whole_of(const struct rm__read_query *query)
{
    struct rm__read_query whole = *query;

    whole.aggregate.step_ms = 0;
    return whole;
}

/* The caller's to free. NULL when out of memory. */
static struct rank *order_groups(const struct answer *answer)
{
    const struct rm__aggregate_query *aggregate = &answer->query->aggregate;
    size_t n = answer->result.n_groups;
    struct rank *ranks = malloc((n + 1) * sizeof *ranks);

    if (ranks == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        ranks[i] = (struct rank){NAN, i, aggregate->is_descending};
    }
    if (needs_whole(answer->query)) {
        struct rm__read_query whole = whole_of(answer->query);

        rank_groups(&whole, &answer->whole, ranks);
    } else if (aggregate->is_ordered) {
        rank_groups(answer->query, &answer->result, ranks);
    }
    qsort(ranks, n, sizeof *ranks, compare_ranks);
    return ranks;
}

static void write_groups(struct answer *answer, const struct rank *ranks)
{
    size_t limit = answer->query->aggregate.limit;
    size_t n = answer->result.n_groups < limit ? answer->result.n_groups : limit;

    rm_json_key(&answer->json, "groups");
    rm_json_array_begin(&answer->json);
    for (size_t i = 0; i < n; i++) {
        const struct rm_query_group *group = &answer->result.groups[ranks[i].group];

        rm_json_object_begin(&answer->json);
        write_group_labels(answer, group);
        write_group(answer, group);
        rm_json_object_end(&answer->json);
    }
    rm_json_array_end(&answer->json);
}

/* ---- the answer ---- */

static void write_answer(struct rm__exchange *exchange, struct answer *answer,
                         const struct rank *ranks, int64_t wall_ms)
{
    struct rm_buffer body;

    rm__answer_begin(exchange, &answer->json, &body);
    if (answer->query->aggregate.n_group_by > 0) {
        write_groups(answer, ranks);
    } else {
        write_group(answer, &answer->result.groups[0]);
    }
    if (answer->query->aggregate.n_quantiles > 0) {
        rm_json_member_double(&answer->json, "quantile_error", answer->result.quantile_error);
    }
    rm__answer_end_as_of(exchange, &answer->json, &body, wall_ms);
}

static void reply(struct rm__exchange *exchange, struct answer *answer, int64_t wall_ms)
{
    struct rank *ranks = order_groups(answer);

    if (ranks == NULL) {
        rm__answer_failure(exchange, RM_ENOMEM);
    } else {
        write_answer(exchange, answer, ranks, wall_ms);
    }
    free(ranks);
}

static void reply_failure(struct rm__exchange *exchange, int error)
{
    if (error == RM_ETOOBIG) {
        rm__reply_error(exchange, RM__INVALID_PARAMETER,
                        "step gives more than %d buckets, or %d of all groups; take a longer one, "
                        "or a shorter range",
                        RM_STEPS_MAX, RM_QUERY_BUCKETS_MAX);
    } else {
        rm__answer_failure(exchange, error);
    }
}

/* ---- on the way to it ---- */

/* The store's runs, which have begun at the same moment. */
struct aggregation {
    struct rm__slow_read read;
    struct rm__read_query query;
    int64_t wall_ms;
    struct rm_query_run *run;
    struct rm_query_run *whole_run; /* NULL: not needed */
};

/* Errors: as rm_query_run_begin. */
static int begin(struct aggregation *aggregation, struct rm_store *store)
{
    struct rm_query asked = store_query_of(&aggregation->query);
    int rv = rm_query_run_begin(store, &asked, &aggregation->run);

    if (rv == 0 && needs_whole(&aggregation->query)) {
        struct rm__read_query whole = whole_of(&aggregation->query);

        asked = store_query_of(&whole);
        rv = rm_query_run_begin(store, &asked, &aggregation->whole_run);
    }
    return rv;
}

static size_t bytes_of(const struct aggregation *aggregation)
{
    size_t n_bytes = rm_query_run_bytes(aggregation->run);

    return aggregation->whole_run == NULL ? n_bytes
                                          : n_bytes + rm_query_run_bytes(aggregation->whole_run);
}

static void finish(struct aggregation *aggregation)
{
    struct answer answer = {.query = &aggregation->query};

    rm_query_run_take(aggregation->run, &answer.result);
    if (aggregation->whole_run != NULL) {
        rm_query_run_take(aggregation->whole_run, &answer.whole);
    }
    reply(aggregation->read.exchange, &answer, aggregation->wall_ms);
    rm_query_result_done(&answer.result);
    rm_query_result_done(&answer.whole);
}

/* True: it has answered. */
static bool work(struct rm__slow_read *read)
{
    struct aggregation *aggregation = RM_LIST_ENTRY(read, struct aggregation, read);
    bool is_done = true;
    int rv = 0;

    if (aggregation->whole_run != NULL) {
        rv = rm_query_run_work(aggregation->whole_run, RM__SLICE_VALUES, &is_done);
    }
    if (rv == 0 && is_done) {
        rv = rm_query_run_work(aggregation->run, RM__SLICE_VALUES, &is_done);
    }
    if (rv != 0) {
        reply_failure(read->exchange, rv);
    } else if (is_done) {
        finish(aggregation);
    }
    return rv != 0 || is_done;
}

static void free_read(struct rm__slow_read *read)
{
    struct aggregation *aggregation = RM_LIST_ENTRY(read, struct aggregation, read);

    rm_query_run_free(aggregation->run);
    rm_query_run_free(aggregation->whole_run);
    free(aggregation);
}

void rm__answer_aggregate(struct rm__exchange *exchange, struct rm_store *store,
                          const struct rm__read_query *query, struct rm__slow_reads *slow_reads)
{
    struct aggregation *aggregation = malloc(sizeof *aggregation);
    int rv;

    if (aggregation == NULL) {
        rm__answer_failure(exchange, RM_ENOMEM);
        return;
    }
    *aggregation =
        (struct aggregation){.read = {.exchange = exchange, .work = work, .free = free_read},
                             .query = *query,
                             .wall_ms = rm_clock_wall_ms()};
    rv = begin(aggregation, store);
    if (rv != 0) {
        reply_failure(exchange, rv);
        free_read(&aggregation->read);
        return;
    }
    aggregation->read.n_bytes = bytes_of(aggregation);
    rm__slow_reads_begin(slow_reads, &aggregation->read);
}
