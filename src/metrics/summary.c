#include "summary.h"

#include <math.h>

/* -0.0 counts as smaller than 0.0, or the order of adding would show. */
static bool is_smaller(double a, double b)
{
    return a != b ? a < b : signbit(a) > signbit(b);
}

static double smaller_of(double a, double b)
{
    return is_smaller(a, b) ? a : b;
}

static double larger_of(double a, double b)
{
    return is_smaller(a, b) ? b : a;
}

static void extend(struct rm_summary *summary, double min, double max,
                   const struct rm_observation *first, const struct rm_observation *last)
{
    summary->min = smaller_of(summary->min, min);
    summary->max = larger_of(summary->max, max);
    if (rm__position_is_before(first->position, summary->first.position)) {
        summary->first = *first;
    }
    if (rm__position_is_before(summary->last.position, last->position)) {
        summary->last = *last;
    }
}

void rm__summary_add(struct rm_summary *summary, const struct rm_observation *observation)
{
    double value = observation->value;

    if (summary->count == 0) {
        *summary = (struct rm_summary){.min = value,
                                       .max = value,
                                       .first = *observation,
                                       .last = *observation,
                                       .without_moments = summary->without_moments};
    }
    summary->count++;
    rm__sum_add(&summary->sum, value);
    if (!summary->without_moments) {
        rm__moments_add(&summary->moments, summary->count, value);
    }
    extend(summary, value, value, observation, observation);
}

/* Additions wait for the one before them, so a sum is computed in lanes that do not. */
enum { N_LANES = 4, SHORT_RUN = 16 };

static struct rm_double_double sum_in_lanes(const double *values, uint32_t n)
{
    struct rm_double_double lanes[N_LANES] = {{0, 0}};
    uint32_t i = 0;

    for (; n >= SHORT_RUN && i + N_LANES <= n; i += N_LANES) {
        for (uint32_t lane = 0; lane < N_LANES; lane++) {
            lanes[lane] = rm__double_double_add(lanes[lane], values[i + lane]);
        }
    }
    for (uint32_t lane = 1; i > 0 && lane < N_LANES; lane++) {
        lanes[0] = rm__double_double_merge(lanes[0], lanes[lane]);
    }
    for (; i < n; i++) {
        lanes[0] = rm__double_double_add(lanes[0], values[i]);
    }
    return lanes[0];
}

static void find_extremes(const double *values, uint32_t n, double *ret_min, double *ret_max)
{
    double min = values[0];
    double max = values[0];

    for (uint32_t i = 1; i < n; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    /* Which zero it is has not been looked at yet. */
    for (uint32_t i = 0; i < n && (min == 0 || max == 0); i++) {
        min = smaller_of(min, values[i]);
        max = larger_of(max, values[i]);
    }
    *ret_min = min;
    *ret_max = max;
}

/* Rounding can carry a quotient past the values that it is the mean of. */
static double mean_of(const struct rm_summary *summary)
{
    double mean = rm__sum_divide(&summary->sum, (double)summary->count);

    return larger_of(summary->min, smaller_of(summary->max, mean));
}

void rm__summary_add_run(struct rm_summary *summary, const double *values, uint32_t n,
                         const struct rm_observation *first, const struct rm_observation *last)
{
    struct rm_summary run = {
        .count = n, .first = *first, .last = *last, .without_moments = summary->without_moments};
    double magnitude;

    find_extremes(values, n, &run.min, &run.max);
    magnitude = fmax(fabs(run.min), fabs(run.max));
    if (rm__sum_takes_as_small(magnitude)) {
        run.sum.small = sum_in_lanes(values, n);
    } else {
        for (uint32_t i = 0; i < n; i++) {
            rm__sum_add(&run.sum, values[i]);
        }
    }
    if (!run.without_moments) {
        run.moments = rm__moments_of_run(values, n, mean_of(&run), magnitude);
    }
    rm__summary_merge(summary, &run);
}

void rm__summary_merge(struct rm_summary *summary, const struct rm_summary *other)
{
    bool without_moments = summary->without_moments || other->without_moments;

    if (other->count == 0) {
        return;
    }
    if (summary->count == 0) {
        *summary = *other;
        summary->without_moments = without_moments;
        return;
    }
    summary->without_moments = without_moments;
    rm__sum_merge(&summary->sum, &other->sum);
    if (!without_moments) {
        rm__moments_merge(&summary->moments, summary->count, &other->moments, other->count);
    }
    summary->count += other->count;
    extend(summary, other->min, other->max, &other->first, &other->last);
}

static const struct rm_aggregate EMPTY = {.count = 0,
                                          .sum = 0,
                                          .mean = NAN,
                                          .min = NAN,
                                          .max = NAN,
                                          .first = NAN,
                                          .last = NAN,
                                          .variance = NAN,
                                          .stddev = NAN};

void rm__summary_aggregate(const struct rm_summary *summary, struct rm_aggregate *ret_aggregate)
{
    *ret_aggregate = EMPTY;
    if (summary->count == 0) {
        return;
    }
    ret_aggregate->count = summary->count;
    ret_aggregate->sum = rm__sum_round(&summary->sum);
    ret_aggregate->sum_overflows = !isfinite(ret_aggregate->sum);
    ret_aggregate->mean = mean_of(summary);
    ret_aggregate->min = summary->min;
    ret_aggregate->max = summary->max;
    ret_aggregate->first = summary->first.value;
    ret_aggregate->last = summary->last.value;
    if (!summary->without_moments) {
        double variance = rm__moments_variance(&summary->moments, summary->count);

        ret_aggregate->variance = isfinite(variance) ? variance : NAN;
        ret_aggregate->stddev = rm__moments_stddev(&summary->moments, summary->count);
    }
}
