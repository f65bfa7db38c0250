/* The shard map: metric name -> shard -> workers that hold it. A value, owned by whoever declares
 * it; pure data, equal on every node of a cluster. */
#ifndef RAFTMETRICS_PARTITIONING_SHARD_MAP_H
#define RAFTMETRICS_PARTITIONING_SHARD_MAP_H

#include <stdint.h>

#include "raftmetrics/base/slice.h"

enum {
    RM_SHARDS_MAX = 1024,
    RM_WORKERS_MAX = 256,
    RM_REPLICAS_MAX = 7,
};

struct rm_shard_placement {
    uint32_t n_replicas;
    uint32_t workers[RM_REPLICAS_MAX]; /* worker ids; the first is the preferred leader */
};

struct rm_shard_map {
    uint32_t n_shards;
    struct rm_shard_placement *shards; /* n_shards of them, owned */
};

/* The first map of a cluster, a pure function of the configuration: shard i lives on workers
 * i, i + 1, ... (mod @n_workers) of @worker_ids in ascending order. @worker_ids may come in any
 * order. @n_replicas is cut to @n_workers.
 * Errors: RM_EINVAL (a count is 0 or past its maximum, an id stands twice or is 0); RM_ENOMEM. */
int rm_shard_map_init(struct rm_shard_map *map, const uint32_t *worker_ids, uint32_t n_workers,
                      uint32_t n_shards, uint32_t n_replicas);

/* Leaves an empty map; harmless on one that is zeroed or already done. */
void rm_shard_map_done(struct rm_shard_map *map);

/* The shard of a metric: rm_jump_hash(XXH3_64bits(name), @n_shards). @n_shards is at least 1. */
uint32_t rm_shard_of(struct rm_slice metric_name, uint32_t n_shards);

/* XXH3_64bits over the cluster's name and all of the map: what every node of a cluster must agree
 * on. Hashed are, as little-endian uint32: the name's length, then the name's bytes, n_shards, and
 * for each shard n_replicas and the workers in order. Independent of the machine's byte order. */
uint64_t rm_shard_map_fingerprint(const struct rm_shard_map *map, struct rm_slice cluster_name);

#endif
