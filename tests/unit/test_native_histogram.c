#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/native_histogram.h"
#include "random.h"

enum { SCHEMA_MIN = RM_NATIVE_SCHEMA_MIN, SCHEMA_MAX = RM_NATIVE_SCHEMA_MAX };

/* ---- bounds ---- */

enum { N_LIMBS = 64 }; /* 4096 bits, for 64th powers of 53-bit numbers */

static void multiply(uint64_t limbs[N_LIMBS], uint64_t factor)
{
    unsigned __int128 carry = 0;

    for (int i = 0; i < N_LIMBS; i++) {
        carry += (unsigned __int128)limbs[i] * factor;
        limbs[i] = (uint64_t)carry;
        carry >>= 64;
    }
    assert_true(carry == 0);
}

/* Is @number^64 at least 2^@exponent? Exactly. */
static bool power_reaches(uint64_t number, unsigned exponent)
{
    uint64_t limbs[N_LIMBS] = {1};

    for (int i = 0; i < 64; i++) {
        multiply(limbs, number);
    }
    for (unsigned bit = exponent; bit < N_LIMBS * 64; bit++) {
        if ((limbs[bit / 64] >> bit % 64 & 1) != 0) {
            return true;
        }
    }
    return false;
}

static void test_bounds_are_the_largest_doubles_not_above_the_roots(void **state)
{
    (void)state;
    assert_true(rm_native_bucket_bound(-64, 6) == 0.5);
    for (unsigned k = 1; k < 64; k++) {
        double scaled = ldexp(rm_native_bucket_bound((int32_t)k - 64, 6), 53);
        uint64_t mantissa = (uint64_t)scaled;

        /* mantissa <= 2^(52 + k / 64) < mantissa + 1, for which no 64th power is one of two */
        assert_true((double)mantissa == scaled && mantissa < UINT64_C(1) << 53);
        assert_false(power_reaches(mantissa, 52 * 64 + k));
        assert_true(power_reaches(mantissa + 1, 52 * 64 + k));
    }
}

static void test_coarser_bounds_are_powers(void **state)
{
    (void)state;
    for (int32_t schema = SCHEMA_MIN; schema <= 0; schema++) {
        int32_t factor = 1 << -schema;

        for (int32_t i = -128 / factor; i * factor <= 1024; i++) {
            double bound = rm_native_bucket_bound(i, schema);

            assert_true(bound == (i * factor == 1024 ? INFINITY : ldexp(1, i * factor)));
        }
    }
    for (int32_t schema = SCHEMA_MIN; schema < SCHEMA_MAX; schema++) {
        int32_t last = 1024 * 64 >> (6 - schema);

        for (int32_t i = -last / 8; i <= last; i++) {
            assert_true(rm_native_bucket_bound(i, schema) ==
                        rm_native_bucket_bound(2 * i, schema + 1));
        }
    }
    assert_true(isinf(rm_native_bucket_bound(INT32_MAX, SCHEMA_MIN)));
    assert_true(rm_native_bucket_bound(INT32_MIN, SCHEMA_MIN) == 0);
}

static void test_an_upper_bound_belongs_to_its_bucket(void **state)
{
    (void)state;
    for (int32_t schema = SCHEMA_MIN; schema <= SCHEMA_MAX; schema++) {
        int32_t first = -128 * 64 >> (6 - schema); /* bounded by the zero threshold */
        int32_t last = 1024 * 64 >> (6 - schema);

        assert_true(rm_native_bucket_bound(first, schema) == RM_NATIVE_ZERO_THRESHOLD);
        assert_int_equal(rm_native_bucket_of(nextafter(0x1p-128, 1), schema), first + 1);
        for (int32_t i = first + 1; i < last; i++) {
            double bound = rm_native_bucket_bound(i, schema);

            assert_int_equal(rm_native_bucket_of(bound, schema), i);
            assert_int_equal(rm_native_bucket_of(nextafter(bound, 0), schema), i);
            assert_int_equal(rm_native_bucket_of(nextafter(bound, INFINITY), schema), i + 1);
        }
        assert_int_equal(rm_native_bucket_of(DBL_MAX, schema), last);
        assert_true(isinf(rm_native_bucket_bound(last, schema)));
    }
}

