/* Order statistics of more keys than there is room for, in several passes over them: each counts
 * the keys that could be one into bins, until so few are left that they fit. */
#ifndef RAFTMETRICS_SRC_METRICS_NARROWING_H
#define RAFTMETRICS_SRC_METRICS_NARROWING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "order_statistics.h"

enum { RM_NARROWING_BINS = 1 << 14 };

/* Keys from low to high, and the ranks that are asked for among them. */
struct rm_interval {
    uint64_t low;
    uint64_t high;
    uint64_t n;          /* keys */
    uint64_t first_rank; /* of the smallest of them */
    size_t rank;         /* index of the first that is asked for */
    size_t n_ranks;
    unsigned shift; /* of a key above low to its bin */
};

struct rm_narrowing {
    const uint64_t *ranks;
    uint64_t low;                               /* of all keys */
    unsigned shift;                             /* of a key above it to its place in first */
    uint8_t first[RM_NARROWING_BINS];           /* the first interval that a key may be in */
    struct rm_interval intervals[RM_RANKS_MAX]; /* ascending, apart from each other */
    size_t n_intervals;
    size_t n_bins; /* of each */
    uint64_t counts[RM_NARROWING_BINS];
};

/* Of @n keys from @low to @high, @n_ranks (1 to RM_RANKS_MAX) @ranks, which ascend, are distinct,
 * below @n and borrowed. A pass begins: rm__narrowing_count is given every key. */
void rm__narrowing_init(struct rm_narrowing *narrowing, uint64_t n, uint64_t low, uint64_t high,
                        const uint64_t *ranks, size_t n_ranks);

void rm__narrowing_count(struct rm_narrowing *narrowing, uint64_t key);

/* Ends a pass, and begins another. How many keys are left that could be asked for; in the end it is
 * 0, if there was no room for more. */
uint64_t rm__narrowing_end_pass(struct rm_narrowing *narrowing);

/* Is @key one of those that are left? */
bool rm__narrowing_has(const struct rm_narrowing *narrowing, uint64_t key);

/* The keys at the ranks, given all those that are left. Overwrites them. */
void rm__narrowing_finish(const struct rm_narrowing *narrowing, uint64_t *left, uint64_t *ret_keys);

#endif
