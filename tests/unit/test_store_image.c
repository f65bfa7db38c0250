#include "../../src/metrics/chunk.h"
#include "../../src/metrics/distribution.h"
#include "../../src/metrics/store_image.h"

#include <math.h>
#include <stdio.h>

#include "histograms_model.h"
#include "image_blob.h"
#include "model.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/timestamp.h"
#include "raftmetrics/metrics/bucket_rules.h"
#include "random.h"
#include "rule_sets.h"

/* ---- the model: what was done, in order ---- */

enum { N_METRICS = 5, N_SERIES = 24, N_OPERATIONS_MAX = 20000 };

static const char *const METRIC_NAMES[N_METRICS] = {"b", "a", "a/b", "aa", "a.long/name:x"};

enum { DELETES = -1, SETS_RULES = -2 };

/* Series @series of a metric; or the metric's end; or rule set @metric. */
struct operation {
    int metric;
    int series;
    int64_t timestamp_ms;
    double value;
};

struct history {
    struct operation operations[N_OPERATIONS_MAX];
    size_t n;
};

/* Up to 11 labels, one of them long. */
static size_t labels_of(int series, struct rm_label *ret_labels)
{
    static const char *const NAMES[] = {"dc", "host", "unit", "zone"};
    static char long_value[300];
    size_t n = 0;

    memset(long_value, 'v', sizeof long_value);
    for (int bit = 0; bit < 4; bit++) {
        if ((series >> bit & 1) != 0) {
            ret_labels[n].name = rm_slice_of(NAMES[bit]);
            ret_labels[n].value = bit == 2 ? rm_slice_make(long_value, sizeof long_value)
                                           : rm_slice_of("gr\xc3\xbc\xc3\x9f");
            n++;
        }
    }
    if (series >= 16) {
        static const char *const MORE[] = {"zz1", "zz2", "zz3", "zz4", "zz5", "zz6", "zz7"};

        for (size_t i = 0; i < 7; i++) {
            ret_labels[n].name = rm_slice_of(MORE[i]);
            ret_labels[n].value = rm_slice_make("1234567", i + 1);
            n++;
        }
    }
    return n;
}

static void apply(struct rm_store *store, const struct operation *operation)
{
    struct rm_label labels[11];
    struct rm_sample sample = {.metric_name = rm_slice_of(METRIC_NAMES[operation->metric]),
                               .labels = labels,
                               .value = operation->value,
                               .timestamp_ms = operation->timestamp_ms};

    if (operation->series == DELETES) {
        assert_int_equal(rm_store_delete(store, sample.metric_name), 0);
        return;
    }
    if (operation->series == SETS_RULES) {
        rule_sets_apply(store, (size_t)operation->metric);
        return;
    }
    sample.n_labels = labels_of(operation->series, labels);
    assert_int_equal(rm_store_record(store, &sample), 0);
}

static void add(struct history *history, struct rm_store *store, struct operation operation)
{
    if (history->n < N_OPERATIONS_MAX) {
        apply(store, &operation);
        history->operations[history->n++] = operation;
    }
}

/* A store to which the first @n operations were done. */
static struct rm_store *replay(const struct history *history, size_t n, uint64_t hash_seed)
{
    struct rm_store *store = rm_store_new(hash_seed);

    assert_non_null(store);
    for (size_t i = 0; i < n; i++) {
        apply(store, &history->operations[i]);
    }
    return store;
}

/* What a metric holds after the first @n operations, in order; the caller's to free. */
static struct model_record *records_of(const struct history *history, size_t n, int metric,
                                       size_t *ret_n)
{
    struct model_record *records = calloc(n + 1, sizeof *records);
    size_t n_records = 0;

    assert_non_null(records);
    for (size_t i = 0; i < n; i++) {
        const struct operation *operation = &history->operations[i];

        if (operation->metric == metric && operation->series != SETS_RULES) {
            records[n_records].position = (struct rm_position){operation->timestamp_ms, n_records};
            records[n_records].value = operation->value;
            n_records = operation->series == DELETES ? 0 : n_records + 1;
        }
    }
    qsort(records, n_records, sizeof *records, model_compare);
    *ret_n = n_records;
    return records;
}

/* ---- comparing ---- */

static struct rm_selection everything_of(int metric)
{
    return (struct rm_selection){
        .metric_name = rm_slice_of(METRIC_NAMES[metric]), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
}

static int64_t random_timestamp(struct random *random)
{
    static const int64_t SPECIAL[] = {RM_TIMESTAMP_MIN_MS, -1, 0, RM_TIMESTAMP_MAX_MS};

    if (random_below(random, 40) == 0) {
        return SPECIAL[random_below(random, 4)];
    }
    return (int64_t)random_below(random, 2000) - 1000;
}

static struct rm_selection random_selection(struct random *random, int metric)
{
    struct rm_selection selection = everything_of(metric);

