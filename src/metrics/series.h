/* A series: a label set of a metric, its observations in chunks in the order of their positions,
 * and their distribution.
 *
 * The newest chunk is open. Of the others at most one is, the last that an observation came late
 * for; all others are sealed. That, and where one chunk ends and the next begins, comes of what was
 * recorded alone: reading, freezing and restoring change nothing of it. */
#ifndef RAFTMETRICS_SRC_METRICS_SERIES_H
#define RAFTMETRICS_SRC_METRICS_SERIES_H

#include <stdint.h>

#include "chunk.h"
#include "distribution.h"
#include "increase.h"
#include "observation.h"
#include "raftmetrics/base/sample.h"
#include "raftmetrics/metrics/histogram.h"
#include "runs.h"
#include "summary.h"
#include "vector.h"

struct rm_metric;

#define RM_SERIES_NO_CHUNK UINT32_MAX

struct rm_series {
    struct rm_metric *metric;
    uint64_t hash;     /* its place in the store's table */
    uint64_t identity; /* what the state's hash knows it by */
    uint64_t number;   /* in its metric, in the order of creation, from 1 on; none comes twice */
    struct rm_chunk *head;                /* the newest chunk; NULL where there is none */
    struct rm_vector older;               /* of struct rm_chunk, none empty, each before the next */
    struct rm_distribution *distribution; /* NULL while its values, in one chunk, say it all */
    struct rm_runs runs;
    uint64_t n_bytes; /* allocated, itself included, runs not */
    uint32_t late;    /* the one of older that is open; RM_SERIES_NO_CHUNK */
    uint32_t n_labels;
    uint32_t freeze;          /* of the store: the one that has seen to it last (freezing.h) */
    bool is_condemned;        /* to be freed by that one, for it is in no store any more */
    struct rm_label labels[]; /* their bytes lie behind them in the same block */
};

static inline uint32_t rm__series_n_chunks(const struct rm_series *series)
{
    return series->older.n + (series->head != NULL);
}

static inline struct rm_chunk *rm__series_chunk(const struct rm_series *series, uint32_t index)
{
    return index < series->older.n ? series->older.items[index] : series->head;
}

/* A place between two observations: in front of observation @index of chunk @chunk. The end is
 * index 0 of the chunk that is not there. */
struct rm_series_place {
    uint32_t chunk;
    uint32_t index;
};

/* A series without observations of @metric; copies @labels. NULL when out of memory. */
struct rm_series *rm__series_new(struct rm_metric *metric, uint64_t hash,
                                 const struct rm_label *labels, size_t n_labels);

/* Takes NULL. */
void rm__series_free(struct rm_series *series);

/* A series that says the same of its values, and goes on saying it: it shares what never changes,
 * and belongs to nobody but the caller. It may not be recorded to. Its n_bytes are without what it
 * shares. NULL when out of memory. */
struct rm_series *rm__series_snapshot(const struct rm_series *series);

bool rm__series_has_labels(const struct rm_series *series, const struct rm_label *labels,
                           size_t n_labels);

/* The value of a label, empty where the series has none of that name. */
struct rm_slice rm__series_label(const struct rm_series *series, struct rm_slice name);

/* Adds an observation whose ordinal is larger than all before; @bounds are the same each time.
 * Errors: RM_ENOMEM, after which nothing may be done with the series but freeing it. */
int rm__series_record(struct rm_series *series, const struct rm_observation *observation,
                      struct rm_bucket_bounds bounds);

/* Will an observation at @position be recorded without a change of any chunk but the newest, behind
 * which there may be another one then? A newest one that is full is split for an observation that
 * belongs into it, and the last one that was written late is sealed. */
static inline bool rm__series_touches_head_only(const struct rm_series *series,
                                                struct rm_position position)
{
    const struct rm_chunk *head = series->head;

    return head == NULL || rm__position_is_before(rm__chunk_last(head)->position, position) ||
           (!rm__chunk_is_full(head) &&
            !rm__position_is_before(position, rm__chunk_first(head)->position));
}

/* Makes @chunk the newest chunk of the series, and takes the caller's ownership over unless it
 * fails. Its observations stand behind those of the others. What was the newest is sealed already,
 * or is the open one of the others. Errors: RM_ENOMEM. */
int rm__series_append_chunk(struct rm_series *series, struct rm_chunk *chunk);

/* Takes @distribution over unless it fails. Errors: RM_ENOMEM. */
int rm__series_set_distribution(struct rm_series *series, struct rm_distribution *distribution);

/* Keeps the distribution of all that was recorded from now on, whatever becomes of the values.
 * Errors: RM_ENOMEM, which leaves the series as it was. */
int rm__series_keep_distribution(struct rm_series *series, struct rm_bucket_bounds bounds);

/* Adds the classic counts of all that was recorded. Errors: RM_ENOMEM, after which some may be
 * added. */
int rm__series_add_to_histogram(const struct rm_series *series, struct rm_bucket_bounds bounds,
                                struct rm_histogram *histogram);

/* Adds all that was recorded; what that costs is taken off @budget (query_pass.h).
 * Errors: RM_ENOMEM, after which some may be added. */
int rm__series_add_to_distribution(const struct rm_series *series, struct rm_bucket_bounds bounds,
                                   struct rm_distribution *distribution, int64_t *budget);

/* The place in front of the first observation that does not stand before @position. */
struct rm_series_place rm__series_find(const struct rm_series *series, struct rm_position position);

/* How many observations lie between two places; 0 where @end is not behind @begin. */
uint64_t rm__series_count(const struct rm_series *series, struct rm_series_place begin,
                          struct rm_series_place end);

/* Adds the observations between two places, in their order. The sums and moments of what is added
 * do not depend on what was asked before, to the last bit. */
void rm__series_summarize(const struct rm_series *series, struct rm_series_place begin,
                          struct rm_series_place end, struct rm_summary *summary);

/* Appends them. */
void rm__series_increase(const struct rm_series *series, struct rm_series_place begin,
                         struct rm_series_place end, struct rm_increase *increase);

#endif
