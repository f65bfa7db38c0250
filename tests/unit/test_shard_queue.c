#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/control/shard_queue.h"
#include "../../src/api/write.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/net/http_client.h"
#include "raftmetrics/net/http_server.h"
#include "raw_socket.h"
#include "turn.h"

enum {
    BATCHES_MAX = 8,
    BUDGET_BYTES = 64 << 20,
    N_WORKERS = 2,
    SHARD = 3,
    OTHER_SHARD = 4, /* led by the other worker */
    N_SHARDS = 5,
    NEVER_MS = 60000,
    TEXT_MAX = 256,
};

/* ---- a worker that answers when the test says so ---- */

struct batch {
    struct rm_http_request *request;
    char *bytes;
    size_t len;
    char target[TEXT_MAX];
    char session[TEXT_MAX];
    int sequence;
    char *ids;
    char authorization[TEXT_MAX];
};

struct fake_worker {
    struct rm_http_server *server;
    struct batch batches[BATCHES_MAX];
    int n_batches;
    int n_opened; /* sessions that were asked for */
    char opened[TEXT_MAX];
    const char *refusal; /* of sessions, with status 503; NULL: they are opened */
    char address[TEXT_MAX];
};

static void copy_slice(char *text, struct rm_slice slice)
{
    snprintf(text, TEXT_MAX, "%.*s", (int)slice.len, slice.data == NULL ? "" : slice.data);
}

static void on_headers(struct rm_http_request *request, void *data)
{
    (void)data;
    rm_http_request_expect_body(request, RM__APPEND_BYTES_MAX);
}

static void on_session(struct fake_worker *worker, struct rm_http_request *request)
{
    const char *body = worker->refusal == NULL ? "{}" : worker->refusal;

    copy_slice(worker->opened, rm_http_request_target(request));
    worker->n_opened++;
    rm_http_request_respond(request, worker->refusal == NULL ? 200 : 503, "application/json", NULL,
                            0, strdup(body), strlen(body));
}

static void on_complete(struct rm_http_request *request, void *data)
{
    struct fake_worker *worker = data;
    struct batch *batch = &worker->batches[worker->n_batches];
    const char *numbers;

    if (rm_slice_is(rm_http_request_path(request), "/internal/session")) {
        on_session(worker, request);
        return;
    }
    worker->n_batches++;
    batch->request = request;
    batch->bytes = rm_slice_dup(rm_http_request_body(request));
    batch->len = rm_http_request_body(request).len;
    copy_slice(batch->target, rm_http_request_target(request));
    batch->ids = rm_slice_dup(rm_http_request_header(request, "X-Request-Id"));
    copy_slice(batch->authorization, rm_http_request_header(request, "Authorization"));
    numbers = strstr(batch->target, "&session=");
    assert_non_null(numbers);
    assert_int_equal(
        sscanf(numbers, "&session=%32[0-9a-f]&sequence=%d", batch->session, &batch->sequence), 2);
    assert_int_equal(strlen(batch->session), 32);
}

