#include "raftmetrics/partitioning/shard_map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The state of a streamed hash on the stack, so that hashing cannot run out of memory. */
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/partitioning/jump_hash.h"

static int compare_ids(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

/* Copies @ids in ascending order. Errors: RM_EINVAL where one stands twice or is 0. */
static int sort_ids(const uint32_t *ids, uint32_t n, uint32_t *ret_sorted)
{
    memcpy(ret_sorted, ids, n * sizeof *ids);
    qsort(ret_sorted, n, sizeof *ret_sorted, compare_ids);
    if (ret_sorted[0] == 0) {
        return RM_EINVAL;
    }
    for (uint32_t i = 1; i < n; i++) {
        if (ret_sorted[i] == ret_sorted[i - 1]) {
            return RM_EINVAL;
        }
    }
    return 0;
}

static bool is_count(uint32_t n, uint32_t max)
{
    return n > 0 && n <= max;
}

int rm_shard_map_init(struct rm_shard_map *map, const uint32_t *worker_ids, uint32_t n_workers,
                      uint32_t n_shards, uint32_t n_replicas)
{
    uint32_t ids[RM_WORKERS_MAX];
    struct rm_shard_placement *shards;
    int rv;

    if (!is_count(n_workers, RM_WORKERS_MAX) || !is_count(n_shards, RM_SHARDS_MAX) ||
        !is_count(n_replicas, RM_REPLICAS_MAX)) {
        return RM_EINVAL;
    }
    rv = sort_ids(worker_ids, n_workers, ids);
    if (rv != 0) {
        return rv;
    }
    shards = calloc(n_shards, sizeof *shards);
    if (shards == NULL) {
        return RM_ENOMEM;
    }
    for (uint32_t i = 0; i < n_shards; i++) {
        shards[i].n_replicas = n_replicas < n_workers ? n_replicas : n_workers;
        for (uint32_t j = 0; j < shards[i].n_replicas; j++) {
            shards[i].workers[j] = ids[(i + j) % n_workers];
        }
    }
    *map = (struct rm_shard_map){n_shards, shards};
    return 0;
}

void rm_shard_map_done(struct rm_shard_map *map)
{
    free(map->shards);
    *map = (struct rm_shard_map){0};
}

uint32_t rm_shard_of(struct rm_slice metric_name, uint32_t n_shards)
{
    return rm_jump_hash(XXH3_64bits(metric_name.data, metric_name.len), n_shards);
}

static void hash_uint32(XXH3_state_t *state, uint32_t value)
{
    unsigned char bytes[4];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(value >> 8 * i & 0xff);
    }
    XXH3_64bits_update(state, bytes, sizeof bytes);
}

uint64_t rm_shard_map_fingerprint(const struct rm_shard_map *map, struct rm_slice cluster_name)
{
    XXH3_state_t state;

    assert(cluster_name.len <= UINT32_MAX);
    XXH3_64bits_reset(&state);
    hash_uint32(&state, (uint32_t)cluster_name.len);
    if (cluster_name.len > 0) {
        XXH3_64bits_update(&state, cluster_name.data, cluster_name.len);
    }
    hash_uint32(&state, map->n_shards);
    for (uint32_t i = 0; i < map->n_shards; i++) {
        const struct rm_shard_placement *shard = &map->shards[i];

        hash_uint32(&state, shard->n_replicas);
        for (uint32_t j = 0; j < shard->n_replicas; j++) {
            hash_uint32(&state, shard->workers[j]);
        }
    }
    return XXH3_64bits_digest(&state);
}
