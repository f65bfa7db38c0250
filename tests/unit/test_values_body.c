/* The JSON of many values, piece by piece, against the same written in one go. */
#include <stdio.h>
#include <string.h>

#include "../../src/api/worker/values_body.h"
#include "model.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/metrics/values_run.h"
#include "random.h"

enum { NOW_MS = 1700000000, BODY_MAX = 64 << 20, N_SERIES_MAX = 30 };

static const double numbers[] = {0, -0.0, 1, -12.5, 0.1, 1e300, 5e-324, 123456.789};

static struct rm_sample sample_of(int series, struct rm_label *label, char *text)
{
    snprintf(text, 16, "w\"%d", series);
    *label = (struct rm_label){rm_slice_of("host"), rm_slice_of(text)};
    return (struct rm_sample){
        .metric_name = rm_slice_of("cpu"), .labels = label, .n_labels = series > 0};
}

static void record(struct random *random, struct rm_store *store, int n_series)
{
    struct rm_label label;
    char text[16];
    struct rm_sample sample = sample_of((int)random_below(random, (size_t)n_series), &label, text);

    sample.timestamp_ms = (int64_t)random_below(random, 100000);
    sample.value = random_below(random, 2) == 0 ? numbers[random_below(random, 8)]
                                                : (double)random_below(random, 1 << 30) / 1024;
    assert_int_equal(rm_store_record(store, &sample), 0);
}

static struct rm_store *fill(struct random *random, int n_series, size_t n)
{
    struct rm_store *store = rm_store_new(1);

    assert_non_null(store);
    for (size_t i = 0; i < n; i++) {
        record(random, store, n_series);
    }
    return store;
}

static struct rm__read_query make_query(struct random *random, size_t n)
{
    struct rm__read_query query = {
        .selection = {.metric_name = rm_slice_of("cpu"), .from_ms = INT64_MIN, .to_ms = INT64_MAX},
        .now_ms = NOW_MS,
        .limit = random_below(random, 2) == 0 ? 1000000 : 1 + random_below(random, n),
        .has_timestamps = random_below(random, 2) == 0,
        .by_series = random_below(random, 2) == 0,
        .decimals = (int)random_below(random, 5) - 1,
        .has_cursor = random_below(random, 3) == 0,
        .before = {(int64_t)random_below(random, 100000), random_below(random, n)}};

    if (random_below(random, 3) == 0) {
        query.selection.from_ms = (int64_t)random_below(random, 100000);
        query.selection.to_ms = query.selection.from_ms + (int64_t)random_below(random, 50000);
    }
    return query;
}

/* ---- in one go ---- */

static void write_number(struct rm_json_writer *json, const struct rm__read_query *query,
                         double value)
{
    rm_json_double(json, query->decimals >= 0 ? rm_double_round(value, query->decimals) : value);
}

/* Of all series where @series is NULL. */
static void write_points(struct rm_json_writer *json, const struct rm__read_query *query,
                         const struct rm_values *values, const uint32_t *series,
                         bool has_timestamps)
{
    rm_json_key(json, "values");
    rm_json_array_begin(json);
    for (size_t i = 0; i < values->n_points; i++) {
        if (series == NULL || values->points[i].series == *series) {
            write_number(json, query, values->points[i].value);
        }
    }
    rm_json_array_end(json);
    if (!has_timestamps) {
        return;
    }
    rm_json_key(json, "timestamps");
    rm_json_array_begin(json);
    for (size_t i = 0; i < values->n_points; i++) {
        if (series == NULL || values->points[i].series == *series) {
            rm_json_timestamp(json, values->points[i].position.timestamp_ms);
        }
    }
    rm_json_array_end(json);
}

static void write_all_series(struct rm_json_writer *json, const struct rm__read_query *query,
                             const struct rm_values *values)
{
    rm_json_key(json, "series");
    rm_json_array_begin(json);
    for (uint32_t i = 0; i < values->n_series; i++) {
        rm_json_object_begin(json);
        rm_json_key(json, "labels");
        rm_json_object_begin(json);
        for (size_t j = 0; j < values->series[i].n_labels; j++) {
            rm_json_key_slice(json, values->series[i].labels[j].name);
            rm_json_text(json, values->series[i].labels[j].value);
        }
        rm_json_object_end(json);
        write_points(json, query, values, &i, true);
        rm_json_object_end(json);
    }
    rm_json_array_end(json);
}

static struct rm_buffer expect(struct rm_store *store, const struct rm__read_query *query)
{
    struct rm_values values;
    struct rm_json_writer json;
    struct rm_buffer body;
    char cursor[RM__CURSOR_TEXT_MAX];