static void on_fault(struct rm_http_request *request, enum rm_http_fault fault, void *data)
{
    (void)fault;
    (void)data;
    rm_http_request_respond(request, 400, "text/plain", NULL, 0, NULL, 0);
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

static void worker_open(struct fake_worker *worker, struct rm_loop *loop)
{
    static const struct rm_http_service service = {on_headers, on_complete, on_fault, on_gone,
                                                   on_pass};
    static const struct rm_http_server_options options = {.address = "127.0.0.1",
                                                          .max_connections = 100,
                                                          .max_headers = 100,
                                                          .max_header_bytes = 10000,
                                                          .max_target_bytes = 1000,
                                                          .request_timeout_ms = NEVER_MS,
                                                          .idle_timeout_ms = NEVER_MS};

    assert_int_equal(rm_http_server_new(loop, &options, &service, worker, &worker->server), 0);
    snprintf(worker->address, sizeof worker->address, "127.0.0.1:%u",
             (unsigned)rm_http_server_port(worker->server));
}

static void worker_answer(struct fake_worker *worker, int i, unsigned status, struct rm_slice body)
{
    rm_http_request_respond(worker->batches[i].request, status, "application/x-protobuf", NULL, 0,
                            rm_slice_dup(body), body.len);
    worker->batches[i].request = NULL;
}

/* The reply of a leader: an outcome a write. */
static void worker_apply(struct fake_worker *worker, int i, const enum rm_outcome *outcomes,
                         size_t n_outcomes)
{
    struct rm_buffer reply;

    rm_buffer_init(&reply, 1000);
    assert_int_equal(rm_write_reply_encode(outcomes, n_outcomes, &reply), 0);
    worker_answer(worker, i, 200, rm_buffer_peek(&reply));
    rm_buffer_done(&reply);
}

/* As worker_apply, all done. */
static void worker_do(struct fake_worker *worker, int i, size_t n_writes)
{
    static const enum rm_outcome done[BATCHES_MAX];

    worker_apply(worker, i, done, n_writes);
}

static void worker_close(struct fake_worker *worker)
{
    for (int i = 0; i < worker->n_batches; i++) {
        if (worker->batches[i].request != NULL) {
            worker_answer(worker, i, 503, rm_slice_of(""));
        }
        free(worker->batches[i].bytes);
        free(worker->batches[i].ids);
    }
    rm_http_server_free(worker->server);
}

/* The same again: bytes, session and number. */
static void check_same(const struct batch *batch, const struct batch *first)
{
    assert_int_equal(batch->len, first->len);
    assert_memory_equal(batch->bytes, first->bytes, first->len);
    assert_string_equal(batch->target, first->target);
}

/* ---- control's side ---- */

static struct rm__control_meter meter;

struct control {
    struct rm_loop *loop;
    struct fake_worker workers[N_WORKERS];
    struct rm_http_client *client;
    struct rm__cluster_view view;
    struct rm__peer peers[N_WORKERS];
    struct rm__leadership leaderships[N_SHARDS];
    struct rm__queue_budget budget;
    struct rm__shard_queue queue;
    struct rm__shard_queue other_queue;
    struct rm_timer *timer;
    int n_changes; /* of the view */
};

/* As control does. */
static void on_tick(void *data)
{
    struct control *control = data;
    uint64_t now_ms = rm_loop_now_ms(control->loop);

    rm__shard_queue_expire(&control->queue, now_ms);
    rm__shard_queue_expire(&control->other_queue, now_ms);
}

static void on_view_changed(void *data)
{
    struct control *control = data;

    control->n_changes++;
    rm__shard_queue_flush(&control->queue);
    rm__shard_queue_flush(&control->other_queue);
}

static void control_open(struct control *control)
{
    static char authorization[] = "Authorization: Cluster secret";
    static char cluster[] = "X-Cluster: 0123456789abcdef";

    rm_log_set_level(RM_LOG_ERROR);
    meter = (struct rm__control_meter){0};
    *control = (struct control){.loop = rm_loop_new(),
                                .budget = {.max_bytes = BUDGET_BYTES, .meter = &meter}};
    control->client = rm_http_client_new(control->loop);
    control->view = (struct rm__cluster_view){.loop = control->loop,
                                              .client = control->client,
                                              .peers = control->peers,
                                              .n_peers = N_WORKERS,
                                              .n_shards = N_SHARDS,
                                              .leaderships = control->leaderships,
                                              .headers = {authorization, cluster},
                                              .changed_cb = on_view_changed,
                                              .changed_data = control};
    for (uint32_t i = 0; i < N_WORKERS; i++) {
        worker_open(&control->workers[i], control->loop);
        control->peers[i] = (struct rm__peer){.view = &control->view,
                                              .address = control->workers[i].address,
                                              .id = i + 1,
                                              .is_asked = true, /* no polls here */
                                              .is_up = true};
    }
    control->leaderships[SHARD].leader = &control->peers[0];
    control->leaderships[OTHER_SHARD].leader = &control->peers[1];
    rm__shard_queue_init(&control->queue, SHARD, &control->view, &control->budget, NEVER_MS);
    rm__shard_queue_init(&control->other_queue, OTHER_SHARD, &control->view, &control->budget,
                         NEVER_MS);
    control->timer = rm_timer_new(control->loop, on_tick, control);
    rm_timer_start(control->timer, 5, 5);
}

/* Another leads now; NULL: nobody, since @since_ms. */
static void set_leader(struct control *control, struct rm__peer *leader, uint64_t since_ms)
{
    control->leaderships[SHARD] = (struct rm__leadership){.leader = leader, .since_ms = since_ms};
    on_view_changed(control);
}

static void check_shard_meter(uint32_t shard, uint64_t n_writes, uint64_t n_bytes,
                              uint64_t n_inflight_writes)
{
    assert_int_equal(rm_counter_read(&meter.shards[shard].n_writes), n_writes);
    assert_int_equal(rm_counter_read(&meter.shards[shard].n_bytes), n_bytes);
    assert_int_equal(rm_counter_read(&meter.shards[shard].n_inflight_writes), n_inflight_writes);
}

static void check_batches(uint64_t n_batches, uint64_t n_writes, uint64_t n_bytes)
{
    assert_int_equal(rm_tally_count(&meter.batch_writes), n_batches);
    assert_int_equal(rm_tally_count(&meter.batch_bytes), n_batches);
    assert_int_equal(rm_tally_count(&meter.batch_us), n_batches);
    assert_int_equal(rm_counter_read(&meter.batch_writes.sum), n_writes);
    assert_int_equal(rm_counter_read(&meter.batch_bytes.sum), n_bytes);
}

static void control_close(struct control *control)
{
    rm__shard_queue_done(&control->queue);
    rm__shard_queue_done(&control->other_queue);
    rm_http_client_free(control->client);
    rm_timer_free(control->timer);
    assert_int_equal(control->budget.n_bytes, 0);
    assert_int_equal(control->budget.n_parts, 0);
    for (int i = 0; i < N_SHARDS; i++) {
        check_shard_meter((uint32_t)i, 0, 0, 0);
    }
    for (int i = 0; i < N_WORKERS; i++) {
        worker_close(&control->workers[i]);
    }
    rm_loop_free(control->loop);
}

/* ---- parts ---- */

/* A part that notes its end. */
struct noted {
    struct rm__part part;
    int n_done;
    struct control *control;
    struct noted *next; /* to be added when this one is done; NULL: none */
};

static void add(struct control *control, struct noted *noted)
{
    rm__shard_queue_add(&control->queue, &noted->part);
}

static void on_done(struct rm__part *part)
{
    struct noted *noted = part->data;

    noted->n_done++;
    if (noted->next != NULL) {
        add(noted->control, noted->next);
        rm__shard_queue_flush(&noted->control->queue);
    }
}

static void noted_init(struct noted *noted, struct control *control, const char *id)
{
    *noted = (struct noted){.control = control};
    rm_list_init(&noted->part.link);
    rm_buffer_init(&noted->part.bytes, RM__APPEND_BYTES_MAX);
    noted->part.shard = SHARD;
    noted->part.deadline_ms = UINT64_MAX;
    noted->part.request_id = id;
    noted->part.fate = RM__FATE_LATE;
    noted->part.worker = 77;
    noted->part.done = on_done;
    noted->part.data = noted;
}

/* The queue looks at no byte of a part: a text will do. */
static void noted_make(struct noted *noted, struct control *control, const char *text)
{
    noted_init(noted, control, text);
    assert_int_equal(rm_buffer_append_text(&noted->part.bytes, text), 0);
}

static void noted_done(struct noted *noted)
{
    rm_buffer_done(&noted->part.bytes);
}

/* A part added and sent off by itself. */
static void add_alone(struct control *control, struct noted *noted, const char *text)
{
    int n_batches = control->workers[0].n_batches;

    noted_make(noted, control, text);
    add(control, noted);
    rm__shard_queue_flush(&control->queue);
    assert_true(turn_until_count(control->loop, &control->workers[0].n_batches, n_batches + 1));
}

/* A part that waits behind what is under way. */
static void add_behind(struct control *control, struct noted *noted, const char *text)
{
    noted_make(noted, control, text);
    add(control, noted);
    rm__shard_queue_flush(&control->queue);
}

static void wait_and_check(struct control *control, struct noted *noted, enum rm__fate fate,
                           uint32_t worker)
{
    assert_true(turn_until_count(control->loop, &noted->n_done, 1));
    assert_int_equal(noted->n_done, 1);
    assert_int_equal(noted->part.fate, fate);
    assert_int_equal(noted->part.worker, worker);
    noted_done(noted);
}

static void check_batch(const struct batch *batch, const char *bytes, const char *ids)
{
    assert_int_equal(batch->len, strlen(bytes));
    assert_memory_equal(batch->bytes, bytes, batch->len);
    assert_string_equal(batch->ids, ids);
}

/* ---- the tests ---- */

static void test_a_lone_write_leaves_at_once(void **state)
{
    struct control control;
    struct noted a;

    (void)state;
    control_open(&control);
    rm__shard_queue_flush(&control.queue); /* nothing gathers: nothing leaves */
    add_alone(&control, &a, "a");
    check_batch(&control.workers[0].batches[0], "a", "a");
    assert_ptr_equal(strstr(control.workers[0].batches[0].target, "/internal/append?shard=3&"),
                     control.workers[0].batches[0].target);
    assert_int_equal(control.workers[0].batches[0].sequence, 1);
    assert_int_equal(control.workers[0].n_opened, 1);
    assert_ptr_equal(strstr(control.workers[0].opened, "/internal/session?shard=3&session="),
                     control.workers[0].opened);
    assert_non_null(strstr(control.workers[0].opened, control.workers[0].batches[0].session));
    assert_string_equal(control.workers[0].batches[0].authorization, "Cluster secret");
    assert_int_equal(control.budget.n_bytes, 1);
    assert_int_equal(control.budget.n_parts, 1);
    assert_int_equal(a.n_done, 0);
    worker_do(&control.workers[0], 0, 1);
    wait_and_check(&control, &a, RM__FATE_DONE, 1);
    assert_int_equal(control.budget.n_parts, 0);
    assert_int_equal(control.workers[0].n_batches, 1);
    control_close(&control);
}

static void test_what_gathers_leaves_together(void **state)
{
    static const enum rm_outcome outcomes[] = {RM_OUTCOME_DONE, RM_OUTCOME_KEY_CONFLICT,
                                               RM_OUTCOME_UNKNOWN_METRIC, RM_OUTCOME_KEYS_FULL};
    static const enum rm__fate fates[] = {RM__FATE_DONE, RM__FATE_KEY_CONFLICT,
                                          RM__FATE_UNKNOWN_METRIC, RM__FATE_KEYS_FULL};
    static const char *const texts[] = {"bb", "ccc", "d", "ee"};
    struct control control;
    struct noted first;
    struct noted others[4];

    (void)state;
    control_open(&control);
    add_alone(&control, &first, "a");
    for (int i = 0; i < 4; i++) {
        add_behind(&control, &others[i], texts[i]);
    }
    turn_a_little(control.loop);
    assert_int_equal(control.workers[0].n_batches, 1);
    assert_int_equal(control.budget.n_parts, 5);
    check_shard_meter(SHARD, 5, 9, 1);
    check_batches(0, 0, 0);
    worker_do(&control.workers[0], 0, 1);
    wait_and_check(&control, &first, RM__FATE_DONE, 1);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 2));
    check_batch(&control.workers[0].batches[1], "bbcccdee", "bb,ccc,d,ee");
    assert_int_equal(control.workers[0].batches[1].sequence, 2);
    assert_string_equal(control.workers[0].batches[1].session,
                        control.workers[0].batches[0].session);
    assert_int_equal(control.workers[0].n_opened, 1);
    worker_apply(&control.workers[0], 1, outcomes, 4);
    for (int i = 0; i < 4; i++) {
        wait_and_check(&control, &others[i], fates[i], 1);
    }
    check_batches(2, 5, 9);
    assert_int_equal(rm_counter_read(&meter.fates[RM__FATE_DONE]), 2);
    assert_int_equal(rm_counter_read(&meter.fates[RM__FATE_KEYS_FULL]), 1);
    assert_int_equal(control.n_changes, 0);
    control_close(&control);
}

