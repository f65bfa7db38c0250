#include "raftmetrics/metrics/values_run.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "raftmetrics/base/error.h"
#include "random.h"

/* ---- a metric, and what it holds ---- */

enum { N_SERIES_MAX = 40, N_RECORDS_MAX = 60000 };

struct metric {
    struct rm_store *store;
    struct model_record *records; /* in the order in which they came */
    size_t n;
};

static void metric_init(struct metric *metric)
{
    *metric = (struct metric){.store = rm_store_new(3),
                              .records = calloc(N_RECORDS_MAX, sizeof *metric->records)};
    assert_true(metric->store != NULL && metric->records != NULL);
}

static void metric_done(struct metric *metric)
{
    rm_store_free(metric->store);
    free(metric->records);
}

/* Series 0 has no labels. */
static struct rm_sample sample_of(int series, struct rm_label *label, char *text)
{
    snprintf(text, 16, "web-%d", series);
    *label = (struct rm_label){rm_slice_of("host"), rm_slice_of(text)};
    return (struct rm_sample){
        .metric_name = rm_slice_of("cpu"), .labels = label, .n_labels = series > 0};
}

static void record(struct metric *metric, int series, int64_t timestamp_ms)
{
    struct rm_label label;
    char text[16];
    struct rm_sample sample = sample_of(series, &label, text);

    assert_true(metric->n < N_RECORDS_MAX);
    sample.timestamp_ms = timestamp_ms;
    sample.value = (double)metric->n;
    assert_int_equal(rm_store_record(metric->store, &sample), 0);
    metric->records[metric->n] = (struct model_record){
        .position = {timestamp_ms, metric->n}, .value = sample.value, .series = series};
    metric->n++;
}

/* Series that begin and end at different times, some of many values, some of few; a few late. */
static void fill(struct random *random, struct metric *metric, int n_series, size_t n)
{
    for (int series = 0; series < n_series; series++) {
        size_t n_own = 1 + random_below(random, 1 + 2 * n / (size_t)n_series);
        int64_t begin = (int64_t)random_below(random, 100000);
        int64_t step = 1 + (int64_t)random_below(random, 20);

        for (size_t i = 0; i < n_own; i++) {
            int64_t late = random_below(random, 50) == 0 ? (int64_t)random_below(random, 5000) : 0;

            record(metric, series, begin + step * (int64_t)i - late);
        }
    }
}

/* ---- what is expected ---- */

struct expected {
    struct model_record *records; /* of the answer, sorted */
    size_t n;
    size_t n_total;
    bool has_older;
};

static struct expected expect(const struct metric *metric, const struct rm_selection *selection,
                              int series, size_t limit, const struct rm_position *before)
{
    struct expected expected = {.records = calloc(metric->n + 1, sizeof *expected.records)};

    assert_non_null(expected.records);
    for (size_t i = 0; i < metric->n; i++) {
        const struct model_record *one = &metric->records[i];

        if ((series >= 0 && one->series != series) ||
            one->position.timestamp_ms < selection->from_ms ||
            (one->position.timestamp_ms >= selection->to_ms && selection->to_ms != INT64_MAX)) {
            continue;
        }
        expected.n_total++;
        if (before == NULL || model_is_before(one->position, *before)) {
            expected.records[expected.n++] = *one;
        }
    }
    qsort(expected.records, expected.n, sizeof *expected.records, model_compare);
    expected.has_older = expected.n > limit;
    if (expected.has_older) {
        memmove(expected.records, expected.records + (expected.n - limit),
                limit * sizeof *expected.records);
        expected.n = limit;
    }
    return expected;
}

static int series_of_label(const struct rm_values_series *series)
{
    char text[16] = "";

    if (series->n_labels == 0) {
        return 0;
    }
    assert_int_equal(series->n_labels, 1);
    assert_true(rm_slice_is(series->labels[0].name, "host"));
    memcpy(text, series->labels[0].value.data, series->labels[0].value.len);
    return atoi(text + strlen("web-"));
}

/* The newest first. */
static void check_series(const struct rm_frozen_values *values, const struct expected *expected)
{
    bool seen[N_SERIES_MAX] = {false};
    size_t n = 0;

    for (size_t i = expected->n; i > 0; i--) {
        int series = expected->records[i - 1].series;

        if (!seen[series]) {
            assert_true(n < values->n_series);
            assert_int_equal(series_of_label(&values->series[n]), series);
            seen[series] = true;
            n++;
        }
    }
    assert_int_equal(values->n_series, n);
}

