#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <xxhash.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/partitioning/jump_hash.h"
#include "raftmetrics/partitioning/shard_map.h"

static void assert_shard(const struct rm_shard_map *map, uint32_t shard, uint32_t n_replicas,
                         const uint32_t *workers)
{
    assert_int_equal(map->shards[shard].n_replicas, n_replicas);
    assert_memory_equal(map->shards[shard].workers, workers, n_replicas * sizeof *workers);
}

static void test_shards_go_round_the_workers(void **state)
{
    struct rm_shard_map map;

    (void)state;
    /* Given out of order, placed in order. */
    assert_int_equal(rm_shard_map_init(&map, (const uint32_t[]){30, 10, 20, 40}, 4, 6, 3), 0);
    assert_int_equal(map.n_shards, 6);
    assert_shard(&map, 0, 3, (const uint32_t[]){10, 20, 30});
    assert_shard(&map, 1, 3, (const uint32_t[]){20, 30, 40});
    assert_shard(&map, 2, 3, (const uint32_t[]){30, 40, 10});
    assert_shard(&map, 3, 3, (const uint32_t[]){40, 10, 20});
    assert_shard(&map, 4, 3, (const uint32_t[]){10, 20, 30});
    assert_shard(&map, 5, 3, (const uint32_t[]){20, 30, 40});
    rm_shard_map_done(&map);
    assert_null(map.shards);
}

static void test_replicas_are_cut_to_the_workers(void **state)
{
    struct rm_shard_map map;

    (void)state;
    assert_int_equal(rm_shard_map_init(&map, (const uint32_t[]){2, 1}, 2, 2, 7), 0);
    assert_shard(&map, 0, 2, (const uint32_t[]){1, 2});
    assert_shard(&map, 1, 2, (const uint32_t[]){2, 1});
    rm_shard_map_done(&map);
}

static void test_refusals_leave_the_map_alone(void **state)
{
    static uint32_t ids[RM_WORKERS_MAX + 1];
    struct rm_shard_map map = {7, NULL};

    (void)state;
    for (uint32_t i = 0; i <= RM_WORKERS_MAX; i++) {
        ids[i] = i + 1;
    }
    assert_int_equal(rm_shard_map_init(&map, ids, 0, 1, 1), RM_EINVAL);
    assert_int_equal(rm_shard_map_init(&map, ids, RM_WORKERS_MAX + 1, 1, 1), RM_EINVAL);
    assert_int_equal(rm_shard_map_init(&map, ids, 1, 0, 1), RM_EINVAL);
    assert_int_equal(rm_shard_map_init(&map, ids, 1, RM_SHARDS_MAX + 1, 1), RM_EINVAL);
    assert_int_equal(rm_shard_map_init(&map, ids, 1, 1, 0), RM_EINVAL);
    assert_int_equal(rm_shard_map_init(&map, ids, 1, 1, RM_REPLICAS_MAX + 1), RM_EINVAL);
    assert_int_equal(rm_shard_map_init(&map, (const uint32_t[]){3, 1, 3}, 3, 1, 1), RM_EINVAL);
    assert_int_equal(rm_shard_map_init(&map, (const uint32_t[]){3, 0}, 2, 1, 1), RM_EINVAL);
    assert_int_equal(map.n_shards, 7);
    assert_null(map.shards);
    assert_int_equal(rm_shard_map_init(&map, ids, RM_WORKERS_MAX, RM_SHARDS_MAX, RM_REPLICAS_MAX),
                     0);
    rm_shard_map_done(&map);
}

/* The hash of the empty string is in the specification of XXH3; the others pin what clusters have
 * on their disks. */
static void test_shard_of_a_name(void **state)
{
    (void)state;
    assert_int_equal(rm_shard_of(rm_slice_of(""), 1024),
                     rm_jump_hash(UINT64_C(0x2d06800538d394c2), 1024));
    assert_int_equal(rm_shard_of(rm_slice_of("cpu_usage"), 1), 0);
    for (uint32_t n = 1; n < 100; n++) {
        assert_int_equal(rm_shard_of(rm_slice_make("cpu_usage!", 9), n),
                         rm_jump_hash(XXH3_64bits("cpu_usage", 9), n));
    }
}

static void test_fingerprint_is_a_hash_of_little_endian_words(void **state)
{
    static const unsigned char EXPECTED[] = {
        4, 0, 0, 0, 'p', 'r', 'o', 'd', 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0,
        2, 0, 0, 0, 0,   2,   0,   0,   1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0};
    struct rm_shard_map map;

    (void)state;
    assert_int_equal(rm_shard_map_init(&map, (const uint32_t[]){0x200, 1}, 2, 3, 2), 0);
    assert_int_equal(rm_shard_map_fingerprint(&map, rm_slice_of("prod")),
                     XXH3_64bits(EXPECTED, sizeof EXPECTED));
    rm_shard_map_done(&map);
}

static uint64_t fingerprint(const char *cluster, uint32_t last_id, uint32_t n_shards,
                            uint32_t n_replicas)
{
    struct rm_shard_map map;
    uint64_t hash;

    assert_int_equal(
        rm_shard_map_init(&map, (const uint32_t[]){1, 2, last_id}, 3, n_shards, n_replicas), 0);
    hash = rm_shard_map_fingerprint(&map, rm_slice_of(cluster));
    rm_shard_map_done(&map);
    return hash;
}

static void test_fingerprint_sees_every_difference(void **state)
{
    uint64_t hash = fingerprint("prod", 3, 8, 3);

    (void)state;
    assert_int_equal(fingerprint("prod", 3, 8, 3), hash);
    assert_int_not_equal(fingerprint("", 3, 8, 3), hash);
    assert_int_not_equal(fingerprint("prod2", 3, 8, 3), hash);
    assert_int_not_equal(fingerprint("prod", 4, 8, 3), hash);
    assert_int_not_equal(fingerprint("prod", 3, 9, 3), hash);
    assert_int_not_equal(fingerprint("prod", 3, 8, 2), hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards_go_round_the_workers),
        cmocka_unit_test(test_replicas_are_cut_to_the_workers),
        cmocka_unit_test(test_refusals_leave_the_map_alone),
        cmocka_unit_test(test_shard_of_a_name),
        cmocka_unit_test(test_fingerprint_is_a_hash_of_little_endian_words),
        cmocka_unit_test(test_fingerprint_sees_every_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
