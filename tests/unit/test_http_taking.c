#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/net/http_client.h"
#include "raftmetrics/net/http_server.h"
#include "raw_socket.h"
#include "turn.h"

enum { URL_MAX = 128, GATHERED_MAX = 1000, MEGABYTE = 1 << 20, ENDLESS = 1 << 30 };

/* A server that answers every request with n_bytes of a pattern, and a client, on one loop. */
struct world {
    struct rm_loop *loop;
    struct rm_http_server *server;
    struct rm_http_client *client;
    unsigned status;
    size_t n_bytes;
    size_t stop_at;                  /* falls silent there; 0: nowhere */
    bool aborts;                     /* in place of an end */
    struct rm_http_request *request; /* the last */
    size_t n_given;                  /* for it */
    int n_gone;
};

static char byte_at(size_t position)
{
    return (char)('a' + position % 23);
}

static enum rm_http_read on_read(char *buffer, size_t size, size_t *ret_len, void *data)
{
    struct world *world = data;
    size_t n = (world->stop_at != 0 ? world->stop_at : world->n_bytes) - world->n_given;

    if (n == 0) {
        return world->stop_at != 0 ? RM_HTTP_READ_LATER
               : world->aborts     ? RM_HTTP_READ_ABORT
                                   : RM_HTTP_READ_END;
    }
    n = n < size ? n : size;
    for (size_t i = 0; i < n; i++) {
        buffer[i] = byte_at(world->n_given + i);
    }
    world->n_given += n;
    *ret_len = n;
    return RM_HTTP_READ_BYTES;
}

static void on_free(void *data)
{
    (void)data;
}

static void on_headers(struct rm_http_request *request, void *data)
{
    (void)request;
    (void)data;
}

static void on_complete(struct rm_http_request *request, void *data)
{
    struct world *world = data;
    struct rm_http_source source = {on_read, on_free, world};

    world->request = request;
    world->n_given = 0;
    rm_http_request_stream(request, world->status, "text/x-test", NULL, 0, &source);
}

static void on_fault(struct rm_http_request *request, enum rm_http_fault fault, void *data)
{
    (void)request;
    (void)data;
    fail_msg("a fault: %d", (int)fault);
}

static void on_gone(struct rm_http_request *request, void *data)
{
    struct world *world = data;

    (void)request;
    world->n_gone++;
}

static void on_pass(void *data)
{
    (void)data;
}

static void open_world(struct world *world, size_t n_bytes)
{
    static const struct rm_http_service service = {on_headers, on_complete, on_fault, on_gone,
                                                   on_pass};
    static const struct rm_http_server_options options = {.address = "127.0.0.1",
                                                          .max_connections = 100,
                                                          .max_headers = 100,
                                                          .max_header_bytes = 10000,
                                                          .max_target_bytes = 1000,
                                                          .request_timeout_ms = 60000,
                                                          .idle_timeout_ms = 60000};

    *world = (struct world){.loop = rm_loop_new(), .status = 200, .n_bytes = n_bytes};
    assert_int_equal(rm_http_server_new(world->loop, &options, &service, world, &world->server), 0);
    world->client = rm_http_client_new(world->loop);
    assert_non_null(world->client);
}

static void close_world(struct world *world)
{
    rm_http_client_free(world->client);
    rm_http_server_free(world->server);
    rm_loop_free(world->loop);
}

/* Who takes an answer. */
struct taker {
    struct rm_http_transfer *transfer;
    size_t n_taken;
    size_t enough_at; /* declines more from there on, until it is 0 */
    bool is_choosy;   /* declines after every taking */
    int n_declined;
    bool is_wrong;
    int n; /* of callbacks */
    int error;
    int status;
    size_t n_body;
};

static bool on_take(struct rm_slice bytes, void *data)
{
    struct taker *taker = data;

    assert_int_equal(taker->n, 0);
    for (size_t i = 0; i < bytes.len; i++) {
        taker->is_wrong = taker->is_wrong || bytes.data[i] != byte_at(taker->n_taken + i);
    }
    taker->n_taken += bytes.len;
    if (taker->is_choosy || (taker->enough_at != 0 && taker->n_taken >= taker->enough_at)) {
        taker->n_declined++;
        return false;
    }
    return true;
}

