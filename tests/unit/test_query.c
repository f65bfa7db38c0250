#include <inttypes.h>
#include <stdio.h>

#include "../../src/metrics/query_internal.h"
#include "model.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/store.h"
#include "random.h"

/* The model: one metric with series 0 to N_SERIES - 1, each with a value or none for each of
 * LABEL_NAMES. */
enum { N_LABELS = 3, N_SERIES = 12, N_RECORDS_MAX = 40000 };

static const char *const LABEL_NAMES[N_LABELS] = {"dc", "host", "unit"};
static const char *const LABEL_VALUES[] = {"", "a", "b", "ab", "\xc3\xa9"};

/* A record as a query sees it. */
struct seen {
    const char *group[N_LABELS + 1];
    size_t n_group_by;
    int64_t bucket_ms;
    struct model_record record;
};

struct model {
    struct rm_store *store;
    struct random random;
    const char *labels[N_SERIES][N_LABELS];
    struct model_record records[N_RECORDS_MAX];
    size_t n;
};

static void choose_labels(struct model *model)
{
    for (int series = 0; series < N_SERIES; series++) {
        bool is_distinct = false;

        while (!is_distinct) {
            is_distinct = true;
            for (int i = 0; i < N_LABELS; i++) {
                model->labels[series][i] = LABEL_VALUES[random_below(&model->random, 5)];
            }
            for (int other = 0; other < series; other++) {
                is_distinct = is_distinct && memcmp(model->labels[series], model->labels[other],
                                                    sizeof model->labels[series]) != 0;
            }
        }
    }
}

static void record(struct model *model, int series, int64_t timestamp_ms, double value)
{
    struct rm_label labels[N_LABELS];
    struct rm_sample sample = {.metric_name = rm_slice_of("m"),
                               .labels = labels,
                               .value = value,
                               .timestamp_ms = timestamp_ms};

    for (int i = 0; i < N_LABELS; i++) {
        if (model->labels[series][i][0] != '\0') {
            labels[sample.n_labels].name = rm_slice_of(LABEL_NAMES[i]);
            labels[sample.n_labels].value = rm_slice_of(model->labels[series][i]);
            sample.n_labels++;
        }
    }
    assert_int_equal(rm_store_record(model->store, &sample), 0);
    model->records[model->n] = (struct model_record){{timestamp_ms, model->n}, value, series};
    model->n++;
}

static int64_t random_timestamp(struct random *random)
{
    static const int64_t SPECIAL[] = {INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX - 1, INT64_MAX};

    switch (random_below(random, 40)) {
    case 0:
        return SPECIAL[random_below(random, 6)];
    case 1:
        return (int64_t)random_next(random);
    default:
        return (int64_t)random_below(random, 10000) - 5000;
    }
}

static double random_value(struct random *random, uint64_t kind)
{
    static const double SPECIAL[] = {0.0,  -0.0,     DBL_MAX, -DBL_MAX, 0x1p-1074, -0x1p-1074,
                                     1e16, 1e16 + 2, 1,       -1,       -1e16};

    switch (kind) {
    case 0:
        return (double)random_below(random, 1000) / 10;
    case 1:
        return SPECIAL[random_below(random, 11)];
    case 2:
        return random_double(random);
    case 3:
        return 7.25;
    default:
        return random_below(random, 10) == 0 ? SPECIAL[random_below(random, 11)]
                                             : (double)random_below(random, 50);
    }
}

/* Of one series in the order of time, as of a counter that is reset now and then or of a gauge. */
static void record_in_order(struct model *model)
{
    struct random *random = &model->random;
    int series = (int)random_below(random, N_SERIES);
    size_t n = model->n + random_below(random, random_below(random, 4) == 0 ? 20000 : 1000);
    uint64_t pace = 1 + random_below(random, 20);
    uint64_t kind = random_below(random, 5);
    int64_t timestamp_ms = random_timestamp(random) % 5000;
    double counter = 0;

    while (model->n < n && model->n < N_RECORDS_MAX) {
        timestamp_ms += (int64_t)random_below(random, pace);
        counter = random_below(random, 50) == 0 ? 0.1 : counter + 0.1;
        record(model, series, timestamp_ms, kind == 0 ? counter : random_value(random, kind));
    }
}

