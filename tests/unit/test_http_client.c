#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/net/http_client.h"
#include "raftmetrics/net/http_server.h"
#include "raw_socket.h"
#include "turn.h"

enum { URL_MAX = 128, TEXT_MAX = 256, N_MANY = 50, RESOLVER_WAIT_SECONDS = 10 };

/* ---- names ---- */

static sem_t silence; /* ends when posted */
static atomic_bool has_waited_in_vain;

/* In the place of the system's: known.test is this machine, unknown.test nothing, and for
 * silent.test no answer comes. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_info)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    struct timespec end;

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (name != NULL && strcmp(name, "known.test") == 0) {
        name = "127.0.0.1";
    } else if (name != NULL && strcmp(name, "unknown.test") == 0) {
        return EAI_NONAME;
    } else if (name != NULL && strcmp(name, "silent.test") == 0) {
        clock_gettime(CLOCK_REALTIME, &end);
        end.tv_sec += RESOLVER_WAIT_SECONDS;
        has_waited_in_vain = sem_timedwait(&silence, &end) != 0;
        return EAI_AGAIN;
    }
    return real(name, service, hints, ret_info);
}

/* ---- a server and a client on one loop ---- */

struct world {
    struct rm_loop *loop;
    struct rm_http_server *server;
    struct rm_http_client *client;
    int n_complete;
    struct rm_http_request *held[N_MANY];
    int n_held;
    char method[TEXT_MAX]; /* of the last request */
    char header[TEXT_MAX]; /* X-Test */
    char body[TEXT_MAX];
};

static void copy_slice(char *text, struct rm_slice slice)
{
    snprintf(text, TEXT_MAX, "%.*s", (int)slice.len, slice.data == NULL ? "" : slice.data);
}

static void on_headers(struct rm_http_request *request, void *data)
{
    (void)data;
    rm_http_request_expect_body(request, 1 << 20);
}

static void respond(struct rm_http_request *request, unsigned status,
                    const struct rm_http_header *header, const char *body, size_t body_len)
{
    rm_http_request_respond(request, status, "text/plain", header, header != NULL,
                            rm_slice_dup(rm_slice_make(body, body_len)), body_len);
}

static void on_complete(struct rm_http_request *request, void *data)
{
    static const struct rm_http_header retry_after = {"Retry-After", "7"};
    static const struct rm_http_header location = {"Location", "/elsewhere"};
    static char large[1000];
    struct world *world = data;
    struct rm_slice path = rm_http_request_path(request);

    world->n_complete++;
    copy_slice(world->method, rm_http_request_method(request));
    copy_slice(world->header, rm_http_request_header(request, "X-Test"));
    copy_slice(world->body, rm_http_request_body(request));
    if (rm_slice_is(path, "/hold")) {
        world->held[world->n_held++] = request;
    } else if (rm_slice_is(path, "/busy")) {
        respond(request, 503, &retry_after, "busy", 4);
    } else if (rm_slice_is(path, "/moved")) {
        respond(request, 302, &location, "", 0);
    } else if (rm_slice_is(path, "/large")) {
        respond(request, 200, NULL, large, sizeof large);
    } else {
        respond(request, 200, NULL, path.data, path.len);
    }
}

static void on_fault(struct rm_http_request *request, enum rm_http_fault fault, void *data)
{
    (void)fault;
    (void)data;
    respond(request, 400, NULL, "fault", 5);
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

static void open_world(struct world *world)
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

    *world = (struct world){.loop = rm_loop_new()};
    assert_int_equal(rm_http_server_new(world->loop, &options, &service, world, &world->server), 0);
    world->client = rm_http_client_new(world->loop);
    assert_non_null(world->client);
}

static void release_all(struct world *world)
{
    for (int i = 0; i < world->n_held; i++) {
        respond(world->held[i], 200, NULL, "late", 4);
    }
    world->n_held = 0;
}

static void close_world(struct world *world)
{
    rm_http_client_free(world->client);
    release_all(world);
    rm_http_server_free(world->server);
    rm_loop_free(world->loop);
}

