/* A chunk: a run of observations of one series in the order of their positions, and its summary.
 * One block of memory that moves as it grows.
 *
 * Owned by a series, and by the images that were frozen while it was part of one. The observations
 * that another owner may be looking at stay where and as they are: what would move them or change
 * their order goes to a copy. Those of a chunk that was read from an image lie in its blob. */
#ifndef RAFTMETRICS_SRC_METRICS_CHUNK_H
#define RAFTMETRICS_SRC_METRICS_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observation.h"
#include "raftmetrics/base/blob.h"
#include "summary.h"

/* Edge chunks of a range are walked and late observations shift their neighbours: both cost up to
 * this many steps. Each chunk costs its summary, 2 % of it at this size. */
enum { RM_CHUNK_MAX = 256 };

/* With fewer observations than this a copy is cheaper than an owner more. */
enum { RM_CHUNK_SHARED_MIN = 16 };

struct rm_chunk {
    struct rm_summary summary;
    uint32_t n_owners;
    uint16_t n;
    uint16_t capacity;           /* 0: not its own but a struct rm_chunk_loan lies behind it */
    struct rm_observation own[]; /* @capacity of them */
};

struct rm_chunk_loan {
    struct rm_blob *blob;
    const struct rm_observation *observations;
};

/* An empty chunk with room for @capacity observations, at least 1; NULL when out of memory. The
 * caller owns it. */
struct rm_chunk *rm__chunk_new(uint32_t capacity);

/* A chunk of @n (1 to RM_CHUNK_MAX) observations that lie in @blob, of which it becomes an owner
 * unless it copied them. NULL when out of memory. */
struct rm_chunk *rm__chunk_adopt(struct rm_blob *blob, const struct rm_observation *observations,
                                 uint32_t n, const struct rm_summary *summary);

struct rm_chunk *rm__chunk_ref(struct rm_chunk *chunk);
/* Takes NULL. */
void rm__chunk_unref(struct rm_chunk *chunk);

/* Its observations, until it is changed; the first n of them for as long as the caller owns it. */
static inline const struct rm_observation *rm__chunk_peek(const struct rm_chunk *chunk)
{
    const void *behind = chunk->own;

    return chunk->capacity > 0 ? chunk->own : ((const struct rm_chunk_loan *)behind)->observations;
}

/* Room for the observations of a chunk that must be decoded to be read. */
struct rm_chunk_window {
    struct rm_observation observations[RM_CHUNK_MAX];
};

/* Its n observations, until it is changed or @window is used again. */
static inline const struct rm_observation *rm__chunk_read(const struct rm_chunk *chunk,
                                                          struct rm_chunk_window *window)
{
    (void)window; /* no chunk is sealed yet */
    return rm__chunk_peek(chunk);
}

/* The index of the first observation that does not stand before @position; n where all do. */
uint32_t rm__chunk_find(const struct rm_chunk *chunk, struct rm_position position);

/* Inserts in front of observation @index. The chunk has fewer than RM_CHUNK_MAX; the caller's
 * ownership may go over to a copy. On error it is unchanged. Errors: RM_ENOMEM. */
int rm__chunk_insert(struct rm_chunk **chunk, uint32_t index,
                     const struct rm_observation *observation);

/* Two chunks, the caller's, with the earlier and the later half of a full one, which stays as it
 * is. Errors: RM_ENOMEM. */
int rm__chunk_split(const struct rm_chunk *chunk, struct rm_chunk **ret_earlier,
                    struct rm_chunk **ret_later);

/* Adds the observations from @begin to the one before @end. */
void rm__chunk_summarize(const struct rm_chunk *chunk, uint32_t begin, uint32_t end,
                         struct rm_summary *summary);

/* Allocated bytes, those it takes of a blob included. */
size_t rm__chunk_bytes(const struct rm_chunk *chunk);

static inline bool rm__chunk_is_full(const struct rm_chunk *chunk)
{
    return chunk->n == RM_CHUNK_MAX;
}

#endif
