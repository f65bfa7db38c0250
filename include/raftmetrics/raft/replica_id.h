/* Who a replica is: the worker that holds it, and which of that worker's lives with the shard it
 * is. A replica that lost data never comes back under the same id, for what it once acknowledged
 * was counted on. */
#ifndef RAFTMETRICS_RAFT_REPLICA_ID_H
#define RAFTMETRICS_RAFT_REPLICA_ID_H

#include <stdint.h>

struct rm_replica_id {
    uint32_t worker;      /* at least 1 */
    uint32_t incarnation; /* 1 for the replicas that a cluster begins with; random for later ones */
};

#endif