static void test_what_came_in_one_turn_leaves_together(void **state)
{
    struct control control;
    struct noted a;
    struct noted b;

    (void)state;
    control_open(&control);
    noted_make(&a, &control, "a");
    noted_make(&b, &control, "b");
    add(&control, &a);
    add(&control, &b);
    rm__shard_queue_flush(&control.queue);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 1));
    check_batch(&control.workers[0].batches[0], "ab", "a,b");
    worker_do(&control.workers[0], 0, 2);
    wait_and_check(&control, &a, RM__FATE_DONE, 1);
    wait_and_check(&control, &b, RM__FATE_DONE, 1);
    control_close(&control);
}

/* Shards do not wait for each other. */
static void test_queues_are_apart(void **state)
{
    struct control control;
    struct noted a;
    struct noted b;

    (void)state;
    control_open(&control);
    add_alone(&control, &a, "a");
    noted_make(&b, &control, "b");
    rm__shard_queue_add(&control.other_queue, &b.part);
    rm__shard_queue_flush(&control.other_queue);
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 1));
    assert_ptr_equal(strstr(control.workers[1].batches[0].target, "/internal/append?shard=4&"),
                     control.workers[1].batches[0].target);
    assert_string_not_equal(control.workers[1].batches[0].session,
                            control.workers[0].batches[0].session);
    worker_do(&control.workers[1], 0, 1);
    wait_and_check(&control, &b, RM__FATE_DONE, 2);
    assert_int_equal(a.n_done, 0);
    worker_do(&control.workers[0], 0, 1);
    wait_and_check(&control, &a, RM__FATE_DONE, 1);
    control_close(&control);
}

