#include <dirent.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../src/metrics/codec.h"
#include "../../src/metrics/decimal_column.h"
#include "../../src/metrics/double_bits.h"
#include "../../src/metrics/xor_column.h"
#include "raftmetrics/base/error.h"
#include "random.h"

/* Beside the project; or set RAFTMETRICS_DATA. */
#define DATA "../shared/data/nab"

static struct rm_buffer encode(const struct rm_observation *observations, uint32_t n)
{
    struct rm_buffer bytes;

    rm_buffer_init(&bytes, SIZE_MAX);
    assert_int_equal(rm__codec_encode(observations, n, &bytes), 0);
    return bytes;
}

/* Decodes from memory that ends where the bytes end, for the sanitizers to watch. */
static int decode(struct rm_slice bytes, uint32_t n, struct rm_observation *ret_observations)
{
    char *exact = malloc(bytes.len + 1);
    int rv;

    assert_non_null(exact);
    if (bytes.len > 0) {
        memcpy(exact + 1, bytes.data, bytes.len);
    }
    rv = rm__codec_decode(rm_slice_make(exact + 1, bytes.len), n, ret_observations);
    free(exact);
    return rv;
}

static void assert_same(const struct rm_observation *a, const struct rm_observation *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(a[i].position.timestamp_ms, b[i].position.timestamp_ms);
        assert_int_equal(a[i].position.ordinal, b[i].position.ordinal);
        assert_true(rm__is_same_double(a[i].value, b[i].value));
    }
}

/* There and back, whole and by column; how many bytes. */
static size_t check(const struct rm_observation *observations, uint32_t n)
{
    struct rm_observation decoded[RM_CODEC_MAX];
    int64_t timestamps_ms[RM_CODEC_MAX];
    double values[RM_CODEC_MAX];
    struct rm_buffer bytes = encode(observations, n);
    size_t n_bytes = bytes.len;

    assert_int_equal(decode(rm_buffer_peek(&bytes), n, decoded), 0);
    assert_same(observations, decoded, n);
    assert_int_equal(rm__codec_decode_timestamps(rm_buffer_peek(&bytes), n, timestamps_ms), 0);
    assert_int_equal(rm__codec_decode_values(rm_buffer_peek(&bytes), n, values), 0);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(timestamps_ms[i], observations[i].position.timestamp_ms);
        assert_true(rm__is_same_double(values[i], observations[i].value));
    }
    rm_buffer_done(&bytes);
    return n_bytes;
}

static size_t column_bytes(struct rm_slice bytes, int column)
{
    const uint8_t *lengths = (const uint8_t *)bytes.data + 2 * column;

    return (size_t)(lengths[0] | lengths[1] << 8);
}

/* ---- shapes ---- */

static double decimal_of(struct random *random)
{
    static const double POWERS[] = {1, 10, 100, 1e3, 1e6, 1e12};

    return (double)(int64_t)(random_below(random, 2000001) - 1000000) /
           POWERS[random_below(random, 6)];
}

static double special_of(struct random *random)
{
    static const double SPECIAL[] = {0.0,       -0.0,       DBL_TRUE_MIN, -DBL_TRUE_MIN, DBL_MIN,
                                     DBL_MAX,   -DBL_MAX,   1e16,         1e16 + 2,      0x1p53,
                                     -0x1p53,   0x1p53 - 1, 70.1,         1e22,          0.1 + 0.2,
                                     1.0 / 3.0, 1e-300};

    return SPECIAL[random_below(random, sizeof SPECIAL / sizeof *SPECIAL)];
}

static double value_of(struct random *random, unsigned shape, double last)
{
    switch (shape % 7) {
    case 0:
        return random_double(random);
    case 1:
        return decimal_of(random);
    case 2:
        return special_of(random);
    case 3:
        return last;
    case 4: /* decimals with a misfit now and then */
        return random_below(random, 20) == 0 ? random_double(random) : decimal_of(random);
    case 5: /* a counter with resets */
        return random_below(random, 50) == 0 ? 0 : last + (double)random_below(random, 1000);
    default:
        return random_below(random, 2) == 0 ? -last : 42.5;
    }
}

