#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/aggregate_query.h"
#include "raftmetrics/base/error.h"

/* A query with the params that its slices point into. */
struct read {
    struct rm__params params;
    struct rm__aggregate_query query;
    struct rm__problem problem;
};

static int read_text(struct read *read, const char *text)
{
    /* Nothing may be left of what stood there before. */
    memset(&read->query, 0xa5, sizeof read->query);
    assert_int_equal(rm__params_init(&read->params, rm_slice_of(text)), 0);
    return rm__aggregate_query_init(&read->query, &read->params, &read->problem);
}

static void read_good(struct read *read, const char *text)
{
    if (read_text(read, text) != 0) {
        fail_msg("%s: %s", text, read->problem.message);
    }
}

static void check_bad(const char *text, const char *words)
{
    struct read read;

    if (read_text(&read, text) != RM_EINVAL) {
        fail_msg("%s was taken", text);
    }
    if (read.problem.kind != RM__INVALID_PARAMETER || strstr(read.problem.message, words) == NULL) {
        fail_msg("%s: %s, \"%s\", without \"%s\"", text, rm__problem_code(read.problem.kind),
                 read.problem.message, words);
    }
    rm__params_done(&read.params);
}

static void check_aggs(const char *text, const char *expected)
{
    char is[256] = "";
    struct read read;

    read_good(&read, text);
    for (size_t i = 0; i < read.query.n_aggs; i++) {
        const struct rm__agg_field *field = &read.query.aggs[i];

        snprintf(is + strlen(is), sizeof is - strlen(is), "%.*s=%d", (int)field->name.len,
                 field->name.data, (int)field->agg);
        if (field->agg == RM__AGG_QUANTILE) {
            snprintf(is + strlen(is), sizeof is - strlen(is), ":%g",
                     read.query.quantiles[field->quantile]);
        }
        strcat(is, " ");
    }
    assert_string_equal(is, expected);
    rm__params_done(&read.params);
}

static void test_fields(void **state)
{
    (void)state;
    check_aggs("", "count=0 sum=1 mean=2 min=3 max=4 ");
    check_aggs("agg=max", "max=4 ");
    check_aggs("agg=avg,mean,first,last,stddev,variance,count",
               "avg=2 mean=2 first=5 last=6 stddev=7 variance=8 count=0 ");
    check_aggs("agg=count_rate,increase,rate", "count_rate=10 increase=11 rate=12 ");
    check_aggs("agg=p95,median,p50,p99.9,p0,p100",
               "p95=9:0.95 median=9:0.5 p50=9:0.5 p99.9=9:0.999 p0=9:0 p100=9:1 ");
    check_bad("agg=", "agg knows");
    check_bad("agg=max,", "agg knows");
    check_bad("agg=Max", "\"Max\"");
    check_bad("agg=max,min,max", "max twice");
    check_bad("agg=p", "\"p\"");
    check_bad("agg=p101", "\"p101\"");
    check_bad("agg=p-1", "\"p-1\"");
    check_bad("agg=p1e1", "\"p1e1\"");
    check_bad("agg=p1/2", "\"p1/2\"");
    check_bad("agg=p0000000000000000000000000000000000000001", "agg knows");
}

static void test_so_many_percentiles(void **state)
{
    char text[512] = "agg=p1";
    struct read read;

    (void)state;
    for (int i = 2; i <= RM_QUANTILES_MAX; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), ",p%d", i);
    }
    read_good(&read, text);
    assert_int_equal(read.query.n_quantiles, RM_QUANTILES_MAX);
    rm__params_done(&read.params);
    strcat(text, ",p99");
    check_bad(text, "at most 32 percentiles");
}

