/* Inlined, for a restored state is hashed observation by observation. */
#define XXH_INLINE_ALL
#include "state_hash.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

static_assert(sizeof(struct rm_observation) == 24, "hashed as it lies in memory, without gaps");

uint64_t rm__state_hash_bytes(struct rm_slice bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.data, bytes.len, seed);
}

struct rm_state_hasher {
    XXH3_state_t *state;
};

struct rm_state_hasher *rm__state_hasher_new(void)
{
    struct rm_state_hasher *hasher = malloc(sizeof *hasher);

    if (hasher == NULL) {
        return NULL;
    }
    hasher->state = XXH3_createState();
    if (hasher->state == NULL) {
        free(hasher);
        return NULL;
    }
    XXH3_64bits_reset(hasher->state);
    return hasher;
}

void rm__state_hasher_add(struct rm_state_hasher *hasher, struct rm_slice bytes)
{
    XXH3_64bits_update(hasher->state, bytes.data, bytes.len);
}

uint64_t rm__state_hasher_hash(const struct rm_state_hasher *hasher)
{
    return XXH3_64bits_digest(hasher->state);
}

void rm__state_hasher_free(struct rm_state_hasher *hasher)
{
    if (hasher != NULL) {
        XXH3_freeState(hasher->state);
        free(hasher);
    }
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
