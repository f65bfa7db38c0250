/* raftmetrics rebuild: on a worker that does not run, an operator decides which replica of a shard
 * counts, where its replicas cannot decide that themselves. */
#ifndef RAFTMETRICS_API_REBUILD_H
#define RAFTMETRICS_API_REBUILD_H

#include <stdbool.h>
#include <stdio.h>

#include "raftmetrics/api/worker.h"

struct rm_rebuild_options {
    struct rm_worker_options worker; /* the data directory is held by this process */
    const uint32_t *shards;          /* borrowed */
    size_t n_shards;                 /* 0: all that this worker holds; not with discards */
    bool discards;                   /* shards without an intact replica here begin empty */
    bool acts;                       /* else it only says what it would do */
};

/* Says on @out what becomes of each shard. Shards that another worker leads are left alone, as are
 * those that --discard finds intact here. Errors: RM_EINVAL (nothing can be done at all, or a shard
 * was refused; @out says why), RM_ENOMEM. */
int rm_rebuild(struct rm_loop *loop, const struct rm_rebuild_options *options, FILE *out);

#endif
