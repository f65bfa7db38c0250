/* All who look at a store while it goes on, at once: queries and histograms that are worked off in
 * pieces, frozen values with their twins, images that are gathered and then read by another thread.
 * Each tells what the store was when it began, whatever was recorded, late or not, dropped,
 * expired, deleted or restored meanwhile; and a replica that lives on through images has the same
 * state. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/metrics/chunk.h"
#include "image_blob.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/histogram_run.h"
#include "raftmetrics/metrics/query_run.h"
#include "raftmetrics/metrics/store.h"
#include "raftmetrics/metrics/values_run.h"
#include "random.h"

#define EVERY(things) (sizeof(things) / sizeof *(things))

enum {
    N_ROUNDS = 1200,
    N_QUERIES = 6,
    N_MERGINGS = 3,
    N_READERS = 4,
    BURST_MAX = 600,
    POINTS_MAX = 300
};

static const char *const NAMES[] = {"a", "a/b", "few_long", "many_short", "short_a"};
static const char *const HOSTS[] = {"0", "1", "2",  "3",  "4",  "5",  "6",  "7",
                                    "8", "9", "10", "11", "12", "13", "14", "15"};

static const struct rm_retention_rule AGES[] = {
    {{"short*", 6}, 500}, {{"a*", 2}, 20000}, {{"many*", 5}, 3000}};
static const struct rm_retention RETENTIONS[] = {
    {0},
    {.rules = AGES, .n_rules = EVERY(AGES)},
    {.max_samples = 300},
    {.rules = AGES, .n_rules = 1, .max_samples = 3000},
};

/* A query under way, and what it has to tell. */
struct asked {
    struct rm_query query;
    struct rm_query_run *run; /* NULL: none */
    struct rm_query_result truth;
    bool is_lost; /* its store is gone */
};

/* A histogram under way, and what it has to be. */
struct merging {
    struct rm_histogram_run *run; /* NULL: none */
    struct rm_histograms truth;
    bool is_lost; /* its store is gone */
};

/* Values under way, and what is left of what they have to be. */
struct reader {
    struct rm_frozen_values *ways[2];
    size_t n_taken[2];
    struct rm_point *points; /* NULL: none is under way */
    size_t n_points;
};

struct world {
    struct random random;
    struct rm_store *store; /* that is looked at */
    struct rm_store *twin;  /* that is told the same, and is frozen at once */
    int64_t now_ms;
    struct rm_image *image; /* of the store; NULL: none */
    struct rm_blob *truth;
    bool is_whole;
    bool is_sealing;
    pthread_t sealing;
    struct asked asked[N_QUERIES];
    struct merging mergings[N_MERGINGS];
    struct reader readers[N_READERS];
    unsigned n_images, n_answers, n_lost, n_read;
};

static uint64_t below(struct world *world, uint64_t n)
{
    return random_below(&world->random, n);
}

static struct rm_slice any_name(struct world *world)
{
    return rm_slice_of(NAMES[below(world, EVERY(NAMES))]);
}

/* ---- what may happen to a store ---- */

static void record_burst(struct world *world)
{
    static const uint64_t N_SERIES[] = {1, 3, 2, 16, 5};
    struct rm_sample samples[BURST_MAX];
    struct rm_label labels[BURST_MAX][2];
    size_t metric = below(world, EVERY(NAMES));
    uint64_t n_series = 1 + below(world, N_SERIES[metric]);
    uint64_t late_ms = below(world, 3) == 0 ? 1 + below(world, 30000) : 1;
    uint64_t step_ms = below(world, 8) == 0 ? 40 : 3;
    size_t n = below(world, BURST_MAX);

    for (size_t i = 0; i < n; i++) {
        uint64_t host = below(world, n_series);

        labels[i][0] = (struct rm_label){rm_slice_of("host"), rm_slice_of(HOSTS[host])};
        labels[i][1] = (struct rm_label){rm_slice_of("zone"), rm_slice_of(HOSTS[host % 3])};
        samples[i] =
            (struct rm_sample){.metric_name = rm_slice_of(NAMES[metric]),
                               .labels = labels[i],
                               .n_labels = 2,
                               .timestamp_ms = world->now_ms - (int64_t)below(world, late_ms),
                               .value = (double)below(world, 5000) / 7 - 100};
        world->now_ms += (int64_t)below(world, step_ms);
        assert_int_equal(rm_store_record(world->twin, &samples[i]), 0);
    }
    assert_int_equal(rm_store_record_batch(world->store, samples, n), 0);
}

