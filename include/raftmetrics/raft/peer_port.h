/* The port on which the workers of a cluster speak Raft to each other: one a worker, for all of its
 * shards. A connection belongs to one shard and one direction, and nothing of it reaches Raft
 * before both sides have proved that they know the cluster's secret:
 *
 *   dialler                                              listener
 *      HELLO: magic, version, cluster fingerprint, shard,
 *             sender's id, receiver's id, nonce A    ──────►
 *      ◄──────   nonce B, HMAC(secret, "listener" | HELLO | B)
 *      HMAC(secret, "dialler" | HELLO | B)           ──────►
 *      ◄──────   one byte: welcome
 *      Raft's own messages, from dialler to listener only
 *
 * HMAC is HMAC-SHA256 (RFC 2104). All of it takes at most RM_HANDSHAKE_MS. What is malformed, late,
 * of another cluster or ignorant of the secret is closed, and reported once an address and reason
 * until that address succeeds. What is ordinary while workers start and stop is not reported: that
 * the other side hangs up, or asks for a shard that is not served here. A TLS layer would stand
 * below HELLO and leave it as it is. */
#ifndef RAFTMETRICS_RAFT_PEER_PORT_H
#define RAFTMETRICS_RAFT_PEER_PORT_H

#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/raft/replica_id.h"

struct uv_loop_s;
struct rm_peer_port;

enum { RM_HANDSHAKE_MS = 1000 };

/* Where a worker's peer port is. */
struct rm_peer_address {
    uint32_t worker;
    const char *host;
    uint16_t port;
};

struct rm_peer_port_options {
    const char *listen; /* address to bind: numeric, or "localhost" */
    uint16_t port;      /* 0: the kernel picks */
    uint64_t cluster;   /* fingerprint of name and map */
    const char *secret;
    const struct rm_peer_address *peers; /* all workers; the own one is ignored */
    size_t n_peers;

    /* Called before the first handshake with a worker completes, on either side: must have made
     * durable that this worker was met, for one that is met may have been counted on. Returns 0, or
     * an error, which refuses the handshake. */
    int (*met)(void *data, uint32_t worker);

    /* A refused connection, for the log: the other's address without its port, and why, as in "it
     * belongs to another cluster". */
    void (*refused)(void *data, const char *address, const char *reason);
    void *data;
};

/* Listens. Texts are copied. Errors: RM_EBUSY (port taken), RM_EINVAL (address), RM_EIO,
 * RM_ENOMEM. */
int rm_peer_port_new(struct uv_loop_s *loop, const struct rm_peer_port_options *options,
                     struct rm_peer_port **ret_port);

uint16_t rm_peer_port_number(const struct rm_peer_port *port);

/* Stops listening and frees the port once libuv has let go of its handles, while the loop runs;
 * every transport on it was closed before. Takes NULL. */
void rm_peer_port_close(struct rm_peer_port *port);

#endif
