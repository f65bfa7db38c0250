#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/read_query.h"
#include "raftmetrics/base/error.h"

#define NOW_MS INT64_C(1732568363376) /* 2024-11-25T20:59:23.376Z */

/* A query with the params that its slices point into. */
struct read {
    struct rm__params params;
    struct rm__read_query query;
    struct rm__problem problem;
    int rv;
};

static void read_accepting(struct read *read, enum rm__action action, const char *text,
                           const char *accept)
{
    struct rm_slice name = rm_slice_of(action == RM__ACTION_LIST ? "" : "cpu");

    /* Nothing may be left of what stood there before. */
    memset(&read->query, 0xa5, sizeof read->query);
    assert_int_equal(rm__params_init(&read->params, rm_slice_of(text)), 0);
    read->rv = rm__read_query_init(&read->query, action, name, &read->params, rm_slice_of(accept),
                                   NOW_MS, &read->problem);
}

static void read_good(struct read *read, enum rm__action action, const char *text)
{
    read_accepting(read, action, text, "application/json");
    if (read->rv != 0) {
        fail_msg("%s: %s", text, read->problem.message);
    }
}

static void check_refused(enum rm__action action, const char *text, enum rm__problem_kind kind,
                          const char *words)
{
    struct read read;

    read_accepting(&read, action, text, "application/json");
    if (read.rv != RM_EINVAL) {
        fail_msg("%s was taken", text);
    }
    if (read.problem.kind != kind || strstr(read.problem.message, words) == NULL) {
        fail_msg("%s: %s, \"%s\", without \"%s\"", text, rm__problem_code(read.problem.kind),
                 read.problem.message, words);
    }
    rm__params_done(&read.params);
}

static void check_bad(const char *text, const char *words)
{
    check_refused(RM__ACTION_VALUES, text, RM__INVALID_PARAMETER, words);
}

static void test_defaults_of_values(void **state)
{
    struct read read;

    (void)state;
    read_good(&read, RM__ACTION_VALUES, "");
    assert_true(rm_slice_is(read.query.selection.metric_name, "cpu"));
    assert_int_equal(read.query.selection.n_matchers, 0);
    assert_true(read.query.selection.from_ms == INT64_MIN);
    assert_true(read.query.selection.to_ms == INT64_MAX);
    assert_int_equal(read.query.limit, 10000);
    assert_false(read.query.has_cursor);
    assert_false(read.query.has_timestamps);
    assert_false(read.query.by_series);
    assert_int_equal(read.query.decimals, -1);
    assert_int_equal(read.query.level, RM_READ_WEAK);
    rm__params_done(&read.params);
}

static void check_range(const char *text, int64_t from_ms, int64_t to_ms)
{
    struct read read;

    read_good(&read, RM__ACTION_AGGREGATE, text);
    assert_true(read.query.selection.from_ms == from_ms);
    assert_true(read.query.selection.to_ms == to_ms);
    rm__params_done(&read.params);
}

static void test_ranges(void **state)
{
    (void)state;
    check_range("from=1732568363376", NOW_MS, INT64_MAX);
    check_range("to=2024-11-25T20:59:23.376Z", INT64_MIN, NOW_MS);
    check_range("from=2024-11-25T21:59:23.376%2B01:00&to=1732568363377", NOW_MS, NOW_MS + 1);
    check_range("from=2024-11-25T21:59:23.376+01:00", NOW_MS, INT64_MAX);
    check_range("from=2024-11-25%2021:59:23.376%2001:00", NOW_MS, INT64_MAX);
    check_range("from=2024-11-25+20:59:23.376Z", NOW_MS, INT64_MAX);
    check_range("precision=s&from=1732568363&to=1732568364", NOW_MS - 376, NOW_MS + 624);
    check_range("from=5&to=6&precision=ms", 5, 6);
    check_range("from=1732568363376&to=1732568363376", NOW_MS, NOW_MS);
    check_range("window=1h30m", NOW_MS - 5399999, NOW_MS + 1);
    check_range("window=500ms", NOW_MS - 499, NOW_MS + 1);
}

static void test_ranges_that_are_refused(void **state)
{
    (void)state;
    check_bad("from=yesterday", "from");
    check_bad("to=", "to must");
    check_bad("from=2024-11-25", "RFC 3339");
    check_bad("from=99999999999999999999", "from");
    check_bad("from=253402300800000", "from");
    check_bad("from=1732568363376.5", "from");
    check_bad("from=1732568363377&to=1732568363376", "later");
    check_bad("window=5", "duration");
    check_bad("window=", "duration");
    check_bad("window=-5m", "duration");
    check_bad("window=5m&from=1732568363376", "beside");
    check_bad("window=5m&to=1732568363376", "beside");
    check_bad("precision=m", "precision");
    check_bad("precision=", "precision");
    check_bad("from=2024-11-25T20:59:23.376Z00000000000000000000000000000000000000000000", "from");
    check_refused(RM__ACTION_VALUES, "from=1732568363", RM__AMBIGUOUS_TIMESTAMP, "from looks");
    check_refused(RM__ACTION_AGGREGATE, "to=0", RM__AMBIGUOUS_TIMESTAMP, "to looks");
}

