/* The series that a query matches, group by group. */
#ifndef RAFTMETRICS_SRC_METRICS_QUERY_GROUPS_H
#define RAFTMETRICS_SRC_METRICS_QUERY_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "metric.h"
#include "raftmetrics/metrics/query.h"
#include "series.h"

struct rm_series_group {
    const struct rm_slice *labels; /* values, in the order of group_by */
    const struct rm_series **series;
    uint32_t n_series;
    uint32_t n_labels;
};

struct rm_series_groups {
    struct rm_series_group *groups; /* in byte order of their labels */
    size_t n_groups;
    const struct rm_series **series; /* of all groups */
    struct rm_slice *labels;
};

/* Without group_by there is one group, also where no series matches. *@ret_groups is the caller's,
 * to be ended with rm__series_groups_done. Errors: RM_ENOMEM. */
int rm__series_groups_init(const struct rm_metric *metric, const struct rm_query *query,
                           uint64_t hash_seed, struct rm_series_groups *ret_groups);

/* Harmless on zeroed ones. */
void rm__series_groups_done(struct rm_series_groups *groups);

#endif
