/* The guard around libuv's raft_io: snapshots written, read, sent and received. What C-Raft does
 * with a snapshot that it asked for, it does here too: it sends it at once. */
#include "../../src/raft/snapshot_header.h"
#include "fake_raft_io.h"

enum { SNAPSHOT_BYTES = RM__SNAPSHOT_HEADER_BYTES + 8, A = 2, B = 3 };

static struct raft_buffer sound_bytes(void)
{
    const struct rm__snapshot_header header = {.time_ms = 5};
    const struct rm_slice rest = rm_slice_of("12345678");
    struct raft_buffer bytes = {.base = raft_malloc(SNAPSHOT_BYTES), .len = SNAPSHOT_BYTES};

    assert_non_null(bytes.base);
    rm__snapshot_header_encode(&header, &rest, 1, bytes.base);
    memcpy((char *)bytes.base + RM__SNAPSHOT_HEADER_BYTES, rest.data, rest.len);
    return bytes;
}

static struct raft_buffer damaged_bytes(void)
{
    struct raft_buffer bytes = sound_bytes();

    *((char *)bytes.base + SNAPSHOT_BYTES - 1) ^= 1;
    return bytes;
}

/* ---- writing ---- */

static struct raft_buffer bytes_to_write[1];
static const struct raft_snapshot to_write = {
    .index = 10, .term = 2, .bufs = bytes_to_write, .n_bufs = 1};
static struct raft_io_snapshot_put put;
static int n_put;
static int put_status;

static void on_put(struct raft_io_snapshot_put *req, int status)
{
    assert_ptr_equal(req, &put);
    assert_ptr_equal(req->data, &n_put);
    assert_false(rm__io_guard_is_snapshotting(&guard));
    n_put++;
    put_status = status;
}

static int write_snapshot(unsigned trailing)
{
    put = (struct raft_io_snapshot_put){.data = &n_put};
    n_put = 0;
    return guard.io.snapshot_put(&guard.io, trailing, &put, &to_write, on_put);
}

static void answer_put(int status)
{
    struct raft_io_snapshot_put *req = fake.put;

    assert_non_null(req);
    fake.put = NULL;
    req->cb(req, status);
}

static void test_a_snapshot_is_written(void **state)
{
    (void)state;
    assert_false(rm__io_guard_is_snapshotting(&guard));
    assert_int_equal(write_snapshot(77), 0);
    assert_int_equal(fake.put_trailing, 77);
    assert_memory_equal(fake.put_snapshot, &to_write, sizeof to_write);
    assert_true(rm__io_guard_is_snapshotting(&guard));
    assert_int_equal(guard.io.snapshot_put(&guard.io, 0, &put, &to_write, on_put), RAFT_BUSY);
    assert_int_equal(n_put, 0);
    answer_put(0);
    assert_int_equal(n_put, 1);
    assert_int_equal(put_status, 0);
    assert_calls(" put");
}

static void test_snapshots_are_counted(void **state)
{
    static struct rm_disk_stats stats;
    struct raft_buffer buffers[] = {{.len = 100}, {.len = 28}};
    struct raft_snapshot snapshot = {.index = 10, .term = 2, .bufs = buffers, .n_bufs = 2};

    (void)state;
    guard.stats = &stats;
    put = (struct raft_io_snapshot_put){.data = &n_put};
    assert_int_equal(guard.io.snapshot_put(&guard.io, 7, &put, &snapshot, on_put), 0);
    assert_int_equal(rm_tally_count(&stats.snapshot_us), 0);
    answer_put(0);
    assert_int_equal(rm_tally_count(&stats.snapshot_us), 1);
    assert_int_equal(rm_tally_count(&stats.snapshot_bytes), 1);
    assert_int_equal(rm_counter_read(&stats.snapshot_bytes.sum), 128);
    guard.stats = NULL;
}

static void write_next(struct raft_io_snapshot_put *req, int status)
{
    on_put(req, status);
    assert_int_equal(write_snapshot(1), 0);
}