/* ---- calls ---- */

/* What came of a call. */
struct outcome {
    int n; /* of callbacks */
    int error;
    int status;
    char content_type[TEXT_MAX];
    char retry_after[TEXT_MAX];
    char body[TEXT_MAX];
    size_t body_len;
};

static void on_answer(const struct rm_http_answer *answer, void *data)
{
    struct outcome *outcome = data;

    outcome->n++;
    outcome->error = answer->error;
    outcome->status = answer->status;
    if (answer->error == 0) {
        copy_slice(outcome->content_type, answer->content_type);
        copy_slice(outcome->retry_after, answer->retry_after);
        copy_slice(outcome->body, answer->body);
        outcome->body_len = answer->body.len;
    }
}

static struct rm_http_call call_of(const char *method, const char *url)
{
    return (struct rm_http_call){
        .method = method, .url = url, .timeout_ms = 60000, .max_answer_bytes = 1000};
}

static void make_url(char *url, uint16_t port, const char *path)
{
    snprintf(url, URL_MAX, "http://127.0.0.1:%u%s", (unsigned)port, path);
}

static void send_call(struct world *world, const struct rm_http_call *call, struct outcome *outcome)
{
    *outcome = (struct outcome){0};
    assert_int_equal(rm_http_client_send(world->client, call, on_answer, outcome), 0);
    assert_int_equal(outcome->n, 0); /* never from within */
}

/* The outcome of a call, waited for. */
static struct outcome make_call(struct world *world, const struct rm_http_call *call)
{
    struct outcome outcome;

    send_call(world, call, &outcome);
    assert_true(turn_until_count(world->loop, &outcome.n, 1));
    return outcome;
}

static struct outcome get(struct world *world, const char *path)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("GET", url);

    make_url(url, rm_http_server_port(world->server), path);
    return make_call(world, &call);
}

static void test_answers(void **state)
{
    struct world world;
    struct outcome outcome;

    (void)state;
    open_world(&world);
    outcome = get(&world, "/path");
    assert_int_equal(outcome.error, 0);
    assert_int_equal(outcome.status, 200);
    assert_string_equal(outcome.body, "/path");
    assert_string_equal(outcome.content_type, "text/plain");
    assert_string_equal(outcome.retry_after, "");
    assert_string_equal(world.method, "GET");
    outcome = get(&world, "/busy");
    assert_int_equal(outcome.status, 503);
    assert_string_equal(outcome.retry_after, "7");
    assert_string_equal(outcome.body, "busy");
    outcome = get(&world, "/after"); /* nothing is left of the answer before */
    assert_string_equal(outcome.retry_after, "");
    outcome = get(&world, "/moved");
    assert_int_equal(outcome.status, 302);
    assert_int_equal(rm_http_server_connections(world.server), 1);
    close_world(&world);
    rm_http_client_free(NULL);
}

static void test_url_and_headers_are_copied(void **state)
{
    char url[URL_MAX];
    char header[] = "X-Test: yes";
    const char *headers[] = {header, "Content-Type: text/plain"};
    struct rm_http_call call = call_of("POST", url);
    struct outcome outcome;
    struct world world;

    (void)state;
    open_world(&world);
    make_url(url, rm_http_server_port(world.server), "/post");
    call.headers = headers;
    call.n_headers = 2;
    call.body = rm_slice_of("the body");
    send_call(&world, &call, &outcome);
    memset(url, 'x', sizeof url);
    memset(header, 'x', sizeof header);
    assert_true(turn_until_count(world.loop, &outcome.n, 1));
    assert_int_equal(outcome.status, 200);
    assert_string_equal(outcome.body, "/post");
    assert_string_equal(world.method, "POST");
    assert_string_equal(world.header, "yes");
    assert_string_equal(world.body, "the body");
    close_world(&world);
}