static int64_t next_timestamp(struct random *random, unsigned shape, int64_t last)
{
    uint64_t step;

    switch (shape % 5) {
    case 0:
        step = 60000;
        break;
    case 1: /* the same again and again */
        step = random_below(random, 4) == 0;
        break;
    case 2:
        step = 9990 + random_below(random, 20);
        break;
    case 3: /* with gaps */
        step = random_below(random, 30) == 0 ? random_below(random, 1000000000) : 300000;
        break;
    default:
        step = random_next(random) >> (8 + random_below(random, 56));
        break;
    }
    return step > (uint64_t)INT64_MAX - (uint64_t)last ? INT64_MAX
                                                       : (int64_t)((uint64_t)last + step);
}

/* In the order of positions: ordinals only grow, which is enough for any two timestamps. */
static uint32_t make(struct random *random, struct rm_observation *observations)
{
    uint32_t n = 1 + (uint32_t)random_below(random, RM_CODEC_MAX);
    unsigned value_shape = (unsigned)random_below(random, 7);
    unsigned time_shape = (unsigned)random_below(random, 5);
    int64_t timestamp_ms = random_below(random, 10) == 0 ? INT64_MIN : 1700000000000;
    uint64_t ordinal =
        random_below(random, 10) == 0 ? UINT64_MAX - 100000 : random_below(random, 1000000);
    uint64_t stride = random_below(random, 3) == 0 ? 1 + random_below(random, 300) : 1;
    double value = 1;

    for (uint32_t i = 0; i < n; i++) {
        value = value_of(random, value_shape, value);
        if (!isfinite(value)) {
            value = 0;
        }
        observations[i] = (struct rm_observation){{timestamp_ms, ordinal}, value};
        timestamp_ms = next_timestamp(random, time_shape, timestamp_ms);
        ordinal += random_below(random, 3) == 0 ? stride : 1;
    }
    return n;
}

static void test_all_shapes_come_back(void **state)
{
    struct random random = random_start(__func__);

    (void)state;
    for (int i = 0; i < 5000; i++) {
        struct rm_observation observations[RM_CODEC_MAX];
        uint32_t n = make(&random, observations);

        check(observations, n);
    }
}

static void test_the_ends_of_time_and_of_numbers(void **state)
{
    const struct rm_observation observations[] = {{{INT64_MIN, UINT64_MAX}, -DBL_MAX},
                                                  {{INT64_MIN + 1, 0}, DBL_MAX},
                                                  {{-1, UINT64_MAX - 1}, DBL_TRUE_MIN},
                                                  {{0, 0}, -0.0},
                                                  {{0, UINT64_MAX}, 0.0},
                                                  {{INT64_MAX, 0}, 1e16},
                                                  {{INT64_MAX, 1}, 1e16 + 2},
                                                  {{INT64_MAX, UINT64_MAX}, -1}};
    uint32_t n = sizeof observations / sizeof *observations;

    (void)state;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = i + 1; j <= n; j++) {
            check(observations + i, j - i);
        }
    }
}

/* ---- sizes ---- */

static void fill(struct rm_observation *observations, double (*value)(uint32_t i))
{
    for (uint32_t i = 0; i < RM_CODEC_MAX; i++) {
        observations[i] =
            (struct rm_observation){{1700000000000 + 15000 * (int64_t)i, 1000 + i}, value(i)};
    }
}

static double constant(uint32_t i)
{
    (void)i;
    return 70.1;
}

static double tenths(uint32_t i)
{
    return (double)(200 + i * 7 % 50) / 10;
}

