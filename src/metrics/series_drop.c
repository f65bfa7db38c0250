#include "series_drop.h"

#include <assert.h>

#include "state_hash.h"

static uint64_t chunk_hash(const struct rm_series *series, const struct rm_chunk *chunk)
{
    return rm__chunk_is_sealed(chunk)
               ? rm__chunk_block_of(chunk)->state_hash
               : rm__state_hash_observations(series->identity, rm__chunk_peek(chunk), chunk->n);
}

uint64_t rm__series_past_hash(const struct rm_series *series)
{
    const struct rm_distribution *distribution = series->distribution;
    uint64_t past[3];

    if (distribution == NULL || distribution->n_dropped == 0) {
        return 0;
    }
    past[0] = distribution->n_dropped;
    past[1] = distribution->dropped_hash;
    past[2] = (uint64_t)distribution->dropped_ms;
    return rm__state_hash_bytes(rm_slice_make(past, sizeof past), series->identity);
}

uint64_t rm__series_number_hash(const struct rm_series *series)
{
    return rm__state_hash_bytes(rm_slice_make(&series->number, sizeof series->number),
                                series->identity);
}

uint64_t rm__series_state_hash(const struct rm_series *series)
{
    uint64_t hash = rm__series_number_hash(series) + rm__series_past_hash(series);

    for (uint32_t i = 0; i < rm__series_n_chunks(series); i++) {
        hash += chunk_hash(series, rm__series_chunk(series, i));
    }
    return hash;
}

static void forget_numbers(struct rm_series *series, uint32_t n_chunks)
{
    rm__vector_remove_some(&series->older, 0, n_chunks);
    if (series->late != RM_SERIES_NO_CHUNK) {
        series->late = series->late < n_chunks ? RM_SERIES_NO_CHUNK : series->late - n_chunks;
    }
    rm__runs_forget_from(&series->runs, 0);
}

/* A series of several chunks keeps its distribution. */
uint64_t rm__series_drop(struct rm_series *series, uint32_t n_chunks, uint64_t *ret_n_samples)
{
    struct rm_distribution *distribution = series->distribution;
    uint64_t less = rm__series_past_hash(series);
    uint64_t n_samples = 0;

    assert(n_chunks <= series->older.n && distribution != NULL);
    for (uint32_t i = 0; i < n_chunks; i++) {
        struct rm_chunk *chunk = rm__series_chunk(series, i);
        int64_t last_ms = rm__chunk_last(chunk)->position.timestamp_ms;
        uint64_t hash = chunk_hash(series, chunk);

        less += hash;
        n_samples += chunk->n;
        distribution->dropped_hash += hash;
        distribution->dropped_ms =
            last_ms > distribution->dropped_ms ? last_ms : distribution->dropped_ms;
        series->n_bytes -= rm__chunk_bytes(chunk);
        rm__chunk_unref(chunk);
    }
    distribution->n_dropped += n_samples;
    forget_numbers(series, n_chunks);
    *ret_n_samples = n_samples;
    return less - rm__series_past_hash(series);
}