static void test_methods_without_a_body(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("DELETE", url);
    struct world world;

    (void)state;
    open_world(&world);
    make_url(url, rm_http_server_port(world.server), "/x");
    assert_int_equal(make_call(&world, &call).status, 200);
    assert_string_equal(world.method, "DELETE");
    call.method = "POST";
    call.body = rm_slice_of("");
    assert_int_equal(make_call(&world, &call).status, 200);
    assert_string_equal(world.method, "POST");
    assert_string_equal(world.body, "");
    get(&world, "/y"); /* the handle is used again */
    assert_string_equal(world.method, "GET");
    close_world(&world);
}

static void test_many_at_once(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("GET", url);
    struct outcome outcomes[N_MANY];
    struct world world;

    (void)state;
    open_world(&world);
    make_url(url, rm_http_server_port(world.server), "/hold");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N_MANY; i++) {
            send_call(&world, &call, &outcomes[i]);
        }
        assert_true(turn_until_count(world.loop, &world.n_held, N_MANY));
        assert_true(rm_http_server_connections(world.server) == N_MANY); /* kept ones, reused */
        release_all(&world);
        for (int i = 0; i < N_MANY; i++) {
            assert_true(turn_until_count(world.loop, &outcomes[i].n, 1));
            assert_string_equal(outcomes[i].body, "late");
        }
    }
    turn_a_little(world.loop);
    for (int i = 0; i < N_MANY; i++) {
        assert_int_equal(outcomes[i].n, 1);
    }
    close_world(&world);
}

/* A call that makes the next one from its callback. */
struct chain {
    struct world *world;
    const struct rm_http_call *call;
    int n_left;
    int is_over;
};

static void on_link(const struct rm_http_answer *answer, void *data)
{
    struct chain *chain = data;

    assert_int_equal(answer->error, 0);
    if (--chain->n_left == 0) {
        chain->is_over = 1;
    } else {
        assert_int_equal(rm_http_client_send(chain->world->client, chain->call, on_link, chain), 0);
    }
}

static void test_a_callback_may_send_again(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("GET", url);
    struct world world;
    struct chain chain = {&world, &call, 20, 0};

    (void)state;
    open_world(&world);
    make_url(url, rm_http_server_port(world.server), "/chain");
    assert_int_equal(rm_http_client_send(world.client, &call, on_link, &chain), 0);
    assert_true(turn_until_count(world.loop, &chain.is_over, 1));
    assert_int_equal(world.n_complete, 20);
    assert_int_equal(rm_http_server_connections(world.server), 1);
    close_world(&world);
}

static void test_nobody_listens(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("POST", url);
    struct world world;
    uint16_t port = 0;

    (void)state;
    open_world(&world);
    close(raw_listen(&port)); /* a port that was free a moment ago */
    make_url(url, port, "/x");
    call.body = rm_slice_of("body");
    assert_int_equal(make_call(&world, &call).error, RM_ECONNECT);
    close_world(&world);
}

static void test_no_answer_in_time(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("POST", url);
    struct world world;

    (void)state;
    open_world(&world);
    make_url(url, rm_http_server_port(world.server), "/hold");
    call.body = rm_slice_of("body");
    call.timeout_ms = 100;
    assert_int_equal(make_call(&world, &call).error, RM_ETIMEDOUT);
    assert_int_equal(get(&world, "/next").status, 200);
    assert_int_equal(world.n_held, 1);
    close_world(&world);
}

static void test_the_bound_of_an_answer(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("GET", url);
    struct outcome outcome;
    struct world world;

    (void)state;
    open_world(&world);
    make_url(url, rm_http_server_port(world.server), "/large");
    outcome = make_call(&world, &call);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(outcome.body_len, 1000);
    call.max_answer_bytes = 999;
    assert_int_equal(make_call(&world, &call).error, RM_ETOOBIG);
    call.max_answer_bytes = 1000;
    assert_int_equal(make_call(&world, &call).error, 0);
    close_world(&world);
}