/* What says that nothing was done: the batch waits for a leader, and goes to it as it was. */
static void check_moved(unsigned status, const char *body, bool peer_is_lost)
{
    struct control control;
    struct noted a;
    struct noted b;
    struct noted c;

    control_open(&control);
    add_alone(&control, &a, "a");
    add_behind(&control, &b, "b");
    noted_make(&c, &control, "c");
    rm__shard_queue_add(&control.other_queue, &c.part);
    rm__shard_queue_flush(&control.other_queue);
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 1));
    worker_answer(&control.workers[0], 0, status, rm_slice_of(body));
    assert_true(turn_until_count(control.loop, &control.n_changes, 1));
    turn_a_little(control.loop);
    assert_int_equal(a.n_done + b.n_done + c.n_done, 0);
    assert_null(control.leaderships[SHARD].leader);
    assert_int_equal(control.peers[0].is_up, !peer_is_lost);
    assert_true(control.peers[1].is_up);
    set_leader(&control, &control.peers[1], 0);
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 2));
    check_same(&control.workers[1].batches[1], &control.workers[0].batches[0]);
    worker_do(&control.workers[1], 1, 1);
    wait_and_check(&control, &a, RM__FATE_DONE, 2);
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 3));
    assert_int_equal(control.workers[1].batches[2].sequence, 2);
    worker_do(&control.workers[1], 2, 1);
    wait_and_check(&control, &b, RM__FATE_DONE, 2);
    worker_do(&control.workers[1], 0, 1);
    wait_and_check(&control, &c, RM__FATE_DONE, 2);
    assert_int_equal(control.workers[0].n_batches, 1);
    control_close(&control);
}

static void test_a_batch_goes_to_the_next_leader(void **state)
{
    (void)state;
    check_moved(503, "{\"error\":\"shutting_down\"}", false);
    check_moved(503, "{\"error\":\"no_leader\"}", false);
    check_moved(421, "{\"error\":\"not_leader\"}", false);
    check_moved(421, "{\"error\":\"not_leader\",\"leader\":\"127.0.0.1:1\"}", false);
    check_moved(421, "{\"error\":\"not_leader\",\"leader\":7}", false);
    check_moved(421, "", false);
    check_moved(409, "{\"error\":\"wrong_cluster\"}", true);
    check_moved(401, "", true);
}

static void test_the_leader_that_is_named_is_asked_at_once(void **state)
{
    char body[2 * TEXT_MAX];
    struct control control;
    struct noted a;

    (void)state;
    control_open(&control);
    rm_timer_stop(control.timer);
    add_alone(&control, &a, "a");
    snprintf(body, sizeof body, "{\"error\":\"not_leader\",\"leader\":\"%s\"}",
             control.workers[1].address);
    worker_answer(&control.workers[0], 0, 421, rm_slice_of(body));
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 1));
    check_same(&control.workers[1].batches[0], &control.workers[0].batches[0]);
    assert_int_equal(control.workers[1].n_opened, 0); /* the session is the shard's */
    worker_do(&control.workers[1], 0, 1);
    wait_and_check(&control, &a, RM__FATE_DONE, 2);
    control_close(&control);
}

/* Two that name each other: both are asked, but not as fast as they answer. */
static void test_two_that_name_each_other(void **state)
{
    char bodies[2][2 * TEXT_MAX];
    struct control control;
    struct noted a;

    (void)state;
    control_open(&control);
    rm_timer_stop(control.timer);
    for (int i = 0; i < 2; i++) {
        snprintf(bodies[i], sizeof bodies[i], "{\"leader\":\"%s\"}",
                 control.workers[1 - i].address);
    }
    add_alone(&control, &a, "a");
    worker_answer(&control.workers[0], 0, 421, rm_slice_of(bodies[0]));
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 1));
    worker_answer(&control.workers[1], 0, 421, rm_slice_of(bodies[1]));
    assert_true(turn_until_count(control.loop, &control.n_changes, 2));
    turn_a_little(control.loop);
    assert_int_equal(control.workers[0].n_batches, 1); /* until the next tick */
    rm_timer_start(control.timer, 5, 5);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 2));
    worker_do(&control.workers[0], 1, 1);
    wait_and_check(&control, &a, RM__FATE_DONE, 1);
    control_close(&control);
}

/* A leader that takes nothing now is still the leader: what gathered behind the batch goes to it,
 * under the next number. */
static void check_refused(unsigned status, const char *body, enum rm__fate fate_of_a)
{
    struct control control;
    struct noted a;
    struct noted b;

    control_open(&control);
    add_alone(&control, &a, "a");
    add_behind(&control, &b, "b");
    worker_answer(&control.workers[0], 0, status, rm_slice_of(body));
    wait_and_check(&control, &a, fate_of_a, 0);
    assert_true(control.peers[0].is_up);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 2));
    check_batch(&control.workers[0].batches[1], "b", "b");
    assert_int_equal(control.workers[0].batches[1].sequence, 2);
    worker_do(&control.workers[0], 1, 1);
    wait_and_check(&control, &b, RM__FATE_DONE, 1);
    control_close(&control);
}