static void delete_one(struct world *world)
{
    struct rm_slice name = any_name(world);
    int rv = rm_store_delete(world->store, name);

    assert_int_equal(rm_store_delete(world->twin, name), rv);
}

/* Either finds what both do away with: their tables stand otherwise. */
static void expire(struct world *world)
{
    const struct rm_store *leader = below(world, 2) == 0 ? world->store : world->twin;
    struct rm_expiry_search search = {0};
    struct rm_expiry found[RM_EXPIRIES_MAX];
    struct rm_slice names[RM_EXPIRIES_MAX];
    size_t n;

    rm_store_find_expired(leader, world->now_ms, 2 + below(world, 500), &search, found, &n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < EVERY(NAMES); j++) {
            if (rm_slice_equal(found[i].metric_name, rm_slice_of(NAMES[j]))) {
                names[i] = rm_slice_of(NAMES[j]);
            }
        }
        found[i].metric_name = names[i];
    }
    assert_int_equal(rm_store_expire(world->store, world->now_ms, found, n), 0);
    assert_int_equal(rm_store_expire(world->twin, world->now_ms, found, n), 0);
}

static void keep_otherwise(struct world *world)
{
    const struct rm_retention *retention = &RETENTIONS[below(world, EVERY(RETENTIONS))];

    assert_int_equal(rm_store_set_retention(world->store, retention), 0);
    assert_int_equal(rm_store_set_retention(world->twin, retention), 0);
}

/* ---- queries ---- */