    assert_int_equal(rm_store_values(store, &query->selection, query->limit,
                                     query->has_cursor ? &query->before : NULL, &values),
                     0);
    rm_buffer_init(&body, BODY_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    rm_json_member_text(&json, "metric_name", query->selection.metric_name);
    if (query->by_series) {
        write_all_series(&json, query, &values);
    } else {
        write_points(&json, query, &values, NULL, query->has_timestamps);
    }
    if (values.has_older) {
        rm__cursor_format(&values.points[0].position, cursor);
        rm_json_member_bool(&json, "truncated", true);
        rm_json_member_uint(&json, "total", values.n_total);
        rm_json_member_text(&json, "next", rm_slice_of(cursor));
    }
    rm_json_key(&json, "timestamp");
    rm_json_timestamp(&json, NOW_MS);
    rm_json_object_end(&json);
    assert_int_equal(rm_json_finish(&json), 0);
    rm_values_done(&values);
    return body;
}

/* ---- piece by piece ---- */

enum change { NOTHING, MORE, DELETED, GONE };

static void change(struct random *random, struct rm_store **store, enum change what)
{
    switch (what) {
    case NOTHING:
        break;
    case MORE:
        for (int i = 0; i < 20; i++) {
            record(random, *store, N_SERIES_MAX);
        }
        break;
    case DELETED:
        assert_int_equal(rm_store_delete(*store, rm_slice_of("cpu")), 0);
        break;
    case GONE:
        rm_store_free(*store);
        *store = NULL;
        break;
    }
}

/* Appends the next piece to @whole; the body's bytes are taken now and then only. */
static void write_piece(struct random *random, struct rm__values_body *body,
                        struct rm_buffer *whole)
{
    size_t n_written = body->n_written;

    assert_int_equal(rm__values_body_write(body), 0);
    assert_in_range(body->n_written - n_written, 0, RM__VALUES_PIECE_POINTS);
    if (random_below(random, 3) > 0 || rm__values_body_is_written(body)) {
        assert_int_equal(rm_buffer_append_slice(whole, rm_buffer_peek(&body->bytes)), 0);
        rm_buffer_clear(&body->bytes);
    }
}

static struct rm_frozen_values *freeze(struct rm_store *store, const struct rm__read_query *query)
{
    struct rm_frozen_values *values;

    assert_int_equal(
        rm_store_freeze_values(store, &query->selection, query->limit,
                               query->has_cursor ? &query->before : NULL,
                               query->by_series ? RM_VALUES_BY_SERIES : RM_VALUES_BY_TIME, &values),
        0);
    return values;
}

static void check(struct random *random, struct rm_store **store,
                  const struct rm__read_query *query, enum change what)
{
    struct rm_buffer expected = expect(*store, query);
    struct rm__values_body body;
    struct rm_buffer whole;

    rm_buffer_init(&whole, BODY_MAX);
    assert_int_equal(rm__values_body_init(&body, freeze(*store, query), query), 0);
    assert_in_range(rm__values_body_size(&body), sizeof body, BODY_MAX);
    while (!rm__values_body_is_written(&body)) {
        write_piece(random, &body, &whole);
        change(random, store, what);
        what = what == MORE ? MORE : NOTHING;
    }
    assert_int_equal(whole.len, expected.len);
    assert_memory_equal(whole.data, expected.data, whole.len);
    rm__values_body_done(&body);
    rm_buffer_done(&whole);
    rm_buffer_done(&expected);
}

static void check_many(const char *name, enum change what, int n_runs)
{
    struct random random = random_start(name);

    for (int run = 0; run < n_runs; run++) {
        size_t n = 1 + random_below(&random, 6000);
        struct rm_store *store = fill(&random, 1 + (int)random_below(&random, N_SERIES_MAX), n);
        struct rm__read_query query = make_query(&random, n);

        check(&random, &store, &query, what);
        rm_store_free(store);
    }
}

static void test_the_bytes_are_the_same(void **state)
{
    (void)state;
    check_many("the same", NOTHING, 100);
}

static void test_what_comes_in_between_is_not_seen(void **state)
{
    (void)state;
    check_many("more", MORE, 40);
    check_many("deleted", DELETED, 40);
    check_many("gone", GONE, 40);
}

static void test_nothing_is_selected(void **state)
{
    struct random random = random_start("nothing");
    struct rm_store *store = fill(&random, 3, 10);
    struct rm__read_query query = make_query(&random, 10);

    (void)state;
    query.selection.from_ms = 100000;
    query.selection.to_ms = 200000;
    for (int i = 0; i < 4; i++) {
        query.by_series = i % 2 == 0;
        query.has_timestamps = i < 2;
        check(&random, &store, &query, NOTHING);
    }
    rm_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_bytes_are_the_same),
        cmocka_unit_test(test_what_comes_in_between_is_not_seen),
        cmocka_unit_test(test_nothing_is_selected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