static void test_refusals(void **state)
{
    (void)state;
    check_refused(503, "{\"success\":false,\"error\":\"overloaded\"}", RM__FATE_OVERLOADED);
    check_refused(503, "{\"success\":false,\"error\":\"disk_low\"}", RM__FATE_DISK_LOW);
    check_refused(429, "{\"success\":false,\"error\":\"shard_full\"}", RM__FATE_SHARD_FULL);
    check_refused(410, "{\"success\":false,\"error\":\"stale_sequence\"}", RM__FATE_UNKNOWN);
    check_refused(400, "{\"success\":false,\"error\":\"invalid_body\"}", RM__FATE_OVERLOADED);
}

/* ---- what may be recorded ---- */

#define UNKNOWN "{\"success\":false,\"error\":\"outcome_unknown\"}"
#define DISK_LOW "{\"success\":false,\"error\":\"disk_low\"}"
#define NO_SESSION "{\"success\":false,\"error\":\"unknown_session\"}"

/* "a" at worker 1, which does not know what became of it, and asked again. */
static void add_unknown(struct control *control, struct noted *noted)
{
    add_alone(control, noted, "a");
    worker_answer(&control->workers[0], 0, 503, rm_slice_of(UNKNOWN));
    assert_true(turn_until_count(control->loop, &control->workers[0].n_batches, 2));
    check_same(&control->workers[0].batches[1], &control->workers[0].batches[0]);
    assert_int_equal(noted->n_done, 0);
}

static void test_a_batch_of_unknown_outcome_is_asked_for_again(void **state)
{
    static const enum rm_outcome conflict = RM_OUTCOME_KEY_CONFLICT;
    struct control control;
    struct noted a;

    (void)state;
    control_open(&control);
    add_unknown(&control, &a);
    worker_apply(&control.workers[0], 1, &conflict, 1);
    wait_and_check(&control, &a, RM__FATE_KEY_CONFLICT, 1);
    control_close(&control);
}

/* A later refusal does not say that the earlier attempt was not recorded. */
static void check_refused_later(unsigned status, const char *body)
{
    struct control control;
    struct noted a;

    control_open(&control);
    add_unknown(&control, &a);
    worker_answer(&control.workers[0], 1, status, rm_slice_of(body));
    if (status == 421) {
        assert_true(turn_until_count(control.loop, &control.n_changes, 1));
        turn_a_little(control.loop);
    } else {
        assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 3));
        check_same(&control.workers[0].batches[2], &control.workers[0].batches[0]);
    }
    assert_int_equal(a.n_done, 0);
    a.part.deadline_ms = 0;
    wait_and_check(&control, &a, RM__FATE_UNKNOWN, 0);
    assert_null(control.queue.flight);
    control_close(&control);
}

static void test_refusals_of_what_may_be_recorded(void **state)
{
    (void)state;
    check_refused_later(503, DISK_LOW);
    check_refused_later(429, "{\"success\":false,\"error\":\"shard_full\"}");
    check_refused_later(503, "{\"success\":false,\"error\":\"overloaded\"}");
    check_refused_later(421, "{}");
}

static void test_no_leader_comes_for_what_may_be_recorded(void **state)
{
    struct control control;
    struct noted a;
    struct noted b;

    (void)state;
    control_open(&control);
    add_unknown(&control, &a);
    add_behind(&control, &b, "b");
    worker_answer(&control.workers[0], 1, 421, rm_slice_of("{}"));
    assert_true(turn_until_count(control.loop, &control.n_changes, 1));
    set_leader(&control, NULL, 0); /* since long ago */
    wait_and_check(&control, &b, RM__FATE_NO_LEADER, 0);
    turn_a_little(control.loop);
    assert_int_equal(a.n_done, 0);
    a.part.deadline_ms = 0;
    wait_and_check(&control, &a, RM__FATE_UNKNOWN, 0);
    control_close(&control);
}

static void test_a_number_that_was_given_up_is_not_used_again(void **state)
{
    struct control control;
    struct noted a;
    struct noted b;

    (void)state;
    control_open(&control);
    add_alone(&control, &a, "a");
    add_behind(&control, &b, "b");
    a.part.deadline_ms = 0;
    wait_and_check(&control, &a, RM__FATE_UNKNOWN, 0);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 2));
    check_batch(&control.workers[0].batches[1], "b", "b");
    assert_int_equal(control.workers[0].batches[1].sequence, 2);
    worker_do(&control.workers[0], 0, 1); /* too late: nobody listens */
    turn_a_little(control.loop);
    assert_int_equal(a.n_done, 1);
    assert_int_equal(b.n_done, 0);
    worker_do(&control.workers[0], 1, 1);
    wait_and_check(&control, &b, RM__FATE_DONE, 1);
    control_close(&control);
}

static void test_a_leader_that_hangs(void **state)
{
    struct control control;
    struct noted a;

    (void)state;
    control_open(&control);
    add_alone(&control, &a, "a");
    set_leader(&control, NULL, rm_loop_now_ms(control.loop));
    turn_a_little(control.loop);
    assert_int_equal(a.n_done, 0); /* it may still answer */
    set_leader(&control, &control.peers[1], 0);
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 1));
    check_same(&control.workers[1].batches[0], &control.workers[0].batches[0]);
    worker_do(&control.workers[0], 0, 1); /* it wakes up */
    turn_a_little(control.loop);
    assert_int_equal(a.n_done, 0);
    worker_answer(&control.workers[1], 0, 503, rm_slice_of(DISK_LOW));
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 2));
    assert_int_equal(a.n_done, 0); /* the first may have done it */
    worker_do(&control.workers[1], 1, 1);
    wait_and_check(&control, &a, RM__FATE_DONE, 2);
    control_close(&control);
}

/* ---- sessions ---- */

static void test_an_unknown_session_is_opened_again(void **state)
{
    struct control control;
    struct noted a;
    struct noted b;

    (void)state;
    control_open(&control);
    add_alone(&control, &a, "a");
    add_behind(&control, &b, "b");
    worker_answer(&control.workers[0], 0, 404, rm_slice_of(NO_SESSION));
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 2));
    assert_int_equal(control.workers[0].n_opened, 2);
    check_same(&control.workers[0].batches[1], &control.workers[0].batches[0]);
    worker_do(&control.workers[0], 1, 1);
    wait_and_check(&control, &a, RM__FATE_DONE, 1);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 3));
    worker_do(&control.workers[0], 2, 1);
    wait_and_check(&control, &b, RM__FATE_DONE, 1);
    control_close(&control);
}

