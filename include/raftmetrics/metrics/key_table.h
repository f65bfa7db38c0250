/* The Idempotency-Keys that a shard remembers: what was asked under a key, until when. Part of the
 * replicated state: times come from the entries, never from a clock. */
#ifndef RAFTMETRICS_METRICS_KEY_TABLE_H
#define RAFTMETRICS_METRICS_KEY_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/slice.h"

struct rm_key_table;

/* A hash of method, path and body as they were sent. */
struct rm_request_hash {
    uint64_t low;
    uint64_t high;
};

/* @hash_seed seeds the table, for keys are chosen by strangers. NULL when out of memory. */
struct rm_key_table *rm_key_table_new(uint64_t hash_seed);

/* Takes NULL. */
void rm_key_table_free(struct rm_key_table *table);

/* Forgets every key that was to be remembered until @now_ms or before, in the order in which they
 * were added: never early, but one added with a smaller time than the key before goes with it. */
void rm_key_table_expire(struct rm_key_table *table, int64_t now_ms);

/* Is @key (scoped by @scope, the token's name) remembered? 0: no; RM_EEXIST: yes, with the same
 * hash; RM_ECONFLICT: yes, with another. */
int rm_key_table_check(const struct rm_key_table *table, struct rm_slice scope, struct rm_slice key,
                       struct rm_request_hash hash);

/* Remembers a key that is not in the table, until @expires_ms, which should not be smaller than
 * that of the key before. Copies. On error the table is unchanged. Errors: RM_ENOMEM. */
int rm_key_table_add(struct rm_key_table *table, struct rm_slice scope, struct rm_slice key,
                     struct rm_request_hash hash, int64_t expires_ms);

size_t rm_key_table_count(const struct rm_key_table *table);

/* Equal for tables that hold the same, however it came about. At once. */
uint64_t rm_key_table_hash(const struct rm_key_table *table);

/* Appends the table's image, whose length is a multiple of 8. On error the buffer is as it was.
 * Errors: RM_ENOMEM; RM_ETOOBIG past the buffer's maximum. */
int rm_key_table_encode(const struct rm_key_table *table, struct rm_buffer *buffer);

/* Reads an image from the front of *@bytes, which begin at a multiple of 8 in memory, and moves
 * *@bytes behind it. Copies. Any bytes are safe. On error *@bytes is unchanged. Errors:
 * RM_ECORRUPT, RM_ENOMEM. */
int rm_key_table_decode(struct rm_slice *bytes, uint64_t hash_seed,
                        struct rm_key_table **ret_table);

#endif
