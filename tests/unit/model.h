/* What the tests of summaries, series and stores compare with: a plain array of records, and
 * aggregates computed from it slowly and precisely. */
#ifndef RAFTMETRICS_TESTS_UNIT_MODEL_H
#define RAFTMETRICS_TESTS_UNIT_MODEL_H

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact_sum.h"
#include "raftmetrics/metrics/query.h"

struct model_record {
    struct rm_position position;
    double value;
    int series;
};

static inline bool model_is_before(struct rm_position a, struct rm_position b)
{
    return a.timestamp_ms < b.timestamp_ms ||
           (a.timestamp_ms == b.timestamp_ms && a.ordinal < b.ordinal);
}

static inline int model_compare(const void *a, const void *b)
{
    const struct model_record *left = a;
    const struct model_record *right = b;

    return model_is_before(right->position, left->position) -
           model_is_before(left->position, right->position);
}

static inline bool model_same_double(double a, double b)
{
    return (isnan(a) && isnan(b)) || (a == b && !signbit(a) == !signbit(b));
}

/* Without its extra bits (valgrind computes a long double as a double) the model is no judge. */
static inline void model_needs_long_double(void)
{
    volatile long double one = 1;
    volatile long double sum = one + 0x1p-60L;

    if (sum == one) {
        print_message("SKIPPED: a long double has no more bits than a double here\n");
        skip();
    }
}

/* A long double has the exponents for every square and at least 11 bits more than a double. */
static inline void model_check_moments(const struct rm_aggregate *aggregate,
                                       const struct model_record *records, size_t n)
{
    long double mean = 0;
    long double m2 = 0;
    long double rest = 0;
    long double stddev;
    double tolerance;

    for (size_t i = 0; i < n; i++) {
        mean += (long double)records[i].value / (long double)n;
    }
    for (size_t i = 0; i < n; i++) {
        long double delta = (long double)records[i].value - mean;

        rest += delta;
        m2 += delta * delta;
    }
    m2 -= rest * rest / (long double)n; /* the corrected two-pass algorithm */
    stddev = sqrtl((m2 > 0 ? m2 : 0) / (long double)n);
    /* Welford's bound: each step rounds what may be as large as the largest value. */
    tolerance = (double)n * DBL_EPSILON * fmax(fabs(aggregate->min), fabs(aggregate->max));
    assert_true(fabsl(aggregate->stddev - stddev) <=
                (long double)tolerance + stddev * (double)n * DBL_EPSILON + 0x1p-1073L);
    if (isnan(aggregate->variance)) {
        assert_true(stddev * stddev >= (long double)DBL_MAX * (1 - (long double)n * DBL_EPSILON));
    } else {
        assert_true(fabs(sqrt(aggregate->variance) - aggregate->stddev) <=
                    4 * DBL_EPSILON * aggregate->stddev + 0x1p-536);
    }
}

static inline void model_check_sum(const struct rm_aggregate *aggregate,
                                   const struct model_record *records, size_t n)
{
    struct exact_sum exact = {0};
    double magnitude = 0; /* times 2^-100 */

    for (size_t i = 0; i < n; i++) {
        exact_sum_add(&exact, records[i].value);
        magnitude += fabs(records[i].value) * 0x1p-100;
    }
    assert_int_equal(aggregate->sum_overflows, !isfinite(aggregate->sum));
    if (aggregate->sum_overflows) {
        assert_true(exact_sum_distance(&exact, 0) >= DBL_MAX * (1 - 0x1p-60));
        assert_true(isfinite(aggregate->mean));
    } else {
        double mean = aggregate->sum / (double)n;

        assert_true(exact_sum_distance(&exact, aggregate->sum) <=
                    exact_sum_ulp(aggregate->sum) + (double)n * magnitude);
        assert_true(fabs(aggregate->mean - mean) <= exact_sum_ulp(mean));
    }
    assert_true(aggregate->mean >= aggregate->min && aggregate->mean <= aggregate->max);
}

/* Checks every field but the variance and stddev against the records, which are sorted by
 * position. */
static inline void model_check_without_moments(const struct rm_aggregate *aggregate,
                                               const struct model_record *records, size_t n)
{
    double min = NAN;
    double max = NAN;

    for (size_t i = 0; i < n; i++) {
        double value = records[i].value;

        if (i == 0 || value < min || (value == min && signbit(value))) {
            min = value;
        }
        if (i == 0 || value > max || (value == max && !signbit(value))) {
            max = value;
        }
    }
    assert_int_equal(aggregate->count, n);
    assert_true(model_same_double(aggregate->min, min));
    assert_true(model_same_double(aggregate->max, max));
    assert_true(model_same_double(aggregate->first, n == 0 ? NAN : records[0].value));
    assert_true(model_same_double(aggregate->last, n == 0 ? NAN : records[n - 1].value));
    if (n > 0) {
        model_check_sum(aggregate, records, n);
    } else {
        assert_true(aggregate->sum == 0 && !aggregate->sum_overflows);
        assert_true(isnan(aggregate->mean));
    }
}

static inline void model_check_aggregate(const struct rm_aggregate *aggregate,
                                         const struct model_record *records, size_t n)
{
    model_check_without_moments(aggregate, records, n);
    if (n > 0) {
        model_check_moments(aggregate, records, n);
    } else {
        assert_true(isnan(aggregate->variance) && isnan(aggregate->stddev));
    }
}

#endif
