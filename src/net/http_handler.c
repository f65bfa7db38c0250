/* A request on its way from libmicrohttpd to the service and back. */
#include <assert.h>
#include <stdlib.h>

#include "http_server_internal.h"
#include "raftmetrics/base/error.h"

enum {
    /* Of a refused request's body, this much is read and dropped before the connection closes. */
    DISCARD_BYTES_MAX = 16 << 20,
    /* The bodies of all requests under way, before they are decompressed. */
    BODIES_BYTES_MAX = 256 << 20,
};

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

/* Errors: RM_ETOOBIG past the request's limit; RM_ENOMEM, also past the server's budget. */
static int keep(struct rm_http_request *request, const char *bytes, size_t len)
{
    struct rm_http_server *server = request->server;
    int rv;

    if (len > BODIES_BYTES_MAX - server->n_body_bytes) {
        return RM_ENOMEM;
    }
    rv = rm_buffer_append(&request->raw_body, bytes, len);
    if (rv == 0) {
        request->n_kept += len;
        server->n_body_bytes += len;
    }
    return rv;
}

static enum MHD_Result receive(struct rm_http_request *request, const char *bytes, size_t *len)
{
    int rv;

    request->n_received += *len;
    if (request->state == RM__REQUEST_BODY) {
        rv = keep(request, bytes, *len);
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

enum MHD_Result rm__http_on_access(void *data, struct MHD_Connection *mhd, const char *url,
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
void *rm__http_on_target(void *data, const char *target, struct MHD_Connection *mhd)
{
    struct rm_http_server *server = data;
    struct rm__connection *connection = connection_of(mhd);
    struct rm_http_request *request;
    char *query;

    if (connection == NULL) {
        return NULL;
    }
    request = rm__request_new(target);
    if (request == NULL) {
        return NULL;
    }
    /* What was copied is not needed here any more, and each parameter of the query would take more
     * of the connection's memory than it has for a long one. */
    query = strchr((char *)(uintptr_t)target, '?');
    if (query != NULL) {
        query[1] = '\0';
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

void rm__http_on_completed(void *data, struct MHD_Connection *mhd, void **request_data,
                           enum MHD_RequestTerminationCode why)
{
    struct rm_http_server *server = data;
    struct rm_http_request *request = *request_data;

    (void)mhd;
    if (request == NULL) {
        return;
    }
    assert(!request->is_suspended);
    if (request->stream != NULL) {
        if (why != MHD_REQUEST_TERMINATED_COMPLETED_OK) {
            /* Before libmicrohttpd ends it in peace. */
            rm__http_connection_cut(request->connection);
        }
        rm__stream_close(request->stream);
    }
    server->service->gone(request, server->data);
    server->n_body_bytes -= request->n_kept;
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

/* Ends the response where it fails. */
static struct MHD_Response *add_headers(struct MHD_Response *response, const char *content_type,
                                        const struct rm_http_header *headers, size_t n_headers)
{
    bool is_whole =
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

void rm__http_request_resume(struct rm_http_request *request)
{
    struct rm_http_server *server = request->server;

    request->is_suspended = false;
    server->must_run = true;
    MHD_resume_connection(request->mhd);
    rm__http_server_wake(server);
}

/* @response: NULL where there was no memory for it. */
static void respond(struct rm_http_request *request, unsigned status, struct MHD_Response *response)
{
    assert(request->state != RM__REQUEST_ANSWERED);
    request->state = RM__REQUEST_ANSWERED;
    request->status = status;
    request->response = response;
    if (request->must_close && request->response != NULL) {
        MHD_add_response_header(request->response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    if (!request->is_suspended) {
        return; /* on_access is on the stack and goes on from here */
    }
    if (request->response == NULL) {
        rm__http_connection_abort(request->connection);
    } else {
        queue_response(request);
    }
    request->server->n_waiting--;
    rm__http_request_resume(request);
}

void rm_http_request_respond(struct rm_http_request *request, unsigned status,
                             const char *content_type, const struct rm_http_header *headers,
                             size_t n_headers, char *body, size_t body_len)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body_len, body, MHD_RESPMEM_MUST_FREE);

    if (response == NULL) {
        free(body);
    } else {
        response = add_headers(response, content_type, headers, n_headers);
    }
    respond(request, status, response);
}

void rm_http_request_stream(struct rm_http_request *request, unsigned status,
                            const char *content_type, const struct rm_http_header *headers,
                            size_t n_headers, const struct rm_http_source *source)
{
    struct MHD_Response *response = rm__stream_open(request, source);

    if (response != NULL) {
        response = add_headers(response, content_type, headers, n_headers);
    }
    respond(request, status, response);
}
