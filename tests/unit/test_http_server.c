#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/net/http_server.h"
#include "raw_socket.h"
#include "turn.h"

enum { HELD_MAX = 8, TEXT_MAX = 256, GZIP = 16 };

/* A service that notes what it is told. It answers with the path and the body; paths below /hold
 * wait for release(), those below /refuse are answered when the header section is in. */
struct desk {
    struct rm_loop *loop;
    struct rm_http_server *server;
    size_t max_body_bytes;
    int n_headers;
    int n_complete;
    int n_faults;
    int n_gone;
    int n_gone_unanswered;
    int n_passes;
    enum rm_http_fault fault; /* the last */
    struct rm_http_request *held[HELD_MAX];
    int n_held;
    char target[TEXT_MAX]; /* of the last complete request */
    char query[TEXT_MAX];
    char method[TEXT_MAX];
    char header[TEXT_MAX]; /* X-Test */
    size_t body_len;
    size_t raw_body_len;
    bool has_length;
    bool has_body;
};

static void copy_slice(char *text, struct rm_slice slice)
{
    snprintf(text, TEXT_MAX, "%.*s", (int)slice.len, slice.data == NULL ? "" : slice.data);
}

static void answer(struct rm_http_request *request, unsigned status, struct rm_slice body)
{
    static const struct rm_http_header header = {"X-Answer", "yes"};

    /* The context tells answered requests from the others. */
    rm_http_request_set_context(request, request);
    rm_http_request_respond(request, status, "text/plain", &header, 1, rm_slice_dup(body),
                            body.len);
}

static void on_headers(struct rm_http_request *request, void *data)
{
    struct desk *desk = data;

    desk->n_headers++;
    if (rm_slice_has_prefix(rm_http_request_path(request), rm_slice_of("/refuse"))) {
        answer(request, 403, rm_slice_of("refused"));
    } else {
        rm_http_request_expect_body(request, desk->max_body_bytes);
    }
}

static void on_complete(struct rm_http_request *request, void *data)
{
    struct desk *desk = data;
    struct rm_slice body = rm_http_request_body(request);
    char text[TEXT_MAX];

    desk->n_complete++;
    copy_slice(desk->target, rm_http_request_target(request));
    copy_slice(desk->query, rm_http_request_query(request));
    copy_slice(desk->method, rm_http_request_method(request));
    copy_slice(desk->header, rm_http_request_header(request, "x-test"));
    desk->body_len = body.len;
    desk->raw_body_len = rm_http_request_raw_body(request).len;
    desk->has_length = rm_http_request_has_length(request);
    desk->has_body = rm_http_request_has_body(request);
    if (rm_slice_has_prefix(rm_http_request_path(request), rm_slice_of("/hold"))) {
        desk->held[desk->n_held++] = request;
        return;
    }
    snprintf(text, sizeof text, "<%.*s %.*s>", (int)rm_http_request_path(request).len,
             rm_http_request_path(request).data, (int)(body.len < 100 ? body.len : 100),
             body.data == NULL ? "" : body.data);
    answer(request, 200, rm_slice_of(text));
}

static void on_fault(struct rm_http_request *request, enum rm_http_fault fault, void *data)
{
    struct desk *desk = data;

    desk->n_faults++;
    desk->fault = fault;
    answer(request, 400, rm_slice_of("fault"));
}

static void on_gone(struct rm_http_request *request, void *data)
{
    struct desk *desk = data;

    desk->n_gone++;
    desk->n_gone_unanswered += rm_http_request_context(request) == NULL;
}

static void on_pass(void *data)
{
    struct desk *desk = data;

    desk->n_passes++;
}

static const struct rm_http_service service = {on_headers, on_complete, on_fault, on_gone, on_pass};

static struct rm_http_server_options options_of_tests(void)
{
    return (struct rm_http_server_options){.address = "127.0.0.1",
                                           .max_connections = 100,
                                           .max_headers = 10,
                                           .max_header_bytes = 2000,
                                           .max_target_bytes = 100,
                                           .request_timeout_ms = 60000,
                                           .idle_timeout_ms = 60000};
}

