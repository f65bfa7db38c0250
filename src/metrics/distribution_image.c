/* A distribution in the image of a store. */
#include <math.h>
#include <stdlib.h>

#include "distribution.h"
#include "image_bytes.h"
#include "raftmetrics/base/error.h"

static uint32_t n_native(const struct rm_native_histogram *native)
{
    return native->positive.n + native->negative.n;
}

size_t rm__distribution_image_bytes(const struct rm_distribution *distribution)
{
    size_t n_indexes = n_native(&distribution->native);
    size_t n_index_bytes = n_indexes * sizeof(int32_t);

    return sizeof(struct rm_distribution_image) +
           (distribution->classic.n_counts + n_indexes) * sizeof(uint64_t) + n_index_bytes +
           rm__image_padding(n_index_bytes);
}

static char *put_counts(char *to, const struct rm_native_side *side)
{
    for (uint32_t i = 0; i < side->n; i++) {
        to = rm__image_put(to, &side->buckets[i].count, sizeof side->buckets[i].count);
    }
    return to;
}

static char *put_indexes(char *to, const struct rm_native_side *side)
{
    for (uint32_t i = 0; i < side->n; i++) {
        memcpy(to, &side->buckets[i].index, sizeof side->buckets[i].index);
        to += sizeof side->buckets[i].index;
    }
    return to;
}

char *rm__distribution_put(const struct rm_distribution *distribution, char *to)
{
    const struct rm_histogram *classic = &distribution->classic;
    const struct rm_native_histogram *native = &distribution->native;
    const struct rm_distribution_image image = {.small_high = distribution->sum.small.high,
                                                .small_low = distribution->sum.small.low,
                                                .large_high = distribution->sum.large.high,
                                                .large_low = distribution->sum.large.low,
                                                .min = distribution->min,
                                                .max = distribution->max,
                                                .zero_count = native->zero_count,
                                                .schema = native->schema,
                                                .n_positive = native->positive.n,
                                                .n_negative = native->negative.n,
                                                .first_bucket = classic->first_bucket,
                                                .n_classic = classic->n_counts};
    size_t n_padding = rm__image_padding(n_native(native) * sizeof(int32_t));

    to = rm__image_put(to, &image, sizeof image);
    to = rm__image_put(to, classic->counts, classic->n_counts * sizeof *classic->counts);
    to = put_counts(to, &native->positive);
    to = put_counts(to, &native->negative);
    to = put_indexes(to, &native->positive);
    to = put_indexes(to, &native->negative);
    memset(to, 0, n_padding);
    return to + n_padding;
}

/* ---- reading ---- */

/* What is behind the front of an image. */
struct parts {
    const uint64_t *classic;
    const uint64_t *native; /* counts; then of both sides */
    const int32_t *indexes;
};

static bool take_parts(struct rm_slice bytes, const struct rm_distribution_image *image,
                       struct parts *ret_parts)
{
    size_t n = (size_t)image->n_positive + image->n_negative;
    struct rm_slice indexes;

    ret_parts->classic = rm__image_take(&bytes, image->n_classic, sizeof(uint64_t));
    ret_parts->native =
        ret_parts->classic == NULL ? NULL : rm__image_take(&bytes, n, sizeof(uint64_t));
    if (ret_parts->native == NULL || !rm__image_take_bytes(&bytes, n * sizeof(int32_t), &indexes) ||
        bytes.len != 0) {
        return false;
    }
    ret_parts->indexes = (const int32_t *)(const void *)indexes.data;
    return true;
}

static bool is_front_valid(const struct rm_distribution_image *image,
                           struct rm_bucket_bounds bounds)
{
    return image->zero == 0 && image->n_classic > 0 && image->n_classic <= bounds.n + 1 &&
           image->first_bucket <= bounds.n + 1 - image->n_classic &&
           image->schema >= RM_NATIVE_SCHEMA_MIN && image->schema <= RM_NATIVE_SCHEMA_MAX &&
           image->n_positive <= RM_NATIVE_BUCKETS_MAX &&
           image->n_negative <= RM_NATIVE_BUCKETS_MAX - image->n_positive && isfinite(image->min) &&
           isfinite(image->max) && image->min <= image->max;
}

