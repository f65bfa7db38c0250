/* A pass over the observations of a group's series, one series after the other, that can wait
 * between pieces while the store changes. */
#ifndef RAFTMETRICS_SRC_METRICS_QUERY_PASS_H
#define RAFTMETRICS_SRC_METRICS_QUERY_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "query_groups.h"
#include "query_walk.h"
#include "view.h"

struct rm_pass {
    const struct rm_view *view;
    const struct rm_series_group *group;
    struct rm_time_range range;
    int64_t step_ms;
    unsigned needs;
    uint32_t n_begun; /* series; the walk is over the last of them */
    struct rm_walk walk;
};

/* @needs: of enum rm_walk_needs. */
void rm__pass_init(struct rm_pass *pass, const struct rm_view *view,
                   const struct rm_series_group *group, struct rm_time_range range, int64_t step_ms,
                   unsigned needs);

enum rm_pass_state {
    RM_PASS_PIECE, /* of pass->walk.series: the series as before where n_begun is as before */
    RM_PASS_WAITS, /* the budget is used up */
    RM_PASS_ENDS,
};

/* What it costs is taken off @budget, in the time that a value takes to be read; that goes below 0
 * where what was begun must be ended. */
enum rm_pass_state rm__pass_next(struct rm_pass *pass, int64_t *budget, struct rm_piece *ret_piece);

#endif
