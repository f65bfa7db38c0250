#include "raftmetrics/metrics/store.h"

#include <inttypes.h>
#include <stdio.h>

#include "histograms_model.h"
#include "model.h"
#include "raftmetrics/base/error.h"
#include "random.h"
#include "rule_sets.h"

/* The model: metrics with series 0 to N_SERIES - 1, whose labels are the bits of their
 * number. */
enum { N_METRICS = 6, N_SERIES = 8, N_RECORDS_MAX = 3000 };

static const char *const METRIC_NAMES[N_METRICS] = {"b", "a", "a/b", "aa", "B", "a.long/name:x"};

struct model_metric {
    struct model_record records[N_RECORDS_MAX];
    size_t n;
    struct rm_bucket_bounds bounds;
};

struct model {
    struct rm_store *store;
    size_t rule_set;
    struct random random;
    struct model_metric metrics[N_METRICS];
};

static size_t labels_of(int series, struct rm_label *ret_labels)
{
    static const char *const NAMES[] = {"dc", "host", "unit"};
    size_t n = 0;

    for (int bit = 0; bit < 3; bit++) {
        if ((series >> bit & 1) != 0) {
            ret_labels[n].name = rm_slice_of(NAMES[bit]);
            ret_labels[n].value = rm_slice_of("x");
            n++;
        }
    }
    return n;
}

static void record(struct model *model, int metric, int series, int64_t timestamp_ms, double value)
{
    struct model_metric *m = &model->metrics[metric];
    struct rm_label labels[3];
    struct rm_sample sample = {.metric_name = rm_slice_of(METRIC_NAMES[metric]),
                               .labels = labels,
                               .n_labels = labels_of(series, labels),
                               .value = value,
                               .timestamp_ms = timestamp_ms};

    assert_int_equal(rm_store_record(model->store, &sample), 0);
    if (m->n == 0) {
        m->bounds = rule_sets_bounds(model->rule_set, METRIC_NAMES[metric]);
    }
    m->records[m->n] = (struct model_record){{timestamp_ms, m->n}, value, series};
    m->n++;
}

static int64_t random_timestamp(struct random *random)
{
    static const int64_t SPECIAL[] = {INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX - 1, INT64_MAX};

    if (random_below(random, 20) == 0) {
        return SPECIAL[random_below(random, 6)];
    }
    return (int64_t)random_below(random, 50) - 25;
}

static double random_value(struct random *random)
{
    return random_below(random, 10) == 0 ? random_double(random)
                                         : (double)random_below(random, 100) / 10;
}

/* Records of many at a time, so that series grow past a chunk. */
static void record_some(struct model *model)
{
    int metric = (int)random_below(&model->random, N_METRICS);
    uint64_t n = 1 + random_below(&model->random, 400);
    int n_series = 1 + (int)random_below(&model->random, N_SERIES);

    for (; n > 0 && model->metrics[metric].n < N_RECORDS_MAX; n--) {
        record(model, metric, (int)random_below(&model->random, (uint64_t)n_series),
               random_timestamp(&model->random), random_value(&model->random));
    }
}

static void set_rules(struct model *model)
{
    model->rule_set = random_below(&model->random, N_RULE_SETS);
    rule_sets_apply(model->store, model->rule_set);
}

static void delete_one(struct model *model)
{
    int metric = (int)random_below(&model->random, N_METRICS);

    assert_int_equal(rm_store_delete(model->store, rm_slice_of(METRIC_NAMES[metric])),
                     model->metrics[metric].n == 0 ? RM_ENOTFOUND : 0);
    model->metrics[metric].n = 0;
}

/* @series_mask gets the series that the matchers choose, one bit each. */
static struct rm_selection random_selection(struct model *model, int metric, unsigned *series_mask)
{
    struct rm_selection selection = {
        .metric_name = rm_slice_of(METRIC_NAMES[metric]), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct random *random = &model->random;

