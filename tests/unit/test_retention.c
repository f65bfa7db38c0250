#include "../../src/metrics/chunk.h"
#include "../../src/metrics/store_image.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "histograms_model.h"
#include "image_blob.h"
#include "model.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/metrics/query_run.h"
#include "raftmetrics/metrics/retention_rules.h"
#include "raftmetrics/metrics/store.h"
#include "random.h"

#define EVERY(retention) (sizeof(retention) / sizeof *(retention))

/* ---- a store, by short words ---- */

static struct rm_store *store_with(const struct rm_retention *retention)
{
    struct rm_store *store = rm_store_new(1);

    assert_non_null(store);
    assert_int_equal(rm_store_set_retention(store, retention), 0);
    return store;
}

static struct rm_sample sample_of(const char *name, const char *host, struct rm_label *label,
                                  int64_t timestamp_ms, double value)
{
    *label = (struct rm_label){rm_slice_of("host"), rm_slice_of(host)};
    return (struct rm_sample){.metric_name = rm_slice_of(name),
                              .labels = label,
                              .n_labels = host[0] != '\0',
                              .value = value,
                              .timestamp_ms = timestamp_ms};
}

static void record(struct rm_store *store, const char *name, const char *host, int64_t timestamp_ms,
                   double value)
{
    struct rm_label label;
    struct rm_sample sample = sample_of(name, host, &label, timestamp_ms, value);

    assert_int_equal(rm_store_record(store, &sample), 0);
}

static void record_many(struct rm_store *store, const char *name, const char *host, int64_t begin,
                        int64_t end)
{
    for (int64_t i = begin; i < end; i++) {
        record(store, name, host, i, (double)i);
    }
}

static struct rm_selection all_of(const char *name)
{
    return (struct rm_selection){
        .metric_name = rm_slice_of(name), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
}

/* Everything that is due, as a leader does it; how many entries that took. */
static int expire(struct rm_store *store, int64_t time_ms)
{
    struct rm_expiry_search search = {0};
    struct rm_expiry found[RM_EXPIRIES_MAX];
    int n_entries = 0;
    size_t n = 0;

    do {
        rm_store_find_expired(store, time_ms, 64, &search, found, &n);
        if (n > 0) {
            assert_int_equal(rm_store_expire(store, time_ms, found, n), 0);
            search = (struct rm_expiry_search){0};
            n_entries++;
        }
        assert_true(n_entries < 100000);
    } while (!search.is_done);
    return n_entries;
}

static uint64_t count_of(struct rm_store *store, const char *name)
{
    struct rm_selection selection = all_of(name);
    struct rm_aggregate aggregate;
    int rv = rm_store_aggregate(store, &selection, &aggregate);

    assert_true(rv == 0 || rv == RM_ENOTFOUND);
    return rv == 0 ? aggregate.count : 0;
}

static uint64_t counted(struct rm_store *store, const char *name)
{
    struct rm_selection selection = all_of(name);
    struct rm_histograms histograms = {0};
    uint64_t count;

    assert_int_equal(rm_store_histogram(store, &selection, &histograms), 0);
    count = histograms.count;
    assert_int_equal(rm_native_histogram_count(&histograms.native), count);
    assert_int_equal(rm_histogram_cumulative_count(&histograms.classic, histograms.bounds.n),
                     count);
    rm_histograms_done(&histograms);
    return count;
}

static struct rm_store *restored(struct rm_store *store)
{
    struct rm_image *image = rm_store_freeze(store);
    struct rm_blob *blob = image_blob(image);
    struct rm_slice bytes = rm_blob_peek(blob);
    struct rm_store *copy = NULL;