    if (random_below(random, 3) > 0) {
        selection.from_ms = random_timestamp(random);
        selection.to_ms = selection.from_ms + (int64_t)random_below(random, 1000);
    }
    if (random_below(random, 2) > 0) {
        labels_of(1 << random_below(random, 4), selection.matchers);
        selection.n_matchers = 1;
        if (random_below(random, 2) > 0) {
            selection.matchers[0].value = rm_slice_of("");
        }
    }
    return selection;
}

static void check_same_aggregate(struct rm_store *a, struct rm_store *b,
                                 const struct rm_selection *selection)
{
    struct rm_aggregate aggregates[2];
    int rv;

    memset(aggregates, 0, sizeof aggregates);
    rv = rm_store_aggregate(a, selection, &aggregates[0]);
    assert_int_equal(rm_store_aggregate(b, selection, &aggregates[1]), rv);
    if (rv == 0) {
        assert_int_equal(aggregates[0].count, aggregates[1].count);
        assert_int_equal(aggregates[0].sum_overflows, aggregates[1].sum_overflows);
        assert_memory_equal(&aggregates[0].sum, &aggregates[1].sum, sizeof(double));
        assert_memory_equal(&aggregates[0].mean, &aggregates[1].mean,
                            sizeof aggregates[0] - offsetof(struct rm_aggregate, mean));
    }
}

static void check_same_histogram(struct rm_store *a, struct rm_store *b,
                                 const struct rm_selection *selection)
{
    struct rm_histograms histograms[2] = {{0}, {0}};
    int rv = rm_store_histogram(a, selection, &histograms[0]);

    assert_int_equal(rm_store_histogram(b, selection, &histograms[1]), rv);
    if (rv == 0) {
        histograms_are_equal(&histograms[0], &histograms[1]);
    }
    rm_histograms_done(&histograms[0]);
    rm_histograms_done(&histograms[1]);
}

static void check_same_points(const struct rm_values *a, const struct rm_values *b)
{
    assert_int_equal(a->n_points, b->n_points);
    assert_int_equal(a->n_total, b->n_total);
    assert_int_equal(a->n_series, b->n_series);
    assert_int_equal(a->has_older, b->has_older);
    for (size_t i = 0; i < a->n_points; i++) {
        assert_memory_equal(&a->points[i].position, &b->points[i].position,
                            sizeof a->points[i].position);
        assert_memory_equal(&a->points[i].value, &b->points[i].value, sizeof(double));
        assert_int_equal(a->points[i].series, b->points[i].series);
    }
    for (size_t i = 0; i < a->n_series; i++) {
        assert_int_equal(a->series[i].n_labels, b->series[i].n_labels);
        for (size_t j = 0; j < a->series[i].n_labels; j++) {
            assert_true(rm_slice_equal(a->series[i].labels[j].name, b->series[i].labels[j].name));
            assert_true(rm_slice_equal(a->series[i].labels[j].value, b->series[i].labels[j].value));
        }
    }
}

/* Pages of one are asked for by the cursor of the other. */
static void check_same_values(struct rm_store *a, struct rm_store *b,
                              const struct rm_selection *selection, size_t limit)
{
    struct rm_position before = {INT64_MAX, UINT64_MAX};
    bool has_older = true;

    while (has_older) {
        struct rm_values values[2] = {{0}, {0}};
        int rv = rm_store_values(a, selection, limit, &before, &values[0]);

        assert_int_equal(rm_store_values(b, selection, limit, &before, &values[1]), rv);
        check_same_points(&values[0], &values[1]);
        has_older = values[0].has_older;
        if (has_older) {
            before = values[0].points[0].position;
        }
        rm_values_done(&values[0]);
        rm_values_done(&values[1]);
    }
}

static void check_same_list(struct rm_store *a, struct rm_store *b)
{
    struct rm_metric_info infos[2][N_METRICS];
    bool has_more;
    size_t n[2];

    assert_int_equal(rm_store_list(a, rm_slice_of(""), rm_slice_of(""), N_METRICS, SIZE_MAX,
                                   infos[0], &n[0], &has_more),
                     0);
    assert_int_equal(rm_store_list(b, rm_slice_of(""), rm_slice_of(""), N_METRICS, SIZE_MAX,
                                   infos[1], &n[1], &has_more),
                     0);
    assert_int_equal(n[0], n[1]);
    for (size_t i = 0; i < n[0]; i++) {
        assert_true(rm_slice_equal(infos[0][i].name, infos[1][i].name));
        assert_int_equal(infos[0][i].n_series, infos[1][i].n_series);
        assert_int_equal(infos[0][i].n_samples, infos[1][i].n_samples);
        assert_memory_equal(&infos[0][i].last, &infos[1][i].last, sizeof(double));
    }
}

/* Pages of one are asked for by the cursor of the other. */
static void check_same_series(struct rm_store *a, struct rm_store *b, int metric, size_t limit)
{
    struct rm_series_info infos[2][N_SERIES];
    uint64_t next[2] = {0, 0};

    do {
        size_t n[2] = {0, 0};
        uint64_t after = next[0];
        int rv = rm_store_list_series(a, rm_slice_of(METRIC_NAMES[metric]), after, limit, infos[0],
                                      &n[0], &next[0]);

        assert_int_equal(rm_store_list_series(b, rm_slice_of(METRIC_NAMES[metric]), after, limit,
                                              infos[1], &n[1], &next[1]),
                         rv);
        assert_int_equal(n[0], n[1]);
        assert_int_equal(next[0], next[1]);
        for (size_t i = 0; i < n[0]; i++) {
            assert_int_equal(infos[0][i].n_labels, infos[1][i].n_labels);
            assert_int_equal(infos[0][i].n_samples, infos[1][i].n_samples);
            assert_memory_equal(&infos[0][i].last, &infos[1][i].last, sizeof(double));
        }
    } while (next[0] != 0);
}

static void check_same_rules(const struct rm_store *a, const struct rm_store *b)
{
    size_t n[2];
    const struct rm_bucket_rule *rules_a = rm_store_bucket_rules(a, &n[0]);
    const struct rm_bucket_rule *rules_b = rm_store_bucket_rules(b, &n[1]);

    assert_true(rm_bucket_rules_are_equal(rules_a, n[0], rules_b, n[1]));
}

static void check_same(struct random *random, struct rm_store *a, struct rm_store *b)
{
    struct rm_store_stats stats[2];

    rm_store_stats(a, &stats[0]);
    rm_store_stats(b, &stats[1]);
    assert_int_equal(stats[0].n_metrics, stats[1].n_metrics);
    assert_int_equal(stats[0].n_series, stats[1].n_series);
    assert_int_equal(stats[0].n_samples, stats[1].n_samples);
    assert_int_equal(rm_store_hash(a), rm_store_hash(b));
    check_same_list(a, b);
    check_same_rules(a, b);
    for (int metric = 0; metric < N_METRICS; metric++) {
        check_same_series(a, b, metric, 1 + random_below(random, N_SERIES));
        for (int i = 0; i < 4; i++) {
            struct rm_selection selection =
                i == 0 ? everything_of(metric) : random_selection(random, metric);

            check_same_aggregate(a, b, &selection);
            check_same_histogram(a, b, &selection);
            check_same_values(a, b, &selection, 1 + random_below(random, 3000));
        }
    }
}

/* Nor did both forget the same. */
static void check_against_history(struct rm_store *store, const struct history *history, size_t n)
{
    for (int metric = 0; metric < N_METRICS; metric++) {
        struct rm_selection selection = everything_of(metric);
        struct rm_values values = {0};
        size_t n_records;
        struct model_record *records = records_of(history, n, metric, &n_records);

        assert_int_equal(rm_store_values(store, &selection, SIZE_MAX, NULL, &values),
                         n_records == 0 ? RM_ENOTFOUND : 0);
        assert_int_equal(values.n_points, n_records);
        for (size_t i = 0; i < n_records; i++) {
            assert_memory_equal(&values.points[i].position, &records[i].position,
                                sizeof records[i].position);
            assert_true(model_same_double(values.points[i].value, records[i].value));
        }
        rm_values_done(&values);
        free(records);
    }
}

/* ---- freezing and restoring at random moments ---- */

static struct rm_store *restore_image(struct rm_image *image, uint64_t hash_seed)
{
    struct rm_blob *blob = image_blob(image);
    struct rm_store *store = NULL;
    struct rm_slice bytes;

    assert_non_null(blob);
    bytes = rm_blob_peek(blob);
    assert_int_equal(bytes.len % 8, 0);
    assert_int_equal(rm_store_restore(blob, &bytes, hash_seed, &store), 0);
    assert_int_equal(bytes.len, 0);
    rm_blob_unref(blob);
    return store;
}

static double random_value(struct random *random)
{
    return random_below(random, 10) == 0 ? random_double(random)
                                         : (double)random_below(random, 100) / 10;
}

/* Of one metric, mostly in order, in reverse order, or in none. */
static void record_some(struct random *random, struct history *history, struct rm_store *store)
{
    int metric = (int)random_below(random, N_METRICS);
    uint64_t n_series = 1 + random_below(random, N_SERIES);
    int64_t begin = random_timestamp(random);
    uint64_t order = random_below(random, 4);

    for (int64_t i = (int64_t)random_below(random, 600); i >= 0; i--) {
        struct operation operation = {.metric = metric,
                                      .series = (int)random_below(random, n_series),
                                      .timestamp_ms = random_timestamp(random),
                                      .value = random_value(random)};

        if (order > 0 && begin > RM_TIMESTAMP_MIN_MS && begin < RM_TIMESTAMP_MAX_MS) {
            operation.timestamp_ms = order == 1 ? begin + i / 3 : begin - i / 3;
        }
        add(history, store, operation);
    }
}

static void delete_one(struct random *random, struct history *history, struct rm_store *store)
{
    struct operation operation = {.metric = (int)random_below(random, N_METRICS),
                                  .series = DELETES};
    size_t n;

    free(records_of(history, history->n, operation.metric, &n));
    if (n > 0) {
        add(history, store, operation);
    }
}

/* An image that lives while the store goes on. */
struct held_image {
    struct rm_image *image;
    size_t n_operations;
};

static void hold(struct held_image *held, struct rm_store *store, const struct history *history)
{
    rm_image_release(held->image);
    *held = (struct held_image){rm_store_freeze(store), history->n};
    assert_non_null(held->image);
}

/* The first of few metrics, most of them, or all. */
static void gather_some(struct random *random, struct held_image *held)
{
    static const uint64_t N_MAX[] = {5, 50, 500};
    bool is_whole;

    if (held->image != NULL) {
        size_t n_steps = random_below(random, N_MAX[random_below(random, 3)]);

        assert_int_equal(rm_image_gather(held->image, n_steps, &is_whole), 0);
    }
}

static void check_held(struct random *random, const struct held_image *held,
                       const struct history *history)
{
    struct rm_store *restored;
    struct rm_store *twin;

    if (held->image == NULL) {
        return;
    }
    restored = restore_image(held->image, random_next(random));
    twin = replay(history, held->n_operations, random_next(random));
    check_same(random, twin, restored);
    check_against_history(restored, history, held->n_operations);
    rm_store_free(restored);
    rm_store_free(twin);
}

static void run_history(struct random *random, struct history *history)
{
    struct rm_store *store = rm_store_new(random_next(random));
    struct held_image held[2] = {{NULL, 0}, {NULL, 0}};
    struct rm_store *twin;

    for (int i = 0; i < 60; i++) {
        struct held_image *one = &held[random_below(random, 2)];

        record_some(random, history, store);
        gather_some(random, &held[0]);
        gather_some(random, &held[1]);
        switch (random_below(random, 7)) {
        case 0:
            delete_one(random, history, store);
            break;
        case 6:
            add(history, store,
                (struct operation){.metric = (int)random_below(random, N_RULE_SETS),
                                   .series = SETS_RULES});
            break;
        case 1:
        case 2:
            hold(one, store, history);
            break;
        case 3:
            hold(one, store, history);
            rm_store_free(store);
            store = restore_image(one->image, random_next(random));
            break;
        default:
            check_held(random, one, history);
        }
    }
    twin = replay(history, history->n, random_next(random));
    check_same(random, twin, store);
    rm_store_free(store);
    rm_store_free(twin);
    check_held(random, &held[0], history);
    rm_image_release(held[0].image);
    rm_image_release(held[1].image);
}

static void test_restored_answers_as_if_it_never_was(void **state)
{
    struct random random = random_start("store image");

    (void)state;
    for (int run = 0; run < 4; run++) {
        struct history *history = calloc(1, sizeof *history);

        assert_non_null(history);
        run_history(&random, history);
        free(history);
    }
}

/* ---- batches ---- */

enum { N_IN_BATCHES = 30000 };

struct batched {
    struct rm_sample samples[N_IN_BATCHES];
    struct rm_label labels[N_IN_BATCHES][11];
};

/* Mostly in order of time, some late. */
static struct batched *random_batch(struct random *random)
{
    struct batched *batched = calloc(1, sizeof *batched);