static void test_the_next_may_begin_when_one_is_written(void **state)
{
    (void)state;
    put = (struct raft_io_snapshot_put){.data = &n_put};
    assert_int_equal(guard.io.snapshot_put(&guard.io, 7, &put, &to_write, write_next), 0);
    answer_put(0);
    assert_true(rm__io_guard_is_snapshotting(&guard));
    answer_put(0);
    assert_int_equal(n_put, 1);
    assert_calls(" put put");
}

static void test_a_snapshot_that_cannot_be_written_is_tried_again(void **state)
{
    (void)state;
    assert_int_equal(write_snapshot(77), 0);
    answer_put(RAFT_IOERR);
    assert_int_equal(n_put, 0);
    assert_true(rm__io_guard_is_snapshotting(&guard));
    fail_calls("put", RAFT_NOMEM);
    fire_timer();
    fail_calls(NULL, 0);
    fire_timer();
    assert_int_equal(fake.put_trailing, 77);
    answer_put(0);
    assert_int_equal(n_put, 1);
    assert_int_equal(put_status, 0);
    assert_calls(" put put put");
    close_guard();
}

static void test_a_snapshot_that_is_never_written_ends_the_process(void **state)
{
    (void)state;
    for (int again = 0; again < 2; again++) { /* failures that are over do not count */
        assert_int_equal(write_snapshot(0), 0);
        for (int i = 0; i < 30; i++) {
            answer_put(RAFT_IOERR);
            fire_timer();
        }
        if (again == 0) {
            answer_put(0);
        }
    }
    ASSERT_FATAL(answer_put(RAFT_IOERR), "A snapshot cannot be written to /tmp/");
    close_guard();
}

static void test_closing_answers_what_waits_to_be_written(void **state)
{
    (void)state;
    assert_int_equal(write_snapshot(0), 0);
    answer_put(RAFT_IOERR);
    close_guard();
    assert_int_equal(n_put, 1);
    assert_int_equal(put_status, RAFT_CANCELED);
}

/* It is written, or not, when the guard is closing already. */
static void write_while_closing(int status)
{
    assert_int_equal(write_snapshot(0), 0);
    fake_closed = false;
    guard.io.close(&guard.io, fake_on_closed);
    assert_int_equal(n_put, 0);
    answer_put(status);
    assert_int_equal(n_put, 1);
    assert_int_equal(put_status, RAFT_CANCELED);
    assert_null(fake_timer);
    fake.close(&fake.io);
    assert_true(fake_closed);
}

static void test_what_is_written_while_closing_is_canceled(void **state)
{
    (void)state;
    write_while_closing(0);
}

static void test_what_fails_to_be_written_while_closing_is_canceled(void **state)
{
    (void)state;
    write_while_closing(RAFT_IOERR);
}

/* ---- receiving ---- */

static int n_received;

static void on_recv(struct raft_io *io, struct raft_message *message)
{
    (void)io;
    n_received++;
    if (message->type == RAFT_INSTALL_SNAPSHOT) {
        raft_configuration_close(&message->install_snapshot.conf);
        raft_free(message->install_snapshot.data.base);
    }
}

static void on_tick(struct raft_io *io)
{
    (void)io;
}

/* That nothing leaks is seen at the end of the test. */
static void receive_install(struct raft_buffer bytes)
{
    struct raft_message message = {.type = RAFT_INSTALL_SNAPSHOT,
                                   .install_snapshot = {.last_index = 10, .data = bytes}};

    assert_int_equal(raft_configuration_add(&message.install_snapshot.conf, 1, "one", RAFT_VOTER),
                     0);
    fake.recv(&fake.io, &message);
}

static void test_a_snapshot_is_received(void **state)
{
    (void)state;
    n_received = 0;
    assert_int_equal(guard.io.start(&guard.io, 2, on_tick, on_recv), 0);
    receive_install(sound_bytes());
    assert_int_equal(n_received, 1);
}

