/* One shard on a worker: its state behind its replica. */
#ifndef RAFTMETRICS_SRC_API_WORKER_SHARD_H
#define RAFTMETRICS_SRC_API_WORKER_SHARD_H

#include <stdint.h>

#include "raftmetrics/metrics/store.h"
#include "raftmetrics/proto/write_batch.h"
#include "raftmetrics/raft/replica.h"

struct rm__shard;

struct rm__shard_options {
    struct rm_replica_options replica;
    uint32_t n_shards; /* of the cluster */
    uint64_t hash_seed;
    uint64_t max_bytes;  /* of the state; past it nothing is recorded, only deleted */
    uint64_t max_series; /* past it none begins */
    /* The states of all shards of this process, in bytes; and from where on no series begins. */
    uint64_t (*memory_bytes)(void *data);
    void *memory_data;
    uint64_t max_memory_bytes;
    struct rm_shard_config config; /* what this worker proposes when it leads */
    uint64_t expire_interval_ms;   /* between its searches for what is too old */
};

/* Errors: RM_ENOMEM, RM_EIO. */
int rm__shard_new(const struct rm__shard_options *options, struct rm__shard **ret_shard);

/* As rm_replica_start. */
int rm__shard_start(struct rm__shard *shard);

/* Closes its replica, frees it, then calls @cb. */
void rm__shard_close(struct rm__shard *shard, void (*cb)(void *data), void *data);

/* Proposes @batch, the bytes of a WriteBatch that came from outside. The callback's result is a
 * WriteReply. Errors: RM_EINVAL (not a batch, or one that no front would send to this shard);
 * RM_EFULL (the state is as large as it may be); those of rm_replica_propose. The callback is then
 * not called. */
int rm__shard_propose(struct rm__shard *shard, int64_t now_ms, struct rm_session session,
                      uint64_t sequence, struct rm_slice batch, rm_propose_cb cb, void *data);

/* To be called every now and then: a leader goes on to have what is too old dropped. */
void rm__shard_expire(struct rm__shard *shard, uint64_t now_ms, int64_t wall_ms);

void rm__shard_stats(const struct rm__shard *shard, struct rm_store_stats *ret_stats);

/* Of its state. */
uint64_t rm__shard_bytes(const struct rm__shard *shard);

/* Borrowed. The state may be read in a callback of rm_replica_read. */
struct rm_replica *rm__shard_replica(struct rm__shard *shard);
struct rm_store *rm__shard_store(struct rm__shard *shard);

#endif
