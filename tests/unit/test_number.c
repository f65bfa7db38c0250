#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "random.h"

enum { N_RANDOM = 20000 };

/* Fixed: the same numbers in every run. */
static const struct random SEED = {20241125};

static double double_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The digits of @text that count: without zeros at either end. */
static int count_significant(const char *text)
{
    int n = 0;
    int zeros = 0;

    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (n == 0 && *text == '0')) {
            continue;
        }
        zeros = *text == '0' ? zeros + 1 : 0;
        n++;
    }
    return n - zeros;
}

/* Reads back, by the C library and by ours, and fewer digits do not. */
static void check_format(double value)
{
    char text[RM_DOUBLE_TEXT_MAX];
    char shorter[64];
    size_t len = rm_double_format(value, text);
    double back = 0;

    assert_true(len < sizeof text);
    assert_int_equal(len, strlen(text));
    assert_true(bits_of(strtod(text, NULL)) == bits_of(value));
    assert_int_equal(rm_double_parse(rm_slice_make(text, len), &back), 0);
    assert_true(bits_of(back) == bits_of(value));
    for (int n = count_significant(text) - 1; n > 0; n--) {
        snprintf(shorter, sizeof shorter, "%.*e", n - 1, value);
        if (strtod(shorter, NULL) == value) {
            fail_msg("%s, but %s reads back too", text, shorter);
        }
    }
}

static void formats_known_values(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0"},
        {-0.0, "-0.0"},
        {1, "1"},
        {-3, "-3"},
        {1000, "1000"},
        {75.5, "75.5"},
        {80.2, "80.2"},
        {70.1, "70.1"},
        {-0.1, "-0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {75.26666666666667, "75.26666666666667"},
        {1.0 / 3, "0.3333333333333333"},
        {99.99, "99.99"},
        {0.00001, "0.00001"},
        {0.000001, "0.000001"},
        {0.00000123, "0.00000123"},
        {1e-7, "1e-7"},
        {1.5e-9, "1.5e-9"},
        {999999999999.999, "999999999999.999"},
        {99999999999999.5, "99999999999999.5"},
        {1e15, "1000000000000000"},
        {123456789012345680.0, "123456789012345680"},
        {9007199254740991.0, "9007199254740991"},
        {9007199254740992.0, "9007199254740992"},
        {9007199254740994.0, "9007199254740994"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1e22, "1e+22"},
        {1e300, "1e+300"},
        {-1.25e-300, "-1.25e-300"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {1.5e-323, "1.5e-323"},
        /* 2^-44: the nearest decimal of 16 digits, ...801e-14, does not read back. */
        {5.684341886080802e-14, "5.684341886080802e-14"},
        {9.5367431640625e-7, "9.5367431640625e-7"},
    };
    char text[RM_DOUBLE_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(rm_double_format(cases[i].value, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
        check_format(cases[i].value);
    }
}

static void formats_powers(void **state)
{
    char text[32];

    (void)state;
    for (int exponent = -1074; exponent <= 1023; exponent++) {
        double value = ldexp(1, exponent);

        check_format(value);
        check_format(nextafter(value, 0));
        check_format(nextafter(value, 1e308));
    }
    for (int exponent = -323; exponent <= 308; exponent++) {
        snprintf(text, sizeof text, "1e%d", exponent);
        check_format(strtod(text, NULL));
        check_format(nextafter(strtod(text, NULL), 1e308));
    }
}

static void formats_any_bits(void **state)
{
    struct random random = SEED;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)SEED.state);
    for (int i = 0; i < N_RANDOM; i++) {
        double value = double_of(random_next(&random));

        if (isfinite(value)) {
            check_format(value);
        }
    }
}

/* What was written with up to 15 digits comes out as it was. */
static void formats_decimals_as_written(void **state)
{
    struct random random = SEED;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)SEED.state);
    for (int i = 0; i < N_RANDOM; i++) {
        unsigned decimals = (unsigned)(random_next(&random) % 9) + 1;
        unsigned whole = (unsigned)(random_next(&random) % 1000000);
        /* Odd, so that there is no zero to trim. */
        unsigned fraction = (unsigned)(random_next(&random) % (uint64_t)pow(10, decimals)) | 1;
        char written[64];
        char text[RM_DOUBLE_TEXT_MAX];

        snprintf(written, sizeof written, "-%u.%0*u", whole, (int)decimals, fraction);
        if (whole > 0) {
            rm_double_format(strtod(written, NULL), text);
            assert_string_equal(text, written);
        }
    }
}

