#include "distribution.h"

#include <math.h>
#include <stdbool.h>

void rm__distribution_init(struct rm_distribution *distribution)
{
    *distribution =
        (struct rm_distribution){.min = INFINITY, .max = -INFINITY, .dropped_ms = INT64_MIN};
    rm_native_histogram_init(&distribution->native);
}

void rm__distribution_done(struct rm_distribution *distribution)
{
    rm_histogram_done(&distribution->classic);
    rm_native_histogram_done(&distribution->native);
    rm__distribution_init(distribution);
}

static bool is_below(double a, double b)
{
    return a < b || (a == b && signbit(a) > signbit(b));
}

static void extend(struct rm_distribution *distribution, double min, double max)
{
    distribution->min = is_below(min, distribution->min) ? min : distribution->min;
    distribution->max = is_below(distribution->max, max) ? max : distribution->max;
}

int rm__distribution_record(struct rm_distribution *distribution, struct rm_bucket_bounds bounds,
                            double value)
{
    int rv = rm_histogram_record(&distribution->classic, rm_bucket_of(bounds, value));

    if (rv == 0) {
        rv = rm_native_histogram_record(&distribution->native, value);
    }
    if (rv == 0) {
        distribution->count++;
        rm__sum_add(&distribution->sum, value);
        extend(distribution, value, value);
    }
    return rv;
}

int rm__distribution_merge(struct rm_distribution *distribution,
                           const struct rm_distribution *other)
{
    int rv = rm_histogram_merge(&distribution->classic, &other->classic);

    if (rv == 0) {
        rv = rm_native_histogram_merge(&distribution->native, &other->native);
    }
    if (rv == 0) {
        distribution->count += other->count;
        distribution->n_dropped += other->n_dropped;
        distribution->dropped_hash += other->dropped_hash;
        distribution->dropped_ms = other->dropped_ms > distribution->dropped_ms
                                       ? other->dropped_ms
                                       : distribution->dropped_ms;
        rm__sum_merge(&distribution->sum, &other->sum);
        extend(distribution, other->min, other->max);
    }
    return rv;
}

size_t rm__distribution_bytes(const struct rm_distribution *distribution)
{
    return rm_histogram_bytes(&distribution->classic) +
           rm_native_histogram_bytes(&distribution->native);
}
