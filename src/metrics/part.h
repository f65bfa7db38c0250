/* What is given of a chunk: some of its observations, shared for as long as somebody has not taken
 * them. What is recorded meanwhile changes nothing of them. */
#ifndef RAFTMETRICS_SRC_METRICS_PART_H
#define RAFTMETRICS_SRC_METRICS_PART_H

#include <stdint.h>

#include "chunk.h"

struct rm_part {
    struct rm_chunk *chunk; /* owned */
    uint32_t begin;         /* less than end */
    uint32_t end;
    unsigned n_passed; /* how many of those who take it are through with it */
};

static inline uint32_t rm__part_count(const struct rm_part *part)
{
    return part->end - part->begin;
}

/* Nothing of it stands behind. Where a sealed chunk is given to its end, or the chunk is open, that
 * is its last observation. */
static inline struct rm_position rm__part_bound(const struct rm_part *part)
{
    return rm__chunk_is_sealed(part->chunk) ? rm__chunk_last(part->chunk)->position
                                            : rm__chunk_peek(part->chunk)[part->end - 1].position;
}

/* What a series gives: parts in the order of their observations, some of an array. */
struct rm_share {
    const struct rm_series *series; /* to be asked of the view only */
    size_t begin;
    size_t end;
};

#endif
