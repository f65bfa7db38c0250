#include "chunk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"

static size_t size_of(uint32_t capacity)
{
    size_t n_bytes_behind =
        capacity > 0 ? capacity * sizeof(struct rm_observation) : sizeof(struct rm_chunk_loan);

    return sizeof(struct rm_chunk) + n_bytes_behind;
}

/* @capacity is 0 for a chunk on loan. */
static struct rm_chunk *allocate(uint32_t capacity)
{
    struct rm_chunk *chunk = malloc(size_of(capacity));

    assert(capacity <= RM_CHUNK_MAX);
    if (chunk != NULL) {
        *chunk = (struct rm_chunk){.n_owners = 1, .capacity = (uint16_t)capacity};
    }
    return chunk;
}

struct rm_chunk *rm__chunk_new(uint32_t capacity)
{
    assert(capacity > 0);
    return allocate(capacity);
}

static struct rm_chunk_loan *loan_of(struct rm_chunk *chunk)
{
    void *behind = chunk->own;

    assert(chunk->capacity == 0);
    return behind;
}

struct rm_chunk *rm__chunk_adopt(struct rm_blob *blob, const struct rm_observation *observations,
                                 uint32_t n, const struct rm_summary *summary)
{
    bool is_copied = n < RM_CHUNK_SHARED_MIN;
    struct rm_chunk *chunk = allocate(is_copied ? n : 0);

    assert(n >= 1 && n <= RM_CHUNK_MAX);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->summary = *summary;
    chunk->n = (uint16_t)n;
    if (is_copied) {
        memcpy(chunk->own, observations, n * sizeof *observations);
    } else {
        *loan_of(chunk) = (struct rm_chunk_loan){rm_blob_ref(blob), observations};
    }
    return chunk;
}

struct rm_chunk *rm__chunk_ref(struct rm_chunk *chunk)
{
    chunk->n_owners++;
    return chunk;
}

void rm__chunk_unref(struct rm_chunk *chunk)
{
    if (chunk == NULL) {
        return;
    }
    assert(chunk->n_owners > 0);
    chunk->n_owners--;
    if (chunk->n_owners > 0) {
        return;
    }
    if (chunk->capacity == 0) {
        rm_blob_unref(loan_of(chunk)->blob);
    }
    free(chunk);
}

uint32_t rm__chunk_find(const struct rm_chunk *chunk, struct rm_position position)
{
    const struct rm_observation *observations = rm__chunk_peek(chunk);
    uint32_t low = 0;
    uint32_t high = chunk->n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (rm__position_is_before(observations[middle].position, position)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The same for a chunk that others own too and for one on loan: the copy is the caller's alone. */
static int replace(struct rm_chunk **chunk, uint32_t capacity)
{
    struct rm_chunk *copy = rm__chunk_new(capacity);

    if (copy == NULL) {
        return RM_ENOMEM;
    }
    copy->summary = (*chunk)->summary;
    copy->n = (*chunk)->n;
    memcpy(copy->own, rm__chunk_peek(*chunk), copy->n * sizeof *copy->own);
    rm__chunk_unref(*chunk);
    *chunk = copy;
    return 0;
}

/* Makes room for one more, and the observations the caller's alone. */
static int make_room(struct rm_chunk **chunk)
{
    uint32_t capacity = (*chunk)->capacity;
    struct rm_chunk *larger;

    if ((*chunk)->n >= capacity) {
        capacity = (*chunk)->n * 2U < RM_CHUNK_MAX ? (*chunk)->n * 2U : RM_CHUNK_MAX;
    }
    if ((*chunk)->n_owners > 1 || (*chunk)->capacity == 0) {
        return replace(chunk, capacity);
    }
    larger = realloc(*chunk, size_of(capacity));
    if (larger == NULL) {
        return RM_ENOMEM;
    }
    larger->capacity = (uint16_t)capacity;
    *chunk = larger;
    return 0;
}

int rm__chunk_insert(struct rm_chunk **chunk, uint32_t index,
                     const struct rm_observation *observation)
{
    bool is_append = index == (*chunk)->n;
    struct rm_observation *gap;

    assert(index <= (*chunk)->n && !rm__chunk_is_full(*chunk));
    /* One more at the end disturbs no other owner. */
    if ((*chunk)->n >= (*chunk)->capacity || ((*chunk)->n_owners > 1 && !is_append)) {
        int rv = make_room(chunk);

        if (rv != 0) {
            return rv;
        }
    }
    gap = (*chunk)->own + index;
    memmove(gap + 1, gap, ((*chunk)->n - index) * sizeof *gap);
    *gap = *observation;
    (*chunk)->n++;
    rm__summary_add(&(*chunk)->summary, observation);
    return 0;
}

/* A chunk, with room to grow, of the observations from @begin to the one before @end. */
static struct rm_chunk *part(const struct rm_chunk *chunk, uint32_t begin, uint32_t end)
{
    struct rm_chunk *half = rm__chunk_new(RM_CHUNK_MAX);

    if (half != NULL) {
        half->n = (uint16_t)(end - begin);
        memcpy(half->own, rm__chunk_peek(chunk) + begin, half->n * sizeof *half->own);
        rm__chunk_summarize(half, 0, half->n, &half->summary);
    }
    return half;
}

int rm__chunk_split(const struct rm_chunk *chunk, struct rm_chunk **ret_earlier,
                    struct rm_chunk **ret_later)
{
    uint32_t middle = chunk->n / 2;
    struct rm_chunk *earlier = part(chunk, 0, middle);
    struct rm_chunk *later = part(chunk, middle, chunk->n);

    if (earlier == NULL || later == NULL) {
        rm__chunk_unref(earlier);
        rm__chunk_unref(later);
        return RM_ENOMEM;
    }
    *ret_earlier = earlier;
    *ret_later = later;
    return 0;
}

void rm__chunk_summarize(const struct rm_chunk *chunk, uint32_t begin, uint32_t end,
                         struct rm_summary *summary)
{
    const struct rm_observation *observations = rm__chunk_peek(chunk);

    for (uint32_t i = begin; i < end; i++) {
        rm__summary_add(summary, &observations[i]);
    }
}

size_t rm__chunk_bytes(const struct rm_chunk *chunk)
{
    size_t n_lent = chunk->capacity == 0 ? chunk->n : 0;

    return size_of(chunk->capacity) + n_lent * sizeof(struct rm_observation);
}
