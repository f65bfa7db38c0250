/* What a daemon counts of the requests that it answers. One loop counts, any may read. */
#ifndef RAFTMETRICS_SRC_API_METER_H
#define RAFTMETRICS_SRC_API_METER_H

#include "problem.h"
#include "raftmetrics/base/counter.h"
#include "raftmetrics/base/exposition.h"
#include "raftmetrics/base/tally.h"
#include "route.h"

enum {
    RM__METER_STATUSES = 26,
    /* Each action as clients and as nodes ask for it, and what has no route. */
    RM__METER_ROUTES = 2 * RM__ACTIONS + 1,
};

/* Zeroed it has counted nothing. */
struct rm__meter {
    struct rm__meter_route {
        struct rm_counter answers[RM__METER_STATUSES];
        struct rm_tally durations;
    } routes[RM__METER_ROUTES];
    struct rm_counter problems[RM__PROBLEM_KINDS];
    struct rm_counter n_clashes; /* families that were left out of expositions */
};

/* Counts an answer with @status. @route: NULL where there is none. */
void rm__meter_count(struct rm__meter *meter, const struct rm__route *route, bool is_internal,
                     unsigned status);

/* Of an answer to a request that was in: how long that was before. */
void rm__meter_time(struct rm__meter *meter, const struct rm__route *route, bool is_internal,
                    uint64_t duration_us);

void rm__meter_count_problem(struct rm__meter *meter, enum rm__problem_kind kind);

/* The families of what several meters of one process counted together. */
void rm__meter_write(struct rm_exposition *exposition, const struct rm__meter *const *meters,
                     size_t n_meters);

#endif
