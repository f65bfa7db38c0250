#include "raftmetrics/partitioning/jump_hash.h"

#include <assert.h>

/* The paper's linear congruential generator: its multiplier, and 2^31 over its top 31 bits + 1,
 * the inverse of a random number in (0, 1]. */
static const uint64_t MULTIPLIER = UINT64_C(2862933555777941757);

static double next_inverse(uint64_t *state)
{
    *state = *state * MULTIPLIER + 1;
    return 0x1p31 / (double)((*state >> 33) + 1);
}

uint32_t rm_jump_hash(uint64_t key, uint32_t n_buckets)
{
    int64_t bucket = 0;
    int64_t next = 0; /* the count of buckets, less one, at which the key moves again */

    assert(n_buckets > 0);
    while (next < (int64_t)n_buckets) {
        bucket = next;
        next = (int64_t)((double)(bucket + 1) * next_inverse(&key));
    }
    return (uint32_t)bucket;
}
