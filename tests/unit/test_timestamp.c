#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/timestamp.h"

static void formats_known_instants(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {1732568363376, "2024-11-25T20:59:23.376Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {RM_TIMESTAMP_MIN_MS, "0001-01-01T00:00:00.000Z"},
        {RM_TIMESTAMP_MAX_MS, "9999-12-31T23:59:59.999Z"},
    };
    char text[RM_TIMESTAMP_TEXT_LEN + 1];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = 0;

        rm_timestamp_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(rm_timestamp_parse(rm_slice_of(text), &ms), 0);
        assert_true(ms == cases[i].ms);
    }
}

/* Every day of the calendar, against the C library. */
static void agrees_with_gmtime(void **state)
{
    const int64_t ms_per_day = 86400000;

    (void)state;
    for (int64_t day = RM_TIMESTAMP_MIN_MS; day < RM_TIMESTAMP_MAX_MS; day += ms_per_day) {
        int64_t ms = day + (day / 7 % ms_per_day + ms_per_day) % ms_per_day;
        int64_t millis = (ms % 1000 + 1000) % 1000;
        time_t seconds = (ms - millis) / 1000;
        char text[RM_TIMESTAMP_TEXT_LEN + 1];
        char expected[128];
        int64_t back = 0;
        struct tm tm;

        gmtime_r(&seconds, &tm);
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)millis);
        rm_timestamp_format(ms, text);
        assert_string_equal(text, expected);
        assert_int_equal(rm_timestamp_parse(rm_slice_of(text), &back), 0);
        assert_true(back == ms);
    }
}

static void parses_all_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"2024-11-25T20:59:23.376Z", 1732568363376},
        {"2024-11-25t20:59:23.376z", 1732568363376},
        {"2024-11-25 20:59:23.376Z", 1732568363376},
        {"2024-11-25T20:59:23.376+00:00", 1732568363376},
        {"2024-11-25T20:59:23.376-00:00", 1732568363376},
        {"2024-11-25T21:59:23.376+01:00", 1732568363376},
        {"2024-11-26T02:29:23.376+05:30", 1732568363376},
        {"2024-11-25T12:59:23.376-08:00", 1732568363376},
        {"2024-11-26T20:58:23.376+23:59", 1732568363376},
        {"2024-11-24T21:00:23.376-23:59", 1732568363376},
        {"2024-11-25T20:59:23Z", 1732568363000},
        {"2024-11-25T20:59:23.3Z", 1732568363300},
        {"2024-11-25T20:59:23.37Z", 1732568363370},
        {"2024-11-25T20:59:23.376999999999999999999999999Z", 1732568363376},
        /* Cut towards the past on either side of the epoch. */
        {"1969-12-31T23:59:59.9999Z", -1},
        {"1969-12-31T23:59:59.0009Z", -1000},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2016-12-31T23:59:60Z", 1483228800000},
        {"2016-12-31T23:59:60.999Z", 1483228800000},
        {"2017-01-01T05:29:60+05:30", 1483228800000},
        {"2015-06-30T23:59:60Z", 1435708800000},
        {"0000-12-31T23:30:00-00:30", RM_TIMESTAMP_MIN_MS},
        {"9999-12-31T23:59:59.999Z", RM_TIMESTAMP_MAX_MS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = 7;

        assert_int_equal(rm_timestamp_parse(rm_slice_of(cases[i].text), &ms), 0);
        assert_true(ms == cases[i].ms);
    }
}

static void refuses_malformed(void **state)
{
    static const char *const malformed[] = {
        "",
        "2024",
        "2024-11-25",
        "2024-11-25T20:59:23",
        "2024-11-25T20:59:23.Z",
        "2024-11-25T20:59:23,376Z",
        "2024-11-25T20:59Z",
        "2024-11-25T20:59:23.376ZZ",
        "2024-11-25T20:59:23.376 Z",
        " 2024-11-25T20:59:23.376Z",
        "2024-11-25T20:59:23.376Z ",
        "2024-11-25T20:59:23.376+0100",
        "2024-11-25T20:59:23.376+01",
        "2024-11-25T20:59:23.376+01:",
        "2024-11-25T20:59:23.376+1:00",
        "2024-11-25T20:59:23.376+24:00",
        "2024-11-25T20:59:23.376+01:60",
        "2024-11-25T20:59:23.376Z+01:00",
        "2024-11-25_20:59:23.376Z",
        "2024-11-25  20:59:23.376Z",
        "2024/11/25T20:59:23.376Z",
        "20241125T205923Z",
        "24-11-25T20:59:23.376Z",
        "02024-11-25T20:59:23.376Z",
        "+2024-11-25T20:59:23.376Z",
        "-2024-11-25T20:59:23.376Z",
        "2024-00-25T20:59:23.376Z",
        "2024-13-25T20:59:23.376Z",
        "2024-11-00T20:59:23.376Z",
        "2024-11-31T20:59:23.376Z",
        "2024-1-25T20:59:23.376Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2200-02-29T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2024-11-25T24:00:00Z",
        "2024-11-25T20:60:23Z",
        "2024-11-25T20:59:61Z",
        "2024-11-25T20:59:60Z",
        "2024-11-25T23:59:60Z",
        "2016-12-31T23:59:60+01:00",
        "2024-11-25T20:59:-1Z",
        "1732568363376",
    };
    int64_t ms = 7;

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        assert_int_equal(rm_timestamp_parse(rm_slice_of(malformed[i]), &ms), RM_ESYNTAX);
    }
    assert_int_equal(rm_timestamp_parse(rm_slice_make(NULL, 0), &ms), RM_ESYNTAX);
    assert_int_equal(ms, 7);
}

