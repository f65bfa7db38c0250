/* A chunk: a run of observations of one series in the order of their positions, and its summary.
 * One block of memory that moves as it grows. */
#ifndef RAFTMETRICS_SRC_METRICS_CHUNK_H
#define RAFTMETRICS_SRC_METRICS_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observation.h"
#include "summary.h"

/* Edge chunks of a range are walked and late observations shift their neighbours: both cost up to
 * this many steps. Each chunk costs its summary, 2 % of it at this size. */
enum { RM_CHUNK_MAX = 256 };

struct rm_chunk {
    struct rm_summary summary;
    uint32_t n;
    uint32_t capacity;
    struct rm_observation observations[];
};

/* An empty chunk with room for @capacity observations, at least 1; NULL when out of memory. */
struct rm_chunk *rm__chunk_new(uint32_t capacity);

/* Takes NULL. */
void rm__chunk_free(struct rm_chunk *chunk);

/* The index of the first observation that does not stand before @position; n where all do. */
uint32_t rm__chunk_find(const struct rm_chunk *chunk, struct rm_position position);

/* Inserts in front of observation @index. The chunk has fewer than RM_CHUNK_MAX and may move.
 * On error it is unchanged. Errors: RM_ENOMEM. */
int rm__chunk_insert(struct rm_chunk **chunk, uint32_t index,
                     const struct rm_observation *observation);

/* Moves the later half into a new chunk. On error the chunk is unchanged. Errors: RM_ENOMEM. */
int rm__chunk_split(struct rm_chunk *chunk, struct rm_chunk **ret_later);

/* Adds the observations from @begin to the one before @end. */
void rm__chunk_summarize(const struct rm_chunk *chunk, uint32_t begin, uint32_t end,
                         struct rm_summary *summary);

/* Allocated bytes. */
size_t rm__chunk_bytes(const struct rm_chunk *chunk);

static inline bool rm__chunk_is_full(const struct rm_chunk *chunk)
{
    return chunk->n == RM_CHUNK_MAX;
}

#endif
