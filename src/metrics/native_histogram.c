#include "raftmetrics/metrics/native_histogram.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"

/* ---- buckets ----
 *
 * Of a value fraction * 2^exponent with a fraction in [0.5, 1), schema 6 has 64 buckets to a power
 * of two, and a coarser schema's bucket is 2^n of them: bucket i of schema s is the buckets up to
 * 2 * i of schema s + 1, and the one below. So there is one table, and nothing is computed by
 * functions whose last bit differs between machines. */

enum { FINEST_BITS = RM_NATIVE_SCHEMA_MAX, FINEST = 1 << FINEST_BITS };
enum { MANTISSA_BITS = 52, EXPONENT_OF_A_FRACTION = 1022, STRIPE_BITS = 7 };

/* The largest doubles that are not above 2^(k / 64 - 1): a double is not above the one where it is
 * not above the other, so that every value is in the bucket that mathematics has it in. The tables
 * of Prometheus' clients are up to 3 units in the last place off. Behind them a bound that is above
 * every fraction. */
static const double BOUNDS[FINEST + 1] = {
    0x1.0000000000000p-1, 0x1.02c9a3e778060p-1, 0x1.059b0d3158574p-1, 0x1.0874518759bc8p-1,
    0x1.0b5586cf9890fp-1, 0x1.0e3ec32d3d1a2p-1, 0x1.11301d0125b50p-1, 0x1.1429aaea92ddfp-1,
    0x1.172b83c7d517ap-1, 0x1.1a35beb6fcb75p-1, 0x1.1d4873168b9aap-1, 0x1.2063b88628cd6p-1,
    0x1.2387a6e756238p-1, 0x1.26b4565e27cddp-1, 0x1.29e9df51fdee1p-1, 0x1.2d285a6e4030bp-1,
    0x1.306fe0a31b715p-1, 0x1.33c08b26416ffp-1, 0x1.371a7373aa9cap-1, 0x1.3a7db34e59ff6p-1,
    0x1.3dea64c123422p-1, 0x1.4160a21f72e29p-1, 0x1.44e086061892dp-1, 0x1.486a2b5c13cd0p-1,
    0x1.4bfdad5362a27p-1, 0x1.4f9b2769d2ca6p-1, 0x1.5342b569d4f81p-1, 0x1.56f4736b527dap-1,
    0x1.5ab07dd485429p-1, 0x1.5e76f15ad2148p-1, 0x1.6247eb03a5584p-1, 0x1.6623882552224p-1,
    0x1.6a09e667f3bccp-1, 0x1.6dfb23c651a2ep-1, 0x1.71f75e8ec5f73p-1, 0x1.75feb564267c8p-1,
    0x1.7a11473eb0186p-1, 0x1.7e2f336cf4e62p-1, 0x1.82589994cce12p-1, 0x1.868d99b4492ecp-1,
    0x1.8ace5422aa0dbp-1, 0x1.8f1ae99157736p-1, 0x1.93737b0cdc5e4p-1, 0x1.97d829fde4e4fp-1,
    0x1.9c49182a3f090p-1, 0x1.a0c667b5de564p-1, 0x1.a5503b23e255cp-1, 0x1.a9e6b5579fdbfp-1,
    0x1.ae89f995ad3adp-1, 0x1.b33a2b84f15fap-1, 0x1.b7f76f2fb5e46p-1, 0x1.bcc1e904bc1d2p-1,
    0x1.c199bdd85529cp-1, 0x1.c67f12e57d14bp-1, 0x1.cb720dcef9069p-1, 0x1.d072d4a07897bp-1,
    0x1.d5818dcfba487p-1, 0x1.da9e603db3285p-1, 0x1.dfc97337b9b5ep-1, 0x1.e502ee78b3ff6p-1,
    0x1.ea4afa2a490d9p-1, 0x1.efa1bee615a27p-1, 0x1.f50765b6e4540p-1, 0x1.fa7c1819e90d8p-1,
    0x1.0000000000000p+0,
};

/* Bounds below the front of each of 128 stripes of [0.5, 1). No two bounds are in one stripe. */
static const uint8_t BOUNDS_BELOW[1 << STRIPE_BITS] = {
    0,  1,  2,  3,  3,  4,  5,  5,  6,  7,  7,  8,  9,  9,  10, 11, 11, 12, 13, 13, 14, 15,
    15, 16, 16, 17, 18, 18, 19, 19, 20, 21, 21, 22, 22, 23, 23, 24, 25, 25, 26, 26, 27, 27,
    28, 28, 29, 29, 30, 30, 31, 31, 32, 32, 33, 34, 34, 35, 35, 36, 36, 36, 37, 37, 38, 38,
    39, 39, 40, 40, 41, 41, 42, 42, 43, 43, 44, 44, 44, 45, 45, 46, 46, 47, 47, 48, 48, 48,
    49, 49, 50, 50, 51, 51, 51, 52, 52, 53, 53, 53, 54, 54, 55, 55, 55, 56, 56, 57, 57, 57,
    58, 58, 59, 59, 59, 60, 60, 60, 61, 61, 62, 62, 62, 63, 63, 63, 64, 64};

