#include "control_meter.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "../self.h"
#include "raftmetrics/base/error.h"

enum { ID_TEXT_MAX = 16 };

/* The loops together. */
struct all {
    struct rm_exposition *exposition;
    const struct rm__control_meter *const *meters;
    size_t n_meters;
};

static void write_http(const struct all *all)
{
    const struct rm__meter **meters = calloc(all->n_meters, sizeof *meters);

    if (meters == NULL) {
        all->exposition->error = RM_ENOMEM;
        return;
    }
    for (size_t i = 0; i < all->n_meters; i++) {
        meters[i] = &all->meters[i]->http;
    }
    rm__meter_write(all->exposition, meters, all->n_meters);
    free(meters);
}

static void write_fates(const struct all *all)
{
    static const char *const names[RM__FATES] = {
        [RM__FATE_DONE] = "done",
        [RM__FATE_UNKNOWN_METRIC] = "unknown_metric",
        [RM__FATE_KEY_CONFLICT] = "idempotency_conflict",
        [RM__FATE_KEYS_FULL] = "idempotency_keys_full",
        [RM__FATE_TOO_MANY_SERIES] = "too_many_series",
        [RM__FATE_MEMORY_FULL] = "memory_full",
        [RM__FATE_TOO_MANY_SAMPLES] = "too_many_samples",
        [RM__FATE_NOT_LEADER] = "not_leader",
        [RM__FATE_NO_LEADER] = "no_leader",
        [RM__FATE_OVERLOADED] = "overloaded",
        [RM__FATE_DISK_LOW] = "disk_low",
        [RM__FATE_SHARD_FULL] = "shard_full",
        [RM__FATE_LATE] = "deadline_exceeded",
        [RM__FATE_UNKNOWN] = "outcome_unknown",
    };

    rm__self_counter(all->exposition, "raftmetrics_control_writes_total",
                     "Writes that were queued for a shard, by what became of them.");
    for (int fate = 0; fate < RM__FATES; fate++) {
        uint64_t n = 0;

        for (size_t i = 0; i < all->n_meters; i++) {
            n += rm_counter_read(&all->meters[i]->fates[fate]);
        }
        rm__self_labels(all->exposition, "outcome", names[fate], NULL);
        rm_exposition_count(all->exposition, n);
    }
}

/* @offset: of the tally in a meter. */
static void write_tally(const struct all *all, const char *name, const char *help,
                        const struct rm_tally_scale *scale, size_t offset)
{
    struct rm_tally sum = {0};

    for (size_t i = 0; i < all->n_meters; i++) {
        const char *meter = (const char *)all->meters[i];

        rm_tally_merge(&sum, (const struct rm_tally *)(const void *)(meter + offset));
    }
    rm__self_histogram(all->exposition, name, help);
    rm__self_tally(all->exposition, scale, &sum);
}

/* @offset: of the counter in a shard's meter. */
static void write_shards(const struct all *all, uint32_t n_shards, const char *name,
                         const char *help, size_t offset)
{
    rm__self_gauge(all->exposition, name, help);
    for (uint32_t shard = 0; shard < n_shards; shard++) {
        char id[ID_TEXT_MAX];
        uint64_t n = 0;

        for (size_t i = 0; i < all->n_meters; i++) {
            const char *meter = (const char *)&all->meters[i]->shards[shard];

            n += rm_counter_read((const struct rm_counter *)(const void *)(meter + offset));
        }
        snprintf(id, sizeof id, "%" PRIu32, shard);
        rm__self_labels(all->exposition, "shard", id, NULL);
        rm_exposition_count(all->exposition, n);
    }
}

void rm__control_meter_write(struct rm_exposition *exposition,
                             const struct rm__control_meter *const *meters, size_t n_meters,
                             uint32_t n_shards)
{
    const struct all all = {exposition, meters, n_meters};

    write_http(&all);
    write_fates(&all);
    write_shards(&all, n_shards, "raftmetrics_control_queued_writes",
                 "Writes for a shard that wait or are on their way to its leader.",
                 offsetof(struct rm__shard_meter, n_writes));
    write_shards(&all, n_shards, "raftmetrics_control_queued_bytes",
                 "Bytes of the writes for a shard that wait or are on their way to its leader.",
                 offsetof(struct rm__shard_meter, n_bytes));
    write_shards(&all, n_shards, "raftmetrics_control_inflight_writes",
                 "Writes for a shard that are in a batch on its way to the leader.",
                 offsetof(struct rm__shard_meter, n_inflight_writes));
    write_tally(&all, "raftmetrics_control_batch_size_writes", "Writes in a batch.",
                &rm_tally_counts, offsetof(struct rm__control_meter, batch_writes));
    write_tally(&all, "raftmetrics_control_batch_size_bytes", "Bytes of a batch.", &rm_tally_bytes,
                offsetof(struct rm__control_meter, batch_bytes));
    write_tally(&all, "raftmetrics_control_batch_duration_seconds",
                "From when a batch was made until its outcome was known.", &rm_tally_durations,
                offsetof(struct rm__control_meter, batch_us));
}
