/* The series of a view that a query matches, group by group. */
#ifndef RAFTMETRICS_SRC_METRICS_QUERY_GROUPS_H
#define RAFTMETRICS_SRC_METRICS_QUERY_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/merge_sort.h"
#include "raftmetrics/metrics/query.h"
#include "table.h"
#include "view.h"

struct rm_series_group {
    const struct rm_slice *labels;   /* values, in the order of group_by */
    const struct rm_series **series; /* items of the view */
    uint32_t n_series;
    uint32_t n_labels;
};

struct rm_series_groups {
    struct rm_series_group *groups; /* in byte order of their labels */
    size_t n_groups;
    const struct rm_series **series; /* of all groups */
    struct rm_slice *labels;         /* of all groups; their bytes lie behind them */
};

/* Harmless on zeroed ones. */
void rm__series_groups_done(struct rm_series_groups *groups);

/* The groups while they are being made. */
struct rm_grouping {
    const struct rm_query *query;
    const struct rm_view *view;
    uint64_t hash_seed;
    enum rm_grouping_stage {
        RM_GROUPING_FIND,
        RM_GROUPING_LABEL,
        RM_GROUPING_PLACE,
        RM_GROUPING_SORT,
        RM_GROUPING_DONE
    } stage;
    uint32_t next;         /* of the view's items; of the gatherings; of the members */
    struct rm_table table; /* of gatherings, by their labels */
    struct rm_gathering *gatherings;
    uint32_t n_gatherings;
    struct rm_member *members;
    uint32_t n_members;
    size_t n_label_bytes; /* of all gatherings */

    struct rm_series_groups groups; /* one for each gathering */
    char *label_bytes;              /* where the next go */
    struct rm_merge_sort sort;
};

/* Borrows @query and @view. Errors: RM_ENOMEM. */
int rm__grouping_init(struct rm_grouping *grouping, const struct rm_query *query,
                      const struct rm_view *view, uint64_t hash_seed);

/* What that allocates for a view of @n_series. */
size_t rm__grouping_bytes(size_t n_series);

/* Harmless on a zeroed one. */
void rm__grouping_done(struct rm_grouping *grouping);

/* Goes on until the cost has used up @budget (query_pass.h); *@ret_is_done: to the end.
 * Errors: RM_ENOMEM. */
int rm__grouping_work(struct rm_grouping *grouping, int64_t *budget, bool *ret_is_done);

/* Once it is done. Without group_by there is one group, also where no series matches. *@ret_groups
 * is the caller's, to be ended with rm__series_groups_done. */
void rm__grouping_take(struct rm_grouping *grouping, struct rm_series_groups *ret_groups);

#endif
