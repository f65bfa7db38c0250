/* libmicrohttpd's timeouts count idle time only: a client that sends a byte now and then could hold
 * a connection for ever. The reaper ends what has not sent a whole request in time. */
#include <stdlib.h>
#include <sys/socket.h>

#include "http_server_internal.h"
#include "socket.h"

enum { REAPER_PERIOD_MS = 1000 };

void rm__http_connection_abort(const struct rm__connection *connection)
{
    shutdown(connection->fd, SHUT_RDWR);
}

/* What a client of HTTP/1.0 got is whole when the connection ends, unless it ends by a reset. A
 * socket that is connected to nobody sends one at once; SO_LINGER would do so only at close, after
 * libmicrohttpd has ended its side in peace. */
void rm__http_connection_cut(const struct rm__connection *connection)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    (void)connect(connection->fd, &nobody, sizeof nobody);
}

/* Between requests, only the kernel knows whether the first bytes of a next one are in. */
static void look_for_first_byte(struct rm__connection *connection, uint64_t now_ms)
{
    uint64_t n_bytes;

    if (connection->request_since_ms != 0) {
        return;
    }
    n_bytes = rm__socket_bytes_received(connection->fd, connection->n_bytes);
    if (connection->n_requests == connection->n_requests_seen && n_bytes != connection->n_bytes) {
        connection->request_since_ms = now_ms;
    }
    connection->n_bytes = n_bytes;
    connection->n_requests_seen = connection->n_requests;
}

static bool is_receiving(const struct rm__connection *connection)
{
    const struct rm_http_request *request = connection->request;

    return connection->request_since_ms != 0 &&
           (request == NULL || !(request->is_queued || request->is_suspended));
}

static bool is_stalled(const struct rm__connection *connection, uint64_t now_ms)
{
    const struct rm_http_request *request = connection->request;

    return request != NULL && request->stream != NULL &&
           rm__stream_is_stalled(request->stream, now_ms);
}

static void on_reaper(uv_timer_t *timer)
{
    struct rm_http_server *server = timer->data;
    uint64_t now_ms = rm_loop_now_ms(server->loop);
    struct rm_list *link;

    for (link = server->connections.next; link != &server->connections; link = link->next) {
        struct rm__connection *connection = RM_LIST_ENTRY(link, struct rm__connection, link);

        look_for_first_byte(connection, now_ms);
        if (is_receiving(connection) &&
            now_ms - connection->request_since_ms > server->request_timeout_ms) {
            rm__http_connection_abort(connection);
        } else if (is_stalled(connection, now_ms)) {
            rm__http_connection_cut(connection);
        }
    }
}

static void connection_open(struct rm_http_server *server, struct MHD_Connection *mhd,
                            void **socket_context)
{
    struct rm__connection *connection = calloc(1, sizeof *connection);

    *socket_context = connection;
    if (connection == NULL) {
        return; /* its requests are refused */
    }
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    rm_list_push_back(&server->connections, &connection->link);
    if (server->n_connections++ == 0) {
        uv_timer_start(&server->reaper, on_reaper, REAPER_PERIOD_MS, REAPER_PERIOD_MS);
    }
}

static void connection_close(struct rm_http_server *server, void **socket_context)
{
    struct rm__connection *connection = *socket_context;

    *socket_context = NULL;
    if (connection == NULL) {
        return;
    }
    rm_list_remove(&connection->link);
    free(connection);
    /* Without a place to give, MHD does not look at its listening socket, and does so again only
     * from its next run on: those who wait there make no event that would cause one. */
    server->must_run = server->must_run || server->n_connections == server->max_connections;
    if (--server->n_connections == 0) {
        uv_timer_stop(&server->reaper);
    }
}

void rm__http_on_connection(void *data, struct MHD_Connection *mhd, void **socket_context,
                            enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_open(data, mhd, socket_context);
    } else {
        connection_close(data, socket_context);
    }
}