static void open_desk(struct desk *desk, const struct rm_http_server_options *options)
{
    *desk = (struct desk){.loop = rm_loop_new(), .max_body_bytes = 1000};
    assert_non_null(desk->loop);
    assert_int_equal(rm_http_server_new(desk->loop, options, &service, desk, &desk->server), 0);
    assert_int_not_equal(rm_http_server_port(desk->server), 0);
}

static void open_default_desk(struct desk *desk)
{
    struct rm_http_server_options options = options_of_tests();

    open_desk(desk, &options);
}

/* Whatever was told of is over by the end. */
static void close_desk(struct desk *desk)
{
    rm_http_server_free(desk->server);
    rm_loop_free(desk->loop);
    assert_true(desk->n_gone >= desk->n_headers);
    assert_true(desk->n_gone <= desk->n_headers + desk->n_faults + desk->n_gone_unanswered);
}

static void release(struct desk *desk, int i, const char *text)
{
    answer(desk->held[i], 200, rm_slice_of(text));
    desk->held[i] = NULL;
}

static void connect_to(struct desk *desk, struct raw_socket *raw)
{
    assert_true(raw_connect(raw, rm_http_server_port(desk->server)));
}

/* Sends @request and waits until @expected has come. */
static void check_exchange(struct desk *desk, struct raw_socket *raw, const char *request,
                           const char *expected)
{
    raw->len = 0;
    raw_send(raw, request);
    if (!raw_wait_for(desk->loop, raw, expected, 1)) {
        fail_msg("%s\nwas answered\n%s\nnot\n%s", request, raw->bytes, expected);
    }
}

static void test_a_request_and_its_answer(void **state)
{
    struct desk desk;
    struct raw_socket raw;

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &raw);
    check_exchange(&desk, &raw,
                   "GET /a%2Fb+c?x=%20y&z HTTP/1.1\r\nHost: h\r\nX-Test: one\r\n"
                   "X-Test: two\r\n\r\n",
                   "</a%2Fb+c >");
    assert_int_equal(raw_count(&raw, "HTTP/1.1 200"), 1);
    assert_int_equal(raw_count(&raw, "X-Answer: yes"), 1);
    assert_int_equal(raw_count(&raw, "Content-Type: text/plain"), 1);
    assert_string_equal(desk.target, "/a%2Fb+c?x=%20y&z");
    assert_string_equal(desk.query, "x=%20y&z");
    assert_string_equal(desk.method, "GET");
    assert_string_equal(desk.header, "one");
    assert_false(desk.has_length);
    assert_false(desk.has_body);
    assert_true(desk.n_passes > 0);
    assert_int_equal(rm_http_server_connections(desk.server), 1);
    raw_close(&raw);
    close_desk(&desk);
}

static void test_requests_in_a_row_on_one_connection(void **state)
{
    static const char three[] = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
                                "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                                "GET /3 HTTP/1.1\r\nHost: h\r\n\r\n";
    struct desk desk;
    struct raw_socket raw;

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &raw);
    check_exchange(&desk, &raw, three, "</3 >");
    assert_int_equal(raw_count(&raw, "HTTP/1.1 200"), 3);
    assert_true(strstr(raw.bytes, "</1 >") < strstr(raw.bytes, "</2 abc>"));
    assert_true(strstr(raw.bytes, "</2 abc>") < strstr(raw.bytes, "</3 >"));
    raw_close(&raw);
    close_desk(&desk);
    assert_int_equal(desk.n_gone, 3);
}

