#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer_port_internal.h"
#include "raftmetrics/base/error.h"

enum { ADDRESSES_MAX = 8 };

int rm__peers_init(struct rm_peer_port *port, const struct rm_peer_address *addresses, size_t n)
{
    port->peers = calloc(n > 0 ? n : 1, sizeof *port->peers);
    if (port->peers == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        struct rm__peer *peer = &port->peers[i];

        *peer = (struct rm__peer){.port = port,
                                  .worker = addresses[i].worker,
                                  .host = strdup(addresses[i].host),
                                  .number = addresses[i].port};
        rm_list_init(&peer->waiting);
        peer->resolution.data = peer;
        port->n_peers++;
        if (peer->host == NULL) {
            rm__peers_done(port);
            return RM_ENOMEM;
        }
    }
    return 0;
}

void rm__peers_done(struct rm_peer_port *port)
{
    for (size_t i = 0; i < port->n_peers; i++) {
        free(port->peers[i].host);
    }
    free(port->peers);
    port->peers = NULL;
    port->n_peers = 0;
}

struct rm__peer *rm__peer_find(struct rm_peer_port *port, uint32_t worker)
{
    for (size_t i = 0; i < port->n_peers; i++) {
        if (port->peers[i].worker == worker) {
            return &port->peers[i];
        }
    }
    return NULL;
}

int rm__peer_meet(struct rm__peer *peer)
{
    int rv = 0;

    if (!peer->is_met) {
        rv = peer->port->met(peer->port->data, peer->worker);
        peer->is_met = rv == 0;
    }
    return rv;
}

bool rm__socket_address_parse(const char *host, uint16_t number,
                              union rm__socket_address *ret_address)
{
    if (strcmp(host, "localhost") == 0) {
        host = "127.0.0.1";
    }
    return uv_ip4_addr(host, number, &ret_address->v4) == 0 ||
           uv_ip6_addr(host, number, &ret_address->v6) == 0;
}

void rm__socket_address_print(const union rm__socket_address *address,
                              char ret_text[INET6_ADDRSTRLEN])
{
    int rv = address->any.sa_family == AF_INET6
                 ? uv_ip6_name(&address->v6, ret_text, INET6_ADDRSTRLEN)
                 : uv_ip4_name(&address->v4, ret_text, INET6_ADDRSTRLEN);

    if (rv != 0) {
        ret_text[0] = '\0';
    }
}

static size_t copy_addresses(const struct addrinfo *info, union rm__socket_address *addresses)
{
    size_t n = 0;

    for (; info != NULL && n < ADDRESSES_MAX; info = info->ai_next) {
        if (info->ai_addrlen <= sizeof addresses[n]) {
            memcpy(&addresses[n++], info->ai_addr, info->ai_addrlen);
        }
    }
    return n;
}

static void on_resolved(uv_getaddrinfo_t *resolution, int status, struct addrinfo *info)
{
    struct rm__peer *peer = resolution->data;
    union rm__socket_address addresses[ADDRESSES_MAX];
    size_t n = status == 0 ? copy_addresses(info, addresses) : 0;

    uv_freeaddrinfo(info);
    peer->is_resolving = false;
    while (!rm_list_is_empty(&peer->waiting)) {
        struct rm__outgoing *outgoing =
            RM_LIST_ENTRY(peer->waiting.next, struct rm__outgoing, waiting);

        rm_list_remove(&outgoing->waiting);
        rm__outgoing_resolved(outgoing, addresses, n);
    }
    rm__peer_port_let_go(peer->port);
}

/* False where libuv is short of memory. */
static bool start_resolution(struct rm__peer *peer)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char service[sizeof "65535"];

    snprintf(service, sizeof service, "%u", (unsigned)peer->number);
    if (uv_getaddrinfo(peer->port->loop, &peer->resolution, on_resolved, peer->host, service,
                       &hints) != 0) {
        return false;
    }
    peer->is_resolving = true;
    peer->port->n_open++;
    return true;
}

/* One look-up a worker at a time, whoever waits for it: a name server that does not answer holds a
 * thread of the pool, on which disk writes are made too, for many seconds. */
void rm__peer_resolve(struct rm__peer *peer, struct rm__outgoing *outgoing)
{
    union rm__socket_address address;

    if (rm__socket_address_parse(peer->host, peer->number, &address)) {
        rm__outgoing_resolved(outgoing, &address, 1);
    } else if (peer->is_resolving || start_resolution(peer)) {
        rm_list_push_back(&peer->waiting, &outgoing->waiting);
    } else {
        rm__outgoing_resolved(outgoing, NULL, 0);
    }
}
