/* Order statistics: which value would stand at a rank if all were sorted, without sorting them. */
#ifndef RAFTMETRICS_SRC_METRICS_ORDER_STATISTICS_H
#define RAFTMETRICS_SRC_METRICS_ORDER_STATISTICS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Most ranks that are asked for together. */
enum { RM_RANKS_MAX = 64 };

/* Doubles as integers in the same order; -0.0 is smaller than 0.0. */
static inline uint64_t rm__order_key(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits ^ ((bits >> 63) != 0 ? UINT64_MAX : UINT64_C(1) << 63);
}

static inline double rm__order_value(uint64_t key)
{
    uint64_t bits = key ^ ((key >> 63) != 0 ? UINT64_C(1) << 63 : UINT64_MAX);
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The keys at @n_ranks (at most RM_RANKS_MAX) @ranks, which ascend, are distinct and below @n. The
 * @n keys are from @low to @high. Time is linear in @n, whatever the keys are. Reorders and
 * overwrites them. */
void rm__order_statistics(uint64_t *keys, size_t n, uint64_t low, uint64_t high,
                          const uint64_t *ranks, size_t n_ranks, uint64_t *ret_keys);

#endif
