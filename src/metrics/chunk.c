#include "chunk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"

/* A series may never see more than a few observations, so growing begins in small steps; none
 * leaves malloc's granules half used. */
static const uint16_t CAPACITIES[] = {2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, RM_CHUNK_MAX};

static size_t capacity_of(const struct rm_chunk *chunk)
{
    return chunk->kind == RM_CHUNK_OPEN ? CAPACITIES[chunk->step] : 0;
}

static uint8_t step_for(uint32_t capacity)
{
    uint8_t step = 0;

    assert(capacity <= RM_CHUNK_MAX);
    while (CAPACITIES[step] < capacity) {
        step++;
    }
    return step;
}

static size_t size_of_open(uint8_t step)
{
    return sizeof(struct rm_chunk) + CAPACITIES[step] * sizeof(struct rm_observation);
}

struct rm_chunk *rm__chunk_new(uint32_t capacity)
{
    uint8_t step = step_for(capacity);
    struct rm_chunk *chunk = malloc(size_of_open(step));

    if (chunk != NULL) {
        *chunk = (struct rm_chunk){.n_owners = 1, .kind = RM_CHUNK_OPEN, .step = step};
    }
    return chunk;
}

struct rm_chunk *rm__chunk_adopt(struct rm_blob *blob, const struct rm_observation *observations,
                                 uint32_t n)
{
    struct rm_chunk_loan loan = {blob, observations};
    struct rm_chunk *chunk;

    assert(n >= 1 && n <= RM_CHUNK_MAX);
    if (n < RM_CHUNK_SHARED_MIN) {
        chunk = rm__chunk_new(n);
        if (chunk != NULL) {
            chunk->n = (uint16_t)n;
            memcpy(chunk->own, observations, n * sizeof *observations);
        }
        return chunk;
    }
    chunk = malloc(sizeof *chunk + sizeof loan);
    if (chunk != NULL) {
        *chunk = (struct rm_chunk){.n_owners = 1, .n = (uint16_t)n, .kind = RM_CHUNK_OPEN_LENT};
        memcpy(chunk->own, &loan, sizeof loan);
        rm_blob_ref(blob);
    }
    return chunk;
}

const struct rm_chunk_loan *rm__chunk_loan_of(const struct rm_chunk *chunk)
{
    const void *behind = chunk->own;

    switch (chunk->kind) {
    case RM_CHUNK_OPEN_LENT:
        return behind;
    case RM_CHUNK_SEALED_LENT:
        return (const void *)((const struct rm_chunk_seal *)behind + 1);
    default:
        return NULL;
    }
}

void rm__chunk_unref(struct rm_chunk *chunk)
{
    const struct rm_chunk_loan *loan;

    if (chunk == NULL) {
        return;
    }
    assert(chunk->n_owners > 0);
    chunk->n_owners--;
    if (chunk->n_owners > 0) {
        return;
    }
    loan = rm__chunk_loan_of(chunk);
    if (loan != NULL) {
        rm_blob_unref(loan->blob);
    }
    free(chunk);
}

uint32_t rm__chunk_find(const struct rm_chunk *chunk, struct rm_position position)
{
    struct rm_chunk_window window;
    const struct rm_observation *observations;
    uint32_t low = 0;
    uint32_t high = chunk->n;

    if (!rm__position_is_before(rm__chunk_first(chunk)->position, position)) {
        return 0;
    }
    if (rm__position_is_before(rm__chunk_last(chunk)->position, position)) {
        return chunk->n;
    }
    observations = rm__chunk_read(chunk, &window);
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
    copy->n = (*chunk)->n;
    memcpy(copy->own, rm__chunk_peek(*chunk), copy->n * sizeof *copy->own);
    rm__chunk_unref(*chunk);
    *chunk = copy;
    return 0;
}

struct rm_chunk *rm__chunk_snapshot(struct rm_chunk *chunk)
{
    struct rm_chunk *snapshot = rm__chunk_ref(chunk);

    if (!rm__chunk_is_sealed(chunk) && replace(&snapshot, chunk->n) != 0) {
        rm__chunk_unref(chunk);
        return NULL;
    }
    return snapshot;
}

/* Makes room for one more, and the observations the caller's alone. */
static int make_room(struct rm_chunk **chunk)
{
    uint8_t step = step_for((*chunk)->n + 1U);
    struct rm_chunk *larger;

    if ((*chunk)->n_owners > 1 || (*chunk)->kind == RM_CHUNK_OPEN_LENT) {
        return replace(chunk, CAPACITIES[step]);
    }
    larger = realloc(*chunk, size_of_open(step));
    if (larger == NULL) {
        return RM_ENOMEM;
    }
    larger->step = step;
    *chunk = larger;
    return 0;
}

