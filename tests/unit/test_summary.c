#include "../../src/metrics/summary.h"

#include "model.h"
#include "random.h"

static struct rm_observation observation(int64_t timestamp_ms, uint64_t ordinal, double value)
{
    return (struct rm_observation){{timestamp_ms, ordinal}, value};
}

static struct rm_aggregate aggregate_of(size_t n, const double *values)
{
    struct rm_summary summary = {0};
    struct rm_aggregate aggregate;

    for (size_t i = 0; i < n; i++) {
        struct rm_observation o = observation(0, i, values[i]);

        rm__summary_add(&summary, &o);
    }
    rm__summary_aggregate(&summary, &aggregate);
    return aggregate;
}

static void test_nothing(void **state)
{
    struct rm_aggregate aggregate = aggregate_of(0, NULL);

    (void)state;
    model_check_aggregate(&aggregate, NULL, 0);
}

static void test_known_values(void **state)
{
    struct rm_aggregate a = aggregate_of(3, (const double[]){75.5, 80.2, 70.1});

    (void)state;
    assert_int_equal(a.count, 3);
    assert_true(a.sum == 225.8 && a.mean == 75.26666666666667);
    assert_true(a.min == 70.1 && a.max == 80.2 && a.first == 75.5 && a.last == 70.1);
    a = aggregate_of(8, (const double[]){2, 4, 4, 4, 5, 5, 7, 9});
    assert_true(a.variance == 4 && a.stddev == 2);
    a = aggregate_of(4, (const double[]){1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16});
    assert_true(a.variance == 22.5);
}

static void test_equal_values_have_no_variance(void **state)
{
    static const double VALUES[] = {0.1, 1e-310, 1e-200, -1e200, DBL_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        double values[100];
        struct rm_aggregate a;

        for (int j = 0; j < 100; j++) {
            values[j] = VALUES[i];
        }
        a = aggregate_of(100, values);
        assert_true(a.variance == 0 && a.stddev == 0);
        assert_true(a.mean == VALUES[i]);
    }
}

/* 3 * 0.99 rounds to a sum whose third is below 0.99. */
static void test_the_mean_lies_between_min_and_max(void **state)
{
    struct rm_aggregate a = aggregate_of(3, (const double[]){0.99, 0.99, 0.99});

    (void)state;
    assert_true(a.sum / 3 < 0.99 && a.mean == 0.99);
}

static void test_extreme_values(void **state)
{
    struct rm_aggregate a = aggregate_of(2, (const double[]){DBL_MAX, -DBL_MAX});

    (void)state;
    assert_true(a.sum == 0 && a.mean == 0 && a.stddev == DBL_MAX && isnan(a.variance));
    a = aggregate_of(2, (const double[]){DBL_MAX, DBL_MAX});
    assert_true(a.sum_overflows && a.sum == INFINITY && a.mean == DBL_MAX && a.stddev == 0);
    a = aggregate_of(2, (const double[]){-1.7e308, -1.7e308});
    assert_true(a.sum_overflows && a.sum == -INFINITY && a.mean == -1.7e308);
    a = aggregate_of(2, (const double[]){1e-200, 3e-200});
    assert_true(a.stddev == 1e-200 && a.variance == 0);
    a = aggregate_of(2, (const double[]){0, 1e-323});
    assert_true(a.stddev == 5e-324);
    a = aggregate_of(3, (const double[]){1e-200, 1, DBL_MAX});
    assert_true(fabs(a.stddev / (DBL_MAX * 0.4714045207910317) - 1) < 1e-15);
}

static void test_zeros_of_both_signs(void **state)
{
    struct rm_aggregate a = aggregate_of(2, (const double[]){0.0, -0.0});
    struct rm_aggregate b = aggregate_of(2, (const double[]){-0.0, 0.0});

    (void)state;
    assert_true(signbit(a.min) && !signbit(a.max));
    assert_true(signbit(b.min) && !signbit(b.max));
    assert_true(a.mean == 0 && b.mean == 0);
}

/* A mean that rounding moves must not make up a variance. */
static void test_a_run_of_equal_values_has_no_variance(void **state)
{
    const struct rm_observation end = {{0, 0}, 0.1};
    double values[7];

    (void)state;
    for (size_t i = 0; i < 7; i++) {
        values[i] = 0.1;
    }
    for (uint32_t n = 1; n <= 7; n++) {
        struct rm_summary summary = {0};
        struct rm_aggregate aggregate;

        rm__summary_add_run(&summary, values, n, &end, &end);
        rm__summary_add_run(&summary, values, n, &end, &end);
        rm__summary_aggregate(&summary, &aggregate);
        assert_true(aggregate.variance == 0 && aggregate.stddev == 0);
        assert_true(aggregate.mean == 0.1 && aggregate.count == 2 * n);
    }
}