    assert_non_null(batched);
    for (size_t i = 0; i < N_IN_BATCHES; i++) {
        struct rm_sample *sample = &batched->samples[i];
        int64_t late = random_below(random, 20) == 0 ? (int64_t)random_below(random, i + 1) : 0;

        sample->metric_name = rm_slice_of(METRIC_NAMES[random_below(random, N_METRICS)]);
        sample->labels = batched->labels[i];
        sample->n_labels = labels_of((int)random_below(random, 5), batched->labels[i]);
        sample->timestamp_ms = ((int64_t)i - late) / 2;
        sample->value = random_value(random);
    }
    return batched;
}

/* In batches of up to @n_max samples, deleting a metric in between. */
static struct rm_store *record_batches(struct random *random, const struct batched *batched,
                                       size_t n_max)
{
    struct rm_store *store = rm_store_new(random_next(random));
    size_t n;

    assert_non_null(store);
    for (size_t i = 0; i < N_IN_BATCHES; i += n) {
        size_t n_left = i < N_IN_BATCHES / 2 ? N_IN_BATCHES / 2 - i : N_IN_BATCHES - i;

        if (i == N_IN_BATCHES / 2) {
            assert_int_equal(rm_store_delete(store, rm_slice_of(METRIC_NAMES[1])), 0);
        }
        n = 1 + random_below(random, n_max);
        n = n < n_left ? n : n_left;
        assert_int_equal(rm_store_record_batch(store, batched->samples + i, n), 0);
    }
    assert_int_equal(rm_store_record_batch(store, NULL, 0), 0);
    return store;
}

static void test_batches_show_in_nothing(void **state)
{
    static const size_t N_MAX[] = {5, 100, N_IN_BATCHES};
    struct random random = random_start("batches");
    struct batched *batched = random_batch(&random);
    struct rm_store *single = record_batches(&random, batched, 1);
    struct rm_image *image = rm_store_freeze(single);
    struct rm_store *restored = restore_image(image, random_next(&random));

    (void)state;
    check_same(&random, single, restored);
    for (size_t i = 0; i < sizeof N_MAX / sizeof *N_MAX; i++) {
        struct rm_store *store = record_batches(&random, batched, N_MAX[i]);

        check_same(&random, single, store);
        rm_store_free(store);
    }
    rm_store_free(restored);
    rm_image_release(image);
    rm_store_free(single);
    free(batched);
}

/* ---- one small store ---- */

static void record(struct rm_store *store, int series, int64_t timestamp_ms, double value)
{
    const struct operation operation = {
        .series = series, .timestamp_ms = timestamp_ms, .value = value};

    apply(store, &operation);
}

static void test_nothing(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_image *image = rm_store_freeze(store);
    struct rm_store *restored = restore_image(image, 2);
    struct rm_store_stats stats;

    (void)state;
    rm_image_release(image);
    assert_int_equal(rm_store_hash(store), rm_store_hash(restored));
    rm_store_stats(restored, &stats);
    assert_int_equal(stats.n_metrics + stats.n_samples, 0);
    record(restored, 1, 1, 1);
    assert_true(rm_store_hash(store) != rm_store_hash(restored));
    rm_store_free(store);
    rm_store_free(restored);
}

/* One behind the other in one blob, as parts of a snapshot are. */
static void test_an_image_ends_where_it_ends(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_store *restored = NULL;
    struct rm_image *image;
    struct rm_blob *blob;
    struct rm_slice bytes;
    char *twice;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        record(store, i % 2, i, i);
    }
    image = rm_store_freeze(store);
    blob = image_blob(image);
    twice = malloc(2 * image->n_bytes);
    assert_true(blob != NULL && twice != NULL);
    memcpy(twice, rm_blob_peek(blob).data, image->n_bytes);
    memcpy(twice + image->n_bytes, rm_blob_peek(blob).data, image->n_bytes);
    rm_blob_unref(blob);
    blob = rm_blob_new(twice, 2 * image->n_bytes);
    bytes = rm_blob_peek(blob);
    for (size_t left = 2; left > 0; left--) {
        assert_int_equal(rm_store_restore(blob, &bytes, 3, &restored), 0);
        assert_int_equal(rm_store_hash(restored), rm_store_hash(store));
        assert_int_equal(bytes.len, (left - 1) * image->n_bytes);
        rm_store_free(restored);
    }
    rm_blob_unref(blob);
    rm_image_release(image);
    rm_store_free(store);
}

static void check_bytes(struct rm_image *image, const struct rm_blob *expected)
{
    struct rm_blob *blob = image_blob(image);

    assert_int_equal(rm_blob_peek(blob).len, rm_blob_peek(expected).len);
    assert_memory_equal(rm_blob_peek(blob).data, rm_blob_peek(expected).data,
                        rm_blob_peek(blob).len);
    rm_blob_unref(blob);
}

/* Chunks that are full and that are not, changed in every way while two images have a part. */
static void test_an_image_stays_as_it_is(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_image *images[2];
    struct rm_blob *blobs[2];

    (void)state;
    for (int i = 0; i < 900; i++) {
        record(store, i < 800 ? 0 : 1, 10 * i, i);
    }
    images[0] = rm_store_freeze(store);
    blobs[0] = image_blob(images[0]);
    record(store, 0, 9000, 1);
    record(store, 1, 9001, 2);
    images[1] = rm_store_freeze(store);
    blobs[1] = image_blob(images[1]);
    for (int i = 0; i < 900; i += 7) {
        record(store, 0, 10 * i + 5, -i);
        record(store, 1, 10 * i + 5, -i);
        check_bytes(images[0], blobs[0]);
        check_bytes(images[1], blobs[1]);
    }
    rm_image_release(images[0]);
    rm_store_free(store);
    check_bytes(images[1], blobs[1]);
    rm_image_release(images[1]);
    rm_image_release(NULL);
    rm_blob_unref(blobs[0]);
    rm_blob_unref(blobs[1]);
}

