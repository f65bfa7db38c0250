/* What an aggregate is asked for: fields, groups, steps. */
#ifndef RAFTMETRICS_SRC_API_AGGREGATE_QUERY_H
#define RAFTMETRICS_SRC_API_AGGREGATE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "params.h"
#include "problem.h"
#include "raftmetrics/metrics/query.h"

enum rm__agg {
    RM__AGG_COUNT,
    RM__AGG_SUM,
    RM__AGG_MEAN, /* also as "avg" */
    RM__AGG_MIN,
    RM__AGG_MAX,
    RM__AGG_FIRST,
    RM__AGG_LAST,
    RM__AGG_STDDEV,
    RM__AGG_VARIANCE,
    RM__AGG_QUANTILE, /* as "median" and "pNN" */
    RM__AGG_COUNT_RATE,
    RM__AGG_INCREASE,
    RM__AGG_RATE,
};

enum { RM__AGGS_MAX = 64, RM__AGG_NAME_MAX = 32 };

struct rm__agg_field {
    enum rm__agg agg;
    size_t quantile;      /* of a quantile: which of the query's */
    struct rm_slice name; /* as asked */
};

/* Slices point into the params it was read from. */
struct rm__aggregate_query {
    struct rm__agg_field aggs[RM__AGGS_MAX];
    size_t n_aggs;
    struct rm_slice group_by[RM_GROUP_LABELS_MAX];
    size_t n_group_by;
    int64_t step_ms; /* 0: none */
    double quantiles[RM_QUANTILES_MAX];
    size_t n_quantiles;
    bool is_ordered;
    bool is_descending;
    struct rm__agg_field order_by;
    size_t limit; /* of groups; SIZE_MAX: none */
};

/* RM_EINVAL: *@ret_problem says what is wrong. */
int rm__aggregate_query_init(struct rm__aggregate_query *query, const struct rm__params *params,
                             struct rm__problem *ret_problem);

/* Is @agg a field of @query, or what its groups are ordered by? */
bool rm__aggregate_query_needs(const struct rm__aggregate_query *query, enum rm__agg agg);

/* What @field says of @bucket; NAN where it does not exist. @selection: of the whole query. A sum
 * that overflows is infinite. */
double rm__agg_value(const struct rm__agg_field *field, const struct rm__aggregate_query *query,
                     const struct rm_selection *selection, const struct rm_query_bucket *bucket);

#endif