static void check_doubles(double a, double b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

static void check_bucket(const struct rm_query_bucket *a, const struct rm_query_bucket *b,
                         size_t n_quantiles)
{
    assert_int_equal(a->start_ms, b->start_ms);
    assert_int_equal(a->aggregate.count, b->aggregate.count);
    check_doubles(a->aggregate.sum, b->aggregate.sum);
    check_doubles(a->aggregate.min, b->aggregate.min);
    check_doubles(a->aggregate.max, b->aggregate.max);
    check_doubles(a->aggregate.first, b->aggregate.first);
    check_doubles(a->aggregate.last, b->aggregate.last);
    check_doubles(a->aggregate.variance, b->aggregate.variance);
    check_doubles(a->increase, b->increase);
    assert_int_equal(a->first_ms, b->first_ms);
    assert_int_equal(a->last_ms, b->last_ms);
    for (size_t i = 0; i < n_quantiles; i++) {
        check_doubles(a->quantiles[i], b->quantiles[i]);
    }
}

static void check_result(const struct asked *asked, const struct rm_query_result *result)
{
    const struct rm_query_result *truth = &asked->truth;

    assert_int_equal(result->n_groups, truth->n_groups);
    check_doubles(result->quantile_error, truth->quantile_error);
    for (size_t i = 0; i < truth->n_groups; i++) {
        assert_int_equal(result->groups[i].n_buckets, truth->groups[i].n_buckets);
        for (size_t j = 0; j < asked->query.n_group_by; j++) {
            assert_true(rm_slice_equal(result->groups[i].labels[j], truth->groups[i].labels[j]));
        }
        for (size_t j = 0; j < truth->groups[i].n_buckets; j++) {
            check_bucket(&result->groups[i].buckets[j], &truth->groups[i].buckets[j],
                         asked->query.n_quantiles);
        }
    }
}

static void end_query(struct asked *asked)
{
    rm_query_run_free(asked->run);
    rm_query_result_done(&asked->truth);
    *asked = (struct asked){0};
}

static struct rm_query any_query(struct world *world)
{
    struct rm_query query = {
        .selection = {.metric_name = any_name(world), .from_ms = INT64_MIN, .to_ms = INT64_MAX},
        .quantiles = {0.5, 0.99},
        .n_quantiles = below(world, 3),
        .needs_moments = below(world, 2) == 0,
        .needs_increase = below(world, 2) == 0};

    if (below(world, 2) == 0) {
        query.group_by[query.n_group_by++] = rm_slice_of(below(world, 2) == 0 ? "zone" : "host");
    }
    if (below(world, 2) == 0) {
        query.selection.from_ms = world->now_ms - (int64_t)below(world, 40000);
        query.selection.to_ms = query.selection.from_ms + (int64_t)below(world, 40000);
    }
    if (below(world, 3) == 0) {
        query.selection.matchers[query.selection.n_matchers++] =
            (struct rm_label){rm_slice_of("zone"), rm_slice_of("1")};
    }
    query.step_ms = below(world, 2) == 0 ? 0 : (int64_t)(100 + below(world, 5000));
    return query;
}

static void begin_query(struct world *world, struct asked *asked)
{
    int rv;

    *asked = (struct asked){.query = any_query(world)};
    rv = rm_query_run_begin(world->store, &asked->query, &asked->run);
    if (rv != 0) {
        assert_int_equal(rv, RM_ENOTFOUND);
        asked->run = NULL;
        return;
    }
    rv = rm_store_query(world->twin, &asked->query, &asked->truth);
    if (rv != 0) {
        assert_int_equal(rv, RM_ETOOBIG);
        end_query(asked);
    }
}

static void go_on_with_query(struct world *world, struct asked *asked)
{
    struct rm_query_result result;
    bool is_done = false;
    int rv;

    if (asked->run == NULL) {
        begin_query(world, asked);
        return;
    }
    rv = rm_query_run_work(asked->run, 1 + (int64_t)below(world, 3000), &is_done);
    if (asked->is_lost) {
        assert_int_equal(rv, RM_ECANCELED);
        world->n_lost++;
        end_query(asked);
        return;
    }
    assert_int_equal(rv, 0);
    if (is_done) {
        rm_query_run_take(asked->run, &result);
        check_result(asked, &result);
        rm_query_result_done(&result);
        world->n_answers++;
    }
    if (is_done || below(world, 200) == 0) {
        end_query(asked);
    }
}

/* ---- histograms ---- */

static void check_side(const struct rm_native_side *a, const struct rm_native_side *b)
{
    assert_int_equal(a->n, b->n);
    for (uint32_t i = 0; i < a->n; i++) {
        assert_int_equal(a->buckets[i].index, b->buckets[i].index);
        assert_int_equal(a->buckets[i].count, b->buckets[i].count);
    }
}

static void check_histograms(const struct rm_histograms *a, const struct rm_histograms *b)
{
    assert_int_equal(a->count, b->count);
    check_doubles(a->sum, b->sum);
    check_doubles(a->min, b->min);
    check_doubles(a->max, b->max);
    assert_true(rm_bucket_bounds_are_equal(a->bounds, b->bounds));
    for (size_t i = 0; i <= a->bounds.n; i++) {
        assert_int_equal(rm_histogram_count(&a->classic, i), rm_histogram_count(&b->classic, i));
    }
    assert_int_equal(a->native.schema, b->native.schema);
    assert_int_equal(a->native.zero_count, b->native.zero_count);
    check_side(&a->native.positive, &b->native.positive);
    check_side(&a->native.negative, &b->native.negative);
}

static void end_merging(struct merging *merging)
{
    rm_histogram_run_free(merging->run);
    rm_histograms_done(&merging->truth);
    *merging = (struct merging){0};
}

static void begin_merging(struct world *world, struct merging *merging)
{
    struct rm_query query = any_query(world);

    if (rm_histogram_run_begin(world->store, &query.selection, &merging->run) == 0) {
        assert_int_equal(rm_store_histogram(world->twin, &query.selection, &merging->truth), 0);
    }
}

static void go_on_with_merging(struct world *world, struct merging *merging)
{
    struct rm_histograms histograms;
    bool is_done = false;
    int rv;

    if (merging->run == NULL) {
        begin_merging(world, merging);
        return;
    }
    rv = rm_histogram_run_work(merging->run, 1 + (int64_t)below(world, 500), &is_done);
    if (merging->is_lost) {
        assert_int_equal(rv, RM_ECANCELED);
        end_merging(merging);
        return;
    }
    assert_int_equal(rv, 0);
    if (is_done) {
        rm_histogram_run_take(merging->run, &histograms);
        check_histograms(&histograms, &merging->truth);
        rm_histograms_done(&histograms);
        world->n_answers++;
    }
    if (is_done || below(world, 200) == 0) {
        end_merging(merging);
    }
}

/* ---- values ---- */

static void end_reader(struct reader *reader)
{
    rm_frozen_values_free(reader->ways[0]);
    rm_frozen_values_free(reader->ways[1]);
    free(reader->points);
    *reader = (struct reader){0};
}

static void begin_reader(struct world *world, struct reader *reader)
{
    struct rm_selection selection = {
        .metric_name = any_name(world), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    enum rm_values_order order = below(world, 2) == 0 ? RM_VALUES_BY_TIME : RM_VALUES_BY_SERIES;
    size_t limit = 1 + below(world, 20000);
    struct rm_frozen_values *truth;
    size_t n;

    if (rm_store_freeze_values(world->twin, &selection, limit, NULL, order, &truth) != 0) {
        return;
    }
    reader->points = malloc((truth->n_points + 1) * sizeof *reader->points);
    assert_non_null(reader->points);
    do {
        assert_int_equal(rm_frozen_values_next(truth, reader->points + reader->n_points,
                                               truth->n_points - reader->n_points + 1, &n),
                         0);
        reader->n_points += n;
    } while (n > 0);
    assert_int_equal(reader->n_points, truth->n_points);
    rm_frozen_values_free(truth);
    assert_int_equal(
        rm_store_freeze_values(world->store, &selection, limit, NULL, order, &reader->ways[0]), 0);
    assert_int_equal(reader->ways[0]->n_points, reader->n_points);
    assert_int_equal(rm_frozen_values_twin(reader->ways[0], &reader->ways[1]), 0);
}

static void go_on_with_reader(struct world *world, struct reader *reader)
{
    struct rm_point points[POINTS_MAX];
    size_t way = below(world, 2);
    size_t n;

    if (reader->points == NULL) {
        begin_reader(world, reader);
        return;
    }
    if (reader->ways[way] == NULL) {
        return;
    }
    assert_int_equal(
        rm_frozen_values_next(reader->ways[way], points, 1 + below(world, POINTS_MAX), &n), 0);
    assert_true(n <= reader->n_points - reader->n_taken[way]);
    for (size_t i = 0; i < n; i++) {
        const struct rm_point *truth = &reader->points[reader->n_taken[way] + i];

        assert_int_equal(points[i].position.timestamp_ms, truth->position.timestamp_ms);
        assert_int_equal(points[i].position.ordinal, truth->position.ordinal);
        assert_int_equal(points[i].series, truth->series);
        check_doubles(points[i].value, truth->value);
    }
    reader->n_taken[way] += n;
    if (n == 0) {
        assert_int_equal(reader->n_taken[way], reader->n_points);
    }
    if (n == 0 || below(world, 100) == 0) {
        rm_frozen_values_free(reader->ways[way]);
        reader->ways[way] = NULL;
        world->n_read++;
    }
    if (reader->ways[0] == NULL && reader->ways[1] == NULL) {
        end_reader(reader);
    }
}

/* ---- lists ---- */

static void check_lists(const struct world *world)
{
    struct rm_metric_info infos[2][EVERY(NAMES)];
    struct rm_store *stores[] = {world->store, world->twin};
    size_t n[2];
    bool has_more;

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rm_store_list(stores[i], rm_slice_of(""), rm_slice_of(""), EVERY(NAMES),
                                       SIZE_MAX, infos[i], &n[i], &has_more),
                         0);
    }
    assert_int_equal(n[0], n[1]);
    for (size_t i = 0; i < n[0]; i++) {
        struct rm_query query = {.selection = {.metric_name = infos[0][i].name,
                                               .from_ms = INT64_MIN,
                                               .to_ms = INT64_MAX}};
        struct rm_query_result result;

        assert_true(rm_slice_equal(infos[0][i].name, infos[1][i].name));
        assert_int_equal(infos[0][i].n_series, infos[1][i].n_series);
        assert_int_equal(infos[0][i].n_samples, infos[1][i].n_samples);
        check_doubles(infos[0][i].last, infos[1][i].last);
        assert_int_equal(rm_store_query(world->store, &query, &result), 0);
        assert_int_equal(result.groups[0].buckets[0].aggregate.count, infos[0][i].n_samples);
        check_doubles(result.groups[0].buckets[0].aggregate.last, infos[0][i].last);
        rm_query_result_done(&result);
    }
}