static void check_matchers(const char *text, const char *expected)
{
    char is[256] = "";
    struct read read;

    read_good(&read, RM__ACTION_VALUES, text);
    for (size_t i = 0; i < read.query.selection.n_matchers; i++) {
        const struct rm_label *matcher = &read.query.selection.matchers[i];

        snprintf(is + strlen(is), sizeof is - strlen(is), "%.*s=%.*s;", (int)matcher->name.len,
                 matcher->name.data, (int)matcher->value.len, matcher->value.data);
    }
    assert_string_equal(is, expected);
    rm__params_done(&read.params);
}

static void test_matchers(void **state)
{
    (void)state;
    check_matchers("label=host:web-1", "host=web-1;");
    check_matchers("label=url:http://a:80&label=dc:eu", "url=http://a:80;dc=eu;");
    check_matchers("labels=host:web-1,dc:eu", "host=web-1;dc=eu;");
    check_matchers("label=a:1&labels=b:2,c:3&label=d:4", "b=2;c=3;a=1;d=4;");
    check_matchers("label=host:", "host=;");
    check_matchers("label=list:a,b", "list=a,b;");
    check_bad("label=host", "NAME:VALUE");
    check_bad("label=", "NAME:VALUE");
    check_bad("label=:x", "NAME:VALUE");
    check_bad("label=le:1", "NAME:VALUE");
    check_bad("labels=", "NAME:VALUE");
    check_bad("labels=a:1,", "NAME:VALUE");
    check_bad("labels=a:1,,b:2", "labels must");
}

static void test_at_most_so_many_matchers(void **state)
{
    char text[RM_MATCHERS_MAX * 4 + sizeof "labels=" + 4] = "labels=";
    struct read read;

    (void)state;
    for (int i = 0; i < RM_MATCHERS_MAX; i++) {
        strcat(text, i == 0 ? "a:1" : ",a:1");
    }
    read_good(&read, RM__ACTION_VALUES, text);
    assert_int_equal(read.query.selection.n_matchers, RM_MATCHERS_MAX);
    rm__params_done(&read.params);
    strcat(text, ",a:1");
    check_bad(text, "at most 32");
}

static void test_what_shapes_the_values(void **state)
{
    struct read read;

    (void)state;
    read_good(&read, RM__ACTION_VALUES,
              "limit=1000000&timestamps=true&by=series&decimals=17&level=linearizable");
    assert_int_equal(read.query.limit, 1000000);
    assert_true(read.query.has_timestamps);
    assert_true(read.query.by_series);
    assert_int_equal(read.query.decimals, 17);
    assert_int_equal(read.query.level, RM_READ_LINEARIZABLE);
    rm__params_done(&read.params);
    read_good(&read, RM__ACTION_VALUES, "limit=1&timestamps=false&decimals=0&level=none");
    assert_int_equal(read.query.limit, 1);
    assert_false(read.query.has_timestamps);
    assert_int_equal(read.query.decimals, 0);
    assert_int_equal(read.query.level, RM_READ_NONE);
    rm__params_done(&read.params);
    check_bad("limit=0", "limit must be an integer from 1 to 1000000");
    check_bad("limit=1000001", "limit");
    check_bad("limit=", "limit");
    check_bad("limit=1e3", "limit");
    check_bad("limit=-1", "limit");
    check_bad("limit=99999999999999999999", "limit");
    check_bad("decimals=18", "decimals");
    check_bad("decimals=-1", "decimals");
    check_bad("timestamps=yes", "timestamps");
    check_bad("timestamps=", "timestamps");
    check_bad("by=label", "series");
    check_bad("by=", "series");
    check_bad("level=strong", "level");
    check_bad("level=", "level");
}

static void check_cursor(int64_t timestamp_ms, uint64_t ordinal)
{
    struct rm_position position = {timestamp_ms, ordinal};
    char cursor[RM__CURSOR_TEXT_MAX];
    char text[RM__CURSOR_TEXT_MAX + sizeof "cursor="];
    struct read read;

    rm__cursor_format(&position, cursor);
    snprintf(text, sizeof text, "cursor=%s", cursor);
    read_good(&read, RM__ACTION_VALUES, text);
    assert_true(read.query.has_cursor);
    assert_true(read.query.before.timestamp_ms == timestamp_ms);
    assert_true(read.query.before.ordinal == ordinal);
    rm__params_done(&read.params);
}

static void test_cursors(void **state)
{
    (void)state;
    check_cursor(NOW_MS, 0);
    check_cursor(-NOW_MS, 17);
    check_cursor(INT64_MIN, INT64_MAX);
    check_cursor(INT64_MAX, 1);
    check_bad("cursor=", "cursor");
    check_bad("cursor=1732568363376", "cursor");
    check_bad("cursor=1.", "cursor");
    check_bad("cursor=.1", "cursor");
    check_bad("cursor=1.-1", "cursor");
    check_bad("cursor=1.2.3", "cursor");
    check_bad("cursor=a.b", "cursor");
    check_bad("cursor=99999999999999999999.1", "cursor");
}

