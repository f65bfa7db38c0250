#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/items.h"
#include "failing_malloc.h"
#include "raftmetrics/base/error.h"

enum { NOW_MS = 1732568363 };

static const struct rm_api_limits limits = {
    .max_batch_items = 3,
    .max_labels = 2,
    .max_label_name_bytes = 8,
    .max_label_value_bytes = 10,
};

static struct rm__items_context context(enum rm_precision precision)
{
    return (struct rm__items_context){.limits = &limits, .precision = precision, .now_ms = NOW_MS};
}

/* The items of a body that must be good. */
static struct rm__items read_good(const char *body, bool is_batch, enum rm_precision precision)
{
    struct rm__items_context with = context(precision);
    struct rm__items items;
    struct rm__problem problem;
    int rv = rm__items_read(&items, rm_slice_of(body), is_batch, &with, &problem);

    if (rv != 0) {
        fail_msg("%s: %d, %s", body, rv, rv == RM_EINVAL ? problem.message : "");
    }
    return items;
}

/* A body that must be refused as @kind, with @words in the message. */
static void check_refused(const char *body, bool is_batch, enum rm__problem_kind kind,
                          const char *words)
{
    struct rm__items_context with = context(RM_PRECISION_NONE);
    struct rm__items items;
    struct rm__problem problem;

    if (rm__items_read(&items, rm_slice_of(body), is_batch, &with, &problem) != RM_EINVAL) {
        fail_msg("%s was taken", body);
    }
    if (problem.kind != kind || strstr(problem.message, words) == NULL) {
        fail_msg("%s: %s, \"%s\", without \"%s\"", body, rm__problem_code(problem.kind),
                 problem.message, words);
    }
    assert_null(items.root);
    assert_null(items.samples);
    assert_null(items.labels);
}

/* An item with one more member. */
static void check_member(const char *member, enum rm__problem_kind kind, const char *words)
{
    char body[512];

    snprintf(body, sizeof body, "{\"metric_name\": \"cpu\", %s}", member);
    check_refused(body, false, kind, words);
}

static void test_an_item_with_everything(void **state)
{
    struct rm__items items =
        read_good("{\"labels\": {\"host\": \"web-1\", \"dc\": \"eu\"}, \"value\": 75.5, "
                  "\"timestamp\": \"2024-11-25T20:59:23.376Z\", \"metric_name\": \"cpu_usage\"}",
                  false, RM_PRECISION_NONE);

    (void)state;
    assert_int_equal(items.n_samples, 1);
    assert_true(rm_slice_is(items.samples[0].metric_name, "cpu_usage"));
    assert_true(items.samples[0].value == 75.5);
    assert_int_equal(items.samples[0].timestamp_ms, 1732568363376);
    assert_int_equal(items.samples[0].n_labels, 2);
    assert_true(rm_slice_is(items.samples[0].labels[0].name, "dc"));
    assert_true(rm_slice_is(items.samples[0].labels[0].value, "eu"));
    assert_true(rm_slice_is(items.samples[0].labels[1].name, "host"));
    rm__items_done(&items);
    assert_null(items.samples);
    rm__items_done(&items);
}

static void test_without_a_timestamp_it_is_now(void **state)
{
    struct rm__items items =
        read_good("{\"metric_name\":\"a\",\"value\":1}", false, RM_PRECISION_NONE);

    (void)state;
    assert_int_equal(items.samples[0].timestamp_ms, NOW_MS);
    assert_int_equal(items.samples[0].n_labels, 0);
    rm__items_done(&items);
}

static void check_value_with(const char *text, enum rm_precision precision, double expected)
{
    char body[128];
    struct rm__items items;

    snprintf(body, sizeof body, "{\"metric_name\":\"a\",\"value\":%s}", text);
    items = read_good(body, false, precision);
    assert_true(items.samples[0].value == expected);
    assert_int_equal(signbit(items.samples[0].value) != 0, signbit(expected) != 0);
    rm__items_done(&items);
}

static void check_value(const char *text, double expected)
{
    check_value_with(text, RM_PRECISION_NONE, expected);
    check_value_with(text, RM_PRECISION_NS, expected);
}

