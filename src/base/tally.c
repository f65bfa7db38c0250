#include "raftmetrics/base/tally.h"

const struct rm_tally_scale rm_tally_durations = {
    .bounds = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
               1000000, 2500000, 5000000, 10000000},
    .n = 16,
    .per_unit = 1e6,
};

const struct rm_tally_scale rm_tally_counts = {
    .bounds = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768},
    .n = 16,
    .per_unit = 1,
};

const struct rm_tally_scale rm_tally_bytes = {
    .bounds = {64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20,
               64 << 20},
    .n = 11,
    .per_unit = 1,
};

void rm_tally_merge(struct rm_tally *tally, const struct rm_tally *other)
{
    for (size_t i = 0; i <= RM_TALLY_BOUNDS_MAX; i++) {
        rm_counter_add(&tally->buckets[i], rm_counter_read(&other->buckets[i]));
    }
    rm_counter_add(&tally->sum, rm_counter_read(&other->sum));
}

uint64_t rm_tally_count(const struct rm_tally *tally)
{
    uint64_t n = 0;

    for (size_t i = 0; i <= RM_TALLY_BOUNDS_MAX; i++) {
        n += rm_counter_read(&tally->buckets[i]);
    }
    return n;
}