    assert_int_equal(rm__store_restore_unhashed(blob, &bytes, 55, &copy), 0);
    assert_int_equal(rm_store_hash(copy), rm_store_hash(store));
    rm_store_free(copy);
    bytes = rm_blob_peek(blob);
    assert_int_equal(rm_store_restore(blob, &bytes, 77, &copy), 0);
    assert_int_equal(bytes.len, 0);
    assert_int_equal(rm_store_hash(copy), rm_store_hash(store));
    rm_blob_unref(blob);
    rm_image_release(image);
    return copy;
}

/* ---- by age ---- */

static const struct rm_retention_rule AGES[] = {
    {{"old", 3}, 100000}, {{"short_*", 7}, 1000}, {{"*y", 2}, 10}};

static const struct rm_retention BY_AGE = {.rules = AGES, .n_rules = EVERY(AGES)};

static void test_the_first_rule_that_matches_decides(void **state)
{
    struct rm_store *store = store_with(&BY_AGE);

    (void)state;
    record(store, "old", "", 0, 1);
    record(store, "short_y", "", 0, 1);
    record(store, "any", "", 0, 1);
    record(store, "kept", "", 0, 1);
    assert_int_equal(expire(store, 10), 0);
    assert_int_equal(expire(store, 11), 1);
    assert_int_equal(count_of(store, "any"), 0);
    assert_int_equal(count_of(store, "short_y"), 1);
    assert_int_equal(expire(store, 1000), 0);
    assert_int_equal(expire(store, 1001), 1);
    assert_int_equal(count_of(store, "short_y"), 0);
    expire(store, 100001);
    assert_int_equal(count_of(store, "old"), 0);
    expire(store, INT64_MAX);
    assert_int_equal(count_of(store, "kept"), 1);
    rm_store_free(store);
}

/* Chunks go whole, when their newest value is too old. */
static void test_chunks_go_and_the_distribution_stays(void **state)
{
    struct rm_store *store = store_with(&BY_AGE);
    const uint64_t empty = rm_store_hash(store);
    struct rm_store_stats stats;

    (void)state;
    record_many(store, "short_a", "", 0, 3 * RM_CHUNK_MAX + 10);
    expire(store, 1000 + RM_CHUNK_MAX - 1);
    assert_int_equal(count_of(store, "short_a"), 3 * RM_CHUNK_MAX + 10);
    expire(store, 1000 + RM_CHUNK_MAX);
    assert_int_equal(count_of(store, "short_a"), 2 * RM_CHUNK_MAX + 10);
    assert_int_equal(counted(store, "short_a"), 3 * RM_CHUNK_MAX + 10);
    expire(store, 1000 + 3 * RM_CHUNK_MAX);
    assert_int_equal(count_of(store, "short_a"), 10);
    assert_int_equal(counted(store, "short_a"), 3 * RM_CHUNK_MAX + 10);
    rm_store_stats(store, &stats);
    assert_int_equal(stats.n_samples, 10);
    assert_int_equal(stats.n_dropped, 3 * RM_CHUNK_MAX);
    assert_int_equal(stats.n_expired, 0);
    expire(store, 1000 + 3 * RM_CHUNK_MAX + 10);
    assert_int_equal(count_of(store, "short_a"), 0);
    rm_store_stats(store, &stats);
    assert_int_equal(stats.n_series + stats.n_metrics + stats.n_samples, 0);
    assert_int_equal(stats.n_dropped, 3 * RM_CHUNK_MAX + 10);
    assert_int_equal(stats.n_expired, 1);
    assert_int_equal(rm_store_hash(store), empty);
    /* It begins anew. */
    record(store, "short_a", "", 5, 1);
    assert_int_equal(counted(store, "short_a"), 1);
    rm_store_free(store);
}

/* What was summed up before is forgotten. */
static void test_sums_are_of_what_is_left(void **state)
{
    struct rm_store *store = store_with(&BY_AGE);
    const int64_t n = 200 * RM_CHUNK_MAX;
    const int64_t n_gone = 10 * RM_CHUNK_MAX;
    struct rm_selection selection = all_of("short_a");
    struct rm_aggregate aggregate;

    (void)state;
    record_many(store, "short_a", "", 0, n);
    assert_int_equal(rm_store_aggregate(store, &selection, &aggregate), 0);
    assert_true(aggregate.sum == (double)(n * (n - 1) / 2));
    expire(store, 1000 + n_gone);
    assert_int_equal(rm_store_aggregate(store, &selection, &aggregate), 0);
    assert_true(aggregate.sum == (double)(n * (n - 1) / 2 - n_gone * (n_gone - 1) / 2));
    assert_true(aggregate.min == (double)n_gone && aggregate.first == (double)n_gone);
    rm_store_free(store);
}

static void test_a_series_goes_and_others_stay(void **state)
{
    struct rm_store *store = store_with(&BY_AGE);
    struct rm_metric_info info;
    struct rm_series_info infos[4];
    bool has_more;
    uint64_t next;
    size_t n;

    (void)state;
    record(store, "short_a", "1", 0, 1);
    record(store, "short_a", "2", 5000, 2);
    record(store, "short_a", "3", 1, 3);
    record(store, "short_a", "4", 4000, 4);
    expire(store, 1500);
    assert_int_equal(
        rm_store_list(store, rm_slice_of(""), rm_slice_of(""), 1, SIZE_MAX, &info, &n, &has_more),
        0);
    assert_int_equal(info.n_series, 2);
    assert_int_equal(info.n_samples, 2);
    assert_true(info.last == 2);
    assert_int_equal(rm_store_list_series(store, rm_slice_of("short_a"), 0, 4, infos, &n, &next),
                     0);
    assert_int_equal(n, 2);
    assert_true(rm_slice_is(infos[0].labels[0].value, "2"));
    assert_true(rm_slice_is(infos[1].labels[0].value, "4"));
    rm_store_free(restored(store));
    /* The newest value of the metric is the last to go. */
    expire(store, 6001);
    assert_int_equal(count_of(store, "short_a"), 0);
    rm_store_free(store);
}

static double last_of(struct rm_store *store)
{
    struct rm_metric_info info;
    bool has_more;
    size_t n;

    assert_int_equal(
        rm_store_list(store, rm_slice_of(""), rm_slice_of(""), 1, SIZE_MAX, &info, &n, &has_more),
        0);
    assert_int_equal(n, 1);
    return info.last;
}

/* All is too old, and gone a series an entry. */
static void test_the_newest_value_goes_last(void **state)
{
    struct rm_store *store = store_with(&BY_AGE);
    struct rm_store *copy;

    (void)state;
    record_many(store, "short_a", "1", 0, 2 * RM_CHUNK_MAX);
    record(store, "short_a", "2", 5, 2);
    record(store, "short_a", "3", 6, 3);
    for (uint64_t n_left = 3; n_left > 0; n_left--) {
        const struct rm_expiry expiry = {rm_slice_of("short_a"), n_left == 3 ? 0 : 1, 1};

        assert_true(last_of(store) == 2 * RM_CHUNK_MAX - 1);
        copy = restored(store);
        assert_true(last_of(copy) == 2 * RM_CHUNK_MAX - 1);
        rm_store_free(copy);
        assert_int_equal(rm_store_expire(store, 100000, &expiry, 1), 0);
    }
    assert_int_equal(count_of(store, "short_a"), 0);
    rm_store_free(store);
}

enum { MANY = 3000 };

static struct rm_metric_info listed[MANY];

static size_t list_all(struct rm_store *store)
{
    bool has_more;
    size_t n;

    assert_int_equal(rm_store_list(store, rm_slice_of(""), rm_slice_of(""), MANY, SIZE_MAX, listed,
                                   &n, &has_more),
                     0);
    return n;
}

/* Those from @first on, each @step. */
static void check_names(struct rm_store *store, int first, int step)
{
    size_t n = list_all(store);
    size_t at = 0;

    for (int i = first; i < MANY; i += step) {
        char name[24];

        snprintf(name, sizeof name, "short_%04d", i);
        assert_true(at < n && rm_slice_is(listed[at++].name, name));
        assert_int_equal(count_of(store, name), 1);
    }
    assert_int_equal(at, n);
}

static void record_metrics(struct rm_store *store, int first, int step, int64_t timestamp_ms)
{
    for (int i = MANY - step + first; i >= 0; i -= step) {
        char name[24];

        snprintf(name, sizeof name, "short_%04d", i);
        record(store, name, "", timestamp_ms, i);
    }
}

/* Names that were listed before, and names that were not. */
static void test_many_metrics_go_at_once(void **state)
{
    struct rm_store *store = store_with(&BY_AGE);

    (void)state;
    record_metrics(store, 0, 3, 0);
    record_metrics(store, 1, 3, 5000);
    list_all(store);
    record_metrics(store, 2, 3, 0);
    expire(store, 4000);
    rm_store_free(restored(store));
    check_names(store, 1, 3);
    record_metrics(store, 0, 3, 5000);
    record_metrics(store, 2, 3, 5000);
    check_names(store, 0, 1);
    assert_true(expire(store, 10000) > 1);
    assert_int_equal(list_all(store), 0);
    rm_store_free(store);
}

/* An entry takes as much as it may; whoever says what it is to look at may be wrong. */
static void test_an_entry_ends_somewhere(void **state)
{
    static const struct rm_expiry WRONG[] = {
        {{"no such", 7}, 0, 1},
        {{"kept", 4}, 0, UINT64_MAX},
        {{"short_a", 7}, UINT64_MAX, UINT64_MAX},
        {{"short_a", 7}, 1, 0},
    };
    static const struct rm_expiry TWICE[] = {{{"short_a", 7}, 0, UINT64_MAX},
                                             {{"short_a", 7}, 0, UINT64_MAX}};
    struct rm_store *store = store_with(&BY_AGE);
    const int n_series = 20000;
    uint64_t n_left;

    (void)state;
    record(store, "kept", "", 0, 1);
    for (int i = 0; i < n_series; i++) {
        char host[16];

        snprintf(host, sizeof host, "h%d", i);
        record(store, "short_a", host, i, 1);
    }
    assert_int_equal(rm_store_expire(store, 1000, WRONG, EVERY(WRONG)), 0);
    assert_int_equal(rm_store_expire(store, 5000000, WRONG, EVERY(WRONG)), 0);
    assert_int_equal(count_of(store, "short_a"), n_series);
    assert_int_equal(rm_store_expire(store, 5000000, TWICE, EVERY(TWICE)), 0);
    n_left = count_of(store, "short_a");
    assert_true(n_left > 0 && n_left < (uint64_t)n_series);
    while (count_of(store, "short_a") > 0) {
        assert_int_equal(rm_store_expire(store, 5000000, TWICE, EVERY(TWICE)), 0);
    }
    assert_int_equal(count_of(store, "kept"), 1);
    rm_store_free(store);
}

static void test_a_search_says_when_to_look_again(void **state)
{
    struct rm_store *store = store_with(&BY_AGE);
    struct rm_expiry_search search = {0};
    struct rm_expiry found[RM_EXPIRIES_MAX];
    size_t n;

    (void)state;
    record(store, "kept", "", -5, 1);
    rm_store_find_expired(store, 50, 100, &search, found, &n);
    assert_true(search.is_done && n == 0 && search.due_ms == INT64_MAX);
    record(store, "short_a", "", 500, 1);
    record(store, "short_a", "", 100, 1);
    record(store, "short_b", "", 300, 1);
    record(store, "old", "", 7, 1);
    search = (struct rm_expiry_search){0};
    rm_store_find_expired(store, 50, 100, &search, found, &n);
    assert_true(search.is_done && n == 0);
    assert_int_equal(search.due_ms, 1301);
    rm_store_free(store);
}

/* ---- by number ---- */

static void test_the_newest_stay(void **state)
{
    static const struct rm_retention LIMIT = {.max_samples = 1000};
    struct rm_store *store = store_with(&LIMIT);
    struct rm_values values;
    struct rm_selection selection = all_of("m");

    (void)state;
    for (int64_t i = 0; i < 5000; i++) {
        record(store, "m", "", i, (double)i);
        assert_true(count_of(store, "m") <= 1000 + RM_CHUNK_MAX);
        assert_true(count_of(store, "m") >= (uint64_t)(i < 999 ? i + 1 : 1000));
    }
    assert_int_equal(rm_store_values(store, &selection, SIZE_MAX, NULL, &values), 0);
    assert_true(values.points[values.n_points - 1].value == 4999);
    assert_true(values.points[0].value == (double)(5000 - values.n_points));
    assert_int_equal(values.n_total, values.n_points);
    rm_values_done(&values);
    assert_int_equal(counted(store, "m"), 5000);
    rm_store_free(store);
}

/* A limit that is lowered is kept by and by, by searches too. */
static void test_a_lower_limit(void **state)
{
    static const struct rm_retention LOWER = {.max_samples = 10};
    static const struct rm_retention NONE = {0};
    struct rm_store *store = store_with(&NONE);

    (void)state;
    record_many(store, "m", "", 0, 40 * RM_CHUNK_MAX);
    assert_int_equal(rm_store_set_retention(store, &LOWER), 0);
    record(store, "m", "", 40 * RM_CHUNK_MAX, 0);
    assert_int_equal(count_of(store, "m"), 38 * RM_CHUNK_MAX + 1);
    assert_true(expire(store, 0) > 0);
    assert_int_equal(count_of(store, "m"), RM_CHUNK_MAX + 1);
    rm_store_free(store);
}

static bool has_room(const struct rm_store *store, const struct rm_sample *samples, size_t n)
{
    bool has = false;

    assert_int_equal(rm_store_has_room(store, samples, n, &has), 0);
    return has;
}

static void test_room(void **state)
{
    static const struct rm_retention REFUSES = {.max_samples = 3, .when_full = RM_SAMPLES_REFUSE};
    static const struct rm_retention DROPS = {.max_samples = 3};
    struct rm_store *store = store_with(&REFUSES);
    struct rm_label labels[6];
    struct rm_sample samples[6];

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        samples[i] = sample_of("m", i % 2 == 0 ? "even" : "odd", &labels[i], 1, 1);
    }
    assert_true(has_room(store, samples, 6));
    record(store, "m", "odd", 1, 1);
    assert_false(has_room(store, samples, 6));
    assert_true(has_room(store, samples, 5));
    record(store, "m", "odd", 1, 1);
    record(store, "m", "odd", 1, 1);
    assert_false(has_room(store, samples + 1, 1));
    assert_true(has_room(store, samples, 1));
    assert_true(has_room(store, samples, 0));
    assert_int_equal(rm_store_set_retention(store, &DROPS), 0);
    assert_true(has_room(store, samples, 6));
    rm_store_free(store);
}

