/* The rules of which the first whose pattern a metric's name matches decides how old its values
 * may become; where none does they may be of any age. */
#ifndef RAFTMETRICS_METRICS_RETENTION_RULES_H
#define RAFTMETRICS_METRICS_RETENTION_RULES_H

#include <stdbool.h>

#include "raftmetrics/base/retention.h"

enum { RM_RETENTION_RULES_MAX = 64 };

/* At most RM_RETENTION_RULES_MAX rules, with valid patterns and ages from 1 to
 * RM_DURATION_MAX_MS. */
bool rm_retention_is_valid(const struct rm_retention *retention);

bool rm_retention_is_equal(const struct rm_retention *a, const struct rm_retention *b);

#endif
