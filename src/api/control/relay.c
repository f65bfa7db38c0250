#include "relay.h"

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"

enum {
    /* A worker whose client is slow waits from here on. */
    ENOUGH_BYTES = 128 << 10,
    /* What one taking may bring beyond that: all that was gathered before the first, or what
     * libcurl received at once. */
    SURPLUS_BYTES_MAX = 96 << 10,
    /* Nobody keeps a worker and control at it for longer. */
    LONGEST_MS = 15 * 60 * 1000,
};

static size_t n_left(const struct rm__relay *relay)
{
    return relay->bytes.len - relay->n_passed;
}

/* ---- to the client ---- */

static void pass_on(struct rm__relay *relay, char *buffer, size_t n)
{
    memcpy(buffer, relay->bytes.data + relay->n_passed, n);
    relay->n_passed += n;
    if (n_left(relay) == 0) {
        rm_buffer_clear(&relay->bytes);
        relay->n_passed = 0;
    }
    if (relay->has_enough && relay->transfer != NULL && n_left(relay) <= ENOUGH_BYTES / 2) {
        relay->has_enough = false;
        rm_http_transfer_resume(relay->transfer);
    }
}

static enum rm_http_read on_read(char *buffer, size_t size, size_t *ret_len, void *data)
{
    struct rm__relay *relay = data;

    if (relay->has_failed || rm_loop_now_ms(relay->loop) >= relay->end_by_ms) {
        return RM_HTTP_READ_ABORT;
    }
    if (n_left(relay) == 0) {
        return relay->transfer == NULL ? RM_HTTP_READ_END : RM_HTTP_READ_LATER;
    }
    *ret_len = n_left(relay) < size ? n_left(relay) : size;
    pass_on(relay, buffer, *ret_len);
    return RM_HTTP_READ_BYTES;
}

static void finish(struct rm__relay *relay)
{
    rm_buffer_done(&relay->bytes);
    relay->over(relay->data);
}

/* The client has it all, or is gone. */
static void on_free(void *data)
{
    struct rm__relay *relay = data;

    relay->is_gone = true;
    if (relay->is_taking) {
        return; /* no transfer ends within a taking; the rest of it is dropped */
    }
    if (relay->transfer != NULL) {
        (void)rm_http_transfer_cancel(relay->transfer);
    }
    finish(relay);
}

bool rm__relay_begin(struct rm__relay *relay, struct rm_loop *loop, struct rm__exchange *exchange,
                     const char *content_type, struct rm_http_transfer *transfer,
                     void (*over)(void *data), void *data)
{
    struct rm_http_source source = {.read = on_read, .free = on_free, .data = relay};

    if (!rm__exchange_hold(exchange, ENOUGH_BYTES + SURPLUS_BYTES_MAX)) {
        return false;
    }
    *relay = (struct rm__relay){.loop = loop,
                                .exchange = exchange,
                                .transfer = transfer,
                                .is_taking = true,
                                .end_by_ms = rm_loop_now_ms(loop) + LONGEST_MS,
                                .over = over,
                                .data = data};
    rm_buffer_init(&relay->bytes, ENOUGH_BYTES + SURPLUS_BYTES_MAX);
    rm__reply_stream(exchange, 200, content_type, NULL, &source);
    relay->is_taking = false;
    return true;
}

/* ---- from the worker ---- */

static void drop_passed(struct rm__relay *relay)
{
    if (relay->n_passed > 0) {
        memmove(relay->bytes.data, relay->bytes.data + relay->n_passed, n_left(relay));
        relay->bytes.len = n_left(relay);
        relay->n_passed = 0;
    }
}

bool rm__relay_take(struct rm__relay *relay, struct rm_slice bytes)
{
    if (relay->is_gone) {
        return true;
    }
    drop_passed(relay);
    if (rm_buffer_append_slice(&relay->bytes, bytes) != 0) {
        relay->has_failed = true;
    }
    relay->has_enough = relay->has_failed || n_left(relay) >= ENOUGH_BYTES;
    rm_http_request_wake(relay->exchange->http);
    return !relay->has_enough;
}

void rm__relay_end(struct rm__relay *relay, int error)
{
    relay->transfer = NULL;
    if (relay->is_gone) {
        finish(relay);
        return;
    }
    if (error != 0) {
        relay->has_failed = true;
        rm_log(RM_LOG_WARN, "a worker's answer broke off",
               rm_field_text("request_id", relay->exchange->request_id),
               rm_field_text("error", rm_strerror(error)));
    }
    rm_http_request_wake(relay->exchange->http);
}