static void test_an_answer_that_comes_later(void **state)
{
    struct desk desk;
    struct raw_socket held;
    struct raw_socket other;

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &held);
    connect_to(&desk, &other);
    raw_send(&held,
             "GET /hold/1 HTTP/1.1\r\nHost: h\r\n\r\nGET /after HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(turn_until_count(desk.loop, &desk.n_held, 1));
    assert_int_equal(rm_http_server_waiting(desk.server), 1);
    check_exchange(&desk, &other, "GET /other HTTP/1.1\r\nHost: h\r\n\r\n", "</other >");
    raw_receive(&held);
    assert_int_equal(held.len, 0);
    release(&desk, 0, "<released>");
    assert_int_equal(rm_http_server_waiting(desk.server), 0);
    assert_true(raw_wait_for(desk.loop, &held, "</after >", 1));
    assert_int_equal(raw_count(&held, "<released>"), 1);
    raw_close(&held);
    raw_close(&other);
    close_desk(&desk);
}

static void test_a_client_that_went_before_its_answer(void **state)
{
    struct desk desk;
    struct raw_socket raw;

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &raw);
    raw_send(&raw, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(turn_until_count(desk.loop, &desk.n_held, 1));
    raw_close(&raw);
    turn_a_little(desk.loop);
    assert_int_equal(desk.n_gone, 0); /* its memory stays */
    release(&desk, 0, "too late");
    assert_true(turn_until_count(desk.loop, &desk.n_gone, 1));
    close_desk(&desk);
}

static void test_many_wait_and_are_answered_out_of_order(void **state)
{
    struct desk desk;
    struct raw_socket raws[HELD_MAX];
    char text[TEXT_MAX];

    (void)state;
    open_default_desk(&desk);
    for (int i = 0; i < HELD_MAX; i++) {
        connect_to(&desk, &raws[i]);
        snprintf(text, sizeof text, "GET /hold/%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
        raw_send(&raws[i], text);
        assert_true(turn_until_count(desk.loop, &desk.n_held, i + 1));
    }
    for (int i = HELD_MAX - 1; i >= 0; i--) {
        snprintf(text, sizeof text, "<answer %d>", i);
        release(&desk, i, text);
        assert_true(raw_wait_for(desk.loop, &raws[i], text, 1));
    }
    assert_int_equal(rm_http_server_waiting(desk.server), 0);
    for (int i = 0; i < HELD_MAX; i++) {
        raw_close(&raws[i]);
    }
    close_desk(&desk);
}

static void test_bodies(void **state)
{
    struct desk desk;
    struct raw_socket raw;

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &raw);
    check_exchange(&desk, &raw, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
                   "</b hello>");
    assert_true(desk.has_length && desk.has_body);
    check_exchange(&desk, &raw,
                   "POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                   /* no extension: libmicrohttpd 1.0.1 reads none */
                   "2\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: t\r\n\r\n",
                   "</b hello>");
    assert_true(desk.has_length && desk.has_body);
    check_exchange(&desk, &raw, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
                   "</b >");
    assert_true(desk.has_length && !desk.has_body);
    check_exchange(&desk, &raw, "POST /b HTTP/1.1\r\nHost: h\r\n\r\n", "</b >");
    assert_true(!desk.has_length && !desk.has_body);
    raw.len = 0;
    raw_send(&raw,
             "POST /b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_true(raw_wait_for(desk.loop, &raw, "HTTP/1.1 100", 1));
    check_exchange(&desk, &raw, "hello", "</b hello>");
    raw_close(&raw);
    close_desk(&desk);
    assert_int_equal(desk.n_faults, 0);
}

/* A POST of @plain as gzip, in @ret_request; its length. */
static size_t make_gzip_request(const void *plain, size_t len, char *ret_request, size_t size)
{
    z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)plain, .avail_in = (uInt)len};
    Bytef packed[2000];
    size_t head_len;

    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + GZIP, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_out = packed;
    stream.avail_out = sizeof packed;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    head_len = (size_t)snprintf(ret_request, size,
                                "POST /z HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n"
                                "Content-Length: %lu\r\n\r\n",
                                stream.total_out);
    memcpy(ret_request + head_len, packed, stream.total_out);
    return head_len + stream.total_out;
}

