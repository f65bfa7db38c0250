#include "../../src/metrics/series.h"

#include "model.h"
#include "random.h"

static struct rm_series *series_new(void)
{
    struct rm_series *series = rm__series_new(NULL, 0, NULL, 0);

    assert_non_null(series);
    return series;
}

static void record(struct rm_series *series, int64_t timestamp_ms, uint64_t ordinal, double value)
{
    const struct rm_observation observation = {{timestamp_ms, ordinal}, value};

    assert_int_equal(rm__series_record(series, &observation, rm_bucket_bounds_default()), 0);
}

static const struct rm_position FRONT = {INT64_MIN, 0};
static const struct rm_position END = {INT64_MAX, UINT64_MAX};

static uint64_t count_between(const struct rm_series *series, struct rm_position first,
                              struct rm_position end)
{
    return rm__series_count(series, rm__series_find(series, first), rm__series_find(series, end));
}

/* The newest chunk is open and no other is but the one written late; what is sealed says what it
 * holds. */
static void check_chunk(const struct rm_series *series, uint32_t i,
                        const struct rm_observation *observations)
{
    const struct rm_chunk *chunk = rm__series_chunk(series, i);
    struct rm_chunk_block truth;

    assert_in_range(chunk->n, 1, RM_CHUNK_MAX);
    assert_int_equal(chunk->n_owners, 1);
    assert_int_equal(!rm__chunk_is_sealed(chunk), i == series->older.n || i == series->late);
    assert_memory_equal(rm__chunk_first(chunk), &observations[0], sizeof *observations);
    assert_memory_equal(rm__chunk_last(chunk), &observations[chunk->n - 1], sizeof *observations);
    if (rm__chunk_is_sealed(chunk)) {
        truth = rm__chunk_block_describe(observations, chunk->n, series->identity);
        truth.n_bytes = rm__chunk_block_of(chunk)->n_bytes;
        assert_memory_equal(&truth, rm__chunk_block_of(chunk), sizeof truth);
    }
}

static size_t distribution_bytes(const struct rm_series *series)
{
    return series->distribution == NULL
               ? 0
               : sizeof *series->distribution + rm__distribution_bytes(series->distribution);
}

/* Chunks are in order, n_bytes is what was allocated, and the distribution counts all. */
static void check_shape(const struct rm_series *series)
{
    uint64_t n_bytes =
        sizeof *series + rm__vector_bytes(&series->older) + distribution_bytes(series);
    struct rm_position last = FRONT;
    uint64_t counts[32] = {0};
    struct rm_histogram histogram = {0};

    for (uint32_t i = 0; i < rm__series_n_chunks(series); i++) {
        struct rm_chunk_window window;
        const struct rm_chunk *chunk = rm__series_chunk(series, i);
        const struct rm_observation *observations = rm__chunk_read(chunk, &window);

        check_chunk(series, i, observations);
        n_bytes += rm__chunk_bytes(chunk);
        for (uint32_t j = 0; j < chunk->n; j++) {
            assert_true((i == 0 && j == 0) || model_is_before(last, observations[j].position));
            last = observations[j].position;
            counts[rm_bucket_of(rm_bucket_bounds_default(), observations[j].value)]++;
        }
    }
    assert_int_equal(series->n_bytes, n_bytes);
    assert_true(series->distribution != NULL || series->older.n == 0);
    assert_int_equal(rm__series_add_to_histogram(series, rm_bucket_bounds_default(), &histogram),
                     0);
    for (size_t i = 0; i < 32; i++) {
        assert_int_equal(rm_histogram_count(&histogram, i), counts[i]);
    }
    rm_histogram_done(&histogram);
}

/* The observations between two places are those records. */
static void check_read(const struct rm_series *series, struct rm_series_place begin,
                       struct rm_series_place end, const struct model_record *records, size_t n)
{
    size_t i = 0;