static void test_any_value_lies_between_its_bounds(void **state)
{
    struct random random = random_start("native_histogram bounds");

    (void)state;
    for (int round = 0; round < 200000; round++) {
        double magnitude = fabs(random_double(&random));

        for (int32_t schema = SCHEMA_MIN; magnitude > 0x1p-128 && schema <= SCHEMA_MAX; schema++) {
            int32_t index = rm_native_bucket_of(magnitude, schema);

            assert_true(rm_native_bucket_bound(index - 1, schema) < magnitude);
            assert_true(magnitude <= rm_native_bucket_bound(index, schema));
        }
    }
}

/* ---- values to count ---- */

enum { N_VALUES = 600 };

/* Of one of a few kinds: near each other; of all magnitudes; a few that come again; mixed with
 * what is in the zero bucket. */
static size_t make_values(struct random *random, double values[N_VALUES])
{
    size_t n =
        random_below(random, 4) == 0 ? random_below(random, 4) : 1 + random_below(random, N_VALUES);
    uint64_t kind = random_below(random, 5);

    for (size_t i = 0; i < n; i++) {
        double unit = (double)random_below(random, 1 << 20) / (1 << 20);

        switch (kind) {
        case 0:
            values[i] = 100 + unit * 20;
            break;
        case 1:
            values[i] = random_double(random);
            break;
        case 2:
            values[i] = (double)random_below(random, 5) - 2;
            break;
        case 3: /* wide enough to need schemas in between */
            values[i] = ldexp(1 + unit, (int)random_below(random, 1 << (i % 8)));
            break;
        default:
            values[i] = random_below(random, 2) == 0 ? unit * 0x1p-127 : (unit - 0.5) * 1e6;
            break;
        }
    }
    return n;
}

static void record_all(struct rm_native_histogram *histogram, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rm_native_histogram_record(histogram, values[i]), 0);
    }
}

static void shuffle(struct random *random, double *values, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = random_below(random, i);
        double value = values[i - 1];

        values[i - 1] = values[j];
        values[j] = value;
    }
}

static void assert_equal_sides(const struct rm_native_side *a, const struct rm_native_side *b)
{
    assert_int_equal(a->n, b->n);
    for (uint32_t i = 0; i < a->n; i++) {
        assert_int_equal(a->buckets[i].index, b->buckets[i].index);
        assert_true(a->buckets[i].count == b->buckets[i].count);
    }
}

static void assert_equal(const struct rm_native_histogram *a, const struct rm_native_histogram *b)
{
    assert_int_equal(a->schema, b->schema);
    assert_true(a->zero_count == b->zero_count);
    assert_equal_sides(&a->positive, &b->positive);
    assert_equal_sides(&a->negative, &b->negative);
}

/* ---- the model: values sorted into buckets ---- */

static int compare_indexes(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;

    return (left > right) - (left < right);
}

static struct rm_native_side model_side(const double *values, size_t n, int sign, int32_t schema)
{
    struct rm_native_side side = {calloc(n + 1, sizeof *side.buckets), 0, 0};
    int32_t indexes[N_VALUES];
    size_t n_indexes = 0;

    for (size_t i = 0; i < n; i++) {
        if (values[i] * sign > 0x1p-128) {
            indexes[n_indexes++] = rm_native_bucket_of(fabs(values[i]), schema);
        }
    }
    qsort(indexes, n_indexes, sizeof *indexes, compare_indexes);
    for (size_t i = 0; i < n_indexes; i++) {
        if (i == 0 || indexes[i] != indexes[i - 1]) {
            side.buckets[side.n++].index = indexes[i];
        }
        side.buckets[side.n - 1].count++;
    }
    return side;
}

static struct rm_native_histogram model_of(const double *values, size_t n)
{
    struct rm_native_histogram model;

    for (int32_t schema = SCHEMA_MAX;; schema--) {
        model = (struct rm_native_histogram){.schema = schema,
                                             .positive = model_side(values, n, 1, schema),
                                             .negative = model_side(values, n, -1, schema)};
        if (model.positive.n + model.negative.n <= RM_NATIVE_BUCKETS_MAX) {
            break;
        }
        rm_native_histogram_done(&model);
    }
    for (size_t i = 0; i < n; i++) {
        model.zero_count += fabs(values[i]) <= 0x1p-128 ? 1 : 0;
    }
    return model;
}

/* ---- counting and merging ---- */

static void test_an_empty_histogram(void **state)
{
    struct rm_native_histogram a;
    struct rm_native_histogram b;

    (void)state;
    rm_native_histogram_init(&a);
    rm_native_histogram_init(&b);
    assert_int_equal(rm_native_histogram_merge(&a, &b), 0);
    assert_int_equal(a.schema, SCHEMA_MAX);
    assert_int_equal(rm_native_histogram_count(&a), 0);
    assert_int_equal(rm_native_histogram_bytes(&a), 0);
    assert_true(isnan(rm_native_histogram_quantile(&a, 0.5)));
    rm_native_histogram_done(&a);
}

