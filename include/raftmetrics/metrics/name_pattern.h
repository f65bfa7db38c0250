/* Patterns of metric names, as configurations have them: '*' stands for any run of characters,
 * also none and also across '.', '/' and ':'; '?' for any one; everything else for itself. */
#ifndef RAFTMETRICS_METRICS_NAME_PATTERN_H
#define RAFTMETRICS_METRICS_NAME_PATTERN_H

#include <stdbool.h>

#include "raftmetrics/base/slice.h"

/* 1 to RM_METRIC_NAME_MAX characters of names and of '*' and '?'. */
bool rm_name_pattern_is_valid(struct rm_slice pattern);

/* Does all of @name match? In at most the product of their lengths. */
bool rm_name_pattern_matches(struct rm_slice pattern, struct rm_slice name);

#endif