/* What lies in the blob is counted, until it is deleted. */
static void test_bytes_are_counted(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_store *restored;
    struct rm_image *image;
    struct rm_store_stats before;
    struct rm_store_stats stats;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        record(store, i % 3, i, i);
    }
    rm_store_stats(store, &before);
    image = rm_store_freeze(store);
    restored = restore_image(image, 1);
    rm_store_stats(restored, &stats);
    assert_in_range(stats.n_bytes, image->n_bytes, before.n_bytes);
    rm_image_release(image);
    for (int i = 0; i < 10000; i++) {
        record(restored, i % 3, 2 * i, i);
    }
    assert_int_equal(rm_store_delete(restored, rm_slice_of(METRIC_NAMES[0])), 0);
    rm_store_stats(restored, &stats);
    assert_in_range(stats.n_bytes, 1, 2000);
    rm_store_free(restored);
    rm_store_free(store);
}

/* ---- the hash ---- */

static uint64_t hash_of(struct operation operation)
{
    struct rm_store *store = rm_store_new(5);
    uint64_t hash;

    record(store, 3, 100, 0);
    apply(store, &operation);
    hash = rm_store_hash(store);
    rm_store_free(store);
    return hash;
}

static void test_the_hash_knows_all_of_an_observation(void **state)
{
    static const struct operation OPERATIONS[] = {
        {0, 1, 2, 3}, {1, 1, 2, 3}, {0, 0, 2, 3},   {0, 2, 2, 3},
        {0, 1, 1, 3}, {0, 1, 2, 0}, {0, 1, 2, -0.}, {0, 1, 2, 3.0000000000000004},
    };
    enum { N = sizeof OPERATIONS / sizeof *OPERATIONS };

    (void)state;
    for (int i = 0; i < N; i++) {
        assert_int_equal(hash_of(OPERATIONS[i]), hash_of(OPERATIONS[i]));
        for (int j = 0; j < i; j++) {
            assert_true(hash_of(OPERATIONS[i]) != hash_of(OPERATIONS[j]));
        }
    }
}

/* What belongs to several metrics may come in any order; what belongs to one may not. */
static void test_the_hash_knows_the_order_within_a_metric(void **state)
{
    struct rm_store *stores[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        stores[i] = rm_store_new((uint64_t)i);
    }
    apply(stores[0], &(struct operation){0, 1, 2, 3});
    apply(stores[0], &(struct operation){0, 2, 2, 3});
    apply(stores[0], &(struct operation){1, 1, 2, 3});
    apply(stores[1], &(struct operation){1, 1, 2, 3});
    apply(stores[1], &(struct operation){0, 1, 2, 3});
    apply(stores[1], &(struct operation){0, 2, 2, 3});
    apply(stores[2], &(struct operation){1, 1, 2, 3});
    apply(stores[2], &(struct operation){0, 2, 2, 3});
    apply(stores[2], &(struct operation){0, 1, 2, 3});
    assert_int_equal(rm_store_hash(stores[0]), rm_store_hash(stores[1]));
    assert_true(rm_store_hash(stores[0]) != rm_store_hash(stores[2]));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rm_store_delete(stores[i], rm_slice_of(METRIC_NAMES[0])), 0);
    }
    assert_int_equal(rm_store_hash(stores[0]), rm_store_hash(stores[2]));
    assert_int_equal(rm_store_delete(stores[0], rm_slice_of(METRIC_NAMES[1])), 0);
    assert_int_equal(rm_store_hash(stores[0]), 0);
    for (int i = 0; i < 3; i++) {
        rm_store_free(stores[i]);
    }
}

/* The state's hash is compared between machines: what it is made of may not change unnoticed. */
static void test_the_hash_is_the_same_everywhere(void **state)
{
    (void)state;
    assert_int_equal(hash_of((struct operation){0, 5, 1732568363376, 75.5}),
                     UINT64_C(0xdf0916dcbe6dddf0));
}

/* A metric's bounds are in the state, as are the rules for the next. */
static void test_the_hash_knows_bounds(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_store *other = rm_store_new(2);

    (void)state;
    record(store, 1, 1, 1);
    rule_sets_apply(other, 1);
    record(other, 1, 1, 1);
    assert_true(rm_store_hash(store) != rm_store_hash(other));
    rule_sets_apply(store, 1);
    assert_true(rm_store_hash(store) != rm_store_hash(other));
    assert_int_equal(rm_store_delete(store, rm_slice_of(METRIC_NAMES[0])), 0);
    record(store, 1, 1, 1);
    assert_int_equal(rm_store_hash(store), rm_store_hash(other));
    assert_int_equal(rm_store_delete(store, rm_slice_of(METRIC_NAMES[0])), 0);
    assert_true(rm_store_hash(store) != 0);
    rule_sets_apply(store, 0);
    assert_int_equal(rm_store_hash(store), 0);
    rm_store_free(store);
    rm_store_free(other);
}

/* ---- damage ---- */

/* Two metrics: one of two series, with a sealed chunk and open ones that are shared and copied, one
 * of one series with bounds that no rule has any more; and rules. */
static struct rm_blob *small_image(void)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_image *image;
    struct rm_blob *blob;

    for (int i = 0; i < 280; i++) {
        record(store, i < 276 ? 1 : 2, i, i % 7);
    }
    rule_sets_apply(store, 2);
    apply(store, &(struct operation){4, 0, 7, 1e300});
    rule_sets_apply(store, 3);
    image = rm_store_freeze(store);
    blob = image_blob(image);
    rm_image_release(image);
    rm_store_free(store);
    return blob;
}

typedef int restore_function(struct rm_blob *blob, struct rm_slice *bytes, uint64_t hash_seed,
                             struct rm_store **ret_store);

/* Restores from a copy of the first @len bytes, byte @at of which is changed by @mask. What comes
 * of it is used. */
static int restore_damaged(restore_function *restore, struct rm_slice original, size_t len,
                           size_t at, unsigned char mask)
{
    char *copy = malloc(len + 1);
    struct rm_blob *blob = rm_blob_new(copy, len);
    struct random random = {1};
    struct rm_store *store = NULL;
    struct rm_slice bytes;
    int rv;

    assert_true(copy != NULL && blob != NULL);
    memcpy(copy, original.data, len);
    copy[at] = (char)(copy[at] ^ mask);
    bytes = rm_blob_peek(blob);
    rv = restore(blob, &bytes, 1, &store);
    rm_blob_unref(blob);
    if (rv == 0) {
        check_same(&random, store, store);
        record(store, 1, 50, 1);
        rm_store_free(store);
    } else {
        assert_ptr_equal(bytes.data, copy);
        assert_int_equal(bytes.len, len);
    }
    return rv;
}

static void test_every_flipped_byte_is_seen(void **state)
{
    struct rm_blob *blob = small_image();
    struct rm_slice bytes = rm_blob_peek(blob);

    (void)state;
    assert_int_equal(restore_damaged(rm_store_restore, bytes, bytes.len, 0, 0), 0);
    for (size_t at = 0; at < bytes.len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            assert_int_equal(
                restore_damaged(rm_store_restore, bytes, bytes.len, at, (unsigned char)(1U << bit)),
                RM_ECORRUPT);
        }
    }
    rm_blob_unref(blob);
}

static void test_every_cut_is_seen(void **state)
{
    struct rm_blob *blob = small_image();
    struct rm_slice bytes = rm_blob_peek(blob);

    (void)state;
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(restore_damaged(rm_store_restore, bytes, len, 0, 0), RM_ECORRUPT);
        assert_int_equal(restore_damaged(rm__store_restore_unhashed, bytes, len, 0, 0),
                         RM_ECORRUPT);
    }
    rm_blob_unref(blob);
}