static void on_answer(const struct rm_http_answer *answer, void *data)
{
    struct taker *taker = data;

    taker->n++;
    taker->error = answer->error;
    taker->status = answer->status;
    taker->n_body = answer->body.len;
    taker->transfer = NULL;
}

static void start_with(struct world *world, struct taker *taker, uint64_t timeout_ms)
{
    char url[URL_MAX];
    struct rm_http_call call = {.method = "GET",
                                .url = url,
                                .timeout_ms = timeout_ms,
                                .max_answer_bytes = GATHERED_MAX,
                                .take = on_take};

    snprintf(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)rm_http_server_port(world->server));
    assert_int_equal(rm_http_client_start(world->client, &call, on_answer, taker, &taker->transfer),
                     0);
}

static void start(struct world *world, struct taker *taker)
{
    start_with(world, taker, 60000);
}

static void wait_for(struct world *world, struct taker *taker)
{
    assert_true(turn_until_count(world->loop, &taker->n, 1));
    assert_false(taker->is_wrong);
}

static void check_length(size_t n_bytes, size_t n_taken, size_t n_body)
{
    struct taker taker = {0};
    struct world world;

    open_world(&world, n_bytes);
    start(&world, &taker);
    wait_for(&world, &taker);
    assert_int_equal(taker.error, 0);
    assert_int_equal(taker.status, 200);
    assert_int_equal(taker.n_taken, n_taken);
    assert_int_equal(taker.n_body, n_body);
    close_world(&world);
}

static void test_only_long_answers_are_taken(void **state)
{
    (void)state;
    check_length(0, 0, 0);
    check_length(GATHERED_MAX, 0, GATHERED_MAX);
    check_length(GATHERED_MAX + 1, GATHERED_MAX + 1, 0);
    check_length(10 * MEGABYTE, 10 * MEGABYTE, 0);
}

static void test_what_was_gathered_is_taken_first(void **state)
{
    struct taker taker = {0};
    struct world world;

    (void)state;
    open_world(&world, 5000);
    world.stop_at = GATHERED_MAX / 2;
    start(&world, &taker);
    turn_a_little(world.loop);
    assert_int_equal(taker.n_taken, 0);
    world.stop_at = 0;
    rm_http_request_wake(world.request);
    wait_for(&world, &taker);
    assert_int_equal(taker.n_taken, 5000);
    close_world(&world);
}

static void test_long_answers_of_other_statuses_are_not(void **state)
{
    struct taker taker = {0};
    struct world world;

    (void)state;
    open_world(&world, GATHERED_MAX + 1);
    world.status = 503;
    start(&world, &taker);
    wait_for(&world, &taker);
    assert_int_equal(taker.error, RM_ETOOBIG);
    assert_int_equal(taker.n_taken, 0);
    close_world(&world);
}

/* What is not taken stays with the server, but for what the kernel holds and one receiving. */
static void test_a_taker_that_has_enough(void **state)
{
    struct taker taker = {.enough_at = 5000};
    struct world world;
    size_t n_given;
    size_t n_taken;

    (void)state;
    open_world(&world, ENDLESS);
    start(&world, &taker);
    assert_true(turn_until_count(world.loop, &taker.n_declined, 1));
    do {
        n_given = world.n_given;
        turn_a_little(world.loop);
    } while (world.n_given != n_given);
    n_taken = taker.n_taken;
    assert_true(n_given < 32 * MEGABYTE);
    assert_int_equal(taker.n_declined, 1);
    /* It is asked again, and declines again. */
    rm_http_transfer_resume(taker.transfer);
    assert_int_equal(taker.n_taken, n_taken);
    assert_true(turn_until_count(world.loop, &taker.n_declined, 2));
    turn_a_little(world.loop);
    assert_int_equal(taker.n_declined, 2);
    assert_true(taker.n_taken - n_taken <= 64 << 10);
    /* The rest comes when it wants it. */
    world.n_bytes = world.n_given + MEGABYTE;
    taker.enough_at = 0;
    rm_http_transfer_resume(taker.transfer);
    rm_http_transfer_resume(taker.transfer);
    wait_for(&world, &taker);
    assert_int_equal(taker.error, 0);
    assert_int_equal(taker.n_taken, world.n_bytes);
    close_world(&world);
}