static void test_no_snapshot_is_received_while_one_is_written(void **state)
{
    struct raft_message other = {.type = RAFT_APPEND_ENTRIES};

    (void)state;
    n_received = 0;
    assert_int_equal(guard.io.start(&guard.io, 2, on_tick, on_recv), 0);
    assert_int_equal(write_snapshot(77), 0);
    receive_install(sound_bytes());
    assert_int_equal(n_received, 0);
    fake.recv(&fake.io, &other);
    assert_int_equal(n_received, 1);
    answer_put(RAFT_IOERR);
    receive_install(sound_bytes());
    assert_int_equal(n_received, 1);
    fire_timer();
    answer_put(0);
    receive_install(sound_bytes());
    assert_int_equal(n_received, 2);
    close_guard();
}

static void test_a_damaged_snapshot_is_not_received(void **state)
{
    const struct raft_buffer nothing = {.base = &n_received, .len = 0};

    (void)state;
    n_received = 0;
    assert_int_equal(guard.io.start(&guard.io, 2, on_tick, on_recv), 0);
    receive_install(damaged_bytes());
    receive_install(nothing);
    assert_int_equal(n_received, 0);
}

/* ---- sending ---- */

static int n_answered;
static int answered_with;

static void on_sent(struct raft_io_send *req, int status)
{
    n_answered++;
    answered_with = status;
    free(req->data);
    free(req);
}

static void send_to(raft_id peer, enum raft_message_type type)
{
    const struct raft_message message = {.type = type, .server_id = peer};
    struct raft_io_send *req = calloc(1, sizeof *req);

    assert_non_null(req);
    req->data = malloc(1);
    assert_int_equal(guard.io.send(&guard.io, req, &message, on_sent), 0);
}

static void answer_send(size_t i, int status)
{
    fake.sends[i]->cb(fake.sends[i], status);
}

/* Was it passed on, or completed without being sent? */
static bool is_sent(raft_id peer)
{
    size_t n_sends = fake.n_sends;
    int n = n_answered;

    send_to(peer, RAFT_INSTALL_SNAPSHOT);
    assert_int_equal((int)(fake.n_sends - n_sends) + n_answered - n, 1);
    return fake.n_sends > n_sends;
}

static void test_other_messages_are_passed_on(void **state)
{
    (void)state;
    n_answered = 0;
    send_to(A, RAFT_APPEND_ENTRIES);
    send_to(A, RAFT_APPEND_ENTRIES);
    assert_int_equal(fake.n_sends, 2);
    assert_int_equal(n_answered, 0);
    answer_send(0, 0);
    assert_int_equal(answered_with, 0);
    answer_send(1, RAFT_IOERR);
    assert_int_equal(answered_with, RAFT_IOERR);
}

static void test_a_message_that_cannot_be_sent_is_lost(void **state)
{
    (void)state;
    n_answered = 0;
    fail_calls("send", RAFT_NOMEM);
    send_to(A, RAFT_APPEND_ENTRIES);
    assert_int_equal(n_answered, 1);
    assert_int_equal(answered_with, RAFT_NOMEM);
    send_to(A, RAFT_INSTALL_SNAPSHOT);
    assert_int_equal(n_answered, 2);
    assert_int_equal(answered_with, RAFT_NOMEM);
    fail_calls(NULL, 0);
    assert_true(is_sent(A)); /* nothing is under way */
    answer_send(0, 0);
}

static void test_one_snapshot_at_a_time_to_a_peer(void **state)
{
    (void)state;
    assert_true(is_sent(A));
    assert_false(is_sent(A));
    assert_int_equal(answered_with, RAFT_BUSY);
    assert_true(is_sent(B));
    send_to(A, RAFT_APPEND_ENTRIES);
    assert_int_equal(fake.n_sends, 3);
    answer_send(2, 0);
    fake.now += 59999;
    assert_false(is_sent(A));
    fake.now += 1;
    assert_true(is_sent(A));
    assert_false(is_sent(A));
    answer_send(0, RAFT_IOERR);
    assert_false(is_sent(A));
    answer_send(1, 0);
    answer_send(3, RAFT_IOERR);
    assert_true(is_sent(A)); /* at once, where it did not get there */
    answer_send(4, 0);
}