static void test_nothing_is_dropped_where_it_is_refused(void **state)
{
    static const struct rm_retention REFUSES = {.max_samples = 3, .when_full = RM_SAMPLES_REFUSE};
    struct rm_store *store = store_with(&REFUSES);

    (void)state;
    record_many(store, "m", "", 0, 2000);
    assert_int_equal(expire(store, 0), 0);
    assert_int_equal(count_of(store, "m"), 2000);
    rm_store_free(store);
}

/* ---- the hash ---- */

static void test_the_hash_knows_what_was_dropped(void **state)
{
    struct rm_store *a = store_with(&BY_AGE);
    struct rm_store *b = store_with(&BY_AGE);

    (void)state;
    for (int64_t i = 0; i < RM_CHUNK_MAX; i++) {
        record(a, "short_a", "", i, 1);
        record(b, "short_a", "", i, i == 7 ? 2 : 1);
    }
    record(a, "short_a", "", 5000, 1);
    record(b, "short_a", "", 5000, 1);
    expire(a, 3000);
    expire(b, 3000);
    assert_int_equal(count_of(a, "short_a"), 1);
    assert_true(rm_store_hash(a) != rm_store_hash(b));
    rm_store_free(a);
    rm_store_free(b);
}

/* Where the same is left, the next ordinal may be another. */
static void test_the_hash_knows_how_many_are_gone(void **state)
{
    struct rm_store *a = store_with(&BY_AGE);
    struct rm_store *b = store_with(&BY_AGE);

    (void)state;
    record(a, "short_a", "1", 5000, 1);
    record(b, "short_a", "1", 5000, 1);
    assert_int_equal(rm_store_hash(a), rm_store_hash(b));
    record(a, "short_a", "2", 0, 1);
    expire(a, 3000);
    assert_int_equal(count_of(a, "short_a"), 1);
    assert_true(rm_store_hash(a) != rm_store_hash(b));
    rm_store_free(a);
    rm_store_free(b);
}

