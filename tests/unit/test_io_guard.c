/* The guard around libuv's raft_io: what it passes on, term and vote, appends, and its end. */
#include <limits.h>

#include "fake_raft_io.h"
#include "raftmetrics/base/error.h"

static const struct raft_configuration configuration;

static void test_what_is_passed_on(void **state)
{
    (void)state;
    assert_int_equal(guard.io.version, 2);
    fake.io.data = NULL;
    assert_int_equal(guard.io.init(&guard.io, 7, "address"), 0);
    assert_ptr_equal(fake.io.data, &fake_raft);
    assert_int_equal(guard.io.truncate(&guard.io, 11), 0);
    assert_int_equal(guard.io.recover(&guard.io, &configuration), 0);
    assert_calls(" init truncate recover");
    fake.io.capacity = 4711;
    assert_int_equal(guard.io.time(&guard.io), 1000000);
    assert_int_equal(guard.io.capacity, 4711);
}

/* The inner one's are the same for all that start in the same millisecond. */
static void test_what_is_drawn_is_not_the_inner_ones(void **state)
{
    int drawn[8];
    bool differ = false;

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        drawn[i] = guard.io.random(&guard.io, 1000, INT_MAX);
        assert_in_range(drawn[i], 1000, INT_MAX - 1);
        differ = differ || drawn[i] != drawn[0];
    }
    assert_true(differ);
    assert_int_equal(guard.io.random(&guard.io, 3, 4), 3);
}

static void assert_message(const char *expected)
{
    assert_string_equal(guard.io.errmsg, expected);
    guard.io.errmsg[0] = '\0';
}

static void test_an_error_has_a_message_outside(void **state)
{
    static const struct raft_entry entry;
    struct raft_io_append req = {0};

    (void)state;
    fail_calls("init", RAFT_IOERR);
    assert_int_equal(guard.io.init(&guard.io, 7, "address"), RAFT_IOERR);
    assert_message("init failed");
    fail_calls("truncate", RAFT_NOMEM);
    assert_int_equal(guard.io.truncate(&guard.io, 11), RAFT_NOMEM);
    assert_message("truncate failed");
    fail_calls("recover", RAFT_IOERR);
    assert_int_equal(guard.io.recover(&guard.io, &configuration), RAFT_IOERR);
    assert_message("recover failed");
    fail_calls("start", RAFT_IOERR);
    assert_int_equal(guard.io.start(&guard.io, 2, NULL, NULL), RAFT_IOERR);
    assert_message("start failed");
    fail_calls("bootstrap", RAFT_IOERR);
    assert_int_equal(guard.io.bootstrap(&guard.io, &configuration), RAFT_IOERR);
    assert_message("bootstrap failed");
    fail_calls("append", RAFT_TOOBIG);
    assert_int_equal(guard.io.append(&guard.io, &req, &entry, 1, NULL), RAFT_TOOBIG);
    assert_message("append failed");
    assert_int_equal(rm__io_guard_append_age_ms(&guard, UINT64_MAX), 0);
}

static struct raft_io *called_with;
static struct raft_message *received;

static void on_tick(struct raft_io *io)
{
    called_with = io;
}

static void on_recv(struct raft_io *io, struct raft_message *message)
{
    called_with = io;
    received = message;
}

static void test_raft_is_called_with_its_own_io(void **state)
{
    struct raft_message message = {.type = RAFT_TIMEOUT_NOW};

    (void)state;
    assert_int_equal(guard.io.start(&guard.io, 2, on_tick, on_recv), 0);
    called_with = NULL;
    fake.tick(&fake.io);
    assert_ptr_equal(called_with, &guard.io);
    called_with = NULL;
    fake.recv(&fake.io, &message);
    assert_ptr_equal(called_with, &guard.io);
    assert_ptr_equal(received, &message);
}

static void test_a_change_of_members_comes_first(void **state)
{
    static const struct {
        unsigned short types[4];
        unsigned n;
        unsigned n_passed;
    } cases[] = {{{0}, 0, 0},
                 {{RAFT_COMMAND, RAFT_BARRIER, RAFT_COMMAND}, 3, 3},
                 {{RAFT_CHANGE}, 1, 1},
                 {{RAFT_CHANGE, RAFT_COMMAND}, 2, 2},
                 {{RAFT_COMMAND, RAFT_CHANGE}, 2, 1},
                 {{RAFT_CHANGE, RAFT_COMMAND, RAFT_CHANGE}, 3, 2},
                 {{RAFT_BARRIER, RAFT_CHANGE, RAFT_CHANGE, RAFT_COMMAND}, 4, 1}};

    (void)state;
    assert_int_equal(guard.io.start(&guard.io, 2, on_tick, on_recv), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct raft_entry entries[4] = {{0}};
        struct raft_message message = {
            .type = RAFT_APPEND_ENTRIES,
            .append_entries = {.entries = entries, .n_entries = cases[i].n}};

        for (unsigned j = 0; j < cases[i].n; j++) {
            entries[j].type = cases[i].types[j];
        }
        fake.recv(&fake.io, &message);
        assert_ptr_equal(received, &message);
        assert_int_equal(message.append_entries.n_entries, cases[i].n_passed);
    }
}

