#include "frozen_series.h"

#include <stdlib.h>

#include "raftmetrics/base/error.h"

void rm__frozen_series_share(struct rm_frozen_series *frozen, struct rm_series *series)
{
    *frozen = (struct rm_frozen_series){
        .series = series, .n_older = series->older.n, .late = series->late};
    if (series->head != NULL) {
        frozen->head = rm__chunk_ref(series->head);
        frozen->n_head = series->head->n;
    }
    if (series->late != RM_SERIES_NO_CHUNK) {
        frozen->n_late = rm__series_chunk(series, series->late)->n;
    }
}

int rm__frozen_series_pack_distribution(struct rm_frozen_series *frozen)
{
    const struct rm_distribution *distribution = frozen->series->distribution;

    if (distribution == NULL) {
        return 0;
    }
    frozen->distribution = malloc(rm__distribution_image_max(distribution));
    if (frozen->distribution == NULL) {
        return RM_ENOMEM;
    }
    frozen->n_distribution_bytes =
        (size_t)(rm__distribution_put(distribution, frozen->distribution) - frozen->distribution);
    return 0;
}

/* Owns the first @n of the older chunks. */
static int own(struct rm_frozen_series *frozen, uint32_t n)
{
    if (n > 0 && frozen->older == NULL) {
        frozen->older = malloc(frozen->n_older * sizeof *frozen->older);
        if (frozen->older == NULL) {
            return RM_ENOMEM;
        }
    }
    for (; frozen->n_owned < n; frozen->n_owned++) {
        uint32_t index = frozen->n_owned - frozen->n_dropped;

        frozen->older[frozen->n_owned] = rm__chunk_ref(frozen->series->older.items[index]);
    }
    return 0;
}

int rm__frozen_series_own(struct rm_frozen_series *frozen)
{
    return own(frozen, frozen->n_older);
}

int rm__frozen_series_drop(struct rm_frozen_series *frozen, uint32_t n_chunks)
{
    uint32_t n_left = frozen->n_older - frozen->n_dropped;
    uint32_t n = n_chunks < n_left ? n_chunks : n_left;
    int rv = own(frozen, frozen->n_dropped + n);

    if (rv == 0) {
        frozen->n_dropped += n;
    }
    return rv;
}

struct rm_chunk *rm__frozen_series_chunk(const struct rm_frozen_series *frozen, uint32_t index,
                                         uint32_t *ret_n)
{
    struct rm_chunk *chunk;

    if (index == frozen->n_older) {
        *ret_n = frozen->n_head;
        return frozen->head;
    }
    chunk = index < frozen->n_owned ? frozen->older[index]
                                    : frozen->series->older.items[index - frozen->n_dropped];
    *ret_n = index == frozen->late ? frozen->n_late : chunk->n;
    return chunk;
}

void rm__frozen_series_done(struct rm_frozen_series *frozen)
{
    rm__chunk_unref(frozen->head);
    for (uint32_t i = 0; i < frozen->n_owned; i++) {
        rm__chunk_unref(frozen->older[i]);
    }
    free(frozen->older);
    free(frozen->distribution);
    *frozen = (struct rm_frozen_series){0};
}