static void rounds_as_printf(void **state)
{
    (void)state;
    assert_true(rm_double_round(75.26666666666667, 2) == 75.27);
    assert_true(rm_double_round(0.5, 0) == 0);
    assert_true(rm_double_round(1.5, 0) == 2);
    assert_true(rm_double_round(2.5, 0) == 2);
    assert_true(rm_double_round(0.125, 2) == 0.12);
    assert_true(rm_double_round(2.675, 2) == 2.67); /* the double is below the decimal */
    assert_true(rm_double_round(-1234.5678, 3) == -1234.568);
    assert_true(rm_double_round(4503599627370495.5, 0) == 4503599627370496.0);
    assert_true(rm_double_round(4503599627370495.5, 17) == 4503599627370495.5);
    assert_true(rm_double_round(1e300, 17) == 1e300);
    assert_true(rm_double_round(0.1, 17) == 0.1);
    assert_true(rm_double_round(5e-324, 17) == 0);
}

static void parses_decimals(void **state)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"0", 0.0},
        {"-0", -0.0},
        {"-0.0e5", -0.0},
        {"75.5", 75.5},
        {"-1e3", -1000},
        {"1E+2", 100},
        {"1e-2", 0.01},
        {"007", 7},
        {".5", 0.5},
        {"5.", 5},
        {"0e999999999999999999999", 0},
        {"1e-400", 0},
        {"-1e-400", -0.0},
        {"1e-99999999999999999999", 0},
        {"5e-324", 5e-324},
        {"2.4703282292062328e-324", 5e-324},
        {"1.7976931348623157e308", 1.7976931348623157e308},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
        {"9007199254740993", 9007199254740992.0}, /* halfway, to even */
        {"9007199254740993.00000000000000000001", 9007199254740994.0},
        {"0.1e1", 1},
        {"1e23", 1e23},
        {"8.98846567431158e307", 8.98846567431158e307},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value = 7;

        assert_int_equal(rm_double_parse(rm_slice_of(cases[i].text), &value), 0);
        assert_true(bits_of(value) == bits_of(cases[i].value));
    }
}

static void refuses_what_is_no_decimal(void **state)
{
    static const char *const malformed[] = {
        "",     "-",    "+1",       " 1",    "1 ",    "1\n",      ".",     "-.",
        "e5",   "1e",   "1e+",      "1e-",   "--1",   "1-",       "1.2.3", "1,5",
        "0x10", "1p3",  "inf",      "nan",   "-inf",  "Infinity", "NaN",   "1_0",
        "1e5.", "1e 5", "\xd9\xa1", "1e--5", "1e+-5", "1f",       "1.e",   ".e1",
    };
    double value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        assert_int_equal(rm_double_parse(rm_slice_of(malformed[i]), &value), RM_ESYNTAX);
    }
    assert_int_equal(rm_double_parse(rm_slice_make(NULL, 0), &value), RM_ESYNTAX);
    assert_int_equal(rm_double_parse(rm_slice_make("1\0", 2), &value), RM_ESYNTAX);
    assert_int_equal(rm_double_parse(rm_slice_of("1e309"), &value), RM_ERANGE);
    assert_int_equal(rm_double_parse(rm_slice_of("-1e99999999999999999999"), &value), RM_ERANGE);
    assert_int_equal(rm_double_parse(rm_slice_of("1.7976931348623159e308"), &value), RM_ERANGE);
    assert_true(value == 7);
}

