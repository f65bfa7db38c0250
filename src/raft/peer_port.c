#include "raftmetrics/raft/peer_port.h"

#include <assert.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "peer_port_internal.h"
#include "raftmetrics/base/error.h"

enum { BACKLOG = 1024, USER_TIMEOUT_MS = 5000, KEEPALIVE_S = 60 };

int rm__peer_socket_set_up(uv_tcp_t *tcp)
{
    unsigned timeout_ms = USER_TIMEOUT_MS;
    uv_os_fd_t fd;

    /* A peer that stops reading is dropped before what waits for it has grown much. One that has
     * gone without a word has sent nothing since, and nothing is sent to it on an incoming
     * connection: only a keep-alive finds out. */
    if (uv_tcp_nodelay(tcp, 1) != 0 || uv_tcp_keepalive(tcp, 1, KEEPALIVE_S) != 0 ||
        uv_fileno((uv_handle_t *)tcp, &fd) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms) != 0) {
        return RM_EIO;
    }
    return 0;
}

struct rm__peer_transport *rm__transport_find(const struct rm_peer_port *port, uint32_t shard)
{
    for (struct rm_list *link = port->transports.next; link != &port->transports;
         link = link->next) {
        struct rm__peer_transport *transport = RM_LIST_ENTRY(link, struct rm__peer_transport, link);

        if (transport->shard == shard) {
            return transport;
        }
    }
    return NULL;
}

void rm__peer_port_refuse(struct rm_peer_port *port, const char *address, const char *reason)
{
    if (!port->is_closing &&
        rm__refusals_add(&port->refusals, address, reason, uv_now(port->loop))) {
        port->refused(port->data, address, reason);
    }
}

static void free_port(struct rm_peer_port *port)
{
    rm__peers_done(port);
    if (port->secret != NULL) {
        OPENSSL_cleanse(port->secret, strlen(port->secret));
    }
    free(port->secret);
    free(port);
}

void rm__peer_port_let_go(struct rm_peer_port *port)
{
    port->n_open--;
    if (port->n_open == 0) {
        free_port(port);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0) {
        rm__incoming_accept(listener->data);
    }
}

static void on_listener_closed(uv_handle_t *handle)
{
    rm__peer_port_let_go(handle->data);
}

static void on_incoming_closed(struct rm__half_open_set *set)
{
    rm__peer_port_let_go(RM_LIST_ENTRY(set, struct rm_peer_port, incoming));
}

void rm_peer_port_close(struct rm_peer_port *port)
{
    if (port == NULL) {
        return;
    }
    assert(rm_list_is_empty(&port->transports));
    port->is_closing = true;
    uv_close((uv_handle_t *)&port->listener, on_listener_closed);
    rm__half_open_set_close(&port->incoming, on_incoming_closed);
}

static int listen_on(struct rm_peer_port *port, const union rm__socket_address *address)
{
    union rm__socket_address bound;
    int len = sizeof bound;
    int rv = uv_tcp_bind(&port->listener, &address->any, 0);

    if (rv == 0) {
        rv = uv_listen((uv_stream_t *)&port->listener, BACKLOG, on_connection);
    }
    if (rv == 0) {
        rv = uv_tcp_getsockname(&port->listener, &bound.any, &len);
    }
    switch (rv) {
    case 0:
        port->number =
            ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
        return 0;
    case UV_EADDRINUSE:
        return RM_EBUSY;
    case UV_EADDRNOTAVAIL:
    case UV_EINVAL: /* a family that this machine does not have */
        return RM_EINVAL;
    case UV_ENOMEM:
        return RM_ENOMEM;
    default:
        return RM_EIO;
    }
}

static struct rm_peer_port *new_port(uv_loop_t *loop, const struct rm_peer_port_options *options)
{
    struct rm_peer_port *port = calloc(1, sizeof *port);

    if (port == NULL) {
        return NULL;
    }
    port->loop = loop;
    port->cluster = options->cluster;
    port->met = options->met;
    port->refused = options->refused;
    port->data = options->data;
    rm_list_init(&port->transports);
    port->secret = strdup(options->secret);
    if (port->secret == NULL || rm__peers_init(port, options->peers, options->n_peers) != 0) {
        free_port(port);
        return NULL;
    }
    return port;
}

int rm_peer_port_new(struct uv_loop_s *loop, const struct rm_peer_port_options *options,
                     struct rm_peer_port **ret_port)
{
    struct rm_peer_port *port;
    union rm__socket_address address;
    int rv;

    if (!rm__socket_address_parse(options->listen, options->port, &address)) {
        return RM_EINVAL;
    }
    port = new_port(loop, options);
    if (port == NULL) {
        return RM_ENOMEM;
    }
    uv_tcp_init(loop, &port->listener);
    port->listener.data = port;
    rm__half_open_set_init(&port->incoming, loop);
    port->n_open = 2;
    rv = listen_on(port, &address);
    if (rv != 0) {
        rm_peer_port_close(port);
        return rv;
    }
    *ret_port = port;
    return 0;
}

uint16_t rm_peer_port_number(const struct rm_peer_port *port)
{
    return port->number;
}