static void test_what_is_regular_costs_little(void **state)
{
    struct rm_observation observations[RM_CODEC_MAX];

    (void)state;
    fill(observations, constant);
    assert_in_range(check(observations, RM_CODEC_MAX), 1, 0.3 * RM_CODEC_MAX);
    fill(observations, tenths); /* 50 tenths: 6 bits each */
    assert_in_range(check(observations, RM_CODEC_MAX), 1,
                    0.3 * RM_CODEC_MAX + 6 * RM_CODEC_MAX / 8);
}

/* Times and ordinals at even steps, and at steps that grow evenly. */
static void test_even_columns_cost_next_to_nothing(void **state)
{
    struct rm_observation observations[RM_CODEC_MAX];

    (void)state;
    for (uint32_t growth = 0; growth <= 2; growth++) {
        struct rm_buffer bytes;

        for (uint32_t i = 0; i < RM_CODEC_MAX; i++) {
            uint32_t place = 15000 * i + growth * i * i;

            observations[i] = (struct rm_observation){{1700000000000 + place, 3 * i + place}, 1};
        }
        check(observations, RM_CODEC_MAX);
        bytes = encode(observations, RM_CODEC_MAX);
        for (int column = 0; column < 2; column++) {
            /* A head of 3 and two numbers in front; of the others each 2 * growth, zigzag. */
            assert_in_range(column_bytes(rm_buffer_peek(&bytes), column), 5,
                            3 + 6 + 3 + (growth == 0 ? 0 : (2 + growth) * RM_CODEC_MAX / 8));
        }
        rm_buffer_done(&bytes);
    }
}

/* Counted by hand after the paper's section 4.1.2. */
static void test_xor_takes_what_gorilla_takes(void **state)
{
    static const struct {
        double values[5];
        uint32_t n;
        size_t n_bits;
    } CASES[] = {
        {{12}, 1, 64},
        {{12, 12, 12}, 3, 64 + 2},
        {{12, 24}, 2, 64 + 14},                      /* 11 leading zeros, 1 bit */
        {{12, 24, 15}, 3, 64 + 14 + 17},             /* 11 leading zeros, 4 bits */
        {{12, 24, 15, 12}, 4, 64 + 14 + 17 + 6},     /* 2 bits within those 4 */
        {{12, 24, 15, 12, 12}, 5, 64 + 14 + 17 + 7}, /* the same */
        {{0, DBL_TRUE_MIN}, 2, 64 + 13 + 33},        /* no more than 31 leading zeros are told */
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        uint8_t bytes[RM_XOR_COLUMN_BYTES_MAX];

        assert_int_equal(rm__xor_column_encode(CASES[i].values, CASES[i].n, bytes),
                         (CASES[i].n_bits + 7) / 8);
    }
}

static void test_one_misfit_costs_no_more_than_itself(void **state)
{
    struct rm_observation observations[RM_CODEC_MAX];
    size_t n_bytes;

    (void)state;
    fill(observations, tenths);
    n_bytes = check(observations, RM_CODEC_MAX);
    observations[0].value = 1.0 / 3.0;
    observations[100].value = -0.0;
    assert_in_range(check(observations, RM_CODEC_MAX), n_bytes, n_bytes + 2 * 9 + 4);
}

/* ---- damage ---- */

static void test_cut_off_bytes_are_seen(void **state)
{
    struct random random = random_start(__func__);
    struct rm_observation observations[RM_CODEC_MAX];
    struct rm_observation decoded[RM_CODEC_MAX];

    (void)state;
    for (int i = 0; i < 200; i++) {
        uint32_t n = make(&random, observations);
        struct rm_buffer bytes = encode(observations, n);
        size_t len = (size_t)random_below(&random, bytes.len);

        assert_int_equal(decode(rm_slice_make(bytes.data, len), n, decoded), RM_ECORRUPT);
        assert_int_equal(rm_buffer_append(&bytes, "x", 1), 0);
        assert_int_equal(decode(rm_buffer_peek(&bytes), n, decoded), RM_ECORRUPT);
        rm_buffer_done(&bytes);
    }
}

