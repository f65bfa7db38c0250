/* A worker's peer port with the transport of one replica, and what a Raft behind it would see. */
#ifndef RAFTMETRICS_TESTS_UNIT_PEER_SIDE_H
#define RAFTMETRICS_TESTS_UNIT_PEER_SIDE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/raft/hello.h"
#include "../../src/raft/peer_transport.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/net/loop.h"
#include "raw_socket.h"
#include "turn.h"

enum {
    SIDE_SHARD = 5,
    SIDE_STREAMS_MAX = 8,
    SIDE_BYTES_MAX = 1 << 17,
    SIDE_TEXT_MAX = 128,
    SIDE_WORKERS = 3,
};

#define SIDE_CLUSTER UINT64_C(0xc1a57e4)
#define SIDE_SECRET "a secret of the cluster"

struct side {
    struct rm_peer_port *port;
    uint16_t number;
    struct rm_replica_id self;
    struct raft_uv_transport transport;
    int n_met;
    uint32_t last_met;
    int met_error;
    int n_refused;
    char reason[SIDE_TEXT_MAX]; /* of the last refusal */
    char refused_address[SIDE_TEXT_MAX];

    /* accepted */
    int n_accepted;
    uv_stream_t *streams[SIDE_STREAMS_MAX]; /* those still open */
    raft_id accepted_id;
    char accepted_address[SIDE_TEXT_MAX];
    char bytes[SIDE_BYTES_MAX]; /* of all streams */
    int n_bytes;
    int n_eofs;

    int n_closed; /* of the transport */
};

/* A request to connect, and its end. */
struct dial {
    struct raft_uv_connect request;
    uv_stream_t *stream;
    int n_ended;
    int status;
    void (*then)(struct dial *dial); /* may be NULL */
};

static inline int side_on_met(void *data, uint32_t worker)
{
    struct side *side = data;

    side->n_met++;
    side->last_met = worker;
    return side->met_error;
}

static inline void side_on_refused(void *data, const char *address, const char *reason)
{
    struct side *side = data;

    side->n_refused++;
    snprintf(side->reason, sizeof side->reason, "%s", reason);
    snprintf(side->refused_address, sizeof side->refused_address, "%s", address);
}

static inline void side_free_stream(uv_handle_t *handle)
{
    raft_free(handle);
}

static inline void side_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct side *side = handle->data;

    (void)suggested;
    *ret_buf = uv_buf_init(side->bytes + side->n_bytes, (unsigned)(SIDE_BYTES_MAX - side->n_bytes));
}

static inline void side_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct side *side = stream->data;

    (void)buf;
    if (n < 0) {
        side->n_eofs++;
        uv_read_stop(stream);
    } else {
        side->n_bytes += (int)n;
    }
}

/* As C-Raft does: the stream is read from at once. */
static inline void side_on_accepted(struct raft_uv_transport *transport, raft_id id,
                                    const char *address, uv_stream_t *stream)
{
    struct side *side = transport->data;

    side->accepted_id = id;
    snprintf(side->accepted_address, sizeof side->accepted_address, "%s", address);
    if (side->n_accepted < SIDE_STREAMS_MAX) {
        side->streams[side->n_accepted] = stream;
        stream->data = side;
        uv_read_start(stream, side_on_alloc, side_on_read);
    } else {
        uv_close((uv_handle_t *)stream, side_free_stream);
    }
    side->n_accepted++;
}

static inline void side_on_transport_closed(struct raft_uv_transport *transport)
{
    struct side *side = transport->data;

    side->n_closed++;
}

/* What differs from one test to the next; zero: as it should be. */
struct side_setup {
    uint64_t cluster;
    const char *secret;
    const char *peer_host;
    uint16_t peer_number; /* of every other worker */
};