static void test_free_cancels_what_is_under_way(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("POST", url);
    struct outcome outcomes[5];
    struct world world;

    (void)state;
    open_world(&world);
    make_url(url, rm_http_server_port(world.server), "/hold");
    call.body = rm_slice_of("body");
    for (int i = 0; i < 4; i++) {
        send_call(&world, &call, &outcomes[i]);
    }
    assert_true(turn_until_count(world.loop, &world.n_held, 4));
    send_call(&world, &call, &outcomes[4]); /* not even begun */
    rm_http_client_free(world.client);
    world.client = NULL;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(outcomes[i].n, 1);
        assert_int_equal(outcomes[i].error, RM_ECANCELED);
    }
    close_world(&world);
}

/* A call that, when it ends, makes another. */
struct renewal {
    struct world *world;
    const struct rm_http_call *call;
    struct outcome first;
    struct outcome second;
};

/* ---- a server that accepts nobody ---- */

enum { N_WAITING = 8 };

struct full_server {
    int listener;
    uint16_t port;
    int waiting[N_WAITING]; /* connections, more than it lets wait */
};

static void open_full(struct full_server *full)
{
    full->listener = raw_listen(&full->port);
    assert_true(full->listener >= 0);
    assert_int_equal(listen(full->listener, 0), 0);
    for (int i = 0; i < N_WAITING; i++) {
        struct sockaddr_in address = raw_address(full->port);

        full->waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(full->waiting[i], (struct sockaddr *)&address, sizeof address);
    }
}

static void close_full(struct full_server *full)
{
    for (int i = 0; i < N_WAITING; i++) {
        close(full->waiting[i]);
    }
    close(full->listener);
}

/* libcurl may close the socket of a connection that never was one without a word. */
static void test_what_is_canceled_while_it_connects(void **state)
{
    struct outcome outcomes[2];
    struct rm_http_call call;
    struct full_server full = {0};
    struct world world;
    char url[URL_MAX];

    (void)state;
    open_world(&world);
    open_full(&full);
    make_url(url, full.port, "/");
    call = call_of("GET", url);
    send_call(&world, &call, &outcomes[0]);
    assert_int_equal(get(&world, "/while-it-connects").status, 200);
    rm_http_client_cancel(world.client);
    assert_int_equal(outcomes[0].error, RM_ECANCELED);
    assert_int_equal(get(&world, "/after-that").status, 200);
    send_call(&world, &call, &outcomes[1]);
    assert_int_equal(get(&world, "/while-it-connects").status, 200);
    close_world(&world); /* nothing of it is left on the loop, which says so */
    assert_int_equal(outcomes[1].error, RM_ECANCELED);
    close_full(&full);
}

static void on_canceled(const struct rm_http_answer *answer, void *data)
{
    struct renewal *renewal = data;

    on_answer(answer, &renewal->first);
    send_call(renewal->world, renewal->call, &renewal->second);
}

static void test_cancel_ends_what_is_under_way_only(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("GET", url);
    struct world world;
    struct renewal renewal = {.world = &world, .call = &call};

    (void)state;
    open_world(&world);
    make_url(url, rm_http_server_port(world.server), "/hold");
    assert_int_equal(rm_http_client_send(world.client, &call, on_canceled, &renewal), 0);
    assert_true(turn_until_count(world.loop, &world.n_held, 1));
    rm_http_client_cancel(world.client);
    assert_int_equal(renewal.first.n, 1);
    assert_int_equal(renewal.first.error, RM_ECANCELED);
    assert_int_equal(renewal.second.n, 0);
    assert_true(turn_until_count(world.loop, &world.n_held, 2));
    release_all(&world);
    assert_true(turn_until_count(world.loop, &renewal.second.n, 1));
    assert_string_equal(renewal.second.body, "late");
    assert_int_equal(renewal.first.n, 1);
    close_world(&world);
}

/* ---- one request canceled ---- */

static struct rm_http_transfer *start_call(struct world *world, const struct rm_http_call *call,
                                           struct outcome *outcome)
{
    struct rm_http_transfer *transfer = NULL;

    *outcome = (struct outcome){0};
    assert_int_equal(rm_http_client_start(world->client, call, on_answer, outcome, &transfer), 0);
    assert_non_null(transfer);
    return transfer;
}

