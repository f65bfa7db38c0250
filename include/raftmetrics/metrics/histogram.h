/* The classic histogram of a series, as Prometheus has it: counts of values up to each of a list of
 * bounds, and above the last. Owned by whoever declares it. */
#ifndef RAFTMETRICS_METRICS_HISTOGRAM_H
#define RAFTMETRICS_METRICS_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The upper bounds, ascending: bucket i holds the values in (bounds[i - 1], bounds[i]]; one more
 * bucket, i = n, holds what is above the last ("+Inf"). */
struct rm_bucket_bounds {
    const double *bounds;
    size_t n;
};

/* 0, and 1, 2.5 and 5 times each power of ten from 1e-3 to 1e6. Static. */
struct rm_bucket_bounds rm_bucket_bounds_default(void);

bool rm_bucket_bounds_are_equal(struct rm_bucket_bounds a, struct rm_bucket_bounds b);

/* The bucket of @value, from 0 to @bounds.n. */
size_t rm_bucket_of(struct rm_bucket_bounds bounds, double value);

/* Counts of the buckets from first_bucket on, for most series need few of them. Zeroed it is
 * empty. */
struct rm_histogram {
    uint64_t *counts;
    uint32_t first_bucket;
    uint32_t n_counts;
};

void rm_histogram_done(struct rm_histogram *histogram);

/* Counts one value of @bucket. On error the histogram is unchanged. Errors: RM_ENOMEM. */
int rm_histogram_record(struct rm_histogram *histogram, size_t bucket);

/* Adds the counts of @other, which has the same bounds. On error the histogram is unchanged.
 * Errors: RM_ENOMEM. */
int rm_histogram_merge(struct rm_histogram *histogram, const struct rm_histogram *other);

/* How many values were counted in @bucket alone, and in it and all below. */
uint64_t rm_histogram_count(const struct rm_histogram *histogram, size_t bucket);
uint64_t rm_histogram_cumulative_count(const struct rm_histogram *histogram, size_t bucket);

/* Allocated bytes. */
size_t rm_histogram_bytes(const struct rm_histogram *histogram);

#endif