    for (uint32_t c = begin.chunk; c < rm__series_n_chunks(series) && c <= end.chunk; c++) {
        struct rm_chunk_window window;
        const struct rm_chunk *chunk = rm__series_chunk(series, c);
        const struct rm_observation *observations = rm__chunk_read(chunk, &window);
        uint32_t to = c == end.chunk ? end.index : chunk->n;

        for (uint32_t j = c == begin.chunk ? begin.index : 0; j < to; j++) {
            assert_true(i < n);
            assert_memory_equal(&observations[j].position, &records[i].position,
                                sizeof records[i].position);
            assert_true(model_same_double(observations[j].value, records[i].value));
            i++;
        }
    }
    assert_int_equal(i, n);
}

static double increase_of(const struct model_record *records, size_t n)
{
    double increase = 0;

    for (size_t i = 1; i < n; i++) {
        double before = records[i - 1].value;

        increase += records[i].value < before ? records[i].value : records[i].value - before;
    }
    return increase;
}

static void check_increase(const struct rm_series *series, struct rm_series_place begin,
                           struct rm_series_place end, const struct model_record *records, size_t n)
{
    struct rm_increase increase = {0};
    struct rm_sum sum = {0};

    rm__series_increase(series, begin, end, &increase);
    rm__increase_sum(&increase, &sum);
    assert_int_equal(increase.has_values, n > 0);
    assert_true(fabs(rm__sum_round(&sum) - increase_of(records, n)) < 1e-6);
}

static void check_range(const struct rm_series *series, const struct model_record *records,
                        size_t n, struct rm_position first, struct rm_position end)
{
    struct rm_series_place begin_place = rm__series_find(series, first);
    struct rm_series_place place = rm__series_find(series, end);
    struct rm_summary summary = {0};
    struct rm_summary without_moments = {.without_moments = true};
    struct rm_aggregate aggregate;
    size_t begin = 0;
    size_t stop;

    while (begin < n && model_is_before(records[begin].position, first)) {
        begin++;
    }
    stop = begin;
    while (stop < n && model_is_before(records[stop].position, end)) {
        stop++;
    }
    assert_int_equal(rm__series_count(series, begin_place, place), stop - begin);
    rm__series_summarize(series, begin_place, place, &summary);
    rm__summary_aggregate(&summary, &aggregate);
    model_check_aggregate(&aggregate, records + begin, stop - begin);
    rm__series_summarize(series, begin_place, place, &without_moments);
    assert_memory_equal(&without_moments, &summary, offsetof(struct rm_summary, moments));
    rm__summary_aggregate(&without_moments, &aggregate);
    assert_true(isnan(aggregate.stddev) && isnan(aggregate.variance));
    if (stop > begin) {
        check_read(series, begin_place, place, records + begin, stop - begin);
    }
    check_increase(series, begin_place, place, records + begin, stop - begin);
}

enum order { ASCENDING, DESCENDING, RANDOM, FEW_TIMES, MOSTLY_ASCENDING, EXTREME, N_ORDERS };

static int64_t random_timestamp(struct random *random, enum order order, int64_t i)
{
    switch (order) {
    case ASCENDING:
        return i;
    case DESCENDING:
        return -i;
    case RANDOM:
        return (int64_t)random_below(random, 100000);
    case FEW_TIMES:
        return (int64_t)random_below(random, 4);
    case MOSTLY_ASCENDING:
        return 10 * i - (random_below(random, 20) == 0 ? (int64_t)random_below(random, 5000) : 0);
    default:
        return random_below(random, 2) == 0 ? INT64_MIN : INT64_MAX;
    }
}