static_assert(FINEST == 64 && STRIPE_BITS == 7, "the tables' sizes");

static int32_t finest_bucket_of(double magnitude)
{
    uint64_t bits;
    uint64_t stripe;
    int32_t exponent;
    double fraction;

    memcpy(&bits, &magnitude, sizeof bits);
    exponent = (int32_t)(bits >> MANTISSA_BITS) - EXPONENT_OF_A_FRACTION;
    bits &= (UINT64_C(1) << MANTISSA_BITS) - 1;
    stripe = bits >> (MANTISSA_BITS - STRIPE_BITS);
    bits |= (uint64_t)EXPONENT_OF_A_FRACTION << MANTISSA_BITS;
    memcpy(&fraction, &bits, sizeof fraction);
    return (exponent - 1) * FINEST + BOUNDS_BELOW[stripe] +
           (BOUNDS[BOUNDS_BELOW[stripe]] < fraction);
}

/* The bucket of a schema that is @steps coarser: @index / 2^steps, rounded up. */
static int32_t coarsen(int32_t index, int32_t steps)
{
    return -(-index >> steps); /* gcc and clang fill up with the sign */
}

int32_t rm_native_bucket_of(double magnitude, int32_t schema)
{
    assert(magnitude > RM_NATIVE_ZERO_THRESHOLD && isfinite(magnitude));
    return coarsen(finest_bucket_of(magnitude), RM_NATIVE_SCHEMA_MAX - schema);
}

double rm_native_bucket_bound(int32_t index, int32_t schema)
{
    int64_t finest = (int64_t)index * (INT64_C(1) << (RM_NATIVE_SCHEMA_MAX - schema));
    int64_t exponent = (finest >> FINEST_BITS) + 1;

    if (exponent > DBL_MAX_EXP) {
        return INFINITY;
    }
    if (exponent < DBL_MIN_EXP) {
        return 0;
    }
    return ldexp(BOUNDS[finest & (FINEST - 1)], (int)exponent);
}

/* ---- sides ---- */

/* The place of bucket @index among those of @side, or where it would be inserted. Indexes are
 * distinct, so their distances from both ends bound the place: where there are no gaps between
 * them nothing is left to search. */
