/* An HTTP/1.1 server on a loop: libmicrohttpd, driven through its epoll descriptor.
 *
 * A request passes through these calls of its service, in this order, all on the loop's thread:
 *
 *   headers   the header section is in and well framed. The service answers at once
 *             (rm_http_request_respond), or says how large a body may be and returns.
 *   complete  the whole request is in, its body decompressed. The service answers now or later;
 *             until then the request is suspended and its memory stays, even if the client went.
 *   fault     instead of one of these: the transport refuses the request. The service must
 *             answer at once.
 *   gone      the request is over, answered or not. Its context is the service's to free here.
 *
 * pass is called at the end of each turn in which requests were handled: what they queued can
 * leave together. A request that is refused has its body read and dropped first (within bounds),
 * so that the client sees the answer and the connection stays usable.
 *
 * An answer is whole, or it streams: its bytes are asked of a source when the client can take
 * more. Many streams take turns, so that they do not hold the loop. A client that does not take
 * what one asking gave within the idle timeout is cut off. */
#ifndef RAFTMETRICS_NET_HTTP_SERVER_H
#define RAFTMETRICS_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/slice.h"
#include "raftmetrics/net/loop.h"

struct rm_http_server;
struct rm_http_request;

enum rm_http_fault {
    RM_HTTP_BAD_FRAMING,       /* 400 */
    RM_HTTP_TARGET_TOO_LONG,   /* 414 */
    RM_HTTP_HEADERS_TOO_LARGE, /* 431 */
    RM_HTTP_BAD_VERSION,       /* 505 */
    RM_HTTP_BODY_TOO_LARGE,    /* 413 */
    RM_HTTP_BAD_ENCODING,      /* 400: the body is not what its Content-Encoding says */
    RM_HTTP_OUT_OF_MEMORY,     /* 503 */
};

struct rm_http_service {
    void (*headers)(struct rm_http_request *request, void *data);
    void (*complete)(struct rm_http_request *request, void *data);
    void (*fault)(struct rm_http_request *request, enum rm_http_fault fault, void *data);
    void (*gone)(struct rm_http_request *request, void *data);
    void (*pass)(void *data);
};

enum rm_port_sharing {
    RM_PORT_ALONE, /* nobody else listens on the port */
    RM_PORT_FIRST, /* the first of several loops of this process that will */
    RM_PORT_NEXT,  /* a further one (SO_REUSEPORT) */
};

struct rm_http_server_options {
    const char *address; /* to bind: a numeric IPv4 or IPv6 address, or "localhost" */
    uint16_t port;       /* 0: the kernel picks one, see rm_http_server_port */
    enum rm_port_sharing sharing;
    unsigned max_connections;
    unsigned max_headers;
    size_t max_header_bytes;
    size_t max_target_bytes;
    uint64_t request_timeout_ms; /* a whole request after its first byte */
    uint64_t idle_timeout_ms;
};

/* Binds and listens; requests are handled when the loop runs. @service is borrowed.
 * Errors: RM_EBUSY (the port is taken); RM_EINVAL (address); RM_EIO; RM_ENOMEM. */
int rm_http_server_new(struct rm_loop *loop, const struct rm_http_server_options *options,
                       const struct rm_http_service *service, void *data,
                       struct rm_http_server **ret_server);

uint16_t rm_http_server_port(const struct rm_http_server *server);
unsigned rm_http_server_connections(const struct rm_http_server *server);

/* Listens no longer; what was accepted is still served. */
void rm_http_server_quiesce(struct rm_http_server *server);

/* Requests between complete and their answer, if it is whole, or the end of it, if it streams. */
unsigned rm_http_server_waiting(const struct rm_http_server *server);

/* Closes every connection, cuts off what still streams. Each waiting request must have been
 * answered. Takes NULL. */
void rm_http_server_free(struct rm_http_server *server);

/* What the request says; slices live as long as the request. */
struct rm_slice rm_http_request_method(const struct rm_http_request *request);
/* Path and query as they were sent, undecoded. The path starts with '/'. */
struct rm_slice rm_http_request_target(const struct rm_http_request *request);
struct rm_slice rm_http_request_path(const struct rm_http_request *request);
struct rm_slice rm_http_request_query(const struct rm_http_request *request);
/* Where the field stands more than once, the first. Absent: data NULL. */
struct rm_slice rm_http_request_header(const struct rm_http_request *request, const char *name);
/* A body is announced, by its length or as chunks. */
bool rm_http_request_has_body(const struct rm_http_request *request);
/* Content-Length or chunks were given, even if the length is 0. */
bool rm_http_request_has_length(const struct rm_http_request *request);
/* In complete: the body as it was sent, and decompressed. */
struct rm_slice rm_http_request_raw_body(const struct rm_http_request *request);
struct rm_slice rm_http_request_body(const struct rm_http_request *request);

/* The service's own pointer; NULL at first. */
void rm_http_request_set_context(struct rm_http_request *request, void *context);
void *rm_http_request_context(const struct rm_http_request *request);

/* In headers: take a body of up to @max_bytes, counted decompressed. Without this call, 0. */
void rm_http_request_expect_body(struct rm_http_request *request, size_t max_bytes);

struct rm_http_header {
    const char *name;
    const char *value;
};

/* Answers. Once a request, in headers, fault, complete, or later. Takes ownership of @body (from
 * malloc, may be NULL). Headers are copied. Without memory for the answer the connection is
 * closed. */
void rm_http_request_respond(struct rm_http_request *request, unsigned status,
                             const char *content_type, const struct rm_http_header *headers,
                             size_t n_headers, char *body, size_t body_len);

enum rm_http_read {
    RM_HTTP_READ_BYTES, /* *ret_len of them, at least one */
    RM_HTTP_READ_LATER, /* none now; rm_http_request_wake says when to ask again */
    RM_HTTP_READ_END,   /* the answer is whole */
    RM_HTTP_READ_ABORT, /* it never will be: the connection is cut, so that the client can tell */
};

struct rm_http_source {
    /* Writes the next bytes of the answer, at most @size, to @buffer. It is asked again until it
     * says end or abort. It may wake its own request. */
    enum rm_http_read (*read)(char *buffer, size_t size, size_t *ret_len, void *data);
    /* Called exactly once: after the end, or when the client is gone, before the service's gone. A
     * source of which nothing was read is freed too (HEAD). */
    void (*free)(void *data);
    void *data;
};

/* Answers as rm_http_request_respond, with what @source gives. Copies @source. Without memory the
 * source is freed, perhaps before this returns, and the connection is closed. */
void rm_http_request_stream(struct rm_http_request *request, unsigned status,
                            const char *content_type, const struct rm_http_header *headers,
                            size_t n_headers, const struct rm_http_source *source);

/* A source that said "later" has more to say. Harmless while it is not freed. */
void rm_http_request_wake(struct rm_http_request *request);

#endif