/* It may have been recorded before the session was forgotten. */
static void test_a_session_that_is_unknown_later(void **state)
{
    struct control control;
    struct noted a;
    struct noted b;

    (void)state;
    control_open(&control);
    add_unknown(&control, &a);
    add_behind(&control, &b, "b");
    worker_answer(&control.workers[0], 1, 404, rm_slice_of(NO_SESSION));
    wait_and_check(&control, &a, RM__FATE_UNKNOWN, 0);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 3));
    assert_int_equal(control.workers[0].n_opened, 2);
    check_batch(&control.workers[0].batches[2], "b", "b");
    assert_int_equal(control.workers[0].batches[2].sequence, 2);
    worker_do(&control.workers[0], 2, 1);
    wait_and_check(&control, &b, RM__FATE_DONE, 1);
    control_close(&control);
}

static void test_a_session_that_is_refused(void **state)
{
    struct control control;
    struct noted a;
    struct noted b;

    (void)state;
    control_open(&control);
    control.workers[0].refusal = DISK_LOW;
    add_behind(&control, &a, "a");
    wait_and_check(&control, &a, RM__FATE_DISK_LOW, 0);
    control.workers[0].refusal = "{\"error\":\"no_leader\"}";
    add_behind(&control, &b, "b");
    assert_true(turn_until_count(control.loop, &control.n_changes, 1));
    assert_int_equal(b.n_done, 0);
    set_leader(&control, &control.peers[1], 0);
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 1));
    assert_int_equal(control.workers[1].n_opened, 1);
    check_batch(&control.workers[1].batches[0], "b", "b");
    worker_do(&control.workers[1], 0, 1);
    wait_and_check(&control, &b, RM__FATE_DONE, 2);
    assert_int_equal(control.workers[0].n_batches, 0);
    control_close(&control);
}

/* A 200 whose body is no reply to this batch: it was applied, or not. */
static void check_bad_reply(struct rm_slice body)
{
    struct control control;
    struct noted a;
    struct noted b;

    control_open(&control);
    add_alone(&control, &a, "a");
    add_behind(&control, &b, "b");
    worker_answer(&control.workers[0], 0, 200, body);
    wait_and_check(&control, &a, RM__FATE_UNKNOWN, 1);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 2));
    worker_do(&control.workers[0], 1, 1);
    wait_and_check(&control, &b, RM__FATE_DONE, 1);
    control_close(&control);
}

static void test_replies_that_are_none(void **state)
{
    (void)state;
    check_bad_reply(rm_slice_of(""));
    check_bad_reply(rm_slice_of("{\"success\":true}"));
    check_bad_reply(rm_slice_make("\x0a\x02\x00\x00", 4));
    check_bad_reply(rm_slice_make("\x0a\x01\x09", 3));
}

static void test_nobody_listens_at_the_leader(void **state)
{
    struct control control;
    struct noted a;
    struct noted b;
    uint16_t port = 0;
    char address[TEXT_MAX];

    (void)state;
    control_open(&control);
    close(raw_listen(&port));
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
    control.peers[0].address = address;
    add_behind(&control, &a, "a");
    assert_true(turn_until_count(control.loop, &control.n_changes, 1));
    add_behind(&control, &b, "b");
    assert_false(control.peers[0].is_up);
    assert_int_equal(a.n_done + b.n_done, 0);
    set_leader(&control, &control.peers[1], 0);
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 1));
    check_batch(&control.workers[1].batches[0], "ab", "a,b");
    worker_do(&control.workers[1], 0, 2);
    wait_and_check(&control, &a, RM__FATE_DONE, 2);
    wait_and_check(&control, &b, RM__FATE_DONE, 2);
    control_close(&control);
}

struct dying {
    int listener;
    struct raw_socket raw;
};

static bool has_accepted(void *data)
{
    struct dying *dying = data;

    return raw_accept(&dying->raw, dying->listener);
}

static void test_the_leader_dies_with_the_batch(void **state)
{
    struct control control;
    struct noted a;
    struct dying dying;
    uint16_t port = 0;
    char address[TEXT_MAX];

    (void)state;
    control_open(&control);
    control.queue.sender.is_open = true;
    dying.listener = raw_listen(&port);
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
    control.peers[0].address = address;
    add_behind(&control, &a, "the batch");
    assert_true(turn_until(control.loop, has_accepted, &dying));
    assert_true(raw_wait_for(control.loop, &dying.raw, "\r\n\r\nthe batch", 1));
    close(dying.listener);
    raw_close(&dying.raw);
    assert_true(turn_until_count(control.loop, &control.n_changes, 1)); /* asked again in vain */
    assert_false(control.peers[0].is_up);
    assert_int_equal(a.n_done, 0);
    set_leader(&control, &control.peers[1], 0);
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 1));
    check_batch(&control.workers[1].batches[0], "the batch", "the batch");
    assert_int_equal(control.workers[1].batches[0].sequence, 1);
    worker_answer(&control.workers[1], 0, 503, rm_slice_of(DISK_LOW));
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 2));
    a.part.deadline_ms = 0;
    wait_and_check(&control, &a, RM__FATE_UNKNOWN, 0);
    control_close(&control);
}

static void test_a_leader_that_does_not_answer_in_time(void **state)
{
    struct control control;
    struct noted a;

    (void)state;
    control_open(&control);
    control.queue.sender.timeout_ms = 100;
    add_alone(&control, &a, "a");
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 2));
    check_same(&control.workers[0].batches[1], &control.workers[0].batches[0]);
    assert_true(control.peers[0].is_up); /* to judge that is the poll's */
    control.queue.sender.timeout_ms = NEVER_MS;
    a.part.deadline_ms = 0;
    wait_and_check(&control, &a, RM__FATE_UNKNOWN, 0);
    control_close(&control);
}

