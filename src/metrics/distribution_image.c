/* A distribution in the image of a store. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "distribution.h"
#include "image_bytes.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/timestamp.h"

/* ---- numbers in groups of 7 bits, the lowest first, all but the last marked by an 8th ---- */

enum { NUMBER_BYTES_MAX = 10 };

static char *put_number(char *to, uint64_t number)
{
    while (number >= 0x80) {
        *to++ = (char)(number | 0x80);
        number >>= 7;
    }
    *to++ = (char)number;
    return to;
}

static bool take_number(struct rm_slice *rest, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (unsigned shift = 0; shift < 64 && rest->len > 0; shift += 7) {
        unsigned char byte = (unsigned char)*rest->data;

        *rest = rm_slice_make(rest->data + 1, rest->len - 1);
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_number = number;
            return true;
        }
    }
    return false;
}

/* ---- writing ---- */

size_t rm__distribution_image_max(const struct rm_distribution *distribution)
{
    size_t n_native = distribution->native.positive.n + distribution->native.negative.n;

    return sizeof(struct rm_distribution_image) +
           (distribution->classic.n_counts + 2 * n_native) * NUMBER_BYTES_MAX + 8;
}

/* An index is what it is above the one before. */
static char *put_side(char *to, const struct rm_native_side *side, int32_t before)
{
    for (uint32_t i = 0; i < side->n; i++) {
        to = put_number(to, (uint64_t)(side->buckets[i].index - before));
        to = put_number(to, side->buckets[i].count);
        before = side->buckets[i].index;
    }
    return to;
}

/* The index below all that values may have. */
static int32_t below_all(int32_t schema)
{
    return rm_native_bucket_of(nextafter(RM_NATIVE_ZERO_THRESHOLD, 1), schema) - 1;
}