static void test_the_zero_bucket(void **state)
{
    static const double ZEROS[] = {0.0, -0.0, 0x1p-128, -0x1p-128, DBL_TRUE_MIN, -DBL_MIN};
    struct rm_native_histogram histogram;

    (void)state;
    rm_native_histogram_init(&histogram);
    record_all(&histogram, ZEROS, 6);
    assert_int_equal(histogram.zero_count, 6);
    record_all(&histogram, (const double[]){nextafter(0x1p-128, 1), nextafter(-0x1p-128, -1)}, 2);
    assert_int_equal(histogram.zero_count, 6);
    assert_int_equal(histogram.positive.n, 1);
    assert_int_equal(histogram.negative.n, 1);
    assert_int_equal(histogram.positive.buckets[0].index, -128 * 64 + 1);
    assert_int_equal(histogram.negative.buckets[0].index, -128 * 64 + 1);
    rm_native_histogram_done(&histogram);
}

/* What it holds depends on the values alone: recorded one by one in any order; or in parts, of
 * which any two are merged next. */
static void test_order_and_parts_do_not_show(void **state)
{
    struct random random = random_start("native_histogram");

    (void)state;
    for (int round = 0; round < 2000; round++) {
        double values[N_VALUES];
        size_t n = make_values(&random, values);
        struct rm_native_histogram model = model_of(values, n);
        struct rm_native_histogram whole;
        struct rm_native_histogram parts[8];
        size_t n_parts = 1 + random_below(&random, 8);

        rm_native_histogram_init(&whole);
        record_all(&whole, values, n);
        assert_equal(&whole, &model);
        assert_int_equal(rm_native_histogram_count(&whole), n);
        assert_true(rm_native_histogram_bytes(&whole) <= 40 + 24 * n);

        shuffle(&random, values, n);
        for (size_t i = 0; i < n_parts; i++) {
            rm_native_histogram_init(&parts[i]);
        }
        for (size_t i = 0; i < n; i++) {
            record_all(&parts[random_below(&random, n_parts)], &values[i], 1);
        }
        for (; n_parts > 1; n_parts--) {
            size_t to = random_below(&random, n_parts - 1);

            assert_int_equal(rm_native_histogram_merge(&parts[to], &parts[n_parts - 1]), 0);
            rm_native_histogram_done(&parts[n_parts - 1]);
        }
        assert_equal(&parts[0], &model);
        rm_native_histogram_done(&parts[0]);
        rm_native_histogram_done(&whole);
        rm_native_histogram_done(&model);
    }
}

/* Every power of two and its negative: the most buckets that any values need. */
static void test_the_widest_histogram(void **state)
{
    struct rm_native_histogram histogram;

    (void)state;
    rm_native_histogram_init(&histogram);
    for (int exponent = -128; exponent < 1024; exponent++) {
        record_all(&histogram, (const double[]){ldexp(1.5, exponent), ldexp(-1.5, exponent)}, 2);
    }
    assert_int_equal(histogram.schema, -3);
    assert_int_equal(histogram.positive.n, 144);
    assert_int_equal(histogram.negative.n, 144);
    assert_int_equal(rm_native_histogram_count(&histogram), 2 * (1024 + 128));
    rm_native_histogram_done(&histogram);
}

/* ---- quantiles ---- */

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* The quantile of values by Hyndman and Fan's definition 7, between *@ret_low and *@ret_high. */
static double exact_quantile(const double *sorted, size_t n, double q, double *ret_low,
                             double *ret_high)
{
    double place = q * (double)(n - 1);
    size_t rank = (size_t)place;

    *ret_low = sorted[rank];
    *ret_high = sorted[rank + 1 < n ? rank + 1 : rank];
    return *ret_low * (1 - (place - (double)rank)) + *ret_high * (place - (double)rank);
}