static void test_groups(void **state)
{
    struct read read;

    (void)state;
    read_good(&read, "group_by=host,dc&order_by=p99:desc&limit=10");
    assert_int_equal(read.query.n_group_by, 2);
    assert_true(rm_slice_is(read.query.group_by[0], "host"));
    assert_true(rm_slice_is(read.query.group_by[1], "dc"));
    assert_true(read.query.is_ordered && read.query.is_descending);
    assert_int_equal(read.query.order_by.agg, RM__AGG_QUANTILE);
    assert_int_equal(read.query.limit, 10);
    rm__params_done(&read.params);
    read_good(&read, "group_by=host&order_by=max");
    assert_false(read.query.is_descending);
    assert_int_equal(read.query.limit, SIZE_MAX);
    rm__params_done(&read.params);
    read_good(&read, "");
    assert_int_equal(read.query.n_group_by, 0);
    assert_false(read.query.is_ordered);
    rm__params_done(&read.params);
    check_bad("group_by=", "names of labels");
    check_bad("group_by=host,", "names of labels");
    check_bad("group_by=le", "names of labels");
    check_bad("group_by=host,dc,host", "host twice");
    check_bad("order_by=max", "group_by");
    check_bad("limit=5", "group_by");
    check_bad("group_by=a&limit=0", "limit must");
    check_bad("group_by=a&order_by=max:down", "FIELD:desc");
    check_bad("group_by=a&order_by=max:", "FIELD:desc");
    check_bad("group_by=a&order_by=", "order_by knows");
    check_bad("group_by=a&order_by=host", "order_by knows");
}

static void test_steps(void **state)
{
    struct read read;

    (void)state;
    read_good(&read, "step=1h30m");
    assert_int_equal(read.query.step_ms, 5400000);
    rm__params_done(&read.params);
    read_good(&read, "");
    assert_int_equal(read.query.step_ms, 0);
    rm__params_done(&read.params);
    check_bad("step=", "duration");
    check_bad("step=5", "duration");
    check_bad("step=0s", "duration");
}

static void test_what_is_needed(void **state)
{
    struct read read;

    (void)state;
    read_good(&read, "agg=max,rate&group_by=host&order_by=stddev");
    assert_true(rm__aggregate_query_needs(&read.query, RM__AGG_RATE));
    assert_true(rm__aggregate_query_needs(&read.query, RM__AGG_STDDEV));
    assert_false(rm__aggregate_query_needs(&read.query, RM__AGG_INCREASE));
    rm__params_done(&read.params);
}

static void check_rates(const char *text, int64_t from_ms, int64_t to_ms, double rate,
                        double count_rate)
{
    const struct rm_selection selection = {.from_ms = from_ms, .to_ms = to_ms};
    const struct rm_query_bucket bucket = {
        .aggregate = {.count = 4}, .increase = 30, .first_ms = 2000, .last_ms = 5000};
    struct read read;
    double values[2];

    read_good(&read, text);
    for (size_t i = 0; i < 2; i++) {
        values[i] = rm__agg_value(&read.query.aggs[i], &read.query, &selection, &bucket);
    }
    assert_true(values[0] == rate || (isnan(rate) && isnan(values[0])));
    assert_true(values[1] == count_rate || (isnan(count_rate) && isnan(values[1])));
    rm__params_done(&read.params);
}

static void test_what_rates_are_divided_by(void **state)
{
    (void)state;
    check_rates("agg=rate,count_rate", INT64_MIN, INT64_MAX, 10, 4.0 / 3);
    check_rates("agg=rate,count_rate", 0, INT64_MAX, 6, 0.8);
    check_rates("agg=rate,count_rate", INT64_MIN, 12000, 3, 0.4);
    check_rates("agg=rate,count_rate", 0, 10000, 3, 0.4);
    check_rates("agg=rate,count_rate&step=1m", 0, 10000, 0.5, 4.0 / 60);
    check_rates("agg=rate,count_rate", 5000, INT64_MAX, NAN, NAN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),         cmocka_unit_test(test_so_many_percentiles),
        cmocka_unit_test(test_groups),         cmocka_unit_test(test_steps),
        cmocka_unit_test(test_what_is_needed), cmocka_unit_test(test_what_rates_are_divided_by),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