static void check_random_series(struct random *random, enum order order, size_t n)
{
    struct model_record *records = calloc(n + 1, sizeof *records);
    struct rm_series *series = series_new();

    assert_non_null(records);
    for (size_t i = 0; i < n; i++) {
        records[i].position.timestamp_ms = random_timestamp(random, order, (int64_t)i);
        records[i].position.ordinal = 3 * i;
        records[i].value = (double)random_below(random, 2000) / 7 - 100;
        record(series, records[i].position.timestamp_ms, 3 * i, records[i].value);
    }
    check_shape(series);
    qsort(records, n, sizeof *records, model_compare);
    check_range(series, records, n, FRONT, END);
    for (int i = 0; i < 20; i++) {
        struct rm_position first = records[random_below(random, n + 1)].position;
        struct rm_position end = records[random_below(random, n + 1)].position;

        end.ordinal += random_below(random, 2);
        check_range(series, records, n, first, end);
    }
    rm__series_free(series);
    free(records);
}

static void test_random_series_against_the_model(void **state)
{
    struct random random = random_start("series");

    (void)state;
    for (int i = 0; i < 8 * N_ORDERS; i++) {
        check_random_series(&random, (enum order)(i % N_ORDERS), random_below(&random, 3000));
    }
}

static void test_nothing(void **state)
{
    struct rm_series *series = series_new();

    (void)state;
    assert_int_equal(count_between(series, FRONT, END), 0);
    check_range(series, NULL, 0, FRONT, END);
    rm__series_free(series);
    rm__series_free(NULL);
}

/* Ordered writes of either direction leave no half-empty chunks behind. */
static void test_ordered_series_fill_their_chunks(void **state)
{
    enum { N = 200000 };

    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct rm_series *series = series_new();

        for (int i = 0; i < N; i++) {
            record(series, sign * i, (uint64_t)i, 1);
        }
        assert_int_equal(rm__series_n_chunks(series), (N + RM_CHUNK_MAX - 1) / RM_CHUNK_MAX);
        assert_int_equal(count_between(series, FRONT, END), N);
        check_shape(series);
        rm__series_free(series);
    }
}

/* The worst order for the fill of chunks: into every gap between two full ones. */
static void test_one_of_two_neighbours_is_half_full(void **state)
{
    struct random random = random_start("neighbours");
    struct rm_series *series = series_new();
    uint64_t ordinal = 0;

    (void)state;
    for (int i = 0; i < 40 * RM_CHUNK_MAX; i++) {
        record(series, i * 1000, ordinal++, 1);
    }
    for (int i = 0; i < 20000; i++) {
        int64_t gap = (int64_t)random_below(&random, 41) * RM_CHUNK_MAX * 1000;

        record(series, gap - 1 - (int64_t)random_below(&random, 999), ordinal++, 1);
    }
    check_shape(series);
    for (uint32_t i = 1; i < rm__series_n_chunks(series); i++) {
        assert_true(rm__series_chunk(series, i - 1)->n >= RM_CHUNK_MAX / 2 ||
                    rm__series_chunk(series, i)->n >= RM_CHUNK_MAX / 2);
    }
    rm__series_free(series);
}

static void test_labels(void **state)
{
    char text[] = "hostweb-1dceu";
    const struct rm_label labels[] = {{{text + 9, 2}, {text + 11, 2}}, {{text, 4}, {text + 4, 5}}};
    const struct rm_label dc = {rm_slice_of("dc"), rm_slice_of("eu")};
    const struct rm_label host = {rm_slice_of("host"), rm_slice_of("web-1")};
    struct rm_series *series = rm__series_new(NULL, 0, labels, 2);

    (void)state;
    memset(text, 'x', sizeof text - 1);
    assert_true(rm__series_has_labels(series, (const struct rm_label[]){dc, host}, 2));
    assert_false(rm__series_has_labels(series, (const struct rm_label[]){host, dc}, 2));
    assert_false(rm__series_has_labels(series, &dc, 1));
    assert_false(rm__series_has_labels(
        series, (const struct rm_label[]){dc, {host.name, rm_slice_of("web-2")}}, 2));
    assert_false(rm__series_has_labels(
        series, (const struct rm_label[]){dc, {rm_slice_of("hosts"), host.value}}, 2));
    assert_true(rm_slice_is(rm__series_label(series, rm_slice_of("host")), "web-1"));
    assert_true(rm_slice_is(rm__series_label(series, rm_slice_of("hos")), ""));
    rm__series_free(series);
}

