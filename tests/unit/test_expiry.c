#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../src/api/worker/expiry.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/proto/write_batch.h"

enum { MAX_AGE_MS = 1000, INTERVAL_MS = 60000, BATCH_MAX = 1 << 20 };

static struct rm_store *start(void)
{
    static const struct rm_retention_rule RULE = {{"a*", 2}, MAX_AGE_MS};
    static const struct rm_retention RETENTION = {.rules = &RULE, .n_rules = 1};
    struct rm_store *store = rm_store_new(1);

    assert_non_null(store);
    assert_int_equal(rm_store_set_retention(store, &RETENTION), 0);
    return store;
}

static void record(struct rm_store *store, const char *name, int64_t timestamp_ms)
{
    const struct rm_sample sample = {.metric_name = rm_slice_of(name),
                                     .timestamp_ms = timestamp_ms};

    assert_int_equal(rm_store_record(store, &sample), 0);
}

static void record_series(struct rm_store *store, int series)
{
    char host[16];
    const struct rm_label label = {
        rm_slice_of("host"),
        rm_slice_make(host, (size_t)snprintf(host, sizeof host, "%d", series))};
    const struct rm_sample sample = {
        .metric_name = rm_slice_of("a"), .labels = &label, .n_labels = 1, .timestamp_ms = series};

    assert_int_equal(rm_store_record(store, &sample), 0);
}

/* Applies what a step proposes; how much that was. */
static size_t step(struct rm__expiry *expiry, struct rm_store *store, uint64_t now_ms,
                   int64_t time_ms)
{
    struct rm_expiry expiries[RM_EXPIRIES_MAX];
    struct rm_write_batch batch;
    struct rm_buffer bytes;
    size_t n;

    rm_buffer_init(&bytes, BATCH_MAX);
    assert_int_equal(rm__expiry_step(expiry, store, now_ms, time_ms, INTERVAL_MS, &bytes), 0);
    assert_int_equal(rm_write_batch_decode(rm_buffer_peek(&bytes), &batch), 0);
    n = batch.n_expiries;
    for (size_t i = 0; i < n; i++) {
        expiries[i] =
            (struct rm_expiry){batch.expiries[i].metric_name, batch.expiries[i].first_series,
                               batch.expiries[i].n_series};
    }
    assert_int_equal(rm_store_expire(store, time_ms, expiries, n), 0);
    rm_write_batch_done(&batch);
    rm_buffer_done(&bytes);
    return n;
}

static uint64_t n_series(const struct rm_store *store)
{
    struct rm_store_stats stats;

    rm_store_stats(store, &stats);
    return stats.n_series;
}

static void test_it_looks_once_an_interval(void **state)
{
    struct rm_store *store = start();
    struct rm__expiry expiry = {0};

    (void)state;
    record(store, "a1", 0);
    record(store, "a2", 500);
    assert_int_equal(step(&expiry, store, 7, MAX_AGE_MS), 0);
    assert_int_equal(step(&expiry, store, 7 + INTERVAL_MS - 1, MAX_AGE_MS + 1), 0);
    assert_int_equal(step(&expiry, store, 7 + INTERVAL_MS, MAX_AGE_MS + 1), 1);
    assert_int_equal(n_series(store), 1);
    assert_int_equal(step(&expiry, store, 7 + 2 * INTERVAL_MS, MAX_AGE_MS + 501), 1);
    assert_int_equal(n_series(store), 0);
    rm_store_free(store);
}

/* A store that is as it was is not looked through before something is due. */
static void test_an_idle_store_is_left_alone(void **state)
{
    struct rm_store *store = start();
    struct rm__expiry expiry = {0};

    (void)state;
    record(store, "a1", 0);
    record(store, "b", 0);
    assert_int_equal(step(&expiry, store, 0, 10), 0);
    assert_false(expiry.is_searching);
    assert_true(expiry.was_searched);
    assert_int_equal(expiry.due_ms, MAX_AGE_MS + 1);
    expiry.search.due_ms = 0; /* shows that it is not touched */
    assert_int_equal(step(&expiry, store, INTERVAL_MS, 20), 0);
    assert_int_equal(expiry.search.due_ms, 0);
    record(store, "b", 1);
    assert_int_equal(step(&expiry, store, 2 * INTERVAL_MS, 30), 0);
    assert_int_equal(expiry.search.due_ms, MAX_AGE_MS + 1);
    assert_int_equal(step(&expiry, store, 3 * INTERVAL_MS, MAX_AGE_MS + 1), 1);
    rm_store_free(store);
}

/* What is more than a slice goes slice by slice, with no waiting between. */
static void test_slices_follow_each_other(void **state)
{
    enum { N = 10000 };
    struct rm_store *store = start();
    struct rm__expiry expiry = {0};
    int n_steps = 0;

    (void)state;
    for (int i = 0; i < N; i++) {
        record_series(store, i);
    }
    record(store, "b", 0);
    while (n_series(store) > 1) {
        uint64_t before = n_series(store);

        assert_int_equal(step(&expiry, store, 0, INT64_MAX), 1);
        assert_true(before - n_series(store) <= 4096);
        assert_true(n_series(store) < before);
        n_steps++;
    }
    assert_in_range(n_steps, 3, 8);
    rm_store_free(store);
}

static void test_out_of_room_begins_anew(void **state)
{
    struct rm_store *store = start();
    struct rm__expiry expiry = {0};
    struct rm_buffer bytes;

    (void)state;
    record(store, "a1", 0);
    rm_buffer_init(&bytes, 1);
    assert_int_equal(rm__expiry_step(&expiry, store, 0, INT64_MAX, INTERVAL_MS, &bytes),
                     RM_ETOOBIG);
    rm_buffer_done(&bytes);
    assert_int_equal(step(&expiry, store, INTERVAL_MS - 1, INT64_MAX), 0);
    assert_int_equal(step(&expiry, store, INTERVAL_MS, INT64_MAX), 1);
    assert_int_equal(n_series(store), 0);
    rm_store_free(store);
}

/* What was proposed may be refused, or lost with nothing else changed. */
static void test_what_came_to_nothing_is_found_again(void **state)
{
    struct rm_store *store = start();
    struct rm__expiry expiry = {0};
    struct rm_buffer lost;

    (void)state;
    record(store, "a1", 0);
    rm_buffer_init(&lost, BATCH_MAX);
    assert_int_equal(rm__expiry_step(&expiry, store, 7, MAX_AGE_MS + 1, INTERVAL_MS, &lost), 0);
    assert_true(lost.len > 0);
    rm_buffer_done(&lost);
    assert_int_equal(step(&expiry, store, 7 + INTERVAL_MS, MAX_AGE_MS + 1), 1);
    assert_int_equal(n_series(store), 0);
    rm_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_looks_once_an_interval),
        cmocka_unit_test(test_an_idle_store_is_left_alone),
        cmocka_unit_test(test_slices_follow_each_other),
        cmocka_unit_test(test_out_of_room_begins_anew),
        cmocka_unit_test(test_what_came_to_nothing_is_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