/* Whoever makes an image can make its hashes. */
static void test_what_no_hash_tells_is_harmless(void **state)
{
    struct rm_blob *blob = small_image();
    struct rm_slice bytes = rm_blob_peek(blob);

    (void)state;
    for (size_t at = 0; at < bytes.len; at++) {
        for (unsigned mask = 1; mask < 256; mask += mask < 128 ? mask : 127) {
            int rv = restore_damaged(rm__store_restore_unhashed, bytes, bytes.len, at,
                                     (unsigned char)mask);

            assert_true(rv == 0 || rv == RM_ECORRUPT);
        }
    }
    rm_blob_unref(blob);
}

/* Where the parts of an image of two bounds, a rule "a*" and one metric "b" of one series "dc"
 * lie. */
enum {
    AT_RETENTION = sizeof(struct rm_store_image_header),
    AT_BOUNDS = AT_RETENTION + sizeof(struct rm_store_image_retention),
    AT_RULE = AT_BOUNDS + sizeof(struct rm_store_image_bounds) + 2 * 8,
    AT_PATTERN = AT_RULE + sizeof(struct rm_store_image_rule),
    AT_METRIC = AT_PATTERN + 8,
    AT_NAME = AT_METRIC + sizeof(struct rm_store_image_metric),
    AT_SERIES = AT_NAME + 8,
    AT_LABEL_SIZES = AT_SERIES + sizeof(struct rm_store_image_series),
    AT_LABEL_BYTES = AT_LABEL_SIZES + sizeof(struct rm_store_image_label),
    AT_CHUNK = AT_LABEL_BYTES + 8,
    AT_OBSERVATIONS = AT_CHUNK + sizeof(struct rm_store_image_chunk),
};

#define OF_HEADER(field) (int)offsetof(struct rm_store_image_header, field)
#define OF_RETENTION(field) AT_RETENTION + (int)offsetof(struct rm_store_image_retention, field)
#define OF_RULE(field) AT_RULE + (int)offsetof(struct rm_store_image_rule, field)
#define OF_METRIC(field) AT_METRIC + (int)offsetof(struct rm_store_image_metric, field)
#define OF_SERIES(field) AT_SERIES + (int)offsetof(struct rm_store_image_series, field)
#define OF_CHUNK(field) AT_CHUNK + (int)offsetof(struct rm_store_image_chunk, field)
#define OF_OBSERVATION(i, field)                                                                   \
    AT_OBSERVATIONS + (i)*24 + (int)offsetof(struct rm_observation, field)

static const struct lie {
    const char *says;
    int at;
    size_t size; /* 4: the integer; 8: the integer, or the double where that is not 0 */
    uint64_t integer;
    double number;
} LIES[] = {
    {"another version", OF_HEADER(version), 4, RM_STORE_IMAGE_VERSION + 1, 0},
    {"something where nothing is", OF_HEADER(zero), 4, 1, 0},
    {"too long", OF_HEADER(n_bytes), 8, UINT64_MAX - 7, 0},
    {"too short", OF_HEADER(n_bytes), 8, 56, 0},
    {"an odd length", OF_HEADER(n_bytes), 8, AT_OBSERVATIONS + 3 * 24 - 1, 0},
    {"an index that is too long", OF_HEADER(n_index_bytes), 8, UINT64_MAX - 7, 0},
    {"metrics that are not there", OF_HEADER(n_metrics), 8, 2, 0},
    {"more metrics than memory", OF_HEADER(n_metrics), 8, UINT64_MAX, 0},
    {"no metric", OF_HEADER(n_metrics), 8, 0, 0},
    {"series that are not there", OF_HEADER(n_series), 8, 2, 0},
    {"more series than memory", OF_HEADER(n_series), 8, UINT64_MAX, 0},
    {"more observations than memory", OF_HEADER(n_observations), 8, UINT64_MAX / 24, 0},
    {"ages that are not there", OF_RETENTION(n_rules), 4, 1, 0},
    {"more ages than there may be", OF_RETENTION(n_rules), 4, UINT32_MAX, 0},
    {"no such end of what is full", OF_RETENTION(when_full), 4, 2, 0},
    {"no bounds", OF_HEADER(n_bounds), 4, 0, 0},
    {"bounds that are not there", OF_HEADER(n_bounds), 4, 2, 0},
    {"more bounds than memory", OF_HEADER(n_bounds), 4, UINT32_MAX, 0},
    {"no rules", OF_HEADER(n_rules), 4, 0, 0},
    {"rules that are not there", OF_HEADER(n_rules), 4, 2, 0},
    {"more rules than there may be", OF_HEADER(n_rules), 4, UINT32_MAX, 0},
    {"longer bounds", AT_BOUNDS, 8, 3, 0},
    {"more bounds than there may be", AT_BOUNDS, 8, UINT64_MAX, 0},
    {"a bound that is none", AT_BOUNDS + 8, 8, 0, NAN},
    {"bounds that do not ascend", AT_BOUNDS + 8, 8, 0, 5},
    {"a long pattern", OF_RULE(n_pattern_bytes), 4, UINT32_MAX, 0},
    {"no pattern", OF_RULE(n_pattern_bytes), 4, 0, 0},
    {"a rule with other bounds", OF_RULE(bounds), 4, 2, 0},
    {"an odd pattern", AT_PATTERN, 8, '[', 0},
    {"a metric with other bounds", OF_METRIC(bounds), 8, 2, 0},
    {"a long name", OF_METRIC(n_name_bytes), 4, UINT32_MAX, 0},
    {"no name", OF_METRIC(n_name_bytes), 4, 0, 0},
    {"an odd name", AT_NAME, 8, '\n', 0},
    {"padding that is none", AT_NAME, 8, 'b' + 256, 0},
    {"no series", OF_METRIC(n_series), 4, 0, 0},
    {"a second series", OF_METRIC(n_series), 4, 2, 0},
    {"fewer observations", OF_METRIC(n_observations), 8, 2, 0},
    {"more observations", OF_METRIC(n_observations), 8, 4, 0},
    {"no observations", OF_METRIC(n_observations), 8, 0, 0},
    {"too many observations", OF_METRIC(n_observations), 8, UINT64_MAX, 0},
    {"more that are gone than were", OF_METRIC(n_gone), 8, UINT64_MAX - 2, 0},
    {"no series that ever was", OF_METRIC(n_born), 8, 0, 0},
    {"more series than observations", OF_METRIC(n_born), 8, 4, 0},
    {"a series without a number", OF_SERIES(number), 8, 0, 0},
    {"a number that was not given yet", OF_SERIES(number), 8, 2, 0},
    {"a number that is never given", OF_SERIES(number), 8, UINT64_MAX, 0},
    {"many labels", OF_SERIES(n_labels), 4, UINT32_MAX, 0},
    {"no chunk", OF_SERIES(n_chunks), 4, 0, 0},
    {"many chunks", OF_SERIES(n_chunks), 4, UINT32_MAX, 0},
    {"a distribution that is not there", OF_SERIES(n_distribution_bytes), 8, 8, 0},
    {"an odd distribution", OF_SERIES(n_distribution_bytes), 8, 1, 0},
    {"a distribution beyond all", OF_SERIES(n_distribution_bytes), 8, UINT64_MAX - 7, 0},
    {"long labels", AT_LABEL_SIZES, 8, UINT64_MAX, 0},
    {"no label name", AT_LABEL_SIZES, 8, UINT64_C(8) << 32, 0},
    {"no label value", AT_LABEL_SIZES, 8, 8, 0},
    {"an odd label name", AT_LABEL_BYTES, 4, '1', 0},
    {"an odd label value", AT_LABEL_BYTES + 4, 4, 0xff, 0},
    {"an empty chunk", OF_CHUNK(n), 4, 0, 0},
    {"a chunk that is cut", OF_CHUNK(n), 4, 2, 0},
    {"a chunk that is too long", OF_CHUNK(n), 4, 4, 0},
    {"a chunk beyond all", OF_CHUNK(n), 4, UINT32_MAX, 0},
    {"an open chunk with a hash", OF_CHUNK(hash), 8, 1, 0},
    {"other bytes than observations", OF_CHUNK(n_bytes), 8, 2 * 24, 0},
    {"a sealed chunk at the end", OF_CHUNK(is_sealed), 4, 1, 0},
    {"neither open nor sealed", OF_CHUNK(is_sealed), 4, 2, 0},
    {"a time out of order", OF_OBSERVATION(1, position.timestamp_ms), 8, 31, 0},
    {"a time before all", OF_OBSERVATION(0, position.timestamp_ms), 8,
     (uint64_t)(RM_TIMESTAMP_MIN_MS - 1), 0},
    {"a time behind all", OF_OBSERVATION(2, position.timestamp_ms), 8, INT64_MAX, 0},
    {"an ordinal twice", OF_OBSERVATION(1, position.ordinal), 8, 0, 0},
    {"an ordinal behind all", OF_OBSERVATION(1, position.ordinal), 8, 3, 0},
    {"a value that is none", OF_OBSERVATION(1, value), 8, 0, NAN},
    {"an infinite value", OF_OBSERVATION(1, value), 8, 0, -INFINITY},
};