static void test_values(void **state)
{
    (void)state;
    check_value("0", 0);
    check_value("-0.0", -0.0);
    check_value("-0", -0.0);
    check_value("1e308", 1e308);
    check_value("5e-324", 5e-324);
    check_value("1e-400", 0);
    check_value("9007199254740993", 9007199254740992);
    check_value("9223372036854775808", 0x1p63);
    check_value("123456789012345678901234567890", 123456789012345678901234567890.0);
    check_member("\"value\": \"1\"", RM__INVALID_VALUE, "number");
    check_member("\"value\": null", RM__INVALID_VALUE, "number");
    check_member("\"value\": true", RM__INVALID_VALUE, "number");
    check_member("\"value\": [1]", RM__INVALID_VALUE, "number");
    check_member("\"value\": 1e309", RM__INVALID_JSON, "line 1");
    check_member("\"value\": -1e309", RM__INVALID_JSON, "line 1");
    check_member("\"value\": NaN", RM__INVALID_JSON, "line 1");
    check_member("\"value\": Infinity", RM__INVALID_JSON, "line 1");
    check_member("\"timestamp\": 1732568363376", RM__MISSING_FIELD, "value");
}

static void check_timestamp(const char *text, enum rm_precision precision, int64_t expected)
{
    char body[128];
    struct rm__items items;

    snprintf(body, sizeof body, "{\"metric_name\":\"a\",\"value\":1,\"timestamp\":%s}", text);
    items = read_good(body, false, precision);
    assert_int_equal(items.samples[0].timestamp_ms, expected);
    rm__items_done(&items);
}

static void test_timestamps(void **state)
{
    (void)state;
    check_timestamp("1732568363376", RM_PRECISION_NONE, 1732568363376);
    check_timestamp("1732568363377000000", RM_PRECISION_NS, 1732568363377);
    check_timestamp("1732568363376999999", RM_PRECISION_NS, 1732568363376);
    check_timestamp("1732568363377000000.0", RM_PRECISION_NS, 1732568363377); /* as a double less */
    check_timestamp("1.732568363377e18", RM_PRECISION_NS, 1732568363377);
    check_timestamp("1732568363376999424.0", RM_PRECISION_NS, 1732568363376);
    check_timestamp("-1732568363377000000.0", RM_PRECISION_NS, -1732568363377);
    check_timestamp("9007199254741999", RM_PRECISION_US, 9007199254741); /* no double is that */
    check_timestamp("253402300799999999", RM_PRECISION_US, 253402300799999);
    check_timestamp("1732568363376.0", RM_PRECISION_NONE, 1732568363376);
    check_timestamp("1.732568363376e12", RM_PRECISION_NONE, 1732568363376);
    check_timestamp("0", RM_PRECISION_MS, 0);
    check_timestamp("-1", RM_PRECISION_MS, -1);
    check_timestamp("1732568363", RM_PRECISION_S, 1732568363000);
    check_timestamp("1732568363376999", RM_PRECISION_US, 1732568363376);
    check_timestamp("1732568363376999999", RM_PRECISION_NS, 1732568363376);
    check_timestamp("1732568363377000000", RM_PRECISION_NS, 1732568363377);
    check_timestamp("-1", RM_PRECISION_NS, -1);
    check_timestamp("\"2024-11-25T21:59:23.376+01:00\"", RM_PRECISION_S, 1732568363376);
    check_member("\"value\": 1, \"timestamp\": 1732568363", RM__AMBIGUOUS_TIMESTAMP, "precision");
    check_member("\"value\": 1, \"timestamp\": 0", RM__AMBIGUOUS_TIMESTAMP, "precision");
    check_member("\"value\": 1, \"timestamp\": 1732568363376.5", RM__INVALID_TIMESTAMP, "whole");
    check_member("\"value\": 1, \"timestamp\": 1e300", RM__INVALID_TIMESTAMP, "years");
    check_member("\"value\": 1, \"timestamp\": 253402300800000", RM__INVALID_TIMESTAMP, "years");
    check_member("\"value\": 1, \"timestamp\": \"yesterday\"", RM__INVALID_TIMESTAMP, "RFC 3339");
    check_member("\"value\": 1, \"timestamp\": \"2024-11-25\"", RM__INVALID_TIMESTAMP, "RFC 3339");
    check_member("\"value\": 1, \"timestamp\": \"\"", RM__INVALID_TIMESTAMP, "RFC 3339");
    check_member("\"value\": 1, \"timestamp\": null", RM__INVALID_TIMESTAMP, "RFC 3339");
}

static void test_names(void **state)
{
    (void)state;
    check_refused("{\"value\": 1}", false, RM__MISSING_FIELD, "metric_name");
    check_refused("{\"metric_name\": 1, \"value\": 1}", false, RM__INVALID_METRIC_NAME, "string");
    check_refused("{\"metric_name\": \"\", \"value\": 1}", false, RM__INVALID_METRIC_NAME, "\"\"");
    check_refused("{\"metric_name\": \"1a\", \"value\": 1}", false, RM__INVALID_METRIC_NAME, "1a");
    check_refused("{\"metric_name\": \"a b\", \"value\": 1}", false, RM__INVALID_METRIC_NAME,
                  "\"a b\"");
    check_refused("{\"metric_name\": \"a\\u0000b\", \"value\": 1}", false, RM__INVALID_JSON, "");
}

