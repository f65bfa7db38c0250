/* Jump consistent hashing: "A Fast, Minimal Memory, Consistent Hash Algorithm", John Lamping and
 * Eric Veach, 2014, https://arxiv.org/abs/1406.2294, figure 1. */
#ifndef RAFTMETRICS_PARTITIONING_JUMP_HASH_H
#define RAFTMETRICS_PARTITIONING_JUMP_HASH_H

#include <stdint.h>

/* The bucket of @key, out of 0 to @n_buckets - 1; @n_buckets is at least 1. From n to n + 1
 * buckets a key stays or moves into the new one. */
uint32_t rm_jump_hash(uint64_t key, uint32_t n_buckets);

#endif
