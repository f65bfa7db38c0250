/* Every allocation of the metrics and partitioning layers fails once: the answer is RM_ENOMEM, and
 * everything can still be freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "image_blob.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/exposure.h"
#include "raftmetrics/metrics/histogram_run.h"
#include "raftmetrics/metrics/key_table.h"
#include "raftmetrics/metrics/query_run.h"
#include "raftmetrics/metrics/store.h"
#include "raftmetrics/metrics/values_run.h"
#include "raftmetrics/partitioning/shard_map.h"

#if FAILING_MALLOC

/* Runs @use with its first allocation failing, then its second, until none fails. */
static void fail_each_allocation(int (*use)(void))
{
    bool failed = true;

    for (long n = 1; failed; n++) {
        long n_live = failing_malloc_n_live;
        int rv;

        failing_malloc_arm(n);
        rv = use();
        failed = failing_malloc_disarm();
        assert_int_equal(rv, failed ? RM_ENOMEM : 0);
        assert_int_equal(failing_malloc_n_live, n_live);
    }
}

static int record(struct rm_store *store, const char *name, const char *host, int64_t timestamp_ms)
{
    const struct rm_label label = {rm_slice_of("host"), rm_slice_of(host)};
    const struct rm_sample sample = {.metric_name = rm_slice_of(name),
                                     .labels = &label,
                                     .n_labels = 1,
                                     .value = (double)timestamp_ms,
                                     .timestamp_ms = timestamp_ms};

    return rm_store_record(store, &sample);
}

/* Metrics past a growth of their table, then a series past a chunk, written from both ends. */
static int fill(struct rm_store *store)
{
    static const double BOUNDS[] = {1, 2};
    const struct rm_bucket_rule rules[] = {{rm_slice_of("m?"), BOUNDS, 2},
                                           {rm_slice_of("*"), NULL, 0}};
    const struct rm_retention_rule ages[] = {{rm_slice_of("m?"), 5}, {rm_slice_of("m1*"), 1}};
    const struct rm_retention retention = {.rules = ages, .n_rules = 2, .max_samples = 250};
    int rv = rm_store_set_bucket_rules(store, rules, 2);

    if (rv == 0) {
        rv = rm_store_set_retention(store, &retention);
    }
    for (int i = 0; i < 14 && rv == 0; i++) {
        char name[8];

        snprintf(name, sizeof name, "m%d", i);
        rv = record(store, name, "a", 0);
    }
    for (int i = 0; i < 400 && rv == 0; i++) {
        rv = record(store, "m1", i % 100 == 0 ? "b" : "a", i % 3 == 0 ? i : 1000 - i);
    }
    return rv;
}

/* Then a metric that was not there when the store got into order. */
static int expose(struct rm_store *store)
{
    int rv = 0;

    for (int i = 0; i < 2 && rv == 0; i++) {
        const struct rm_exposition_style style = {.keeps_names = i == 0};
        struct rm_exposure exposure;

        rv = rm_store_expose(store, style, rm_slice_of(""), 100, &exposure);
    }
    return rv == 0 ? record(store, "new", "a", 0) : rv;
}

