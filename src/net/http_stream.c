/* Answers that stream: libmicrohttpd asks for bytes when the client can take more, and they are
 * asked of the answer's source.
 *
 * A connection whose source has nothing to say is suspended: asked in vain, libmicrohttpd would
 * ask again at once. Where a run of libmicrohttpd takes long, the streams yield: they are
 * suspended too, stand in line, and a few of them have their turn, for one asking, in each turn of
 * the loop. */
#include <assert.h>
#include <stdlib.h>

#include "http_server_internal.h"

enum {
    /* What the source of a client without chunks (HTTP/1.0) is asked for at once. With chunks it
     * is what the connection's memory has room for. */
    UNCHUNKED_BYTES = 16 << 10,
    PUMP_MAX_NS = 2000000,
    TURNS_AT_ONCE = 4,
};

struct rm__stream {
    struct rm_list link; /* in server.yielded */
    struct rm_http_request *request;
    struct rm_http_source source;
    uint64_t read_at_ms; /* when the source was asked last, or could have been */
    bool is_woken;       /* since the source was asked */
    bool has_turn;
};

static struct rm_http_server *server_of(const struct rm__stream *stream)
{
    return stream->request->server;
}

static void suspend(struct rm__stream *stream)
{
    stream->request->is_suspended = true;
    MHD_suspend_connection(stream->request->mhd);
}

static void resume(struct rm__stream *stream)
{
    stream->read_at_ms = rm_loop_now_ms(server_of(stream)->loop);
    rm__http_request_resume(stream->request);
}

static bool must_yield(const struct rm__stream *stream)
{
    const struct rm_http_server *server = server_of(stream);

    return server->is_rationed ? !stream->has_turn : uv_hrtime() - server->pumped_ns > PUMP_MAX_NS;
}

static enum rm_http_read ask(struct rm__stream *stream, char *buffer, size_t size, size_t *ret_len)
{
    enum rm_http_read outcome;

    do {
        stream->is_woken = false;
        outcome = stream->source.read(buffer, size, ret_len, stream->source.data);
    } while (outcome == RM_HTTP_READ_LATER && stream->is_woken);
    return outcome;
}

static ssize_t on_read(void *data, uint64_t position, char *buffer, size_t size)
{
    struct rm__stream *stream = data;
    size_t len = 0;

    (void)position;
    if (must_yield(stream)) {
        rm_list_push_back(&server_of(stream)->yielded, &stream->link);
        suspend(stream);
        return 0;
    }
    stream->has_turn = false;
    stream->read_at_ms = rm_loop_now_ms(server_of(stream)->loop);
    switch (ask(stream, buffer, size, &len)) {
    case RM_HTTP_READ_BYTES:
        assert(len > 0 && len <= size);
        return (ssize_t)len;
    case RM_HTTP_READ_LATER:
        suspend(stream);
        return 0;
    case RM_HTTP_READ_END:
        return MHD_CONTENT_READER_END_OF_STREAM;
    case RM_HTTP_READ_ABORT:
        break;
    }
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* libmicrohttpd 0.9.75 ends the answer to a HEAD with a last chunk, which the client would take for
 * the beginning of the next answer. Without chunks it closes instead. */
static struct MHD_Response *without_chunks(struct MHD_Response *response)
{
    if (response != NULL && MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT,
                                                     MHD_RO_END) != MHD_YES) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

struct MHD_Response *rm__stream_open(struct rm_http_request *request,
                                     const struct rm_http_source *source)
{
    struct rm__stream *stream = calloc(1, sizeof *stream);
    struct MHD_Response *response;

    if (stream == NULL) {
        source->free(source->data);
        return NULL;
    }
    rm_list_init(&stream->link);
    stream->request = request;
    stream->source = *source;
    stream->read_at_ms = rm_loop_now_ms(request->server->loop);
    request->stream = stream;
    request->server->n_streams++;
    response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, UNCHUNKED_BYTES, on_read, stream, NULL);
    return rm_slice_is(rm_http_request_method(request), MHD_HTTP_METHOD_HEAD)
               ? without_chunks(response)
               : response;
}

void rm__stream_close(struct rm__stream *stream)
{
    server_of(stream)->n_streams--;
    rm_list_remove(&stream->link);
    stream->source.free(stream->source.data);
    free(stream);
}

void rm__streams_take_turns(struct rm_http_server *server)
{
    server->is_rationed = !rm_list_is_empty(&server->yielded);
    for (int i = 0; i < TURNS_AT_ONCE && !rm_list_is_empty(&server->yielded); i++) {
        struct rm__stream *stream = RM_LIST_ENTRY(server->yielded.next, struct rm__stream, link);

        rm_list_remove(&stream->link);
        stream->has_turn = true;
        resume(stream);
    }
}

bool rm__stream_is_stalled(const struct rm__stream *stream, uint64_t now_ms)
{
    return !stream->request->is_suspended &&
           now_ms - stream->read_at_ms > server_of(stream)->idle_timeout_ms;
}

void rm__stream_cut(struct rm__stream *stream)
{
    rm__http_connection_cut(stream->request->connection);
    if (stream->request->is_suspended) {
        rm__http_request_resume(stream->request);
    }
}

void rm_http_request_wake(struct rm_http_request *request)
{
    struct rm__stream *stream = request->stream;

    stream->is_woken = true;
    if (request->is_suspended && rm_list_is_empty(&stream->link)) {
        resume(stream);
    }
}
