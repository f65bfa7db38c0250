/* A request inside the HTTP server, and the checks of its framing that libmicrohttpd 0.9.75 leaves
 * to us. */
#ifndef RAFTMETRICS_SRC_NET_HTTP_REQUEST_H
#define RAFTMETRICS_SRC_NET_HTTP_REQUEST_H

#include <microhttpd.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/net/http_server.h"

enum rm__request_state {
    RM__REQUEST_HEADERS, /* the target is in, the header fields are coming */
    RM__REQUEST_BODY,    /* headers were accepted, the body is coming */
    RM__REQUEST_WAITING, /* complete: the service owes the answer */
    RM__REQUEST_ANSWERED /* response is set, queued or to be queued when the body is through */
};

struct rm_http_request {
    struct rm_http_server *server;
    struct rm__connection *connection;
    struct MHD_Connection *mhd;
    enum rm__request_state state;
    char *target;           /* owned, as it was sent */
    struct rm_slice path;   /* within target */
    struct rm_slice query;  /* within target; data NULL without a '?' */
    struct rm_slice method; /* borrowed from libmicrohttpd for the request's life */
    bool has_length;
    bool has_body;
    bool expects_continue;
    bool is_gzip;
    bool must_close; /* nobody knows where the next request would begin */
    bool is_suspended;
    bool is_queued;
    uint64_t content_length;
    uint64_t n_received;
    size_t n_kept; /* of the body, counted in the server's budget */
    struct rm_buffer raw_body;
    struct rm_buffer body; /* decompressed, where it came as gzip */
    struct MHD_Response *response;
    struct rm__stream *stream; /* NULL: the answer is whole */
    unsigned status;
    void *context;
};

/* Bounds of the header section. */
struct rm__header_limits {
    unsigned max_fields;
    size_t max_bytes;
    size_t max_target_bytes;
};

/* A request of @target, which is copied. NULL when out of memory. */
struct rm_http_request *rm__request_new(const char *target);

/* Ends its response too. */
void rm__request_free(struct rm_http_request *request);

/* Looks at the whole header section, once, and fills in what the request announces.
 * False: *@ret_fault says what is wrong. */
bool rm__request_check(struct rm_http_request *request, const char *version,
                       const struct rm__header_limits *limits, enum rm_http_fault *ret_fault);

/* Decompresses where needed. Errors: RM_ESYNTAX, RM_ETOOBIG, RM_ENOMEM. */
int rm__request_unpack(struct rm_http_request *request);

#endif
