/* The block of a sealed chunk: its summary, and its observations as bytes (codec.h). A function of
 * the series and the observations alone. Little-endian; it lies in an image as it does in memory,
 * so that it is copied neither into it nor out of it. */
#ifndef RAFTMETRICS_SRC_METRICS_CHUNK_BLOCK_H
#define RAFTMETRICS_SRC_METRICS_CHUNK_BLOCK_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "increase.h"
#include "observation.h"
#include "raftmetrics/base/slice.h"
#include "summary.h"

struct rm_chunk_block {
    struct rm_observation first;
    struct rm_observation last;
    struct rm_sum sum;
    struct rm_sum resets; /* struct rm_increase */
    double min;
    double max;
    double moments_mean;
    double moments_m2;
    uint64_t state_hash; /* rm__state_hash_observations */
    uint16_t n;
    uint16_t moments_scale; /* enum rm_moments_scale */
    uint32_t n_bytes;
    char bytes[]; /* n_bytes of them, filled up with zeros to a multiple of 8 */
};

static_assert(sizeof(struct rm_observation) == 24, "no gaps");
static_assert(sizeof(struct rm_sum) == 32, "no gaps");
static_assert(sizeof(struct rm_chunk_block) == 160, "no gaps");

/* Is it as long as @n_bytes say, of which there are so many? */
static inline bool rm__chunk_block_fills(const struct rm_chunk_block *block, uint64_t n_bytes)
{
    return n_bytes >= sizeof *block &&
           n_bytes == sizeof *block + (((uint64_t)block->n_bytes + 7) & ~UINT64_C(7));
}

/* What @n observations of the series with that @identity say, but for their bytes. */
struct rm_chunk_block rm__chunk_block_describe(const struct rm_observation *observations,
                                               uint32_t n, uint64_t identity);

struct rm_summary rm__chunk_block_summary(const struct rm_chunk_block *block);
struct rm_increase rm__chunk_block_increase(const struct rm_chunk_block *block);

static inline struct rm_slice rm__chunk_block_bytes(const struct rm_chunk_block *block)
{
    return rm_slice_make(block->bytes, block->n_bytes);
}

#endif
