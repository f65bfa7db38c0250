/* Sealed chunks. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "chunk.h"
#include "codec.h"
#include "image_bytes.h"
#include "raftmetrics/base/error.h"
#include "state_hash.h"

static_assert((int)RM_CHUNK_MAX == (int)RM_CODEC_MAX, "a chunk is encoded as a whole");

enum {
    FRONT_BYTES = sizeof(struct rm_chunk) + sizeof(struct rm_chunk_seal),
    BLOCK_AT = FRONT_BYTES,
    BYTES_AT = BLOCK_AT + sizeof(struct rm_chunk_block),
};

const struct rm_chunk_seal *rm__chunk_seal_of(const struct rm_chunk *chunk)
{
    const void *behind = chunk->own;

    assert(rm__chunk_is_sealed(chunk));
    return behind;
}

const struct rm_chunk_block *rm__chunk_block_of(const struct rm_chunk *chunk)
{
    const struct rm_chunk_seal *seal = rm__chunk_seal_of(chunk);
    const void *own = seal + 1;

    return chunk->kind == RM_CHUNK_SEALED ? own : rm__chunk_loan_of(chunk)->data;
}

const struct rm_observation *rm__chunk_read(const struct rm_chunk *chunk,
                                            struct rm_chunk_window *window)
{
    int rv;

    if (!rm__chunk_is_sealed(chunk)) {
        return rm__chunk_peek(chunk);
    }
    rv = rm__codec_decode(rm__chunk_block_bytes(rm__chunk_block_of(chunk)), chunk->n,
                          window->observations);
    assert(rv == 0); /* encoded here, or seen to be what was encoded when they were read */
    return window->observations;
}

void rm__chunk_read_timestamps(const struct rm_chunk *chunk, int64_t *ret_timestamps_ms)
{
    int rv;

    if (rm__chunk_is_sealed(chunk)) {
        rv = rm__codec_decode_timestamps(rm__chunk_block_bytes(rm__chunk_block_of(chunk)), chunk->n,
                                         ret_timestamps_ms);
        assert(rv == 0);
        return;
    }
    for (uint32_t i = 0; i < chunk->n; i++) {
        ret_timestamps_ms[i] = rm__chunk_peek(chunk)[i].position.timestamp_ms;
    }
}

void rm__chunk_read_values(const struct rm_chunk *chunk, double *ret_values)
{
    int rv;

    if (rm__chunk_is_sealed(chunk)) {
        rv = rm__codec_decode_values(rm__chunk_block_bytes(rm__chunk_block_of(chunk)), chunk->n,
                                     ret_values);
        assert(rv == 0);
        return;
    }
    for (uint32_t i = 0; i < chunk->n; i++) {
        ret_values[i] = rm__chunk_peek(chunk)[i].value;
    }
}

/* The block of @chunk, with room for the front of a sealed chunk before it. */
static int encode(const struct rm_chunk *chunk, uint64_t identity, struct rm_buffer *bytes)
{
    static const char ZEROS[8] = {0};
    const struct rm_observation *observations = rm__chunk_peek(chunk);
    struct rm_chunk_block block = rm__chunk_block_describe(observations, chunk->n, identity);
    int rv = rm_buffer_reserve(bytes, BYTES_AT + chunk->n * 4U);

    if (rv != 0) {
        return rv;
    }
    bytes->len = BYTES_AT;
    rv = rm__codec_encode(observations, chunk->n, bytes);
    if (rv != 0) {
        return rv;
    }
    block.n_bytes = (uint32_t)(bytes->len - BYTES_AT);
    memcpy(bytes->data + BLOCK_AT, &block, sizeof block);
    return rm_buffer_append(bytes, ZEROS, rm__image_padding(bytes->len));
}

static_assert(BYTES_AT % 8 == 0, "what fills up the whole fills up the bytes");

int rm__chunk_seal(struct rm_chunk **chunk, uint64_t identity)
{
    struct rm_chunk front = {.n_owners = 1, .n = (*chunk)->n, .kind = RM_CHUNK_SEALED};
    struct rm_chunk_seal seal;
    struct rm_buffer bytes;
    char *sealed;
    int rv;

    rm_buffer_init(&bytes, SIZE_MAX);
    rv = encode(*chunk, identity, &bytes);
    if (rv != 0) {
        rm_buffer_done(&bytes);
        return rv;
    }
    seal.n_block_bytes = bytes.len - BLOCK_AT;
    seal.hash =
        rm__state_hash_bytes(rm_slice_make(bytes.data + BLOCK_AT, (size_t)seal.n_block_bytes), 0);
    memcpy(bytes.data, &front, sizeof front);
    memcpy(bytes.data + sizeof front, &seal, sizeof seal);
    /* Now nothing is left to fail but the cutting off of what is not used. */
    sealed = realloc(bytes.data, bytes.len);
    if (sealed == NULL) {
        rm_buffer_done(&bytes);
        return RM_ENOMEM;
    }
    rm__chunk_unref(*chunk);
    *chunk = (struct rm_chunk *)(void *)sealed;
    return 0;
}

struct rm_chunk *rm__chunk_adopt_block(struct rm_blob *blob, const struct rm_chunk_block *block,
                                       const struct rm_chunk_seal *seal)
{
    struct rm_chunk_loan loan = {blob, block};
    struct rm_chunk *chunk = malloc(FRONT_BYTES + sizeof loan);

    if (chunk != NULL) {
        *chunk = (struct rm_chunk){.n_owners = 1, .n = block->n, .kind = RM_CHUNK_SEALED_LENT};
        memcpy(chunk->own, seal, sizeof *seal);
        memcpy((char *)chunk + FRONT_BYTES, &loan, sizeof loan);
        rm_blob_ref(blob);
    }
    return chunk;
}