static bool resume_and_look(void *data)
{
    struct taker *taker = data;

    if (taker->transfer != NULL) {
        rm_http_transfer_resume(taker->transfer);
    }
    return taker->n > 0;
}

static void check_pauses(size_t n_bytes)
{
    struct taker taker = {.is_choosy = true};
    struct world world;

    open_world(&world, n_bytes);
    start(&world, &taker);
    assert_true(turn_until(world.loop, resume_and_look, &taker));
    assert_false(taker.is_wrong);
    assert_int_equal(taker.error, 0);
    assert_int_equal(taker.n_taken, n_bytes);
    assert_true(taker.n_declined >= 1);
    close_world(&world);
}

/* Also where the end comes in the middle of a pause. */
static void test_a_pause_after_every_taking(void **state)
{
    (void)state;
    check_pauses(GATHERED_MAX + 1);
    check_pauses(20000);
    check_pauses(3 * MEGABYTE);
}

static void test_an_answer_that_breaks_off(void **state)
{
    struct taker taker = {0};
    struct world world;

    (void)state;
    open_world(&world, MEGABYTE);
    world.aborts = true;
    start(&world, &taker);
    wait_for(&world, &taker);
    assert_int_equal(taker.error, RM_EUNKNOWN);
    close_world(&world);
}

static void check_silence(size_t n_bytes)
{
    struct taker taker = {0};
    struct world world;

    open_world(&world, ENDLESS);
    world.stop_at = n_bytes;
    start_with(&world, &taker, 1);
    wait_for(&world, &taker);
    assert_int_equal(taker.error, RM_ETIMEDOUT);
    close_world(&world);
}

static void test_an_answer_that_falls_silent(void **state)
{
    (void)state;
    check_silence(10);
    check_silence(100000);
}

/* A second one that is late shows that somebody looked. */
static void test_a_pause_is_not_silence(void **state)
{
    struct taker paused = {.enough_at = 5000};
    struct taker silent = {0};
    struct world world;

    (void)state;
    open_world(&world, 200000);
    start_with(&world, &paused, 1);
    assert_true(turn_until_count(world.loop, &paused.n_declined, 1));
    turn_a_little(world.loop);
    world.stop_at = 10;
    start_with(&world, &silent, 1);
    wait_for(&world, &silent);
    assert_int_equal(silent.error, RM_ETIMEDOUT);
    assert_int_equal(paused.n, 0);
    close_world(&world);
    assert_int_equal(paused.error, RM_ECANCELED);
}

static void check_next(struct world *world, size_t n_bytes, size_t n_taken)
{
    struct taker taker = {0};

    world->n_bytes = n_bytes;
    start(world, &taker);
    wait_for(world, &taker);
    assert_int_equal(taker.error, 0);
    assert_int_equal(taker.n_taken, n_taken);
    assert_int_equal(taker.n_body, n_bytes - n_taken);
}

static void check_cancel(bool is_resumed)
{
    struct taker taker = {.enough_at = 5000};
    struct world world;

    open_world(&world, ENDLESS);
    start(&world, &taker);
    assert_true(turn_until_count(world.loop, &taker.n_declined, 1));
    turn_a_little(world.loop);
    if (is_resumed) {
        rm_http_transfer_resume(taker.transfer);
    }
    (void)rm_http_transfer_cancel(taker.transfer);
    assert_true(turn_until_count(world.loop, &world.n_gone, 1));
    assert_int_equal(taker.n, 0);
    assert_int_equal(taker.n_declined, 1);
    /* What it was is used again, and is as new. */
    check_next(&world, GATHERED_MAX, 0);
    check_next(&world, MEGABYTE, MEGABYTE);
    close_world(&world);
}

static void test_a_paused_transfer_is_canceled(void **state)
{
    (void)state;
    check_cancel(false);
    check_cancel(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_long_answers_are_taken),
        cmocka_unit_test(test_what_was_gathered_is_taken_first),
        cmocka_unit_test(test_long_answers_of_other_statuses_are_not),
        cmocka_unit_test(test_a_taker_that_has_enough),
        cmocka_unit_test(test_a_pause_after_every_taking),
        cmocka_unit_test(test_an_answer_that_breaks_off),
        cmocka_unit_test(test_an_answer_that_falls_silent),
        cmocka_unit_test(test_a_pause_is_not_silence),
        cmocka_unit_test(test_a_paused_transfer_is_canceled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