static void test_the_hash_knows_retention(void **state)
{
    static const struct rm_retention RETENTIONS[] = {
        {.rules = AGES, .n_rules = 3},
        {.rules = AGES, .n_rules = 2},
        {.rules = AGES + 1, .n_rules = 2},
        {.max_samples = 1},
        {.max_samples = 1, .when_full = RM_SAMPLES_REFUSE},
        {0},
    };
    struct rm_store *store = rm_store_new(1);
    uint64_t hashes[EVERY(RETENTIONS)];

    (void)state;
    for (size_t i = 0; i < EVERY(RETENTIONS); i++) {
        struct rm_store *copy;

        assert_int_equal(rm_store_set_retention(store, &RETENTIONS[i]), 0);
        hashes[i] = rm_store_hash(store);
        for (size_t j = 0; j < i; j++) {
            assert_true(hashes[i] != hashes[j]);
        }
        copy = restored(store);
        assert_true(rm_retention_is_equal(rm_store_retention(copy), &RETENTIONS[i]));
        rm_store_free(copy);
    }
    assert_int_equal(hashes[EVERY(RETENTIONS) - 1], 0);
    rm_store_free(store);
}

/* ---- listing series while they come and go ---- */

enum { N_HOSTS = 300, HOSTS_MAX = 1000, PAGE_MAX = 20 };

struct listing {
    struct random random;
    struct rm_store *store;
    int64_t now_ms;
    int n_hosts;
    int64_t times_ms[HOSTS_MAX]; /* of each host's only value */
    int n_listed[HOSTS_MAX];
    int last; /* host that was listed */
};

