/* libmicrohttpd without a thread of its own, polled by libuv.
 *
 * MHD's epoll descriptor does not show all it has to do: resumed connections, and data that it has
 * read but not handled, are known to MHD_get_timeout alone. So pump() runs MHD until it says that
 * nothing is pending, a few rounds at a time, and an idle handle brings the loop back to it where
 * that was not enough.
 *
 * MHD's timeouts count idle time only: a client that sends a byte now and then could hold a
 * connection for ever. The reaper ends what has not sent a whole request in time. */
#include "raftmetrics/net/http_server.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_request.h"
#include "loop_internal.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/list.h"
#include "socket.h"

enum {
    PUMP_ROUNDS = 8,
    REAPER_PERIOD_MS = 1000,
    /* Of a refused request's body, this much is read and dropped before the connection closes. */
    DISCARD_BYTES_MAX = 16 << 20,
    /* Beyond target and headers, for libmicrohttpd's own use and the body's reading. It clears all
     * of a connection's memory after every request: each 32 KiB cost 5 % of a small one. */
    CONNECTION_MEMORY_EXTRA = 8 << 10,
};

struct rm__connection {
    struct rm_list link; /* in server.connections */
    struct rm_http_request *request;
    int fd;
    uint64_t request_since_ms; /* since when a request is coming in; 0: none seen yet */
    uint64_t n_bytes;          /* received, as of the reaper's last look between requests */
    uint64_t n_requests;
    uint64_t n_requests_seen; /* by the reaper */
};

struct rm_http_server {
    struct rm_loop *loop;
    const struct rm_http_service *service;
    void *data;
    struct MHD_Daemon *daemon;
    uint16_t port;
    int listen_fd; /* -1 once it is libmicrohttpd's */
    struct rm__header_limits limits;
    uint64_t request_timeout_ms;
    struct rm_list connections;
    unsigned n_connections;
    unsigned n_waiting;
    bool has_resumed; /* since the last MHD_run */
    bool is_pumping;
    uv_poll_t poll;
    uv_idle_t idle;
    uv_timer_t timeout;
    uv_timer_t reaper;
    unsigned n_handles; /* of the four above, still open */
};

/* ---- requests ---- */

static void queue_response(struct rm_http_request *request)
{
    request->is_queued = true;
    /* On failure MHD closes the connection, which is all that is left to do. */
    (void)MHD_queue_response(request->mhd, request->status, request->response);
}

static void refuse(struct rm_http_request *request, enum rm_http_fault fault)
{
    struct rm_http_server *server = request->server;

    server->service->fault(request, fault, server->data);
    assert(request->state == RM__REQUEST_ANSWERED);
}

/* Answers that cannot wait until the body is through: nobody will send it, or it is too much. */
static bool must_answer_before_body(const struct rm_http_request *request)
{
    return request->must_close ||
           (request->has_body &&
            (request->expects_continue || request->content_length > DISCARD_BYTES_MAX));
}

static enum MHD_Result begin(struct rm_http_request *request, const char *method,
                             const char *version)
{
    struct rm_http_server *server = request->server;
    enum rm_http_fault fault;

    request->method = rm_slice_of(method);
    if (!rm__request_check(request, version, &server->limits, &fault)) {
        request->must_close = fault == RM_HTTP_BAD_FRAMING;
        refuse(request, fault);
    } else {
        server->service->headers(request, server->data);
        if (request->state != RM__REQUEST_ANSWERED &&
            request->content_length > request->raw_body.max) {
            refuse(request, RM_HTTP_BODY_TOO_LARGE);
        }
    }
    if (request->state != RM__REQUEST_ANSWERED) {
        request->state = RM__REQUEST_BODY;
    } else if (request->response == NULL) {
        return MHD_NO;
    } else if (must_answer_before_body(request)) {
        queue_response(request);
    }
    return MHD_YES;
}

static enum MHD_Result receive(struct rm_http_request *request, const char *bytes, size_t *len)
{
    int rv;

    request->n_received += *len;
    if (request->state == RM__REQUEST_BODY) {
        rv = rm_buffer_append(&request->raw_body, bytes, *len);
        if (rv != 0) {
            refuse(request, rv == RM_ETOOBIG ? RM_HTTP_BODY_TOO_LARGE : RM_HTTP_OUT_OF_MEMORY);
        }
    }
    *len = 0;
    return request->n_received <= DISCARD_BYTES_MAX ? MHD_YES : MHD_NO;
}

static void complete(struct rm_http_request *request)
{
    struct rm_http_server *server = request->server;
    int rv = rm__request_unpack(request);

    if (rv != 0) {
        refuse(request, rv == RM_ETOOBIG   ? RM_HTTP_BODY_TOO_LARGE
                        : rv == RM_ESYNTAX ? RM_HTTP_BAD_ENCODING
                                           : RM_HTTP_OUT_OF_MEMORY);
        return;
    }
    request->state = RM__REQUEST_WAITING;
    server->service->complete(request, server->data);
}

static enum MHD_Result finish(struct rm_http_request *request)
{
    if (request->state == RM__REQUEST_BODY) {
        complete(request);
    }
    if (request->state == RM__REQUEST_WAITING) {
        request->is_suspended = true;
        request->server->n_waiting++;
        MHD_suspend_connection(request->mhd);
        return MHD_YES;
    }
    if (request->response == NULL) {
        return MHD_NO;
    }
    queue_response(request);
    return MHD_YES;
}