/* ---- term and vote ---- */

static void assert_stored(uint64_t term, uint64_t vote)
{
    struct rm__vote stored;

    assert_int_equal(rm__vote_file_read(fake_dir, &stored), 0);
    assert_int_equal(stored.term, term);
    assert_int_equal(stored.vote, vote);
}

static void test_the_copy_of_term_and_vote_is_written_first(void **state)
{
    (void)state;
    assert_int_equal(guard.io.set_term(&guard.io, 5), 0);
    assert_int_equal(fake.term, 5);
    assert_int_equal(fake.vote_at_call.term, 5);
    assert_int_equal(fake.vote_at_call.vote, 0);
    assert_int_equal(guard.io.set_vote(&guard.io, 3), 0);
    assert_int_equal(fake.voted_for, 3);
    assert_int_equal(fake.vote_at_call.term, 5);
    assert_int_equal(fake.vote_at_call.vote, 3);
    assert_int_equal(guard.io.set_term(&guard.io, 6), 0);
    assert_stored(6, 0);
    assert_calls(" set_term set_vote set_term");
}

static void test_a_vote_that_cannot_be_stored_ends_the_process(void **state)
{
    (void)state;
    guard.dir = "/nonexistent";
    ASSERT_FATAL(guard.io.set_term(&guard.io, 5), "written to /nonexistent: input or output");
    ASSERT_FATAL(guard.io.set_vote(&guard.io, 5), "written to /nonexistent: input or output");
    assert_calls("");
    guard.dir = fake_dir;
    fail_calls("set_term", RAFT_IOERR);
    ASSERT_FATAL(guard.io.set_term(&guard.io, 5), "set_term failed");
    fail_calls("set_vote", RAFT_IOERR);
    ASSERT_FATAL(guard.io.set_vote(&guard.io, 5), "set_vote failed");
}

static void test_bootstrap_writes_the_copy_first(void **state)
{
    (void)state;
    assert_int_equal(guard.io.bootstrap(&guard.io, &configuration), 0);
    assert_int_equal(fake.vote_at_call.term, 1);
    assert_calls(" bootstrap");
    /* It did not come to its end, as far as we know. */
    assert_int_equal(guard.io.bootstrap(&guard.io, &configuration), 0);
    assert_calls(" bootstrap");
    assert_int_equal(guard.io.set_vote(&guard.io, 7), 0);
    assert_stored(1, 7);
}

static void write_copy(uint64_t term, uint64_t vote)
{
    const struct rm__vote copy = {term, vote};

    assert_int_equal(rm__vote_file_write(fake_dir, &copy), 0);
}

static void test_only_what_is_new_is_bootstrapped(void **state)
{
    (void)state;
    write_copy(2, 0);
    assert_int_equal(guard.io.bootstrap(&guard.io, &configuration), RAFT_CANTBOOTSTRAP);
    write_copy(1, 1);
    assert_int_equal(guard.io.bootstrap(&guard.io, &configuration), RAFT_CANTBOOTSTRAP);
    assert_stored(1, 1);
    touch("vote");
    assert_int_equal(guard.io.bootstrap(&guard.io, &configuration), RAFT_CANTBOOTSTRAP);
    remove_file("vote");
    touch("metadata1");
    assert_int_equal(guard.io.bootstrap(&guard.io, &configuration), RAFT_CANTBOOTSTRAP);
    remove_file("metadata1");
    touch("metadata2");
    assert_int_equal(guard.io.bootstrap(&guard.io, &configuration), RAFT_CANTBOOTSTRAP);
    assert_calls("");
    guard.dir = "/nonexistent";
    assert_int_equal(guard.io.bootstrap(&guard.io, &configuration), RAFT_IOERR);
    assert_calls("");
}

/* ---- appends ---- */

static struct raft_io_append *answered;
static int answered_with;

static void on_append(struct raft_io_append *req, int status)
{
    answered = req;
    answered_with = status;
    free(req->data);
    free(req);
}

/* A request that its callback frees, as C-Raft's do. */
static struct raft_io_append *append_one(void)
{
    static const struct raft_entry entry;
    struct raft_io_append *req = calloc(1, sizeof *req);

    assert_non_null(req);
    req->data = malloc(1);
    assert_int_equal(guard.io.append(&guard.io, req, &entry, 1, on_append), 0);
    return req;
}

static void answer_append(size_t i, int status)
{
    fake.appends[i]->cb(fake.appends[i], status);
}

