/* Sums of doubles in twice a double's precision, so that a sum does not depend on how its terms
 * were batched or chunked beyond its last bit.
 *
 * A double-double is an unevaluated sum high + low, where high is high + low rounded. Sources:
 * two_sum is Knuth, TAOCP volume 2, 4.2.2, theorem B (and Moller 1965); fast_two_sum is Dekker,
 * "A floating-point technique for extending the available precision", 1971; the additions and
 * their bounds (relative error 2^-105 and 3 * 2^-106) are algorithms 4 and 6 of Joldes, Muller and
 * Popescu, "Tight and rigorous error bounds for basic building blocks of double-word arithmetic",
 * ACM TOMS 44(2), 2017.
 *
 * They hold for round-to-nearest without overflow, and without -ffast-math. */
#ifndef RAFTMETRICS_SRC_METRICS_DOUBLE_DOUBLE_H
#define RAFTMETRICS_SRC_METRICS_DOUBLE_DOUBLE_H

#include <math.h>
#include <stdbool.h>

struct rm_double_double {
    double high;
    double low;
};

/* @a + @b, exactly. */
static inline struct rm_double_double rm__two_sum(double a, double b)
{
    double sum = a + b;
    double part_of_b = sum - a;
    double part_of_a = sum - part_of_b;

    return (struct rm_double_double){sum, (a - part_of_a) + (b - part_of_b)};
}

/* The same where @a is 0 or not smaller than @b in magnitude. */
static inline struct rm_double_double rm__fast_two_sum(double a, double b)
{
    double sum = a + b;

    return (struct rm_double_double){sum, b - (sum - a)};
}

static inline struct rm_double_double rm__double_double_add(struct rm_double_double a, double b)
{
    struct rm_double_double sum = rm__two_sum(a.high, b);

    return rm__fast_two_sum(sum.high, sum.low + a.low);
}

static inline struct rm_double_double rm__double_double_merge(struct rm_double_double a,
                                                              struct rm_double_double b)
{
    struct rm_double_double highs = rm__two_sum(a.high, b.high);
    struct rm_double_double lows = rm__two_sum(a.low, b.low);
    struct rm_double_double sum = rm__fast_two_sum(highs.high, highs.low + lows.high);

    return rm__fast_two_sum(sum.high, sum.low + lows.low);
}

/* A running sum that no count of finite doubles overflows. Terms from 2^512 on are summed apart,
 * times 2^-64: 2^63 of the largest double stay below 2^1023, and what the factor would cut off
 * small terms does not touch them. Zeroed it is the empty sum. */
struct rm_sum {
    struct rm_double_double small;
    struct rm_double_double large; /* times 2^-64 */
};

static inline bool rm__sum_takes_as_small(double value)
{
    return fabs(value) < 0x1p512;
}

static inline void rm__sum_add(struct rm_sum *sum, double value)
{
    if (rm__sum_takes_as_small(value)) {
        sum->small = rm__double_double_add(sum->small, value);
    } else {
        sum->large = rm__double_double_add(sum->large, value * 0x1p-64);
    }
}

static inline void rm__sum_merge(struct rm_sum *sum, const struct rm_sum *other)
{
    sum->small = rm__double_double_merge(sum->small, other->small);
    sum->large = rm__double_double_merge(sum->large, other->large);
}

/* The sum times 2^-64, rounded, where a large term was added. What this cuts off is below 2^-1010,
 * while every term of large is a multiple of 2^460. */
static inline double rm__sum_scaled(const struct rm_sum *sum)
{
    struct rm_double_double small = {sum->small.high * 0x1p-64, sum->small.low * 0x1p-64};

    return rm__double_double_merge(sum->large, small).high;
}

/* The sum as the nearest double; an infinity where that overflows. */
static inline double rm__sum_round(const struct rm_sum *sum)
{
    return sum->large.high == 0 ? sum->small.high : rm__sum_scaled(sum) * 0x1p64;
}

/* The sum over @n, finite also where the sum alone overflows. */
static inline double rm__sum_divide(const struct rm_sum *sum, double n)
{
    double rounded = rm__sum_round(sum);

    return isfinite(rounded) ? rounded / n : rm__sum_scaled(sum) / n * 0x1p64;
}

#endif
