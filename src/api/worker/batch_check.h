/* What a worker takes from outside as the body of an entry: what is not applicable must be refused
 * before it is proposed, for apply cannot fail. */
#ifndef RAFTMETRICS_SRC_API_WORKER_BATCH_CHECK_H
#define RAFTMETRICS_SRC_API_WORKER_BATCH_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/base/slice.h"

/* *@ret_has_samples: false where all its writes are deletes. Errors: RM_EINVAL (not a WriteBatch,
 * or one that no front would send to @shard); RM_ENOMEM. */
int rm__batch_check(struct rm_slice bytes, uint32_t shard, uint32_t n_shards,
                    bool *ret_has_samples);

#endif