/* ---- chunks in a blob ---- */

enum { N_SEALED = 256, N_LATE = 100, N_HEAD = 10, N_IN_BLOB = N_SEALED + N_LATE + N_HEAD };

/* The block of a sealed chunk, and behind it the observations of two open ones. */
static struct rm_blob *blob_of(const struct rm_observation *observations,
                               struct rm_chunk_seal *ret_seal)
{
    struct rm_chunk *chunk = rm__chunk_new(N_SEALED);
    size_t n_open_bytes = (N_LATE + N_HEAD) * sizeof *observations;
    char *bytes;
    size_t n_bytes;

    for (uint32_t i = 0; i < N_SEALED; i++) {
        assert_int_equal(rm__chunk_insert(&chunk, i, &observations[i]), 0);
    }
    assert_int_equal(rm__chunk_seal(&chunk, 0), 0);
    *ret_seal = *rm__chunk_seal_of(chunk);
    n_bytes = (size_t)ret_seal->n_block_bytes;
    bytes = malloc(n_bytes + n_open_bytes);
    assert_non_null(bytes);
    memcpy(bytes, rm__chunk_block_of(chunk), n_bytes);
    memcpy(bytes + n_bytes, observations + N_SEALED, n_open_bytes);
    rm__chunk_unref(chunk);
    return rm_blob_new(bytes, n_bytes + n_open_bytes);
}

/* Three chunks, a sealed one, an open one that is shared and one that is copied; observations of
 * even times, whose values and ordinals are their number. */
static struct rm_series *series_in_a_blob(struct model_record *records)
{
    struct rm_observation observations[N_IN_BLOB];
    struct rm_series *series = series_new();
    struct rm_distribution distribution;
    struct rm_chunk_seal seal;
    struct rm_blob *blob;
    const char *bytes;

    rm__distribution_init(&distribution);
    for (uint32_t i = 0; i < N_IN_BLOB; i++) {
        observations[i] = (struct rm_observation){{2 * (int64_t)i, i}, i};
        records[i] = (struct model_record){observations[i].position, i, 0};
        assert_int_equal(
            rm__distribution_record(&distribution, rm_bucket_bounds_default(), records[i].value),
            0);
    }
    blob = blob_of(observations, &seal);
    bytes = rm_blob_peek(blob).data;
    assert_int_equal(
        rm__series_append_chunk(series, rm__chunk_adopt_block(blob, (const void *)bytes, &seal)),
        0);
    bytes += seal.n_block_bytes;
    assert_int_equal(
        rm__series_append_chunk(series, rm__chunk_adopt(blob, (const void *)bytes, N_LATE)), 0);
    bytes += N_LATE * sizeof *observations;
    assert_int_equal(
        rm__series_append_chunk(series, rm__chunk_adopt(blob, (const void *)bytes, N_HEAD)), 0);
    assert_int_equal(rm__series_set_distribution(series, &distribution), 0);
    rm_blob_unref(blob);
    return series;
}

static void test_chunks_in_a_blob(void **state)
{
    struct model_record records[N_IN_BLOB + 40];
    struct rm_series *series = series_in_a_blob(records);

    (void)state;
    assert_int_equal(series->late, 1);
    check_shape(series);
    check_range(series, records, N_IN_BLOB, FRONT, END);
    for (size_t i = N_IN_BLOB; i < N_IN_BLOB + 40; i++) {
        int64_t timestamp_ms = (int64_t)(i * 19 % 740) | 1;

        record(series, timestamp_ms, i, 0.5);
        records[i] = (struct model_record){{timestamp_ms, i}, 0.5, 0};
        check_shape(series);
    }
    qsort(records, N_IN_BLOB + 40, sizeof *records, model_compare);
    check_range(series, records, N_IN_BLOB + 40, FRONT, END);
    rm__series_free(series);
}