/* Of any series at any time. */
static void record_anywhere(struct model *model)
{
    struct random *random = &model->random;
    size_t n = model->n + random_below(random, 300);
    uint64_t kind = random_below(random, 5);

    while (model->n < n && model->n < N_RECORDS_MAX) {
        record(model, (int)random_below(random, N_SERIES), random_timestamp(random),
               random_value(random, kind));
    }
}

static void random_query(struct model *model, struct rm_query *ret_query)
{
    static const int64_t STEPS[] = {1, 2, 7, 60, 999, 1000, 5000, INT64_MAX, INT64_MAX - 1};
    struct random *random = &model->random;
    uint64_t first_label = random_below(random, N_LABELS);

    *ret_query = (struct rm_query){
        .selection = {.metric_name = rm_slice_of("m"), .from_ms = INT64_MIN, .to_ms = INT64_MAX}};
    if (random_below(random, 2) == 0) {
        ret_query->selection.from_ms = random_timestamp(random);
        ret_query->selection.to_ms = random_timestamp(random);
    }
    if (random_below(random, 3) == 0) {
        ret_query->selection.matchers[0].name = rm_slice_of(LABEL_NAMES[random_below(random, 3)]);
        ret_query->selection.matchers[0].value = rm_slice_of(LABEL_VALUES[random_below(random, 5)]);
        ret_query->selection.n_matchers = 1;
    }
    ret_query->n_group_by = random_below(random, N_LABELS + 1);
    for (uint64_t i = 0; i < ret_query->n_group_by; i++) {
        ret_query->group_by[i] = rm_slice_of(LABEL_NAMES[(first_label + i) % N_LABELS]);
    }
    if (random_below(random, 20) == 0) {
        ret_query->group_by[ret_query->n_group_by++] = rm_slice_of("unknown");
    }
    ret_query->step_ms = random_below(random, 3) == 0 ? 0 : STEPS[random_below(random, 9)];
    ret_query->n_quantiles =
        random_below(random, 5) == 0 ? random_below(random, 33) : random_below(random, 4);
    for (size_t i = 0; i < ret_query->n_quantiles; i++) {
        ret_query->quantiles[i] = (double)random_below(random, 1001) / 1000;
    }
    ret_query->needs_moments = random_below(random, 2) == 0;
    ret_query->needs_increase = random_below(random, 2) == 0;
}

static const char *label_of(const struct model *model, int series, struct rm_slice name)
{
    for (int i = 0; i < N_LABELS; i++) {
        if (rm_slice_is(name, LABEL_NAMES[i])) {
            return model->labels[series][i];
        }
    }
    return "";
}

static bool is_selected(const struct model *model, const struct rm_selection *selection,
                        const struct model_record *record)
{
    int64_t timestamp_ms = record->position.timestamp_ms;

    for (size_t i = 0; i < selection->n_matchers; i++) {
        if (!rm_slice_is(selection->matchers[i].value,
                         label_of(model, record->series, selection->matchers[i].name))) {
            return false;
        }
    }
    return timestamp_ms >= selection->from_ms &&
           (selection->to_ms == INT64_MAX || timestamp_ms < selection->to_ms);
}

static int64_t bucket_of(const struct rm_query *query, int64_t timestamp_ms)
{
    __int128 start = timestamp_ms;

    if (query->step_ms == 0) {
        return query->selection.from_ms;
    }
    while (start % query->step_ms != 0) {
        start -= (start % query->step_ms + query->step_ms) % query->step_ms;
    }
    return start < INT64_MIN ? INT64_MIN : (int64_t)start;
}