int rm__chunk_insert(struct rm_chunk **chunk, uint32_t index,
                     const struct rm_observation *observation)
{
    bool is_append = index == (*chunk)->n;
    struct rm_observation *gap;

    assert(index <= (*chunk)->n && !rm__chunk_is_full(*chunk) && !rm__chunk_is_sealed(*chunk));
    /* One more at the end disturbs no other owner. */
    if ((*chunk)->n >= capacity_of(*chunk) || ((*chunk)->n_owners > 1 && !is_append)) {
        int rv = make_room(chunk);

        if (rv != 0) {
            return rv;
        }
    }
    gap = (*chunk)->own + index;
    memmove(gap + 1, gap, ((*chunk)->n - index) * sizeof *gap);
    *gap = *observation;
    (*chunk)->n++;
    return 0;
}

/* An open chunk of @n of @observations. */
static struct rm_chunk *open_chunk(const struct rm_observation *observations, uint32_t n)
{
    struct rm_chunk *chunk = rm__chunk_new(n + 1 < RM_CHUNK_MAX ? n + 1 : RM_CHUNK_MAX);

    if (chunk != NULL) {
        chunk->n = (uint16_t)n;
        memcpy(chunk->own, observations, n * sizeof *observations);
    }
    return chunk;
}

int rm__chunk_split(const struct rm_chunk *chunk, struct rm_chunk **ret_earlier,
                    struct rm_chunk **ret_later)
{
    struct rm_chunk_window window;
    const struct rm_observation *observations = rm__chunk_read(chunk, &window);
    uint32_t middle = chunk->n / 2;
    struct rm_chunk *earlier = open_chunk(observations, middle);
    struct rm_chunk *later = open_chunk(observations + middle, chunk->n - middle);

    if (earlier == NULL || later == NULL) {
        rm__chunk_unref(earlier);
        rm__chunk_unref(later);
        return RM_ENOMEM;
    }
    *ret_earlier = earlier;
    *ret_later = later;
    return 0;
}

int rm__chunk_reopen(struct rm_chunk **chunk)
{
    struct rm_chunk_window window;
    struct rm_chunk *opened = open_chunk(rm__chunk_read(*chunk, &window), (*chunk)->n);

    if (opened == NULL) {
        return RM_ENOMEM;
    }
    rm__chunk_unref(*chunk);
    *chunk = opened;
    return 0;
}

void rm__chunk_summarize(const struct rm_chunk *chunk, uint32_t begin, uint32_t end,
                         struct rm_summary *summary)
{
    struct rm_chunk_window window;
    const struct rm_observation *observations;

    if (begin >= end) {
        return;
    }
    if (begin == 0 && end == chunk->n && rm__chunk_is_sealed(chunk)) {
        const struct rm_summary whole = rm__chunk_block_summary(rm__chunk_block_of(chunk));

        rm__summary_merge(summary, &whole);
        return;
    }
    observations = rm__chunk_read(chunk, &window);
    for (uint32_t i = begin; i < end; i++) {
        rm__summary_add(summary, &observations[i]);
    }
}

void rm__chunk_increase(const struct rm_chunk *chunk, uint32_t begin, uint32_t end,
                        struct rm_increase *increase)
{
    struct rm_chunk_window window;
    const struct rm_observation *observations;

    if (begin >= end) {
        return;
    }
    if (begin == 0 && end == chunk->n && rm__chunk_is_sealed(chunk)) {
        const struct rm_increase whole = rm__chunk_block_increase(rm__chunk_block_of(chunk));

        rm__increase_append(increase, &whole);
        return;
    }
    observations = rm__chunk_read(chunk, &window);
    for (uint32_t i = begin; i < end; i++) {
        rm__increase_add(increase, observations[i].value);
    }
}

size_t rm__chunk_bytes(const struct rm_chunk *chunk)
{
    size_t n_bytes = sizeof *chunk;

    if (chunk->kind == RM_CHUNK_OPEN) {
        return size_of_open(chunk->step);
    }
    n_bytes += rm__chunk_loan_of(chunk) != NULL ? sizeof(struct rm_chunk_loan) : 0;
    n_bytes += rm__chunk_is_sealed(chunk)
                   ? sizeof(struct rm_chunk_seal) + rm__chunk_seal_of(chunk)->n_block_bytes
                   : chunk->n * sizeof(struct rm_observation);
    return n_bytes;
}