/* ---- images ---- */

/* Another thread: cmocka's assertions are not for it. */
static void *seal(void *data)
{
    const struct world *world = data;
    struct rm_slice truth = rm_blob_peek(world->truth);
    size_t at = 0;
    bool is_same = world->image->n_bytes == truth.len;

    for (size_t i = 0; i < world->image->n_pieces && is_same; i++) {
        struct rm_slice piece = world->image->pieces[i];

        is_same = memcmp(piece.data, truth.data + at, piece.len) == 0;
        at += piece.len;
    }
    return is_same && at == truth.len ? data : NULL;
}

static void begin_sealing(struct world *world)
{
    assert_int_equal(pthread_create(&world->sealing, NULL, seal, world), 0);
    world->is_sealing = true;
}

static void end_image(struct world *world)
{
    void *is_same = world;

    if (world->image == NULL) {
        return;
    }
    if (world->is_sealing) {
        assert_int_equal(pthread_join(world->sealing, &is_same), 0);
        assert_non_null(is_same);
        world->n_images++;
    }
    rm_image_release(world->image);
    rm_blob_unref(world->truth);
    world->image = NULL;
    world->truth = NULL;
    world->is_whole = false;
    world->is_sealing = false;
}

static struct rm_blob *freeze_now(struct rm_store *store)
{
    struct rm_image *image = rm_store_freeze(store);
    struct rm_blob *blob;