static void test_flipped_bits_are_safe(void **state)
{
    struct random random = random_start(__func__);
    struct rm_observation observations[RM_CODEC_MAX];
    struct rm_observation decoded[RM_CODEC_MAX];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint32_t n = make(&random, observations);
        struct rm_buffer bytes = encode(observations, n);
        size_t at = (size_t)random_below(&random, bytes.len);
        int rv;

        bytes.data[at] = (char)(bytes.data[at] ^ 1 << random_below(&random, 8));
        rv = decode(rm_buffer_peek(&bytes), n, decoded);
        assert_true(rv == 0 || rv == RM_ECORRUPT);
        for (uint32_t j = 0; rv == 0 && j < n; j++) {
            assert_true(isfinite(decoded[j].value));
            assert_true(j == 0 ||
                        rm__position_is_before(decoded[j - 1].position, decoded[j].position));
        }
        rm_buffer_done(&bytes);
    }
}

static void test_what_no_encoder_writes_is_refused(void **state)
{
    const struct rm_observation pair[] = {{{5, 2}, 1}, {{5, 1}, 2}};
    const struct rm_observation nan[] = {{{5, 1}, NAN}};
    struct rm_observation decoded[RM_CODEC_MAX];
    struct rm_buffer bytes = encode(pair, 2);

    (void)state;
    assert_int_equal(decode(rm_buffer_peek(&bytes), 2, decoded), RM_ECORRUPT);
    rm_buffer_done(&bytes);
    bytes = encode(nan, 1);
    assert_int_equal(decode(rm_buffer_peek(&bytes), 1, decoded), RM_ECORRUPT);
    rm_buffer_done(&bytes);
}

static void test_another_form_of_values_is_refused(void **state)
{
    struct rm_observation observations[RM_CODEC_MAX];
    struct rm_observation decoded[RM_CODEC_MAX];
    struct rm_buffer bytes;
    char *form;

    (void)state;
    fill(observations, tenths);
    bytes = encode(observations, RM_CODEC_MAX);
    form = bytes.data + 4 + column_bytes(rm_buffer_peek(&bytes), 0) +
           column_bytes(rm_buffer_peek(&bytes), 1);
    assert_int_equal(*form, 1); /* decimals */
    *form = 2;
    assert_int_equal(decode(rm_buffer_peek(&bytes), RM_CODEC_MAX, decoded), RM_ECORRUPT);
    rm_buffer_done(&bytes);
}

static void test_a_misfit_behind_the_end_is_refused(void **state)
{
    const double values[] = {0.5, 1.0 / 3.0, 1.5};
    uint8_t bytes[RM_DECIMAL_COLUMN_BYTES_MAX];
    double decoded[3];
    size_t len = rm__decimal_column_encode(values, 3, bytes);
    uint8_t *place = bytes + len - 9;

    (void)state;
    assert_int_equal(rm__decimal_column_decode(rm_slice_make(bytes, len), 3, decoded), 0);
    assert_memory_equal(values, decoded, sizeof values);
    assert_int_equal(*place, 1);
    *place = 3;
    assert_int_equal(rm__decimal_column_decode(rm_slice_make(bytes, len), 3, decoded), RM_ECORRUPT);
}

/* ---- real data ---- */

enum { ROWS_MAX = 100000 };

/* The values of a file in its order, a line each behind a head: TIME,VALUE. */
static size_t read_values(const char *directory, const char *file, struct rm_observation *rows)
{
    char path[4096];
    char line[256];
    FILE *stream;
    size_t n = 0;

    snprintf(path, sizeof path, "%s/%s", directory, file);
    stream = fopen(path, "r");
    assert_non_null(stream);
    assert_non_null(fgets(line, sizeof line, stream));
    while (n < ROWS_MAX && fgets(line, sizeof line, stream) != NULL) {
        const char *comma = strchr(line, ',');

        assert_non_null(comma);
        rows[n] = (struct rm_observation){{(int64_t)n * 300000, n}, strtod(comma + 1, NULL)};
        n++;
    }
    fclose(stream);
    return n;
}