static void test_labels_are_canonical(void **state)
{
    struct rm__items items = read_good("{\"metric_name\":\"a\",\"value\":1,"
                                       "\"labels\":{\"b\":\"\",\"a.b\":\"\xc3\xa4\"}}",
                                       false, RM_PRECISION_NONE);

    (void)state;
    assert_int_equal(items.samples[0].n_labels, 1);
    assert_true(rm_slice_is(items.samples[0].labels[0].name, "a.b"));
    assert_true(rm_slice_is(items.samples[0].labels[0].value, "\xc3\xa4"));
    rm__items_done(&items);
}

static void check_labels(const char *labels, const char *words)
{
    char member[256];

    snprintf(member, sizeof member, "\"value\": 1, \"labels\": %s", labels);
    check_member(member, RM__INVALID_LABELS, words);
}

static void test_labels_that_are_refused(void **state)
{
    (void)state;
    check_labels("[]", "object");
    check_labels("null", "object");
    check_labels("\"a=b\"", "object");
    check_labels("{\"a\": 1}", "\"a\"");
    check_labels("{\"a\": null}", "\"a\"");
    check_labels("{\"le\": \"1\"}", "\"le\"");
    check_labels("{\"__a\": \"1\"}", "\"__a\"");
    check_labels("{\"\": \"1\"}", "\"\"");
    check_labels("{\"a b\": \"1\"}", "\"a b\"");
    check_labels("{\"ninechars\": \"1\"}", "8 bytes");
    check_labels("{\"a\": \"elevenchars\"}", "10 bytes");
    check_labels("{\"a\": \"x\\u0007\"}", "control");
    check_labels("{\"a\": \"1\", \"b\": \"1\", \"c\": \"1\"}", "at most 2");
    check_labels("{\"a\": \"\", \"b\": \"\", \"c\": \"\"}", "at most 2");
    check_labels("{\"a.b\": \"1\", \"a_b\": \"2\"}", "twice");
    check_labels("{\"a-b\": \"1\", \"a/b\": \"\"}", "twice");
    check_member("\"value\": 1, \"labels\": {\"a\": \"1\", \"a\": \"2\"}", RM__INVALID_JSON,
                 "duplicate");
}

static void test_what_is_no_item(void **state)
{
    (void)state;
    check_refused("", false, RM__INVALID_JSON, "not JSON");
    check_refused("{", false, RM__INVALID_JSON, "line 1");
    check_refused("{}\n{}", false, RM__INVALID_JSON, "line 2");
    check_refused("{} x", false, RM__INVALID_JSON, "");
    check_refused("[]", false, RM__INVALID_BODY, "object");
    check_refused("\"text\"", false, RM__INVALID_BODY, "object");
    check_refused("1", false, RM__INVALID_BODY, "object");
    check_refused("null", true, RM__INVALID_BODY, "object");
    check_refused("{\"metric_name\": \"caf\xff\"}", false, RM__INVALID_JSON, "");
    check_refused("{\"metric_name\": \"a\", \"metric_name\": \"a\", \"value\": 1}", false,
                  RM__INVALID_JSON, "duplicate");
    check_member("\"value\": 1, \"valeu\": 2", RM__UNKNOWN_FIELD, "\"valeu\"");
    check_member("\"value\": 1, \"Value\": 2", RM__UNKNOWN_FIELD, "\"Value\"");
    check_refused("{\"metrics\": []}", false, RM__UNKNOWN_FIELD, "\"metrics\"");
}

static void test_no_body_at_all(void **state)
{
    struct rm__items_context with = context(RM_PRECISION_NONE);
    struct rm__items items;
    struct rm__problem problem;

    (void)state;
    assert_int_equal(rm__items_read(&items, (struct rm_slice){NULL, 0}, false, &with, &problem),
                     RM_EINVAL);
    assert_int_equal(problem.kind, RM__INVALID_JSON);
}