/* The expected record that comes @i-th where series come one after the other. */
static const struct model_record *find_by_series(const struct rm_frozen_values *values,
                                                 const struct expected *expected, size_t i)
{
    for (size_t s = 0; s < values->n_series; s++) {
        int series = series_of_label(&values->series[s]);

        for (size_t j = 0; j < expected->n; j++) {
            if (expected->records[j].series == series && i-- == 0) {
                return &expected->records[j];
            }
        }
    }
    return NULL;
}

static void check_point(const struct rm_frozen_values *values, const struct rm_point *point,
                        const struct model_record *record)
{
    assert_memory_equal(&point->position, &record->position, sizeof point->position);
    assert_true(point->value == record->value);
    assert_in_range(point->series, 0, values->n_series - 1);
    assert_int_equal(series_of_label(&values->series[point->series]), record->series);
}

/* ---- freezing and taking, in pieces of any size, while the store changes ---- */

typedef void change_function(struct random *random, struct metric *metric);

static void change_nothing(struct random *random, struct metric *metric)
{
    (void)random;
    (void)metric;
}

static void record_more(struct random *random, struct metric *metric)
{
    int64_t newest = metric->records[metric->n - 1].position.timestamp_ms;

    for (int i = 0; i < 20 && metric->n < N_RECORDS_MAX; i++) {
        int series = (int)random_below(random, N_SERIES_MAX);

        record(metric, series, i % 2 == 0 ? newest + i : (int64_t)random_below(random, 120000));
    }
}

static void delete_all(struct random *random, struct metric *metric)
{
    (void)random;
    (void)rm_store_delete(metric->store, rm_slice_of("cpu"));
}

static struct rm_frozen_values *freeze(struct random *random, struct metric *metric,
                                       const struct rm_selection *selection, size_t limit,
                                       const struct rm_position *before, enum rm_values_order order,
                                       change_function *change)
{
    int64_t n_values = 1 + (int64_t)random_below(random, random_below(random, 2) == 0 ? 20 : 5000);
    struct rm_frozen_values *values;
    struct rm_values_run *run;
    size_t n_bytes;
    bool is_done;

    assert_int_equal(rm_values_run_begin(metric->store, selection, limit, before, order, &run), 0);
    assert_int_equal(rm_values_run_work(run, n_values, &is_done), 0);
    while (!is_done) {
        change(random, metric);
        assert_int_equal(rm_values_run_work(run, n_values, &is_done), 0);
    }
    n_bytes = rm_values_run_bytes(run);
    values = rm_values_run_take(run);
    assert_int_equal(rm_values_run_bytes(run), n_bytes - values->n_bytes);
    while (!rm_values_run_close(run, n_values)) {
        change(random, metric);
    }
    rm_values_run_free(run);
    return values;
}

static void take_all(struct random *random, struct metric *metric, struct rm_frozen_values *values,
                     enum rm_values_order order, const struct expected *expected,
                     change_function *change)
{
    enum { MAX = 700 };
    struct rm_point points[MAX];
    size_t n = 0;
    size_t n_now;

    do {
        assert_int_equal(
            rm_frozen_values_next(values, points, 1 + random_below(random, MAX), &n_now), 0);
        for (size_t i = 0; i < n_now; i++, n++) {
            assert_true(n < expected->n);
            check_point(values, &points[i],
                        order == RM_VALUES_BY_TIME ? &expected->records[n]
                                                   : find_by_series(values, expected, n));
        }
        change(random, metric);
    } while (n_now > 0);
    assert_int_equal(n, expected->n);
}