static void test_compressed_bodies(void **state)
{
    static char zeros[1001];
    char request[4000];
    struct desk desk;
    struct raw_socket raw;
    size_t len;

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &raw);
    len = make_gzip_request("hello", 5, request, sizeof request);
    raw_send_bytes(&raw, request, len);
    assert_true(raw_wait_for(desk.loop, &raw, "</z hello>", 1));
    assert_int_equal(desk.body_len, 5);
    assert_int_not_equal(desk.raw_body_len, 5);
    len = make_gzip_request(zeros, 1000, request, sizeof request);
    raw_send_bytes(&raw, request, len);
    assert_true(turn_until_count(desk.loop, &desk.n_complete, 2));
    assert_int_equal(desk.body_len, 1000);
    len = make_gzip_request(zeros, 1001, request, sizeof request);
    raw.len = 0;
    raw_send_bytes(&raw, request, len);
    assert_true(raw_wait_for(desk.loop, &raw, "fault", 1));
    assert_int_equal(desk.fault, RM_HTTP_BODY_TOO_LARGE);
    check_exchange(&desk, &raw,
                   "POST /z HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n"
                   "Content-Length: 5\r\n\r\nhello",
                   "fault");
    assert_int_equal(desk.fault, RM_HTTP_BAD_ENCODING);
    check_exchange(&desk, &raw, "GET /none HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n\r\n",
                   "</none >");
    raw_close(&raw);
    close_desk(&desk);
}

/* The first Content-Encoding counts, for the one who checks it as for the one who decompresses. */
static void test_two_encodings(void **state)
{
    struct desk desk;
    struct raw_socket raw;

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &raw);
    check_exchange(&desk, &raw,
                   "POST /z HTTP/1.1\r\nHost: h\r\nContent-Encoding: identity\r\n"
                   "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
                   "</z hello>");
    check_exchange(&desk, &raw,
                   "POST /z HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n"
                   "Content-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
                   "fault");
    assert_int_equal(desk.fault, RM_HTTP_BAD_ENCODING);
    raw_close(&raw);
    close_desk(&desk);
}

static void test_bodies_that_are_too_large(void **state)
{
    struct desk desk;
    struct raw_socket raw;

    (void)state;
    open_default_desk(&desk);
    desk.max_body_bytes = 4;
    connect_to(&desk, &raw);
    check_exchange(&desk, &raw, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nfour",
                   "</b four>");
    check_exchange(&desk, &raw, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nfives",
                   "fault");
    assert_int_equal(desk.fault, RM_HTTP_BODY_TOO_LARGE);
    check_exchange(&desk, &raw,
                   "POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nfiv\r\n2\r\nes\r\n1\r\nx\r\n0\r\n\r\n",
                   "fault");
    assert_int_equal(desk.n_faults, 2);
    /* The connection is as good as before. */
    check_exchange(&desk, &raw, "GET /still HTTP/1.1\r\nHost: h\r\n\r\n", "</still >");
    assert_int_equal(desk.n_complete, 2);
    raw_close(&raw);
    close_desk(&desk);
}

static void test_a_refused_request_has_its_body_dropped(void **state)
{
    struct desk desk;
    struct raw_socket raw;

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &raw);
    /* The body looks like a request. */
    raw_send(&raw, "POST /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\nGET /hidden ");
    turn_a_little(desk.loop);
    check_exchange(&desk, &raw, "HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n",
                   "</next >");
    assert_int_equal(raw_count(&raw, "HTTP/1.1 403"), 1);
    assert_int_equal(desk.n_complete, 1);
    assert_string_equal(desk.target, "/next");
    raw_close(&raw);
    close_desk(&desk);
}

static void check_fault(const char *request, enum rm_http_fault fault)
{
    struct desk desk;
    struct raw_socket raw;

    open_default_desk(&desk);
    connect_to(&desk, &raw);
    check_exchange(&desk, &raw, request, "fault");
    if (desk.n_faults != 1 || desk.fault != fault || desk.n_headers != 0) {
        fail_msg("%s\nis fault %d, %d times", request, (int)desk.fault, desk.n_faults);
    }
    raw_close(&raw);
    close_desk(&desk);
}

