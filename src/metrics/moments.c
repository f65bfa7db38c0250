#include "moments.h"

#include <float.h>
#include <math.h>

static const double FACTORS[] = {
    [RM_MOMENTS_SMALL] = 0x1p600, [RM_MOMENTS_PLAIN] = 1, [RM_MOMENTS_LARGE] = 0x1p-600};

static const double INVERSES[] = {
    [RM_MOMENTS_SMALL] = 0x1p-600, [RM_MOMENTS_PLAIN] = 1, [RM_MOMENTS_LARGE] = 0x1p600};

static enum rm_moments_scale scale_of(double value)
{
    double magnitude = fabs(value);

    if (magnitude < 0x1p-300) {
        return RM_MOMENTS_SMALL;
    }
    return magnitude < 0x1p300 ? RM_MOMENTS_PLAIN : RM_MOMENTS_LARGE;
}

/* A step of scale is a factor of 2^-600, of 2^-1200 for squares. What underflows here cannot be
 * seen beside the value that asks for the larger scale. */
static void raise_scale(struct rm_moments *moments, enum rm_moments_scale scale)
{
    while (moments->scale < scale) {
        moments->mean *= 0x1p-600;
        moments->m2 = moments->m2 * 0x1p-600 * 0x1p-600;
        moments->scale++;
    }
}

void rm__moments_add(struct rm_moments *moments, uint64_t n, double value)
{
    double scaled;
    double delta;

    raise_scale(moments, scale_of(value));
    scaled = value * FACTORS[moments->scale];
    delta = scaled - moments->mean;
    moments->mean += delta / (double)n;
    moments->m2 += delta * (scaled - moments->mean);
}

/* The corrected two-pass algorithm (Chan, Golub and LeVeque 1983): what the deviations do not
 * cancel out tells by how much the mean was off. */
struct rm_moments rm__moments_of_run(const double *values, uint32_t n, double mean,
                                     double magnitude)
{
    struct rm_moments moments = {.scale = scale_of(magnitude)};
    double factor = FACTORS[moments.scale];
    double rests[2] = {0, 0}; /* in two lanes, for additions wait for the one before them */
    double squares[2] = {0, 0};
    double rest;

    mean *= factor;
    for (uint32_t i = 0; i < n; i += 2) {
        double even = values[i] * factor - mean;
        double odd = i + 1 < n ? values[i + 1] * factor - mean : 0;

        rests[0] += even;
        rests[1] += odd;
        squares[0] += even * even;
        squares[1] += odd * odd;
    }
    rest = rests[0] + rests[1];
    moments.mean = mean + rest / (double)n;
    moments.m2 = squares[0] + squares[1] - rest * rest / (double)n;
    moments.m2 = moments.m2 > 0 ? moments.m2 : 0;
    return moments;
}

void rm__moments_merge(struct rm_moments *moments, uint64_t n, const struct rm_moments *other,
                       uint64_t n_other)
{
    struct rm_moments b = *other;
    double part = (double)n_other / ((double)n + (double)n_other);
    double delta;

    raise_scale(&b, moments->scale);
    raise_scale(moments, b.scale);
    delta = b.mean - moments->mean;
    moments->mean += delta * part;
    moments->m2 += b.m2 + delta * delta * ((double)n * part);
}

double rm__moments_variance(const struct rm_moments *moments, uint64_t n)
{
    double inverse = INVERSES[moments->scale];

    return moments->m2 / (double)n * inverse * inverse;
}

double rm__moments_stddev(const struct rm_moments *moments, uint64_t n)
{
    double stddev = sqrt(moments->m2 / (double)n) * INVERSES[moments->scale];

    /* Half of (max - min) at most, but rounding can carry it past that, to infinity. */
    return fmin(stddev, DBL_MAX);
}
