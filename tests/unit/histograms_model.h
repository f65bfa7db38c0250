/* What a distribution of values must be, counted one by one; and whether two are the same. */
#ifndef RAFTMETRICS_TESTS_UNIT_HISTOGRAMS_MODEL_H
#define RAFTMETRICS_TESTS_UNIT_HISTOGRAMS_MODEL_H

#include "model.h"

static inline void native_sides_are_equal(const struct rm_native_side *a,
                                          const struct rm_native_side *b)
{
    assert_int_equal(a->n, b->n);
    for (uint32_t i = 0; i < a->n; i++) {
        assert_int_equal(a->buckets[i].index, b->buckets[i].index);
        assert_int_equal(a->buckets[i].count, b->buckets[i].count);
    }
}

static inline void native_histograms_are_equal(const struct rm_native_histogram *a,
                                               const struct rm_native_histogram *b)
{
    assert_int_equal(a->schema, b->schema);
    assert_int_equal(a->zero_count, b->zero_count);
    native_sides_are_equal(&a->positive, &b->positive);
    native_sides_are_equal(&a->negative, &b->negative);
}

/* To the last bit. */
static inline void histograms_are_equal(const struct rm_histograms *a,
                                        const struct rm_histograms *b)
{
    assert_int_equal(a->count, b->count);
    assert_true(model_same_double(a->sum, b->sum));
    assert_int_equal(a->sum_overflows, b->sum_overflows);
    assert_true(model_same_double(a->min, b->min));
    assert_true(model_same_double(a->max, b->max));
    assert_true(rm_bucket_bounds_are_equal(a->bounds, b->bounds));
    for (size_t i = 0; i <= a->bounds.n; i++) {
        assert_int_equal(rm_histogram_count(&a->classic, i), rm_histogram_count(&b->classic, i));
    }
    native_histograms_are_equal(&a->native, &b->native);
}

/* @records are those that were counted. Of native buckets only this: what is counted one by one in
 * any order is what merged in parts it is, which is a test of theirs. */
static inline void histograms_check(const struct rm_histograms *histograms,
                                    struct rm_bucket_bounds bounds,
                                    const struct model_record *records, size_t n)
{
    struct rm_native_histogram native;
    uint64_t counts[128] = {0};
    struct exact_sum exact = {0};
    double magnitude = 0; /* times 2^-100 */

    rm_native_histogram_init(&native);
    for (size_t i = 0; i < n; i++) {
        double value = records[i].value;
        size_t bucket = 0;

        while (bucket < bounds.n && value > bounds.bounds[bucket]) {
            bucket++;
        }
        counts[bucket]++;
        assert_int_equal(rm_native_histogram_record(&native, value), 0);
        exact_sum_add(&exact, value);
        magnitude += fabs(value) * 0x1p-100;
        assert_true(histograms->min <= value && value <= histograms->max);
    }
    assert_int_equal(histograms->count, n);
    assert_true(rm_bucket_bounds_are_equal(histograms->bounds, bounds));
    for (size_t i = 0; i <= bounds.n; i++) {
        assert_int_equal(rm_histogram_count(&histograms->classic, i), counts[i]);
    }
    native_histograms_are_equal(&histograms->native, &native);
    assert_int_equal(histograms->sum_overflows, !isfinite(histograms->sum));
    if (histograms->sum_overflows) {
        assert_true(exact_sum_distance(&exact, 0) >= DBL_MAX * (1 - 0x1p-60));
    } else {
        assert_true(exact_sum_distance(&exact, histograms->sum) <=
                    exact_sum_ulp(histograms->sum) + (double)n * magnitude);
    }
    assert_int_equal(isnan(histograms->min), n == 0);
    rm_native_histogram_done(&native);
}

#endif
