/* WriteBatch and WriteReply to and from bytes; the schema is src/proto/raftmetrics.proto. */
#ifndef RAFTMETRICS_PROTO_WRITE_BATCH_H
#define RAFTMETRICS_PROTO_WRITE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/bucket_rule.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/retention.h"
#include "raftmetrics/base/sample.h"
#include "raftmetrics/base/slice.h"

struct rm_write_key {
    struct rm_slice scope;
    struct rm_slice key; /* data NULL: the write has none */
    uint64_t hash_low;
    uint64_t hash_high;
};

/* What one client's request asks of one shard. Slices and arrays are borrowed. */
struct rm_write {
    struct rm_write_key key;
    const struct rm_sample *samples;
    size_t n_samples;
    struct rm_slice delete_metric; /* data NULL: none. Otherwise n_samples is 0 */
};

/* What became of a write. On the wire: numbers stay. */
enum rm_outcome {
    RM_OUTCOME_DONE = 0,
    RM_OUTCOME_UNKNOWN_METRIC = 1, /* nothing to delete */
    RM_OUTCOME_KEY_CONFLICT = 2,   /* the key is remembered with another request */
    RM_OUTCOME_KEYS_FULL = 3,      /* the shard remembers as many keys as it may */
    /* It would begin a series: */
    RM_OUTCOME_TOO_MANY_SERIES = 4, /* the shard has as many as it may */
    RM_OUTCOME_SHARD_FULL = 5,      /* its state is nearly as large as it may be */
    RM_OUTCOME_MEMORY_FULL = 6,     /* the states of all shards of its leader are */
    /* Some series would have more samples than it may: */
    RM_OUTCOME_TOO_MANY_SAMPLES = 7,
};

enum { RM_OUTCOME_LAST = RM_OUTCOME_TOO_MANY_SAMPLES };

/* Appends @write to the batch that @batch holds; empty bytes are the empty batch.
 * Errors: RM_ENOMEM; RM_ETOOBIG (the buffer's maximum); the buffer is unchanged. */
int rm_write_batch_append(struct rm_buffer *batch, const struct rm_write *write);

/* What decides how entries are applied; an entry itself, for replicas must not differ in it. */
struct rm_shard_config {
    uint64_t idempotency_ttl_ms;
    uint64_t max_idempotency_keys;
    const struct rm_bucket_rule *bucket_rules; /* borrowed, as what they point to */
    size_t n_bucket_rules;
    struct rm_retention retention;
};

/* Appends @config to the batch that @batch holds. Errors: as rm_write_batch_append. */
int rm_write_batch_append_config(struct rm_buffer *batch, const struct rm_shard_config *config);

/* Lets no write of the batch that @batch holds begin a series: that is then its outcome. Errors: as
 * rm_write_batch_append. */
int rm_write_batch_append_new_series(struct rm_buffer *batch, enum rm_outcome outcome);

/* Series of which values may have expired, by their places in the order of their creation. */
struct rm_batch_expiry {
    struct rm_slice metric_name;
    uint64_t first_series;
    uint64_t n_series;
};

/* Has the series looked at when the batch that @batch holds is applied. Errors: as
 * rm_write_batch_append. */
int rm_write_batch_append_expiry(struct rm_buffer *batch, const struct rm_batch_expiry *expiry);

/* A batch in memory, owning all it points to but the bytes it was read from. */
struct rm_write_batch {
    struct rm_write *writes;
    size_t n_writes;
    bool has_config;
    struct rm_shard_config config;
    enum rm_outcome new_series; /* of a write that would begin one; RM_OUTCOME_DONE: it may */
    struct rm_batch_expiry *expiries;
    size_t n_expiries;
    struct rm_arena *arena;
};

/* Errors: RM_ESYNTAX (not a batch); RM_ENOMEM. */
int rm_write_batch_decode(struct rm_slice bytes, struct rm_write_batch *ret_batch);
void rm_write_batch_done(struct rm_write_batch *batch);

/* Errors: RM_ENOMEM, RM_ETOOBIG. */
int rm_write_reply_encode(const enum rm_outcome *outcomes, size_t n_outcomes,
                          struct rm_buffer *ret_bytes);

/* *@ret_outcomes (room for @n_outcomes) gets as many as the batch had writes.
 * Errors: RM_ESYNTAX (not a reply to such a batch); RM_ENOMEM. */
int rm_write_reply_decode(struct rm_slice bytes, enum rm_outcome *ret_outcomes, size_t n_outcomes);

#endif
