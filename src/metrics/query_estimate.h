/* Quantiles where values of the range are gone: what can be said of them, and how exact it is.
 *
 *   nothing that the range reaches was dropped      exact
 *   some was, and the range is all of the group's   the quantiles of its native histograms, which
 *   values, without steps                           count all that was ever recorded
 *   some was, and the range is a part of them       the quantiles of what is left, and nothing is
 *                                                   known of how far they are off */
#ifndef RAFTMETRICS_SRC_METRICS_QUERY_ESTIMATE_H
#define RAFTMETRICS_SRC_METRICS_QUERY_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "distribution.h"
#include "query_groups.h"
#include "query_walk.h"
#include "raftmetrics/metrics/query.h"

enum rm_group_values { RM_GROUP_HELD, RM_GROUP_COUNTED, RM_GROUP_LOST };

struct rm_query_estimate {
    const struct rm_query *query;
    const struct rm_view *view;
    const struct rm_series_group *group;
    struct rm_time_range range;
    bool has_looked; /* at all series; after that they are merged, where they are counted */
    bool is_held;    /* by those that were looked at */
    bool is_all;
    uint32_t next; /* of the series */
    struct rm_distribution total;
};

/* Begins to look at @group. Borrows all of it. */
void rm__query_estimate_begin(struct rm_query_estimate *estimate, const struct rm_query *query,
                              const struct rm_view *view, const struct rm_series_group *group,
                              struct rm_time_range range);

/* Harmless on a zeroed one. */
void rm__query_estimate_done(struct rm_query_estimate *estimate);

/* Goes on until the cost has used up @budget (query_pass.h); *@ret_is_done: to the end.
 * Errors: RM_ENOMEM. */
int rm__query_estimate_work(struct rm_query_estimate *estimate, int64_t *budget, bool *ret_is_done);

/* Once it is done. */
enum rm_group_values rm__query_estimate_values(const struct rm_query_estimate *estimate);

/* Where values are counted: query->n_quantiles of all that was recorded into @ret_quantiles, off by
 * at most *@ret_error of each. */
void rm__query_estimate_take(const struct rm_query_estimate *estimate, double *ret_quantiles,
                             double *ret_error);

#endif