static void add_host(struct listing *listing, int64_t timestamp_ms)
{
    char host[16];

    snprintf(host, sizeof host, "%d", listing->n_hosts);
    record(listing->store, "short_a", host, timestamp_ms, 1);
    listing->times_ms[listing->n_hosts++] = timestamp_ms;
}

static struct listing *listing_new(void)
{
    struct listing *listing = calloc(1, sizeof *listing);

    assert_non_null(listing);
    listing->random = random_start("listing");
    listing->store = store_with(&BY_AGE);
    listing->last = -1;
    for (int i = 0; i < N_HOSTS; i++) {
        add_host(listing, (int64_t)random_below(&listing->random, 4000));
    }
    add_host(listing, 100000); /* the metric stays */
    return listing;
}

static void listing_free(struct listing *listing)
{
    rm_store_free(listing->store);
    free(listing);
}

/* Some go, some come; another replica answers. */
static void churn(struct listing *listing)
{
    struct rm_store *other;

    listing->now_ms += (int64_t)random_below(&listing->random, 200);
    expire(listing->store, listing->now_ms);
    if (listing->n_hosts < HOSTS_MAX) {
        add_host(listing, listing->now_ms + (int64_t)random_below(&listing->random, 1000));
    }
    if (random_below(&listing->random, 3) == 0) {
        other = restored(listing->store);
        rm_store_free(listing->store);
        listing->store = other;
    }
}

/* The cursor to the next page; 0: that was the last. */
static uint64_t list_page(struct listing *listing, uint64_t after)
{
    struct rm_series_info infos[PAGE_MAX];
    size_t limit = 1 + random_below(&listing->random, PAGE_MAX);
    uint64_t next;
    size_t n;

    assert_int_equal(rm_store_list_series(listing->store, rm_slice_of("short_a"), after, limit,
                                          infos, &n, &next),
                     0);
    assert_true(n <= limit && (next == 0 || n == limit));
    for (size_t i = 0; i < n; i++) {
        int64_t host;

        assert_int_equal(rm_int_parse(infos[i].labels[0].value, 0, listing->n_hosts - 1, &host), 0);
        assert_true(host > listing->last);
        assert_true(listing->times_ms[host] >= listing->now_ms - 1000);
        listing->n_listed[host]++;
        listing->last = (int)host;
    }
    return next;
}

static void test_pages_have_all_that_live(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct listing *listing = listing_new();
        uint64_t after = 0;

        do {
            after = list_page(listing, after);
            churn(listing);
        } while (after != 0);
        for (int host = 0; host <= N_HOSTS; host++) {
            if (listing->times_ms[host] >= listing->now_ms - 1000) {
                assert_int_equal(listing->n_listed[host], 1);
            }
        }
        listing_free(listing);
    }
}

static void check_listed(struct rm_store *store, uint64_t after, const char *hosts, uint64_t next)
{
    struct rm_series_info infos[2];
    char there[64] = "";
    uint64_t ret_next;
    size_t n;

    assert_int_equal(
        rm_store_list_series(store, rm_slice_of("short_a"), after, 2, infos, &n, &ret_next), 0);
    for (size_t i = 0; i < n; i++) {
        strncat(there, infos[i].labels[0].value.data, infos[i].labels[0].value.len);
    }
    assert_string_equal(there, hosts);
    assert_int_equal(ret_next, next);
}

/* Nor does a metric that comes again take a cursor for one of its own that it never gave. */
static void test_numbers_are_given_once(void **state)
{
    struct rm_store *store = store_with(&BY_AGE);
    struct rm_store *copy;

    (void)state;
    record(store, "short_a", "a", 0, 1);
    record(store, "short_a", "b", 5000, 1);
    record(store, "short_a", "c", 5000, 1);
    record(store, "short_a", "d", 0, 1);
    check_listed(store, 0, "ab", 2);
    check_listed(store, 2, "cd", 0);
    expire(store, 5000);
    check_listed(store, 0, "bc", 0);
    record(store, "short_a", "d", 5000, 1); /* not the fourth any more */
    copy = restored(store);
    rm_store_free(store);
    check_listed(copy, 0, "bc", 3);
    check_listed(copy, 3, "d", 0);
    check_listed(copy, 4, "d", 0);
    check_listed(copy, 5, "", 0);
    record(copy, "short_a", "a", 5000, 1);
    check_listed(copy, 5, "a", 0);
    assert_int_equal(rm_store_delete(copy, rm_slice_of("short_a")), 0);
    record(copy, "short_a", "z", 5000, 1);
    check_listed(copy, 0, "z", 0);
    check_listed(copy, 1, "", 0);
    rm_store_free(copy);
}

/* ---- lies of images ---- */

static int restore_gone(struct rm_store *store, uint64_t n_gone)
{
    struct rm_image *image = rm_store_freeze(store);
    struct rm_blob *blob = image_blob(image);
    struct rm_slice bytes = rm_blob_peek(blob);
    struct rm_store *copy = NULL;
    char *at = (char *)(uintptr_t)bytes.data + sizeof(struct rm_store_image_header) +
               sizeof(struct rm_store_image_retention) +
               offsetof(struct rm_store_image_metric, n_gone);
    int rv;

    memcpy(at, &n_gone, sizeof n_gone);
    rv = rm__store_restore_unhashed(blob, &bytes, 1, &copy);
    rm_store_free(copy);
    rm_blob_unref(blob);
    rm_image_release(image);
    return rv;
}