static void test_series(void **state)
{
    struct read read;

    (void)state;
    read_good(&read, RM__ACTION_SERIES, "");
    assert_int_equal(read.query.limit, 1000);
    assert_int_equal(read.query.after_series, 0);
    rm__params_done(&read.params);
    read_good(&read, RM__ACTION_SERIES, "limit=10000&cursor=17&level=none");
    assert_int_equal(read.query.limit, 10000);
    assert_int_equal(read.query.after_series, 17);
    rm__params_done(&read.params);
    check_refused(RM__ACTION_SERIES, "cursor=0", RM__INVALID_PARAMETER, "cursor");
    check_refused(RM__ACTION_SERIES, "cursor=1.2", RM__INVALID_PARAMETER, "cursor");
    check_refused(RM__ACTION_SERIES, "limit=10001", RM__INVALID_PARAMETER, "1 to 10000");
}

static void test_listings(void **state)
{
    struct read read;

    (void)state;
    read_good(&read, RM__ACTION_LIST, "");
    assert_int_equal(read.query.limit, 1000);
    assert_true(read.query.wants_json);
    assert_int_equal(read.query.prefix.len, 0);
    assert_int_equal(read.query.after.len, 0);
    rm__params_done(&read.params);
    read_good(&read, RM__ACTION_LIST, "prefix=cp&limit=10000&cursor=cpu_usage");
    assert_int_equal(read.query.limit, 10000);
    assert_true(rm_slice_is(read.query.prefix, "cp"));
    assert_true(rm_slice_is(read.query.after, "cpu_usage"));
    rm__params_done(&read.params);
    check_refused(RM__ACTION_LIST, "limit=10001", RM__INVALID_PARAMETER, "1 to 10000");
    check_refused(RM__ACTION_LIST, "cursor=", RM__INVALID_PARAMETER, "cursor");
    check_refused(RM__ACTION_LIST, "cursor=1.5", RM__INVALID_PARAMETER, "cursor");
    check_refused(RM__ACTION_LIST, "level=no", RM__INVALID_PARAMETER, "level");
}

static void check_listing(const char *text, const char *accept)
{
    struct read read;

    read_accepting(&read, RM__ACTION_LIST, text, accept);
    assert_int_equal(read.rv, 0);
    assert_true(read.query.wants_json);
    rm__params_done(&read.params);
}

static void check_exposition(const char *text, const char *accept, enum rm_exposition_syntax syntax,
                             bool keeps_names)
{
    struct read read;

    read_accepting(&read, RM__ACTION_LIST, text, accept);
    assert_int_equal(read.rv, 0);
    assert_false(read.query.wants_json);
    assert_int_equal(read.query.style.syntax, syntax);
    assert_int_equal(read.query.style.keeps_names, keeps_names);
    rm__params_done(&read.params);
}

static void test_formats_of_a_listing(void **state)
{
    static const char utf8[] = "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.1,"
                               "application/openmetrics-text";

    (void)state;
    check_listing("", "application/json");
    check_listing("format=json", "text/plain");
    check_exposition("", "*/*", RM_EXPOSITION_TEXT, false);
    check_exposition("", utf8, RM_EXPOSITION_OPENMETRICS, false);
    check_exposition("format=prometheus", "application/json", RM_EXPOSITION_TEXT, false);
    check_exposition("format=openmetrics", "application/json", RM_EXPOSITION_OPENMETRICS, false);
    check_exposition("format=prometheus", utf8, RM_EXPOSITION_TEXT, true);
    check_refused(RM__ACTION_LIST, "format=xml", RM__INVALID_PARAMETER, "format");
    check_refused(RM__ACTION_LIST, "format=", RM__INVALID_PARAMETER, "format");
}

static void test_an_exposition_is_whole(void **state)
{
    (void)state;
    check_refused(RM__ACTION_LIST, "format=prometheus&prefix=a", RM__INVALID_PARAMETER, "prefix");
    check_refused(RM__ACTION_LIST, "format=prometheus&limit=9", RM__INVALID_PARAMETER, "limit");
    check_refused(RM__ACTION_LIST, "format=openmetrics&cursor=a", RM__INVALID_PARAMETER, "cursor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_of_values),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_ranges_that_are_refused),
        cmocka_unit_test(test_matchers),
        cmocka_unit_test(test_at_most_so_many_matchers),
        cmocka_unit_test(test_what_shapes_the_values),
        cmocka_unit_test(test_cursors),
        cmocka_unit_test(test_series),
        cmocka_unit_test(test_listings),
        cmocka_unit_test(test_formats_of_a_listing),
        cmocka_unit_test(test_an_exposition_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