static enum MHD_Result on_access(void *data, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_len, void **request_data)
{
    struct rm_http_request *request = *request_data;

    (void)data;
    (void)mhd;
    (void)url;
    if (request == NULL) {
        return MHD_NO; /* no memory for it when it began */
    }
    if (request->state == RM__REQUEST_HEADERS) {
        return begin(request, method, version);
    }
    if (*upload_len > 0) {
        return receive(request, upload, upload_len);
    }
    return finish(request);
}

static struct rm__connection *connection_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The request line is in. What is returned becomes on_access's request_data. */
static void *on_target(void *data, const char *target, struct MHD_Connection *mhd)
{
    struct rm_http_server *server = data;
    struct rm__connection *connection = connection_of(mhd);
    struct rm_http_request *request;

    if (connection == NULL) {
        return NULL;
    }
    request = rm__request_new(target);
    if (request == NULL) {
        return NULL;
    }
    request->server = server;
    request->connection = connection;
    request->mhd = mhd;
    connection->request = request;
    connection->n_requests++;
    if (connection->request_since_ms == 0) {
        connection->request_since_ms = rm_loop_now_ms(server->loop);
    }
    return request;
}

static void on_completed(void *data, struct MHD_Connection *mhd, void **request_data,
                         enum MHD_RequestTerminationCode why)
{
    struct rm_http_server *server = data;
    struct rm_http_request *request = *request_data;

    (void)mhd;
    (void)why;
    if (request == NULL) {
        return;
    }
    assert(!request->is_suspended);
    server->service->gone(request, server->data);
    request->connection->request = NULL;
    request->connection->request_since_ms = 0;
    rm__request_free(request);
    *request_data = NULL;
}

void rm_http_request_expect_body(struct rm_http_request *request, size_t max_bytes)
{
    request->raw_body.max = max_bytes;
    request->body.max = max_bytes;
}

static struct MHD_Response *make_response(const char *content_type,
                                          const struct rm_http_header *headers, size_t n_headers,
                                          char *body, size_t body_len)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body_len, body, MHD_RESPMEM_MUST_FREE);
    bool is_whole;

    if (response == NULL) {
        free(body);
        return NULL;
    }
    is_whole =
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) == MHD_YES;
    for (size_t i = 0; is_whole && i < n_headers; i++) {
        is_whole = MHD_add_response_header(response, headers[i].name, headers[i].value) == MHD_YES;
    }
    if (!is_whole) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

static void abort_connection(const struct rm__connection *connection)
{
    shutdown(connection->fd, SHUT_RDWR);
}

static void resume(struct rm_http_request *request);

void rm_http_request_respond(struct rm_http_request *request, unsigned status,
                             const char *content_type, const struct rm_http_header *headers,
                             size_t n_headers, char *body, size_t body_len)
{
    assert(request->state != RM__REQUEST_ANSWERED);
    request->state = RM__REQUEST_ANSWERED;
    request->status = status;
    request->response = make_response(content_type, headers, n_headers, body, body_len);
    if (request->must_close && request->response != NULL) {
        MHD_add_response_header(request->response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    if (!request->is_suspended) {
        return; /* on_access is on the stack and goes on from here */
    }
    if (request->response == NULL) {
        abort_connection(request->connection);
    } else {
        queue_response(request);
    }
    resume(request);
}

/* ---- the loop ---- */

static void on_idle(uv_idle_t *idle);

static void resume(struct rm_http_request *request)
{
    struct rm_http_server *server = request->server;

    request->is_suspended = false;
    server->n_waiting--;
    server->has_resumed = true;
    MHD_resume_connection(request->mhd);
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
    return server->has_resumed || *ret_timeout_ms == 0;
}

static void on_timeout(uv_timer_t *timer);

static void pump(struct rm_http_server *server)
{
    unsigned long long timeout_ms;
    bool pending = true;

    server->is_pumping = true;
    for (int round = 0; pending && round < PUMP_ROUNDS; round++) {
        server->has_resumed = false;
        MHD_run(server->daemon);
        server->service->pass(server->data);
        pending = is_pending(server, &timeout_ms);
    }
    server->is_pumping = false;
    if (pending) {
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

/* ---- connections ---- */

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
            abort_connection(connection);
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
    if (--server->n_connections == 0) {
        uv_timer_stop(&server->reaper);
    }
}

static void on_connection(void *data, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_open(data, mhd, socket_context);
    } else {
        connection_close(data, socket_context);
    }
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
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access, server,
        MHD_OPTION_LISTEN_SOCKET, server->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        options->max_connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)((options->idle_timeout_ms + 999) / 1000),
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
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
    uv_loop_t *uv = rm__loop_uv(server->loop);
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
    rm_list_init(&server->connections);
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
    return server->n_waiting;
}

void rm_http_server_quiesce(struct rm_http_server *server)
{
    int fd = MHD_quiesce_daemon(server->daemon);

    if (fd >= 0) {
        close(fd);
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
    MHD_stop_daemon(server->daemon);
    uv_close((uv_handle_t *)&server->poll, on_handle_closed);
    uv_close((uv_handle_t *)&server->idle, on_handle_closed);
    uv_close((uv_handle_t *)&server->timeout, on_handle_closed);
    uv_close((uv_handle_t *)&server->reaper, on_handle_closed);
}
