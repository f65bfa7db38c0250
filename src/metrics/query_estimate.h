/* Quantiles where values of the range are gone: what can be said of them, and how exact it is.
 *
 *   nothing that the range reaches was dropped      exact
 *   some was, and the range is all of the group's   the quantiles of its native histograms, which
 *   values, without steps                           count all that was ever recorded
 *   some was, and the range is a part of them       the quantiles of what is left, and nothing is
 *                                                   known of how far they are off */
#ifndef RAFTMETRICS_SRC_METRICS_QUERY_ESTIMATE_H
#define RAFTMETRICS_SRC_METRICS_QUERY_ESTIMATE_H

#include "query_groups.h"
#include "query_walk.h"
#include "raftmetrics/metrics/query.h"

enum rm_group_values { RM_GROUP_HELD, RM_GROUP_COUNTED, RM_GROUP_LOST };

enum rm_group_values rm__group_values(const struct rm_query *query, const struct rm_view *view,
                                      const struct rm_series_group *group,
                                      struct rm_time_range range);

/* The quantiles of all that was recorded in the series of @group, of which there are some:
 * query->n_quantiles into @ret_quantiles, off by at most *@ret_error of each. Errors: RM_ENOMEM. */
int rm__query_estimate(const struct rm_query *query, const struct rm_view *view,
                       const struct rm_series_group *group, double *ret_quantiles,
                       double *ret_error);

#endif