static int restore_lie(struct rm_slice original, const struct lie *lie)
{
    char *copy = malloc(original.len);
    struct rm_blob *blob = rm_blob_new(copy, original.len);
    struct rm_slice bytes = rm_blob_peek(blob);
    struct rm_store *store = NULL;
    int rv;

    memcpy(copy, original.data, original.len);
    memcpy(copy + lie->at, &lie->integer, lie->size);
    if (lie->number != 0) {
        memcpy(copy + lie->at, &lie->number, lie->size);
    }
    rv = rm__store_restore_unhashed(blob, &bytes, 1, &store);
    rm_blob_unref(blob);
    rm_store_free(store);
    return rv;
}

/* Other numbers, planted with all hashes but the state's; what that then is. */
static uint64_t hash_of_planted(struct rm_slice original, uint64_t number, uint64_t n_born)
{
    char *copy = malloc(original.len);
    struct rm_blob *blob = rm_blob_new(copy, original.len);
    struct rm_slice bytes = rm_blob_peek(blob);
    struct rm_store_image_header *header = (struct rm_store_image_header *)(void *)copy;
    struct rm_store *store = NULL;
    uint64_t hash;

    memcpy(copy, original.data, original.len);
    memcpy(copy + OF_SERIES(number), &number, sizeof number);
    memcpy(copy + OF_METRIC(n_born), &n_born, sizeof n_born);
    header->index_hash = rm__store_image_index_hash(
        header, rm__state_hash_bytes(rm_slice_make(header + 1, header->n_index_bytes), 0));
    assert_int_equal(rm_store_restore(blob, &bytes, 1, &store), RM_ECORRUPT);
    assert_int_equal(rm__store_restore_unhashed(blob, &bytes, 1, &store), 0);
    hash = rm_store_hash(store);
    assert_true(hash != header->state_hash);
    rm_blob_unref(blob);
    rm_store_free(store);
    return hash;
}

static void check_lies(struct rm_store *store, size_t n_bytes, const struct lie *lies, size_t n)
{
    static const struct lie TRUTH = {"", AT_METRIC + 4, 4, 1, 0};
    struct rm_image *image = rm_store_freeze(store);
    struct rm_blob *blob = image_blob(image);

    assert_int_equal(image->n_bytes, n_bytes);
    assert_int_equal(restore_lie(rm_blob_peek(blob), &TRUTH), 0);
    for (size_t i = 0; i < n; i++) {
        if (restore_lie(rm_blob_peek(blob), &lies[i]) != RM_ECORRUPT) {
            fail_msg("believed: %s", lies[i].says);
        }
    }
    rm_blob_unref(blob);
    rm_image_release(image);
    rm_store_free(store);
}

static void test_lies_are_seen(void **state)
{
    struct rm_store *store = rm_store_new(1);

    (void)state;
    assert_int_equal(rm_store_set_bucket_rules(store, rule_sets[1].rules, 1), 0);
    record(store, 1, 10, 0);
    record(store, 1, 20, 1e-3);
    record(store, 1, 30, 1e-3);
    check_lies(store, AT_OBSERVATIONS + 3 * 24, LIES, sizeof LIES / sizeof *LIES);
}

static void test_the_hash_knows_numbers(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_image *image;
    struct rm_blob *blob;

    (void)state;
    assert_int_equal(rm_store_set_bucket_rules(store, rule_sets[1].rules, 1), 0);
    record(store, 1, 10, 0);
    record(store, 1, 20, 0);
    image = rm_store_freeze(store);
    blob = image_blob(image);
    assert_true(hash_of_planted(rm_blob_peek(blob), 1, 2) !=
                hash_of_planted(rm_blob_peek(blob), 2, 2));
    rm_blob_unref(blob);
    rm_image_release(image);
    rm_store_free(store);
}

/* And of one that has a sealed chunk of equal values, thus two buckets of each kind, and an open
 * one. */
enum {
    N_BLOCK_BYTES = 184,
    AT_DISTRIBUTION = AT_LABEL_BYTES + 8,
    AT_NUMBERS = AT_DISTRIBUTION + (int)sizeof(struct rm_distribution_image),
    AT_SEALED = AT_NUMBERS + 2 * 8,
    AT_OPEN = AT_SEALED + sizeof(struct rm_store_image_chunk),
    AT_BLOCK = AT_OPEN + sizeof(struct rm_store_image_chunk),
};

#define OF_DISTRIBUTION(field) AT_DISTRIBUTION + (int)offsetof(struct rm_distribution_image, field)
#define OF_SEALED(field) AT_SEALED + (int)offsetof(struct rm_store_image_chunk, field)
#define OF_OPEN(field) AT_OPEN + (int)offsetof(struct rm_store_image_chunk, field)
#define OF_BLOCK(field) AT_BLOCK + (int)offsetof(struct rm_chunk_block, field)