static void test_a_second_passes_before_the_next(void **state)
{
    (void)state;
    assert_true(is_sent(A));
    answer_send(0, 0);
    fake.now += 999;
    assert_false(is_sent(A));
    fake.now += 1;
    assert_true(is_sent(A));
    answer_send(1, 0);
}

static void test_more_peers_than_there_is_room_for(void **state)
{
    (void)state;
    for (raft_id peer = 1; peer <= 8; peer++) {
        assert_true(is_sent(peer));
    }
    assert_false(is_sent(9));
    answer_send(4, 0);
    assert_true(is_sent(9));
    assert_int_equal(fake.n_sends, 9);
    for (size_t i = 0; i < 9; i++) {
        if (i != 4) {
            answer_send(i, 0);
        }
    }
}

static void test_nothing_is_sent_while_closing(void **state)
{
    (void)state;
    n_answered = 0;
    assert_true(is_sent(A));
    fake_closed = false;
    guard.io.close(&guard.io, fake_on_closed);
    send_to(B, RAFT_APPEND_ENTRIES);
    assert_int_equal(n_answered, 1);
    assert_int_equal(answered_with, RAFT_CANCELED);
    assert_false(is_sent(B));
    assert_int_equal(fake.n_sends, 1);
    answer_send(0, RAFT_CANCELED);
    fake.close(&fake.io);
}

/* ---- reading ---- */

/* As the library's own: asked for, and sent to its peer when it is there. */
struct message {
    struct raft_io_send send;
    struct raft_io_snapshot_get get;
    raft_id peer;
    struct raft_install_snapshot install;
};

static int n_done; /* messages that were sent, or lost */

static void on_message_sent(struct raft_io_send *send, int status)
{
    struct message *message = send->data;

    (void)status;
    n_done++;
    raft_configuration_close(&message->install.conf);
    raft_free(message->install.data.base);
    free(message);
}

static void on_get(struct raft_io_snapshot_get *get, struct raft_snapshot *snapshot, int status)
{
    struct message *message = get->data;
    struct raft_message sent = {.type = RAFT_INSTALL_SNAPSHOT, .server_id = message->peer};

    assert_int_equal(status, 0); /* nothing else is survived */
    assert_true(snapshot->index >= 10);
    assert_int_equal(snapshot->n_bufs, 1);
    message->install.data = snapshot->bufs[0];
    message->install.conf = snapshot->configuration;
    raft_free(snapshot->bufs);
    raft_free(snapshot);
    sent.install_snapshot = message->install;
    assert_int_equal(guard.io.send(&guard.io, &message->send, &sent, on_message_sent), 0);
}

/* Asks for a snapshot for @peer. */
static void ask(raft_id peer)
{
    struct message *message = calloc(1, sizeof *message);

    assert_non_null(message);
    message->peer = peer;
    message->send.data = message;
    message->get.data = message;
    assert_int_equal(guard.io.snapshot_get(&guard.io, &message->get, on_get), 0);
}

/* The inner raft_io has read one, with one of the two contents. */
static void answer_get(struct raft_buffer bytes)
{
    struct raft_io_snapshot_get *req = fake.get;
    struct raft_snapshot *snapshot = raft_calloc(1, sizeof *snapshot);

    assert_non_null(req);
    snapshot->index = 10;
    snapshot->term = 2;
    snapshot->n_bufs = 1;
    snapshot->bufs = raft_calloc(1, sizeof *snapshot->bufs);
    snapshot->bufs[0] = bytes;
    assert_int_equal(raft_configuration_add(&snapshot->configuration, 1, "one", RAFT_VOTER), 0);
    fake.get = NULL;
    req->cb(req, snapshot, 0);
}

