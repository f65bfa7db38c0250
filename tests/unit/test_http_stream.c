#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "raftmetrics/base/clock.h"
#include "raftmetrics/net/http_server.h"
#include "raw_socket.h"
#include "turn.h"

enum { TAPS_MAX = 10, ENDLESS = 1 << 30, MEGABYTE = 1 << 20 };

/* What one request is answered with: n_bytes of a pattern. */
struct tap {
    struct desk *desk;
    struct rm_http_request *request;
    size_t n_bytes;
    size_t stop_at;   /* says "later" there, until it is 0 */
    bool wakes_self;  /* at that stop */
    bool aborts;      /* in place of an end */
    uint64_t burn_us; /* a read takes as long */
    size_t n_given;
    int n_reads;
    int n_freed;
};

struct desk {
    struct rm_loop *loop;
    struct rm_http_server *server;
    struct tap taps[TAPS_MAX];
    int n_open; /* requests that took a tap */
    int n_freed;
    int n_gone;
    uint64_t read_at_ms;
    int n_reads_at_once; /* in this turn of the loop */
    int n_reads_at_once_max;
};

static char byte_at(size_t position)
{
    return (char)('a' + position % 23);
}

static void burn(uint64_t us)
{
    uint64_t until_us = rm_clock_mono_us() + us;

    while (rm_clock_mono_us() < until_us) {
    }
}

static void count_read(struct desk *desk)
{
    uint64_t now_ms = rm_loop_now_ms(desk->loop);

    desk->n_reads_at_once = now_ms == desk->read_at_ms ? desk->n_reads_at_once + 1 : 1;
    desk->read_at_ms = now_ms;
    if (desk->n_reads_at_once > desk->n_reads_at_once_max) {
        desk->n_reads_at_once_max = desk->n_reads_at_once;
    }
}

static enum rm_http_read stop(struct tap *tap)
{
    if (tap->wakes_self) {
        tap->stop_at = 0;
        rm_http_request_wake(tap->request);
    }
    return RM_HTTP_READ_LATER;
}

static enum rm_http_read on_read(char *buffer, size_t size, size_t *ret_len, void *data)
{
    struct tap *tap = data;
    size_t n = (tap->stop_at != 0 ? tap->stop_at : tap->n_bytes) - tap->n_given;

    assert_int_equal(tap->n_freed, 0);
    tap->n_reads++;
    count_read(tap->desk);
    burn(tap->burn_us);
    if (n == 0 && tap->stop_at != 0) {
        return stop(tap);
    }
    if (n == 0) {
        return tap->aborts ? RM_HTTP_READ_ABORT : RM_HTTP_READ_END;
    }
    n = n < size ? n : size;
    for (size_t i = 0; i < n; i++) {
        buffer[i] = byte_at(tap->n_given + i);
    }
    tap->n_given += n;
    *ret_len = n;
    return RM_HTTP_READ_BYTES;
}

static void on_free(void *data)
{
    struct tap *tap = data;

    tap->n_freed++;
    tap->desk->n_freed++;
}

static void on_headers(struct rm_http_request *request, void *data)
{
    (void)request;
    (void)data;
}

/* Each request takes the next tap; a path below /whole does not. */
static void on_complete(struct rm_http_request *request, void *data)
{
    static const struct rm_http_header header = {"X-Answer", "yes"};
    struct desk *desk = data;
    struct tap *tap;
    struct rm_http_source source = {.read = on_read, .free = on_free};

    if (rm_slice_has_prefix(rm_http_request_path(request), rm_slice_of("/whole"))) {
        rm_http_request_respond(request, 200, "text/plain", NULL, 0, strdup("<whole>"), 7);
        return;
    }
    tap = &desk->taps[desk->n_open++];
    tap->desk = desk;
    tap->request = request;
    source.data = tap;
    rm_http_request_set_context(request, tap);
    rm_http_request_stream(request, 200, "text/plain", &header, 1, &source);
}

static void on_fault(struct rm_http_request *request, enum rm_http_fault fault, void *data)
{
    (void)request;
    (void)data;
    fail_msg("a fault: %d", (int)fault);
}

static void on_gone(struct rm_http_request *request, void *data)
{
    struct desk *desk = data;
    const struct tap *tap = rm_http_request_context(request);

    desk->n_gone++;
    assert_true(tap == NULL || tap->n_freed == 1);
}

