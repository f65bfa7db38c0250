#include "chunk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"

static size_t size_of(uint32_t capacity)
{
    return sizeof(struct rm_chunk) + capacity * sizeof(struct rm_observation);
}

struct rm_chunk *rm__chunk_new(uint32_t capacity)
{
    struct rm_chunk *chunk = malloc(size_of(capacity));

    if (chunk != NULL) {
        *chunk = (struct rm_chunk){.capacity = capacity};
    }
    return chunk;
}

void rm__chunk_free(struct rm_chunk *chunk)
{
    free(chunk);
}

uint32_t rm__chunk_find(const struct rm_chunk *chunk, struct rm_position position)
{
    uint32_t low = 0;
    uint32_t high = chunk->n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (rm__position_is_before(chunk->observations[middle].position, position)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int grow(struct rm_chunk **chunk)
{
    uint32_t capacity = (*chunk)->capacity * 2;
    struct rm_chunk *larger;

    capacity = capacity < RM_CHUNK_MAX ? capacity : RM_CHUNK_MAX;
    larger = realloc(*chunk, size_of(capacity));
    if (larger == NULL) {
        return RM_ENOMEM;
    }
    larger->capacity = capacity;
    *chunk = larger;
    return 0;
}

int rm__chunk_insert(struct rm_chunk **chunk, uint32_t index,
                     const struct rm_observation *observation)
{
    struct rm_observation *gap;

    assert(index <= (*chunk)->n && !rm__chunk_is_full(*chunk));
    if ((*chunk)->n == (*chunk)->capacity) {
        int rv = grow(chunk);

        if (rv != 0) {
            return rv;
        }
    }
    gap = (*chunk)->observations + index;
    memmove(gap + 1, gap, ((*chunk)->n - index) * sizeof *gap);
    *gap = *observation;
    (*chunk)->n++;
    rm__summary_add(&(*chunk)->summary, observation);
    return 0;
}

static void cut(struct rm_chunk *chunk, uint32_t n)
{
    chunk->n = n;
    chunk->summary = (struct rm_summary){0};
    rm__chunk_summarize(chunk, 0, n, &chunk->summary);
}

int rm__chunk_split(struct rm_chunk *chunk, struct rm_chunk **ret_later)
{
    uint32_t n_kept = chunk->n / 2;
    struct rm_chunk *later = rm__chunk_new(chunk->capacity);

    if (later == NULL) {
        return RM_ENOMEM;
    }
    memcpy(later->observations, chunk->observations + n_kept,
           (chunk->n - n_kept) * sizeof *later->observations);
    cut(later, chunk->n - n_kept);
    cut(chunk, n_kept);
    *ret_later = later;
    return 0;
}

void rm__chunk_summarize(const struct rm_chunk *chunk, uint32_t begin, uint32_t end,
                         struct rm_summary *summary)
{
    for (uint32_t i = begin; i < end; i++) {
        rm__summary_add(summary, &chunk->observations[i]);
    }
}

size_t rm__chunk_bytes(const struct rm_chunk *chunk)
{
    return size_of(chunk->capacity);
}
