#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/raft/replica.h"

enum { ENTRIES_MAX = 8 };

/* A state machine that keeps what it was given; its result is the body behind "applied ". */
struct journal {
    size_t n;
    int64_t times[ENTRIES_MAX];
    char bodies[ENTRIES_MAX][32];
};

static void journal_apply(void *data, int64_t time_ms, struct rm_slice body,
                          struct rm_buffer *result)
{
    struct journal *journal = data;

    journal->times[journal->n] = time_ms;
    memcpy(journal->bodies[journal->n], body.data, body.len);
    journal->bodies[journal->n][body.len] = '\0';
    journal->n++;
    assert_int_equal(rm_buffer_append_text(result, "applied "), 0);
    assert_int_equal(rm_buffer_append_slice(result, body), 0);
}

/* What a proposal's callback was told. */
struct told {
    int n;
    int status;
    char result[64];
};

static void on_proposed(int status, struct rm_slice result, void *data)
{
    struct told *told = data;

    told->n++;
    told->status = status;
    memcpy(told->result, result.data, result.len);
    told->result[result.len] = '\0';
}

static struct rm_replica *start(struct journal *journal)
{
    struct rm_replica_options options = {.shard = 3, .worker_id = 7};
    struct rm_state_machine machine = {.apply = journal_apply, .data = journal};

    *journal = (struct journal){0};
    return rm_replica_new(&options, &machine);
}

static void test_entries_are_applied_in_order_each_with_its_result(void **state)
{
    struct journal journal;
    struct rm_replica *replica = start(&journal);
    struct told told = {0};

    (void)state;
    assert_int_equal(rm_replica_propose(replica, 5, rm_slice_of("one"), on_proposed, &told), 0);
    assert_int_equal(told.n, 1);
    assert_int_equal(told.status, 0);
    assert_string_equal(told.result, "applied one");
    assert_int_equal(rm_replica_propose(replica, 6, rm_slice_of("two"), on_proposed, &told), 0);
    assert_int_equal(told.n, 2);
    assert_string_equal(told.result, "applied two");
    assert_int_equal(journal.n, 2);
    assert_string_equal(journal.bodies[0], "one");
    assert_string_equal(journal.bodies[1], "two");
    rm_replica_free(replica);
}

static void test_time_never_goes_back(void **state)
{
    static const int64_t clock[] = {-100, 50, 20, 50, 51, INT64_MIN};
    static const int64_t expected[] = {-100, 50, 50, 50, 51, 51};
    struct journal journal;
    struct rm_replica *replica = start(&journal);
    struct told told = {0};

    (void)state;
    for (size_t i = 0; i < sizeof clock / sizeof clock[0]; i++) {
        rm_replica_propose(replica, clock[i], rm_slice_of("x"), on_proposed, &told);
        assert_int_equal(journal.times[i], expected[i]);
    }
    rm_replica_free(replica);
}

static void on_readable(int status, void *data)
{
    int *n = data;

    assert_int_equal(status, 0);
    (*n)++;
}

static void test_reads_of_every_level_answer_once(void **state)
{
    struct journal journal;
    struct rm_replica *replica = start(&journal);
    int n = 0;

    (void)state;
    rm_replica_read(replica, RM_READ_NONE, on_readable, &n);
    rm_replica_read(replica, RM_READ_WEAK, on_readable, &n);
    rm_replica_read(replica, RM_READ_LINEARIZABLE, on_readable, &n);
    assert_int_equal(n, 3);
    rm_replica_free(replica);
}

static void test_status_of_an_only_replica(void **state)
{
    struct journal journal;
    struct rm_replica *replica = start(&journal);
    struct rm_replica_status status;
    struct told told = {0};

    (void)state;
    rm_replica_status(replica, &status);
    assert_true(status.is_leader);
    assert_int_equal(status.leader, 7);
    assert_int_equal(status.applied_index, 0);
    rm_replica_propose(replica, 0, rm_slice_of("x"), on_proposed, &told);
    rm_replica_propose(replica, 0, rm_slice_of("y"), on_proposed, &told);
    rm_replica_status(replica, &status);
    assert_int_equal(status.applied_index, 2);
    assert_true(status.term >= 1);
    rm_replica_free(replica);
    rm_replica_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_are_applied_in_order_each_with_its_result),
        cmocka_unit_test(test_time_never_goes_back),
        cmocka_unit_test(test_reads_of_every_level_answer_once),
        cmocka_unit_test(test_status_of_an_only_replica),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
