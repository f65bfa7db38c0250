/* A metric: a name and its series. */
#ifndef RAFTMETRICS_SRC_METRICS_METRIC_H
#define RAFTMETRICS_SRC_METRICS_METRIC_H

#include <stdint.h>

#include "bucket_table.h"
#include "observation.h"
#include "raftmetrics/base/slice.h"
#include "vector.h"

struct rm_metric {
    uint64_t hash;                /* its place in the store's table */
    struct rm_vector series;      /* of struct rm_series, owned, in the order of their creation */
    uint64_t n_samples;           /* that there are */
    uint64_t n_gone;              /* that were dropped: with n_samples the ordinal of the next */
    uint64_t n_born;              /* series that ever were: the number of the last */
    struct rm_observation newest; /* by position; means nothing while n_samples is 0 */
    uint64_t state_hash; /* of its bounds, n_gone and n_born, of its observations and series */
    uint32_t arrival;    /* its place in the store's arrivals */
    struct rm_shared_bounds *bounds; /* of its histograms; owned */
    struct rm_slice name;            /* its bytes lie behind the struct */
};

/* A metric without series; copies @name, and takes the ownership of @bounds over unless it fails.
 * NULL when out of memory. */
struct rm_metric *rm__metric_new(uint64_t hash, struct rm_slice name,
                                 struct rm_shared_bounds *bounds);

/* Counts @n more that are gone. What that changes of the metric's hash it changes of *@state_hash,
 * too. */
void rm__metric_add_gone(struct rm_metric *metric, uint64_t n, uint64_t *state_hash);

/* Counts @n more series that were born, likewise. */
void rm__metric_add_born(struct rm_metric *metric, uint64_t n, uint64_t *state_hash);

/* The place of the first series with a number above @number; series.n where there is none. */
uint32_t rm__metric_find_behind(const struct rm_metric *metric, uint64_t number);

/* The ordinal of the next observation. */
static inline uint64_t rm__metric_next_ordinal(const struct rm_metric *metric)
{
    return metric->n_samples + metric->n_gone;
}

/* Frees the series too. Takes NULL. */
void rm__metric_free(struct rm_metric *metric);

/* Allocated bytes, those of the series included: walks all of them. */
uint64_t rm__metric_bytes(const struct rm_metric *metric);

#endif
