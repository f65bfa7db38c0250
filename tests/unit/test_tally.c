#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raftmetrics/base/tally.h"

static void values_go_to_the_first_bound_that_is_not_below_them(void **state)
{
    struct rm_tally tally = {0};

    (void)state;
    rm_tally_record(&tally, &rm_tally_counts, 0);
    rm_tally_record(&tally, &rm_tally_counts, 1);
    rm_tally_record(&tally, &rm_tally_counts, 2);
    rm_tally_record(&tally, &rm_tally_counts, 3);
    rm_tally_record(&tally, &rm_tally_counts, 32768);
    rm_tally_record(&tally, &rm_tally_counts, 32769);
    assert_int_equal(rm_counter_read(&tally.buckets[0]), 2);
    assert_int_equal(rm_counter_read(&tally.buckets[1]), 1);
    assert_int_equal(rm_counter_read(&tally.buckets[2]), 1);
    assert_int_equal(rm_counter_read(&tally.buckets[15]), 1);
    assert_int_equal(rm_counter_read(&tally.buckets[16]), 1);
    assert_int_equal(rm_counter_read(&tally.sum), 65543);
    assert_int_equal(rm_tally_count(&tally), 6);
}

static void tallies_are_merged(void **state)
{
    struct rm_tally tally = {0};
    struct rm_tally other = {0};

    (void)state;
    rm_tally_record(&tally, &rm_tally_bytes, 100);
    rm_tally_record(&other, &rm_tally_bytes, 100);
    rm_tally_record(&other, &rm_tally_bytes, UINT32_MAX);
    rm_tally_merge(&tally, &other);
    assert_int_equal(rm_counter_read(&tally.buckets[1]), 2);
    assert_int_equal(rm_counter_read(&tally.buckets[rm_tally_bytes.n]), 1);
    assert_int_equal(rm_counter_read(&tally.sum), 200 + (uint64_t)UINT32_MAX);
    assert_int_equal(rm_tally_count(&other), 2);
}

static void check_scale(const struct rm_tally_scale *scale)
{
    assert_in_range(scale->n, 1, RM_TALLY_BOUNDS_MAX);
    for (size_t i = 1; i < scale->n; i++) {
        assert_true(scale->bounds[i - 1] < scale->bounds[i]);
    }
}

static void bounds_ascend(void **state)
{
    (void)state;
    check_scale(&rm_tally_durations);
    check_scale(&rm_tally_counts);
    check_scale(&rm_tally_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_go_to_the_first_bound_that_is_not_below_them),
        cmocka_unit_test(tallies_are_merged),
        cmocka_unit_test(bounds_ascend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
