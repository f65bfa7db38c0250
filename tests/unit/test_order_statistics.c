#include "../../src/metrics/order_statistics.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../src/metrics/narrowing.h"
#include "../../src/metrics/quantile.h"
#include "random.h"

enum { N_MAX = 20000 };

static int compare_keys(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return (*left > *right) - (*left < *right);
}

/* Keys of one of several kinds: spread out, few different ones, nested ever deeper into a corner so
 * that no round of a radix selection gets rid of many, doubles. */
static uint64_t random_key(struct random *random, uint64_t kind)
{
    switch (kind) {
    case 0:
        return random_next(random);
    case 1:
        return random_below(random, 3) * UINT64_MAX / 2;
    case 2:
        return random_next(random) >> random_below(random, 64);
    case 3:
        return UINT64_MAX - (random_next(random) >> random_below(random, 64));
    case 4:
        return rm__order_key((double)random_below(random, 1000) / 10);
    default:
        return rm__order_key(random_double(random));
    }
}

/* The same of all keys in several passes. */
static void check_narrowing(struct random *random, const uint64_t *sorted, size_t n,
                            const uint64_t *ranks, size_t n_ranks)
{
    static struct rm_narrowing narrowing;
    static uint64_t left[N_MAX];
    uint64_t found[RM_RANKS_MAX];
    uint64_t n_most = random_below(random, 200);
    uint64_t n_left = 0;
    size_t n_kept = 0;

    rm__narrowing_init(&narrowing, n, sorted[0], sorted[n - 1], ranks, n_ranks);
    do {
        for (size_t i = 0; i < n; i++) {
            rm__narrowing_count(&narrowing, sorted[n - 1 - i]);
        }
        n_left = rm__narrowing_end_pass(&narrowing);
    } while (n_left > n_most);
    for (size_t i = 0; i < n; i++) {
        left[n_kept] = sorted[n - 1 - i];
        n_kept += rm__narrowing_has(&narrowing, left[n_kept]) ? 1 : 0;
    }
    assert_int_equal(n_kept, n_left);
    rm__narrowing_finish(&narrowing, left, found);
    for (size_t i = 0; i < n_ranks; i++) {
        assert_true(found[i] == sorted[ranks[i]]);
    }
}

static void check_some(struct random *random)
{
    static uint64_t keys[N_MAX];
    static uint64_t sorted[N_MAX];
    uint64_t ranks[RM_RANKS_MAX];
    uint64_t found[RM_RANKS_MAX];
    size_t n = 1 + random_below(random, random_below(random, 20) == 0 ? N_MAX : 100);
    size_t n_ranks = random_below(random, (n < RM_RANKS_MAX ? n : RM_RANKS_MAX) + 1);
    uint64_t kind = random_below(random, 6);

    for (size_t i = 0; i < n; i++) {
        keys[i] = random_key(random, kind);
        sorted[i] = keys[i];
    }
    qsort(sorted, n, sizeof *sorted, compare_keys);
    /* Distinct ascending ranks: each is chosen with the odds that are left. */
    for (size_t rank = 0, i = 0; i < n_ranks; rank++) {
        if (random_below(random, n - rank) < n_ranks - i) {
            ranks[i++] = rank;
        }
    }
    rm__order_statistics(keys, n, sorted[0], sorted[n - 1], ranks, n_ranks, found);
    for (size_t i = 0; i < n_ranks; i++) {
        assert_true(found[i] == sorted[ranks[i]]);
    }
    if (n_ranks > 0) {
        check_narrowing(random, sorted, n, ranks, n_ranks);
    }
}

static void test_selection(void **state)
{
    struct random random = random_start("test_selection");

    (void)state;
    for (int i = 0; i < 1000; i++) {
        check_some(&random);
    }
}

static void test_order_of_doubles(void **state)
{
    static const double ASCENDING[] = {-DBL_MAX, -1.5,      -1,      -DBL_MIN, -0x1p-1074, -0.0,
                                       0.0,      0x1p-1074, DBL_MIN, 1,        1.5,        DBL_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof ASCENDING / sizeof *ASCENDING; i++) {
        double back = rm__order_value(rm__order_key(ASCENDING[i]));

        assert_memory_equal(&back, &ASCENDING[i], sizeof back);
        assert_true(i == 0 || rm__order_key(ASCENDING[i - 1]) < rm__order_key(ASCENDING[i]));
    }
}

static void find_quantiles(uint64_t *keys, size_t n, const double *quantiles, size_t n_quantiles,
                           double *ret_quantiles)
{
    struct rm_quantile_places places;
    uint64_t found[RM_RANKS_MAX];

    rm__quantile_places(quantiles, n_quantiles, n, &places);
    rm__order_statistics(keys, n, 0, UINT64_MAX, places.ranks, places.n_ranks, found);
    rm__quantiles(&places, found, ret_quantiles);
}