/* It has failed, and hands over memory that nobody has written. */
static void fail_get(void)
{
    struct raft_io_snapshot_get *req = fake.get;
    struct raft_snapshot *snapshot = raft_malloc(sizeof *snapshot);

    assert_non_null(req);
    memset(snapshot, 0x5a, sizeof *snapshot);
    fake.get = NULL;
    req->cb(req, snapshot, RAFT_IOERR);
}

/* A replica that has a snapshot on its disk. */
static int set_up_files(void **state)
{
    int rv = set_up(state);
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/snapshot-1-2-3", fake_dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("something", file);
    fclose(file);
    touch("snapshot-1-2-3.meta");
    n_done = 0;
    return rv;
}

static void test_a_snapshot_is_read_and_sent(void **state)
{
    (void)state;
    ask(A);
    answer_get(sound_bytes());
    assert_calls(" get send");
    assert_int_equal(n_done, 0);
    answer_send(0, 0);
    assert_int_equal(n_done, 1);
}

static void test_a_snapshot_that_cannot_be_read_is_tried_again(void **state)
{
    (void)state;
    fail_calls("get", RAFT_NOMEM);
    ask(A);
    fail_calls(NULL, 0);
    fire_timer();
    fail_get();
    fire_timer();
    answer_get(damaged_bytes());
    fire_timer();
    assert_int_equal(fake.n_sends, 0);
    answer_get(sound_bytes());
    assert_int_equal(fake.n_sends, 1);
    answer_send(0, 0);
    assert_calls(" get get get get send");
    close_guard();
}

static void test_without_a_snapshot_none_is_asked_for(void **state)
{
    (void)state;
    remove_file("snapshot-1-2-3");
    ask(A);
    assert_calls("");
    touch("snapshot-1-2-3"); /* empty: the library does not count it */
    fire_timer();
    remove_file("snapshot-1-2-3.meta");
    fire_timer();
    guard.dir = "/nonexistent";
    fire_timer();
    assert_calls("");
    close_guard();
    assert_int_equal(n_done, 1);
}

static void test_a_snapshot_that_is_never_read_ends_the_process(void **state)
{
    (void)state;
    ask(A);
    for (int i = 0; i < 30; i++) {
        fail_get();
        fire_timer();
    }
    ASSERT_FATAL(fail_get(), "which another replica needs, cannot be read");
    close_guard();
}

static void test_one_snapshot_is_read_at_a_time(void **state)
{
    (void)state;
    ask(A);
    ask(A);
    ask(A);
    assert_int_equal(n_done, 2);
    answer_get(sound_bytes());
    ask(A);
    ask(A);
    assert_int_equal(n_done, 4);
    assert_calls(" get send");
    answer_send(0, 0);
    ask(A);
    assert_int_equal(n_done, 6);
    fake.now += 1000;
    ask(A);
    assert_calls(" get");
    answer_get(sound_bytes());
    answer_send(1, 0);
}

/* Who else needs one is served while the first is under way, when he asks again. */
static void test_one_peer_does_not_wait_for_another(void **state)
{
    (void)state;
    ask(A);
    ask(B);
    answer_get(sound_bytes());
    assert_calls(" get send");
    ask(B);
    assert_calls(" get");
    ask(A);
    ask(B);
    answer_get(sound_bytes());
    assert_calls(" send");
    assert_int_equal(n_done, 3);
    ask(A);
    ask(B);
    ask(A);
    assert_calls("");
    assert_int_equal(n_done, 6);
    answer_send(0, 0);
    answer_send(1, 0);
}

/* Who is let through may be another than was meant: that is good for once. */
static void test_another_is_let_through_once(void **state)
{
    (void)state;
    ask(A);
    answer_get(sound_bytes());
    ask(B);
    assert_calls(" get send");
    ask(A);
    answer_get(sound_bytes());
    assert_calls(" get");
    ask(A);
    assert_calls("");
    assert_int_equal(n_done, 3);
    answer_send(0, 0);
}

