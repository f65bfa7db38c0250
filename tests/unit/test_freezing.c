/* Images that are gathered while their store goes on in every way: they are, byte for byte, what a
 * twin of the store was when they were begun. */
#include "../../src/metrics/chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image_blob.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/store.h"
#include "random.h"
#include "rule_sets.h"

#define EVERY(things) (sizeof(things) / sizeof *(things))

enum { BURST_MAX = 400, N_ROUNDS = 400 };

static const char *const NAMES[] = {"a", "a/b", "few_long", "many_short", "short_a"};

static const struct rm_retention_rule AGES[] = {{{"short*", 6}, 500}, {{"a*", 2}, 20000}};
static const struct rm_retention RETENTIONS[] = {
    {0},
    {.rules = AGES, .n_rules = EVERY(AGES)},
    {.max_samples = 1000},
    {.rules = AGES, .n_rules = 1, .max_samples = 5000},
};

struct world {
    struct random random;
    struct rm_store *stores[2]; /* told the same; the second is frozen at once */
    int64_t now_ms;
    struct rm_image *image; /* of the first; NULL: none */
    struct rm_blob *truth;  /* what it has to be */
    int n_images;
};

static uint64_t below(struct world *world, uint64_t n)
{
    return random_below(&world->random, n);
}

/* ---- what may happen to a store ---- */

static void record_burst(struct world *world)
{
    static const uint64_t N_SERIES[] = {1, 3, 2, 300, 5};
    size_t metric = below(world, EVERY(NAMES));
    uint64_t n_series = 1 + below(world, N_SERIES[metric]);
    uint64_t late_ms = below(world, 3) == 0 ? 1 + below(world, 30000) : 1;

    for (uint64_t i = below(world, BURST_MAX); i > 0; i--) {
        char host[16];
        struct rm_label label = {rm_slice_of("host"), {host, 0}};
        struct rm_sample sample = {.metric_name = rm_slice_of(NAMES[metric]),
                                   .labels = &label,
                                   .n_labels = 1,
                                   .timestamp_ms = world->now_ms - (int64_t)below(world, late_ms),
                                   .value = (double)below(world, 5000) / 7};

        snprintf(host, sizeof host, "%u", (unsigned)below(world, n_series));
        label.value = rm_slice_of(host);
        world->now_ms += (int64_t)below(world, 3);
        for (size_t j = 0; j < 2; j++) {
            assert_int_equal(rm_store_record(world->stores[j], &sample), 0);
        }
    }
}

static void delete_one(struct world *world)
{
    struct rm_slice name = rm_slice_of(NAMES[below(world, EVERY(NAMES))]);
    int rv = rm_store_delete(world->stores[0], name);

    assert_int_equal(rm_store_delete(world->stores[1], name), rv);
}

static void expire(struct world *world)
{
    struct rm_expiry_search search = {0};
    struct rm_expiry found[RM_EXPIRIES_MAX];
    size_t n;

    rm_store_find_expired(world->stores[0], world->now_ms, 1 + below(world, 500), &search, found,
                          &n);
    assert_int_equal(rm_store_expire(world->stores[1], world->now_ms, found, n), 0);
    assert_int_equal(rm_store_expire(world->stores[0], world->now_ms, found, n), 0);
}

/* That sorts them. */
static void list(struct rm_store *store)
{
    struct rm_metric_info infos[2];
    bool has_more;
    size_t n;

    assert_int_equal(
        rm_store_list(store, rm_slice_of(""), rm_slice_of(""), 2, SIZE_MAX, infos, &n, &has_more),
        0);
}

static void set_up_otherwise(struct world *world)
{
    size_t rules = below(world, N_RULE_SETS);
    const struct rm_retention *retention = &RETENTIONS[below(world, EVERY(RETENTIONS))];

    for (size_t i = 0; i < 2; i++) {
        rule_sets_apply(world->stores[i], rules);
        assert_int_equal(rm_store_set_retention(world->stores[i], retention), 0);
        list(world->stores[i]);
    }
}

/* ---- images ---- */

static void check_image(struct world *world)
{
    struct rm_slice truth = rm_blob_peek(world->truth);
    struct rm_blob *blob = image_blob(world->image);

    assert_non_null(blob);
    assert_int_equal(rm_blob_peek(blob).len, truth.len);
    assert_memory_equal(rm_blob_peek(blob).data, truth.data, truth.len);
    rm_blob_unref(blob);
}

static void end_image(struct world *world)
{
    if (world->image != NULL) {
        rm_image_release(world->image);
        rm_blob_unref(world->truth);
    }
    world->image = NULL;
    world->truth = NULL;
}

static void begin_image(struct world *world)
{
    struct rm_image *image = rm_store_freeze(world->stores[1]);

    assert_non_null(image);
    world->truth = image_blob(image);
    assert_non_null(world->truth);
    rm_image_release(image);
    world->image = rm_store_freeze(world->stores[0]);
    assert_non_null(world->image);
    world->n_images++;
}

/* One after the other; some are given up before they are whole, of some the rest is gathered by the
 * next one. */