static void test_one_of_several_is_canceled(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("POST", url);
    struct rm_http_transfer *transfers[3];
    struct outcome outcomes[3];
    struct world world;
    char *body = strdup("the body");

    (void)state;
    open_world(&world);
    make_url(url, rm_http_server_port(world.server), "/hold");
    call.body = rm_slice_of(body);
    for (int i = 0; i < 3; i++) {
        transfers[i] = start_call(&world, &call, &outcomes[i]);
    }
    assert_true(turn_until_count(world.loop, &world.n_held, 3));
    assert_true(rm_http_transfer_cancel(transfers[1]));
    memset(body, 'x', strlen(body)); /* nobody looks at it any more */
    release_all(&world);
    assert_true(turn_until_count(world.loop, &outcomes[0].n, 1));
    assert_true(turn_until_count(world.loop, &outcomes[2].n, 1));
    assert_string_equal(get(&world, "/after").body, "/after"); /* its handle is used again */
    assert_int_equal(outcomes[1].n, 0);
    assert_int_equal(outcomes[0].error, 0);
    close_world(&world);
    assert_int_equal(outcomes[1].n, 0);
    free(body);
}

static void test_what_is_canceled_before_it_is_sent(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("POST", url);
    struct outcome outcome;
    struct world world;

    (void)state;
    open_world(&world);
    make_url(url, rm_http_server_port(world.server), "/x");
    call.body = rm_slice_of("body");
    assert_false(rm_http_transfer_cancel(start_call(&world, &call, &outcome)));
    turn_a_little(world.loop);
    assert_int_equal(outcome.n, 0);
    assert_int_equal(world.n_complete, 0);
    close_world(&world);
}

/* A call that cancels another when it is answered. */
struct canceling {
    struct outcome outcome;
    struct rm_http_transfer *other;
};

static void on_answer_cancel(const struct rm_http_answer *answer, void *data)
{
    struct canceling *canceling = data;

    on_answer(answer, &canceling->outcome);
    (void)rm_http_transfer_cancel(canceling->other);
}

/* Both are answered in the same turn: the other's end may be known already. */
static void test_a_callback_may_cancel_another(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("GET", url);
    struct world world;

    (void)state;
    open_world(&world);
    make_url(url, rm_http_server_port(world.server), "/hold");
    for (int order = 0; order < 2; order++) {
        struct canceling canceling = {.other = NULL};
        struct outcome other;

        if (order == 0) {
            canceling.other = start_call(&world, &call, &other);
        }
        assert_int_equal(rm_http_client_send(world.client, &call, on_answer_cancel, &canceling), 0);
        if (order == 1) {
            canceling.other = start_call(&world, &call, &other);
        }
        assert_true(turn_until_count(world.loop, &world.n_held, 2));
        respond(world.held[order == 0 ? 1 : 0], 200, NULL, "first", 5);
        assert_true(turn_until_count(world.loop, &canceling.outcome.n, 1));
        respond(world.held[order == 0 ? 0 : 1], 200, NULL, "second", 6);
        world.n_held = 0;
        turn_a_little(world.loop);
        assert_int_equal(canceling.outcome.n, 1);
        assert_int_equal(other.n, 0);
    }
    close_world(&world);
}

/* ---- servers that fail ---- */

struct failing {
    int listener;
    struct raw_socket raw;
    int n_accepted;
};

static bool has_accepted(void *data)
{
    struct failing *failing = data;
    bool has = raw_accept(&failing->raw, failing->listener);

    failing->n_accepted += has;
    return has;
}

