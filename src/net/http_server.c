/* libmicrohttpd without a thread of its own, polled by libuv.
 *
 * MHD's epoll descriptor does not show all it has to do: resumed connections, and data that it has
 * read but not handled, are known to MHD_get_timeout alone. So pump() runs MHD until it says that
 * nothing is pending, a few rounds at a time, and an idle handle brings the loop back to it where
 * that was not enough. */
#include "raftmetrics/net/http_server.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "http_server_internal.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/net/loop.h"
#include "socket.h"

enum {
    PUMP_ROUNDS = 8,
    /* Beyond target and headers, for libmicrohttpd's own use and the body's reading. It clears all
     * of a connection's memory after every request: each 32 KiB cost 5 % of a small one. */
    CONNECTION_MEMORY_EXTRA = 8 << 10,
};

/* ---- the loop ---- */

static void on_idle(uv_idle_t *idle);

void rm__http_server_wake(struct rm_http_server *server)
{
    if (!server->is_pumping) {
        uv_idle_start(&server->idle, on_idle);
    }
}

/* True where MHD has something to do at once. */
static bool is_pending(struct rm_http_server *server, unsigned long long *ret_timeout_ms)
{
    *ret_timeout_ms = ULLONG_MAX;
    if (MHD_get_timeout(server->daemon, ret_timeout_ms) != MHD_YES) {
        *ret_timeout_ms = ULLONG_MAX;
    }
    return server->must_run || *ret_timeout_ms == 0;
}

static void on_timeout(uv_timer_t *timer);

static void pump(struct rm_http_server *server)
{
    unsigned long long timeout_ms;
    bool pending = true;

    server->is_pumping = true;
    server->pumped_ns = uv_hrtime();
    rm__streams_take_turns(server);
    for (int round = 0; pending && round < PUMP_ROUNDS; round++) {
        server->must_run = false;
        MHD_run(server->daemon);
        server->service->pass(server->data);
        pending = is_pending(server, &timeout_ms);
    }
    server->is_pumping = false;
    if (pending || !rm_list_is_empty(&server->yielded)) {
        uv_idle_start(&server->idle, on_idle);
        return;
    }
    uv_idle_stop(&server->idle);
    if (timeout_ms == ULLONG_MAX) {
        uv_timer_stop(&server->timeout);
    } else {
        uv_timer_start(&server->timeout, on_timeout, timeout_ms, 0);
    }
}

static void on_idle(uv_idle_t *idle)
{
    pump(idle->data);
}

static void on_timeout(uv_timer_t *timer)
{
    pump(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    pump(poll->data);
}

/* ---- the server's life ---- */

static size_t keep_escapes(void *data, struct MHD_Connection *mhd, char *text)
{
    (void)data;
    (void)mhd;
    return strlen(text);
}

static int start_daemon(struct rm_http_server *server, const struct rm_http_server_options *options)
{
    size_t memory = options->max_header_bytes + options->max_target_bytes + CONNECTION_MEMORY_EXTRA;

    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, rm__http_on_access, server,
        MHD_OPTION_LISTEN_SOCKET, server->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        options->max_connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)((options->idle_timeout_ms + 999) / 1000),
        MHD_OPTION_NOTIFY_COMPLETED, rm__http_on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        rm__http_on_connection, server, MHD_OPTION_URI_LOG_CALLBACK, rm__http_on_target, server,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, server, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
    if (server->daemon == NULL) {
        return RM_EIO;
    }
    server->listen_fd = -1;
    return 0;
}

static void start_handles(struct rm_http_server *server)
{
    uv_loop_t *uv = rm_loop_uv(server->loop);
    int epoll_fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;

    uv_timer_init(uv, &server->timeout);
    uv_timer_init(uv, &server->reaper);
    uv_idle_init(uv, &server->idle);
    uv_poll_init(uv, &server->poll, epoll_fd);
    server->timeout.data = server;
    server->reaper.data = server;
    server->idle.data = server;
    server->poll.data = server;
    server->n_handles = 4;
    uv_poll_start(&server->poll, UV_READABLE, on_poll);
    /* The first run puts the listening socket into MHD's epoll set. */
    uv_idle_start(&server->idle, on_idle);
}

int rm_http_server_new(struct rm_loop *loop, const struct rm_http_server_options *options,
                       const struct rm_http_service *service, void *data,
                       struct rm_http_server **ret_server)
{
    struct rm_http_server *server = calloc(1, sizeof *server);
    int rv;

    if (server == NULL) {
        return RM_ENOMEM;
    }
    server->loop = loop;
    server->service = service;
    server->data = data;
    server->limits = (struct rm__header_limits){.max_fields = options->max_headers,
                                                .max_bytes = options->max_header_bytes,
                                                .max_target_bytes = options->max_target_bytes};
    server->request_timeout_ms = options->request_timeout_ms;
    server->idle_timeout_ms = options->idle_timeout_ms;
    server->max_connections = options->max_connections;
    rm_list_init(&server->connections);
    rm_list_init(&server->yielded);
    rv = rm__listener_open(options->address, options->port, options->sharing, &server->listen_fd,
                           &server->port);
    if (rv != 0) {
        goto err_server;
    }
    rv = start_daemon(server, options);
    if (rv != 0) {
        goto err_listener;
    }
    start_handles(server);
    *ret_server = server;
    return 0;

err_listener:
    close(server->listen_fd);
err_server:
    free(server);
    return rv;
}

uint16_t rm_http_server_port(const struct rm_http_server *server)
{
    return server->port;
}

unsigned rm_http_server_connections(const struct rm_http_server *server)
{
    return server->n_connections;
}

unsigned rm_http_server_waiting(const struct rm_http_server *server)
{
    return server->n_waiting + server->n_streams;
}

void rm_http_server_quiesce(struct rm_http_server *server)
{
    int fd = MHD_quiesce_daemon(server->daemon);

    if (fd >= 0) {
        close(fd);
    }
}

/* libmicrohttpd does not stop while a connection is suspended. */
static void cut_streams(struct rm_http_server *server)
{
    struct rm_list *link;

    for (link = server->connections.next; link != &server->connections; link = link->next) {
        struct rm_http_request *request = RM_LIST_ENTRY(link, struct rm__connection, link)->request;

        if (request != NULL && request->stream != NULL) {
            rm__stream_cut(request->stream);
        }
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct rm_http_server *server = handle->data;

    if (--server->n_handles == 0) {
        free(server);
    }
}

void rm_http_server_free(struct rm_http_server *server)
{
    if (server == NULL) {
        return;
    }
    assert(server->n_waiting == 0);
    /* The epoll descriptor closes with the daemon: stop watching it first. */
    uv_poll_stop(&server->poll);
    cut_streams(server);
    MHD_stop_daemon(server->daemon);
    uv_close((uv_handle_t *)&server->poll, on_handle_closed);
    uv_close((uv_handle_t *)&server->idle, on_handle_closed);
    uv_close((uv_handle_t *)&server->timeout, on_handle_closed);
    uv_close((uv_handle_t *)&server->reaper, on_handle_closed);
}
