#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raftmetrics/metrics/histogram.h"
#include "random.h"

enum { N_BUCKETS = 32 };

static void test_default_bounds(void **state)
{
    struct rm_bucket_bounds bounds = rm_bucket_bounds_default();
    char text[32];

    (void)state;
    assert_int_equal(bounds.n, N_BUCKETS - 1);
    assert_true(bounds.bounds[0] == 0);
    for (size_t i = 1; i < bounds.n; i++) {
        static const char *const MANTISSAS[] = {"1", "2.5", "5"};

        snprintf(text, sizeof text, "%se%d", MANTISSAS[(i - 1) % 3], (int)(i - 1) / 3 - 3);
        assert_true(bounds.bounds[i] == strtod(text, NULL));
        assert_true(bounds.bounds[i] > bounds.bounds[i - 1]);
    }
}

static void test_a_bound_belongs_to_its_bucket(void **state)
{
    struct rm_bucket_bounds bounds = rm_bucket_bounds_default();

    (void)state;
    for (size_t i = 0; i < bounds.n; i++) {
        assert_int_equal(rm_bucket_of(bounds, bounds.bounds[i]), i);
        assert_int_equal(rm_bucket_of(bounds, nextafter(bounds.bounds[i], INFINITY)), i + 1);
        assert_int_equal(rm_bucket_of(bounds, nextafter(bounds.bounds[i], -INFINITY)), i);
    }
    assert_int_equal(rm_bucket_of(bounds, -0.0), 0);
    assert_int_equal(rm_bucket_of(bounds, -1e308), 0);
    assert_int_equal(rm_bucket_of(bounds, 1e308), N_BUCKETS - 1);
    assert_int_equal(rm_bucket_of((struct rm_bucket_bounds){NULL, 0}, 5), 0);
}

static void assert_counts(const struct rm_histogram *histogram, const uint64_t *counts)
{
    uint64_t total = 0;

    for (size_t i = 0; i < N_BUCKETS; i++) {
        total += counts[i];
        assert_int_equal(rm_histogram_count(histogram, i), counts[i]);
        assert_int_equal(rm_histogram_cumulative_count(histogram, i), total);
    }
}

static void test_an_empty_histogram(void **state)
{
    const uint64_t zeros[N_BUCKETS] = {0};
    struct rm_histogram a = {0};
    struct rm_histogram b = {0};

    (void)state;
    assert_int_equal(rm_histogram_merge(&a, &b), 0);
    assert_counts(&a, zeros);
    assert_int_equal(rm_histogram_bytes(&a), 0);
    rm_histogram_done(&a);
}

static void test_record_and_merge_against_plain_counts(void **state)
{
    struct random random = random_start("histogram");

    (void)state;
    for (int round = 0; round < 500; round++) {
        uint64_t total_counts[N_BUCKETS] = {0};
        struct rm_histogram total = {0};

        for (int i = 0; i < 4; i++) {
            uint64_t counts[N_BUCKETS] = {0};
            struct rm_histogram one = {0};

            for (uint64_t n = random_below(&random, 6); n > 0; n--) {
                size_t bucket = random_below(&random, N_BUCKETS);

                counts[bucket]++;
                total_counts[bucket]++;
                assert_int_equal(rm_histogram_record(&one, bucket), 0);
                assert_counts(&one, counts);
            }
            assert_int_equal(rm_histogram_merge(&total, &one), 0);
            assert_counts(&one, counts);
            rm_histogram_done(&one);
        }
        assert_counts(&total, total_counts);
        rm_histogram_done(&total);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_bounds),
        cmocka_unit_test(test_a_bound_belongs_to_its_bucket),
        cmocka_unit_test(test_an_empty_histogram),
        cmocka_unit_test(test_record_and_merge_against_plain_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