static void on_pass(void *data)
{
    (void)data;
}

static const struct rm_http_service service = {on_headers, on_complete, on_fault, on_gone, on_pass};

static void open_desk(struct desk *desk, uint64_t idle_timeout_ms)
{
    struct rm_http_server_options options = {.address = "127.0.0.1",
                                             .max_connections = 100,
                                             .max_headers = 10,
                                             .max_header_bytes = 2000,
                                             .max_target_bytes = 100,
                                             .request_timeout_ms = 60000,
                                             .idle_timeout_ms = idle_timeout_ms};

    *desk = (struct desk){.loop = rm_loop_new()};
    assert_non_null(desk->loop);
    assert_int_equal(rm_http_server_new(desk->loop, &options, &service, desk, &desk->server), 0);
}

static void close_desk(struct desk *desk)
{
    rm_http_server_free(desk->server);
    rm_loop_free(desk->loop);
    assert_int_equal(desk->n_freed, desk->n_open);
    assert_true(desk->n_gone >= desk->n_open);
}

/* A client that takes an answer as it comes, and keeps none of it. */
struct reader {
    struct raw_socket raw;
    enum { IN_HEAD, IN_SIZE, IN_CHUNK, AFTER_CHUNK, IN_ALL, AT_END } at;
    size_t n_left; /* of the chunk, or of what follows it */
    size_t n_body;
    int error; /* of the connection that is closed */
    bool is_wrong;
};

static void reader_open(struct desk *desk, struct reader *reader, const char *request)
{
    *reader = (struct reader){.at = IN_HEAD};
    assert_true(raw_connect(&reader->raw, rm_http_server_port(desk->server)));
    raw_send(&reader->raw, request);
}

static void reader_close(struct reader *reader)
{
    raw_close(&reader->raw);
    assert_false(reader->is_wrong);
}

static void read_size(struct reader *reader, char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *digit = strchr(digits, c >= 'a' ? c - 'a' + 'A' : c);

    if (c == '\n') {
        reader->at = reader->n_left == 0 ? AT_END : IN_CHUNK;
    } else if (c != '\r' && digit != NULL) {
        reader->n_left = reader->n_left * 16 + (size_t)(digit - digits);
    } else if (c != '\r') {
        reader->is_wrong = true;
    }
}

static void read_byte(struct reader *reader, char c)
{
    switch (reader->at) {
    case IN_SIZE:
        read_size(reader, c);
        break;
    case IN_CHUNK:
    case IN_ALL:
        reader->is_wrong = reader->is_wrong || c != byte_at(reader->n_body);
        reader->n_body++;
        if (reader->at == IN_CHUNK && --reader->n_left == 0) {
            reader->at = AFTER_CHUNK;
        }
        break;
    case AFTER_CHUNK:
        reader->at = c == '\n' ? IN_SIZE : AFTER_CHUNK;
        break;
    case IN_HEAD:
    case AT_END:
        break;
    }
}

/* True once the head is taken; what follows it stays. */
static bool take_head(struct reader *reader)
{
    struct raw_socket *raw = &reader->raw;
    const char *end = strstr(raw->bytes, "\r\n\r\n");
    size_t n;

    if (end == NULL) {
        return false;
    }
    n = (size_t)(end + 4 - raw->bytes);
    reader->at = raw_count(raw, "Transfer-Encoding: chunked") == 1 ? IN_SIZE : IN_ALL;
    memmove(raw->bytes, raw->bytes + n, raw->len - n);
    raw->len -= n;
    return true;
}

/* Takes in at most @max bytes of what has come. */
static void reader_take(struct reader *reader, size_t max)
{
    struct raw_socket *raw = &reader->raw;
    ssize_t n =
        recv(raw->fd, raw->bytes + raw->len,
             max < sizeof raw->bytes - 1 - raw->len ? max : sizeof raw->bytes - 1 - raw->len,
             MSG_DONTWAIT);

    if (n <= 0) {
        raw->is_closed = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
        reader->error = n == 0 ? 0 : errno;
        return;
    }
    raw->len += (size_t)n;
    raw->bytes[raw->len] = '\0';
    if (reader->at == IN_HEAD && !take_head(reader)) {
        return;
    }
    for (size_t i = 0; i < raw->len; i++) {
        read_byte(reader, raw->bytes[i]);
    }
    raw->len = 0;
}