static void refuses_years_outside(void **state)
{
    static const char *const outside[] = {
        "0000-01-01T00:00:00Z",          "0000-12-31T23:59:59.999Z", "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59.999-00:01", "9999-12-31T23:59:60Z",
    };
    int64_t ms = 7;

    (void)state;
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_int_equal(rm_timestamp_parse(rm_slice_of(outside[i]), &ms), RM_ERANGE);
    }
    assert_int_equal(ms, 7);
}

static int64_t from_int(int64_t count, enum rm_precision precision)
{
    int64_t ms = 7;

    assert_int_equal(rm_timestamp_from_int(count, precision, &ms), 0);
    return ms;
}

static void takes_integers(void **state)
{
    (void)state;
    assert_true(from_int(1732568363376, RM_PRECISION_NONE) == 1732568363376);
    assert_true(from_int(100000000000, RM_PRECISION_NONE) == 100000000000);
    assert_true(from_int(-100000000000, RM_PRECISION_NONE) == -100000000000);
    assert_true(from_int(0, RM_PRECISION_MS) == 0);
    assert_true(from_int(1732568363, RM_PRECISION_S) == 1732568363000);
    assert_true(from_int(-1, RM_PRECISION_S) == -1000);
    assert_true(from_int(1732568363376999, RM_PRECISION_US) == 1732568363376);
    assert_true(from_int(-1, RM_PRECISION_US) == -1);
    assert_true(from_int(-1000, RM_PRECISION_US) == -1);
    assert_true(from_int(-1001, RM_PRECISION_US) == -2);
    assert_true(from_int(1732568363376999999, RM_PRECISION_NS) == 1732568363376);
    assert_true(from_int(-1, RM_PRECISION_NS) == -1);
    assert_true(from_int(RM_TIMESTAMP_MIN_MS, RM_PRECISION_MS) == RM_TIMESTAMP_MIN_MS);
    assert_true(from_int(RM_TIMESTAMP_MAX_MS / 1000, RM_PRECISION_S) == RM_TIMESTAMP_MAX_MS - 999);
    assert_true(from_int(INT64_MIN, RM_PRECISION_NS) == -9223372036855);
}

static void refuses_integers(void **state)
{
    int64_t ms = 7;

    (void)state;
    assert_int_equal(rm_timestamp_from_int(0, RM_PRECISION_NONE, &ms), RM_EAMBIGUOUS);
    assert_int_equal(rm_timestamp_from_int(1732568363, RM_PRECISION_NONE, &ms), RM_EAMBIGUOUS);
    assert_int_equal(rm_timestamp_from_int(99999999999, RM_PRECISION_NONE, &ms), RM_EAMBIGUOUS);
    assert_int_equal(rm_timestamp_from_int(-99999999999, RM_PRECISION_NONE, &ms), RM_EAMBIGUOUS);
    assert_int_equal(rm_timestamp_from_int(RM_TIMESTAMP_MAX_MS + 1, RM_PRECISION_NONE, &ms),
                     RM_ERANGE);
    assert_int_equal(rm_timestamp_from_int(RM_TIMESTAMP_MIN_MS - 1, RM_PRECISION_MS, &ms),
                     RM_ERANGE);
    assert_int_equal(rm_timestamp_from_int(RM_TIMESTAMP_MAX_MS / 1000 + 1, RM_PRECISION_S, &ms),
                     RM_ERANGE);
    assert_int_equal(rm_timestamp_from_int(INT64_MAX, RM_PRECISION_S, &ms), RM_ERANGE);
    assert_int_equal(rm_timestamp_from_int(INT64_MIN, RM_PRECISION_S, &ms), RM_ERANGE);
    assert_int_equal(rm_timestamp_from_int(INT64_MAX, RM_PRECISION_US, &ms), RM_ERANGE);
    assert_int_equal(ms, 7);
}

static void parses_precisions(void **state)
{
    static const struct {
        const char *text;
        enum rm_precision precision;
    } cases[] = {
        {"s", RM_PRECISION_S},
        {"ms", RM_PRECISION_MS},
        {"us", RM_PRECISION_US},
        {"ns", RM_PRECISION_NS},
    };
    static const char *const unknown[] = {"", "S", "m", "sec", "ms ", "none"};
    enum rm_precision precision = RM_PRECISION_NONE;

    (void)state;
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_int_equal(rm_precision_parse(rm_slice_of(unknown[i]), &precision), RM_EINVAL);
        assert_int_equal(precision, RM_PRECISION_NONE);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(rm_precision_parse(rm_slice_of(cases[i].text), &precision), 0);
        assert_int_equal(precision, cases[i].precision);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_known_instants), cmocka_unit_test(agrees_with_gmtime),
        cmocka_unit_test(parses_all_forms),       cmocka_unit_test(refuses_malformed),
        cmocka_unit_test(refuses_years_outside),  cmocka_unit_test(takes_integers),
        cmocka_unit_test(refuses_integers),       cmocka_unit_test(parses_precisions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
