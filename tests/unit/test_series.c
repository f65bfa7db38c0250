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

static const struct rm_chunk *chunk_at(const struct rm_series *series, uint32_t i)
{
    return series->chunks.items[i];
}

static const struct rm_position FRONT = {INT64_MIN, 0};
static const struct rm_position END = {INT64_MAX, UINT64_MAX};

static uint64_t count_between(const struct rm_series *series, struct rm_position first,
                              struct rm_position end)
{
    return rm__series_count(series, rm__series_find(series, first), rm__series_find(series, end));
}

/* Chunks are in order, hold what their summaries say, and n_bytes is what was allocated. */
static void check_shape(const struct rm_series *series)
{
    uint64_t n_bytes =
        sizeof *series + rm__vector_bytes(&series->chunks) + rm_histogram_bytes(&series->histogram);
    struct rm_position last = FRONT;

    for (uint32_t i = 0; i < series->chunks.n; i++) {
        const struct rm_chunk *chunk = chunk_at(series, i);

        assert_in_range(chunk->n, 1, RM_CHUNK_MAX);
        assert_true(chunk->n <= chunk->capacity || chunk->capacity == 0);
        assert_int_equal(chunk->n_owners, 1);
        assert_int_equal(chunk->summary.count, chunk->n);
        n_bytes += rm__chunk_bytes(chunk);
        for (uint32_t j = 0; j < chunk->n; j++) {
            assert_true((i == 0 && j == 0) ||
                        model_is_before(last, rm__chunk_peek(chunk)[j].position));
            last = rm__chunk_peek(chunk)[j].position;
        }
    }
    assert_int_equal(series->n_bytes, n_bytes);
}

static void check_range(const struct rm_series *series, const struct model_record *records,
                        size_t n, struct rm_position first, struct rm_position end)
{
    struct rm_series_place begin_place = rm__series_find(series, first);
    struct rm_series_place place = rm__series_find(series, end);
    struct rm_summary summary = {0};
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
    for (size_t i = stop; i > begin; i--) {
        const struct rm_observation *observation = rm__series_step_back(series, &place);

        assert_memory_equal(&observation->position, &records[i - 1].position,
                            sizeof observation->position);
        assert_true(model_same_double(observation->value, records[i - 1].value));
    }
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
    for (int i = 0; i < 20 * N_ORDERS; i++) {
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
        assert_int_equal(series->chunks.n, (N + RM_CHUNK_MAX - 1) / RM_CHUNK_MAX);
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
    for (uint32_t i = 1; i < series->chunks.n; i++) {
        assert_true(chunk_at(series, i - 1)->n >= RM_CHUNK_MAX / 2 ||
                    chunk_at(series, i)->n >= RM_CHUNK_MAX / 2);
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

/* Three chunks that lie in a blob, a full one, a large one and a small one; observations of even
 * times, whose values and ordinals are their number. */
static struct rm_series *series_in_a_blob(struct model_record *records)
{
    static const uint32_t SIZES[] = {RM_CHUNK_MAX, 100, 10};
    struct rm_observation *observations = calloc(366, sizeof *observations);
    struct rm_blob *blob = rm_blob_new(observations, 366 * sizeof *observations);
    struct rm_series *series = series_new();
    uint32_t first = 0;

    assert_true(observations != NULL && blob != NULL);
    for (uint32_t i = 0; i < 366; i++) {
        observations[i] = (struct rm_observation){{2 * (int64_t)i, i}, i};
        records[i] = (struct model_record){observations[i].position, i, 0};
    }
    for (uint32_t i = 0; i < 3; i++) {
        struct rm_summary summary = {0};
        struct rm_chunk *chunk;

        for (uint32_t j = first; j < first + SIZES[i]; j++) {
            rm__summary_add(&summary, &observations[j]);
        }
        chunk = rm__chunk_adopt(blob, observations + first, SIZES[i], &summary);
        assert_non_null(chunk);
        assert_int_equal(rm__series_insert_chunk(series, i, chunk), 0);
        first += SIZES[i];
    }
    rm_blob_unref(blob);
    return series;
}

static void test_chunks_in_a_blob(void **state)
{
    struct model_record records[366 + 40];
    struct rm_series *series = series_in_a_blob(records);

    (void)state;
    check_shape(series);
    check_range(series, records, 366, FRONT, END);
    for (size_t i = 366; i < 366 + 40; i++) {
        int64_t timestamp_ms = (int64_t)(i * 19 % 740) | 1;

        record(series, timestamp_ms, i, 0.5);
        records[i] = (struct model_record){{timestamp_ms, i}, 0.5, 0};
        check_shape(series);
    }
    qsort(records, 366 + 40, sizeof *records, model_compare);
    check_range(series, records, 366 + 40, FRONT, END);
    rm__series_free(series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_series_against_the_model),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_chunks_in_a_blob),
        cmocka_unit_test(test_ordered_series_fill_their_chunks),
        cmocka_unit_test(test_one_of_two_neighbours_is_half_full),
        cmocka_unit_test(test_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
