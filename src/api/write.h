/* The requests that write: from JSON to a part a shard, and from the parts' fates to one answer. */
#ifndef RAFTMETRICS_SRC_API_WRITE_H
#define RAFTMETRICS_SRC_API_WRITE_H

#include "front.h"

enum {
    /* A batch on the wire between control and worker, and the body of a Raft entry. */
    RM__APPEND_BYTES_MAX = 6 << 20,
    /* Writes in it: the reply, a byte a write, must fit into what a replica may say. */
    RM__APPEND_WRITES_MAX = 1 << 18,
};

/* Serves POST /metrics, POST /metrics/batch and DELETE /metrics/{name}. */
void rm__write_request(struct rm__front *front, struct rm__exchange *exchange);

#endif