/* The sums of fewer than 2^64 doubles: nothing that is not finite comes of adding to them. */
static bool is_sum_valid(const struct rm_distribution_image *image)
{
    return fabs(image->small_high) <= 0x1p577 &&
           fabs(image->small_low) <= fabs(image->small_high) &&
           fabs(image->large_high) <= 0x1p1023 && fabs(image->large_low) <= fabs(image->large_high);
}

static bool is_count_of(const uint64_t *counts, size_t n_counts, uint64_t n_values)
{
    for (size_t i = 0; i < n_counts; i++) {
        if (counts[i] > n_values) {
            return false;
        }
        n_values -= counts[i];
    }
    return n_values == 0;
}

/* Ascending, of buckets that values may be in, none of them empty. */
static bool is_side_valid(const int32_t *indexes, const uint64_t *counts, uint32_t n,
                          int32_t schema)
{
    int32_t before = rm_native_bucket_of(nextafter(RM_NATIVE_ZERO_THRESHOLD, 1), schema) - 1;
    int32_t last = rm_native_bucket_of(0x1.fffffffffffffp1023, schema);

    for (uint32_t i = 0; i < n; i++) {
        if (indexes[i] <= before || indexes[i] > last || counts[i] == 0) {
            return false;
        }
        before = indexes[i];
    }
    return true;
}

static int read_side(const int32_t *indexes, const uint64_t *counts, uint32_t n,
                     struct rm_native_side *side)
{
    if (n == 0) {
        return 0;
    }
    side->buckets = malloc(n * sizeof *side->buckets);
    if (side->buckets == NULL) {
        return RM_ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        side->buckets[i] = (struct rm_native_bucket){indexes[i], counts[i]};
    }
    side->n = n;
    side->capacity = n;
    return 0;
}

static bool is_valid(const struct rm_distribution_image *image, const struct parts *parts,
                     uint64_t n_values)
{
    uint32_t n = image->n_positive;

    return is_sum_valid(image) && is_count_of(parts->classic, image->n_classic, n_values) &&
           image->zero_count <= n_values &&
           is_count_of(parts->native, n + image->n_negative, n_values - image->zero_count) &&
           is_side_valid(parts->indexes, parts->native, n, image->schema) &&
           is_side_valid(parts->indexes + n, parts->native + n, image->n_negative, image->schema);
}

static int read_parts(const struct rm_distribution_image *image, const struct parts *parts,
                      struct rm_distribution *distribution)
{
    const struct rm_histogram borrowed = {.counts = (uint64_t *)(uintptr_t)parts->classic,
                                          .first_bucket = image->first_bucket,
                                          .n_counts = image->n_classic};
    uint32_t n = image->n_positive;
    int rv = rm_histogram_merge(&distribution->classic, &borrowed);

    distribution->native.schema = image->schema;
    distribution->native.zero_count = image->zero_count;
    if (rv == 0) {
        rv = read_side(parts->indexes, parts->native, n, &distribution->native.positive);
    }
    if (rv == 0) {
        rv = read_side(parts->indexes + n, parts->native + n, image->n_negative,
                       &distribution->native.negative);
    }
    return rv;
}

int rm__distribution_read(struct rm_slice bytes, struct rm_bucket_bounds bounds, uint64_t n_values,
                          struct rm_distribution *ret_distribution)
{
    const struct rm_distribution_image *image = rm__image_take(&bytes, 1, sizeof *image);
    struct rm_distribution distribution;
    struct parts parts;
    int rv;

    if (image == NULL || !is_front_valid(image, bounds) || !take_parts(bytes, image, &parts) ||
        !is_valid(image, &parts, n_values)) {
        return RM_ECORRUPT;
    }
    rm__distribution_init(&distribution);
    distribution.count = n_values;
    distribution.sum = (struct rm_sum){{image->small_high, image->small_low},
                                       {image->large_high, image->large_low}};
    distribution.min = image->min;
    distribution.max = image->max;
    rv = read_parts(image, &parts, &distribution);
    if (rv != 0) {
        rm__distribution_done(&distribution);
        return rv;
    }
    *ret_distribution = distribution;
    return 0;
}