/* The mean of two neighbouring doubles, or of two denormals, is none. */
static void test_a_run_whose_mean_is_no_double(void **state)
{
    const double neighbours[] = {1e16, 1e16 + 2};
    const double denormals[] = {0, 0x1p-1074};
    struct rm_moments moments = rm__moments_of_run(neighbours, 2, 1e16, 1e16 + 2);

    (void)state;
    assert_true(rm__moments_variance(&moments, 2) == 1);
    moments = rm__moments_of_run(denormals, 2, 0, 0x1p-1074);
    assert_true(moments.scale == RM_MOMENTS_SMALL && moments.mean == 0x1p-475);
}

static void test_first_and_last_are_by_position(void **state)
{
    static const struct rm_observation OBSERVATIONS[] = {{{5, 2}, 1},  {{5, 1}, 2}, {{-7, 9}, 3},
                                                         {{-7, 8}, 4}, {{5, 3}, 5}, {{0, 0}, 6}};
    struct rm_summary summary = {0};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        rm__summary_add(&summary, &OBSERVATIONS[i]);
    }
    assert_true(summary.first.value == 4 && summary.last.value == 5);
}

static double random_value(struct random *random, int kind)
{
    switch (kind) {
    case 0:
        return random_double(random);
    case 1:
        return 1e9 + (double)random_below(random, 1000);
    case 2:
        return (double)random_below(random, 200) - 100 + 0.1;
    case 3:
        return ldexp((double)random_below(random, 1000), -1074);
    case 4:
        return random_below(random, 2) == 0 ? DBL_MAX : -DBL_MAX;
    case 5:
        return ldexp((double)random_below(random, 1000), -310); /* both sides of a scale */
    default:
        return ldexp((double)random_below(random, 1000), 295);
    }
}

static void add_run(struct rm_summary *summary, const struct model_record *records, size_t n)
{
    struct rm_observation first = {records[0].position, records[0].value};
    struct rm_observation last = first;
    double values[200];

    for (size_t i = 0; i < n; i++) {
        struct rm_observation o = {records[i].position, records[i].value};

        first = rm__position_is_before(o.position, first.position) ? o : first;
        last = rm__position_is_before(last.position, o.position) ? o : last;
        values[i] = records[i].value;
    }
    rm__summary_add_run(summary, values, (uint32_t)n, &first, &last);
}

/* A summary of @records, added one by one or as runs, and merged in a random tree. */
static struct rm_summary summarize(struct random *random, const struct model_record *records,
                                   size_t n)
{
    struct rm_summary summary = {0};

    if (n > 1 && random_below(random, 4) > 0) {
        size_t n_left = random_below(random, n + 1);
        struct rm_summary right;

        summary = summarize(random, records, n_left);
        right = summarize(random, records + n_left, n - n_left);
        rm__summary_merge(&summary, &right);
        return summary;
    }
    if (n > 0 && random_below(random, 2) == 0) {
        add_run(&summary, records, n);
        return summary;
    }
    for (size_t i = 0; i < n; i++) {
        struct rm_observation o = {records[i].position, records[i].value};

        rm__summary_add(&summary, &o);
    }
    return summary;
}

static void test_random_merges_against_the_model(void **state)
{
    struct random random = random_start("summary");

    (void)state;
    model_needs_long_double();
    for (int round = 0; round < 5000; round++) {
        struct model_record records[200];
        struct rm_aggregate aggregate;
        struct rm_summary summary;
        size_t n = random_below(&random, 200);

        for (size_t i = 0; i < n; i++) {
            records[i].position = (struct rm_position){(int64_t)random_below(&random, 20) - 10, i};
            records[i].value = random_value(&random, round % 7);
        }
        summary = summarize(&random, records, n);
        rm__summary_aggregate(&summary, &aggregate);
        qsort(records, n, sizeof *records, model_compare);
        model_check_aggregate(&aggregate, records, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_equal_values_have_no_variance),
        cmocka_unit_test(test_the_mean_lies_between_min_and_max),
        cmocka_unit_test(test_extreme_values),
        cmocka_unit_test(test_zeros_of_both_signs),
        cmocka_unit_test(test_a_run_of_equal_values_has_no_variance),
        cmocka_unit_test(test_a_run_whose_mean_is_no_double),
        cmocka_unit_test(test_first_and_last_are_by_position),
        cmocka_unit_test(test_random_merges_against_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