struct sizes {
    size_t n;
    size_t n_xor;
    size_t n_ours;
};

/* Bytes of the value column alone. */
static size_t value_bytes(const struct rm_observation *rows, uint32_t n)
{
    struct rm_buffer bytes = encode(rows, n);
    struct rm_slice slice = rm_buffer_peek(&bytes);
    size_t n_bytes = slice.len - 4 - column_bytes(slice, 0) - column_bytes(slice, 1);

    rm_buffer_done(&bytes);
    return n_bytes;
}

static void measure(const struct rm_observation *rows, size_t n, struct sizes *sizes)
{
    *sizes = (struct sizes){.n = n};
    for (size_t i = 0; i < n; i += RM_CODEC_MAX) {
        uint32_t n_here = n - i < RM_CODEC_MAX ? (uint32_t)(n - i) : RM_CODEC_MAX;
        uint8_t bytes[RM_XOR_COLUMN_BYTES_MAX];
        double values[RM_CODEC_MAX];

        for (uint32_t j = 0; j < n_here; j++) {
            values[j] = rows[i + j].value;
        }
        check(rows + i, n_here);
        sizes->n_xor += rm__xor_column_encode(values, n_here, bytes);
        sizes->n_ours += value_bytes(rows + i, n_here);
    }
}

static void test_real_series_take_less_than_xor(void **state)
{
    const char *directory = getenv("RAFTMETRICS_DATA") != NULL ? getenv("RAFTMETRICS_DATA") : DATA;
    DIR *entries = opendir(directory);
    struct rm_observation *rows = malloc(ROWS_MAX * sizeof *rows);
    struct sizes all = {0};

    (void)state;
    assert_non_null(rows);
    if (entries == NULL) {
        free(rows);
        printf("LOUD: no real data at %s: no size was compared\n", directory);
        skip();
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        struct sizes sizes;

        if (strstr(entry->d_name, ".csv") == NULL) {
            continue;
        }
        measure(rows, read_values(directory, entry->d_name, rows), &sizes);
        printf("%-45s %6zu values, bytes a value: XOR %.2f, ours %.2f, ratio %.3f\n", entry->d_name,
               sizes.n, (double)sizes.n_xor / (double)sizes.n,
               (double)sizes.n_ours / (double)sizes.n, (double)sizes.n_ours / (double)sizes.n_xor);
        assert_true((double)sizes.n_ours <= 1.03 * (double)sizes.n_xor);
        all.n += sizes.n;
        all.n_xor += sizes.n_xor;
        all.n_ours += sizes.n_ours;
    }
    closedir(entries);
    free(rows);
    printf("all: %zu values, bytes a value: XOR %.2f, ours %.2f, ratio %.3f\n", all.n,
           (double)all.n_xor / (double)all.n, (double)all.n_ours / (double)all.n,
           (double)all.n_ours / (double)all.n_xor);
    assert_true(all.n > 0);
    assert_true((double)all.n_ours <= 0.60 * (double)all.n_xor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_shapes_come_back),
        cmocka_unit_test(test_the_ends_of_time_and_of_numbers),
        cmocka_unit_test(test_what_is_regular_costs_little),
        cmocka_unit_test(test_even_columns_cost_next_to_nothing),
        cmocka_unit_test(test_one_misfit_costs_no_more_than_itself),
        cmocka_unit_test(test_cut_off_bytes_are_seen),
        cmocka_unit_test(test_flipped_bits_are_safe),
        cmocka_unit_test(test_what_no_encoder_writes_is_refused),
        cmocka_unit_test(test_another_form_of_values_is_refused),
        cmocka_unit_test(test_a_misfit_behind_the_end_is_refused),
        cmocka_unit_test(test_xor_takes_what_gorilla_takes),
        cmocka_unit_test(test_real_series_take_less_than_xor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
