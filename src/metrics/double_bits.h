/* The bits of a double. */
#ifndef RAFTMETRICS_SRC_METRICS_DOUBLE_BITS_H
#define RAFTMETRICS_SRC_METRICS_DOUBLE_BITS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t rm__bits_of_double(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double rm__double_of_bits(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline bool rm__is_same_double(double a, double b)
{
    return rm__bits_of_double(a) == rm__bits_of_double(b);
}

#endif
