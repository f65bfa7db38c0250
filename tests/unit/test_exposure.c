/* What a store gives to an exposition. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/exposure.h"
#include "random.h"

enum { NAMES = 3000, NAME_MAX_LEN = 32, ALL_AT_ONCE = 1 << 20 };

static const struct rm_exposition_style escaped = {RM_EXPOSITION_TEXT, false};
static const struct rm_exposition_style kept = {RM_EXPOSITION_OPENMETRICS, true};

static void record(struct rm_store *store, const char *name, const char *host, double value,
                   int64_t timestamp_ms)
{
    const struct rm_label label = {rm_slice_of("host"), rm_slice_of(host)};
    const struct rm_sample sample = {.metric_name = rm_slice_of(name),
                                     .labels = &label,
                                     .n_labels = host[0] == '\0' ? 0 : 1,
                                     .value = value,
                                     .timestamp_ms = timestamp_ms};

    assert_int_equal(rm_store_record(store, &sample), 0);
}

static struct rm_exposure expose(struct rm_store *store, struct rm_exposition_style style,
                                 const char *from)
{
    struct rm_exposure exposure;

    assert_int_equal(rm_store_expose(store, style, rm_slice_of(from), ALL_AT_ONCE, &exposure), 0);
    return exposure;
}

static void check_names(struct rm_store *store, struct rm_exposition_style style, const char *from,
                        const char *expected)
{
    struct rm_exposure exposure = expose(store, style, from);
    struct rm_exposed_metric metric;
    char names[512] = "";

    while (rm_exposure_peek(&exposure, &metric)) {
        size_t len = strlen(names);

        snprintf(names + len, sizeof names - len, "%s%.*s", len == 0 ? "" : " ",
                 (int)metric.name.len, metric.name.data);
        rm_exposure_next(&exposure);
    }
    assert_string_equal(names, expected);
}

static void metrics_stand_in_the_order_of_what_is_written(void **state)
{
    static const char *const names[] = {"a_c", "a.c", "a0", "b", "a-b", "a", "a/b", "A", "ab"};
    struct rm_store *store = rm_store_new(1);

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        record(store, names[i], "", 1, 0);
    }
    check_names(store, escaped, "", "A a a0 a-b a/b a.c a_c ab b");
    check_names(store, kept, "", "A a a-b a.c a/b a0 a_c ab b");
    check_names(store, escaped, "a/b", "a/b a.c a_c ab b");
    check_names(store, escaped, "a_b", "a.c a_c ab b");
    check_names(store, escaped, "a.", "a-b a/b a.c a_c ab b"); /* as "a_" is written */
    check_names(store, kept, "a0", "a0 a_c ab b");
    check_names(store, escaped, "b", "b");
    check_names(store, escaped, "c", "");
    assert_int_equal(rm_store_delete(store, rm_slice_of("a/b")), 0);
    record(store, "a.b", "", 1, 0);
    check_names(store, escaped, "", "A a a0 a-b a.b a.c a_c ab b");
    check_names(store, kept, "", "A a a-b a.b a.c a0 a_c ab b");
    rm_store_free(store);
}

static void an_empty_store_gives_nothing(void **state)
{
    struct rm_store *store = rm_store_new(1);

    (void)state;
    check_names(store, escaped, "", "");
    check_names(store, kept, "x", "");
    record(store, "a", "", 1, 0);
    check_names(store, escaped, "", "a");
    assert_int_equal(rm_store_delete(store, rm_slice_of("a")), 0);
    check_names(store, escaped, "", "");
    rm_store_free(store);
}

/* ---- many metrics, that come and go while the store gets into order ---- */

struct many {
    struct rm_store *store;
    struct random random;
    char names[NAMES][NAME_MAX_LEN];
    bool is_there[NAMES];
};

static void many_change(struct many *many)
{
    size_t i = (size_t)random_below(&many->random, NAMES);

    if (many->is_there[i]) {
        assert_int_equal(rm_store_delete(many->store, rm_slice_of(many->names[i])), 0);
    } else {
        record(many->store, many->names[i], "", 1, 0);
    }
    many->is_there[i] = !many->is_there[i];
}

static void check_many(struct many *many, struct rm_exposition_style style)
{
    struct rm_exposure exposure = expose(many->store, style, "");
    struct rm_exposed_metric metric;
    char last[NAME_MAX_LEN] = "";
    size_t n = 0;
    size_t n_there = 0;

    for (; rm_exposure_peek(&exposure, &metric); rm_exposure_next(&exposure)) {
        assert_true(n == 0 ||
                    rm_exposition_compare_names(style, rm_slice_of(last), metric.name) < 0);
        snprintf(last, sizeof last, "%.*s", (int)metric.name.len, metric.name.data);
        n++;
    }
    for (size_t i = 0; i < NAMES; i++) {
        n_there += many->is_there[i];
        if (many->is_there[i]) {
            exposure = expose(many->store, style, many->names[i]);
            assert_true(rm_exposure_peek(&exposure, &metric));
            assert_true(rm_slice_is(metric.name, many->names[i]));
        }
    }
    assert_int_equal(n, n_there);
}