/* A number may be longer than anybody needs, its last digit still counts. */
static void parses_long_decimals(void **state)
{
    enum { N_ZEROS = 5000 };
    char text[N_ZEROS + 64];
    double value = 0;
    int len = snprintf(text, sizeof text, "9007199254740993.");

    (void)state;
    memset(text + len, '0', N_ZEROS);
    assert_int_equal(rm_double_parse(rm_slice_make(text, (size_t)len + N_ZEROS), &value), 0);
    assert_true(value == 9007199254740992.0);
    text[len + N_ZEROS] = '1';
    assert_int_equal(rm_double_parse(rm_slice_make(text, (size_t)len + N_ZEROS + 1), &value), 0);
    assert_true(value == 9007199254740994.0);

    memset(text, '0', N_ZEROS);
    text[1] = '.';
    snprintf(text + N_ZEROS, sizeof text - N_ZEROS, "75e%d", N_ZEROS);
    assert_int_equal(rm_double_parse(rm_slice_of(text), &value), 0);
    assert_true(value == 75);

    memset(text, '7', N_ZEROS);
    snprintf(text + N_ZEROS, sizeof text - N_ZEROS, "e-%d", N_ZEROS);
    assert_int_equal(rm_double_parse(rm_slice_of(text), &value), 0);
    assert_true(value == 7.0 / 9);
}

static void parses_as_the_library(void **state)
{
    struct random random = SEED;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)SEED.state);
    for (int i = 0; i < N_RANDOM; i++) {
        unsigned long long digits = random_next(&random) >> (random_next(&random) % 64);
        unsigned long long decimals = random_next(&random) >> (random_next(&random) % 64);
        char text[64];
        double value = 0;

        snprintf(text, sizeof text, "%llu.%llue%d", digits, decimals,
                 (int)(random_next(&random) % 60) - 30);
        assert_int_equal(rm_double_parse(rm_slice_of(text), &value), 0);
        assert_true(value == strtod(text, NULL));
    }
}

static void parses_integers(void **state)
{
    int64_t value = 7;

    (void)state;
    assert_int_equal(rm_int_parse(rm_slice_of("42"), 0, 100, &value), 0);
    assert_int_equal(value, 42);
    assert_int_equal(rm_int_parse(rm_slice_of("-0042"), -42, 100, &value), 0);
    assert_int_equal(value, -42);
    assert_int_equal(rm_int_parse(rm_slice_of("9223372036854775807"), INT64_MIN, INT64_MAX, &value),
                     0);
    assert_true(value == INT64_MAX);
    assert_int_equal(
        rm_int_parse(rm_slice_of("-9223372036854775808"), INT64_MIN, INT64_MAX, &value), 0);
    assert_true(value == INT64_MIN);
}

static void refuses_what_is_no_integer(void **state)
{
    static const char *const malformed[] = {
        "", "-", "+1", " 1", "1 ", "1.0", "1e3", "--1", "0x1", "a", "99999999999999999999a"};
    static const char *const outside[] = {
        "-1",
        "101",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "100000000000000000000000000000000000005",
    };
    int64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        assert_int_equal(rm_int_parse(rm_slice_of(malformed[i]), 0, 100, &value), RM_ESYNTAX);
    }
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_int_equal(rm_int_parse(rm_slice_of(outside[i]), 0, 100, &value), RM_ERANGE);
    }
    assert_int_equal(rm_int_parse(rm_slice_of("9223372036854775808"), INT64_MIN, INT64_MAX, &value),
                     RM_ERANGE);
    assert_int_equal(
        rm_int_parse(rm_slice_of("-9223372036854775809"), INT64_MIN, INT64_MAX, &value), RM_ERANGE);
    assert_int_equal(rm_int_parse(rm_slice_make(NULL, 0), 0, 100, &value), RM_ESYNTAX);
    assert_int_equal(value, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_known_values),       cmocka_unit_test(formats_powers),
        cmocka_unit_test(formats_any_bits),           cmocka_unit_test(formats_decimals_as_written),
        cmocka_unit_test(rounds_as_printf),           cmocka_unit_test(parses_decimals),
        cmocka_unit_test(refuses_what_is_no_decimal), cmocka_unit_test(parses_long_decimals),
        cmocka_unit_test(parses_as_the_library),      cmocka_unit_test(parses_integers),
        cmocka_unit_test(refuses_what_is_no_integer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