static int compare_seen_groups(const struct seen *a, const struct seen *b)
{
    for (size_t i = 0; i < a->n_group_by; i++) {
        int rv = strcmp(a->group[i], b->group[i]);

        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

static int compare_seen(const void *a, const void *b)
{
    const struct seen *left = a;
    const struct seen *right = b;
    int rv = compare_seen_groups(left, right);

    if (rv != 0) {
        return rv;
    }
    if (left->bucket_ms != right->bucket_ms) {
        return left->bucket_ms < right->bucket_ms ? -1 : 1;
    }
    return model_compare(&left->record, &right->record);
}

/* The records of a query, group by group and bucket by bucket in their order; the caller's to
 * free. */
static struct seen *see(const struct model *model, const struct rm_query *query, size_t *ret_n)
{
    struct seen *seen = calloc(model->n + 1, sizeof *seen);
    size_t n = 0;

    assert_non_null(seen);
    for (size_t i = 0; i < model->n; i++) {
        const struct model_record *r = &model->records[i];

        if (is_selected(model, &query->selection, r)) {
            seen[n].record = *r;
            seen[n].bucket_ms = bucket_of(query, r->position.timestamp_ms);
            seen[n].n_group_by = query->n_group_by;
            for (size_t j = 0; j < query->n_group_by; j++) {
                seen[n].group[j] = label_of(model, r->series, query->group_by[j]);
            }
            n++;
        }
    }
    qsort(seen, n, sizeof *seen, compare_seen);
    *ret_n = n;
    return seen;
}

/* @before: the last record of each series in the buckets before, of the same group; then of this.
 */
static void check_increase(double increase, const struct seen *seen, size_t n,
                           const struct model_record *before[N_SERIES])
{
    struct exact_sum exact = {0};
    double magnitude = 0; /* times 2^-100 */

    if (n == 0) {
        assert_true(isnan(increase));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct model_record *record = &seen[i].record;
        const struct model_record *last = before[record->series];

        if (last != NULL) {
            exact_sum_add(&exact, record->value);
            magnitude += fabs(last->value) * 0x1p-98;
        }
        if (last != NULL && record->value >= last->value) {
            exact_sum_add(&exact, -last->value);
        }
        magnitude += fabs(record->value) * 0x1p-98;
        before[record->series] = record;
    }
    if (isfinite(increase)) {
        assert_true(exact_sum_distance(&exact, increase) <=
                    exact_sum_ulp(increase) + (double)n * magnitude);
    } else {
        assert_true(isinf(increase));
        assert_true(exact_sum_distance(&exact, 0) >= DBL_MAX * (1 - 0x1p-60));
    }
}

static int compare_doubles(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;

    if (*left == *right) {
        return signbit(*right) - signbit(*left) > 0 ? 1 : -(signbit(*left) > signbit(*right));
    }
    return *left < *right ? -1 : 1;
}

static void check_quantiles(const struct rm_query *query, const double *quantiles,
                            const struct model_record *records, size_t n)
{
    double *values = calloc(n + 1, sizeof *values);

    assert_non_null(values);
    for (size_t i = 0; i < n; i++) {
        values[i] = records[i].value;
    }
    qsort(values, n, sizeof *values, compare_doubles);
    for (size_t i = 0; i < query->n_quantiles && n == 0; i++) {
        assert_true(isnan(quantiles[i]));
    }
    for (size_t i = 0; i < query->n_quantiles && n > 0; i++) {
        double place = query->quantiles[i] * (double)(n - 1);
        size_t rank = (size_t)place;
        double low = values[rank];
        double high = values[rank + 1 < n ? rank + 1 : rank];
        long double exact =
            low + ((long double)high - (long double)low) * ((long double)place - (long double)rank);

        if (place == floor(place)) {
            assert_true(model_same_double(quantiles[i], low));
        }
        assert_true(quantiles[i] >= low && quantiles[i] <= high);
        assert_true(fabsl(quantiles[i] - exact) <=
                    2 * (long double)exact_sum_ulp(fmax(fabs(low), fabs(high))));
    }
    free(values);
}

static void check_bucket(const struct rm_query *query, const struct rm_query_bucket *bucket,
                         const struct seen *seen, size_t n,
                         const struct model_record *before[N_SERIES])
{
    struct model_record *records = calloc(n + 1, sizeof *records);

    assert_non_null(records);
    for (size_t i = 0; i < n; i++) {
        records[i] = seen[i].record;
    }
    if (query->needs_moments) {
        model_check_aggregate(&bucket->aggregate, records, n);
    } else {
        model_check_without_moments(&bucket->aggregate, records, n);
        assert_true(isnan(bucket->aggregate.variance) && isnan(bucket->aggregate.stddev));
    }
    if (query->needs_increase) {
        check_increase(bucket->increase, seen, n, before);
    } else {
        assert_true(isnan(bucket->increase));
    }
    assert_int_equal(bucket->first_ms, n > 0 ? records[0].position.timestamp_ms : 0);
    assert_int_equal(bucket->last_ms, n > 0 ? records[n - 1].position.timestamp_ms : 0);
    assert_int_equal(bucket->quantiles != NULL, query->n_quantiles > 0);
    check_quantiles(query, bucket->quantiles, records, n);
    free(records);
}

/* Checks a group that begins with @seen; how many of the @n records it holds. */
static size_t check_group(const struct rm_query *query, const struct rm_query_group *group,
                          const struct seen *seen, size_t n)
{
    const struct model_record *before[N_SERIES] = {NULL};
    size_t i = 0;

    for (size_t j = 0; j < query->n_group_by; j++) {
        assert_true(rm_slice_is(group->labels[j], seen->group[j]));
    }
    for (size_t bucket = 0; bucket < group->n_buckets; bucket++) {
        size_t n_of_bucket = 0;

        assert_true(i < n);
        while (i + n_of_bucket < n && seen[i + n_of_bucket].bucket_ms == seen[i].bucket_ms &&
               compare_seen_groups(&seen[i + n_of_bucket], &seen[0]) == 0) {
            n_of_bucket++;
        }
        assert_int_equal(group->buckets[bucket].start_ms, seen[i].bucket_ms);
        check_bucket(query, &group->buckets[bucket], &seen[i], n_of_bucket, before);
        i += n_of_bucket;
    }
    assert_true(i == n || compare_seen_groups(&seen[i], &seen[0]) != 0);
    return i;
}

static void check_empty(const struct rm_query *query, const struct rm_query_result *result)
{
    if (query->n_group_by > 0) {
        assert_int_equal(result->n_groups, 0);
        return;
    }
    assert_int_equal(result->n_groups, 1);
    if (query->step_ms > 0) {
        assert_int_equal(result->groups[0].n_buckets, 0);
        return;
    }
    assert_int_equal(result->groups[0].n_buckets, 1);
    assert_int_equal(result->groups[0].buckets[0].start_ms, query->selection.from_ms);
    check_bucket(query, &result->groups[0].buckets[0], NULL, 0, NULL);
}

/* Of the group that has most. */
static size_t count_buckets(const struct seen *seen, size_t n)
{
    size_t n_buckets = 0;
    size_t n_most = 0;

    for (size_t i = 0; i < n; i++) {
        if (i == 0 || compare_seen_groups(&seen[i], &seen[i - 1]) != 0) {
            n_buckets = 0;
        }
        n_buckets += n_buckets == 0 || seen[i].bucket_ms != seen[i - 1].bucket_ms ? 1 : 0;
        n_most = n_buckets > n_most ? n_buckets : n_most;
    }
    return n_most;
}

/* Quantiles gather few enough values at a time that this is of consequence. */
static int ask(struct model *model, const struct rm_query *query,
               struct rm_query_result *ret_result)
{
    static const size_t N_MOST_VALUES[] = {1, 10, 300, 5000, 100000};

    return rm__store_query(model->store, query, N_MOST_VALUES[random_below(&model->random, 5)],
                           ret_result);
}

static void check_query(struct model *model, const struct rm_query *query)
{
    struct rm_query_result result = {0};
    size_t n;
    size_t i = 0;
    struct seen *seen = see(model, query, &n);

    if (count_buckets(seen, n) > RM_STEPS_MAX) {
        assert_int_equal(ask(model, query, &result), RM_ETOOBIG);
        free(seen);
        return;
    }
    assert_int_equal(ask(model, query, &result), 0);
    assert_true(result.quantile_error == 0);
    for (size_t group = 0; group < result.n_groups && n > 0; group++) {
        i += check_group(query, &result.groups[group], &seen[i], n - i);
    }
    assert_int_equal(i, n);
    if (n == 0) {
        check_empty(query, &result);
    }
    rm_query_result_done(&result);
    rm_query_result_done(&result);
    free(seen);
}

static void test_queries_of_random_records(void **state)
{
    struct random random = random_start("test_queries_of_random_records");
    struct model *model;

    (void)state;
    model_needs_long_double();
    model = calloc(1, sizeof *model);
    assert_non_null(model);
    for (int round = 0; round < 6; round++) {
        *model = (struct model){.store = rm_store_new(random_next(&random)), .random = random};
        assert_non_null(model->store);
        choose_labels(model);
        record(model, 0, 0, 1);
        for (int i = 0; i < 40; i++) {
            struct rm_query query;

            switch (random_below(&model->random, 6)) {
            case 0:
                record_in_order(model);
                break;
            case 1:
                record_anywhere(model);
                break;
            default:
                break;
            }
            random_query(model, &query);
            check_query(model, &query);
        }
        printf("%zu records\n", model->n);
        rm_store_free(model->store);
        random = model->random;
    }
    free(model);
}

/* ---- runs ---- */

static void check_same_doubles(const double *a, const double *b, size_t n)
{
    assert_true(n == 0 || memcmp(a, b, n * sizeof *a) == 0);
}

static void check_same_bucket(const struct rm_query *query, const struct rm_query_bucket *a,
                              const struct rm_query_bucket *b)
{
    assert_true(a->start_ms == b->start_ms && a->first_ms == b->first_ms &&
                a->last_ms == b->last_ms);
    assert_true(a->aggregate.count == b->aggregate.count);
    assert_true(a->aggregate.sum_overflows == b->aggregate.sum_overflows);
    check_same_doubles(&a->aggregate.sum, &b->aggregate.sum, 1);
    check_same_doubles(&a->aggregate.mean, &b->aggregate.mean, 1);
    check_same_doubles(&a->aggregate.min, &b->aggregate.min, 1);
    check_same_doubles(&a->aggregate.max, &b->aggregate.max, 1);
    check_same_doubles(&a->aggregate.first, &b->aggregate.first, 1);
    check_same_doubles(&a->aggregate.last, &b->aggregate.last, 1);
    check_same_doubles(&a->aggregate.variance, &b->aggregate.variance, 1);
    check_same_doubles(&a->aggregate.stddev, &b->aggregate.stddev, 1);
    check_same_doubles(&a->increase, &b->increase, 1);
    check_same_doubles(a->quantiles, b->quantiles, query->n_quantiles);
}

static void check_same_result(const struct rm_query *query, const struct rm_query_result *a,
                              const struct rm_query_result *b)
{
    assert_int_equal(a->n_groups, b->n_groups);
    for (size_t i = 0; i < a->n_groups; i++) {
        assert_int_equal(a->groups[i].n_buckets, b->groups[i].n_buckets);
        for (size_t j = 0; j < query->n_group_by; j++) {
            assert_true(rm_slice_equal(a->groups[i].labels[j], b->groups[i].labels[j]));
        }
        for (size_t j = 0; j < a->groups[i].n_buckets; j++) {
            check_same_bucket(query, &a->groups[i].buckets[j], &b->groups[i].buckets[j]);
        }
    }
}

/* Something that may become of a store while a run waits. */
static void change(struct model *model)
{
    struct rm_image *image;

    switch (random_below(&model->random, 12)) {
    case 0:
        record_in_order(model);
        break;
    case 1:
    case 2:
    case 3:
        record_anywhere(model);
        break;
    case 4:
        image = rm_store_freeze(model->store);
        assert_non_null(image);
        record_anywhere(model);
        rm_image_release(image);
        break;
    case 5:
        if (random_below(&model->random, 8) == 0 && model->n < N_RECORDS_MAX) {
            assert_int_equal(rm_store_delete(model->store, rm_slice_of("m")), 0);
            record(model, (int)random_below(&model->random, N_SERIES), 0, 1);
        }
        break;
    default:
        break;
    }
}

static void check_run(struct model *model, const struct rm_query *query)
{
    struct rm_query_result whole = {0};
    struct rm_query_result result = {0};
    struct rm_query_run *run;
    int64_t n_values = 1 + (int64_t)random_below(&model->random, 20000);
    bool is_done = false;
    int rv = ask(model, query, &whole);

    assert_int_equal(
        rm__query_run_begin(model->store, query, 1 + random_below(&model->random, 5000), &run), 0);
    while (rv == 0 && !is_done) {
        change(model);
        assert_int_equal(rm_query_run_work(run, n_values, &is_done), 0);
    }
    if (rv == 0) {
        rm_query_run_take(run, &result);
    }
    rm_query_run_free(run);
    if (rv == 0) {
        check_same_result(query, &whole, &result);
    }
    rm_query_result_done(&result);
    rm_query_result_done(&whole);
}

static void test_runs_answer_as_the_store_was(void **state)
{
    struct model *model = calloc(1, sizeof *model);
    struct random random = random_start("test_runs_answer_as_the_store_was");

    (void)state;
    assert_non_null(model);
    for (int round = 0; round < 40; round++) {
        *model = (struct model){.store = rm_store_new(random_next(&random)), .random = random};
        assert_non_null(model->store);
        choose_labels(model);
        record(model, 0, 0, 1);
        while (model->n < N_RECORDS_MAX) {
            struct rm_query query;

            record_in_order(model);
            record_anywhere(model);
            random_query(model, &query);
            check_run(model, &query);
        }
        rm_store_free(model->store);
        random = model->random;
    }
    free(model);
}

/* In any of its stages. */
static void test_a_store_that_goes_under_a_run(void **state)
{
    struct model *model = calloc(1, sizeof *model);
    struct random random = random_start("test_a_store_that_goes_under_a_run");

    (void)state;
    assert_non_null(model);
    for (int round = 0; round < 100; round++) {
        struct rm_query query;
        struct rm_query_run *run;
        bool is_done = false;

        *model = (struct model){.store = rm_store_new(random_next(&random)), .random = random};
        assert_non_null(model->store);
        choose_labels(model);
        record(model, 0, 0, 1);
        record_in_order(model);
        random_query(model, &query);
        assert_int_equal(rm_query_run_begin(model->store, &query, &run), 0);
        for (uint64_t i = random_below(&model->random, 5); i > 0 && !is_done; i--) {
            (void)rm_query_run_work(run, 100, &is_done);
        }
        rm_store_free(model->store);
        if (!is_done) {
            assert_int_equal(rm_query_run_work(run, 100, &is_done), RM_ECANCELED);
        }
        rm_query_run_free(run);
        random = model->random;
    }
    free(model);
}

static void record_value(struct rm_store *store, const char *host, int64_t timestamp_ms,
                         double value)
{
    const struct rm_label label = {rm_slice_of("host"), rm_slice_of(host)};
    const struct rm_sample sample = {.metric_name = rm_slice_of("m"),
                                     .labels = &label,
                                     .n_labels = 1,
                                     .value = value,
                                     .timestamp_ms = timestamp_ms};

    assert_int_equal(rm_store_record(store, &sample), 0);
}

static uint64_t kept_bytes(const struct rm_store *store)
{
    struct rm_store_stats stats;

    rm_store_stats(store, &stats);
    return stats.n_kept_bytes;
}

/* Once, however many runs go on and however often it changes; and until the last of them ends. */
static void test_what_runs_keep_is_counted(void **state)
{
    enum { N_VALUES = 100, N_VALUE_BYTES = 24 };
    const struct rm_query query = {
        .selection = {.metric_name = rm_slice_of("m"), .from_ms = INT64_MIN, .to_ms = INT64_MAX}};
    struct rm_store *store = rm_store_new(1);
    struct rm_query_run *runs[2];
    uint64_t n_bytes;

    (void)state;
    for (int i = 0; i < N_VALUES; i++) {
        record_value(store, "a", i, i);
    }
    record_value(store, "b", 0, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rm_query_run_begin(store, &query, &runs[i]), 0);
    }
    assert_int_equal(kept_bytes(store), 0);
    record_value(store, "a", N_VALUES, 1);
    n_bytes = kept_bytes(store);
    assert_in_range(n_bytes, N_VALUES * N_VALUE_BYTES, N_VALUES * N_VALUE_BYTES + 1024);
    record_value(store, "a", N_VALUES + 1, 1);
    assert_int_equal(kept_bytes(store), n_bytes);
    record_value(store, "b", 1, 1);
    assert_in_range(kept_bytes(store), n_bytes + 1, n_bytes + 1024);
    rm_query_run_free(runs[0]);
    assert_true(kept_bytes(store) > n_bytes);
    rm_query_run_free(runs[1]);
    assert_int_equal(kept_bytes(store), 0);
    rm_store_free(store);
}

static struct rm_query query_of_all(void)
{
    return (struct rm_query){
        .selection = {.metric_name = rm_slice_of("m"), .from_ms = INT64_MIN, .to_ms = INT64_MAX}};
}

static void test_unknown_metric(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_query query = query_of_all();
    struct rm_query_result result = {0};

    (void)state;
    assert_int_equal(rm_store_query(store, &query, &result), RM_ENOTFOUND);
    rm_query_result_done(&result);
    rm_store_free(store);
}

/* A group may have 11,000 buckets, wherever in time and in whichever order they came. */
static void test_too_many_buckets(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_query query = query_of_all();
    struct rm_query_result result = {0};

    (void)state;
    query.step_ms = 10;
    query.n_quantiles = 1;
    query.quantiles[0] = 0.5;
    for (int64_t i = 0; i < RM_STEPS_MAX; i++) {
        record_value(store, i % 2 == 0 ? "a" : "b", i * 7919 % RM_STEPS_MAX * 1000000, (double)i);
    }
    assert_int_equal(rm_store_query(store, &query, &result), 0);
    assert_int_equal(result.groups[0].n_buckets, RM_STEPS_MAX);
    for (int64_t i = 0; i < RM_STEPS_MAX; i++) {
        const struct rm_query_bucket *bucket = &result.groups[0].buckets[i];

        assert_int_equal(bucket->start_ms, i * 1000000);
        assert_true(bucket->quantiles[0] == bucket->aggregate.mean);
    }
    rm_query_result_done(&result);
    record_value(store, "b", -1, 0);
    assert_int_equal(rm_store_query(store, &query, &result), RM_ETOOBIG);
    query.group_by[0] = rm_slice_of("host");
    query.n_group_by = 1;
    assert_int_equal(rm_store_query(store, &query, &result), 0);
    assert_int_equal(result.n_groups, 2);
    rm_query_result_done(&result);
    rm_store_free(store);
}

static void test_too_many_buckets_of_all_groups(void **state)
{
    enum { N_GROUPS = 25, N_STEPS = RM_QUERY_BUCKETS_MAX / N_GROUPS };
    struct rm_store *store = rm_store_new(1);
    struct rm_query query = query_of_all();
    struct rm_query_result result = {0};
    char host[16];

    (void)state;
    for (int group = 0; group < N_GROUPS; group++) {
        snprintf(host, sizeof host, "%d", group);
        for (int i = 0; i < N_STEPS; i++) {
            record_value(store, host, i, i);
        }
    }
    query.step_ms = 1;
    query.group_by[0] = rm_slice_of("host");
    query.n_group_by = 1;
    assert_int_equal(rm_store_query(store, &query, &result), 0);
    assert_int_equal(result.n_groups, N_GROUPS);
    rm_query_result_done(&result);
    record_value(store, host, -1, 0);
    assert_int_equal(rm_store_query(store, &query, &result), RM_ETOOBIG);
    rm_store_free(store);
}

/* Each series a group of its own, as when one asks for the label that tells hosts apart. */
static void test_many_groups(void **state)
{
    enum { N = 20000 };
    struct rm_store *store = rm_store_new(1);
    struct rm_query query = query_of_all();
    struct rm_query_result result = {0};

    (void)state;
    for (int i = 0; i < N; i++) {
        char host[16];

        snprintf(host, sizeof host, "h%05d", i * 7919 % N);
        record_value(store, host, i, i * 7919 % N);
    }
    query.group_by[0] = rm_slice_of("host");
    query.n_group_by = 1;
    assert_int_equal(rm_store_query(store, &query, &result), 0);
    assert_int_equal(result.n_groups, N);
    for (int i = 0; i < N; i++) {
        char host[16];

        snprintf(host, sizeof host, "h%05d", i);
        assert_true(rm_slice_is(result.groups[i].labels[0], host));
        assert_int_equal(result.groups[i].n_buckets, 1);
        assert_true(result.groups[i].buckets[0].aggregate.sum == i);
    }
    rm_query_result_done(&result);
    rm_store_free(store);
}

/* A step is cut off where time ends, not carried over to the other end. */
static void test_ends_of_time(void **state)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_query query = query_of_all();
    struct rm_query_result result = {0};

    (void)state;
    record_value(store, "a", INT64_MIN, 1);
    record_value(store, "a", INT64_MAX, 2);
    record_value(store, "a", -1, 4);
    record_value(store, "a", 0, 8);
    query.step_ms = INT64_MAX;
    assert_int_equal(rm_store_query(store, &query, &result), 0);
    assert_int_equal(result.groups[0].n_buckets, 4);
    assert_int_equal(result.groups[0].buckets[0].start_ms, INT64_MIN);
    assert_int_equal(result.groups[0].buckets[1].start_ms, -INT64_MAX);
    assert_true(result.groups[0].buckets[1].aggregate.sum == 4);
    assert_int_equal(result.groups[0].buckets[2].start_ms, 0);
    assert_int_equal(result.groups[0].buckets[3].start_ms, INT64_MAX);
    rm_query_result_done(&result);
    query.selection.to_ms = INT64_MIN;
    assert_int_equal(rm_store_query(store, &query, &result), 0);
    assert_int_equal(result.groups[0].n_buckets, 0);
    rm_query_result_done(&result);
    rm_store_free(store);
}