static void test_false_counts_of_what_is_gone_are_seen(void **state)
{
    static const struct rm_retention LIMIT = {.max_samples = 1};
    struct rm_store *store = store_with(&LIMIT);

    (void)state;
    record_many(store, "m", "1", 0, RM_CHUNK_MAX + 1);
    record_many(store, "m", "2", 0, RM_CHUNK_MAX + 1);
    assert_int_equal(count_of(store, "m"), 2);
    assert_int_equal(restore_gone(store, 2 * RM_CHUNK_MAX), 0);
    assert_int_equal(restore_gone(store, 2 * RM_CHUNK_MAX - 1), RM_ECORRUPT);
    assert_int_equal(restore_gone(store, 0), RM_ECORRUPT);
    assert_int_equal(restore_gone(store, UINT64_C(1) << 62), 0);
    assert_int_equal(restore_gone(store, (UINT64_C(1) << 62) + 1), RM_ECORRUPT);
    rm_store_free(store);
}

/* A series says that more is gone than its metric does, and no ordinal gives that away. */
static void test_a_series_that_lost_more_than_its_metric_is_seen(void **state)
{
    static const struct rm_retention LIMIT = {.max_samples = 1};
    static const struct rm_retention NONE = {0};
    struct rm_store *store = store_with(&NONE);

    (void)state;
    for (int64_t i = 0; i <= 2 * RM_CHUNK_MAX; i++) {
        record(store, "m", "", -i, 1);
    }
    assert_int_equal(rm_store_set_retention(store, &LIMIT), 0);
    expire(store, 0);
    assert_true(count_of(store, "m") <= RM_CHUNK_MAX);
    assert_int_equal(restore_gone(store, 2 * RM_CHUNK_MAX + 1 - count_of(store, "m")), 0);
    assert_int_equal(restore_gone(store, 2 * RM_CHUNK_MAX - count_of(store, "m")), RM_ECORRUPT);
    rm_store_free(store);
}

/* ---- quantiles ---- */

/* The caller's. */
static struct rm_query_result ask_piece_by_piece(struct rm_store *store,
                                                 const struct rm_query *query)
{
    struct rm_query_result result;
    struct rm_query_run *run;
    bool is_done = false;

    assert_int_equal(rm_query_run_begin(store, query, &run), 0);
    while (!is_done) {
        assert_int_equal(rm_query_run_work(run, 1, &is_done), 0);
    }
    rm_query_run_take(run, &result);
    rm_query_run_free(run);
    return result;
}

static double median_of(struct rm_store *store, const struct rm_selection *selection,
                        int64_t step_ms, double *ret_error)
{
    struct rm_query query = {
        .selection = *selection, .step_ms = step_ms, .quantiles = {0.5}, .n_quantiles = 1};
    struct rm_query_result pieces = ask_piece_by_piece(store, &query);
    struct rm_query_result result;
    double median;

    assert_int_equal(rm_store_query(store, &query, &result), 0);
    median = result.groups[0].buckets[0].quantiles[0];
    *ret_error = result.quantile_error;
    assert_true(model_same_double(pieces.groups[0].buckets[0].quantiles[0], median));
    assert_true(model_same_double(pieces.quantile_error, *ret_error));
    rm_query_result_done(&pieces);
    rm_query_result_done(&result);
    return median;
}

static void test_quantiles_say_how_exact_they_are(void **state)
{
    struct rm_store *store = store_with(&BY_AGE);
    struct rm_selection all = all_of("short_a");
    struct rm_selection part = all;
    const int64_t n = 4 * RM_CHUNK_MAX;
    double error;
    double median;

    (void)state;
    record_many(store, "short_a", "", 0, n);
    assert_true(median_of(store, &all, 0, &error) == (double)(n - 1) / 2);
    assert_true(error == 0);
    expire(store, 1000 + 2 * RM_CHUNK_MAX);
    /* Of all: as if nothing was dropped, nearly. */
    median = median_of(store, &all, 0, &error);
    assert_true(error > 0 && error < 0.006);
    assert_true(fabs(median - (double)(n - 1) / 2) <= error * (double)n / 2);
    part.to_ms = n;
    (void)median_of(store, &part, 0, &error);
    assert_true(error > 0);
    /* Of what is left alone: exact. */
    part.from_ms = 2 * RM_CHUNK_MAX;
    assert_true(median_of(store, &part, 0, &error) == (double)(3 * RM_CHUNK_MAX) - 0.5);
    assert_true(error == 0);
    (void)median_of(store, &part, 10, &error);
    assert_true(error == 0);
    /* Of a part of which a part is gone: who knows. */
    part.from_ms--;
    assert_true(median_of(store, &part, 0, &error) == (double)(3 * RM_CHUNK_MAX) - 0.5);
    assert_true(isnan(error));
    part = all;
    part.to_ms = n - 1;
    (void)median_of(store, &part, 0, &error);
    assert_true(isnan(error));
    (void)median_of(store, &all, 10, &error);
    assert_true(isnan(error));
    rm_store_free(store);
}

static void test_a_quantile_is_between_all_values(void **state)
{
    struct rm_store *store = store_with(&BY_AGE);
    struct rm_selection all = all_of("short_a");
    double error;

    (void)state;
    for (int64_t i = 0; i <= RM_CHUNK_MAX; i++) {
        record(store, "short_a", "", i * 100, 1);
    }
    expire(store, 1000 + RM_CHUNK_MAX * 100);
    assert_int_equal(count_of(store, "short_a"), 1);
    assert_true(median_of(store, &all, 0, &error) == 1);
    assert_true(error > 0);
    rm_store_free(store);
}

