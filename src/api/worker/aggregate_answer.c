/* GET /metrics/{name}/aggregate. */
#include <stdlib.h>
#include <string.h>

#include "aggregate_body.h"
#include "answer.h"
#include "answer_json.h"
#include "group_order.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/query_run.h"

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

/* ---- stage by stage ---- */

struct aggregation {
    struct rm__slow_read read;
    struct rm__read_query query;
    struct rm__read_query whole_query;
    enum { STAGE_WHOLE, STAGE_ASKED, STAGE_CLOSE, STAGE_ORDER, STAGE_BODY, STAGE_DONE } stage;
    struct rm_query_run *run; /* both begun at the same moment */
    struct rm_query_run *whole_run;
    struct rm_query_result result;
    struct rm_query_result whole;
    struct rm__group_order order;
    struct rm__aggregate_body body;
};

/* Errors: as rm_query_run_begin. */
static int begin(struct aggregation *aggregation, struct rm_store *store)
{
    struct rm_query asked = store_query_of(&aggregation->query);
    int rv = rm_query_run_begin(store, &asked, &aggregation->run);

    if (rv == 0 && needs_whole(&aggregation->query)) {
        asked = store_query_of(&aggregation->whole_query);
        rv = rm_query_run_begin(store, &asked, &aggregation->whole_run);
    }
    return rv;
}

/* What comes of the runs is not counted. */
static size_t bytes_of(const struct aggregation *aggregation)
{
    size_t n_bytes = sizeof *aggregation + aggregation->body.bytes.len;

    n_bytes += aggregation->run == NULL ? 0 : rm_query_run_bytes(aggregation->run);
    n_bytes += aggregation->whole_run == NULL ? 0 : rm_query_run_bytes(aggregation->whole_run);
    return n_bytes;
}

/* When it is done, it is taken. Errors: as rm_query_run_work. */
static int work_on_run(struct rm_query_run *run, int64_t *budget,
                       struct rm_query_result *ret_result, bool *ret_is_done)
{
    int rv = rm_query_run_work(run, *budget, ret_is_done);

    if (rv != 0 || !*ret_is_done) {
        *budget = 0;
        return rv;
    }
    rm_query_run_take(run, ret_result);
    *budget /= 2; /* how much of it is left is not known */
    return 0;
}

static int work_on_whole(struct aggregation *aggregation, int64_t *budget)
{
    bool is_done = true;
    int rv = 0;

    if (aggregation->whole_run != NULL) {
        rv = work_on_run(aggregation->whole_run, budget, &aggregation->whole, &is_done);
    }
    if (rv == 0 && is_done) {
        aggregation->stage = STAGE_ASKED;
    }
    return rv;
}

static int work_on_asked(struct aggregation *aggregation, int64_t *budget)
{
    bool is_done;
    int rv = work_on_run(aggregation->run, budget, &aggregation->result, &is_done);

    if (rv == 0 && is_done) {
        aggregation->stage = STAGE_CLOSE;
    }
    return rv;
}

/* True: they are gone. */
static bool close_runs(struct aggregation *aggregation, int64_t n_values)
{
    if (!rm_query_run_close(aggregation->whole_run, n_values)) {
        return false;
    }
    rm_query_run_free(aggregation->whole_run);
    aggregation->whole_run = NULL;
    if (!rm_query_run_close(aggregation->run, n_values)) {
        return false;
    }
    rm_query_run_free(aggregation->run);
    aggregation->run = NULL;
    return true;
}

/* What is kept for the runs is not needed while the answer is written. */
static int work_on_closing(struct aggregation *aggregation, int64_t *budget)
{
    if (!close_runs(aggregation, *budget)) {
        *budget = 0;
        return 0;
    }
    *budget /= 2;
    aggregation->stage = STAGE_ORDER;
    return rm__group_order_begin(&aggregation->order, &aggregation->whole_query,
                                 needs_whole(&aggregation->query) ? &aggregation->whole
                                                                  : &aggregation->result);
}

static int work_on_order(struct aggregation *aggregation, int64_t *budget)
{
    if (rm__group_order_work(&aggregation->order, budget)) {
        aggregation->stage = STAGE_BODY;
        rm__aggregate_body_begin(&aggregation->body, aggregation->read.exchange,
                                 &aggregation->query, &aggregation->result, &aggregation->order);
    }
    return 0;
}

static int work_on_body(struct aggregation *aggregation, int64_t *budget)
{
    if (rm__aggregate_body_write(&aggregation->body, budget)) {
        aggregation->stage = STAGE_DONE;
    }
    return 0;
}

/* True: it has answered. */
static bool work(struct rm__slow_read *read)
{
    static int (*const stages[])(struct aggregation *,
                                 int64_t *) = {[STAGE_WHOLE] = work_on_whole,
                                               [STAGE_ASKED] = work_on_asked,
                                               [STAGE_CLOSE] = work_on_closing,
                                               [STAGE_ORDER] = work_on_order,
                                               [STAGE_BODY] = work_on_body};
    struct aggregation *aggregation = RM_LIST_ENTRY(read, struct aggregation, read);
    int64_t budget = RM__SLICE_VALUES;
    int rv = 0;

    while (rv == 0 && budget > 0 && aggregation->stage != STAGE_DONE) {
        rv = stages[aggregation->stage](aggregation, &budget);
    }
    if (rv != 0) {
        reply_failure(read->exchange, rv);
    } else if (aggregation->stage == STAGE_DONE) {
        rm__aggregate_body_reply(&aggregation->body, read->exchange);
    }
    read->n_bytes = bytes_of(aggregation);
    return rv != 0 || aggregation->stage == STAGE_DONE;
}

static bool close_read(struct rm__slow_read *read)
{
    struct aggregation *aggregation = RM_LIST_ENTRY(read, struct aggregation, read);

    return close_runs(aggregation, RM__SLICE_VALUES);
}

static void free_read(struct rm__slow_read *read)
{
    struct aggregation *aggregation = RM_LIST_ENTRY(read, struct aggregation, read);

    rm_query_run_free(aggregation->run);
    rm_query_run_free(aggregation->whole_run);
    rm_query_result_done(&aggregation->result);
    rm_query_result_done(&aggregation->whole);
    rm__group_order_done(&aggregation->order);
    rm__aggregate_body_done(&aggregation->body);
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
    *aggregation = (struct aggregation){
        .read = {.exchange = exchange, .work = work, .close = close_read, .free = free_read},
        .query = *query,
        .whole_query = whole_of(query)};
    rv = begin(aggregation, store);
    if (rv != 0) {
        reply_failure(exchange, rv);
        free_read(&aggregation->read);
        return;
    }
    rm__slow_reads_begin(slow_reads, &aggregation->read);
}