static void test_limits_of_the_header_section(void **state)
{
    char request[4000];
    char filler[1990];
    char target[101];

    (void)state;
    check_fault("GET / HTTP/1.1\r\nHost: h\r\n1: 1\r\n2: 2\r\n3: 3\r\n4: 4\r\n5: 5\r\n6: 6\r\n"
                "7: 7\r\n8: 8\r\n9: 9\r\n10: 10\r\n\r\n",
                RM_HTTP_HEADERS_TOO_LARGE);
    memset(filler, 'f', sizeof filler);
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: h\r\nX: %.*s\r\n\r\n",
             (int)sizeof filler, filler);
    check_fault(request, RM_HTTP_HEADERS_TOO_LARGE);
    memset(target, '/', sizeof target);
    snprintf(request, sizeof request, "GET %.*s HTTP/1.1\r\nHost: h\r\n\r\n", (int)sizeof target,
             target);
    check_fault(request, RM_HTTP_TARGET_TOO_LONG);
}

static void test_what_just_fits(void **state)
{
    struct desk desk;
    struct raw_socket raw;
    char request[4000];
    char target[100];

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &raw);
    check_exchange(&desk, &raw,
                   "GET /ten HTTP/1.1\r\nHost: h\r\n1: 1\r\n2: 2\r\n3: 3\r\n4: 4\r\n5: 5\r\n"
                   "6: 6\r\n7: 7\r\n8: 8\r\n9: 9\r\n\r\n",
                   "</ten >");
    memset(target, '/', sizeof target);
    snprintf(request, sizeof request, "GET %.*s HTTP/1.1\r\nHost: h\r\n\r\n", (int)sizeof target,
             target);
    check_exchange(&desk, &raw, request, " >");
    check_exchange(&desk, &raw, "GET /minor HTTP/1.2\r\nHost: h\r\n\r\n", "</minor >");
    raw_close(&raw);
    close_desk(&desk);
}

#define HIDDEN "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"

/* Framing that two readers could understand in two ways: the connection ends with the answer. */
static void check_closes(const char *request)
{
    struct desk desk;
    struct raw_socket raw;

    open_default_desk(&desk);
    connect_to(&desk, &raw);
    raw_send(&raw, request);
    if (!raw_wait_for(desk.loop, &raw, NULL, 0)) {
        fail_msg("%s\nkeeps its connection", request);
    }
    if (desk.n_headers != 0 || desk.n_complete != 0) {
        fail_msg("%s\nwas handled", request);
    }
    assert_int_equal(raw_count(&raw, "HTTP/1.1 200"), 0);
    raw_close(&raw);
    close_desk(&desk);
}