static bool reader_is_over(void *data)
{
    struct reader *reader = data;

    reader_take(reader, SIZE_MAX);
    return reader->at == AT_END || reader->raw.is_closed;
}

static const char get[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
static const char get_of_old[] = "GET /a HTTP/1.0\r\nHost: h\r\n\r\n";

static void test_an_answer_is_read_out_of_its_source(void **state)
{
    struct reader reader;
    struct desk desk;

    (void)state;
    open_desk(&desk, 60000);
    desk.taps[0].n_bytes = 10 * MEGABYTE;
    reader_open(&desk, &reader, get);
    assert_true(turn_until(desk.loop, reader_is_over, &reader));
    assert_int_equal(reader.at, AT_END);
    assert_int_equal(reader.n_body, 10 * MEGABYTE);
    assert_int_equal(desk.n_freed, 1);
    assert_int_equal(rm_http_server_waiting(desk.server), 0);
    /* The connection serves the next one. */
    raw_send(&reader.raw, "GET /whole HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(raw_wait_for(desk.loop, &reader.raw, "<whole>", 1));
    reader_close(&reader);
    close_desk(&desk);
}

static void test_an_empty_answer(void **state)
{
    struct raw_socket raw;
    struct desk desk;

    (void)state;
    open_desk(&desk, 60000);
    assert_true(raw_connect(&raw, rm_http_server_port(desk.server)));
    raw_send(&raw, get);
    assert_true(raw_wait_for(desk.loop, &raw, "\r\n\r\n0\r\n\r\n", 1));
    assert_int_equal(raw_count(&raw, "X-Answer: yes"), 1);
    assert_int_equal(raw_count(&raw, "Content-Type: text/plain"), 1);
    raw_close(&raw);
    close_desk(&desk);
}

static void test_a_client_without_chunks(void **state)
{
    struct reader reader;
    struct desk desk;

    (void)state;
    open_desk(&desk, 60000);
    desk.taps[0].n_bytes = 3 * MEGABYTE;
    reader_open(&desk, &reader, get_of_old);
    assert_true(turn_until(desk.loop, reader_is_over, &reader));
    assert_int_equal(reader.at, IN_ALL);
    assert_int_equal(reader.error, 0);
    assert_int_equal(reader.n_body, 3 * MEGABYTE);
    reader_close(&reader);
    close_desk(&desk);
}

/* Nothing may follow the head: it would be taken for the next answer. */
static void test_head_reads_nothing(void **state)
{
    static const char end_of_head[] = "\r\n\r\n";
    struct raw_socket raw;
    struct desk desk;

    (void)state;
    open_desk(&desk, 60000);
    desk.taps[0].n_bytes = 100;
    assert_true(raw_connect(&raw, rm_http_server_port(desk.server)));
    raw_send(&raw, "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(raw_wait_for(desk.loop, &raw, NULL, 1));
    assert_int_equal(raw_count(&raw, "Connection: close"), 1);
    assert_string_equal(strstr(raw.bytes, end_of_head), end_of_head);
    assert_int_equal(desk.taps[0].n_reads, 0);
    assert_int_equal(desk.n_freed, 1);
    raw_close(&raw);
    close_desk(&desk);
}

static void check_later(const char *request)
{
    struct reader reader;
    struct desk desk;
    struct tap *tap = &desk.taps[0];
    int n_reads;

    open_desk(&desk, 60000);
    tap->n_bytes = 2 * MEGABYTE;
    tap->stop_at = MEGABYTE;
    reader_open(&desk, &reader, request);
    do {
        turn_a_little(desk.loop);
        reader_take(&reader, SIZE_MAX);
    } while (reader.n_body < MEGABYTE);
    /* It is not asked in vain again and again. */
    n_reads = tap->n_reads;
    turn_a_little(desk.loop);
    assert_int_equal(tap->n_reads, n_reads);
    assert_int_equal(rm_http_server_waiting(desk.server), 1);
    /* Woken for nothing, it is asked once more. */
    rm_http_request_wake(tap->request);
    rm_http_request_wake(tap->request);
    turn_a_little(desk.loop);
    assert_int_equal(tap->n_reads, n_reads + 1);
    tap->stop_at = 0;
    rm_http_request_wake(tap->request);
    assert_true(turn_until(desk.loop, reader_is_over, &reader));
    assert_int_equal(reader.n_body, 2 * MEGABYTE);
    reader_close(&reader);
    close_desk(&desk);
}

static void test_a_source_that_has_more_later(void **state)
{
    (void)state;
    check_later(get);
    check_later(get_of_old);
}

static void test_a_source_that_wakes_itself(void **state)
{
    struct reader reader;
    struct desk desk;

    (void)state;
    open_desk(&desk, 60000);
    desk.taps[0] = (struct tap){.n_bytes = 2000, .stop_at = 1000, .wakes_self = true};
    reader_open(&desk, &reader, get);
    assert_true(turn_until(desk.loop, reader_is_over, &reader));
    assert_int_equal(reader.n_body, 2000);
    reader_close(&reader);
    close_desk(&desk);
}

static void check_abort(const char *request, size_t n_bytes)
{
    struct reader reader;
    struct desk desk;

    open_desk(&desk, 60000);
    desk.taps[0] = (struct tap){.n_bytes = n_bytes, .aborts = true};
    reader_open(&desk, &reader, request);
    assert_true(turn_until(desk.loop, reader_is_over, &reader));
    /* Not AT_END, and no end of file either, which is an end to some. */
    assert_true(reader.raw.is_closed);
    assert_int_equal(reader.error, ECONNRESET);
    assert_int_equal(desk.n_freed, 1);
    reader_close(&reader);
    close_desk(&desk);
}

static void test_an_answer_that_is_aborted_never_looks_whole(void **state)
{
    (void)state;
    check_abort(get, 0);
    check_abort(get, 3000000);
    check_abort(get_of_old, 0);
    check_abort(get_of_old, 3000000);
}

static void test_a_client_that_goes_in_the_middle(void **state)
{
    struct reader reader;
    struct desk desk;

    (void)state;
    open_desk(&desk, 60000);
    desk.taps[0].n_bytes = ENDLESS;
    desk.taps[1] = (struct tap){.n_bytes = ENDLESS, .stop_at = 1000};
    reader_open(&desk, &reader, get);
    assert_true(turn_until_count(desk.loop, &desk.taps[0].n_reads, 3));
    reader_close(&reader);
    assert_true(turn_until_count(desk.loop, &desk.n_freed, 1));
    assert_int_equal(desk.n_gone, 1);
    /* While its source is silent, the client is not looked at. */
    reader_open(&desk, &reader, get);
    assert_true(turn_until_count(desk.loop, &desk.taps[1].n_reads, 2));
    reader_close(&reader);
    turn_a_little(desk.loop);
    assert_int_equal(desk.n_freed, 1);
    desk.taps[1].stop_at = 0;
    rm_http_request_wake(desk.taps[1].request);
    assert_true(turn_until_count(desk.loop, &desk.n_freed, 2));
    close_desk(&desk);
}

/* What is read and not taken is bounded by the kernel's buffers. */
static void test_a_source_is_not_read_ahead_of_its_client(void **state)
{
    struct reader reader;
    struct desk desk;
    struct tap *tap = &desk.taps[0];
    size_t n_given;

    (void)state;
    open_desk(&desk, 60000);
    tap->n_bytes = ENDLESS;
    reader_open(&desk, &reader, get);
    do {
        n_given = tap->n_given;
        turn_a_little(desk.loop);
    } while (tap->n_given != n_given || n_given == 0);
    assert_true(n_given < 32 * MEGABYTE);
    assert_int_equal(rm_http_server_waiting(desk.server), 1);
    reader_close(&reader);
    close_desk(&desk);
}

static bool is_freed(void *data)
{
    const struct desk *desk = data;

    return desk->n_freed == 1;
}

static void test_a_client_that_stops_reading_is_cut_off(void **state)
{
    struct reader reader;
    struct desk desk;

    (void)state;
    open_desk(&desk, 1);
    desk.taps[0].n_bytes = ENDLESS;
    reader_open(&desk, &reader, get_of_old);
    assert_true(turn_until(desk.loop, is_freed, &desk));
    assert_true(turn_until(desk.loop, reader_is_over, &reader));
    assert_int_equal(reader.error, ECONNRESET);
    reader_close(&reader);
    close_desk(&desk);
}

struct dribble {
    struct desk *desk;
    struct reader *reader;
};

static bool dribble(void *data)
{
    struct dribble *drop = data;

    reader_take(drop->reader, 5000);
    return drop->desk->n_freed == 1;
}

/* It always moves, but so slowly that it could hold what it reads for ever. */
static void test_a_client_that_reads_drop_by_drop_is_cut_off(void **state)
{
    struct reader reader;
    struct desk desk;
    struct dribble drop = {&desk, &reader};

    (void)state;
    open_desk(&desk, 1);
    desk.taps[0].n_bytes = ENDLESS;
    reader_open(&desk, &reader, get);
    assert_true(turn_until(desk.loop, dribble, &drop));
    reader_close(&reader);
    close_desk(&desk);
}

struct crowd {
    struct desk *desk;
    struct reader readers[TAPS_MAX];
};

static bool crowd_is_through(void *data)
{
    struct crowd *crowd = data;
    bool is_through = true;

    for (int i = 0; i < TAPS_MAX; i++) {
        is_through = reader_is_over(&crowd->readers[i]) && is_through;
    }
    return is_through;
}

/* Reads that take long are spread over the turns of the loop, and nobody is left out. */
static void test_streams_take_turns(void **state)
{
    static struct crowd crowd;
    struct desk desk;
    int n_first = 0;

    (void)state;
    open_desk(&desk, 60000);
    crowd.desk = &desk;
    for (int i = 0; i < TAPS_MAX; i++) {
        desk.taps[i] = (struct tap){.n_bytes = 200000, .burn_us = 3000};
        reader_open(&desk, &crowd.readers[i], get);
    }
    assert_true(turn_until_count(desk.loop, &desk.taps[TAPS_MAX - 1].n_reads, 3));
    for (int i = 0; i < TAPS_MAX; i++) {
        n_first = desk.taps[i].n_reads > n_first ? desk.taps[i].n_reads : n_first;
        assert_true(desk.taps[i].n_reads >= 1);
    }
    assert_true(n_first < 10);
    assert_true(turn_until(desk.loop, crowd_is_through, &crowd));
    assert_true(desk.n_reads_at_once_max <= 4);
    for (int i = 0; i < TAPS_MAX; i++) {
        assert_int_equal(crowd.readers[i].n_body, 200000);
        reader_close(&crowd.readers[i]);
    }
    close_desk(&desk);
}

static void test_the_end_of_the_server_cuts_streams(void **state)
{
    struct reader readers[3];
    struct desk desk;

    (void)state;
    open_desk(&desk, 60000);
    desk.taps[0].n_bytes = ENDLESS;
    desk.taps[1] = (struct tap){.n_bytes = ENDLESS, .stop_at = 1000};
    desk.taps[2] = (struct tap){.n_bytes = ENDLESS, .burn_us = 3000};
    for (int i = 0; i < 3; i++) {
        reader_open(&desk, &readers[i], get_of_old);
    }
    assert_true(turn_until_count(desk.loop, &desk.taps[1].n_reads, 2));
    assert_true(turn_until_count(desk.loop, &desk.taps[2].n_reads, 2));
    assert_int_equal(rm_http_server_waiting(desk.server), 3);
    close_desk(&desk);
    for (int i = 0; i < 3; i++) {
        while (!reader_is_over(&readers[i])) {
        }
        assert_int_equal(readers[i].error, ECONNRESET);
        reader_close(&readers[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_is_read_out_of_its_source),
        cmocka_unit_test(test_an_empty_answer),
        cmocka_unit_test(test_a_client_without_chunks),
        cmocka_unit_test(test_head_reads_nothing),
        cmocka_unit_test(test_a_source_that_has_more_later),
        cmocka_unit_test(test_a_source_that_wakes_itself),
        cmocka_unit_test(test_an_answer_that_is_aborted_never_looks_whole),
        cmocka_unit_test(test_a_client_that_goes_in_the_middle),
        cmocka_unit_test(test_a_source_is_not_read_ahead_of_its_client),
        cmocka_unit_test(test_a_client_that_stops_reading_is_cut_off),
        cmocka_unit_test(test_a_client_that_reads_drop_by_drop_is_cut_off),
        cmocka_unit_test(test_streams_take_turns),
        cmocka_unit_test(test_the_end_of_the_server_cuts_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