static uint32_t find(const struct rm_native_side *side, int32_t index)
{
    uint32_t low = 0;
    uint32_t high = side->n;
    int64_t behind_first;
    int64_t before_last;

    if (side->n == 0) {
        return 0;
    }
    behind_first = (int64_t)index - side->buckets[0].index;
    before_last = (int64_t)side->buckets[side->n - 1].index - index;
    if (behind_first <= 0) {
        return 0;
    }
    if (before_last < 0) {
        return side->n;
    }
    high = behind_first < high ? (uint32_t)behind_first : high;
    low = before_last < side->n - 1 ? side->n - 1 - (uint32_t)before_last : 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (side->buckets[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct rm_native_side *side, uint32_t place, int32_t index)
{
    return place < side->n && side->buckets[place].index == index;
}

/* Makes room for one bucket more. Most series have few: half as many again at a time. */
static int grow(struct rm_native_side *side)
{
    uint32_t capacity = side->capacity + side->capacity / 2 + 1;
    struct rm_native_bucket *buckets;

    if (side->n < side->capacity) {
        return 0;
    }
    if (capacity > RM_NATIVE_BUCKETS_MAX && side->n < RM_NATIVE_BUCKETS_MAX) {
        capacity = RM_NATIVE_BUCKETS_MAX;
    }
    buckets = realloc(side->buckets, capacity * sizeof *buckets);
    if (buckets == NULL) {
        return RM_ENOMEM;
    }
    side->buckets = buckets;
    side->capacity = capacity;
    return 0;
}

static void insert(struct rm_native_side *side, uint32_t place, int32_t index)
{
    struct rm_native_bucket *at = side->buckets + place;

    memmove(at + 1, at, (side->n - place) * sizeof *at);
    *at = (struct rm_native_bucket){index, 1};
    side->n++;
}

/* Bucket @place, @steps coarser; behind the last one that stands behind all. */
static struct rm_native_bucket bucket_at(const struct rm_native_side *side, uint32_t place,
                                         int32_t steps)
{
    if (place == side->n) {
        return (struct rm_native_bucket){INT32_MAX, 0};
    }
    return (struct rm_native_bucket){coarsen(side->buckets[place].index, steps),
                                     side->buckets[place].count};
}

/* The buckets of two sides, each @steps coarser than it is, into @ret_buckets (which may be those
 * of @a where @b is empty), or nowhere where that is NULL. Their count. */
static uint32_t merge_sides(const struct rm_native_side *a, int32_t a_steps,
                            const struct rm_native_side *b, int32_t b_steps,
                            struct rm_native_bucket *ret_buckets)
{
    uint32_t n = 0;
    uint32_t i = 0;
    uint32_t j = 0;
    int32_t last = INT32_MAX;

    while (i < a->n || j < b->n) {
        struct rm_native_bucket next = bucket_at(a, i, a_steps);
        struct rm_native_bucket of_b = bucket_at(b, j, b_steps);

        if (next.index <= of_b.index) {
            i++;
        } else {
            next = of_b;
            j++;
        }
        if (next.index != last) {
            last = next.index;
            n++;
            if (ret_buckets != NULL) {
                ret_buckets[n - 1] = next;
            }
        } else if (ret_buckets != NULL) {
            ret_buckets[n - 1].count += next.count;
        }
    }
    return n;
}

/* ---- the histogram ---- */

static const struct rm_native_side NO_SIDE = {0};

void rm_native_histogram_init(struct rm_native_histogram *histogram)
{
    *histogram = (struct rm_native_histogram){.schema = RM_NATIVE_SCHEMA_MAX};
}

void rm_native_histogram_done(struct rm_native_histogram *histogram)
{
    free(histogram->positive.buckets);
    free(histogram->negative.buckets);
    rm_native_histogram_init(histogram);
}

static uint32_t n_buckets(const struct rm_native_histogram *histogram)
{
    return histogram->positive.n + histogram->negative.n;
}

/* The coarsest schema has 144 buckets for all finite doubles: there is always a next one here. */
static void halve_resolution(struct rm_native_histogram *histogram)
{
    struct rm_native_side *positive = &histogram->positive;
    struct rm_native_side *negative = &histogram->negative;

    assert(histogram->schema > RM_NATIVE_SCHEMA_MIN);
    positive->n = merge_sides(positive, 1, &NO_SIDE, 0, positive->buckets);
    negative->n = merge_sides(negative, 1, &NO_SIDE, 0, negative->buckets);
    histogram->schema--;
}

int rm_native_histogram_record(struct rm_native_histogram *histogram, double value)
{
    double magnitude = fabs(value);
    struct rm_native_side *side = value > 0 ? &histogram->positive : &histogram->negative;
    int rv;

    assert(isfinite(value));
    if (magnitude <= RM_NATIVE_ZERO_THRESHOLD) {
        histogram->zero_count++;
        return 0;
    }
    for (;;) {
        int32_t index = rm_native_bucket_of(magnitude, histogram->schema);
        uint32_t place = find(side, index);

        if (is_at(side, place, index)) {
            side->buckets[place].count++;
            return 0;
        }
        rv = grow(side); /* before anything is changed; what is there suffices a coarser one too */
        if (rv != 0) {
            return rv;
        }
        if (n_buckets(histogram) < RM_NATIVE_BUCKETS_MAX) {
            insert(side, place, index);
            return 0;
        }
        halve_resolution(histogram);
    }
}

/* The finest schema for the counts of both. */
static int32_t schema_of_both(const struct rm_native_histogram *a,
                              const struct rm_native_histogram *b)
{
    int32_t schema = a->schema < b->schema ? a->schema : b->schema;

    while (
        merge_sides(&a->positive, a->schema - schema, &b->positive, b->schema - schema, NULL) +
            merge_sides(&a->negative, a->schema - schema, &b->negative, b->schema - schema, NULL) >
        RM_NATIVE_BUCKETS_MAX) {
        assert(schema > RM_NATIVE_SCHEMA_MIN);
        schema--;
    }
    return schema;
}

/* A side of its own with the counts of two. Errors: RM_ENOMEM. */
static int side_of_both(const struct rm_native_side *a, int32_t a_steps,
                        const struct rm_native_side *b, int32_t b_steps,
                        struct rm_native_side *ret_side)
{
    uint32_t n = merge_sides(a, a_steps, b, b_steps, NULL);
    struct rm_native_bucket *buckets = NULL;

    if (n > 0) {
        buckets = malloc(n * sizeof *buckets);
        if (buckets == NULL) {
            return RM_ENOMEM;
        }
        (void)merge_sides(a, a_steps, b, b_steps, buckets);
    }
    *ret_side = (struct rm_native_side){buckets, n, n};
    return 0;
}

/* Adds the counts of @other to the buckets that there are, as far as @is_dry does not keep it from
 * that; false at the first that there is not. */
static bool add_to_side(struct rm_native_side *side, const struct rm_native_side *other,
                        int32_t other_steps, bool is_dry)
{
    uint32_t i = 0;

    for (uint32_t j = 0; j < other->n; j++) {
        int32_t index = coarsen(other->buckets[j].index, other_steps);

        while (i < side->n && side->buckets[i].index < index) {
            i++;
        }
        if (!is_at(side, i, index)) {
            return false;
        }
        side->buckets[i].count += is_dry ? 0 : other->buckets[j].count;
    }
    return true;
}

/* Most series of a metric have the buckets that those before them had: no new ones, no memory. */
static bool add_in_place(struct rm_native_histogram *histogram,
                         const struct rm_native_histogram *other)
{
    int32_t steps = other->schema - histogram->schema;

    if (steps < 0 || !add_to_side(&histogram->positive, &other->positive, steps, true) ||
        !add_to_side(&histogram->negative, &other->negative, steps, true)) {
        return false;
    }
    (void)add_to_side(&histogram->positive, &other->positive, steps, false);
    (void)add_to_side(&histogram->negative, &other->negative, steps, false);
    histogram->zero_count += other->zero_count;
    return true;
}

int rm_native_histogram_merge(struct rm_native_histogram *histogram,
                              const struct rm_native_histogram *other)
{
    struct rm_native_side positive;
    struct rm_native_side negative;
    int32_t schema;
    int32_t steps;
    int32_t other_steps;
    int rv;

    if (add_in_place(histogram, other)) {
        return 0;
    }
    schema = schema_of_both(histogram, other);
    steps = histogram->schema - schema;
    other_steps = other->schema - schema;
    rv = side_of_both(&histogram->positive, steps, &other->positive, other_steps, &positive);
    if (rv != 0) {
        return rv;
    }
    rv = side_of_both(&histogram->negative, steps, &other->negative, other_steps, &negative);
    if (rv != 0) {
        free(positive.buckets);
        return rv;
    }
    free(histogram->positive.buckets);
    free(histogram->negative.buckets);
    *histogram = (struct rm_native_histogram){schema, histogram->zero_count + other->zero_count,
                                              positive, negative};
    return 0;
}

static uint64_t count_side(const struct rm_native_side *side)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < side->n; i++) {
        count += side->buckets[i].count;
    }
    return count;
}