static const struct lie SEALED_LIES[] = {
    {"no distribution", OF_SERIES(n_distribution_bytes), 8, 0, 0},
    {"a short distribution", OF_SERIES(n_distribution_bytes), 8, 16, 0},
    {"a long distribution", OF_SERIES(n_distribution_bytes), 8, 32, 0},
    {"something dropped of what was not", OF_DISTRIBUTION(n_dropped), 8, 1, 0},
    {"the hash of nothing", OF_DISTRIBUTION(dropped_hash), 8, 1, 0},
    {"the end of nothing", OF_DISTRIBUTION(dropped_ms), 8, 0, 0},
    {"a bucket behind the last", OF_DISTRIBUTION(first_bucket), 4, 31, 0},
    {"a bucket far behind the last", OF_DISTRIBUTION(first_bucket), 4, UINT32_MAX, 0},
    {"no counts", OF_DISTRIBUTION(n_classic), 4, 0, 0},
    {"many counts", OF_DISTRIBUTION(n_classic), 4, UINT32_MAX, 0},
    {"a sum of the distribution that is none", OF_DISTRIBUTION(small_high), 8, 0, NAN},
    {"a sum that is too large", OF_DISTRIBUTION(small_high), 8, 0, 0x1p600},
    {"a low part that is high", OF_DISTRIBUTION(small_low), 8, 0, 1e9},
    {"a large sum that is none", OF_DISTRIBUTION(large_high), 8, 0, INFINITY},
    {"a large low part", OF_DISTRIBUTION(large_low), 8, 0, 1},
    {"a minimum that is none", OF_DISTRIBUTION(min), 8, 0, -INFINITY},
    {"a maximum that is none", OF_DISTRIBUTION(max), 8, 0, NAN},
    {"a maximum below the minimum", OF_DISTRIBUTION(max), 8, 0, 0.5},
    {"a value in the zero bucket", OF_DISTRIBUTION(zero_count), 8, 1, 0},
    {"values in the zero bucket", OF_DISTRIBUTION(zero_count), 8, UINT64_MAX, 0},
    {"no such schema", OF_DISTRIBUTION(schema), 4, 7, 0},
    {"a schema below all", OF_DISTRIBUTION(schema), 4, (uint32_t)-5, 0},
    {"native buckets that are not there", OF_DISTRIBUTION(n_positive), 4, 4, 0},
    {"negative buckets that are not there", OF_DISTRIBUTION(n_negative), 4, 2, 0},
    {"no native buckets", OF_DISTRIBUTION(n_positive), 4, 0, 0},
    {"many native buckets", OF_DISTRIBUTION(n_positive), 4, UINT32_MAX, 0},
    {"many negative buckets", OF_DISTRIBUTION(n_negative), 4, UINT32_MAX, 0},
    {"something in the distribution where nothing is", OF_DISTRIBUTION(zero), 4, 1, 0},
    /* The numbers are 80 02, 01; 80 40, 80 02; 40, 01. */
    {"a count too many", AT_NUMBERS, 8, 0x4002804080010281, 0},
    {"a number without end", AT_NUMBERS, 8, UINT64_MAX, 0},
    {"a native count too many", AT_NUMBERS, 8, 0x4002814080010280, 0},
    {"an empty native bucket", AT_NUMBERS, 8, 0x4000804080010280, 0},
    {"an index that does not ascend", AT_NUMBERS, 8, 0x0002804080010280, 0},
    {"an index above all", AT_NUMBERS + 7, 8, 0x017fffff, 0},
    {"something behind the numbers", AT_NUMBERS + 8, 8, 0x0101, 0},
    {"a block as observations", OF_SEALED(is_sealed), 4, 0, 0},
    {"observations as a block", OF_OPEN(is_sealed), 4, 1, 0},
    {"a block that is too short", OF_SEALED(n_bytes), 8, N_BLOCK_BYTES - 8, 0},
    {"a block that is too long", OF_SEALED(n_bytes), 8, N_BLOCK_BYTES + 8, 0},
    {"a block shorter than any", OF_SEALED(n_bytes), 8, 8, 0},
    {"a block of no whole words", OF_SEALED(n_bytes), 8, N_BLOCK_BYTES - 1, 0},
    {"a block beyond all", OF_SEALED(n_bytes), 8, UINT64_MAX - 7, 0},
    {"other observations than the block's", OF_SEALED(n), 4, RM_CHUNK_MAX - 1, 0},
    {"another first observation", OF_BLOCK(first.value), 8, 0, 2},
    {"another last time", OF_BLOCK(last.position.timestamp_ms), 8, 254, 0},
    {"another sum", OF_BLOCK(sum.small.high), 8, 0, 255},
    {"a large sum", OF_BLOCK(sum.large.high), 8, 0, 1},
    {"a reset", OF_BLOCK(resets.small.high), 8, 0, 1},
    {"another minimum", OF_BLOCK(min), 8, 0, 0.5},
    {"no maximum", OF_BLOCK(max), 8, 0, INFINITY},
    {"another mean", OF_BLOCK(moments_mean), 8, 0, 0.5},
    {"no deviation", OF_BLOCK(moments_m2), 8, 0, NAN},
    {"another hash of its part of the state", OF_BLOCK(state_hash), 8, 1, 0},
    {"no such scale", OF_BLOCK(moments_scale), 2, 3, 0},
    {"a block of none", OF_BLOCK(n), 2, 0, 0},
    {"bytes behind the block", OF_BLOCK(n_bytes), 4, UINT32_MAX, 0},
    {"fewer bytes", OF_BLOCK(n_bytes), 4, N_BLOCK_BYTES - sizeof(struct rm_chunk_block) - 7, 0},
    {"no bytes of observations", OF_BLOCK(bytes), 8, UINT64_MAX, 0},
};

static void test_lies_of_sealed_chunks_are_seen(void **state)
{
    struct rm_store *store = rm_store_new(1);

    (void)state;
    assert_int_equal(rm_store_set_bucket_rules(store, rule_sets[1].rules, 1), 0);
    for (int i = 0; i < RM_CHUNK_MAX; i++) {
        record(store, 1, i, 1);
    }
    record(store, 1, RM_CHUNK_MAX, 2);
    check_lies(store, AT_BLOCK + N_BLOCK_BYTES + 24, SEALED_LIES,
               sizeof SEALED_LIES / sizeof *SEALED_LIES);
}

/* Replaces the bytes of @old, which come once, by those of @new. */
static void replace(struct rm_slice image, const void *old, const void *new, size_t n)
{
    char *at = memmem(image.data, image.len, old, n);

    assert_non_null(at);
    memcpy(at, new, n);
}

static void record_host(struct rm_store *store, const char *name, const char *host,
                        int64_t timestamp_ms)
{
    const struct rm_label label = {rm_slice_of("host"), rm_slice_of(host)};
    const struct rm_sample sample = {.metric_name = rm_slice_of(name),
                                     .labels = &label,
                                     .n_labels = 1,
                                     .timestamp_ms = timestamp_ms};

    assert_int_equal(rm_store_record(store, &sample), 0);
}

/* Two metrics, one of them with two series. */
static struct rm_blob *image_of_pairs(void)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_image *image;
    struct rm_blob *blob;

    record_host(store, "metric_a", "-----1", 1);
    record_host(store, "metric_b", "-----2", 2);
    record_host(store, "metric_b", "-----3", 3);
    image = rm_store_freeze(store);
    blob = image_blob(image);
    rm_image_release(image);
    rm_store_free(store);
    return blob;
}

static int restore_pairs(const void *old, const void *new, size_t n)
{
    struct rm_blob *blob = image_of_pairs();
    struct rm_slice bytes = rm_blob_peek(blob);
    struct rm_store *store = NULL;
    int rv;

    replace(bytes, old, new, n);
    rv = rm__store_restore_unhashed(blob, &bytes, 1, &store);
    rm_blob_unref(blob);
    rm_store_free(store);
    return rv;
}

static void test_lies_between_parts_are_seen(void **state)
{
    static const struct rm_observation TRUE_ORDER[] = {{{2, 0}, 0}, {{3, 1}, 0}};
    static const struct rm_observation FALSE_ORDER[] = {{{2, 1}, 0}, {{3, 0}, 0}};
    static const struct rm_observation SAME[] = {{{2, 0}, 0}, {{3, 0}, 0}};

    static const struct rm_store_image_metric TRUE_COUNT = {8, 1, 1, 0, 0, 1};
    static const struct rm_store_image_metric FALSE_COUNT = {8, 1, 2, 0, 0, 1};

    static const struct rm_store_image_series SECOND = {1, 1, 0, 2};
    static const struct rm_store_image_series ANOTHER_FIRST = {1, 1, 0, 1};

    (void)state;
    assert_int_equal(restore_pairs(&SECOND, &ANOTHER_FIRST, sizeof SECOND), RM_ECORRUPT);
    assert_int_equal(restore_pairs(&TRUE_COUNT, &FALSE_COUNT, sizeof TRUE_COUNT), RM_ECORRUPT);
    assert_int_equal(restore_pairs("metric_b", "metric_c", 8), 0);
    assert_int_equal(restore_pairs("metric_b", "metric_a", 8), RM_ECORRUPT);
    assert_int_equal(restore_pairs("-----3", "-----4", 6), 0);
    assert_int_equal(restore_pairs("-----3", "-----2", 6), RM_ECORRUPT);
    assert_int_equal(restore_pairs("-----2", "-----1", 6), 0);
    assert_int_equal(restore_pairs(TRUE_ORDER, TRUE_ORDER, sizeof TRUE_ORDER), 0);
    assert_int_equal(restore_pairs(TRUE_ORDER, FALSE_ORDER, sizeof TRUE_ORDER), RM_ECORRUPT);
    assert_int_equal(restore_pairs(TRUE_ORDER, SAME, sizeof TRUE_ORDER), RM_ECORRUPT);
}

