/* The HTTP server from inside: http_server.c turns libmicrohttpd and owns the rest,
 * http_handler.c passes requests to the service and answers to libmicrohttpd, http_connections.c
 * watches over those who are slow. */
#ifndef RAFTMETRICS_SRC_NET_HTTP_SERVER_INTERNAL_H
#define RAFTMETRICS_SRC_NET_HTTP_SERVER_INTERNAL_H

#include <microhttpd.h>
#include <uv.h>

#include "http_request.h"
#include "raftmetrics/base/list.h"
#include "raftmetrics/net/http_server.h"

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
    unsigned max_connections;
    unsigned n_waiting;
    size_t n_body_bytes; /* of all requests that are not over */
    bool must_run;       /* something happened that only MHD_run sees, since it last began */
    bool is_pumping;
    uv_poll_t poll;
    uv_idle_t idle;
    uv_timer_t timeout;
    uv_timer_t reaper;
    unsigned n_handles; /* of the four above, still open */
};

/* A request was answered outside of pump(): run libmicrohttpd soon. */
void rm__http_server_wake(struct rm_http_server *server);

/* libmicrohttpd's callbacks about requests; their data is the server. */
enum MHD_Result rm__http_on_access(void *data, struct MHD_Connection *mhd, const char *url,
                                   const char *method, const char *version, const char *upload,
                                   size_t *upload_len, void **request_data);
void *rm__http_on_target(void *data, const char *target, struct MHD_Connection *mhd);
void rm__http_on_completed(void *data, struct MHD_Connection *mhd, void **request_data,
                           enum MHD_RequestTerminationCode why);

/* Its callback about connections. */
void rm__http_on_connection(void *data, struct MHD_Connection *mhd, void **socket_context,
                            enum MHD_ConnectionNotificationCode what);

/* Closes it; libmicrohttpd notices and cleans up. */
void rm__http_connection_abort(const struct rm__connection *connection);

#endif
