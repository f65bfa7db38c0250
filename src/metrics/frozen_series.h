/* A series as it was at one moment, while it goes on: what is needed of it is shared, and copied
 * only where a change would take it away. */
#ifndef RAFTMETRICS_SRC_METRICS_FROZEN_SERIES_H
#define RAFTMETRICS_SRC_METRICS_FROZEN_SERIES_H

#include <stdint.h>

#include "series.h"

struct rm_frozen_series {
    struct rm_series *series; /* its labels never change; it must live as long as this */
    struct rm_chunk *head;    /* owned; NULL where there was none */
    struct rm_chunk **older;  /* the first n_owned of them; owned, each of these too */
    char *distribution;       /* as it is put into an image; owned, NULL where there is none */
    size_t n_distribution_bytes;
    uint32_t n_older;
    uint32_t n_owned;   /* the others are where they were in the series' */
    uint32_t n_dropped; /* but for so many that have gone before them */
    uint32_t n_head;    /* observations of the head */
    uint32_t late;      /* the one of older that was open; RM_SERIES_NO_CHUNK */
    uint32_t n_late;    /* its observations */
};

/* Shares the chunks of @series as they are now. It costs the same for a long series as for a short
 * one: the older chunks are not touched. Copies no distribution. */
void rm__frozen_series_share(struct rm_frozen_series *frozen, struct rm_series *series);

/* Packs the distribution that the series has now. Errors: RM_ENOMEM. */
int rm__frozen_series_pack_distribution(struct rm_frozen_series *frozen);

/* Owns the older chunks from now on: the series may then do with its own what it wants. Before that
 * it may get chunks more, change its head, and drop chunks after rm__frozen_series_drop.
 * Errors: RM_ENOMEM. */
int rm__frozen_series_own(struct rm_frozen_series *frozen);

/* The series is going to drop the first @n_chunks that it has now, none of them its head.
 * Errors: RM_ENOMEM. */
int rm__frozen_series_drop(struct rm_frozen_series *frozen, uint32_t n_chunks);

static inline uint32_t rm__frozen_series_n_chunks(const struct rm_frozen_series *frozen)
{
    return frozen->n_older + (frozen->head != NULL);
}

/* Chunk @index. An open one may have got more observations than *@ret_n, behind these. */
struct rm_chunk *rm__frozen_series_chunk(const struct rm_frozen_series *frozen, uint32_t index,
                                         uint32_t *ret_n);

/* Asks memory for chunk @index, if there is one. */
static inline void rm__frozen_series_prefetch_chunk(const struct rm_frozen_series *frozen,
                                                    uint32_t index)
{
    if (index >= frozen->n_owned && index < frozen->n_older) {
        __builtin_prefetch(frozen->series->older.items[index - frozen->n_dropped], 1);
    }
}

void rm__frozen_series_done(struct rm_frozen_series *frozen);

#endif