static int restore_bytes(const void *bytes, size_t len)
{
    return restore_damaged(rm__store_restore_unhashed, rm_slice_make(bytes, len), len, 0, 0);
}

/* Every metric of a store has a series, and every series an observation. */
static void test_a_metric_of_nothing_is_seen(void **state)
{
    struct {
        struct rm_store_image_header header;
        struct rm_store_image_retention retention;
        struct rm_store_image_metric metric;
        char name[8];
    } image = {{.version = RM_STORE_IMAGE_VERSION,
                .n_bytes = sizeof image,
                .n_index_bytes = sizeof image - sizeof image.header,
                .n_metrics = 1},
               {0, 0, 0},
               {1, 0, 0, 0, 0, 0},
               "a"};

    (void)state;
    assert_int_equal(restore_bytes(&image, sizeof image), RM_ECORRUPT);
    /* Nor is there anything that belongs to none, in the index or behind it. */
    image.header.n_metrics = 0;
    assert_int_equal(restore_bytes(&image, sizeof image), RM_ECORRUPT);
    image.header.n_index_bytes = sizeof image.retention;
    image.header.n_observations = 1;
    assert_int_equal(restore_bytes(&image, sizeof image), RM_ECORRUPT);
}

static void test_a_series_of_nothing_is_seen(void **state)
{
    struct {
        struct rm_store_image_header header;
        struct rm_store_image_retention retention;
        struct rm_store_image_metric metric;
        char name[8];
        struct {
            struct rm_store_image_series series;
            struct rm_store_image_label label;
            char label_bytes[8];
            struct rm_store_image_chunk chunk;
        } first;
        struct rm_store_image_series second;
        struct rm_observation observation;
    } image = {.header = {.version = RM_STORE_IMAGE_VERSION,
                          .n_bytes = sizeof image,
                          .n_index_bytes = sizeof image - sizeof image.header - 24,
                          .n_metrics = 1,
                          .n_series = 2,
                          .n_observations = 1},
               .metric = {1, 2, 1, 0, 1, 2},
               .name = "a",
               .first = {{1, 1, 0, 1}, {2, 2}, "dcx1", {.n_bytes = 24, .n = 1}},
               .second.number = 2};

    (void)state;
    assert_int_equal(restore_bytes(&image, sizeof image), RM_ECORRUPT);
    /* What is wrong is just that: without the second series it is an image. */
    image.header.n_bytes -= sizeof image.second;
    image.header.n_index_bytes -= sizeof image.second;
    image.header.n_series = 1;
    image.metric.n_series = 1;
    memmove(&image.second, &image.observation, sizeof image.observation);
    assert_int_equal(restore_bytes(&image, sizeof image - sizeof image.second), 0);
}

/* One series of open chunks, and its distribution in as many buckets as there are, or one more. */
struct open_image {
    struct rm_store_image_header header;
    struct rm_store_image_retention retention;
    struct rm_store_image_metric metric;
    char name[8];
    struct rm_store_image_series series;
    struct rm_distribution_image distribution;
    uint64_t counts[32 + 1];
    struct rm_store_image_chunk chunks[3];
    struct rm_observation observations[RM_CHUNK_MAX + 1];
};

/* A number of up to 14 bits of a distribution, longer than it need be. */
static uint64_t in_8_bytes(uint64_t number)
{
    return (number & 0x7f) | (number >> 7) << 8 | 0x0080808080808080;
}

/* Restores one of @n_chunks chunks, all open, of @n observations together, the first chunk taking
 * what the others, of one each, leave it. */
static int restore_open(uint32_t n_counts, uint32_t n_chunks, uint32_t n)
{
    struct open_image image = {
        .header = {.version = RM_STORE_IMAGE_VERSION, .n_metrics = 1, .n_series = 1},
        .metric = {1, 1, n, 0, 0, 1},
        .name = "a",
        .series = {0, n_chunks, sizeof image.distribution + 8 * n_counts, 1},
        .distribution = {.dropped_ms = INT64_MIN, .zero_count = n, .n_classic = n_counts}};
    char bytes[sizeof image];
    char *end = bytes;

    for (uint32_t i = 0; i < n_counts; i++) {
        image.counts[i] = in_8_bytes(i == 0 ? n : 0);
    }
    for (uint32_t i = 0; i < n; i++) {
        image.observations[i] = (struct rm_observation){{i, i}, 0};
    }
    for (uint32_t i = 0; i < n_chunks; i++) {
        image.chunks[i].n = i == 0 ? n - n_chunks + 1 : 1;
        image.chunks[i].n_bytes = image.chunks[i].n * 24;
    }
    end = mempcpy(end, &image, offsetof(struct open_image, counts));
    end = mempcpy(end, image.counts, n_counts * sizeof *image.counts);
    end = mempcpy(end, image.chunks, n_chunks * sizeof *image.chunks);
    image.header.n_index_bytes = (size_t)(end - bytes) - sizeof image.header;
    end = mempcpy(end, image.observations, n * sizeof *image.observations);
    image.header.n_bytes = (size_t)(end - bytes);
    image.header.n_observations = n;
    memcpy(bytes, &image.header, sizeof image.header);
    return restore_bytes(bytes, (size_t)(end - bytes));
}

static void test_a_bucket_too_many_is_seen(void **state)
{
    (void)state;
    assert_int_equal(rm_bucket_bounds_default().n + 1, 32);
    assert_int_equal(restore_open(32, 1, 1), 0);
    assert_int_equal(restore_open(33, 1, 1), RM_ECORRUPT);
}

static void test_a_chunk_past_its_maximum_is_seen(void **state)
{
    (void)state;
    assert_int_equal(restore_open(1, 1, RM_CHUNK_MAX), 0);
    assert_int_equal(restore_open(1, 1, RM_CHUNK_MAX + 1), RM_ECORRUPT);
}

/* Beside the newest one chunk may be open. */
static void test_a_second_late_chunk_is_seen(void **state)
{
    (void)state;
    assert_int_equal(restore_open(1, 2, 20), 0);
    assert_int_equal(restore_open(1, 3, 20), RM_ECORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restored_answers_as_if_it_never_was),
        cmocka_unit_test(test_batches_show_in_nothing),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_an_image_ends_where_it_ends),
        cmocka_unit_test(test_an_image_stays_as_it_is),
        cmocka_unit_test(test_bytes_are_counted),
        cmocka_unit_test(test_the_hash_knows_all_of_an_observation),
        cmocka_unit_test(test_the_hash_knows_the_order_within_a_metric),
        cmocka_unit_test(test_the_hash_knows_bounds),
        cmocka_unit_test(test_the_hash_is_the_same_everywhere),
        cmocka_unit_test(test_the_hash_knows_numbers),
        cmocka_unit_test(test_every_flipped_byte_is_seen),
        cmocka_unit_test(test_every_cut_is_seen),
        cmocka_unit_test(test_what_no_hash_tells_is_harmless),
        cmocka_unit_test(test_lies_are_seen),
        cmocka_unit_test(test_lies_of_sealed_chunks_are_seen),
        cmocka_unit_test(test_lies_between_parts_are_seen),
        cmocka_unit_test(test_a_metric_of_nothing_is_seen),
        cmocka_unit_test(test_a_series_of_nothing_is_seen),
        cmocka_unit_test(test_a_bucket_too_many_is_seen),
        cmocka_unit_test(test_a_chunk_past_its_maximum_is_seen),
        cmocka_unit_test(test_a_second_late_chunk_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
