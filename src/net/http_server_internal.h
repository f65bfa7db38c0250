/* The HTTP server from inside: http_server.c turns libmicrohttpd and owns the rest,
 * http_handler.c passes requests to the service and answers to libmicrohttpd, http_stream.c reads
 * answers out of their sources, http_connections.c watches over those who are slow. */
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
    uint64_t idle_timeout_ms;
    struct rm_list connections;
    unsigned n_connections;
    unsigned max_connections;
    unsigned n_waiting;
    unsigned n_streams;
    struct rm_list yielded; /* streams that wait for their turn */
    bool is_rationed;       /* only streams whose turn it is are read */
    uint64_t pumped_ns;     /* since when libmicrohttpd runs */
    size_t n_body_bytes;    /* of all requests that are not over */
    bool must_run;          /* something happened that only MHD_run sees, since it last began */
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

/* As above, by a reset: nobody can take what was sent for a whole answer. */
void rm__http_connection_cut(const struct rm__connection *connection);

/* A request's answer, or more of it, is there. */
void rm__http_request_resume(struct rm_http_request *request);

/* An answer that streams @source, whose owner the request is from here on. NULL when out of
 * memory. */
struct MHD_Response *rm__stream_open(struct rm_http_request *request,
                                     const struct rm_http_source *source);

/* Frees the source. */
void rm__stream_close(struct rm__stream *stream);

/* Lets the next of those that yielded go on. */
void rm__streams_take_turns(struct rm_http_server *server);

/* The client has not taken what it got for longer than it may. */
bool rm__stream_is_stalled(const struct rm__stream *stream, uint64_t now_ms);

/* The server ends. */
void rm__stream_cut(struct rm__stream *stream);

#endif
