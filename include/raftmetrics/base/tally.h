/* How a daemon's own durations and sizes are distributed: a histogram with few fixed bounds that is
 * recorded into on the way of every request. One thread records, any thread reads. */
#ifndef RAFTMETRICS_BASE_TALLY_H
#define RAFTMETRICS_BASE_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/counter.h"

enum { RM_TALLY_BOUNDS_MAX = 16 };

/* Upper bounds, ascending, in the unit in which values are recorded. */
struct rm_tally_scale {
    uint64_t bounds[RM_TALLY_BOUNDS_MAX];
    size_t n;
    double per_unit; /* so many are one of the unit that is shown */
};

extern const struct rm_tally_scale rm_tally_durations; /* microseconds, shown as seconds */
extern const struct rm_tally_scale rm_tally_counts;    /* 1 to 32,768 */
extern const struct rm_tally_scale rm_tally_bytes;     /* 64 B to 64 MiB */

/* Zeroed it is empty. */
struct rm_tally {
    struct rm_counter buckets[RM_TALLY_BOUNDS_MAX + 1]; /* the last in use: above the last bound */
    struct rm_counter sum;
};

/* Adds what @other recorded on the same scale. */
void rm_tally_merge(struct rm_tally *tally, const struct rm_tally *other);

/* How many values were recorded. */
uint64_t rm_tally_count(const struct rm_tally *tally);

static inline void rm_tally_record(struct rm_tally *tally, const struct rm_tally_scale *scale,
                                   uint64_t value)
{
    size_t i = 0;

    while (i < scale->n && value > scale->bounds[i]) {
        i++;
    }
    rm_counter_add(&tally->buckets[i], 1);
    rm_counter_add(&tally->sum, value);
}

#endif
