/* The hash by which replicas compare their states: the sum, modulo 2^64, of one hash for each thing
 * that is in the state. So it is kept up as things come and go, and does not depend on how they
 * came: but what was dropped is in it, too. The hashes are XXH3 with a seed that is the same
 * everywhere, unlike those of the tables: against accidents, not against those who choose what is
 * hashed. */
#ifndef RAFTMETRICS_SRC_METRICS_STATE_HASH_H
#define RAFTMETRICS_SRC_METRICS_STATE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "observation.h"
#include "raftmetrics/base/slice.h"

/* The hash of @bytes; of several parts in their order, where @seed is the hash of those before.
 * 0 begins. */
uint64_t rm__state_hash_bytes(struct rm_slice bytes, uint64_t seed);

/* rm__state_hash_bytes with seed 0 of bytes that come piece by piece. NULL when out of memory. */
struct rm_state_hasher *rm__state_hasher_new(void);
void rm__state_hasher_add(struct rm_state_hasher *hasher, struct rm_slice bytes);
uint64_t rm__state_hasher_hash(const struct rm_state_hasher *hasher);
void rm__state_hasher_free(struct rm_state_hasher *hasher); /* takes NULL */

/* The sum of the hashes of @n observations of the series with that @identity. */
uint64_t rm__state_hash_observations(uint64_t identity, const struct rm_observation *observations,
                                     size_t n);

#endif
