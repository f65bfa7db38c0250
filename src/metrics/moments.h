/* The mean and the sum of squared deviations from it (m2) of a set of values, kept so that sets
 * merge: Welford 1962 for one value, Chan, Golub and LeVeque, "Updating formulae and a pairwise
 * algorithm for computing sample variances", 1979, for two sets. Sums of squares would cancel.
 *
 * Squares need twice a double's range of exponents, so values are kept times a power of two that
 * the largest magnitude in the set decides. Zeroed it is the empty set. */
#ifndef RAFTMETRICS_SRC_METRICS_MOMENTS_H
#define RAFTMETRICS_SRC_METRICS_MOMENTS_H

#include <stdint.h>

enum rm_moments_scale {
    RM_MOMENTS_SMALL, /* all below 2^-300: kept times 2^600 */
    RM_MOMENTS_PLAIN,
    RM_MOMENTS_LARGE, /* one of 2^300 or more: kept times 2^-600 */
};

struct rm_moments {
    double mean;
    double m2;
    enum rm_moments_scale scale;
};

/* Adds @value to a set of which it is the @n-th. */
void rm__moments_add(struct rm_moments *moments, uint64_t n, double value);

/* Those of @n (not 0) values whose mean is about @mean, not outside of them, and whose largest
 * magnitude is @magnitude: a second pass is faster than Welford's divisions, and more precise. */
struct rm_moments rm__moments_of_run(const double *values, uint32_t n, double mean,
                                     double magnitude);

/* Adds the @n_other (not 0) values of @other to the @n of @moments. */
void rm__moments_merge(struct rm_moments *moments, uint64_t n, const struct rm_moments *other,
                       uint64_t n_other);

/* Of the population of the @n (not 0) values; infinite where it overflows. */
double rm__moments_variance(const struct rm_moments *moments, uint64_t n);

/* Its root; finite. */
double rm__moments_stddev(const struct rm_moments *moments, uint64_t n);

#endif