static int read_all(struct rm_store *store)
{
    const struct rm_selection selection = {
        .metric_name = rm_slice_of("m1"), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct rm_histograms histograms = {0};
    struct rm_values values = {0};
    struct rm_metric_info infos[4];
    bool has_more;
    size_t n;
    int rv;

    rv = rm_store_values(store, &selection, 10, NULL, &values);
    if (rv == 0) {
        rv = rm_store_histogram(store, &selection, &histograms);
    }
    if (rv == 0) {
        rv = rm_store_list(store, rm_slice_of(""), rm_slice_of(""), 4, SIZE_MAX, infos, &n,
                           &has_more);
    }
    if (rv == 0) {
        rv = expose(store);
    }
    rm_values_done(&values);
    rm_histograms_done(&histograms);
    return rv;
}

/* Grouped and stepped, with quantiles of more values than were gathered for the group before. */
static int query(struct rm_store *store)
{
    const struct rm_query query = {
        .selection = {.metric_name = rm_slice_of("m1"), .from_ms = INT64_MIN, .to_ms = INT64_MAX},
        .group_by = {rm_slice_of("host")},
        .n_group_by = 1,
        .step_ms = 10,
        .quantiles = {0.5},
        .n_quantiles = 1};
    struct rm_query_result result = {0};
    int rv = rm_store_query(store, &query, &result);

    rm_query_result_done(&result);
    return rv;
}

/* What is gone from "m1", of one series and of both, and metrics that are gone. */
static int expire(struct rm_store *store)
{
    const struct rm_query query = {
        .selection = {.metric_name = rm_slice_of("m1"), .from_ms = INT64_MIN, .to_ms = INT64_MAX},
        .quantiles = {0.5},
        .n_quantiles = 1};
    struct rm_expiry_search search = {0};
    struct rm_expiry found[RM_EXPIRIES_MAX];
    struct rm_query_result result = {0};
    struct rm_sample sample = {.metric_name = rm_slice_of("m1")};
    bool has_room;
    size_t n;
    int rv;

    rm_store_find_expired(store, 700, 1000, &search, found, &n);
    rv = rm_store_expire(store, 700, found, n);
    if (rv == 0) {
        rv = rm_store_query(store, &query, &result);
    }
    if (rv == 0) {
        const struct rm_retention refuses = {.max_samples = 1, .when_full = RM_SAMPLES_REFUSE};

        assert_true(result.quantile_error > 0);
        rv = rm_store_set_retention(store, &refuses);
    }
    if (rv == 0) {
        rv = rm_store_has_room(store, &sample, 1, &has_room);
    }
    rm_query_result_done(&result);
    return rv;
}

static int use_store(void)
{
    struct rm_store *store = rm_store_new(1);
    int rv;

    if (store == NULL) {
        return RM_ENOMEM;
    }
    rv = fill(store);
    if (rv == 0) {
        rv = read_all(store);
    }
    if (rv == 0) {
        rv = query(store);
    }
    if (rv == 0) {
        rv = expire(store);
    }
    if (rv == 0) {
        rv = rm_store_delete(store, rm_slice_of("m1"));
    }
    rm_store_free(store);
    return rv;
}

/* What is under way when a store changes, and goes. */
struct lookers {
    struct rm_query_run *run;
    struct rm_histogram_run *histogram;
    struct rm_frozen_values *values;
    struct rm_frozen_values *twin;
    struct rm_image *image;
};

static int begin_looking(struct rm_store *store, struct lookers *lookers)
{
    const struct rm_query query = {
        .selection = {.metric_name = rm_slice_of("m1"), .from_ms = INT64_MIN, .to_ms = INT64_MAX},
        .group_by = {rm_slice_of("host")},
        .n_group_by = 1,
        .quantiles = {0.5},
        .n_quantiles = 1};
    bool is_done;
    int rv = rm_query_run_begin(store, &query, &lookers->run);

    if (rv == 0) {
        rv = rm_query_run_work(lookers->run, 1, &is_done);
    }
    if (rv == 0) {
        rv = rm_histogram_run_begin(store, &query.selection, &lookers->histogram);
    }
    if (rv == 0) {
        rv = rm_store_freeze_values(store, &query.selection, 300, NULL, RM_VALUES_BY_TIME,
                                    &lookers->values);
    }
    if (rv == 0) {
        rv = rm_frozen_values_twin(lookers->values, &lookers->twin);
    }
    if (rv == 0) {
        lookers->image = rm_store_freeze(store);
        rv = lookers->image == NULL ? RM_ENOMEM : 0;
    }
    return rv == 0 ? rm_image_gather(lookers->image, 4, &is_done) : rv;
}

/* A query is lost where there was no memory to keep what it looks at; the store goes on. */
static int end_looking(const struct lookers *lookers)
{
    struct rm_query_result result;
    struct rm_histograms histograms;
    struct rm_point points[300];
    bool is_done;
    size_t n;
    int rv = rm_query_run_work(lookers->run, INT64_MAX, &is_done);

    if (rv == 0) {
        rm_query_run_take(lookers->run, &result);
        assert_int_equal(result.n_groups, 2);
        rm_query_result_done(&result);
        rv = rm_histogram_run_work(lookers->histogram, INT64_MAX, &is_done);
    }
    if (rv == 0) {
        rm_histogram_run_take(lookers->histogram, &histograms);
        assert_int_equal(histograms.count, 401);
        rm_histograms_done(&histograms);
        rv = rm_frozen_values_next(lookers->twin, points, 300, &n);
    }
    if (rv == 0) {
        rv = rm_image_gather(lookers->image, SIZE_MAX, &is_done);
    }
    return rv == RM_ECANCELED ? RM_ENOMEM : rv;
}

static int look_while_it_changes(void)
{
    struct rm_store *store = rm_store_new(1);
    struct lookers lookers = {0};
    int rv = store == NULL ? RM_ENOMEM : fill(store);

    if (rv == 0) {
        rv = begin_looking(store, &lookers);
    }
    if (rv == 0) {
        rv = fill(store);
    }
    if (rv == 0) {
        rv = expire(store);
    }
    if (rv == 0) {
        rv = rm_store_delete(store, rm_slice_of("m1"));
    }
    if (rv == 0) {
        rv = end_looking(&lookers);
    }
    rm_query_run_free(lookers.run);
    rm_histogram_run_free(lookers.histogram);
    rm_frozen_values_free(lookers.values);
    rm_store_free(store);
    rm_frozen_values_free(lookers.twin);
    rm_image_release(lookers.image);
    return rv;
}

/* Restores @image and uses what comes of it, all that a shared chunk may go through included. */
static int use_image(struct rm_image *image)
{
    struct rm_blob *blob = image_blob(image);
    struct rm_store *store = NULL;
    struct rm_slice bytes;
    int rv;

    if (blob == NULL) {
        return RM_ENOMEM;
    }
    bytes = rm_blob_peek(blob);
    rv = rm_store_restore(blob, &bytes, 2, &store);
    rm_blob_unref(blob);
    if (rv == 0) {
        rv = fill(store);
    }
    rm_store_free(store);
    return rv;
}

static int use_store_image(void)
{
    struct rm_store *store = rm_store_new(1);
    struct rm_image *image = NULL;
    int rv = store == NULL ? RM_ENOMEM : fill(store);

    if (rv == 0) {
        image = rm_store_freeze(store);
        rv = image == NULL ? RM_ENOMEM : fill(store);
    }
    rm_store_free(store);
    if (rv == 0) {
        rv = use_image(image);
    }
    rm_image_release(image);
    return rv;
}

static int use_key_table_image(void)
{
    struct rm_key_table *table = rm_key_table_new(1);
    struct rm_key_table *decoded = NULL;
    struct rm_buffer buffer;
    struct rm_slice bytes;
    int rv = table == NULL ? RM_ENOMEM : 0;

    rm_buffer_init(&buffer, SIZE_MAX);
    for (int64_t i = 0; i < 30 && rv == 0; i++) {
        rv = rm_key_table_add(table, rm_slice_of("token"), rm_slice_make(&i, sizeof i),
                              (struct rm_request_hash){0, 0}, i);
    }
    if (rv == 0) {
        rv = rm_key_table_encode(table, &buffer);
    }
    if (rv == 0) {
        bytes = rm_buffer_peek(&buffer);
        rv = rm_key_table_decode(&bytes, 1, &decoded);
    }
    rm_buffer_done(&buffer);
    rm_key_table_free(table);
    rm_key_table_free(decoded);
    return rv;
}

static int use_key_table(void)
{
    struct rm_key_table *table = rm_key_table_new(1);
    int rv = 0;

    if (table == NULL) {
        return RM_ENOMEM;
    }
    for (int i = 0; i < 30 && rv == 0; i++) {
        size_t n = rm_key_table_count(table);
        char key[8];

        snprintf(key, sizeof key, "%d", i);
        rv = rm_key_table_add(table, rm_slice_of("token"), rm_slice_of(key),
                              (struct rm_request_hash){0, 0}, i);
        assert_int_equal(rm_key_table_count(table), rv == 0 ? n + 1 : n);
    }
    rm_key_table_free(table);
    return rv;
}

static int use_shard_map(void)
{
    struct rm_shard_map map = {0};
    int rv = rm_shard_map_init(&map, (const uint32_t[]){1, 2}, 2, 8, 2);

    rm_shard_map_done(&map);
    return rv;
}

static void test_store(void **state)
{
    (void)state;
    fail_each_allocation(use_store);
}

static void test_lookers(void **state)
{
    (void)state;
    fail_each_allocation(look_while_it_changes);
}

enum { N_VIEWS = 8 };

/* How many allocations more there are when a series has changed under @n queries. */
static long kept_for(size_t n)
{
    const struct rm_query query = {
        .selection = {.metric_name = rm_slice_of("m1"), .from_ms = INT64_MIN, .to_ms = INT64_MAX}};
    struct rm_store *store = rm_store_new(1);
    struct rm_query_run *runs[N_VIEWS];
    long n_live;

    assert_non_null(store);
    assert_int_equal(fill(store), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rm_query_run_begin(store, &query, &runs[i]), 0);
    }
    n_live = failing_malloc_n_live;
    assert_int_equal(record(store, "m1", "a", 2000), 0);
    n_live = failing_malloc_n_live - n_live;
    for (size_t i = 0; i < n; i++) {
        rm_query_run_free(runs[i]);
    }
    rm_store_free(store);
    return n_live;
}

/* A table each, and no more. */
static void test_what_changes_is_kept_once(void **state)
{
    (void)state;
    assert_int_equal(kept_for(N_VIEWS) - kept_for(1), N_VIEWS - 1);
}

static void test_key_table(void **state)
{
    (void)state;
    fail_each_allocation(use_key_table);
}

static void test_store_image(void **state)
{
    (void)state;
    fail_each_allocation(use_store_image);
}

static void test_key_table_image(void **state)
{
    (void)state;
    fail_each_allocation(use_key_table_image);
}

static void test_shard_map(void **state)
{
    (void)state;
    fail_each_allocation(use_shard_map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_key_table),
        cmocka_unit_test(test_store_image),
        cmocka_unit_test(test_key_table_image),
        cmocka_unit_test(test_shard_map),
        cmocka_unit_test(test_lookers),
        cmocka_unit_test(test_what_changes_is_kept_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void test_nothing(void **state)
{
    (void)state;
    print_message("the sanitizer's malloc cannot be made to fail\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