static void check(struct random *random, struct metric *metric, enum rm_values_order order,
                  change_function *change_early, change_function *change)
{
    struct rm_selection selection = {
        .metric_name = rm_slice_of("cpu"), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct rm_position before = metric->records[random_below(random, metric->n)].position;
    size_t limit = random_below(random, 3) == 0 ? SIZE_MAX : random_below(random, metric->n + 2);
    int series = random_below(random, 4) == 0 ? (int)random_below(random, 3) : -1;
    bool has_cursor = random_below(random, 2) == 0;
    char text[16];
    struct expected expected;
    struct rm_frozen_values *values;

    if (random_below(random, 2) == 0) {
        selection.from_ms = (int64_t)random_below(random, 120000);
        selection.to_ms = selection.from_ms + (int64_t)random_below(random, 120000);
    }
    if (series >= 0) {
        snprintf(text, sizeof text, "web-%d", series);
        selection.matchers[0] =
            (struct rm_label){rm_slice_of("host"), rm_slice_of(series == 0 ? "" : text)};
        selection.n_matchers = 1;
    }
    expected = expect(metric, &selection, series, limit, has_cursor ? &before : NULL);
    if (random_below(random, 5) == 0) {
        limit = expected.n; /* then as many as there are, or were wanted */
    }
    values =
        freeze(random, metric, &selection, limit, has_cursor ? &before : NULL, order, change_early);
    assert_int_equal(values->n_points, expected.n);
    assert_int_equal(values->n_total, expected.n_total);
    assert_int_equal(values->has_older, expected.has_older);
    check_series(values, &expected);
    take_all(random, metric, values, order, &expected, change);
    rm_frozen_values_free(values);
    free(expected.records);
}

static void test_the_newest_of_many_series(void **state)
{
    struct random random = random_start("frozen values");

    (void)state;
    for (int run = 0; run < 30; run++) {
        struct metric metric;

        metric_init(&metric);
        fill(&random, &metric, 1 + (int)random_below(&random, N_SERIES_MAX),
             100 + random_below(&random, 15000));
        for (int i = 0; i < 15; i++) {
            check(&random, &metric, RM_VALUES_BY_TIME, change_nothing, change_nothing);
        }
        metric_done(&metric);
    }
}

static void test_one_series_after_the_other(void **state)
{
    struct random random = random_start("by series");
    struct metric metric;

    (void)state;
    metric_init(&metric);
    fill(&random, &metric, 7, 1500);
    for (int i = 0; i < 20; i++) {
        check(&random, &metric, RM_VALUES_BY_SERIES, change_nothing, change_nothing);
    }
    metric_done(&metric);
}

static void test_what_comes_later_is_not_seen(void **state)
{
    struct random random = random_start("later");
    struct metric metric;

    (void)state;
    metric_init(&metric);
    fill(&random, &metric, 12, 8000);
    for (int i = 0; i < 40; i++) {
        check(&random, &metric, RM_VALUES_BY_TIME, record_more, record_more);
    }
    metric_done(&metric);
}

/* Series that all have chunks of the same time, of which few values are wanted. */
static void test_few_of_many(void **state)
{
    struct random random = random_start("few of many");
    struct metric metric;

    (void)state;
    metric_init(&metric);
    for (int64_t i = 0; i < 1200; i++) {
        for (int series = 0; series < N_SERIES_MAX; series++) {
            record(&metric, series, i * 10 + series % 7);
        }
    }
    for (int i = 0; i < 60; i++) {
        check(&random, &metric, RM_VALUES_BY_TIME, change_nothing, change_nothing);
    }
    metric_done(&metric);
}

static void nobody_needs_the_store(struct random *random, struct metric *metric)
{
    (void)random;
    rm_store_free(metric->store);
    metric->store = NULL;
}

static void test_the_store_may_go(void **state)
{
    struct random random = random_start("freed");

    (void)state;
    for (int i = 0; i < 10; i++) {
        struct metric metric;

        metric_init(&metric);
        fill(&random, &metric, 5, 5000);
        check(&random, &metric, RM_VALUES_BY_TIME, change_nothing, nobody_needs_the_store);
        metric_done(&metric);
    }
}

static void test_the_metric_may_go(void **state)
{
    struct random random = random_start("deleted");

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct metric metric;

        metric_init(&metric);
        fill(&random, &metric, N_SERIES_MAX, 5000);
        check(&random, &metric, i % 2 == 0 ? RM_VALUES_BY_TIME : RM_VALUES_BY_SERIES, delete_all,
              delete_all);
        metric_done(&metric);
    }
}