uint64_t rm_native_histogram_count(const struct rm_native_histogram *histogram)
{
    return histogram->zero_count + count_side(&histogram->positive) +
           count_side(&histogram->negative);
}

size_t rm_native_histogram_bytes(const struct rm_native_histogram *histogram)
{
    return (histogram->positive.capacity + histogram->negative.capacity) *
           sizeof(struct rm_native_bucket);
}

/* ---- quantiles ---- */

double rm_native_histogram_error(const struct rm_native_histogram *histogram)
{
    double base = rm_native_bucket_bound(1, histogram->schema);

    return (base - 1) / (base + 1);
}

/* What is as far from both bounds of a bucket, each distance relative to that bound: the harmonic
 * mean of the two. Finite also where the upper bound is not. */
static double middle_of(const struct rm_native_histogram *histogram, int32_t index)
{
    return rm_native_bucket_bound(index - 1, histogram->schema) *
           (1 + rm_native_histogram_error(histogram));
}

/* The middle of the bucket that holds the value of @rank, 0 being the smallest. */
static double value_at(const struct rm_native_histogram *histogram, uint64_t rank)
{
    const struct rm_native_side *positive = &histogram->positive;
    const struct rm_native_side *negative = &histogram->negative;

    for (uint32_t i = negative->n; i > 0; i--) {
        if (rank < negative->buckets[i - 1].count) {
            return -middle_of(histogram, negative->buckets[i - 1].index);
        }
        rank -= negative->buckets[i - 1].count;
    }
    if (rank < histogram->zero_count) {
        return 0;
    }
    rank -= histogram->zero_count;
    for (uint32_t i = 0; i < positive->n; i++) {
        if (rank < positive->buckets[i].count) {
            return middle_of(histogram, positive->buckets[i].index);
        }
        rank -= positive->buckets[i].count;
    }
    return NAN;
}

double rm_native_histogram_quantile(const struct rm_native_histogram *histogram, double q)
{
    uint64_t count = rm_native_histogram_count(histogram);
    double place;
    double part;
    double low;
    double high;
    uint64_t rank;

    assert(q >= 0 && q <= 1);
    if (count == 0) {
        return NAN;
    }
    place = q * (double)(count - 1);
    rank = place < 0x1p64 ? (uint64_t)place : count - 1;
    part = place - (double)rank;
    if (rank >= count - 1) {
        return value_at(histogram, count - 1);
    }
    low = value_at(histogram, rank);
    high = value_at(histogram, rank + 1);
    return low == high ? low : low * (1 - part) + high * part;
}