static void test_closing_answers_what_waits_to_be_read(void **state)
{
    (void)state;
    ask(A);
    fail_get();
    close_guard();
    assert_int_equal(n_done, 1);
    assert_calls(" get close");
}

/* The read ends when the guard is closing already. */
static void read_while_closing(void (*end_of_read)(void))
{
    ask(A);
    fake_closed = false;
    guard.io.close(&guard.io, fake_on_closed);
    assert_int_equal(n_done, 0);
    end_of_read();
    assert_int_equal(n_done, 1);
    ask(A);
    assert_int_equal(n_done, 2);
    fake.close(&fake.io);
    assert_true(fake_closed);
    assert_null(fake_timer);
    assert_calls(" get close");
}

static void end_well(void)
{
    answer_get(sound_bytes());
}

static void end_damaged(void)
{
    answer_get(damaged_bytes());
}

static void test_what_is_read_while_closing_is_lost(void **state)
{
    (void)state;
    read_while_closing(end_well);
}

static void test_what_is_damaged_while_closing_is_lost(void **state)
{
    (void)state;
    read_while_closing(end_damaged);
}

static void test_what_fails_to_be_read_while_closing_is_lost(void **state)
{
    (void)state;
    read_while_closing(fail_get);
}

#if FAILING_MALLOC
static void test_out_of_memory_nothing_is_read(void **state)
{
    struct message message = {.peer = A};

    (void)state;
    ask(A);
    for (long n = 1; n <= 2; n++) {
        failing_malloc_arm(n);
        assert_int_equal(guard.io.snapshot_get(&guard.io, &message.get, on_get), RAFT_NOMEM);
        assert_true(failing_malloc_disarm());
    }
    answer_get(sound_bytes());
    answer_send(0, 0);
}
#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define TEST_FILES(function) cmocka_unit_test_setup_teardown(function, set_up_files, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_snapshot_is_written),
        TEST(test_snapshots_are_counted),
        TEST(test_the_next_may_begin_when_one_is_written),
        TEST(test_a_snapshot_that_cannot_be_written_is_tried_again),
        TEST(test_a_snapshot_that_is_never_written_ends_the_process),
        TEST(test_closing_answers_what_waits_to_be_written),
        TEST(test_what_is_written_while_closing_is_canceled),
        TEST(test_what_fails_to_be_written_while_closing_is_canceled),
        TEST(test_a_snapshot_is_received),
        TEST(test_no_snapshot_is_received_while_one_is_written),
        TEST(test_a_damaged_snapshot_is_not_received),
        TEST(test_other_messages_are_passed_on),
        TEST(test_a_message_that_cannot_be_sent_is_lost),
        TEST(test_one_snapshot_at_a_time_to_a_peer),
        TEST(test_a_second_passes_before_the_next),
        TEST(test_more_peers_than_there_is_room_for),
        TEST(test_nothing_is_sent_while_closing),
        TEST_FILES(test_a_snapshot_is_read_and_sent),
        TEST_FILES(test_a_snapshot_that_cannot_be_read_is_tried_again),
        TEST_FILES(test_without_a_snapshot_none_is_asked_for),
        TEST_FILES(test_a_snapshot_that_is_never_read_ends_the_process),
        TEST_FILES(test_one_snapshot_is_read_at_a_time),
        TEST_FILES(test_one_peer_does_not_wait_for_another),
        TEST_FILES(test_another_is_let_through_once),
        TEST_FILES(test_closing_answers_what_waits_to_be_read),
        TEST_FILES(test_what_is_read_while_closing_is_lost),
        TEST_FILES(test_what_is_damaged_while_closing_is_lost),
        TEST_FILES(test_what_fails_to_be_read_while_closing_is_lost),
#if FAILING_MALLOC
        TEST_FILES(test_out_of_memory_nothing_is_read),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
