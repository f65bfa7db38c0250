/* Where the leader of a shard looks for values that are too old, and proposes that they go: a
 * slice of the store at a time, then an entry for what was found in it, then the next slice. A
 * store that was looked through is left alone until something was recorded or is due. */
#ifndef RAFTMETRICS_SRC_API_WORKER_EXPIRY_H
#define RAFTMETRICS_SRC_API_WORKER_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/metrics/store.h"

/* Zeroed it begins at once. */
struct rm__expiry {
    struct rm_expiry_search search;
    bool is_searching;
    uint64_t begin_ms;   /* by the loop's clock, not before that */
    bool was_searched;   /* to the end; then also: */
    uint64_t store_hash; /* of the store when that began */
    int64_t due_ms;      /* by the shard's time: nothing goes before */
};

/* Goes on. Where something is to go it appends that to @batch, an empty one, to be proposed.
 * Errors: RM_ENOMEM, RM_ETOOBIG, after which the search begins anew after @interval_ms. */
int rm__expiry_step(struct rm__expiry *expiry, const struct rm_store *store, uint64_t now_ms,
                    int64_t time_ms, uint64_t interval_ms, struct rm_buffer *batch);

#endif
