/* How much may wait to be written, or be on its way: shared by the queues of a loop, and counted
 * there. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_QUEUE_BUDGET_H
#define RAFTMETRICS_SRC_API_CONTROL_QUEUE_BUDGET_H

#include <stdbool.h>

#include "../part.h"
#include "control_meter.h"

struct rm__queue_budget {
    size_t max_bytes;
    size_t n_bytes;
    size_t n_parts;
    struct rm__control_meter *meter; /* NULL: nothing is counted */
};

/* False where there is no room for @part. */
static inline bool rm__queue_budget_take(struct rm__queue_budget *budget,
                                         const struct rm__part *part)
{
    if (part->bytes.len > budget->max_bytes - budget->n_bytes) {
        return false;
    }
    budget->n_bytes += part->bytes.len;
    budget->n_parts++;
    if (budget->meter != NULL) {
        struct rm__shard_meter *shard = &budget->meter->shards[part->shard];

        rm_counter_add(&shard->n_writes, 1);
        rm_counter_add(&shard->n_bytes, part->bytes.len);
    }
    return true;
}

/* Ends a part that was taken. */
static inline void rm__queue_budget_finish(struct rm__queue_budget *budget, struct rm__part *part,
                                           enum rm__fate fate, uint32_t worker)
{
    budget->n_bytes -= part->bytes.len;
    budget->n_parts--;
    if (budget->meter != NULL) {
        struct rm__shard_meter *shard = &budget->meter->shards[part->shard];

        rm_counter_subtract(&shard->n_writes, 1);
        rm_counter_subtract(&shard->n_bytes, part->bytes.len);
        rm_counter_add(&budget->meter->fates[fate], 1);
    }
    rm__part_finish(part, fate, worker);
}

#endif
