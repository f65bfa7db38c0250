/* The newest observations of several series. */
#ifndef RAFTMETRICS_SRC_METRICS_NEWEST_H
#define RAFTMETRICS_SRC_METRICS_NEWEST_H

#include <stddef.h>
#include <stdint.h>

#include "series.h"

/* Observations of a series between two places. */
struct rm_series_range {
    const struct rm_series *series;
    struct rm_series_place begin;
    struct rm_series_place end;
};

uint64_t rm__series_range_count(const struct rm_series_range *range);

/* Moves the fronts of @n ranges, of series of one metric, to where together they hold their newest
 * @limit observations. On error they are unchanged. Errors: RM_ENOMEM. */
int rm__keep_newest(struct rm_series_range *ranges, size_t n, uint64_t limit);

#endif
