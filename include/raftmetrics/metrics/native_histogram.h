/* The exponential histogram of a series, as Prometheus' native histograms define it
 * (https://prometheus.io/docs/specs/native_histograms/): with base = 2^(2^-schema), bucket i of the
 * positive side holds the values in (base^(i - 1), base^i], the negative side mirrors it, and what
 * is not farther from 0 than the zero threshold is in the zero bucket. Every finite double has a
 * bucket.
 *
 * A histogram has the finest schema, from RM_NATIVE_SCHEMA_MAX down, with which it needs at most
 * RM_NATIVE_BUCKETS_MAX populated buckets on both sides together. So it depends on what was
 * recorded alone, not on the order, and merging is exact, associative and commutative. */
#ifndef RAFTMETRICS_METRICS_NATIVE_HISTOGRAM_H
#define RAFTMETRICS_METRICS_NATIVE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
    RM_NATIVE_SCHEMA_MAX = 6, /* relative error of a value at most 0.55 % */
    RM_NATIVE_SCHEMA_MIN = -4,
    RM_NATIVE_BUCKETS_MAX = 320,
};

/* 2^-128, as Prometheus' clients have it. */
#define RM_NATIVE_ZERO_THRESHOLD 0x1p-128

struct rm_native_bucket {
    int32_t index;
    uint64_t count; /* not 0 */
};

/* Populated buckets, ascending by index. */
struct rm_native_side {
    struct rm_native_bucket *buckets;
    uint32_t n;
    uint32_t capacity;
};

/* Owned by whoever declares it; rm_native_histogram_init makes it empty. */
struct rm_native_histogram {
    int32_t schema;
    uint64_t zero_count;
    struct rm_native_side positive;
    struct rm_native_side negative; /* by magnitude: index i holds [-base^i, -base^(i - 1)) */
};

void rm_native_histogram_init(struct rm_native_histogram *histogram);
void rm_native_histogram_done(struct rm_native_histogram *histogram);

/* The bucket of @magnitude, finite and above the zero threshold, at @schema. */
int32_t rm_native_bucket_of(double magnitude, int32_t schema);

/* base^@index at @schema, the upper bound of bucket @index; infinite past the largest double. */
double rm_native_bucket_bound(int32_t index, int32_t schema);

/* Counts one finite value. On error the histogram is unchanged. Errors: RM_ENOMEM. */
int rm_native_histogram_record(struct rm_native_histogram *histogram, double value);

/* Adds the counts of @other. On error the histogram is unchanged. Errors: RM_ENOMEM. */
int rm_native_histogram_merge(struct rm_native_histogram *histogram,
                              const struct rm_native_histogram *other);

uint64_t rm_native_histogram_count(const struct rm_native_histogram *histogram);

/* The @q-quantile (0 to 1) of what was counted, between order statistics as Hyndman and Fan's
 * definition 7 has it: rank q * (n - 1), a fraction of it interpolated linearly. Each order
 * statistic is taken to be in the middle of its bucket (the harmonic mean of the bounds; 0 in the
 * zero bucket), which is off by at most rm_native_histogram_error of it; and so is the quantile,
 * but where it lies between a negative value and a positive one. NAN when empty. */
double rm_native_histogram_quantile(const struct rm_native_histogram *histogram, double q);

/* The largest relative error of a value outside of the zero bucket: (base - 1) / (base + 1). */
double rm_native_histogram_error(const struct rm_native_histogram *histogram);

/* Allocated bytes. */
size_t rm_native_histogram_bytes(const struct rm_native_histogram *histogram);

#endif
