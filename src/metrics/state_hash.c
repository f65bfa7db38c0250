/* Inlined, for a restored state is hashed observation by observation. */
#define XXH_INLINE_ALL
#include "state_hash.h"

#include <assert.h>
#include <xxhash.h>

static_assert(sizeof(struct rm_observation) == 24, "hashed as it lies in memory, without gaps");

uint64_t rm__state_hash_bytes(struct rm_slice bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.data, bytes.len, seed);
}

uint64_t rm__state_hash_observations(uint64_t identity, const struct rm_observation *observations,
                                     size_t n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += XXH3_64bits_withSeed(&observations[i], sizeof observations[i], identity);
    }
    return sum;
}
