/* An outgoing handshake: look the host up, for the addresses of containers change; connect; send
 * HELLO; check the listener's proof, and only then send the own one, to nobody who has not shown
 * that he knows the secret; wait for the welcome, without which nothing is Raft's to read on the
 * other side. Whatever fails is RAFT_NOCONNECTION, and Raft tries again. */
#include <stdlib.h>
#include <string.h>

#include "peer_port_internal.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/random.h"

static struct rm__outgoing *outgoing_of(struct rm__half_open *base)
{
    return RM_LIST_ENTRY(base, struct rm__outgoing, base);
}

static bool has_address(const struct rm__outgoing *outgoing)
{
    return outgoing->address.any.sa_family != AF_UNSPEC;
}

static void on_ended(struct rm__half_open *base, int status)
{
    struct rm__outgoing *outgoing = outgoing_of(base);
    struct raft_uv_connect *request = outgoing->request;
    char address[INET6_ADDRSTRLEN];

    rm_list_remove(&outgoing->waiting);
    /* Another of the host's addresses may do better. Where several shards fail at once, they all
     * say the same. */
    if (status != RM_ECANCELED && has_address(outgoing)) {
        outgoing->peer->turn = outgoing->turn;
    }
    if (outgoing->reason != NULL) {
        rm__socket_address_print(&outgoing->address, address);
        rm__peer_port_refuse(outgoing->transport->port, address, outgoing->reason);
    }
    free(outgoing);
    request->cb(request, NULL, status == RM_ECANCELED ? RAFT_CANCELED : RAFT_NOCONNECTION);
}

static void refuse(struct rm__outgoing *outgoing, const char *reason)
{
    outgoing->reason = reason;
    rm__half_open_end(&outgoing->base, RM_EDENIED);
}

static void on_welcome(struct rm__half_open *base)
{
    struct rm__outgoing *outgoing = outgoing_of(base);
    struct raft_uv_connect *request = outgoing->request;
    char address[INET6_ADDRSTRLEN];
    uv_tcp_t *tcp;

    if (outgoing->welcome != RM__WELCOME) {
        refuse(outgoing, "it does not speak as a worker does");
        return;
    }
    rm__socket_address_print(&outgoing->address, address);
    rm__refusals_forget(&outgoing->transport->port->refusals, address);
    tcp = rm__half_open_release(base);
    free(outgoing);
    request->cb(request, (uv_stream_t *)tcp, 0);
}

static void on_challenge(struct rm__half_open *base)
{
    struct rm__outgoing *outgoing = outgoing_of(base);
    const char *secret = outgoing->transport->port->secret;
    const uint8_t *nonce = outgoing->challenge;
    uint8_t proof[RM__PROOF_BYTES];

    if (rm__hello_prove(secret, RM__SIDE_LISTENER, outgoing->hello, nonce, proof) != 0) {
        rm__half_open_end(base, RM_ENOMEM);
        return;
    }
    if (!rm__proof_is_equal(outgoing->challenge + RM__NONCE_BYTES, proof)) {
        refuse(outgoing, "it does not know the cluster's secret");
        return;
    }
    if (rm__peer_meet(outgoing->peer) != 0) {
        refuse(outgoing, "that it was met could not be recorded");
        return;
    }
    if (rm__hello_prove(secret, RM__SIDE_DIALLER, outgoing->hello, nonce, proof) != 0) {
        rm__half_open_end(base, RM_ENOMEM);
    } else if (!rm__half_open_send(base, proof, sizeof proof)) {
        rm__half_open_end(base, RM_ECONNECT);
    } else {
        rm__half_open_receive(base, &outgoing->welcome, sizeof outgoing->welcome, on_welcome);
    }
}

static void say_hello(struct rm__outgoing *outgoing)
{
    struct rm__peer_transport *transport = outgoing->transport;
    struct rm__hello hello = {.cluster = transport->port->cluster,
                              .shard = transport->shard,
                              .sender = transport->self,
                              .receiver = outgoing->receiver};

    rm_random_bytes(hello.nonce, sizeof hello.nonce);
    rm__hello_encode(&hello, outgoing->hello);
    if (rm__half_open_send(&outgoing->base, outgoing->hello, sizeof outgoing->hello)) {
        rm__half_open_receive(&outgoing->base, outgoing->challenge, sizeof outgoing->challenge,
                              on_challenge);
    } else {
        rm__half_open_end(&outgoing->base, RM_ECONNECT);
    }
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct rm__outgoing *outgoing = connect->data;

    if (rm__half_open_has_ended(&outgoing->base)) {
        return;
    }
    if (status != 0 || rm__peer_socket_set_up(outgoing->base.tcp) != 0) {
        rm__half_open_end(&outgoing->base, RM_ECONNECT);
        return;
    }
    say_hello(outgoing);
}

void rm__outgoing_resolved(struct rm__outgoing *outgoing, const union rm__socket_address *addresses,
                           size_t n_addresses)
{
    if (rm__half_open_has_ended(&outgoing->base)) {
        return;
    }
    if (n_addresses == 0) {
        rm__half_open_end(&outgoing->base, RM_ENOTFOUND);
        return;
    }
    outgoing->address = addresses[outgoing->peer->turn % n_addresses];
    outgoing->turn = (outgoing->peer->turn + 1) % n_addresses;
    outgoing->connect.data = outgoing;
    if (uv_tcp_connect(&outgoing->connect, outgoing->base.tcp, &outgoing->address.any,
                       on_connected) != 0) {
        rm__half_open_end(&outgoing->base, RM_ECONNECT);
    }
}

int rm__outgoing_start(struct rm__peer_transport *transport, struct raft_uv_connect *request,
                       struct rm_replica_id receiver)
{
    struct rm__peer *peer = rm__peer_find(transport->port, receiver.worker);
    struct rm__outgoing *outgoing;
    int rv;

    if (peer == NULL || receiver.worker == transport->self.worker) {
        return RM_ENOTFOUND;
    }
    outgoing = calloc(1, sizeof *outgoing);
    if (outgoing == NULL) {
        return RM_ENOMEM;
    }
    outgoing->transport = transport;
    outgoing->peer = peer;
    outgoing->request = request;
    outgoing->receiver = receiver;
    outgoing->base.ended = on_ended;
    rm_list_init(&outgoing->waiting);
    rv = rm__half_open_start(&outgoing->base, &transport->outgoing);
    if (rv != 0) {
        free(outgoing);
        return rv;
    }
    rm__peer_resolve(peer, outgoing);
    return 0;
}