/* A port whose transport does not listen yet. */
static inline void side_open(struct side *side, struct rm_loop *loop, struct rm_replica_id self,
                             struct side_setup setup)
{
    struct rm_peer_address peers[SIDE_WORKERS];
    const struct rm_peer_port_options options = {
        .listen = "127.0.0.1",
        .cluster = setup.cluster != 0 ? setup.cluster : SIDE_CLUSTER,
        .secret = setup.secret != NULL ? setup.secret : SIDE_SECRET,
        .peers = peers,
        .n_peers = SIDE_WORKERS,
        .met = side_on_met,
        .refused = side_on_refused,
        .data = side,
    };
    int rv;

    for (uint32_t i = 0; i < SIDE_WORKERS; i++) {
        peers[i] = (struct rm_peer_address){
            i + 1, setup.peer_host != NULL ? setup.peer_host : "127.0.0.1", setup.peer_number};
    }
    memset(side, 0, sizeof *side);
    side->self = self;
    rv = rm_peer_port_new(rm_loop_uv(loop), &options, &side->port);
    if (rv == 0) {
        rv = rm__peer_transport_init(side->port, SIDE_SHARD, self, &side->transport);
    }
    if (rv != 0) {
        fprintf(stderr, "no peer port: %s\n", rm_strerror(rv));
        abort();
    }
    side->transport.data = side;
    side->transport.init(&side->transport, rm__raft_id(self), "");
    side->number = rm_peer_port_number(side->port);
}

static inline void side_listen(struct side *side)
{
    side->transport.listen(&side->transport, side_on_accepted);
}

static inline void side_close_transport(struct side *side)
{
    side->transport.close(&side->transport, side_on_transport_closed);
}

/* Closes what is still open; the memory of @side is needed until its loop is freed. */
static inline bool side_close(struct side *side, struct rm_loop *loop)
{
    bool is_closed;

    for (int i = 0; i < SIDE_STREAMS_MAX; i++) {
        if (side->streams[i] != NULL) {
            uv_close((uv_handle_t *)side->streams[i], side_free_stream);
        }
    }
    if (side->n_closed == 0) {
        side_close_transport(side);
    }
    is_closed = turn_until_count(loop, &side->n_closed, 1);
    rm__peer_transport_done(&side->transport);
    rm_peer_port_close(side->port);
    return is_closed;
}

static inline void dial_on_ended(struct raft_uv_connect *request, uv_stream_t *stream, int status)
{
    struct dial *dial = request->data;

    dial->n_ended++;
    dial->stream = stream;
    dial->status = status;
    if (dial->then != NULL) {
        dial->then(dial);
    }
}

/* What connect returned. */
static inline int dial_start(struct dial *dial, struct side *side, struct rm_replica_id receiver)
{
    void (*then)(struct dial * dial) = dial->then;

    *dial = (struct dial){.then = then};
    dial->request.data = dial;
    return side->transport.connect(&side->transport, &dial->request, rm__raft_id(receiver), "",
                                   dial_on_ended);
}

static inline void dial_close(struct dial *dial)
{
    if (dial->stream != NULL) {
        uv_close((uv_handle_t *)dial->stream, side_free_stream);
    }
    dial->stream = NULL;
}

/* Until at least @n bytes have come. */
struct raw_bytes {
    struct raw_socket *raw;
    size_t n;
};

static inline bool raw_has_bytes(void *data)
{
    struct raw_bytes *bytes = data;

    raw_receive(bytes->raw);
    return bytes->raw->len >= bytes->n || bytes->raw->is_closed;
}

/* False where the peer closed before. */
static inline bool raw_wait_bytes(struct rm_loop *loop, struct raw_socket *raw, size_t n)
{
    struct raw_bytes bytes = {raw, n};

    return turn_until(loop, raw_has_bytes, &bytes) && raw->len >= n;
}

static inline struct rm__hello hello_from(struct rm_replica_id sender,
                                          struct rm_replica_id receiver)
{
    return (struct rm__hello){.cluster = SIDE_CLUSTER,
                              .shard = SIDE_SHARD,
                              .sender = sender,
                              .receiver = receiver,
                              .nonce = "a nonce"};
}

#endif
