/* What control counts of the writes that it carries: one of these for each of its loops, which
 * alone counts in it. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_CONTROL_METER_H
#define RAFTMETRICS_SRC_API_CONTROL_CONTROL_METER_H

#include "../meter.h"
#include "../part.h"
#include "raftmetrics/partitioning/shard_map.h"

/* The writes for one shard that wait or are on their way. */
struct rm__shard_meter {
    struct rm_counter n_writes;
    struct rm_counter n_bytes;
    struct rm_counter n_inflight_writes; /* in the batch that is on its way */
};

/* Zeroed it has counted nothing. */
struct rm__control_meter {
    struct rm__meter http;
    struct rm_counter fates[RM__FATES]; /* of writes that were taken */
    struct rm_tally batch_writes;
    struct rm_tally batch_bytes;
    struct rm_tally batch_us; /* from when a batch leaves until its outcome is known */
    struct rm__shard_meter shards[RM_SHARDS_MAX];
};

/* The families of all loops of a process; those with a sample a shard tell the first @n_shards. */
void rm__control_meter_write(struct rm_exposition *exposition,
                             const struct rm__control_meter *const *meters, size_t n_meters,
                             uint32_t n_shards);

#endif