static void test_a_batch_in_its_order(void **state)
{
    struct rm__items items =
        read_good("{\"metrics\":[{\"metric_name\":\"b\",\"value\":1,\"labels\":{\"x\":\"1\"}},"
                  "{\"metric_name\":\"a\",\"value\":2,\"labels\":{\"z\":\"\"}},"
                  "{\"metric_name\":\"b\",\"value\":3,\"labels\":{\"y\":\"3\",\"x\":\"2\"}}]}",
                  true, RM_PRECISION_NONE);

    (void)state;
    assert_int_equal(items.n_samples, 3);
    assert_true(rm_slice_is(items.samples[0].metric_name, "b"));
    assert_true(items.samples[0].value == 1);
    assert_true(rm_slice_is(items.samples[0].labels[0].value, "1"));
    assert_int_equal(items.samples[1].n_labels, 0);
    assert_int_equal(items.samples[2].n_labels, 2);
    assert_true(rm_slice_is(items.samples[2].labels[0].value, "2"));
    assert_true(rm_slice_is(items.samples[2].labels[1].value, "3"));
    rm__items_done(&items);
    items = read_good("{\"metrics\":[]}", true, RM_PRECISION_NONE);
    assert_int_equal(items.n_samples, 0);
    rm__items_done(&items);
}

#define ITEM "{\"metric_name\":\"a\",\"value\":1}"

static void test_batches_that_are_refused(void **state)
{
    (void)state;
    check_refused("{}", true, RM__MISSING_FIELD, "metrics");
    check_refused("[" ITEM "]", true, RM__INVALID_BODY, "object");
    check_refused("{\"metrics\": {}}", true, RM__INVALID_BODY, "array");
    check_refused("{\"metrics\": null}", true, RM__INVALID_BODY, "array");
    check_refused("{\"metrics\": [], \"more\": 1}", true, RM__UNKNOWN_FIELD, "\"more\"");
    check_refused("{\"more\": 1, \"metrics\": []}", true, RM__UNKNOWN_FIELD, "\"more\"");
    check_refused(ITEM, true, RM__UNKNOWN_FIELD, "is not a field");
    check_refused("{\"metrics\": [" ITEM "," ITEM "," ITEM "," ITEM "]}", true, RM__TOO_MANY_ITEMS,
                  "4 items");
    check_refused("{\"metrics\": [{},{},{},{},{},{},{}]}", true, RM__TOO_MANY_ITEMS, "objects");
    check_refused("{\"metrics\": [" ITEM ",{\"{{\\\"{{{{{{{{\":{}}]}", true, RM__UNKNOWN_FIELD,
                  "metrics[1]: ");
    check_refused("{\"metrics\": [1]}", true, RM__INVALID_BODY, "metrics[0]: ");
    check_refused("{\"metrics\": [" ITEM ", null]}", true, RM__INVALID_BODY, "metrics[1]: ");
    check_refused("{\"metrics\": [" ITEM "," ITEM ",{\"metric_name\":\"a\"}]}", true,
                  RM__MISSING_FIELD, "metrics[2]: ");
    check_refused("{\"metrics\": [" ITEM ",{\"value\":1,\"metric_name\":\"-\"}," ITEM "]}", true,
                  RM__INVALID_METRIC_NAME, "metrics[1]: ");
}

#if FAILING_MALLOC
static void test_out_of_memory(void **state)
{
    static const char body[] =
        "{\"metrics\":[{\"metric_name\":\"b\",\"value\":1,\"labels\":{\"x\":\"1\"}}," ITEM "]}";
    struct rm__items_context with = context(RM_PRECISION_NS);
    struct rm__items items;
    struct rm__problem problem;
    long n_live;
    int rv;

    (void)state;
    items = read_good(body, true, RM_PRECISION_NS); /* jansson's own first allocations */
    rm__items_done(&items);
    n_live = failing_malloc_n_live;
    for (long n = 1;; n++) {
        failing_malloc_arm(n);
        rv = rm__items_read(&items, rm_slice_of(body), true, &with, &problem);
        if (!failing_malloc_disarm()) {
            break;
        }
        assert_int_not_equal(rv, 0); /* jansson calls some of them bad syntax */
        assert_int_equal(failing_malloc_n_live, n_live);
    }
    assert_int_equal(rv, 0);
    rm__items_done(&items);
    assert_int_equal(failing_malloc_n_live, n_live);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_item_with_everything),
        cmocka_unit_test(test_without_a_timestamp_it_is_now),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_labels_are_canonical),
        cmocka_unit_test(test_labels_that_are_refused),
        cmocka_unit_test(test_what_is_no_item),
        cmocka_unit_test(test_no_body_at_all),
        cmocka_unit_test(test_a_batch_in_its_order),
        cmocka_unit_test(test_batches_that_are_refused),
#if FAILING_MALLOC
        cmocka_unit_test(test_out_of_memory),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