/* Of one with values that are gone, one with few and one with many. */
static void test_quantiles_of_several_series(void **state)
{
    struct rm_store *store = store_with(&BY_AGE);
    struct rm_selection all = all_of("short_a");
    const int64_t n = 2 * RM_CHUNK_MAX;
    double error;

    (void)state;
    record_many(store, "short_a", "1", 0, n);
    record(store, "short_a", "2", n, (double)n);
    record_many(store, "short_a", "3", n + 1, 2 * n);
    expire(store, 1000 + RM_CHUNK_MAX);
    assert_true(fabs(median_of(store, &all, 0, &error) - (double)n) <= 0.006 * (double)n);
    assert_true(error > 0);
    rm_store_free(store);
}

static void test_the_worst_group_decides(void **state)
{
    struct rm_store *store = store_with(&BY_AGE);
    struct rm_query query = {.selection = all_of("short_a"),
                             .group_by = {rm_slice_of("host")},
                             .n_group_by = 1,
                             .quantiles = {0, 1},
                             .n_quantiles = 2};
    struct rm_query_result result;

    (void)state;
    record_many(store, "short_a", "1", 0, 2 * RM_CHUNK_MAX);
    record(store, "short_a", "2", 5000, 7);
    expire(store, 1000 + RM_CHUNK_MAX);
    assert_int_equal(rm_store_query(store, &query, &result), 0);
    assert_int_equal(result.n_groups, 2);
    assert_true(result.quantile_error > 0);
    assert_true(result.groups[0].buckets[0].quantiles[0] == 0);
    assert_true(result.groups[0].buckets[0].quantiles[1] <= 2 * RM_CHUNK_MAX - 1);
    assert_true(result.groups[1].buckets[0].quantiles[0] == 7);
    assert_int_equal(result.groups[0].buckets[0].aggregate.count, RM_CHUNK_MAX);
    rm_query_result_done(&result);
    rm_store_free(store);
}

/* ---- everything at random, against a model ---- */

enum { N_METRICS = 3, N_SERIES = 4, N_RECORDS_MAX = 20000 };

static const char *const NAMES[N_METRICS] = {"short_a", "old", "kept"};
static const int64_t MAX_AGES[N_METRICS] = {1000, 100000, INT64_MAX};

/* What was recorded in one series since it began. */
struct past {
    struct model_record records[N_RECORDS_MAX];
    size_t n;
};

struct world {
    struct random random;
    struct rm_store *store;
    struct rm_store *twin; /* was told the same, otherwise batched, and restored at other times */
    struct past pasts[N_METRICS][N_SERIES];
    int64_t now_ms;
    uint64_t max_samples;
};

static const char *host_of(int series)
{
    static const char *const HOSTS[N_SERIES] = {"", "a", "b", "c"};

    return HOSTS[series];
}

static void replace_store(struct rm_store **store)
{
    struct rm_store *copy = restored(*store);

    rm_store_free(*store);
    *store = copy;
}

enum { BURST = 200 };

static void record_burst(struct world *world)
{
    struct rm_label labels[BURST];
    struct rm_sample samples[BURST];
    int metric = (int)random_below(&world->random, N_METRICS);
    int64_t late_ms = random_below(&world->random, 4) == 0 ? 1500 : 5;

    for (size_t i = 0; i < BURST; i++) {
        int series = (int)random_below(&world->random, 1 + random_below(&world->random, N_SERIES));
        struct past *past = &world->pasts[metric][series];
        double value = (double)random_below(&world->random, 1000) / 8 - 20;
        int64_t time_ms = world->now_ms - (int64_t)random_below(&world->random, (uint64_t)late_ms);

        world->now_ms += (int64_t)random_below(&world->random, 3);
        samples[i] = sample_of(NAMES[metric], host_of(series), &labels[i], time_ms, value);
        assert_true(past->n < EVERY(past->records));
        past->records[past->n++] = (struct model_record){{time_ms, 0}, value, 0};
        assert_int_equal(rm_store_record(world->store, &samples[i]), 0);
    }
    assert_int_equal(rm_store_record_batch(world->twin, samples, BURST), 0);
}

/* The same entries to both. */
static void expire_both(struct world *world)
{
    struct rm_expiry_search search = {0};
    struct rm_expiry found[RM_EXPIRIES_MAX];
    size_t n;

    do {
        rm_store_find_expired(world->store, world->now_ms, 3, &search, found, &n);
        assert_int_equal(rm_store_expire(world->twin, world->now_ms, found, n), 0);
        assert_int_equal(rm_store_expire(world->store, world->now_ms, found, n), 0);
        if (n > 0) {
            search = (struct rm_expiry_search){0};
        }
    } while (!search.is_done);
}

static struct rm_selection selection_of(int metric, int series)
{
    struct rm_selection selection = all_of(NAMES[metric]);

    selection.matchers[0] = (struct rm_label){rm_slice_of("host"), rm_slice_of(host_of(series))};
    selection.n_matchers = 1;
    return selection;
}

static bool is_young(const struct world *world, int metric, int64_t time_ms)
{
    return MAX_AGES[metric] == INT64_MAX || time_ms >= world->now_ms - MAX_AGES[metric];
}

