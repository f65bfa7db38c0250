/* Quantiles by linear interpolation between order statistics, definition 7 of Hyndman and Fan,
 * "Sample quantiles in statistical packages", 1996; to the bit as numpy has them, but finite also
 * where the two are farther apart than the largest double, and -0.0 where both are. */
#ifndef RAFTMETRICS_SRC_METRICS_QUANTILE_H
#define RAFTMETRICS_SRC_METRICS_QUANTILE_H

#include <stddef.h>
#include <stdint.h>

/* The quantiles @quantiles (each from 0 to 1, at most RM_QUANTILES_MAX) of the @n (not 0) values
 * whose order keys @keys are. Reorders and overwrites the keys. */
void rm__quantiles(uint64_t *keys, size_t n, const double *quantiles, size_t n_quantiles,
                   double *ret_quantiles);

#endif