static void test_what_waits_for_a_leader(void **state)
{
    struct control control;
    struct noted a;
    struct noted b;
    struct noted c;

    (void)state;
    control_open(&control);
    set_leader(&control, NULL, rm_loop_now_ms(control.loop));
    add_behind(&control, &a, "a");
    add_behind(&control, &b, "b");
    turn_a_little(control.loop);
    assert_int_equal(a.n_done + b.n_done, 0);
    a.part.deadline_ms = 0;
    wait_and_check(&control, &a, RM__FATE_NO_LEADER, 0);
    assert_int_equal(b.n_done, 0);
    set_leader(&control, NULL, 0); /* since long ago */
    wait_and_check(&control, &b, RM__FATE_NO_LEADER, 0);
    add_behind(&control, &c, "c");
    wait_and_check(&control, &c, RM__FATE_NO_LEADER, 0);
    control_close(&control);
}

/* Who is told that nothing was recorded is not in the batch any more when it leaves. */
static void test_a_batch_that_nobody_took_is_taken_apart(void **state)
{
    struct control control;
    struct noted parts[3];
    static const char *const texts[] = {"aa", "bb", "cc"};

    (void)state;
    control_open(&control);
    for (int i = 0; i < 2; i++) {
        noted_make(&parts[i], &control, texts[i]);
        add(&control, &parts[i]);
    }
    rm__shard_queue_flush(&control.queue);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 1));
    worker_answer(&control.workers[0], 0, 421, rm_slice_of("{}"));
    assert_true(turn_until_count(control.loop, &control.n_changes, 1));
    add_behind(&control, &parts[2], texts[2]);
    parts[0].part.deadline_ms = 0;
    wait_and_check(&control, &parts[0], RM__FATE_NO_LEADER, 0);
    set_leader(&control, &control.peers[1], 0);
    assert_true(turn_until_count(control.loop, &control.workers[1].n_batches, 1));
    check_batch(&control.workers[1].batches[0], "bbcc", "bb,cc");
    assert_int_equal(control.workers[1].batches[0].sequence, 2); /* other bytes, another number */
    worker_do(&control.workers[1], 0, 2);
    wait_and_check(&control, &parts[1], RM__FATE_DONE, 2);
    wait_and_check(&control, &parts[2], RM__FATE_DONE, 2);
    check_batches(1, 2, 4); /* what was taken apart was none */
    control_close(&control);
}

static void test_deadlines(void **state)
{
    static const enum rm_outcome outcomes[] = {RM_OUTCOME_KEY_CONFLICT, RM_OUTCOME_DONE,
                                               RM_OUTCOME_UNKNOWN_METRIC};
    struct control control;
    struct noted sent[3];
    struct noted waiting[2];

    (void)state;
    control_open(&control);
    rm_timer_stop(control.timer);
    for (int i = 0; i < 3; i++) {
        noted_make(&sent[i], &control, "s");
        sent[i].part.deadline_ms = i == 1 ? 500 : 1000;
        add(&control, &sent[i]);
    }
    rm__shard_queue_flush(&control.queue);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 1));
    for (int i = 0; i < 2; i++) {
        noted_make(&waiting[i], &control, "w");
        waiting[i].part.deadline_ms = i == 0 ? 500 : 1000;
        add(&control, &waiting[i]);
    }
    rm__shard_queue_expire(&control.queue, 499);
    assert_int_equal(sent[1].n_done + waiting[0].n_done, 0);
    rm__shard_queue_expire(&control.queue, 500);
    wait_and_check(&control, &sent[1], RM__FATE_UNKNOWN, 0);
    wait_and_check(&control, &waiting[0], RM__FATE_LATE, 0);
    assert_int_equal(control.budget.n_parts, 3);
    rm__shard_queue_expire(&control.queue, 600);
    /* Each of the others gets the outcome of its own place. */
    worker_apply(&control.workers[0], 0, outcomes, 3);
    wait_and_check(&control, &sent[0], RM__FATE_KEY_CONFLICT, 1);
    wait_and_check(&control, &sent[2], RM__FATE_UNKNOWN_METRIC, 1);
    assert_int_equal(sent[1].n_done, 1);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 2));
    check_batch(&control.workers[0].batches[1], "w", "w");
    rm__shard_queue_expire(&control.queue, 1000); /* all of a batch is given up */
    wait_and_check(&control, &waiting[1], RM__FATE_UNKNOWN, 0);
    worker_do(&control.workers[0], 1, 1);
    turn_a_little(control.loop);
    assert_null(control.queue.flight);
    control_close(&control);
}

static void test_the_budget(void **state)
{
    struct control control;
    struct noted a;
    struct noted b;
    struct noted c;
    struct noted d;

    (void)state;
    control_open(&control);
    control.budget.max_bytes = 5;
    add_alone(&control, &a, "aa");
    add_behind(&control, &b, "bbb");
    add_behind(&control, &c, "c");
    assert_int_equal(c.n_done, 1);
    assert_int_equal(c.part.fate, RM__FATE_OVERLOADED);
    noted_make(&d, &control, "d");
    rm__shard_queue_add(&control.other_queue, &d.part); /* it is one for all queues */
    assert_int_equal(d.part.fate, RM__FATE_OVERLOADED);
    worker_do(&control.workers[0], 0, 1);
    wait_and_check(&control, &a, RM__FATE_DONE, 1);
    assert_int_equal(control.budget.n_bytes, 3);
    noted_done(&c);
    add_behind(&control, &c, "cc");
    assert_int_equal(c.n_done, 0);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 2));
    worker_do(&control.workers[0], 1, 1);
    wait_and_check(&control, &b, RM__FATE_DONE, 1);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 3));
    worker_do(&control.workers[0], 2, 1);
    wait_and_check(&control, &c, RM__FATE_DONE, 1);
    noted_done(&d);
    control_close(&control);
}