    assert_non_null(image);
    blob = image_blob(image);
    assert_non_null(blob);
    rm_image_release(image);
    return blob;
}

static void go_on_with_image(struct world *world)
{
    if (world->image == NULL) {
        check_lists(world); /* that sorts the metrics of both */
        world->truth = freeze_now(world->twin);
        world->image = rm_store_freeze(world->store);
        assert_non_null(world->image);
    } else if (world->is_sealing) {
        if (below(world, 4) == 0) {
            end_image(world);
        }
    } else if (world->is_whole) {
        begin_sealing(world);
    } else if (below(world, 60) == 0) {
        end_image(world);
    } else {
        assert_int_equal(rm_image_gather(world->image, below(world, 100), &world->is_whole), 0);
    }
}

/* What the store was goes, with all who look at it. */
static void lose_all(struct world *world)
{
    for (size_t i = 0; i < N_QUERIES; i++) {
        world->asked[i].is_lost = world->asked[i].run != NULL;
    }
    for (size_t i = 0; i < N_MERGINGS; i++) {
        world->mergings[i].is_lost = world->mergings[i].run != NULL;
    }
}

static void restore_one(struct world *world, struct rm_store **store)
{
    struct rm_blob *blob = freeze_now(*store);
    struct rm_slice bytes = rm_blob_peek(blob);
    struct rm_store *restored;

    assert_int_equal(rm_store_restore(blob, &bytes, below(world, 100), &restored), 0);
    assert_int_equal(rm_store_hash(*store), rm_store_hash(restored));
    rm_store_free(*store);
    rm_blob_unref(blob);
    *store = restored;
}

/* Freezing it again gathers the rest of the image under way, which goes on living behind it. */
static void restore(struct world *world)
{
    if (below(world, 2) == 0) {
        restore_one(world, &world->twin);
        return;
    }
    restore_one(world, &world->store);
    lose_all(world);
}

/* ---- all at once ---- */

static void change(struct world *world)
{
    switch (below(world, 24)) {
    case 0:
        delete_one(world);
        break;
    case 1:
    case 2:
    case 3:
    case 4:
        expire(world);
        break;
    case 5:
        keep_otherwise(world);
        break;
    default:
        record_burst(world);
    }
    if (below(world, 120) == 0) {
        restore(world);
    }
    assert_int_equal(rm_store_hash(world->store), rm_store_hash(world->twin));
}

static void step(struct world *world)
{
    go_on_with_image(world);
    for (size_t i = 0; i < N_QUERIES; i++) {
        go_on_with_query(world, &world->asked[i]);
    }
    for (size_t i = 0; i < N_MERGINGS; i++) {
        go_on_with_merging(world, &world->mergings[i]);
    }
    for (size_t i = 0; i < N_READERS; i++) {
        go_on_with_reader(world, &world->readers[i]);
    }
    change(world);
    if (below(world, 20) == 0) {
        check_lists(world);
    }
}

static void test_all_look_at_a_store_that_goes_on(void **state)
{
    struct world world = {.random = random_start("meeting")};

    (void)state;
    world.store = rm_store_new(1);
    world.twin = rm_store_new(2);
    assert_non_null(world.store);
    assert_non_null(world.twin);
    for (int i = 0; i < N_ROUNDS; i++) {
        step(&world);
    }
    assert_true(world.n_images > 3);
    assert_true(world.n_answers > 100);
    assert_true(world.n_read > 20);
    rm_store_free(world.store);
    lose_all(&world);
    for (size_t i = 0; i < N_QUERIES; i++) {
        end_query(&world.asked[i]);
    }
    for (size_t i = 0; i < N_MERGINGS; i++) {
        end_merging(&world.mergings[i]);
    }
    for (size_t i = 0; i < N_READERS; i++) {
        end_reader(&world.readers[i]);
    }
    end_image(&world);
    rm_store_free(world.twin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_look_at_a_store_that_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
