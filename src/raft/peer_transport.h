/* The transport of one replica: a raft_uv_transport on the worker's peer port. The addresses that
 * Raft stores lead nowhere, the port's own table says where a worker is; but Raft tells connections
 * apart by them, so all use that of rm__raft_address. */
#ifndef RAFTMETRICS_SRC_RAFT_PEER_TRANSPORT_H
#define RAFTMETRICS_SRC_RAFT_PEER_TRANSPORT_H

#include <raft.h>
#include <raft/uv.h>

#include "raftmetrics/raft/peer_port.h"

struct rm__peer_transport;

/* The raft server id of a replica, and back. */
static inline raft_id rm__raft_id(struct rm_replica_id id)
{
    return (raft_id)id.worker << 32 | id.incarnation;
}

static inline struct rm_replica_id rm__replica_id(raft_id id)
{
    return (struct rm_replica_id){(uint32_t)(id >> 32), (uint32_t)id};
}

enum { RM__RAFT_ADDRESS_MAX = sizeof "4294967295.4294967295" };

/* What Raft is given as the address of a replica, in a configuration and with a connection:
 * "worker.incarnation". */
void rm__raft_address(struct rm_replica_id id, char ret_text[RM__RAFT_ADDRESS_MAX]);

/* Fills in *@ret_transport for raft_uv_init. The replica is not reachable before Raft calls listen:
 * handshakes for it are refused until then, and after its close. Errors: RM_ENOMEM; RM_EEXIST
 * (the port has a transport for @shard). */
int rm__peer_transport_init(struct rm_peer_port *port, uint32_t shard, struct rm_replica_id self,
                            struct raft_uv_transport *ret_transport);

/* After Raft's close callback, or where raft_init failed; before the port is closed. Harmless on
 * one that is zeroed. */
void rm__peer_transport_done(struct raft_uv_transport *transport);

#endif
