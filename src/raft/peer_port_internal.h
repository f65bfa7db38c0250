/* What the files of the peer port share.
 *
 *   peer_port.c       the listener, its life and its end
 *   peer_table.c      the workers: where they are, which of them were met
 *   peer_accept.c     an incoming handshake, up to the hand-over to a transport
 *   peer_connect.c    an outgoing one, up to the hand-over to Raft
 *   peer_transport.c  the raft_uv_transport of a replica
 *
 * An incoming connection is the port's until its HELLO has named a shard; an outgoing one is its
 * transport's from the start. */
#ifndef RAFTMETRICS_SRC_RAFT_PEER_PORT_INTERNAL_H
#define RAFTMETRICS_SRC_RAFT_PEER_PORT_INTERNAL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "half_open.h"
#include "hello.h"
#include "peer_transport.h"
#include "raftmetrics/base/list.h"
#include "raftmetrics/raft/peer_port.h"
#include "refusals.h"

enum { RM__HALF_OPEN_MAX = 256 };

union rm__socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* A worker of the table. */
struct rm__peer {
    struct rm_peer_port *port;
    uint32_t worker;
    char *host;
    uint16_t number; /* of its port */
    bool is_met;
    bool is_resolving;
    uv_getaddrinfo_t resolution;
    struct rm_list waiting; /* for its end: struct rm__outgoing */
    size_t turn;            /* which of its host's addresses is tried next */
};

struct rm_peer_port {
    uv_loop_t *loop;
    uint64_t cluster;
    char *secret;
    int (*met)(void *data, uint32_t worker);
    void (*refused)(void *data, const char *address, const char *reason);
    void *data;
    struct rm__peer *peers;
    size_t n_peers;
    uv_tcp_t listener;
    uint16_t number;
    struct rm__half_open_set incoming;
    uv_tcp_t turned_away; /* a connection that there was no memory for */
    bool is_turning_away;
    struct rm_list transports;
    struct rm__refusals refusals;
    size_t n_open; /* listener, set, resolutions, turned_away: what libuv holds of the port */
    bool is_closing;
};

struct rm__peer_transport {
    struct rm_list link; /* in port->transports */
    struct rm_peer_port *port;
    struct raft_uv_transport *uv; /* whose impl this is; borrowed until done */
    uint32_t shard;
    struct rm_replica_id self;
    raft_uv_accept_cb accept_cb; /* NULL: it does not listen */
    raft_uv_transport_close_cb close_cb;
    struct rm__half_open_set outgoing;
    bool is_closing;
    bool is_closed;
    bool is_done;
};

/* A connection to another worker. */
struct rm__outgoing {
    struct rm__half_open base;
    struct rm__peer_transport *transport;
    struct rm__peer *peer;
    struct raft_uv_connect *request;
    struct rm_list waiting; /* in peer->waiting, while the host is looked up */
    uv_connect_t connect;
    union rm__socket_address address;
    size_t turn;        /* of the peer, that follows this address */
    const char *reason; /* why the other side was refused; NULL: it was not */
    struct rm_replica_id receiver;
    uint8_t hello[RM__HELLO_BYTES];
    uint8_t challenge[RM__CHALLENGE_BYTES];
    uint8_t welcome;
};

/* ---- peer_table.c ---- */

/* Errors: RM_ENOMEM. */
int rm__peers_init(struct rm_peer_port *port, const struct rm_peer_address *addresses, size_t n);
void rm__peers_done(struct rm_peer_port *port);

/* NULL: there is no such worker. */
struct rm__peer *rm__peer_find(struct rm_peer_port *port, uint32_t worker);

/* Has it made durable that the worker was met. Errors: of the port's met. */
int rm__peer_meet(struct rm__peer *peer);

/* Calls rm__outgoing_resolved, at once where the host is numeric. */
void rm__peer_resolve(struct rm__peer *peer, struct rm__outgoing *outgoing);

/* A numeric address, or "localhost". False: it is neither. */
bool rm__socket_address_parse(const char *host, uint16_t number,
                              union rm__socket_address *ret_address);

/* Without the port. */
void rm__socket_address_print(const union rm__socket_address *address,
                              char ret_text[INET6_ADDRSTRLEN]);

/* ---- peer_accept.c ---- */

/* The listener has a connection. */
void rm__incoming_accept(struct rm_peer_port *port);

/* Ends those that have named the replica of @transport. */
void rm__incoming_cancel(struct rm__peer_transport *transport);

/* ---- peer_connect.c ---- */

/* Errors: RM_ENOMEM; RM_ENOTFOUND (no such worker). */
int rm__outgoing_start(struct rm__peer_transport *transport, struct raft_uv_connect *request,
                       struct rm_replica_id receiver);

/* @addresses: where the host is; none where it was not found. */
void rm__outgoing_resolved(struct rm__outgoing *outgoing, const union rm__socket_address *addresses,
                           size_t n_addresses);

/* ---- peer_port.c ---- */

/* What Raft needs of a connection: no waiting to fill a packet, and no peer that is kept for dead
 * without end. Errors: RM_EIO. */
int rm__peer_socket_set_up(uv_tcp_t *tcp);

struct rm__peer_transport *rm__transport_find(const struct rm_peer_port *port, uint32_t shard);

/* @reason: a literal. */
void rm__peer_port_refuse(struct rm_peer_port *port, const char *address, const char *reason);

/* One of those that port->n_open counts is gone. */
void rm__peer_port_let_go(struct rm_peer_port *port);

#endif
