#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/metrics/double_double.h"
#include "exact_sum.h"
#include "random.h"

static void test_two_sum_is_exact(void **state)
{
    struct random random = random_start("two_sum");

    (void)state;
    for (int i = 0; i < 200000; i++) {
        double a = random_double(&random) / 4;
        double b = random_double(&random) / 4;
        struct rm_double_double sum = rm__two_sum(a, b);
        struct exact_sum exact = {0};

        exact_sum_add(&exact, a);
        exact_sum_add(&exact, b);
        exact_sum_add(&exact, -sum.low);
        assert_true(exact_sum_distance(&exact, sum.high) == 0);
    }
}

/* Of terms with exponents around @exponent, so that they meet, or of any doubles. */
static double random_term(struct random *random, int exponent)
{
    double value = random_double(random);
    int own_exponent;

    if (exponent == 0) {
        return value;
    }
    value = frexp(value, &own_exponent);
    return ldexp(value, exponent + (int)random_below(random, 120));
}

static double sum_in_batches(struct random *random, const double *terms, size_t n)
{
    struct rm_sum total = {0};

    for (size_t i = 0; i < n;) {
        size_t end = i + 1 + random_below(random, n);
        struct rm_sum batch = {0};

        for (; i < n && i < end; i++) {
            rm__sum_add(&batch, terms[i]);
        }
        rm__sum_merge(&total, &batch);
    }
    return rm__sum_round(&total);
}

static void check_against_exact(struct random *random, size_t n, int exponent)
{
    double terms[400];
    struct exact_sum exact = {0};
    double magnitude = 0;

    for (size_t i = 0; i < n; i++) {
        bool cancels = i > 0 && random_below(random, 3) == 0;

        terms[i] = cancels ? -terms[random_below(random, i)] : random_term(random, exponent);
        exact_sum_add(&exact, terms[i]);
        magnitude += fabs(terms[i]) * 0x1p-100; /* scaled, for the plain sum may overflow */
    }
    for (int i = 0; i < 4; i++) {
        double sum = sum_in_batches(random, terms, n);

        if (isfinite(sum)) {
            assert_true(exact_sum_distance(&exact, sum) <=
                        exact_sum_ulp(sum) + (double)n * magnitude);
        } else {
            assert_true(exact_sum_distance(&exact, 0) >= DBL_MAX * (1 - 0x1p-60));
        }
    }
}

static void test_sums_match_the_exact_sum(void **state)
{
    static const int EXPONENTS[] = {0, -1070, -500, 1, 450, 500, 520, 890};
    struct random random = random_start("sums");

    (void)state;
    for (int i = 0; i < 4000; i++) {
        check_against_exact(&random, 1 + random_below(&random, 400), EXPONENTS[i % 8]);
    }
}

static double sum_of(size_t n, const double *terms)
{
    struct rm_sum sum = {0};

    for (size_t i = 0; i < n; i++) {
        rm__sum_add(&sum, terms[i]);
    }
    return rm__sum_round(&sum);
}

static void test_an_overflow_may_come_back(void **state)
{
    (void)state;
    assert_true(sum_of(3, (const double[]){1.7e308, 1.7e308, -1.7e308}) == 1.7e308);
    assert_true(sum_of(3, (const double[]){-DBL_MAX, -DBL_MAX, DBL_MAX}) == -DBL_MAX);
    assert_true(sum_of(5, (const double[]){DBL_MAX, DBL_MAX, 5, -DBL_MAX, -DBL_MAX}) == 5);
    assert_true(sum_of(2, (const double[]){1.7e308, 1.7e308}) == INFINITY);
    assert_true(sum_of(2, (const double[]){-1.7e308, -1.7e308}) == -INFINITY);
}

/* The largest double and half its last place round to 2^1024; anything less rounds down. */
static void test_where_overflow_begins(void **state)
{
    (void)state;
    assert_true(sum_of(2, (const double[]){DBL_MAX, 0x1p970}) == INFINITY);
    assert_true(sum_of(3, (const double[]){DBL_MAX, 0x1p970, -0x1p930}) == DBL_MAX);
    assert_true(sum_of(2, (const double[]){DBL_MAX, 0x1p969}) == DBL_MAX);
}

static void test_denormals_are_summed_exactly(void **state)
{
    (void)state;
    assert_true(sum_of(3, (const double[]){5e-324, 5e-324, 5e-324}) == 1.5e-323);
    assert_true(sum_of(3, (const double[]){1e100, 5e-324, -1e100}) == 5e-324);
}

static void test_quotients_of_overflowing_sums(void **state)
{
    struct rm_sum sum = {0};

    (void)state;
    for (int n = 1; n <= 1000; n++) {
        rm__sum_add(&sum, DBL_MAX);
        assert_true(rm__sum_divide(&sum, n) <= DBL_MAX);
        assert_true(rm__sum_divide(&sum, n) >= DBL_MAX * (1 - 0x1p-50));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_sum_is_exact),
        cmocka_unit_test(test_sums_match_the_exact_sum),
        cmocka_unit_test(test_an_overflow_may_come_back),
        cmocka_unit_test(test_where_overflow_begins),
        cmocka_unit_test(test_denormals_are_summed_exactly),
        cmocka_unit_test(test_quotients_of_overflowing_sums),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