    *series_mask = (1U << N_SERIES) - 1;
    if (random_below(random, 3) > 0) {
        selection.from_ms = random_timestamp(random);
        selection.to_ms = random_timestamp(random);
    }
    for (uint64_t n = random_below(random, 3); n > 0; n--) {
        int bit = (int)random_below(random, 3);
        bool is_set = random_below(random, 2) == 1;
        struct rm_label *matcher = &selection.matchers[selection.n_matchers];

        labels_of(1 << bit, matcher);
        matcher->value = rm_slice_of(is_set ? "x" : "");
        selection.n_matchers++;
        for (int series = 0; series < N_SERIES; series++) {
            if ((series >> bit & 1) != is_set) {
                *series_mask &= ~(1U << series);
            }
        }
    }
    return selection;
}

/* The records of a selection, in order; the caller's to free. */
static struct model_record *select_records(const struct model_metric *metric,
                                           const struct rm_selection *selection,
                                           unsigned series_mask, size_t *ret_n)
{
    struct model_record *records = calloc(metric->n + 1, sizeof *records);
    size_t n = 0;

    assert_non_null(records);
    for (size_t i = 0; i < metric->n; i++) {
        int64_t time = metric->records[i].position.timestamp_ms;
        bool is_before_end = time < selection->to_ms || selection->to_ms == INT64_MAX;

        if ((series_mask >> metric->records[i].series & 1) != 0 && time >= selection->from_ms &&
            is_before_end) {
            records[n++] = metric->records[i];
        }
    }
    qsort(records, n, sizeof *records, model_compare);
    *ret_n = n;
    return records;
}

static void check_series_of(const struct rm_values *values, const struct rm_point *point,
                            int series)
{
    struct rm_label labels[3];
    size_t n = labels_of(series, labels);

    assert_true(point->series < values->n_series);
    assert_int_equal(values->series[point->series].n_labels, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(rm_slice_equal(values->series[point->series].labels[i].name, labels[i].name));
    }
}

static void check_values(const struct rm_values *values, const struct model_record *records,
                         size_t n_before, size_t limit)
{
    size_t n = n_before < limit ? n_before : limit;
    uint32_t n_series_seen = 0;

    assert_int_equal(values->n_points, n);
    assert_int_equal(values->has_older, n_before > n);
    for (size_t i = 0; i < n; i++) {
        const struct model_record *expected = &records[n_before - 1 - i];
        const struct rm_point *point = &values->points[n - 1 - i];

        assert_memory_equal(&point->position, &expected->position, sizeof point->position);
        assert_true(model_same_double(point->value, expected->value));
        check_series_of(values, point, expected->series);
        assert_true(point->series <= n_series_seen);
        n_series_seen += point->series == n_series_seen ? 1 : 0;
    }
    assert_int_equal(values->n_series, n_series_seen);
}

static void page_values(struct model *model)
{
    int metric = (int)random_below(&model->random, N_METRICS);
    size_t limit = random_below(&model->random, 500);
    struct rm_values values = {0};
    struct rm_selection selection;
    struct model_record *records;
    unsigned series_mask;
    size_t n;

    selection = random_selection(model, metric, &series_mask);
    records = select_records(&model->metrics[metric], &selection, series_mask, &n);
    if (model->metrics[metric].n == 0) {
        assert_int_equal(rm_store_values(model->store, &selection, limit, NULL, &values),
                         RM_ENOTFOUND);
        free(records);
        return;
    }
    for (size_t n_before = n;;) {
        /* The first page begins nowhere, or at a place behind all. */
        bool is_page = n_before < n || random_below(&model->random, 2) == 0;
        struct rm_position before = records[n_before].position;

        if (n_before == n) {
            before = (struct rm_position){INT64_MAX, UINT64_MAX};
        }

        assert_int_equal(
            rm_store_values(model->store, &selection, limit, is_page ? &before : NULL, &values), 0);
        assert_int_equal(values.n_total, n);
        check_values(&values, records, n_before, limit);
        rm_values_done(&values);
        if (limit == 0 || n_before <= limit) {
            break;
        }
        n_before -= limit;
    }
    free(records);
}

static void aggregate_one(struct model *model)
{
    int metric = (int)random_below(&model->random, N_METRICS);
    struct rm_aggregate aggregate;
    struct rm_selection selection;
    struct model_record *records;
    unsigned series_mask;
    size_t n;

    selection = random_selection(model, metric, &series_mask);
    records = select_records(&model->metrics[metric], &selection, series_mask, &n);
    if (model->metrics[metric].n == 0) {
        assert_int_equal(rm_store_aggregate(model->store, &selection, &aggregate), RM_ENOTFOUND);
    } else {
        assert_int_equal(rm_store_aggregate(model->store, &selection, &aggregate), 0);
        model_check_aggregate(&aggregate, records, n);
    }
    free(records);
}

static void check_histogram(struct model *model)
{
    int metric = (int)random_below(&model->random, N_METRICS);
    const struct model_metric *m = &model->metrics[metric];
    struct rm_histograms histograms = {0};
    struct rm_selection selection;
    struct model_record *records;
    unsigned series_mask;
    size_t n;

    selection = random_selection(model, metric, &series_mask);
    assert_int_equal(rm_store_histogram(model->store, &selection, &histograms),
                     m->n == 0 ? RM_ENOTFOUND : 0);
    selection.from_ms = INT64_MIN;
    selection.to_ms = INT64_MAX;
    records = select_records(m, &selection, series_mask, &n);
    if (m->n > 0) {
        histograms_check(&histograms, m->bounds, records, n);
    }
    free(records);
    rm_histograms_done(&histograms);
}

static uint64_t count_series(const struct model_metric *metric)
{
    unsigned seen = 0;

    for (size_t i = 0; i < metric->n; i++) {
        seen |= 1U << metric->records[i].series;
    }
    return (uint64_t)__builtin_popcount(seen);
}

static void check_info(const struct model_metric *metric, const struct rm_metric_info *info)
{
    const struct model_record *newest = &metric->records[0];

    for (size_t i = 1; i < metric->n; i++) {
        if (model_is_before(newest->position, metric->records[i].position)) {
            newest = &metric->records[i];
        }
    }
    assert_int_equal(info->n_samples, metric->n);
    assert_int_equal(info->n_series, count_series(metric));
    assert_true(model_same_double(info->last, newest->value));
}

/* METRIC_NAMES in byte order. */
static const int SORTED[N_METRICS] = {4, 1, 5, 2, 3, 0};

static void list_some(struct model *model)
{
    static const char *const TEXTS[] = {"", "a", "a/", "aa", "b", "B", "c", "a.", "A", "a/bb"};
    struct rm_slice prefix = rm_slice_of(TEXTS[random_below(&model->random, 10)]);
    struct rm_slice after = rm_slice_of(TEXTS[random_below(&model->random, 10)]);
    size_t limit = random_below(&model->random, N_METRICS + 1);
    struct rm_metric_info infos[N_METRICS];
    bool expects_more = false;
    bool has_more = true;
    size_t n_expected = 0;
    size_t n = 99;

    int rv;

    do {
        rv = rm_store_list(model->store, prefix, after, limit, 1, infos, &n, &has_more);
    } while (rv == RM_EBUSY);
    assert_int_equal(rv, 0);
    for (int i = 0; i < N_METRICS; i++) {
        struct rm_slice name = rm_slice_of(METRIC_NAMES[SORTED[i]]);
        const struct model_metric *metric = &model->metrics[SORTED[i]];

        if (metric->n == 0 || !rm_slice_has_prefix(name, prefix) ||
            (after.len > 0 && rm_slice_compare(name, after) <= 0)) {
            continue;
        }
        if (n_expected == limit) {
            expects_more = true;
            break;
        }
        assert_true(n_expected < n && rm_slice_equal(infos[n_expected].name, name));
        check_info(metric, &infos[n_expected]);
        n_expected++;
    }
    assert_int_equal(n, n_expected);
    assert_int_equal(has_more, expects_more);
}

static void check_stats(struct model *model)
{
    struct rm_store_stats stats;
    uint64_t n_metrics = 0;
    uint64_t n_samples = 0;
    uint64_t n_series = 0;

    for (int i = 0; i < N_METRICS; i++) {
        n_metrics += model->metrics[i].n > 0 ? 1 : 0;
        n_series += count_series(&model->metrics[i]);
        n_samples += model->metrics[i].n;
    }
    rm_store_stats(model->store, &stats);
    assert_int_equal(stats.n_metrics, n_metrics);
    assert_int_equal(stats.n_series, n_series);
    assert_int_equal(stats.n_samples, n_samples);
    assert_true(stats.n_bytes > n_samples &&
                stats.n_bytes < 4000 + 1000 * n_series + 60 * n_samples);
}

static void test_random_operations_against_the_model(void **state)
{
    static void (*const OPERATIONS[])(struct model *) = {
        record_some,     record_some, page_values, aggregate_one, aggregate_one,
        check_histogram, list_some,   check_stats, set_rules};
    struct random random = random_start("store");

    (void)state;
    model_needs_long_double();
    for (int run = 0; run < 8; run++) {
        struct model *model = calloc(1, sizeof *model);

        assert_non_null(model);
        model->random = random;
        model->store = rm_store_new(random_next(&model->random));
        for (int i = 0; i < 1000; i++) {
            if (random_below(&model->random, 30) == 0) {
                delete_one(model);
            } else {
                OPERATIONS[random_below(&model->random, 9)](model);
            }
        }
        rm_store_free(model->store);
        random = model->random;
        free(model);
    }
}

static struct rm_sample sample_of(const char *name, int64_t timestamp_ms, double value)
{
    return (struct rm_sample){
        .metric_name = rm_slice_of(name), .value = value, .timestamp_ms = timestamp_ms};
}

static struct rm_selection everything_of(const char *name)
{
    return (struct rm_selection){
        .metric_name = rm_slice_of(name), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
}

static void test_nothing(void **state)
{
    struct rm_store *store = rm_store_new(0);
    struct rm_selection selection = everything_of("a");
    struct rm_aggregate aggregate = {.count = 7};
    struct rm_values values = {.n_total = 7};
    struct rm_metric_info info;
    bool has_more = true;
    size_t n = 7;

    (void)state;
    assert_int_equal(rm_store_values(store, &selection, 1, NULL, &values), RM_ENOTFOUND);
    assert_int_equal(rm_store_aggregate(store, &selection, &aggregate), RM_ENOTFOUND);
    assert_int_equal(rm_store_delete(store, selection.metric_name), RM_ENOTFOUND);
    assert_int_equal(values.n_total, 7);
    assert_int_equal(aggregate.count, 7);
    assert_int_equal(
        rm_store_list(store, rm_slice_of(""), rm_slice_of(""), 1, SIZE_MAX, &info, &n, &has_more),
        0);
    assert_int_equal(n, 0);
    assert_false(has_more);
    rm_store_free(store);
    rm_store_free(NULL);
}

/* The example of API.md. */
static void test_the_example(void **state)
{
    static const double VALUES[] = {75.5, 80.2, 70.1};
    struct rm_store *store = rm_store_new(1);
    struct rm_selection selection = everything_of("cpu_usage");
    struct rm_aggregate aggregate;
    struct rm_values values;

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct rm_sample sample = sample_of("cpu_usage", 1732568363376, VALUES[i]);

        assert_int_equal(rm_store_record(store, &sample), 0);
    }
    assert_int_equal(rm_store_values(store, &selection, 10000, NULL, &values), 0);
    assert_int_equal(values.n_points, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(values.points[i].value == VALUES[i]);
    }
    rm_values_done(&values);
    assert_int_equal(rm_store_aggregate(store, &selection, &aggregate), 0);
    assert_true(aggregate.sum == 225.8 && aggregate.mean == 75.26666666666667);
    rm_store_free(store);
}

static void test_what_is_recorded_is_copied(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_selection selection = everything_of("name");
    char text[] = "namehostweb";
    struct rm_label label = {{text + 4, 4}, {text + 8, 3}};
    struct rm_sample sample = {.metric_name = {text, 4}, .labels = &label, .n_labels = 1};
    struct rm_aggregate aggregate;

    (void)state;
    assert_int_equal(rm_store_record(store, &sample), 0);
    memset(text, 'x', sizeof text - 1);
    selection.matchers[0] = (struct rm_label){rm_slice_of("host"), rm_slice_of("web")};
    selection.n_matchers = 1;
    assert_int_equal(rm_store_aggregate(store, &selection, &aggregate), 0);
    assert_int_equal(aggregate.count, 1);
    rm_store_free(store);
}

/* Ordinals start again, and no byte of the deleted is counted any longer. */
static void test_a_deleted_metric_comes_back_new(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_selection selection = everything_of("a");
    struct rm_store_stats before;
    struct rm_store_stats after;
    struct rm_values values;

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            struct rm_sample sample = sample_of("a", i * 7 % 1000, i);

            assert_int_equal(rm_store_record(store, &sample), 0);
        }
        rm_store_stats(store, round == 0 ? &before : &after);
        assert_int_equal(rm_store_values(store, &selection, 1, NULL, &values), 0);
        assert_int_equal(values.n_total, 1000);
        assert_true(values.points[0].position.ordinal < 1000);
        rm_values_done(&values);
        assert_int_equal(rm_store_delete(store, selection.metric_name), 0);
        assert_int_equal(rm_store_delete(store, selection.metric_name), RM_ENOTFOUND);
    }
    assert_memory_equal(&before, &after, sizeof before);
    rm_store_free(store);
}

