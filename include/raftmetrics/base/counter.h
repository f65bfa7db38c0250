/* Counters that one thread alone changes and any thread may read: they cost what a plain integer
 * costs. */
#ifndef RAFTMETRICS_BASE_COUNTER_H
#define RAFTMETRICS_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

/* Zeroed it is 0. */
struct rm_counter {
    _Atomic uint64_t value;
};

static inline uint64_t rm_counter_read(const struct rm_counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

/* Only its owner: a load and a store, no locked addition. */
static inline void rm_counter_add(struct rm_counter *counter, uint64_t more)
{
    atomic_store_explicit(&counter->value, rm_counter_read(counter) + more, memory_order_relaxed);
}

/* What goes up and down again. */
static inline void rm_counter_subtract(struct rm_counter *counter, uint64_t less)
{
    rm_counter_add(counter, -less);
}

#endif
