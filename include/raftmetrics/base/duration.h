/* Durations as people write them in a query. */
#ifndef RAFTMETRICS_BASE_DURATION_H
#define RAFTMETRICS_BASE_DURATION_H

#include <stdint.h>

#include "raftmetrics/base/slice.h"

#define RM_DURATION_MAX_MS INT64_C(315569520000000) /* 10,000 years of 365.2425 days */

/* 500ms, 30s, 5m, 1h, 7d, and sums of them in any order (1h30m); an integer before each unit.
 * Errors: RM_ESYNTAX, also where the sum is 0; RM_ERANGE past RM_DURATION_MAX_MS. */
int rm_duration_parse(struct rm_slice text, int64_t *ret_ms);

#endif
