/* Quantiles by linear interpolation between order statistics, definition 7 of Hyndman and Fan,
 * "Sample quantiles in statistical packages", 1996; to the bit as numpy has them, but finite also
 * where the two are farther apart than the largest double, and -0.0 where both are. */
#ifndef RAFTMETRICS_SRC_METRICS_QUANTILE_H
#define RAFTMETRICS_SRC_METRICS_QUANTILE_H

#include <stddef.h>
#include <stdint.h>

#include "order_statistics.h"
#include "raftmetrics/metrics/query.h"

/* Where some quantiles of some values lie. */
struct rm_quantile_places {
    struct rm_quantile_place {
        uint64_t rank;
        double part; /* of the way to the next rank; below 1, and 0 at the last rank */
    } places[RM_QUANTILES_MAX];
    size_t n;
    uint64_t ranks[RM_RANKS_MAX]; /* the order statistics that they lie between; ascending */
    size_t n_ranks;
};

/* The places of @quantiles (from 0 to 1, at most RM_QUANTILES_MAX) in @n_values (not 0). */
void rm__quantile_places(const double *quantiles, size_t n_quantiles, uint64_t n_values,
                         struct rm_quantile_places *ret_places);

/* The quantiles, from the order keys at the ranks. */
void rm__quantiles(const struct rm_quantile_places *places, const uint64_t *keys,
                   double *ret_quantiles);

#endif
