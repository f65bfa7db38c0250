/* The members of /status that both daemons write. */
#ifndef RAFTMETRICS_SRC_API_STATUS_H
#define RAFTMETRICS_SRC_API_STATUS_H

#include "raftmetrics/base/json_writer.h"

struct rm__cluster_info {
    const char *name;
    const char *fingerprint;
    uint32_t n_shards;
    uint32_t n_workers;
    uint32_t n_replicas; /* of a shard */
};

/* "cluster": {…} */
void rm__status_write_cluster(struct rm_json_writer *json, const struct rm__cluster_info *info);

#endif
