/* The distribution of all that was ever recorded in a series: what a series keeps of it outlives
 * the values, of which the oldest may have been dropped. */
#ifndef RAFTMETRICS_SRC_METRICS_DISTRIBUTION_H
#define RAFTMETRICS_SRC_METRICS_DISTRIBUTION_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "double_double.h"
#include "raftmetrics/base/slice.h"
#include "raftmetrics/metrics/histogram.h"
#include "raftmetrics/metrics/native_histogram.h"

/* Begins with rm__distribution_init, empty. */
struct rm_distribution {
    uint64_t count;
    uint64_t n_dropped;    /* so many of them are held no more */
    uint64_t dropped_hash; /* rm__state_hash_observations of these */
    int64_t dropped_ms;    /* the newest of these; INT64_MIN where there are none */
    struct rm_sum sum;
    double min; /* INFINITY when empty; -0.0 is smaller than 0.0 */
    double max; /* -INFINITY */
    struct rm_histogram classic;
    struct rm_native_histogram native;
};

void rm__distribution_init(struct rm_distribution *distribution);
void rm__distribution_done(struct rm_distribution *distribution);

/* Counts one value. On error it counts somewhere and elsewhere not. Errors: RM_ENOMEM. */
int rm__distribution_record(struct rm_distribution *distribution, struct rm_bucket_bounds bounds,
                            double value);

/* Adds @other, which has the same bounds. Errors: as rm__distribution_record. */
int rm__distribution_merge(struct rm_distribution *distribution,
                           const struct rm_distribution *other);

/* Allocated bytes, but for the struct itself. */
size_t rm__distribution_bytes(const struct rm_distribution *distribution);

/* ---- in an image ---- */

/* Behind it lie numbers of 1 to 10 bytes, filled up: the counts of the classic buckets; then of
 * each positive and each negative native bucket how far its index is above the one before, and its
 * count. Most of them are small, and there are many. */
struct rm_distribution_image {
    uint64_t n_dropped;
    uint64_t dropped_hash;
    int64_t dropped_ms;
    double small_high;
    double small_low;
    double large_high;
    double large_low;
    double min;
    double max;
    uint64_t zero_count;
    int32_t schema;
    uint32_t n_positive;
    uint32_t n_negative;
    uint32_t first_bucket;
    uint32_t n_classic;
    uint32_t zero;
};

static_assert(sizeof(struct rm_distribution_image) == 104, "no gaps");

/* The bytes it takes there at most; and puts them @to, a multiple of 8, returning their end. */
size_t rm__distribution_image_max(const struct rm_distribution *distribution);
char *rm__distribution_put(const struct rm_distribution *distribution, char *to);

/* Reads all of @bytes, those of a distribution with these @bounds of @n_held values and those that
 * were dropped. *@ret_distribution is the caller's, to be ended with rm__distribution_done. Errors:
 * RM_ECORRUPT, RM_ENOMEM. */
int rm__distribution_read(struct rm_slice bytes, struct rm_bucket_bounds bounds, uint64_t n_held,
                          struct rm_distribution *ret_distribution);

#endif
