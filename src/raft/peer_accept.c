/* Each step of an incoming handshake waits for exactly the bytes of the next message:
 *
 *   preamble ─► rest of HELLO ─► look at it, send CHALLENGE ─► PROOF ─► meet, send WELCOME,
 *                                                                      hand the stream to Raft */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer_port_internal.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/random.h"

struct incoming {
    struct rm__half_open base;
    struct rm_peer_port *port;
    struct rm__peer *peer;                /* once HELLO has come */
    struct rm__peer_transport *transport; /* once HELLO has come; it ends this before it goes */
    const char *reason;                   /* why it was refused; NULL: it was not */
    struct rm__hello hello;
    uint8_t hello_bytes[RM__HELLO_BYTES];
    uint8_t nonce[RM__NONCE_BYTES];
    uint8_t proof[RM__PROOF_BYTES];
    char address[INET6_ADDRSTRLEN];
};

static struct incoming *incoming_of(struct rm__half_open *base)
{
    return RM_LIST_ENTRY(base, struct incoming, base);
}

static void on_ended(struct rm__half_open *base, int status)
{
    struct incoming *incoming = incoming_of(base);

    if (status == RM_ETIMEDOUT) {
        incoming->reason = "its handshake took longer than a second";
    }
    if (incoming->reason != NULL) {
        rm__peer_port_refuse(incoming->port, incoming->address, incoming->reason);
    }
    free(incoming);
}

static void refuse(struct incoming *incoming, const char *reason)
{
    incoming->reason = reason;
    rm__half_open_end(&incoming->base, RM_EDENIED);
}

/* Nothing of @incoming is used after the stream is Raft's. */
static void hand_over(struct incoming *incoming)
{
    struct rm__peer_transport *transport = incoming->transport;
    raft_id sender = rm__raft_id(incoming->hello.sender);
    char address[RM__RAFT_ADDRESS_MAX];
    uv_tcp_t *tcp = rm__half_open_release(&incoming->base);

    rm__raft_address(incoming->hello.sender, address);
    rm__refusals_forget(&incoming->port->refusals, incoming->address);
    free(incoming);
    transport->accept_cb(transport->uv, sender, address, (uv_stream_t *)tcp);
}

static void on_proof(struct rm__half_open *base)
{
    static const uint8_t welcome = RM__WELCOME;
    struct incoming *incoming = incoming_of(base);
    uint8_t expected[RM__PROOF_BYTES];

    if (rm__hello_prove(incoming->port->secret, RM__SIDE_DIALLER, incoming->hello_bytes,
                        incoming->nonce, expected) != 0) {
        rm__half_open_end(base, RM_ENOMEM);
    } else if (!rm__proof_is_equal(incoming->proof, expected)) {
        refuse(incoming, "it does not know the cluster's secret");
    } else if (rm__peer_meet(incoming->peer) != 0) {
        refuse(incoming, "that it was met could not be recorded");
    } else if (!rm__half_open_send(base, &welcome, sizeof welcome)) {
        rm__half_open_end(base, RM_ECONNECT);
    } else {
        hand_over(incoming);
    }
}

static void challenge(struct incoming *incoming)
{
    uint8_t bytes[RM__CHALLENGE_BYTES];

    rm_random_bytes(incoming->nonce, sizeof incoming->nonce);
    memcpy(bytes, incoming->nonce, sizeof incoming->nonce);
    if (rm__hello_prove(incoming->port->secret, RM__SIDE_LISTENER, incoming->hello_bytes,
                        incoming->nonce, bytes + RM__NONCE_BYTES) != 0) {
        rm__half_open_end(&incoming->base, RM_ENOMEM);
    } else if (!rm__half_open_send(&incoming->base, bytes, sizeof bytes)) {
        rm__half_open_end(&incoming->base, RM_ECONNECT);
    } else {
        rm__half_open_receive(&incoming->base, incoming->proof, sizeof incoming->proof, on_proof);
    }
}

/* A stale id is never served: what was acknowledged under it was lost. That a shard is not served
 * is ordinary while workers start and stop, and no refusal to be told of. */