/* Of what is neither too old nor too much behind the newest, all that was recorded is held. */
static void check_values(const struct world *world, int metric, const struct past *past,
                         const struct rm_values *values)
{
    for (size_t i = 0; i < values->n_points; i += 97) {
        int64_t time_ms = values->points[i].position.timestamp_ms;
        size_t n_recorded = 0;
        size_t n_held = 0;

        for (size_t j = 0; j < past->n; j++) {
            n_recorded += past->records[j].position.timestamp_ms > time_ms;
        }
        for (size_t j = 0; j < values->n_points; j++) {
            n_held += values->points[j].position.timestamp_ms > time_ms;
        }
        assert_true(n_held <= n_recorded);
        if (n_recorded <= world->max_samples && is_young(world, metric, time_ms)) {
            assert_int_equal(n_held, n_recorded);
        }
    }
}

/* Is the newest value of the series, which went with it, too old? */
static void check_gone(const struct world *world, int metric, struct past *past)
{
    for (size_t i = 0; i < past->n; i++) {
        assert_false(is_young(world, metric, past->records[i].position.timestamp_ms));
    }
    past->n = 0;
}

static void check_series(struct world *world, int metric, int series)
{
    struct past *past = &world->pasts[metric][series];
    struct rm_selection selection = selection_of(metric, series);
    struct rm_histograms histograms[2] = {{0}, {0}};
    struct rm_values values = {0};
    int rv = rm_store_values(world->store, &selection, SIZE_MAX, NULL, &values);
    uint64_t n_young = 0;

    if (rv == RM_ENOTFOUND || values.n_points == 0) {
        check_gone(world, metric, past);
        rm_values_done(&values);
        return;
    }
    assert_int_equal(rv, 0);
    assert_int_equal(rm_store_histogram(world->store, &selection, &histograms[0]), 0);
    assert_int_equal(rm_store_histogram(world->twin, &selection, &histograms[1]), 0);
    histograms_are_equal(&histograms[0], &histograms[1]);
    assert_int_equal(histograms[0].count, past->n);
    for (size_t i = 0; i < past->n; i++) {
        n_young += is_young(world, metric, past->records[i].position.timestamp_ms);
    }
    n_young = n_young < world->max_samples ? n_young : world->max_samples;
    assert_true(values.n_points >= n_young);
    assert_true(values.n_points < world->max_samples + RM_CHUNK_MAX);
    check_values(world, metric, past, &values);
    rm_histograms_done(&histograms[0]);
    rm_histograms_done(&histograms[1]);
    rm_values_done(&values);
}

static void check_world(struct world *world)
{
    struct rm_store_stats stats[2];

    assert_int_equal(rm_store_hash(world->store), rm_store_hash(world->twin));
    rm_store_stats(world->store, &stats[0]);
    rm_store_stats(world->twin, &stats[1]);
    assert_int_equal(stats[0].n_samples, stats[1].n_samples);
    assert_int_equal(stats[0].n_series, stats[1].n_series);
    assert_int_equal(stats[0].n_metrics, stats[1].n_metrics);
    for (int metric = 0; metric < N_METRICS; metric++) {
        for (int series = 0; series < N_SERIES; series++) {
            check_series(world, metric, series);
        }
    }
}

static void run_world(struct world *world)
{
    struct rm_retention retention = BY_AGE;

    retention.max_samples = world->max_samples;
    world->store = store_with(&retention);
    world->twin = store_with(&retention);
    for (int i = 0; i < 150; i++) {
        record_burst(world);
        if (random_below(&world->random, 8) == 0) {
            world->now_ms += (int64_t)random_below(&world->random, 3000);
        }
        if (random_below(&world->random, 3) == 0) {
            expire_both(world);
            check_world(world);
        }
        if (random_below(&world->random, 10) == 0) {
            replace_store(&world->twin);
        }
        if (random_below(&world->random, 20) == 0) {
            replace_store(&world->store);
        }
    }
    rm_store_free(world->store);
    rm_store_free(world->twin);
}

static void test_at_random(void **state)
{
    static const uint64_t LIMITS[] = {1, 100, 700, 100000};
    struct world *world = calloc(1, sizeof *world);
    struct random random = random_start("retention");

    (void)state;
    assert_non_null(world);
    for (size_t i = 0; i < EVERY(LIMITS); i++) {
        memset(world, 0, sizeof *world);
        world->random.state = random_next(&random);
        world->max_samples = LIMITS[i];
        run_world(world);
    }
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_rule_that_matches_decides),
        cmocka_unit_test(test_chunks_go_and_the_distribution_stays),
        cmocka_unit_test(test_sums_are_of_what_is_left),
        cmocka_unit_test(test_a_series_goes_and_others_stay),
        cmocka_unit_test(test_the_newest_value_goes_last),
        cmocka_unit_test(test_many_metrics_go_at_once),
        cmocka_unit_test(test_an_entry_ends_somewhere),
        cmocka_unit_test(test_a_search_says_when_to_look_again),
        cmocka_unit_test(test_the_newest_stay),
        cmocka_unit_test(test_a_lower_limit),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_nothing_is_dropped_where_it_is_refused),
        cmocka_unit_test(test_the_hash_knows_what_was_dropped),
        cmocka_unit_test(test_the_hash_knows_how_many_are_gone),
        cmocka_unit_test(test_the_hash_knows_retention),
        cmocka_unit_test(test_pages_have_all_that_live),
        cmocka_unit_test(test_numbers_are_given_once),
        cmocka_unit_test(test_false_counts_of_what_is_gone_are_seen),
        cmocka_unit_test(test_a_series_that_lost_more_than_its_metric_is_seen),
        cmocka_unit_test(test_quantiles_say_how_exact_they_are),
        cmocka_unit_test(test_a_quantile_is_between_all_values),
        cmocka_unit_test(test_quantiles_of_several_series),
        cmocka_unit_test(test_the_worst_group_decides),
        cmocka_unit_test(test_at_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