/* Where not all is frozen: at every stage. */
static void test_the_store_may_not_go_early(void **state)
{
    const struct rm_selection selection = {
        .metric_name = rm_slice_of("cpu"), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct random random = random_start("early");
    bool is_done = false;

    (void)state;
    for (int n_slices = 0; !is_done; n_slices++) {
        struct rm_values_run *run;
        struct metric metric;

        metric_init(&metric);
        fill(&random, &metric, 5, 1000);
        assert_int_equal(
            rm_values_run_begin(metric.store, &selection, 300, NULL, RM_VALUES_BY_TIME, &run), 0);
        for (int i = 0; i < n_slices && !is_done; i++) {
            assert_int_equal(rm_values_run_work(run, 50, &is_done), 0);
        }
        nobody_needs_the_store(&random, &metric);
        if (!is_done) {
            bool is_still_done;

            assert_int_equal(rm_values_run_work(run, 50, &is_still_done), RM_ECANCELED);
        }
        while (n_slices % 2 == 0 && !rm_values_run_close(run, 20)) {
        }
        rm_values_run_free(run);
        metric_done(&metric);
    }
    rm_values_run_free(NULL);
    assert_true(rm_values_run_close(NULL, 1));
}

/* Some of what was shared is let go without having been taken. */
static void test_nobody_must_take_all(void **state)
{
    const struct rm_selection selection = {
        .metric_name = rm_slice_of("cpu"), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct random random = random_start("not all");
    struct rm_frozen_values *values;
    struct rm_point points[600];
    struct metric metric;
    size_t n;

    (void)state;
    metric_init(&metric);
    fill(&random, &metric, 3, 5000);
    for (size_t taken = 0; taken < 600; taken += 299) {
        assert_int_equal(rm_store_freeze_values(metric.store, &selection, SIZE_MAX, NULL,
                                                RM_VALUES_BY_TIME, &values),
                         0);
        assert_int_equal(rm_frozen_values_next(values, points, taken + 1, &n), 0);
        assert_int_equal(n, taken + 1);
        rm_frozen_values_free(values);
    }
    rm_frozen_values_free(NULL);
    metric_done(&metric);
}

static void check_same(const struct rm_point *a, const struct rm_point *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(&a[i].position, &b[i].position, sizeof a[i].position);
        assert_true(a[i].value == b[i].value);
        assert_int_equal(a[i].series, b[i].series);
    }
}

/* Takes all of both, now from the one, now from the other; one of them may be freed on the way. */
static void take_twins(struct random *random, struct rm_frozen_values *ways[2], bool is_freed)
{
    struct rm_point *points[2];
    size_t n[2] = {0, 0};
    size_t n_all = ways[0]->n_points;
    size_t free_at = is_freed ? random_below(random, n_all + 1) : SIZE_MAX;
    int freed = (int)random_below(random, 2);

    for (int i = 0; i < 2; i++) {
        points[i] = calloc(n_all + 1, sizeof *points[i]);
        assert_non_null(points[i]);
    }
    while (n[0] < n_all || n[1] < n_all) {
        int way = (int)random_below(random, 2);
        size_t n_now = 0;

        if (ways[way] != NULL && n[way] < n_all) {
            assert_int_equal(rm_frozen_values_next(ways[way], points[way] + n[way],
                                                   1 + random_below(random, n_all - n[way]),
                                                   &n_now),
                             0);
            assert_true(n_now > 0);
        }
        n[way] += n_now;
        if (ways[freed] != NULL && n[0] + n[1] >= free_at) {
            rm_frozen_values_free(ways[freed]);
            ways[freed] = NULL;
        }
        if (ways[freed] == NULL) {
            check_same(points[0], points[1], n[freed] < n[1 - freed] ? n[freed] : n[1 - freed]);
            n_all = n[1 - freed] == ways[1 - freed]->n_points ? 0 : n_all;
        }
    }
    check_same(points[0], points[1], is_freed ? 0 : n_all);
    free(points[0]);
    free(points[1]);
}

static void test_twins(void **state)
{
    const struct rm_selection selection = {
        .metric_name = rm_slice_of("cpu"), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct random random = random_start("twins");

    (void)state;
    for (int i = 0; i < 60; i++) {
        struct rm_frozen_values *ways[2];
        struct metric metric;

        metric_init(&metric);
        fill(&random, &metric, 1 + (int)random_below(&random, 9),
             100 + random_below(&random, 4000));
        assert_int_equal(
            rm_store_freeze_values(metric.store, &selection, SIZE_MAX, NULL,
                                   i % 2 == 0 ? RM_VALUES_BY_TIME : RM_VALUES_BY_SERIES, &ways[0]),
            0);
        assert_int_equal(rm_frozen_values_twin(ways[0], &ways[1]), 0);
        assert_true(ways[1]->n_bytes < ways[0]->n_bytes);
        nobody_needs_the_store(&random, &metric);
        take_twins(&random, ways, i % 3 == 0);
        rm_frozen_values_free(ways[0]);
        rm_frozen_values_free(ways[1]);
        metric_done(&metric);
    }
}

static size_t bytes_in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* As glibc counts, which adds a little to each block, and for which small ones that it keeps for
 * the next are in use: after a first round they are there already. */
enum { BLOCK_MORE = 48 };

static void freeze_counting(struct metric *metric, size_t limit, bool is_first)
{
    enum { BLOCKS_MAX = 30 };
    const struct rm_selection selection = {
        .metric_name = rm_slice_of("cpu"), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    size_t before = bytes_in_use();
    struct rm_values_run *run;
    bool is_done;

    assert_int_equal(
        rm_values_run_begin(metric->store, &selection, limit, NULL, RM_VALUES_BY_TIME, &run), 0);
    do {
        assert_int_equal(rm_values_run_work(run, 50, &is_done), 0);
        assert_true(is_first ||
                    bytes_in_use() <= before + rm_values_run_bytes(run) + BLOCKS_MAX * BLOCK_MORE);
    } while (!is_done);
    rm_values_run_free(run);
}

static void test_what_it_takes_on_the_way(void **state)
{
    struct random random = random_start("memory on the way");
    struct metric metric;

    (void)state;
    metric_init(&metric);
    fill(&random, &metric, N_SERIES_MAX, 40000);
    for (int i = 0; i < 4; i++) {
        freeze_counting(&metric, i % 2 == 0 ? SIZE_MAX : 20000, i < 2);
    }
    metric_done(&metric);
}

static void test_what_it_takes(void **state)
{
    const struct rm_selection selection = {
        .metric_name = rm_slice_of("cpu"), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct random random = random_start("memory");
    struct metric metric;

    (void)state;
    metric_init(&metric);
    fill(&random, &metric, N_SERIES_MAX, 40000);
    for (int i = 0; i < 4; i++) {
        size_t before = bytes_in_use();
        struct rm_frozen_values *values;
        struct rm_point point;
        size_t n;

        assert_int_equal(
            rm_store_freeze_values(metric.store, &selection, SIZE_MAX, NULL,
                                   i % 2 == 0 ? RM_VALUES_BY_TIME : RM_VALUES_BY_SERIES, &values),
            0);
        if (i < 2) {
            rm_frozen_values_free(values);
            continue;
        }
        do {
            assert_int_equal(rm_frozen_values_next(values, &point, 1, &n), 0);
            assert_in_range(bytes_in_use(), 0,
                            before + values->n_bytes + (N_SERIES_MAX + 10) * BLOCK_MORE);
        } while (n > 0);
        rm_frozen_values_free(values);
    }
    metric_done(&metric);
}

static void test_no_such_metric(void **state)
{
    const struct rm_selection selection = {.metric_name = rm_slice_of("cpu")};
    struct rm_frozen_values *values;
    struct metric metric;

    (void)state;
    metric_init(&metric);
    assert_int_equal(rm_store_freeze_values(metric.store, &selection, SIZE_MAX, NULL,
                                            RM_VALUES_BY_TIME, &values),
                     RM_ENOTFOUND);
    metric_done(&metric);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_newest_of_many_series),
        cmocka_unit_test(test_one_series_after_the_other),
        cmocka_unit_test(test_what_comes_later_is_not_seen),
        cmocka_unit_test(test_few_of_many),
        cmocka_unit_test(test_the_store_may_go),
        cmocka_unit_test(test_the_metric_may_go),
        cmocka_unit_test(test_the_store_may_not_go_early),
        cmocka_unit_test(test_nobody_must_take_all),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_what_it_takes_on_the_way),
        cmocka_unit_test(test_what_it_takes),
        cmocka_unit_test(test_no_such_metric),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
