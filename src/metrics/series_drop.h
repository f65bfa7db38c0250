/* Dropping the oldest chunks of a series. What is known of them in sum stays: the distribution, and
 * for the state's hash the sum of the hashes of what was dropped. */
#ifndef RAFTMETRICS_SRC_METRICS_SERIES_DROP_H
#define RAFTMETRICS_SRC_METRICS_SERIES_DROP_H

#include "series.h"

/* How many observations it holds. At once. */
static inline uint64_t rm__series_n_held(const struct rm_series *series)
{
    if (series->distribution != NULL) {
        return series->distribution->count - series->distribution->n_dropped;
    }
    return series->head == NULL ? 0 : series->head->n;
}

/* The oldest that it holds. */
static inline const struct rm_chunk *rm__series_oldest(const struct rm_series *series)
{
    return rm__series_chunk(series, 0);
}

/* The hash in a state's of what was dropped; 0 of nothing. */
uint64_t rm__series_past_hash(const struct rm_series *series);

/* The hash in a state's of its number. */
uint64_t rm__series_number_hash(const struct rm_series *series);

/* What the state's hash has of a series: of its number, its observations, and its past. */
uint64_t rm__series_state_hash(const struct rm_series *series);

/* Drops the @n_chunks (fewer than there are) oldest: *@ret_n_samples of them. What is then less in
 * the state's hash. */
uint64_t rm__series_drop(struct rm_series *series, uint32_t n_chunks, uint64_t *ret_n_samples);

#endif
