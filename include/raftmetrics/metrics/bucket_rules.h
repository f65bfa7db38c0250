/* The rules of which the first whose pattern a metric's name matches decides the bounds of its
 * classic histogram; where none does they are rm_bucket_bounds_default. */
#ifndef RAFTMETRICS_METRICS_BUCKET_RULES_H
#define RAFTMETRICS_METRICS_BUCKET_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "raftmetrics/base/bucket_rule.h"
#include "raftmetrics/metrics/histogram.h"

enum { RM_BUCKET_RULES_MAX = 64, RM_BUCKET_BOUNDS_MAX = 128 };

/* At most RM_BUCKET_BOUNDS_MAX, finite, each above the one before, none of them -0.0. None at all
 * are valid: everything is up to "+Inf". */
bool rm_bucket_bounds_are_valid(struct rm_bucket_bounds bounds);

/* At most RM_BUCKET_RULES_MAX, all with valid patterns and bounds. */
bool rm_bucket_rules_are_valid(const struct rm_bucket_rule *rules, size_t n);

bool rm_bucket_rules_are_equal(const struct rm_bucket_rule *a, size_t n_a,
                               const struct rm_bucket_rule *b, size_t n_b);

#endif