static void test_ambiguous_framing_ends_the_connection(void **state)
{
    (void)state;
    check_closes("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN);
    check_closes("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n"
                 "abc" HIDDEN);
    check_closes(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 35\r\n\r\n" HIDDEN);
    check_closes("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc" HIDDEN);
    check_closes("POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 3\r\n\r\nabc" HIDDEN);
    check_closes("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
                 "0\r\n\r\n" HIDDEN);
    check_closes("POST / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN);
    check_closes("GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n" HIDDEN);
    check_closes("GET / HTTP/1.1\r\n\r\n" HIDDEN);
    check_closes("GET / HTTP/1.1\r\nHost: h\r\nX Y: z\r\n\r\n" HIDDEN);
    check_closes("GET / HTTP/1.1\r\nHost: h\r\nX: a\x01\r\n\r\n" HIDDEN);
    check_closes("GET metrics HTTP/1.1\r\nHost: h\r\n\r\n" HIDDEN);
    check_closes("GET / HTTP/1.\r\nHost: h\r\n\r\n" HIDDEN);
    check_closes("GET / HTTP/1.10\r\nHost: h\r\n\r\n" HIDDEN);
    check_closes("GET / HTTP/2.0\r\nHost: h\r\n\r\n" HIDDEN); /* libmicrohttpd itself */
    check_closes("GET /caf\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n" HIDDEN);
    check_closes("GET http://h?x=/metrics HTTP/1.1\r\nHost: h\r\n\r\n" HIDDEN);
}

static void test_absolute_targets(void **state)
{
    struct desk desk;
    struct raw_socket raw;

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &raw);
    check_exchange(&desk, &raw, "GET http://h:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n", "</a >");
    assert_string_equal(desk.target, "/a?b");
    check_exchange(&desk, &raw, "GET HTTP://h HTTP/1.1\r\nHost: h\r\n\r\n", "</ >");
    raw_close(&raw);
    close_desk(&desk);
}

static void test_head_has_no_body(void **state)
{
    struct desk desk;
    struct raw_socket raw;

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &raw);
    check_exchange(&desk, &raw, "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n\r\n");
    turn_a_little(desk.loop);
    raw_receive(&raw);
    assert_int_equal(raw_count(&raw, "Content-Length: 5"), 1);
    assert_int_equal(raw_count(&raw, "</a >"), 0);
    raw_close(&raw);
    close_desk(&desk);
}

/* The timeout is of the whole request, however busy it is; its length is of no matter here. */
static void test_a_request_that_never_ends_is_ended(void **state)
{
    struct rm_http_server_options options = options_of_tests();
    struct desk desk;
    struct raw_socket begun;
    struct raw_socket in_body;
    struct raw_socket idle;
    struct raw_socket held;

    (void)state;
    options.request_timeout_ms = 1;
    open_desk(&desk, &options);
    connect_to(&desk, &begun);
    connect_to(&desk, &in_body);
    connect_to(&desk, &idle);
    connect_to(&desk, &held);
    raw_send(&begun, "GE");
    raw_send(&in_body, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel");
    raw_send(&held, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(raw_wait_for(desk.loop, &begun, NULL, 0));
    assert_true(raw_wait_for(desk.loop, &in_body, NULL, 0));
    /* Neither an idle connection nor a waiting client is late. */
    release(&desk, 0, "<released>");
    assert_true(raw_wait_for(desk.loop, &held, "<released>", 1));
    raw_receive(&idle);
    assert_false(idle.is_closed);
    raw_close(&begun);
    raw_close(&in_body);
    raw_close(&idle);
    raw_close(&held);
    close_desk(&desk);
    assert_int_equal(desk.n_complete, 1);
}

static void test_connections_past_the_limit_wait(void **state)
{
    struct rm_http_server_options options = options_of_tests();
    struct desk desk;
    struct raw_socket raws[3];

    (void)state;
    options.max_connections = 2;
    open_desk(&desk, &options);
    for (int i = 0; i < 3; i++) {
        connect_to(&desk, &raws[i]);
        raw_send(&raws[i], "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    assert_true(turn_until_count(desk.loop, &desk.n_complete, 2));
    turn_a_little(desk.loop);
    assert_int_equal(desk.n_complete, 2);
    assert_int_equal(rm_http_server_connections(desk.server), 2);
    raw_close(&raws[0]);
    assert_true(turn_until_count(desk.loop, &desk.n_complete, 3));
    raw_close(&raws[1]);
    raw_close(&raws[2]);
    close_desk(&desk);
}

static void test_a_quiet_server_serves_whom_it_has(void **state)
{
    struct desk desk;
    struct raw_socket old;
    struct raw_socket new;

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &old);
    check_exchange(&desk, &old, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n", "</1 >");
    rm_http_server_quiesce(desk.server);
    assert_false(raw_connect(&new, rm_http_server_port(desk.server)));
    check_exchange(&desk, &old, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n", "</2 >");
    raw_close(&old);
    close_desk(&desk);
}

static void test_free_closes_every_connection(void **state)
{
    struct desk desk;
    struct raw_socket idle;
    struct raw_socket in_headers;
    struct raw_socket in_body;
    struct raw_socket released;

    (void)state;
    open_default_desk(&desk);
    connect_to(&desk, &idle);
    connect_to(&desk, &in_headers);
    connect_to(&desk, &in_body);
    connect_to(&desk, &released);
    raw_send(&in_headers, "GET / HTTP/1.1\r\nHost");
    raw_send(&in_body, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel");
    raw_send(&released, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(turn_until_count(desk.loop, &desk.n_held, 1));
    turn_a_little(desk.loop);
    release(&desk, 0, "perhaps it arrives");
    close_desk(&desk);
    assert_int_equal(desk.n_gone, 3);
    raw_receive(&idle);
    raw_receive(&in_headers);
    raw_receive(&in_body);
    raw_receive(&released);
    assert_true(idle.is_closed && in_headers.is_closed && in_body.is_closed && released.is_closed);
    raw_close(&idle);
    raw_close(&in_headers);
    raw_close(&in_body);
    raw_close(&released);
    rm_http_server_free(NULL);
}

static void check_not_opened(struct rm_loop *loop, const struct rm_http_server_options *options,
                             int expected)
{
    struct rm_http_server *server = NULL;

    assert_int_equal(rm_http_server_new(loop, options, &service, NULL, &server), expected);
    assert_null(server);
}

static void test_addresses_and_ports(void **state)
{
    struct rm_http_server_options options = options_of_tests();
    struct rm_http_server *second;
    struct desk desk;

    (void)state;
    options.address = "localhost";
    open_desk(&desk, &options);
    options.port = rm_http_server_port(desk.server);
    check_not_opened(desk.loop, &options, RM_EBUSY);
    options.sharing = RM_PORT_FIRST;
    check_not_opened(desk.loop, &options, RM_EBUSY);
    options.sharing = RM_PORT_ALONE;
    options.port = 0;
    options.address = "example.org";
    check_not_opened(desk.loop, &options, RM_EINVAL);
    options.address = "192.0.2.1"; /* of nobody */
    check_not_opened(desk.loop, &options, RM_EINVAL);
    close_desk(&desk);

    options.address = "127.0.0.1";
    options.sharing = RM_PORT_FIRST;
    open_desk(&desk, &options);
    options.sharing = RM_PORT_NEXT;
    options.port = rm_http_server_port(desk.server);
    assert_int_equal(rm_http_server_new(desk.loop, &options, &service, &desk, &second), 0);
    assert_int_equal(rm_http_server_port(second), options.port);
    options.sharing = RM_PORT_FIRST;
    check_not_opened(desk.loop, &options, RM_EBUSY);
    rm_http_server_free(second);
    close_desk(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_and_its_answer),
        cmocka_unit_test(test_requests_in_a_row_on_one_connection),
        cmocka_unit_test(test_an_answer_that_comes_later),
        cmocka_unit_test(test_a_client_that_went_before_its_answer),
        cmocka_unit_test(test_many_wait_and_are_answered_out_of_order),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_compressed_bodies),
        cmocka_unit_test(test_two_encodings),
        cmocka_unit_test(test_bodies_that_are_too_large),
        cmocka_unit_test(test_a_refused_request_has_its_body_dropped),
        cmocka_unit_test(test_limits_of_the_header_section),
        cmocka_unit_test(test_what_just_fits),
        cmocka_unit_test(test_ambiguous_framing_ends_the_connection),
        cmocka_unit_test(test_absolute_targets),
        cmocka_unit_test(test_head_has_no_body),
        cmocka_unit_test(test_a_request_that_never_ends_is_ended),
        cmocka_unit_test(test_connections_past_the_limit_wait),
        cmocka_unit_test(test_a_quiet_server_serves_whom_it_has),
        cmocka_unit_test(test_free_closes_every_connection),
        cmocka_unit_test(test_addresses_and_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