/* What numpy 1.24 answers to quantile(values, q), as repr has it. */
static void test_quantiles_are_those_of_numpy(void **state)
{
    static const struct {
        double values[8];
        size_t n;
        double quantile;
        double expected;
    } CASES[] = {
        {{75.5, 80.2, 70.1}, 3, 0.0, 70.1},
        {{75.5, 80.2, 70.1}, 3, 0.5, 75.5},
        {{75.5, 80.2, 70.1}, 3, 0.95, 79.73},
        {{75.5, 80.2, 70.1}, 3, 0.99, 80.10600000000001},
        {{75.5, 80.2, 70.1}, 3, 1.0, 80.2},
        {{0.1, 0.2}, 2, 0.5, 0.15000000000000002},
        {{0.1, 0.2}, 2, 0.3, 0.13},
        {{0.1, 0.2}, 2, 0.7, 0.17},
        {{0.1, 0.2}, 2, 0.49, 0.14900000000000002},
        {{1e+16, 1.0000000000000002e+16, 9999999999999998.0, 1.0}, 4, 0.1, 3000000000000000.0},
        {{1e+16, 1.0000000000000002e+16, 9999999999999998.0, 1.0}, 4, 0.5, 1e+16},
        {{1e+16, 1.0000000000000002e+16, 9999999999999998.0, 1.0}, 4, 0.9, 1.0000000000000002e+16},
        {{1e+16, 1.0000000000000002e+16, 9999999999999998.0, 1.0}, 4, 0.333, 9990000000000000.0},
        {{-5.25, 3.1, 2.7, 1e-300, -1e-300}, 5, 0.2, -1.0499999999999998},
        {{-5.25, 3.1, 2.7, 1e-300, -1e-300}, 5, 0.4, 2.0000000000000014e-301},
        {{-5.25, 3.1, 2.7, 1e-300, -1e-300}, 5, 0.6, 1.0799999999999998},
        {{-5.25, 3.1, 2.7, 1e-300, -1e-300}, 5, 0.95, 3.02},
        {{5e-324, 1e-323, 0.0}, 3, 0.25, 5e-324},
        {{5e-324, 1e-323, 0.0}, 3, 0.5, 5e-324},
        {{5e-324, 1e-323, 0.0}, 3, 0.75, 1e-323},
        {{1e+308, -7e+307, 3.3}, 3, 0.5, 3.3},
        {{1e+308, -7e+307, 3.3}, 3, 0.25, -3.5e+307},
        {{1e+308, -7e+307, 3.3}, 3, 0.9, 8.000000000000001e+307},
        {{1.1, 1.1, 1.1, 2.2, 3.3, 4.4, 5.5}, 7, 0.05, 1.1},
        {{1.1, 1.1, 1.1, 2.2, 3.3, 4.4, 5.5}, 7, 0.9, 4.840000000000001},
        {{1.1, 1.1, 1.1, 2.2, 3.3, 4.4, 5.5}, 7, 0.999, 5.493399999999999},
        {{1.1, 1.1, 1.1, 2.2, 3.3, 4.4, 5.5}, 7, 0.5, 2.2},
        {{42.0}, 1, 0.0, 42.0},
        {{42.0}, 1, 0.5, 42.0},
        {{42.0}, 1, 1.0, 42.0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        uint64_t keys[8];
        double quantile;

        for (size_t j = 0; j < CASES[i].n; j++) {
            keys[j] = rm__order_key(CASES[i].values[j]);
        }
        find_quantiles(keys, CASES[i].n, &CASES[i].quantile, 1, &quantile);
        assert_memory_equal(&quantile, &CASES[i].expected, sizeof quantile);
    }
}

static void check_quantile(double a, double b, double quantile, double expected)
{
    uint64_t keys[] = {rm__order_key(a), rm__order_key(b)};
    double found;

    find_quantiles(keys, 2, &quantile, 1, &found);
    assert_memory_equal(&found, &expected, sizeof found);
}

/* Where numpy's formula leaves the doubles, and which zero is meant. */
static void test_quantiles_at_the_ends(void **state)
{
    (void)state;
    check_quantile(-DBL_MAX, DBL_MAX, 0.5, 0);
    check_quantile(-DBL_MAX, DBL_MAX, 0.25, -DBL_MAX / 2);
    check_quantile(-DBL_MAX, DBL_MAX, 0.75, DBL_MAX / 2);
    check_quantile(-DBL_MAX, DBL_MAX, 1, DBL_MAX);
    check_quantile(DBL_MAX, DBL_MAX, 0.3, DBL_MAX);
    check_quantile(-0.0, -0.0, 0.25, -0.0);
    check_quantile(0.0, -0.0, 0, -0.0);
    check_quantile(0.0, -0.0, 1, 0.0);
    check_quantile(0x1p-1074, 0x1p-1074, 0.5, 0x1p-1074);
}

/* More quantiles than there are ranks, in any order, some twice. */
static void test_many_quantiles(void **state)
{
    static const double QUANTILES[32] = {1,    0,    0.5,  0.25, 0.75, 0.5,  0.1,  0.9,
                                         0.01, 0.99, 0.3,  0.31, 0.32, 0.33, 0.34, 0.35,
                                         0.36, 0.4,  0.6,  0.61, 0.62, 0.63, 0.64, 0.65,
                                         0.66, 0.67, 0.68, 0.7,  0.8,  1,    0,    0.95};
    uint64_t keys[101];
    double found[32];

    (void)state;
    for (uint64_t i = 0; i < 101; i++) {
        keys[i] = rm__order_key((double)(i * 37 % 101));
    }
    find_quantiles(keys, 101, QUANTILES, 32, found);
    for (size_t i = 0; i < 32; i++) {
        assert_true(fabs(found[i] - QUANTILES[i] * 100) < 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_order_of_doubles),
        cmocka_unit_test(test_quantiles_are_those_of_numpy),
        cmocka_unit_test(test_quantiles_at_the_ends),
        cmocka_unit_test(test_many_quantiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