/* More metrics than a listing, added and removed between listings. */
static void test_listing_stays_sorted(void **state)
{
    enum { N = 3000 };
    struct random random = random_start("list");
    struct rm_store *store = rm_store_new(random_next(&random));
    static struct rm_metric_info infos[N];
    bool is_in[N] = {false};
    size_t n_in = 0;

    (void)state;
    for (int round = 0; round < 40; round++) {
        bool has_more = true;
        size_t n = 0;

        for (uint64_t i = random_below(&random, 400); i > 0; i--) {
            size_t number = random_below(&random, N);
            char name[16];
            struct rm_sample sample;

            snprintf(name, sizeof name, "m%05zu", number);
            sample = sample_of(name, 0, (double)number);
            if (is_in[number]) {
                assert_int_equal(rm_store_delete(store, sample.metric_name), 0);
            } else {
                assert_int_equal(rm_store_record(store, &sample), 0);
            }
            n_in = is_in[number] ? n_in - 1 : n_in + 1;
            is_in[number] = !is_in[number];
        }
        assert_int_equal(rm_store_list(store, rm_slice_of("m"), rm_slice_of(""), N, SIZE_MAX, infos,
                                       &n, &has_more),
                         0);
        assert_int_equal(n, n_in);
        assert_false(has_more);
        for (size_t i = 0; i < n; i++) {
            assert_true(is_in[(size_t)infos[i].last]);
            assert_true(i == 0 || infos[i - 1].last < infos[i].last);
        }
    }
    rm_store_free(store);
}

