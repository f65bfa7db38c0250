/* A chunk: a run of observations of one series in the order of their positions. One block of
 * memory.
 *
 * An open chunk keeps them as they are, and moves as it grows. A sealed one never changes: it keeps
 * a block (chunk_block.h), which is what they say summed up and the bytes that they were encoded
 * to. Whether a chunk is open is its series' to decide.
 *
 * Owned by a series, and by the images and answers that were frozen while it was part of one. The
 * observations that another owner may be looking at stay where and as they are: what would move
 * them or change their order goes to a copy. What was read from an image lies in its blob. */
#ifndef RAFTMETRICS_SRC_METRICS_CHUNK_H
#define RAFTMETRICS_SRC_METRICS_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunk_block.h"
#include "observation.h"
#include "raftmetrics/base/blob.h"
#include "summary.h"

/* Edge chunks of a range are decoded and walked, and late observations shift their neighbours: both
 * cost up to this many steps. Each sealed chunk costs its summary, 0.6 bytes an observation at this
 * size. */
enum { RM_CHUNK_MAX = 256 };

/* With fewer observations than this a copy is cheaper than an owner more. */
enum { RM_CHUNK_SHARED_MIN = 16 };

enum rm_chunk_kind {
    RM_CHUNK_OPEN,        /* in own[] */
    RM_CHUNK_OPEN_LENT,   /* in a blob, behind a struct rm_chunk_loan */
    RM_CHUNK_SEALED,      /* a struct rm_chunk_seal, then the block */
    RM_CHUNK_SEALED_LENT, /* a struct rm_chunk_seal, then a struct rm_chunk_loan of the block */
};

struct rm_chunk {
    uint32_t n_owners;
    uint16_t n;
    uint8_t kind;                /* enum rm_chunk_kind */
    uint8_t step;                /* of capacity, where it is open and not lent */
    struct rm_observation own[]; /* rm__chunk_capacity of them */
};

struct rm_chunk_loan {
    struct rm_blob *blob;
    const void *data;
};

/* What is asked of a sealed chunk by those who do not look into its block. */
struct rm_chunk_seal {
    uint64_t hash; /* rm__state_hash_bytes of the block */
    uint64_t n_block_bytes;
};

/* An empty open chunk with room for at least @capacity observations (1 to RM_CHUNK_MAX); NULL when
 * out of memory. The caller owns it. */
struct rm_chunk *rm__chunk_new(uint32_t capacity);

/* An open chunk of @n (1 to RM_CHUNK_MAX) observations that lie in @blob, of which it becomes an
 * owner unless it copied them. NULL when out of memory. */
struct rm_chunk *rm__chunk_adopt(struct rm_blob *blob, const struct rm_observation *observations,
                                 uint32_t n);

/* A sealed chunk of a block that lies in @blob, of which it becomes an owner. NULL when out of
 * memory. */
struct rm_chunk *rm__chunk_adopt_block(struct rm_blob *blob, const struct rm_chunk_block *block,
                                       const struct rm_chunk_seal *seal);

static inline struct rm_chunk *rm__chunk_ref(struct rm_chunk *chunk)
{
    chunk->n_owners++;
    return chunk;
}

/* Takes NULL. */
void rm__chunk_unref(struct rm_chunk *chunk);

/* What it holds now, whatever becomes of it, the caller's: a sealed one shared, a copy of an open
 * one. NULL when out of memory. */
struct rm_chunk *rm__chunk_snapshot(struct rm_chunk *chunk);

static inline bool rm__chunk_is_full(const struct rm_chunk *chunk)
{
    return chunk->n == RM_CHUNK_MAX;
}

static inline bool rm__chunk_is_sealed(const struct rm_chunk *chunk)
{
    return chunk->kind >= RM_CHUNK_SEALED;
}

/* The seal and the block of a sealed chunk, as long as it lives. */
const struct rm_chunk_seal *rm__chunk_seal_of(const struct rm_chunk *chunk);
const struct rm_chunk_block *rm__chunk_block_of(const struct rm_chunk *chunk);

/* Of what a chunk has in a blob; NULL where it lies in its own memory. */
const struct rm_chunk_loan *rm__chunk_loan_of(const struct rm_chunk *chunk);

/* The observations of an open chunk, until it is changed; the first n of them for as long as the
 * caller owns it. */
static inline const struct rm_observation *rm__chunk_peek(const struct rm_chunk *chunk)
{
    const void *behind = chunk->own;

    return chunk->kind == RM_CHUNK_OPEN ? chunk->own : ((const struct rm_chunk_loan *)behind)->data;
}

/* Room for the observations of a chunk that must be decoded to be read. */
struct rm_chunk_window {
    struct rm_observation observations[RM_CHUNK_MAX];
};

/* Its n observations, until it is changed or @window is used again. */
const struct rm_observation *rm__chunk_read(const struct rm_chunk *chunk,
                                            struct rm_chunk_window *window);

/* One column of it, which is read faster than all: n of RM_CHUNK_MAX. */
void rm__chunk_read_timestamps(const struct rm_chunk *chunk, int64_t *ret_timestamps_ms);
void rm__chunk_read_values(const struct rm_chunk *chunk, double *ret_values);

/* Its first and last observation. Not of an empty chunk. */
static inline const struct rm_observation *rm__chunk_first(const struct rm_chunk *chunk)
{
    return rm__chunk_is_sealed(chunk) ? &rm__chunk_block_of(chunk)->first : rm__chunk_peek(chunk);
}

static inline const struct rm_observation *rm__chunk_last(const struct rm_chunk *chunk)
{
    return rm__chunk_is_sealed(chunk) ? &rm__chunk_block_of(chunk)->last
                                      : rm__chunk_peek(chunk) + chunk->n - 1;
}

/* The index of the first observation that does not stand before @position; n where all do. Decodes
 * nothing where that is 0 or n. */
uint32_t rm__chunk_find(const struct rm_chunk *chunk, struct rm_position position);

/* Asks memory for where an observation more would be put. */
static inline void rm__chunk_prefetch_end(const struct rm_chunk *chunk)
{
    __builtin_prefetch(rm__chunk_last(chunk));
    __builtin_prefetch(rm__chunk_last(chunk) + 1, 1);
}

/* Inserts in front of observation @index. The chunk is open and has fewer than RM_CHUNK_MAX; the
 * caller's ownership may go over to a copy. On error it is unchanged. Errors: RM_ENOMEM. */
int rm__chunk_insert(struct rm_chunk **chunk, uint32_t index,
                     const struct rm_observation *observation);

/* Two open chunks, the caller's, with the earlier and the later half of a full one, which stays as
 * it is. Errors: RM_ENOMEM. */
int rm__chunk_split(const struct rm_chunk *chunk, struct rm_chunk **ret_earlier,
                    struct rm_chunk **ret_later);

/* Replaces an open chunk of the series with that @identity by a sealed one, a sealed one by an open
 * one. On error it is unchanged. Errors: RM_ENOMEM. */
int rm__chunk_seal(struct rm_chunk **chunk, uint64_t identity);
int rm__chunk_reopen(struct rm_chunk **chunk);

/* Adds the observations from @begin to the one before @end. */
void rm__chunk_summarize(const struct rm_chunk *chunk, uint32_t begin, uint32_t end,
                         struct rm_summary *summary);

/* Appends them. */
void rm__chunk_increase(const struct rm_chunk *chunk, uint32_t begin, uint32_t end,
                        struct rm_increase *increase);

/* Allocated bytes, those it takes of a blob included. */
size_t rm__chunk_bytes(const struct rm_chunk *chunk);

#endif
