#include "peer_transport.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer_port_internal.h"
#include "raftmetrics/base/error.h"

void rm__raft_address(struct rm_replica_id id, char ret_text[RM__RAFT_ADDRESS_MAX])
{
    snprintf(ret_text, RM__RAFT_ADDRESS_MAX, "%" PRIu32 ".%" PRIu32, id.worker, id.incarnation);
}

static int transport_init(struct raft_uv_transport *uv, raft_id id, const char *address)
{
    const struct rm__peer_transport *transport = uv->impl;

    (void)address;
    assert(id == rm__raft_id(transport->self));
    return 0;
}

static int transport_listen(struct raft_uv_transport *uv, raft_uv_accept_cb cb)
{
    struct rm__peer_transport *transport = uv->impl;

    transport->accept_cb = cb;
    return 0;
}

static int transport_connect(struct raft_uv_transport *uv, struct raft_uv_connect *request,
                             raft_id id, const char *address, raft_uv_connect_cb cb)
{
    struct rm__peer_transport *transport = uv->impl;
    int rv;

    (void)address;
    assert(!transport->is_closing);
    request->cb = cb;
    rv = rm__outgoing_start(transport, request, rm__replica_id(id));
    if (rv == 0) {
        return 0;
    }
    snprintf(uv->errmsg, sizeof uv->errmsg, "%s", rm_strerror(rv));
    return rv == RM_ENOMEM ? RAFT_NOMEM : RAFT_NOCONNECTION;
}

static void on_set_closed(struct rm__half_open_set *set)
{
    struct rm__peer_transport *transport = RM_LIST_ENTRY(set, struct rm__peer_transport, outgoing);

    transport->is_closed = true;
    if (transport->is_done) {
        free(transport);
    } else {
        transport->close_cb(transport->uv);
    }
}

static void start_closing(struct rm__peer_transport *transport)
{
    transport->is_closing = true;
    rm__incoming_cancel(transport);
    rm__half_open_set_close(&transport->outgoing, on_set_closed);
}

static void transport_close(struct raft_uv_transport *uv, raft_uv_transport_close_cb cb)
{
    struct rm__peer_transport *transport = uv->impl;

    transport->close_cb = cb;
    start_closing(transport);
}

int rm__peer_transport_init(struct rm_peer_port *port, uint32_t shard, struct rm_replica_id self,
                            struct raft_uv_transport *ret_transport)
{
    struct rm__peer_transport *transport;

    if (rm__transport_find(port, shard) != NULL) {
        return RM_EEXIST;
    }
    transport = calloc(1, sizeof *transport);
    if (transport == NULL) {
        return RM_ENOMEM;
    }
    transport->port = port;
    transport->uv = ret_transport;
    transport->shard = shard;
    transport->self = self;
    rm__half_open_set_init(&transport->outgoing, port->loop);
    rm_list_push_back(&port->transports, &transport->link);
    *ret_transport = (struct raft_uv_transport){.version = 1,
                                                .impl = transport,
                                                .init = transport_init,
                                                .listen = transport_listen,
                                                .connect = transport_connect,
                                                .close = transport_close};
    return 0;
}

/* Raft does not close a transport that it has not initialised: its timer is closed here. */
void rm__peer_transport_done(struct raft_uv_transport *uv)
{
    struct rm__peer_transport *transport = uv->impl;

    if (transport == NULL) {
        return;
    }
    uv->impl = NULL;
    rm_list_remove(&transport->link);
    transport->is_done = true;
    if (transport->is_closed) {
        free(transport);
    } else if (!transport->is_closing) {
        start_closing(transport);
    }
}
