/* One shard on a worker: its state (store and remembered keys) behind its replica. */
#ifndef RAFTMETRICS_SRC_API_SHARD_H
#define RAFTMETRICS_SRC_API_SHARD_H

#include <stdint.h>

#include "raftmetrics/metrics/store.h"
#include "raftmetrics/raft/replica.h"

struct rm__shard;

struct rm__shard_options {
    uint32_t shard;
    uint32_t n_shards; /* of the cluster */
    uint32_t worker_id;
    uint64_t hash_seed;
    uint64_t idempotency_ttl_ms;
    size_t max_idempotency_keys;
};

/* NULL when out of memory. */
struct rm__shard *rm__shard_new(const struct rm__shard_options *options);
void rm__shard_free(struct rm__shard *shard);

/* Proposes @batch, the bytes of a WriteBatch that came from outside. The callback's result is a
 * WriteReply. Errors: RM_EINVAL (not a batch, or one that no front would send
 * to this shard), RM_ENOTLEADER,
 * RM_ENOMEM; the callback is then not called. */
int rm__shard_propose(struct rm__shard *shard, int64_t now_ms, struct rm_slice batch,
                      rm_propose_cb cb, void *data);

/* Borrowed. The state may be read in a callback of rm_replica_read. */
struct rm_replica *rm__shard_replica(struct rm__shard *shard);
struct rm_store *rm__shard_store(struct rm__shard *shard);

#endif
