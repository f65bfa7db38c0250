#include "raftmetrics/metrics/bucket_rules.h"

#include <math.h>
#include <string.h>

#include "raftmetrics/metrics/name_pattern.h"

bool rm_bucket_bounds_are_valid(struct rm_bucket_bounds bounds)
{
    for (size_t i = 0; i < bounds.n; i++) {
        double bound = bounds.bounds[i];

        if (!isfinite(bound) || (bound == 0 && signbit(bound)) ||
            (i > 0 && bound <= bounds.bounds[i - 1])) {
            return false;
        }
    }
    return bounds.n <= RM_BUCKET_BOUNDS_MAX;
}

bool rm_bucket_rules_are_valid(const struct rm_bucket_rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct rm_bucket_bounds bounds = {rules[i].bounds, rules[i].n_bounds};

        if (!rm_name_pattern_is_valid(rules[i].pattern) || !rm_bucket_bounds_are_valid(bounds)) {
            return false;
        }
    }
    return n <= RM_BUCKET_RULES_MAX;
}

bool rm_bucket_rules_are_equal(const struct rm_bucket_rule *a, size_t n_a,
                               const struct rm_bucket_rule *b, size_t n_b)
{
    if (n_a != n_b) {
        return false;
    }
    for (size_t i = 0; i < n_a; i++) {
        struct rm_bucket_bounds bounds_a = {a[i].bounds, a[i].n_bounds};
        struct rm_bucket_bounds bounds_b = {b[i].bounds, b[i].n_bounds};

        if (!rm_slice_equal(a[i].pattern, b[i].pattern) ||
            !rm_bucket_bounds_are_equal(bounds_a, bounds_b)) {
            return false;
        }
    }
    return true;
}