static void go_on_with_images(struct world *world)
{
    static const uint64_t N_STEPS[] = {3, 60, 600};
    bool is_whole = false;

    if (world->image == NULL) {
        begin_image(world);
        return;
    }
    assert_int_equal(
        rm_image_gather(world->image, below(world, N_STEPS[below(world, 3)]), &is_whole), 0);
    if (is_whole || below(world, 200) == 0) {
        check_image(world);
        end_image(world);
    } else if (below(world, 100) == 0) {
        end_image(world);
    } else if (below(world, 100) == 0) {
        rm_image_release(rm_store_freeze(world->stores[0]));
        check_image(world);
        end_image(world);
    }
}

/* The next life of both stores begins with what was restored: it lies in a blob. */
static void restore(struct world *world)
{
    for (size_t i = 0; i < 2; i++) {
        struct rm_image *image = rm_store_freeze(world->stores[i]);
        struct rm_blob *blob = image_blob(image);
        struct rm_slice bytes = rm_blob_peek(blob);

        rm_image_release(image);
        rm_store_free(world->stores[i]);
        assert_int_equal(rm_store_restore(blob, &bytes, i, &world->stores[i]), 0);
        rm_blob_unref(blob);
    }
    if (world->image != NULL) {
        check_image(world);
        end_image(world);
    }
}

static void step(struct world *world)
{
    go_on_with_images(world);
    switch (below(world, 24)) {
    case 0:
        delete_one(world);
        break;
    case 1:
    case 2:
    case 3:
        expire(world);
        break;
    case 4:
        set_up_otherwise(world);
        break;
    default:
        record_burst(world);
    }
    if (below(world, 150) == 0) {
        restore(world);
    }
    assert_int_equal(rm_store_hash(world->stores[0]), rm_store_hash(world->stores[1]));
}

static void test_an_image_is_of_the_moment_it_was_begun(void **state)
{
    struct world world = {.random = random_start("freezing")};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        world.stores[i] = rm_store_new(7);
        assert_non_null(world.stores[i]);
    }
    for (int i = 0; i < N_ROUNDS; i++) {
        step(&world);
    }
    assert_true(world.n_images > 10);
    /* The store goes before its image is whole. */
    end_image(&world);
    begin_image(&world);
    rm_store_free(world.stores[0]);
    check_image(&world);
    end_image(&world);
    rm_store_free(world.stores[1]);
}

/* ---- a series that is gathered just now ---- */

enum { N_LONG = 40 * RM_CHUNK_MAX };

static void record_long(struct rm_store *store, int64_t timestamp_ms)
{
    const struct rm_sample sample = {.metric_name = rm_slice_of("long"),
                                     .timestamp_ms = timestamp_ms,
                                     .value = (double)(timestamp_ms % 1000)};

    assert_int_equal(rm_store_record(store, &sample), 0);
}

static void go_on(struct rm_store *store)
{
    for (int64_t i = N_LONG; i < N_LONG + 1000; i++) {
        record_long(store, i);
    }
}

static void come_late(struct rm_store *store)
{
    for (int64_t i = N_LONG; i > 0; i -= 100) {
        record_long(store, i);
    }
}

static void drop(struct rm_store *store)
{
    const struct rm_retention retention = {.max_samples = 10 * (uint64_t)RM_CHUNK_MAX};

    assert_int_equal(rm_store_set_retention(store, &retention), 0);
    go_on(store);
}

static void drop_and_come_late(struct rm_store *store)
{
    drop(store);
    come_late(store);
}

static void delete_it(struct rm_store *store)
{
    assert_int_equal(rm_store_delete(store, rm_slice_of("long")), 0);
    go_on(store);
}

static void test_a_long_series_is_gathered_in_pieces(void **state)
{
    static void (*const CHANGES[])(struct rm_store *) = {go_on, come_late, drop, drop_and_come_late,
                                                         delete_it};

    (void)state;
    for (size_t i = 0; i < EVERY(CHANGES) * 8; i++) {
        struct world world = {.stores = {rm_store_new(1), rm_store_new(1)}};
        bool is_whole;

        for (int64_t j = 0; j < N_LONG; j++) {
            record_long(world.stores[0], j);
            record_long(world.stores[1], j);
        }
        begin_image(&world);
        assert_int_equal(rm_image_gather(world.image, i / EVERY(CHANGES) * 5, &is_whole), 0);
        assert_false(is_whole);
        CHANGES[i % EVERY(CHANGES)](world.stores[0]);
        check_image(&world);
        end_image(&world);
        rm_store_free(world.stores[0]);
        rm_store_free(world.stores[1]);
    }
}

/* What comes late once more goes behind what the image has of an older chunk. */
static void test_an_older_chunk_grows(void **state)
{
    struct world world = {.stores = {rm_store_new(1), rm_store_new(1)}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (int64_t j = 0; j < 2 * RM_CHUNK_MAX; j++) {
            record_long(world.stores[i], 10 * j);
        }
        record_long(world.stores[i], 5); /* splits the first chunk */
    }
    begin_image(&world);
    for (int64_t i = 1; i < 10; i++) {
        record_long(world.stores[0], 10 * (RM_CHUNK_MAX / 2 - 1) + i);
    }
    check_image(&world);
    end_image(&world);
    rm_store_free(world.stores[0]);
    rm_store_free(world.stores[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_image_is_of_the_moment_it_was_begun),
        cmocka_unit_test(test_a_long_series_is_gathered_in_pieces),
        cmocka_unit_test(test_an_older_chunk_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
