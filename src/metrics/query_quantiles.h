/* The quantiles of the buckets of a group. The values of some buckets at a time are gathered; those
 * of a bucket with too many are looked through until few enough are left. */
#ifndef RAFTMETRICS_SRC_METRICS_QUERY_QUANTILES_H
#define RAFTMETRICS_SRC_METRICS_QUERY_QUANTILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "narrowing.h"
#include "quantile.h"
#include "query_cells.h"
#include "query_pass.h"
#include "raftmetrics/metrics/query.h"

/* Memory for values; zeroed but for n_most it is empty. */
struct rm_value_room {
    size_t n_most; /* values at a time, not 0 */
    uint64_t *keys;
    size_t n_max;
    struct rm_narrowing *narrowing;
};

void rm__value_room_done(struct rm_value_room *room);

/* What is computed, all of it borrowed: the @cells are in order and hold all of @group. */
struct rm_quantiles_of {
    const struct rm_query *query;
    const struct rm_view *view;
    const struct rm_series_group *group;
    struct rm_cells *cells;
    struct rm_value_room *room;
    double *quantiles; /* results: query->n_quantiles for each cell */
};

struct rm_query_quantiles {
    struct rm_quantiles_of of;
    enum { RM_QUANTILES_CHOOSE, RM_QUANTILES_GATHER, RM_QUANTILES_COUNT, RM_QUANTILES_TAKE } stage;

    /* Some cells that follow each other, and where their values are. */
    size_t begin;
    size_t end;
    size_t n_values;
    struct rm_time_range range;

    struct rm_pass pass;
    struct rm_quantile_places places; /* of a cell that is narrowed */
    uint64_t *to;                     /* where the next of its values goes */
};

void rm__query_quantiles_begin(struct rm_query_quantiles *quantiles,
                               const struct rm_quantiles_of *of);

/* Goes on until @budget (query_pass.h) is used up; *@ret_is_done: to the end.
 * Errors: RM_ENOMEM. */
int rm__query_quantiles_work(struct rm_query_quantiles *quantiles, int64_t *budget,
                             bool *ret_is_done);

#endif