static void test_a_barrier_tells_nothing_of_our_memory(void **state)
{
    char bytes[8] = "secrets";
    char zeros[8] = {0};
    struct raft_entry entry = {.term = 1, .type = RAFT_BARRIER, .buf = {bytes, sizeof bytes}};
    struct raft_io_append *req = calloc(1, sizeof *req);

    (void)state;
    assert_non_null(req);
    assert_int_equal(guard.io.append(&guard.io, req, &entry, 1, on_append), 0);
    assert_memory_equal(bytes, zeros, sizeof bytes);
    answer_append(0, 0);
}

static void test_the_oldest_append_has_an_age(void **state)
{
    struct raft_io_append *first = append_one();
    struct raft_io_append *second;
    struct raft_io_append *third;

    (void)state;
    fake.now += 10;
    second = append_one();
    fake.now += 10;
    third = append_one();
    assert_int_equal(rm__io_guard_append_age_ms(&guard, fake.now), 20);
    assert_int_equal(rm__io_guard_append_age_ms(&guard, fake.now + 5), 25);
    assert_int_equal(rm__io_guard_append_age_ms(&guard, 5), 0);
    answer_append(1, 0);
    assert_ptr_equal(answered, second);
    assert_int_equal(answered_with, 0);
    assert_int_equal(rm__io_guard_append_age_ms(&guard, fake.now), 20);
    answer_append(0, RAFT_IOERR);
    assert_ptr_equal(answered, first);
    assert_int_equal(answered_with, RAFT_IOERR);
    assert_int_equal(rm__io_guard_append_age_ms(&guard, fake.now + 3), 3);
    answer_append(2, RAFT_CANCELED);
    assert_ptr_equal(answered, third);
    assert_int_equal(rm__io_guard_append_age_ms(&guard, fake.now + 3), 0);
}

static void test_appends_are_counted(void **state)
{
    static struct rm_disk_stats stats;
    char bytes[24] = {0};
    struct raft_entry entry = {.buf = {bytes, sizeof bytes}};
    struct raft_io_append *req = calloc(1, sizeof *req);

    (void)state;
    assert_non_null(req);
    guard.stats = &stats;
    assert_int_equal(guard.io.append(&guard.io, req, &entry, 1, on_append), 0);
    assert_int_equal(rm_tally_count(&stats.append_us), 0);
    answer_append(0, 0);
    assert_int_equal(rm_tally_count(&stats.append_us), 1);
    assert_int_equal(rm_tally_count(&stats.append_bytes), 1);
    assert_int_equal(rm_counter_read(&stats.append_bytes.sum), 24);
    assert_int_equal(rm_counter_read(&stats.n_entries), 1);
    append_one();
    answer_append(1, RAFT_IOERR);
    assert_int_equal(rm_tally_count(&stats.append_us), 1);
    assert_int_equal(rm_counter_read(&stats.n_failed_appends), 1);
    guard.stats = NULL;
}

#if FAILING_MALLOC
static void test_out_of_memory_an_append_is_only_passed_on(void **state)
{
    static const struct raft_entry entry;
    struct raft_io_append *req = calloc(1, sizeof *req);

    (void)state;
    failing_malloc_arm(1);
    assert_int_equal(guard.io.append(&guard.io, req, &entry, 1, on_append), 0);
    assert_true(failing_malloc_disarm());
    assert_ptr_equal(fake.appends[0], req);
    assert_int_equal(rm__io_guard_append_age_ms(&guard, UINT64_MAX), 0);
    answer_append(0, 0);
    assert_ptr_equal(answered, req);
}

static void test_out_of_memory_there_is_no_guard(void **state)
{
    struct rm__io_guard other = guard;

    (void)state;
    failing_malloc_arm(1);
    assert_int_equal(rm__io_guard_init(&other, &fake.io, &fake_loop), RM_ENOMEM);
    assert_true(failing_malloc_disarm());
}
#endif

/* ---- the end ---- */

static void test_closing_closes_the_inner_one(void **state)
{
    (void)state;
    fake_closed = false;
    guard.io.close(&guard.io, fake_on_closed);
    assert_calls(" close");
    assert_false(fake_closed);
    fake.close(&fake.io);
    assert_true(fake_closed);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_passed_on),
        TEST(test_what_is_drawn_is_not_the_inner_ones),
        TEST(test_an_error_has_a_message_outside),
        TEST(test_raft_is_called_with_its_own_io),
        TEST(test_a_change_of_members_comes_first),
        TEST(test_the_copy_of_term_and_vote_is_written_first),
        TEST(test_a_vote_that_cannot_be_stored_ends_the_process),
        TEST(test_bootstrap_writes_the_copy_first),
        TEST(test_only_what_is_new_is_bootstrapped),
        TEST(test_a_barrier_tells_nothing_of_our_memory),
        TEST(test_the_oldest_append_has_an_age),
        TEST(test_appends_are_counted),
#if FAILING_MALLOC
        TEST(test_out_of_memory_an_append_is_only_passed_on),
        TEST(test_out_of_memory_there_is_no_guard),
#endif
        TEST(test_closing_closes_the_inner_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
