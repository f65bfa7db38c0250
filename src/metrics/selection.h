/* Which series and which of their observations a selection means. */
#ifndef RAFTMETRICS_SRC_METRICS_SELECTION_H
#define RAFTMETRICS_SRC_METRICS_SELECTION_H

#include <stdbool.h>

#include "raftmetrics/metrics/query.h"
#include "series.h"

/* Does @series carry what the matchers ask for? */
bool rm__selection_has(const struct rm_selection *selection, const struct rm_series *series);

/* The selection's range of time as positions, first (inclusive) to end (exclusive). */
struct rm_position rm__selection_first(const struct rm_selection *selection);
struct rm_position rm__selection_end(const struct rm_selection *selection);

#endif
