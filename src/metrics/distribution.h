/* What a series keeps of the distribution of all that was ever recorded in it, for it outlives the
 * values. */
#ifndef RAFTMETRICS_SRC_METRICS_DISTRIBUTION_H
#define RAFTMETRICS_SRC_METRICS_DISTRIBUTION_H

#include <stddef.h>

#include "raftmetrics/base/slice.h"
#include "raftmetrics/metrics/histogram.h"

/* Zeroed it is empty. */
struct rm_distribution {
    struct rm_histogram classic;
};

void rm__distribution_done(struct rm_distribution *distribution);

/* Counts one value. Errors: RM_ENOMEM. */
int rm__distribution_record(struct rm_distribution *distribution, struct rm_bucket_bounds bounds,
                            double value);

/* Allocated bytes, but for the struct itself. */
size_t rm__distribution_bytes(const struct rm_distribution *distribution);

/* ---- in an image: 8 bytes of numbers, then the counts ---- */

/* The bytes it takes there, a multiple of 8; and puts them @to, returning their end. */
size_t rm__distribution_image_bytes(const struct rm_distribution *distribution);
char *rm__distribution_put(const struct rm_distribution *distribution, char *to);

/* Reads all of @bytes, those of a histogram with these @bounds of @n_values. *@ret_distribution is
 * the caller's, to be ended with rm__distribution_done. Errors: RM_ECORRUPT, RM_ENOMEM. */
int rm__distribution_read(struct rm_slice bytes, struct rm_bucket_bounds bounds, uint64_t n_values,
                          struct rm_distribution *ret_distribution);

#endif