/* Lets a first call succeed, so that the second goes over a connection that was kept. */
static void keep_connection(struct world *world, struct failing *failing, char *url)
{
    struct rm_http_call call = call_of("GET", url);
    struct outcome outcome;
    uint16_t port = 0;

    *failing = (struct failing){.listener = raw_listen(&port)};
    assert_true(failing->listener >= 0);
    make_url(url, port, "/x");
    send_call(world, &call, &outcome);
    assert_true(turn_until(world->loop, has_accepted, failing));
    assert_true(raw_wait_for(world->loop, &failing->raw, "\r\n\r\n", 1));
    raw_send(&failing->raw, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_true(turn_until_count(world->loop, &outcome.n, 1));
    assert_string_equal(outcome.body, "ok");
    failing->raw.len = 0;
}

static void close_failing(struct failing *failing)
{
    raw_close(&failing->raw);
    close(failing->listener);
}

static void test_a_body_that_was_read_is_not_sent_again(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("POST", url);
    struct failing failing;
    struct outcome outcome;
    struct world world;

    (void)state;
    open_world(&world);
    keep_connection(&world, &failing, url);
    call.body = rm_slice_of("the body");
    send_call(&world, &call, &outcome);
    assert_true(raw_wait_for(world.loop, &failing.raw, "the body", 1));
    raw_close(&failing.raw);
    assert_true(turn_until_count(world.loop, &outcome.n, 1));
    assert_int_equal(outcome.error, RM_EUNKNOWN);
    /* It may have connected once more before it gave up; it sent nothing there. */
    if (has_accepted(&failing)) {
        assert_true(raw_wait_for(world.loop, &failing.raw, NULL, 0));
        assert_int_equal(failing.raw.len, 0);
    }
    close_failing(&failing);
    close_world(&world);
}

/* libcurl tries once more on a connection of its own, and that is refused: this must not pass for a
 * request that never left. */
static void test_a_server_that_died_with_the_body(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("POST", url);
    struct failing failing;
    struct outcome outcome;
    struct world world;

    (void)state;
    open_world(&world);
    keep_connection(&world, &failing, url);
    call.body = rm_slice_of("the body");
    send_call(&world, &call, &outcome);
    assert_true(raw_wait_for(world.loop, &failing.raw, "the body", 1));
    close(failing.listener);
    raw_close(&failing.raw);
    assert_true(turn_until_count(world.loop, &outcome.n, 1));
    assert_int_equal(outcome.error, RM_EUNKNOWN);
    close_world(&world);
}

static void test_a_read_may_be_sent_again(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("GET", url);
    struct failing failing;
    struct outcome outcome;
    struct world world;

    (void)state;
    open_world(&world);
    keep_connection(&world, &failing, url);
    send_call(&world, &call, &outcome);
    assert_true(raw_wait_for(world.loop, &failing.raw, "\r\n\r\n", 1));
    raw_close(&failing.raw);
    assert_true(turn_until(world.loop, has_accepted, &failing));
    assert_true(raw_wait_for(world.loop, &failing.raw, "\r\n\r\n", 1));
    raw_send(&failing.raw, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain");
    assert_true(turn_until_count(world.loop, &outcome.n, 1));
    assert_string_equal(outcome.body, "again");
    close_failing(&failing);
    close_world(&world);
}

static void test_a_kept_connection_that_its_server_closed(void **state)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("POST", url);
    struct failing failing;
    struct outcome outcome;
    struct world world;

    (void)state;
    open_world(&world);
    keep_connection(&world, &failing, url);
    raw_close(&failing.raw);
    turn_a_little(world.loop);
    call.body = rm_slice_of("the body");
    send_call(&world, &call, &outcome);
    assert_true(turn_until(world.loop, has_accepted, &failing));
    assert_true(raw_wait_for(world.loop, &failing.raw, "the body", 1));
    raw_send(&failing.raw, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_true(turn_until_count(world.loop, &outcome.n, 1));
    assert_int_equal(outcome.error, 0);
    assert_int_equal(failing.n_accepted, 2);
    close_failing(&failing);
    close_world(&world);
}

/* Answers that are none, or that end too soon. */
static void check_broken_answer(const char *answer)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("POST", url);
    struct failing failing;
    struct outcome outcome;
    struct world world;

    open_world(&world);
    keep_connection(&world, &failing, url);
    call.body = rm_slice_of("the body");
    send_call(&world, &call, &outcome);
    assert_true(raw_wait_for(world.loop, &failing.raw, "the body", 1));
    raw_send(&failing.raw, answer);
    raw_close(&failing.raw);
    assert_true(turn_until_count(world.loop, &outcome.n, 1));
    if (outcome.error != RM_EUNKNOWN) {
        fail_msg("%s\nis error %d, status %d", answer, outcome.error, outcome.status);
    }
    close_failing(&failing);
    close_world(&world);
}

static void test_broken_answers(void **state)
{
    (void)state;
    check_broken_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    check_broken_answer("HTTP/1.1 200 OK\r\nContent-Le");
    check_broken_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    check_broken_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhel");
    check_broken_answer("SSH-2.0-OpenSSH_9.2\r\n");
}

/* ---- urls ---- */

static struct outcome call_url(struct world *world, const char *format)
{
    char url[URL_MAX];
    struct rm_http_call call = call_of("GET", url);

    snprintf(url, sizeof url, "%s:%u/", format, (unsigned)rm_http_server_port(world->server));
    call.timeout_ms = 1000;
    return make_call(world, &call);
}

static void test_only_http(void **state)
{
    struct rm_http_call call = call_of("GET", "file:///etc/passwd");
    struct world world;

    (void)state;
    open_world(&world);
    assert_int_not_equal(make_call(&world, &call).error, 0);
    assert_int_not_equal(call_url(&world, "ftp://127.0.0.1").error, 0);
    assert_int_not_equal(call_url(&world, "http://a b").error, 0);
    assert_int_equal(world.n_complete, 0);
    close_world(&world);
}

static void test_no_proxy_of_the_environment(void **state)
{
    struct world world;

    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    open_world(&world);
    assert_int_equal(get(&world, "/direct").status, 200);
    close_world(&world);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

/* libcurl asks for names in a thread, which wakes it through sockets of its own. */
static void test_names(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    assert_int_equal(call_url(&world, "http://known.test").status, 200);
    assert_int_equal(call_url(&world, "http://unknown.test").error, RM_ECONNECT);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(get(&world, "/a").status, 200);
        assert_int_equal(call_url(&world, "http://unknown.test").error, RM_ECONNECT);
        assert_int_equal(call_url(&world, "http://known.test").status, 200);
    }
    close_world(&world);
}

static void test_a_silent_resolver_stops_nobody(void **state)
{
    struct rm_http_call call = call_of("GET", "http://silent.test:1/");
    struct outcome silent;
    struct world world;

    (void)state;
    open_world(&world);
    call.timeout_ms = 100;
    send_call(&world, &call, &silent);
    assert_int_equal(get(&world, "/meanwhile").status, 200);
    assert_true(turn_until_count(world.loop, &silent.n, 1));
    assert_int_equal(silent.error, RM_ECONNECT);
    close_world(&world);
    assert_false(has_waited_in_vain); /* as it would have, had the loop waited for its end */
    sem_post(&silence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_url_and_headers_are_copied),
        cmocka_unit_test(test_methods_without_a_body),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_a_callback_may_send_again),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_no_answer_in_time),
        cmocka_unit_test(test_the_bound_of_an_answer),
        cmocka_unit_test(test_free_cancels_what_is_under_way),
        cmocka_unit_test(test_what_is_canceled_while_it_connects),
        cmocka_unit_test(test_cancel_ends_what_is_under_way_only),
        cmocka_unit_test(test_one_of_several_is_canceled),
        cmocka_unit_test(test_what_is_canceled_before_it_is_sent),
        cmocka_unit_test(test_a_callback_may_cancel_another),
        cmocka_unit_test(test_a_body_that_was_read_is_not_sent_again),
        cmocka_unit_test(test_a_server_that_died_with_the_body),
        cmocka_unit_test(test_a_read_may_be_sent_again),
        cmocka_unit_test(test_a_kept_connection_that_its_server_closed),
        cmocka_unit_test(test_broken_answers),
        cmocka_unit_test(test_only_http),
        cmocka_unit_test(test_no_proxy_of_the_environment),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_a_silent_resolver_stops_nobody),
    };

    sem_init(&silence, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