/* Series by series; buckets add up to the whole. */
static void test_increase(void **state)
{
    static const double VALUES[] = {10, 12, 3, 5, 5, 9};
    struct rm_store *store = rm_store_new(1);
    struct rm_query query = query_of_all();
    struct rm_query_result result = {0};

    (void)state;
    for (int i = 0; i < 6; i++) {
        record_value(store, "a", i * 10, VALUES[i]);
        record_value(store, "b", i * 10, 100 * i);
    }
    query.needs_increase = true;
    assert_int_equal(rm_store_query(store, &query, &result), 0);
    assert_true(result.groups[0].buckets[0].increase == 2 + 3 + 2 + 0 + 4 + 500);
    rm_query_result_done(&result);
    query.step_ms = 30;
    assert_int_equal(rm_store_query(store, &query, &result), 0);
    assert_true(result.groups[0].buckets[0].increase == 2 + 3 + 200);
    assert_true(result.groups[0].buckets[1].increase == 2 + 0 + 4 + 300);
    rm_query_result_done(&result);
    query.step_ms = 10;
    query.selection.from_ms = 10;
    assert_int_equal(rm_store_query(store, &query, &result), 0);
    assert_true(result.groups[0].buckets[0].increase == 0);
    assert_true(result.groups[0].buckets[1].increase == 3 + 100);
    rm_query_result_done(&result);
    rm_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries_of_random_records),
        cmocka_unit_test(test_runs_answer_as_the_store_was),
        cmocka_unit_test(test_a_store_that_goes_under_a_run),
        cmocka_unit_test(test_what_runs_keep_is_counted),
        cmocka_unit_test(test_unknown_metric),
        cmocka_unit_test(test_too_many_buckets),
        cmocka_unit_test(test_too_many_buckets_of_all_groups),
        cmocka_unit_test(test_many_groups),
        cmocka_unit_test(test_ends_of_time),
        cmocka_unit_test(test_increase),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