/* ---- what shows in nothing ---- */

static void check_same_range(const struct rm_series *a, const struct rm_series *b,
                             struct rm_position first, struct rm_position end)
{
    struct rm_summary summaries[2] = {{0}, {0}};
    struct rm_increase increases[2];

    memset(increases, 0, sizeof increases);
    memset(summaries, 0, sizeof summaries);
    rm__series_summarize(a, rm__series_find(a, first), rm__series_find(a, end), &summaries[0]);
    rm__series_summarize(b, rm__series_find(b, first), rm__series_find(b, end), &summaries[1]);
    rm__series_increase(a, rm__series_find(a, first), rm__series_find(a, end), &increases[0]);
    rm__series_increase(b, rm__series_find(b, first), rm__series_find(b, end), &increases[1]);
    assert_memory_equal(&summaries[0], &summaries[1], offsetof(struct rm_summary, moments.scale));
    assert_memory_equal(&increases[0].first, &increases[1].first,
                        sizeof increases[0] - offsetof(struct rm_increase, first));
}

/* Of two series that get the same, one is asked in between: what that makes it keep changes no
 * later answer, to the last bit. */
static void check_asking(struct random *random, enum order order, size_t n)
{
    struct rm_series *asked = series_new();
    struct rm_series *fresh = series_new();

    for (size_t i = 0; i < n; i++) {
        int64_t timestamp_ms = random_timestamp(random, order, (int64_t)i);
        double value = (double)random_below(random, 2000) / 7 - 100;

        record(asked, timestamp_ms, i, value);
        record(fresh, timestamp_ms, i, value);
        if (random_below(random, 400) == 0) {
            struct rm_summary summary = {0};

            rm__series_summarize(asked, rm__series_find(asked, FRONT), rm__series_find(asked, END),
                                 &summary);
        }
    }
    check_same_range(asked, fresh, FRONT, END);
    for (int i = 0; i < 20; i++) {
        struct rm_position first = {
            random_timestamp(random, order, (int64_t)random_below(random, n)), 0};
        struct rm_position end = {random_timestamp(random, order, (int64_t)random_below(random, n)),
                                  0};

        check_same_range(asked, fresh, first, end);
    }
    rm__series_free(asked);
    rm__series_free(fresh);
}

static void test_asking_changes_nothing(void **state)
{
    struct random random = random_start("asking");

    (void)state;
    /* Two runs and more; the other orders, which cost more, a little over one. */
    for (int order = 0; order < N_ORDERS; order++) {
        check_asking(&random, (enum order)order, order == 0 ? 40000 : 17000);
    }
}

/* However observations come, all but two chunks are sealed. */
static void test_late_observations_keep_one_chunk_open(void **state)
{
    struct random random = random_start("late");
    struct rm_series *series = series_new();
    uint64_t ordinal = 0;

    (void)state;
    for (; ordinal < 100000; ordinal++) {
        record(series, (int64_t)ordinal, ordinal, 1);
    }
    assert_int_equal(series->late, RM_SERIES_NO_CHUNK);
    for (int i = 0; i < 3000; i++) {
        record(series, (int64_t)random_below(&random, 100000), ordinal++, 1);
    }
    check_shape(series);
    assert_true(series->late != RM_SERIES_NO_CHUNK);
    rm__series_free(series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_series_against_the_model),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_chunks_in_a_blob),
        cmocka_unit_test(test_asking_changes_nothing),
        cmocka_unit_test(test_late_observations_keep_one_chunk_open),
        cmocka_unit_test(test_ordered_series_fill_their_chunks),
        cmocka_unit_test(test_one_of_two_neighbours_is_half_full),
        cmocka_unit_test(test_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
