/* What an exchange answers when there is no memory for its answer, over a real socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/exchange.h"
#include "raftmetrics/net/http_server.h"
#include "raw_socket.h"
#include "turn.h"

static void on_headers(struct rm_http_request *request, void *data)
{
    (void)request;
    (void)data;
}

/* @data is the route that the request is taken for. */
static void on_complete(struct rm_http_request *request, void *data)
{
    struct rm__exchange exchange = {.http = request, .route = data};

    rm__reply_out_of_memory(&exchange);
}

static void on_fault(struct rm_http_request *request, enum rm_http_fault fault, void *data)
{
    (void)fault;
    on_complete(request, data);
}

static void on_gone(struct rm_http_request *request, void *data)
{
    (void)request;
    (void)data;
}

static void on_pass(void *data)
{
    (void)data;
}

static void check_answer(enum rm__action action, const char *code)
{
    static const struct rm_http_service service = {on_headers, on_complete, on_fault, on_gone,
                                                   on_pass};
    struct rm_http_server_options options = {.address = "127.0.0.1",
                                             .max_connections = 4,
                                             .max_headers = 8,
                                             .max_header_bytes = 4096,
                                             .max_target_bytes = 1024,
                                             .request_timeout_ms = 10000,
                                             .idle_timeout_ms = 10000};
    struct rm__route route = {.action = action};
    struct rm_loop *loop = rm_loop_new();
    struct rm_http_server *server;
    struct raw_socket raw;

    assert_non_null(loop);
    assert_int_equal(rm_http_server_new(loop, &options, &service, &route, &server), 0);
    assert_true(raw_connect(&raw, rm_http_server_port(server)));
    raw_send(&raw, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(raw_wait_for(loop, &raw, code, 1));
    assert_int_equal(raw_count(&raw, "HTTP/1.1 503"), 1);
    assert_int_equal(raw_count(&raw, "Retry-After"), 1);
    raw_close(&raw);
    rm_http_server_free(server);
    rm_loop_free(loop);
}

static void test_a_write_may_be_recorded(void **state)
{
    (void)state;
    check_answer(RM__ACTION_RECORD, "\"outcome_unknown\"");
    check_answer(RM__ACTION_RECORD_BATCH, "\"outcome_unknown\"");
    check_answer(RM__ACTION_DELETE, "\"outcome_unknown\"");
    check_answer(RM__ACTION_APPEND, "\"outcome_unknown\"");
}

static void test_a_read_is_not(void **state)
{
    (void)state;
    check_answer(RM__ACTION_VALUES, "\"overloaded\"");
    check_answer(RM__ACTION_STATUS, "\"overloaded\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_write_may_be_recorded),
        cmocka_unit_test(test_a_read_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