/* The newest of many series, which come in and out of order of time. */
static void test_many_series(void **state)
{
    enum { N = 20000 };
    struct rm_store *store = rm_store_new(3);
    struct rm_selection selection = everything_of("a");
    struct rm_store_stats stats;
    struct rm_values values;

    (void)state;
    for (int i = 0; i < 2 * N; i++) {
        char value[16];
        struct rm_label label = {.name = rm_slice_of("id")};
        struct rm_sample sample = sample_of("a", i * 7919 % (2 * N), i);

        snprintf(value, sizeof value, "%d", i % N);
        label.value = rm_slice_of(value);
        sample.labels = &label;
        sample.n_labels = 1;
        assert_int_equal(rm_store_record(store, &sample), 0);
    }
    rm_store_stats(store, &stats);
    assert_int_equal(stats.n_series, N);
    assert_int_equal(stats.n_samples, 2 * N);
    assert_int_equal(rm_store_values(store, &selection, 3, NULL, &values), 0);
    assert_int_equal(values.n_total, 2 * N);
    assert_int_equal(values.n_series, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(values.points[i].position.timestamp_ms, 2 * N - 3 + i);
    }
    rm_values_done(&values);
    assert_int_equal(rm_store_delete(store, rm_slice_of("a")), 0);
    rm_store_stats(store, &stats);
    assert_int_equal(stats.n_series, 0);
    rm_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations_against_the_model),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_the_example),
        cmocka_unit_test(test_what_is_recorded_is_copied),
        cmocka_unit_test(test_a_deleted_metric_comes_back_new),
        cmocka_unit_test(test_listing_stays_sorted),
        cmocka_unit_test(test_many_series),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