static void on_hello(struct rm__half_open *base)
{
    struct incoming *incoming = incoming_of(base);
    struct rm_peer_port *port = incoming->port;
    struct rm__hello *hello = &incoming->hello;
    struct rm__peer_transport *transport;

    if (rm__hello_decode(incoming->hello_bytes, hello) != 0) {
        refuse(incoming, "it does not speak as a worker does");
        return;
    }
    if (hello->cluster != port->cluster) {
        refuse(incoming, "it belongs to another cluster");
        return;
    }
    incoming->peer = rm__peer_find(port, hello->sender.worker);
    if (incoming->peer == NULL) {
        refuse(incoming, "its worker is none of this cluster's");
        return;
    }
    transport = rm__transport_find(port, hello->shard);
    if (transport == NULL || transport->accept_cb == NULL || transport->is_closing) {
        rm__half_open_end(base, RM_ENOTFOUND);
        return;
    }
    if (hello->sender.worker == transport->self.worker) {
        refuse(incoming, "it says that it is this worker");
    } else if (hello->receiver.worker != transport->self.worker) {
        refuse(incoming, "it takes this worker for another");
    } else if (hello->receiver.incarnation != transport->self.incarnation) {
        refuse(incoming, "it asks for a replica that this worker does not hold any more");
    } else {
        incoming->transport = transport;
        challenge(incoming);
    }
}

static void on_preamble(struct rm__half_open *base)
{
    struct incoming *incoming = incoming_of(base);
    int rv = rm__hello_check_preamble(incoming->hello_bytes);

    if (rv == RM_EPROTO) {
        refuse(incoming, "it speaks another version of the workers' protocol");
    } else if (rv != 0) {
        refuse(incoming, "it does not speak as a worker does");
    } else {
        rm__half_open_receive(base, incoming->hello_bytes + RM__HELLO_PREAMBLE_BYTES,
                              RM__HELLO_BYTES - RM__HELLO_PREAMBLE_BYTES, on_hello);
    }
}

static int take_connection(struct incoming *incoming)
{
    struct rm_peer_port *port = incoming->port;
    union rm__socket_address address;
    int len = sizeof address;

    if (uv_accept((uv_stream_t *)&port->listener, (uv_stream_t *)incoming->base.tcp) != 0 ||
        uv_tcp_getpeername(incoming->base.tcp, &address.any, &len) != 0) {
        return RM_ECONNECT;
    }
    rm__socket_address_print(&address, incoming->address);
    return rm__peer_socket_set_up(incoming->base.tcp);
}

static void make_room(struct rm_peer_port *port)
{
    struct rm__half_open_set *set = &port->incoming;

    if (set->n_members >= RM__HALF_OPEN_MAX) {
        refuse(incoming_of(RM_LIST_ENTRY(set->members.next, struct rm__half_open, link)),
               "too many connections came before its handshake was over");
    }
}

static void on_turned_away(uv_handle_t *handle)
{
    struct rm_peer_port *port = handle->data;

    port->is_turning_away = false;
    if (!port->is_closing) {
        rm__incoming_accept(port);
    }
    rm__peer_port_let_go(port);
}

/* There is no memory for this one. It must be taken nevertheless: libuv shows no other before. */
static void turn_away(struct rm_peer_port *port)
{
    if (port->is_turning_away) {
        return; /* on_turned_away looks again */
    }
    uv_tcp_init(port->loop, &port->turned_away);
    port->turned_away.data = port;
    uv_accept((uv_stream_t *)&port->listener, (uv_stream_t *)&port->turned_away);
    uv_close((uv_handle_t *)&port->turned_away, on_turned_away);
    port->is_turning_away = true;
    port->n_open++;
}

void rm__incoming_accept(struct rm_peer_port *port)
{
    struct incoming *incoming = calloc(1, sizeof *incoming);

    if (incoming == NULL) {
        turn_away(port);
        return;
    }
    incoming->port = port;
    incoming->base.ended = on_ended;
    make_room(port);
    if (rm__half_open_start(&incoming->base, &port->incoming) != 0) {
        free(incoming);
        turn_away(port);
        return;
    }
    if (take_connection(incoming) != 0) {
        rm__half_open_end(&incoming->base, RM_ECONNECT);
        return;
    }
    rm__half_open_receive(&incoming->base, incoming->hello_bytes, RM__HELLO_PREAMBLE_BYTES,
                          on_preamble);
}

void rm__incoming_cancel(struct rm__peer_transport *transport)
{
    struct rm_list *members = &transport->port->incoming.members;
    struct rm_list *link = members->next;

    while (link != members) {
        struct rm__half_open *base = RM_LIST_ENTRY(link, struct rm__half_open, link);

        link = link->next;
        if (incoming_of(base)->transport == transport) {
            rm__half_open_end(base, RM_ECANCELED);
        }
    }
}