static void noted_make_large(struct noted *noted, struct control *control, size_t len)
{
    noted_init(noted, control, "large");
    assert_int_equal(rm_buffer_reserve(&noted->part.bytes, len), 0);
    memset(noted->part.bytes.data, 'x', len);
    noted->part.bytes.len = len;
}

static void test_a_batch_is_no_larger_than_a_shard_takes(void **state)
{
    const size_t half = RM__APPEND_BYTES_MAX / 2;
    const size_t sizes[] = {half, half, 1, RM__APPEND_BYTES_MAX};
    struct control control;
    struct noted parts[4];

    (void)state;
    control_open(&control);
    for (int i = 0; i < 4; i++) {
        noted_make_large(&parts[i], &control, sizes[i]);
        add(&control, &parts[i]);
    }
    rm__shard_queue_flush(&control.queue);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 1));
    assert_int_equal(control.workers[0].batches[0].len, 2 * half);
    worker_do(&control.workers[0], 0, 2);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 2));
    assert_int_equal(control.workers[0].batches[1].len, 1);
    worker_do(&control.workers[0], 1, 1);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 3));
    assert_int_equal(control.workers[0].batches[2].len, RM__APPEND_BYTES_MAX);
    worker_do(&control.workers[0], 2, 1);
    for (int i = 0; i < 4; i++) {
        wait_and_check(&control, &parts[i], RM__FATE_DONE, 1);
    }
    control_close(&control);
}

/* As many ids as fit stand in the batch's header, and none is cut. */
static void test_ids_of_a_large_batch(void **state)
{
    enum { N = 40 };
    static const char id[] = "0123456789012345678901234567890123456789";
    struct control control;
    struct noted parts[N];
    size_t len;

    (void)state;
    control_open(&control);
    for (int i = 0; i < N; i++) {
        noted_init(&parts[i], &control, id);
        assert_int_equal(rm_buffer_append_byte(&parts[i].part.bytes, 'x'), 0);
        add(&control, &parts[i]);
    }
    rm__shard_queue_flush(&control.queue);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 1));
    assert_int_equal(control.workers[0].batches[0].len, N);
    len = strlen(control.workers[0].batches[0].ids);
    assert_in_range(len, 500, 1024);
    assert_int_equal((len + 1) % sizeof id, 0);
    rm_http_client_free(control.client);
    control.client = NULL;
    for (int i = 0; i < N; i++) {
        wait_and_check(&control, &parts[i], RM__FATE_UNKNOWN, 0);
    }
    control_close(&control);
}

static void test_who_is_done_may_add_the_next(void **state)
{
    struct control control;
    struct noted a;
    struct noted b;

    (void)state;
    control_open(&control);
    noted_make(&b, &control, "b");
    add_alone(&control, &a, "a");
    a.next = &b;
    worker_do(&control.workers[0], 0, 1);
    wait_and_check(&control, &a, RM__FATE_DONE, 1);
    assert_true(turn_until_count(control.loop, &control.workers[0].n_batches, 2));
    check_batch(&control.workers[0].batches[1], "b", "b");
    worker_do(&control.workers[0], 1, 1);
    wait_and_check(&control, &b, RM__FATE_DONE, 1);
    control_close(&control);
}

static void test_the_end(void **state)
{
    struct control control;
    struct noted sent;
    struct noted waiting;

    (void)state;
    control_open(&control);
    add_alone(&control, &sent, "sent");
    add_behind(&control, &waiting, "waiting");
    rm__shard_queue_done(&control.queue);
    assert_int_equal(waiting.n_done, 1);
    assert_int_equal(waiting.part.fate, RM__FATE_NO_LEADER);
    assert_int_equal(sent.n_done, 1);
    assert_int_equal(sent.part.fate, RM__FATE_UNKNOWN);
    assert_true(control.peers[0].is_up); /* it did nothing wrong */
    noted_done(&sent);
    noted_done(&waiting);
    control_close(&control);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lone_write_leaves_at_once),
        cmocka_unit_test(test_what_gathers_leaves_together),
        cmocka_unit_test(test_what_came_in_one_turn_leaves_together),
        cmocka_unit_test(test_queues_are_apart),
        cmocka_unit_test(test_a_batch_goes_to_the_next_leader),
        cmocka_unit_test(test_the_leader_that_is_named_is_asked_at_once),
        cmocka_unit_test(test_two_that_name_each_other),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_batch_of_unknown_outcome_is_asked_for_again),
        cmocka_unit_test(test_refusals_of_what_may_be_recorded),
        cmocka_unit_test(test_no_leader_comes_for_what_may_be_recorded),
        cmocka_unit_test(test_a_number_that_was_given_up_is_not_used_again),
        cmocka_unit_test(test_a_leader_that_hangs),
        cmocka_unit_test(test_an_unknown_session_is_opened_again),
        cmocka_unit_test(test_a_session_that_is_unknown_later),
        cmocka_unit_test(test_a_session_that_is_refused),
        cmocka_unit_test(test_replies_that_are_none),
        cmocka_unit_test(test_nobody_listens_at_the_leader),
        cmocka_unit_test(test_the_leader_dies_with_the_batch),
        cmocka_unit_test(test_a_leader_that_does_not_answer_in_time),
        cmocka_unit_test(test_what_waits_for_a_leader),
        cmocka_unit_test(test_a_batch_that_nobody_took_is_taken_apart),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_the_budget),
        cmocka_unit_test(test_a_batch_is_no_larger_than_a_shard_takes),
        cmocka_unit_test(test_ids_of_a_large_batch),
        cmocka_unit_test(test_who_is_done_may_add_the_next),
        cmocka_unit_test(test_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
