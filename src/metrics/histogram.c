#include "raftmetrics/metrics/histogram.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"

static const double DEFAULT_BOUNDS[] = {
    0,   1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 1e-1, 2.5e-1, 5e-1, 1e0,
    2.5, 5,    1e1,    25,   50,   1e2,    250,  500,  1e3,    2500, 5000,
    1e4, 25e3, 50e3,   1e5,  25e4, 50e4,   1e6,  25e5, 50e5,
};

struct rm_bucket_bounds rm_bucket_bounds_default(void)
{
    return (struct rm_bucket_bounds){DEFAULT_BOUNDS,
                                     sizeof DEFAULT_BOUNDS / sizeof *DEFAULT_BOUNDS};
}

bool rm_bucket_bounds_are_equal(struct rm_bucket_bounds a, struct rm_bucket_bounds b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.bounds, b.bounds, a.n * sizeof *a.bounds) == 0);
}

size_t rm_bucket_of(struct rm_bucket_bounds bounds, double value)
{
    size_t low = 0;
    size_t high = bounds.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (value <= bounds.bounds[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

void rm_histogram_done(struct rm_histogram *histogram)
{
    free(histogram->counts);
    *histogram = (struct rm_histogram){0};
}

/* Makes the counts reach from @first to the one before @end, at least. */
static int cover(struct rm_histogram *histogram, uint32_t first, uint32_t end)
{
    uint32_t old_end = histogram->first_bucket + histogram->n_counts;
    uint64_t *counts;

    if (histogram->n_counts > 0) {
        first = first < histogram->first_bucket ? first : histogram->first_bucket;
        end = end > old_end ? end : old_end;
        if (end - first == histogram->n_counts) {
            return 0;
        }
    }
    counts = calloc(end - first, sizeof *counts);
    if (counts == NULL) {
        return RM_ENOMEM;
    }
    if (histogram->n_counts > 0) {
        memcpy(counts + (histogram->first_bucket - first), histogram->counts,
               histogram->n_counts * sizeof *counts);
    }
    free(histogram->counts);
    *histogram = (struct rm_histogram){counts, first, end - first};
    return 0;
}

int rm_histogram_record(struct rm_histogram *histogram, size_t bucket)
{
    int rv;

    assert(bucket < UINT32_MAX);
    rv = cover(histogram, (uint32_t)bucket, (uint32_t)bucket + 1);
    if (rv != 0) {
        return rv;
    }
    histogram->counts[bucket - histogram->first_bucket]++;
    return 0;
}

int rm_histogram_merge(struct rm_histogram *histogram, const struct rm_histogram *other)
{
    uint64_t *counts;
    int rv;

    if (other->n_counts == 0) {
        return 0;
    }
    rv = cover(histogram, other->first_bucket, other->first_bucket + other->n_counts);
    if (rv != 0) {
        return rv;
    }
    counts = histogram->counts + (other->first_bucket - histogram->first_bucket);
    for (uint32_t i = 0; i < other->n_counts; i++) {
        counts[i] += other->counts[i];
    }
    return 0;
}

uint64_t rm_histogram_count(const struct rm_histogram *histogram, size_t bucket)
{
    if (bucket < histogram->first_bucket ||
        bucket - histogram->first_bucket >= histogram->n_counts) {
        return 0;
    }
    return histogram->counts[bucket - histogram->first_bucket];
}

uint64_t rm_histogram_cumulative_count(const struct rm_histogram *histogram, size_t bucket)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < histogram->n_counts && histogram->first_bucket + i <= bucket; i++) {
        count += histogram->counts[i];
    }
    return count;
}

size_t rm_histogram_bytes(const struct rm_histogram *histogram)
{
    return histogram->n_counts * sizeof *histogram->counts;
}
