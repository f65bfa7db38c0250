/* A series: a label set of a metric, its observations in chunks in the order of their positions,
 * and its histogram. */
#ifndef RAFTMETRICS_SRC_METRICS_SERIES_H
#define RAFTMETRICS_SRC_METRICS_SERIES_H

#include <stdint.h>

#include "chunk.h"
#include "observation.h"
#include "raftmetrics/base/sample.h"
#include "raftmetrics/metrics/histogram.h"
#include "summary.h"
#include "vector.h"

struct rm_metric;

struct rm_series {
    struct rm_metric *metric;
    uint64_t hash;           /* its place in the store's table */
    uint64_t identity;       /* what the state's hash knows it by */
    struct rm_vector chunks; /* of struct rm_chunk, none empty, each before the next */
    struct rm_histogram histogram;
    uint64_t n_bytes; /* allocated, itself included */
    uint32_t n_labels;
    struct rm_label labels[]; /* their bytes lie behind them in the same block */
};

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

bool rm__series_has_labels(const struct rm_series *series, const struct rm_label *labels,
                           size_t n_labels);

/* The value of a label, empty where the series has none of that name. */
struct rm_slice rm__series_label(const struct rm_series *series, struct rm_slice name);

/* Adds an observation whose ordinal is larger than all before. Errors: RM_ENOMEM, after which the
 * histogram may count one that the chunks do not hold. */
int rm__series_record(struct rm_series *series, const struct rm_observation *observation,
                      struct rm_bucket_bounds bounds);

/* Makes @chunk chunk @index of the series, which takes the caller's ownership over unless it fails.
 * Its observations stand between those of its neighbours; the histogram does not count them.
 * Errors: RM_ENOMEM. */
int rm__series_insert_chunk(struct rm_series *series, uint32_t index, struct rm_chunk *chunk);

/* Adds counts of observations that are inserted with their chunk. Errors: RM_ENOMEM. */
int rm__series_add_counts(struct rm_series *series, const struct rm_histogram *histogram);

/* The place in front of the first observation that does not stand before @position. */
struct rm_series_place rm__series_find(const struct rm_series *series, struct rm_position position);

/* How many observations lie between two places; 0 where @end is not behind @begin. */
uint64_t rm__series_count(const struct rm_series *series, struct rm_series_place begin,
                          struct rm_series_place end);

/* Adds the observations between two places. */
void rm__series_summarize(const struct rm_series *series, struct rm_series_place begin,
                          struct rm_series_place end, struct rm_summary *summary);

/* Moves @place, which is not the front of the series, one back; the observation it now stands in
 * front of. */
const struct rm_observation *rm__series_step_back(const struct rm_series *series,
                                                  struct rm_series_place *place);

#endif