static void a_store_gets_into_order_while_it_changes(void **state)
{
    static struct many many;
    struct rm_exposure exposure;
    int n_busy[2] = {0, 0};

    (void)state;
    many.store = rm_store_new(7);
    many.random = random_start(__func__);
    for (int i = 0; i < NAMES; i++) {
        static const char separators[] = "._-/:a0";

        snprintf(many.names[i], sizeof many.names[i], "m%d%c%d", i % 60,
                 separators[random_below(&many.random, 7)], i);
    }
    for (int i = 0; i < 3 * NAMES; i++) {
        many_change(&many);
    }
    for (int i = 0; i < 2; i++) {
        struct rm_exposition_style style = i == 0 ? escaped : kept;

        while (rm_store_expose(many.store, style, rm_slice_of(""), 10, &exposure) == RM_EBUSY) {
            n_busy[i]++;
            assert_in_range(n_busy[i], 1, 10 * NAMES);
            for (int k = 0; k < 3; k++) {
                many_change(&many);
            }
        }
    }
    assert_true(n_busy[0] > 50 && n_busy[1] > 50); /* a little at a time */
    check_many(&many, escaped);
    check_many(&many, kept);
    for (int i = 0; i < 3 * NAMES; i++) {
        many_change(&many);
    }
    check_many(&many, escaped);
    check_many(&many, kept);
    rm_store_free(many.store);
}

/* Where the store's table grows, what was not taken in yet stands elsewhere. */
static void a_store_grows_while_it_gets_into_order(void **state)
{
    struct rm_store *store = rm_store_new(3);
    struct rm_exposure exposure;
    struct rm_exposed_metric metric;
    size_t n = 0;
    int n_busy = 0;

    (void)state;
    for (int i = 0; i < NAMES; i++) {
        char name[NAME_MAX_LEN];

        snprintf(name, sizeof name, "m%d", i);
        record(store, name, "", 1, 0);
        if (i == 20) {
            assert_int_equal(rm_store_expose(store, escaped, rm_slice_of(""), 1, &exposure),
                             RM_EBUSY);
        }
    }
    while (rm_store_expose(store, escaped, rm_slice_of(""), 10, &exposure) == RM_EBUSY) {
        assert_in_range(++n_busy, 1, 10 * NAMES);
    }
    for (; rm_exposure_peek(&exposure, &metric); rm_exposure_next(&exposure)) {
        n++;
    }
    assert_int_equal(n, NAMES);
    rm_store_free(store);
}

/* ---- series ---- */

static void take_series(struct rm_store *store, const char *name, uint32_t i,
                        struct rm_exposed_series *ret_series)
{
    struct rm_exposure exposure = expose(store, escaped, name);
    struct rm_exposed_metric metric;

    assert_true(rm_exposure_peek(&exposure, &metric));
    assert_true(rm_slice_is(metric.name, name));
    assert_true(i < metric.n_series);
    assert_int_equal(rm_exposed_series(&metric, i, ret_series), 0);
}

static bool had_negative(struct rm_store *store, const char *name)
{
    struct rm_exposed_series series;
    bool had_negative;

    take_series(store, name, 0, &series);
    had_negative = series.had_negative;
    rm_exposed_series_done(&series);
    return had_negative;
}

static void series_tell_histogram_sum_and_newest_value(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_exposed_series series;
    size_t n = rm_bucket_bounds_default().n;

    (void)state;
    record(store, "cpu", "a", 75.5, 3);
    record(store, "cpu", "b", 1, 1);
    record(store, "cpu", "a", 80.2, 2);
    record(store, "cpu", "a", 0, 1);
    take_series(store, "cpu", 0, &series);
    assert_int_equal(series.n_labels, 1);
    assert_true(rm_slice_is(series.labels[0].value, "a"));
    assert_int_equal(rm_histogram_cumulative_count(series.histogram, n), 3);
    assert_int_equal(rm_histogram_cumulative_count(series.histogram, 0), 1);
    assert_true(series.sum == 155.7);
    assert_true(series.last == 75.5); /* by time, not by when it came */
    assert_false(series.had_negative);
    rm_exposed_series_done(&series);
    take_series(store, "cpu", 1, &series);
    assert_true(rm_slice_is(series.labels[0].value, "b"));
    rm_exposed_series_done(&series);
    rm_store_free(store);
}