char *rm__distribution_put(const struct rm_distribution *distribution, char *to)
{
    const struct rm_histogram *classic = &distribution->classic;
    const struct rm_native_histogram *native = &distribution->native;
    const struct rm_distribution_image image = {.n_dropped = distribution->n_dropped,
                                                .dropped_hash = distribution->dropped_hash,
                                                .dropped_ms = distribution->dropped_ms,
                                                .small_high = distribution->sum.small.high,
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
    char *numbers = rm__image_put(to, &image, sizeof image);
    size_t n_padding;

    to = numbers;
    for (uint32_t i = 0; i < classic->n_counts; i++) {
        to = put_number(to, classic->counts[i]);
    }
    to = put_side(to, &native->positive, below_all(native->schema));
    to = put_side(to, &native->negative, below_all(native->schema));
    n_padding = rm__image_padding((size_t)(to - numbers));
    memset(to, 0, n_padding);
    return to + n_padding;
}

/* ---- reading ---- */

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

/* Does it say of the @n_held values and of those that were dropped what can be? */
static bool is_past_valid(const struct rm_distribution_image *image, uint64_t n_held)
{
    return image->n_dropped <= UINT64_MAX - n_held &&
           (image->n_dropped == 0 ? image->dropped_hash == 0 && image->dropped_ms == INT64_MIN
                                  : image->dropped_ms >= RM_TIMESTAMP_MIN_MS &&
                                        image->dropped_ms <= RM_TIMESTAMP_MAX_MS);
}

/* The sums of fewer than 2^64 doubles: nothing that is not finite comes of adding to them. */
static bool is_sum_valid(const struct rm_distribution_image *image)
{
    return fabs(image->small_high) <= 0x1p577 &&
           fabs(image->small_low) <= fabs(image->small_high) &&
           fabs(image->large_high) <= 0x1p1023 && fabs(image->large_low) <= fabs(image->large_high);
}

/* Takes a count of some of @left values. */
static bool take_count(struct rm_slice *rest, uint64_t *left, uint64_t *ret_count)
{
    if (!take_number(rest, ret_count) || *ret_count > *left) {
        return false;
    }
    *left -= *ret_count;
    return true;
}

static int read_classic(struct rm_slice *rest, const struct rm_distribution_image *image,
                        uint64_t n_values, struct rm_histogram *classic)
{
    uint64_t left = n_values;

    classic->counts = calloc(image->n_classic, sizeof *classic->counts);
    if (classic->counts == NULL) {
        return RM_ENOMEM;
    }
    classic->first_bucket = image->first_bucket;
    classic->n_counts = image->n_classic;
    for (uint32_t i = 0; i < image->n_classic; i++) {
        if (!take_count(rest, &left, &classic->counts[i])) {
            return RM_ECORRUPT;
        }
    }
    return left == 0 ? 0 : RM_ECORRUPT;
}

static int read_side(struct rm_slice *rest, uint32_t n, int32_t schema, uint64_t *left,
                     struct rm_native_side *side)
{
    int32_t last = rm_native_bucket_of(DBL_MAX, schema);
    int32_t before = below_all(schema);

    if (n == 0) {
        return 0;
    }
    side->buckets = malloc(n * sizeof *side->buckets);
    if (side->buckets == NULL) {
        return RM_ENOMEM;
    }
    side->capacity = n;
    for (; side->n < n; side->n++) {
        struct rm_native_bucket *bucket = &side->buckets[side->n];
        uint64_t step;

        if (!take_number(rest, &step) || step == 0 || step > (uint64_t)(last - before) ||
            !take_count(rest, left, &bucket->count) || bucket->count == 0) {
            return RM_ECORRUPT;
        }
        bucket->index = before + (int32_t)step;
        before = bucket->index;
    }
    return 0;
}

static int read_native(struct rm_slice *rest, const struct rm_distribution_image *image,
                       uint64_t n_values, struct rm_native_histogram *native)
{
    uint64_t left = n_values - image->zero_count;
    int rv;

    if (image->zero_count > n_values) {
        return RM_ECORRUPT;
    }
    native->schema = image->schema;
    native->zero_count = image->zero_count;
    rv = read_side(rest, image->n_positive, image->schema, &left, &native->positive);
    if (rv == 0) {
        rv = read_side(rest, image->n_negative, image->schema, &left, &native->negative);
    }
    return rv == 0 && left != 0 ? RM_ECORRUPT : rv;
}

/* Less than 8 zeros. */
static bool is_padding(struct rm_slice rest)
{
    static const char ZEROS[8] = {0};

    return rest.len < sizeof ZEROS && memcmp(rest.data, ZEROS, rest.len) == 0;
}

int rm__distribution_read(struct rm_slice bytes, struct rm_bucket_bounds bounds, uint64_t n_held,
                          struct rm_distribution *ret_distribution)
{
    const struct rm_distribution_image *image = rm__image_take(&bytes, 1, sizeof *image);
    struct rm_distribution distribution;
    int rv;

    if (image == NULL || !is_front_valid(image, bounds) || !is_sum_valid(image) ||
        !is_past_valid(image, n_held)) {
        return RM_ECORRUPT;
    }
    rm__distribution_init(&distribution);
    distribution.count = n_held + image->n_dropped;
    distribution.n_dropped = image->n_dropped;
    distribution.dropped_hash = image->dropped_hash;
    distribution.dropped_ms = image->dropped_ms;
    distribution.sum = (struct rm_sum){{image->small_high, image->small_low},
                                       {image->large_high, image->large_low}};
    distribution.min = image->min;
    distribution.max = image->max;
    rv = read_classic(&bytes, image, distribution.count, &distribution.classic);
    if (rv == 0) {
        rv = read_native(&bytes, image, distribution.count, &distribution.native);
    }
    if (rv == 0 && !is_padding(bytes)) {
        rv = RM_ECORRUPT;
    }
    if (rv != 0) {
        rm__distribution_done(&distribution);
        return rv;
    }
    *ret_distribution = distribution;
    return 0;
}
