#include "distribution.h"

#include "image_bytes.h"
#include "raftmetrics/base/error.h"

void rm__distribution_done(struct rm_distribution *distribution)
{
    rm_histogram_done(&distribution->classic);
}

int rm__distribution_record(struct rm_distribution *distribution, struct rm_bucket_bounds bounds,
                            double value)
{
    return rm_histogram_record(&distribution->classic, rm_bucket_of(bounds, value));
}

size_t rm__distribution_bytes(const struct rm_distribution *distribution)
{
    return rm_histogram_bytes(&distribution->classic);
}

/* ---- in an image ---- */

struct image {
    uint32_t first_bucket;
    uint32_t n_counts;
};

size_t rm__distribution_image_bytes(const struct rm_distribution *distribution)
{
    return sizeof(struct image) +
           distribution->classic.n_counts * sizeof *distribution->classic.counts;
}

char *rm__distribution_put(const struct rm_distribution *distribution, char *to)
{
    const struct rm_histogram *classic = &distribution->classic;
    const struct image image = {classic->first_bucket, classic->n_counts};

    to = rm__image_put(to, &image, sizeof image);
    return rm__image_put(to, classic->counts, classic->n_counts * sizeof *classic->counts);
}

static bool is_count_of(const uint64_t *counts, uint32_t n_counts, uint64_t n_values)
{
    for (uint32_t i = 0; i < n_counts; i++) {
        if (counts[i] > n_values) {
            return false;
        }
        n_values -= counts[i];
    }
    return n_values == 0;
}

int rm__distribution_read(struct rm_slice bytes, struct rm_bucket_bounds bounds, uint64_t n_values,
                          struct rm_distribution *ret_distribution)
{
    const struct image *image = rm__image_take(&bytes, 1, sizeof *image);
    struct rm_distribution distribution = {0};
    struct rm_histogram borrowed;
    int rv;

    if (image == NULL || image->n_counts == 0 || image->n_counts > bounds.n + 1 ||
        image->first_bucket > bounds.n + 1 - image->n_counts ||
        bytes.len != image->n_counts * sizeof *borrowed.counts) {
        return RM_ECORRUPT;
    }
    borrowed = (struct rm_histogram){.counts = (uint64_t *)(uintptr_t)bytes.data,
                                     .first_bucket = image->first_bucket,
                                     .n_counts = image->n_counts};
    if (!is_count_of(borrowed.counts, borrowed.n_counts, n_values)) {
        return RM_ECORRUPT;
    }
    rv = rm_histogram_merge(&distribution.classic, &borrowed);
    if (rv == 0) {
        *ret_distribution = distribution;
    }
    return rv;
}
