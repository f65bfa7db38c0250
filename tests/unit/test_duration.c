#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raftmetrics/base/duration.h"
#include "raftmetrics/base/error.h"

static void parses_units_and_sums(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1ms", 1},
        {"500ms", 500},
        {"30s", 30000},
        {"5m", 300000},
        {"1h", 3600000},
        {"7d", 604800000},
        {"1h30m", 5400000},
        {"30m1h", 5400000},
        {"1d1h1m1s1ms", 90061001},
        {"1m1ms", 60001},
        {"0h1s", 1000},
        {"007s", 7000},
        {"1s1s", 2000},
        {"3652425d", RM_DURATION_MAX_MS},
        {"315569520000000ms", RM_DURATION_MAX_MS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = -1;

        assert_int_equal(rm_duration_parse(rm_slice_of(cases[i].text), &ms), 0);
        assert_true(ms == cases[i].ms);
    }
}

static void refuses_malformed(void **state)
{
    static const char *const malformed[] = {
        "",
        "0s",
        "0ms0d",
        "5",
        "s",
        "5x",
        "5 m",
        " 5m",
        "5m ",
        "-5m",
        "+5m",
        "1.5h",
        "1h30",
        "h1",
        "5M",
        "5mm",
        "1w",
        "1y",
        "5us",
        "1hh",
        "1h,5m",
        "1e3s",
        "inf",
        "0x5s",
        "5m\n",
        "99999999999999999999",
        "99999999999999999999d5",
    };
    int64_t ms = 7;

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        assert_int_equal(rm_duration_parse(rm_slice_of(malformed[i]), &ms), RM_ESYNTAX);
    }
    assert_int_equal(rm_duration_parse(rm_slice_make(NULL, 0), &ms), RM_ESYNTAX);
    assert_int_equal(rm_duration_parse(rm_slice_make("1s\0", 3), &ms), RM_ESYNTAX);
    assert_int_equal(ms, 7);
}

static void refuses_more_than_the_maximum(void **state)
{
    static const char *const outside[] = {
        "3652426d",
        "3652425d1ms",
        "1ms3652425d",
        "315569520000001ms",
        "9223372036854775807d",
        "213503982335d", /* 2^64 ms and a little more */
        "99999999999999999999999ms",
        "99999999999d99999999999d99999999999d99999999999d",
    };
    int64_t ms = 7;

    (void)state;
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_int_equal(rm_duration_parse(rm_slice_of(outside[i]), &ms), RM_ERANGE);
    }
    assert_int_equal(ms, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_units_and_sums),
        cmocka_unit_test(refuses_malformed),
        cmocka_unit_test(refuses_more_than_the_maximum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