/* By its number: where others before it have gone, and where it has gone itself. */
static void check_behind(struct rm_store *store, uint64_t number, const char *host,
                         uint64_t expected)
{
    struct rm_exposure exposure = expose(store, escaped, "cpu");
    struct rm_exposed_metric metric;
    struct rm_exposed_series series;
    uint32_t i;

    assert_true(rm_exposure_peek(&exposure, &metric));
    i = rm_exposed_series_behind(&metric, number);
    if (expected == 0) {
        assert_int_equal(i, metric.n_series);
        return;
    }
    assert_int_equal(rm_exposed_series(&metric, i, &series), 0);
    assert_int_equal(series.number, expected);
    assert_true(rm_slice_is(series.labels[0].value, host));
    rm_exposed_series_done(&series);
}

static void a_place_is_found_by_its_number(void **state)
{
    static const struct rm_retention_rule rule = {{"*", 1}, 100};
    static const struct rm_retention retention = {.rules = &rule, .n_rules = 1};
    const struct rm_expiry first_three = {rm_slice_of("cpu"), 0, 3};
    struct rm_store *store = rm_store_new(1);

    (void)state;
    assert_int_equal(rm_store_set_retention(store, &retention), 0);
    record(store, "cpu", "a", 1, 0);
    record(store, "cpu", "b", 1, 0);
    record(store, "cpu", "c", 1, 1000);
    record(store, "cpu", "d", 1, 1000);
    check_behind(store, 0, "a", 1);
    check_behind(store, 1, "b", 2);
    assert_int_equal(rm_store_expire(store, 1000, &first_three, 1), 0);
    check_behind(store, 0, "c", 3);
    check_behind(store, 1, "c", 3);
    check_behind(store, 2, "c", 3);
    check_behind(store, 3, "d", 4);
    check_behind(store, 4, "", 0);
    check_behind(store, UINT64_MAX, "", 0);
    record(store, "cpu", "a", 1, 1000); /* another one by now */
    check_behind(store, 4, "a", 5);
    check_behind(store, 0, "c", 3);
    rm_store_free(store);
}

static void a_series_that_held_a_negative_value_says_so(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_exposed_series series;
    size_t n = rm_bucket_bounds_default().n;

    (void)state;
    for (int i = 0; i < 2000; i++) { /* over several chunks */
        record(store, "cpu", "", i, i);
        record(store, "zero", "", -0.0, i);
    }
    assert_false(had_negative(store, "cpu"));
    assert_false(had_negative(store, "zero"));
    take_series(store, "cpu", 0, &series); /* which keeps its histogram */
    assert_int_equal(rm_histogram_cumulative_count(series.histogram, n), 2000);
    assert_true(series.sum == 1999000 && series.last == 1999);
    rm_exposed_series_done(&series);
    record(store, "cpu", "", -1e-300, 5);
    assert_true(had_negative(store, "cpu"));
    rm_store_free(store);
}

static void a_metric_tells_its_bounds(void **state)
{
    static const double BOUNDS[] = {1, 2};
    const struct rm_bucket_rule rule = {rm_slice_of("cpu"), BOUNDS, 2};
    struct rm_store *store = rm_store_new(1);
    struct rm_exposure exposure;
    struct rm_exposed_metric metric;
    struct rm_exposed_series series;

    (void)state;
    assert_int_equal(rm_store_set_bucket_rules(store, &rule, 1), 0);
    record(store, "cpu", "", 2, 0);
    record(store, "mem", "", 2, 0);
    exposure = expose(store, escaped, "");
    assert_true(rm_exposure_peek(&exposure, &metric));
    assert_true(rm_bucket_bounds_are_equal(metric.bounds, (struct rm_bucket_bounds){BOUNDS, 2}));
    assert_int_equal(rm_exposed_series(&metric, 0, &series), 0);
    assert_int_equal(rm_histogram_cumulative_count(series.histogram, 1), 1);
    rm_exposed_series_done(&series);
    rm_exposure_next(&exposure);
    assert_true(rm_exposure_peek(&exposure, &metric));
    assert_true(rm_bucket_bounds_are_equal(metric.bounds, rm_bucket_bounds_default()));
    rm_store_free(store);
}

static void a_sum_may_overflow(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_exposed_series series;

    (void)state;
    record(store, "large", "", 1.7e308, 0);
    record(store, "large", "", 1.7e308, 1);
    take_series(store, "large", 0, &series);
    assert_true(series.sum == INFINITY);
    rm_exposed_series_done(&series);
    rm_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_stand_in_the_order_of_what_is_written),
        cmocka_unit_test(an_empty_store_gives_nothing),
        cmocka_unit_test(a_store_gets_into_order_while_it_changes),
        cmocka_unit_test(a_store_grows_while_it_gets_into_order),
        cmocka_unit_test(series_tell_histogram_sum_and_newest_value),
        cmocka_unit_test(a_place_is_found_by_its_number),
        cmocka_unit_test(a_series_that_held_a_negative_value_says_so),
        cmocka_unit_test(a_metric_tells_its_bounds),
        cmocka_unit_test(a_sum_may_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
