/* The replicated state of a shard: its store, the Idempotency-Keys it remembers, and the
 * configuration that decides how entries are applied. Reads no clock and no configuration of its
 * own: the same entries in the same order give the same state on every replica. */
#ifndef RAFTMETRICS_SRC_API_WORKER_SHARD_STATE_H
#define RAFTMETRICS_SRC_API_WORKER_SHARD_STATE_H

#include <stdint.h>

#include "raftmetrics/base/blob.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/image.h"
#include "raftmetrics/metrics/store.h"
#include "raftmetrics/proto/write_batch.h"

struct rm__shard_state;

/* @hash_seed seeds the tables and changes no answer. NULL when out of memory. */
struct rm__shard_state *rm__shard_state_new(uint64_t hash_seed);
/* Takes NULL. */
void rm__shard_state_free(struct rm__shard_state *state);

/* Applies the WriteBatch @body, which rm__batch_check or the leader itself let pass, and appends a
 * WriteReply. Ends the process where memory is wanting. */
void rm__shard_state_apply(struct rm__shard_state *state, int64_t time_ms, struct rm_slice body,
                           struct rm_buffer *result);

/* As the functions of struct rm_state_machine. */
struct rm_image *rm__shard_state_freeze(struct rm__shard_state *state);
int rm__shard_state_restore(struct rm__shard_state *state, struct rm_blob *blob,
                            struct rm_slice bytes);
uint64_t rm__shard_state_hash(const struct rm__shard_state *state);
uint64_t rm__shard_state_size(const struct rm__shard_state *state);

/* Of the store, with what was dropped of those that were restored over. */
void rm__shard_state_stats(const struct rm__shard_state *state, struct rm_store_stats *ret_stats);

/* Borrowed until the next restore. */
struct rm_store *rm__shard_state_store(struct rm__shard_state *state);

/* What it points to is borrowed until the state is changed. */
void rm__shard_state_config(const struct rm__shard_state *state,
                            struct rm_shard_config *ret_config);

#endif
