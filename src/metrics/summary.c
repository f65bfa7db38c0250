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
    double mean;

    *ret_aggregate = EMPTY;
    if (summary->count == 0) {
        return;
    }
    /* Rounding can carry a quotient past the values that it is the mean of. */
    mean = rm__sum_divide(&summary->sum, (double)summary->count);
    mean = larger_of(summary->min, smaller_of(summary->max, mean));
    ret_aggregate->count = summary->count;
    ret_aggregate->sum = rm__sum_round(&summary->sum);
    ret_aggregate->sum_overflows = !isfinite(ret_aggregate->sum);
    ret_aggregate->mean = mean;
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