static void test_quantiles_are_within_their_error(void **state)
{
    struct random random = random_start("native_histogram quantiles");

    (void)state;
    for (int round = 0; round < 1000; round++) {
        double values[N_VALUES];
        size_t n = make_values(&random, values);
        struct rm_native_histogram histogram;
        double error;

        rm_native_histogram_init(&histogram);
        record_all(&histogram, values, n);
        qsort(values, n, sizeof *values, compare_doubles);
        error = rm_native_histogram_error(&histogram) + 1e-14;
        for (int i = 0; n > 0 && i <= 40; i++) {
            double q = i / 40.0;
            double low;
            double high;
            double exact = exact_quantile(values, n, q, &low, &high);
            double quantile = rm_native_histogram_quantile(&histogram, q);

            /* of opposite signs their errors do not cancel as they do */
            assert_true(isfinite(quantile));
            if (low < 0 && high > 0) {
                assert_true(fabs(quantile - exact) <= error * (high - low) + 0x1p-128);
            } else {
                assert_true(fabs(quantile - exact) <= error * fabs(exact) + 0x1p-128);
            }
        }
        rm_native_histogram_done(&histogram);
    }
}

static void test_errors_of_the_schemas(void **state)
{
    struct rm_native_histogram histogram = {.schema = 6};

    (void)state;
    assert_true(fabs(rm_native_histogram_error(&histogram) - 0.005415) < 1e-6);
    histogram.schema = 0;
    assert_true(rm_native_histogram_error(&histogram) == 1.0 / 3);
    histogram.schema = -4;
    assert_true(rm_native_histogram_error(&histogram) == 65535.0 / 65537);
}

static void test_a_quantile_between_two_values(void **state)
{
    struct rm_native_histogram histogram;
    double error;

    (void)state;
    rm_native_histogram_init(&histogram);
    record_all(&histogram, (const double[]){1, 100}, 2);
    error = rm_native_histogram_error(&histogram) + 1e-14;
    assert_true(fabs(rm_native_histogram_quantile(&histogram, 0.5) - 50.5) <= error * 50.5);
    assert_true(fabs(rm_native_histogram_quantile(&histogram, 0) - 1) <= error);
    assert_true(fabs(rm_native_histogram_quantile(&histogram, 1) - 100) <= error * 100);
    rm_native_histogram_done(&histogram);
}

/* ---- out of memory ---- */

#if FAILING_MALLOC
static struct rm_native_histogram copy_of(const struct rm_native_histogram *histogram)
{
    struct rm_native_histogram copy;

    rm_native_histogram_init(&copy);
    assert_int_equal(rm_native_histogram_merge(&copy, histogram), 0);
    return copy;
}

static void test_without_memory_nothing_is_changed(void **state)
{
    struct random random = random_start("native_histogram memory");
    long n_live = failing_malloc_n_live;
    int n_failed = 0;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        double values[N_VALUES];
        size_t n = make_values(&random, values);
        size_t n_first = random_below(&random, n + 1);
        struct rm_native_histogram histogram;
        struct rm_native_histogram other;
        struct rm_native_histogram before;
        bool is_merge = random_below(&random, 2) == 0;
        int rv = 0;

        rm_native_histogram_init(&histogram);
        rm_native_histogram_init(&other);
        record_all(&histogram, values, n_first);
        record_all(&other, values + n_first, n - n_first);
        before = copy_of(&histogram);
        failing_malloc_arm(1 + (long)random_below(&random, 2));
        if (is_merge) {
            rv = rm_native_histogram_merge(&histogram, &other);
        } else if (n_first < n) {
            rv = rm_native_histogram_record(&histogram, values[n_first]);
        }
        assert_int_equal(rv, failing_malloc_disarm() ? RM_ENOMEM : 0);
        if (rv != 0) {
            n_failed++;
            assert_equal(&histogram, &before);
        }
        rm_native_histogram_done(&before);
        rm_native_histogram_done(&other);
        rm_native_histogram_done(&histogram);
    }
    assert_true(n_failed > 100);
    assert_int_equal(failing_malloc_n_live, n_live);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_are_the_largest_doubles_not_above_the_roots),
        cmocka_unit_test(test_coarser_bounds_are_powers),
        cmocka_unit_test(test_an_upper_bound_belongs_to_its_bucket),
        cmocka_unit_test(test_any_value_lies_between_its_bounds),
        cmocka_unit_test(test_an_empty_histogram),
        cmocka_unit_test(test_the_zero_bucket),
        cmocka_unit_test(test_order_and_parts_do_not_show),
        cmocka_unit_test(test_the_widest_histogram),
        cmocka_unit_test(test_quantiles_are_within_their_error),
        cmocka_unit_test(test_errors_of_the_schemas),
        cmocka_unit_test(test_a_quantile_between_two_values),
#if FAILING_MALLOC
        cmocka_unit_test(test_without_memory_nothing_is_changed),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
