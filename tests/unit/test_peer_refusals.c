/* Strangers at the peer port: nothing of theirs reaches Raft, and they are gone within the time of
 * a handshake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peer_side.h"

enum { N_IDLE = 300, HALF_OPEN_MAX = 256 };

static const struct rm_replica_id here = {1, 1};
static const struct rm_replica_id there = {2, 9};

struct fixture {
    struct rm_loop *loop;
    struct side side;
    struct raw_socket raw;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    fixture->loop = rm_loop_new();
    side_open(&fixture->side, fixture->loop, here, (struct side_setup){0});
    side_listen(&fixture->side);
    fixture->raw.fd = -1;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    bool is_closed;

    raw_close(&fixture->raw);
    is_closed = side_close(&fixture->side, fixture->loop);
    rm_loop_free(fixture->loop);
    free(fixture);
    return is_closed ? 0 : -1;
}

static void knock(struct fixture *fixture)
{
    raw_close(&fixture->raw);
    assert_true(raw_connect(&fixture->raw, fixture->side.number));
}

static void say_hello(struct fixture *fixture, const struct rm__hello *hello,
                      uint8_t ret_bytes[RM__HELLO_BYTES])
{
    rm__hello_encode(hello, ret_bytes);
    knock(fixture);
    raw_send_bytes(&fixture->raw, ret_bytes, RM__HELLO_BYTES);
}

/* Closed by the port, which says @reason; NULL: it says nothing. */
static void assert_refused(struct fixture *fixture, const char *reason)
{
    struct side *side = &fixture->side;

    assert_true(raw_wait_for(fixture->loop, &fixture->raw, NULL, 1));
    turn_a_little(fixture->loop);
    assert_string_equal(side->reason, reason == NULL ? "" : reason);
    if (reason != NULL) {
        assert_string_equal(side->refused_address, "127.0.0.1");
    }
    assert_int_equal(side->n_accepted, 0);
    side->reason[0] = '\0';
}

/* The proof of a dialler who knows @secret, for the nonce that has come. */
static void prove(struct fixture *fixture, const char *secret, enum rm__hello_side as,
                  const uint8_t hello[RM__HELLO_BYTES], uint8_t ret_proof[RM__PROOF_BYTES])
{
    assert_true(raw_wait_bytes(fixture->loop, &fixture->raw, RM__CHALLENGE_BYTES));
    assert_int_equal(fixture->raw.len, RM__CHALLENGE_BYTES);
    assert_int_equal(
        rm__hello_prove(secret, as, hello, (const uint8_t *)fixture->raw.bytes, ret_proof), 0);
}

/* A whole handshake, after all that was refused. */
static void assert_good_peer_is_served(struct fixture *fixture)
{
    const struct rm__hello hello = hello_from(there, here);
    uint8_t bytes[RM__HELLO_BYTES];
    uint8_t proof[RM__PROOF_BYTES];
    int n_accepted = fixture->side.n_accepted;

    say_hello(fixture, &hello, bytes);
    prove(fixture, SIDE_SECRET, RM__SIDE_DIALLER, bytes, proof);
    raw_send_bytes(&fixture->raw, proof, sizeof proof);
    assert_true(raw_wait_bytes(fixture->loop, &fixture->raw, RM__CHALLENGE_BYTES + 1));
    assert_int_equal(fixture->raw.bytes[RM__CHALLENGE_BYTES], RM__WELCOME);
    assert_int_equal(fixture->side.n_accepted, n_accepted + 1);
    assert_true(fixture->side.accepted_id == rm__raft_id(there));
}

static void test_garbage(void **state)
{
    struct fixture *fixture = *state;

    knock(fixture);
    raw_send(&fixture->raw, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_refused(fixture, "it does not speak as a worker does");
    assert_good_peer_is_served(fixture);
}

static void test_other_version(void **state)
{
    struct fixture *fixture = *state;

    knock(fixture);
    raw_send_bytes(&fixture->raw, "RMPEER\2\0", RM__HELLO_PREAMBLE_BYTES);
    assert_refused(fixture, "it speaks another version of the workers' protocol");
}

/* What a HELLO may say, and what it is told. */
static void test_hellos(void **state)
{
    struct fixture *fixture = *state;
    struct rm__hello hellos[7];
    static const char *const reasons[7] = {
        "it belongs to another cluster",
        "its worker is none of this cluster's",
        NULL, /* a shard that is not here */
        "it says that it is this worker",
        "it takes this worker for another",
        "it asks for a replica that this worker does not hold any more",
        "it asks for a replica that this worker does not hold any more",
    };
    uint8_t bytes[RM__HELLO_BYTES];

    for (size_t i = 0; i < 7; i++) {
        hellos[i] = hello_from(there, here);
    }
    hellos[0].cluster ^= 1;
    hellos[1].sender.worker = SIDE_WORKERS + 1;
    hellos[2].shard++;
    hellos[3].sender.worker = here.worker;
    hellos[4].receiver.worker = 3;
    hellos[5].receiver.incarnation = here.incarnation + 1;
    hellos[6].receiver.incarnation = 0;
    for (size_t i = 0; i < 7; i++) {
        say_hello(fixture, &hellos[i], bytes);
        /* The last says what the one before it was told. */
        assert_refused(fixture, i < 6 ? reasons[i] : NULL);
        assert_int_equal(fixture->raw.len, 0);
    }
    assert_good_peer_is_served(fixture);
}

static void test_not_listening(void **state)
{
    struct rm_loop *loop = rm_loop_new();
    struct fixture fixture = {.loop = loop, .raw = {.fd = -1}};
    const struct rm__hello hello = hello_from(there, here);
    uint8_t bytes[RM__HELLO_BYTES];

    (void)state;
    side_open(&fixture.side, loop, here, (struct side_setup){0});
    say_hello(&fixture, &hello, bytes);
    assert_refused(&fixture, NULL);
    side_listen(&fixture.side);
    assert_good_peer_is_served(&fixture);
    raw_close(&fixture.raw);
    assert_true(side_close(&fixture.side, loop));
    rm_loop_free(loop);
}

static void test_wrong_secret(void **state)
{
    struct fixture *fixture = *state;
    const struct rm__hello hello = hello_from(there, here);
    uint8_t bytes[RM__HELLO_BYTES];
    uint8_t proof[RM__PROOF_BYTES];

    say_hello(fixture, &hello, bytes);
    prove(fixture, "another secret", RM__SIDE_DIALLER, bytes, proof);
    raw_send_bytes(&fixture->raw, proof, sizeof proof);
    assert_refused(fixture, "it does not know the cluster's secret");
    assert_int_equal(fixture->raw.len, RM__CHALLENGE_BYTES);
    assert_int_equal(fixture->side.n_met, 0);
    assert_good_peer_is_served(fixture);
}

/* The port's own proof, sent back to it. */
static void test_reflected_proof(void **state)
{
    struct fixture *fixture = *state;
    const struct rm__hello hello = hello_from(there, here);
    uint8_t bytes[RM__HELLO_BYTES];
    uint8_t proof[RM__PROOF_BYTES];

    say_hello(fixture, &hello, bytes);
    prove(fixture, SIDE_SECRET, RM__SIDE_LISTENER, bytes, proof);
    assert_memory_equal(proof, fixture->raw.bytes + RM__NONCE_BYTES, sizeof proof);
    raw_send_bytes(&fixture->raw, proof, sizeof proof);
    assert_refused(fixture, "it does not know the cluster's secret");
}

/* A whole good handshake, recorded and said again. */
static void test_replay(void **state)
{
    struct fixture *fixture = *state;
    const struct rm__hello hello = hello_from(there, here);
    uint8_t bytes[RM__HELLO_BYTES];
    uint8_t proof[RM__PROOF_BYTES];
    char nonce[RM__NONCE_BYTES];

    say_hello(fixture, &hello, bytes);
    prove(fixture, SIDE_SECRET, RM__SIDE_DIALLER, bytes, proof);
    memcpy(nonce, fixture->raw.bytes, sizeof nonce);
    say_hello(fixture, &hello, bytes);
    assert_true(raw_wait_bytes(fixture->loop, &fixture->raw, RM__CHALLENGE_BYTES));
    assert_memory_not_equal(nonce, fixture->raw.bytes, sizeof nonce);
    raw_send_bytes(&fixture->raw, proof, sizeof proof);
    assert_refused(fixture, "it does not know the cluster's secret");
}

/* Each message, cut everywhere: the other side stops there and waits for its end. */
static void test_cut(void **state)
{
    struct fixture *fixture = *state;
    const struct rm__hello hello = hello_from(there, here);
    uint8_t bytes[RM__HELLO_BYTES];
    uint8_t proof[RM__PROOF_BYTES];

    for (size_t len = 0; len < RM__HELLO_BYTES; len++) {
        rm__hello_encode(&hello, bytes);
        knock(fixture);
        raw_send_bytes(&fixture->raw, bytes, len);
        shutdown(fixture->raw.fd, SHUT_WR);
        assert_true(raw_wait_for(fixture->loop, &fixture->raw, NULL, 1));
        assert_int_equal(fixture->raw.len, 0);
    }
    for (size_t len = 0; len < RM__PROOF_BYTES; len++) {
        say_hello(fixture, &hello, bytes);
        prove(fixture, SIDE_SECRET, RM__SIDE_DIALLER, bytes, proof);
        raw_send_bytes(&fixture->raw, proof, len);
        shutdown(fixture->raw.fd, SHUT_WR);
        assert_true(raw_wait_for(fixture->loop, &fixture->raw, NULL, 1));
        assert_int_equal(fixture->raw.len, RM__CHALLENGE_BYTES);
    }
    turn_a_little(fixture->loop);
    assert_int_equal(fixture->side.n_accepted, 0);
    assert_int_equal(fixture->side.n_met, 0);
    assert_int_equal(fixture->side.n_refused, 0);
    assert_good_peer_is_served(fixture);
}

/* Whoever says nothing, a part, or all but the last of it. */
static void test_idle(void **state)
{
    struct fixture *fixture = *state;
    const struct rm__hello hello = hello_from(there, here);
    uint8_t bytes[RM__HELLO_BYTES];

    knock(fixture);
    assert_refused(fixture, "its handshake took longer than a second");
    rm__hello_encode(&hello, bytes);
    knock(fixture);
    raw_send_bytes(&fixture->raw, bytes, RM__HELLO_BYTES - 1);
    assert_refused(fixture, NULL);
    say_hello(fixture, &hello, bytes);
    assert_refused(fixture, NULL);
    assert_int_equal(fixture->raw.len, RM__CHALLENGE_BYTES);
    assert_int_equal(fixture->side.n_refused, 1);
    assert_good_peer_is_served(fixture);
}

/* Each is told of once, until a handshake from there succeeds. */
static void test_reported_once(void **state)
{
    struct fixture *fixture = *state;

    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < 3; i++) {
            knock(fixture);
            raw_send(&fixture->raw, "mumble mumble");
            assert_true(raw_wait_for(fixture->loop, &fixture->raw, NULL, 1));
        }
        turn_a_little(fixture->loop);
        assert_int_equal(fixture->side.n_refused, round);
        assert_good_peer_is_served(fixture);
    }
}

/* The first ones make room. */
static void test_many_idle(void **state)
{
    struct fixture *fixture = *state;
    static struct raw_socket idle[N_IDLE];

    for (int i = 0; i < N_IDLE; i++) {
        assert_true(raw_connect(&idle[i], fixture->side.number));
        if (i % 100 == 99) {
            turn_a_little(fixture->loop);
        }
    }
    assert_good_peer_is_served(fixture);
    assert_string_equal(fixture->side.reason,
                        "too many connections came before its handshake was over");
    /* Of those before the good one, which is not half open any more. */
    for (int i = 0; i <= N_IDLE - HALF_OPEN_MAX; i++) {
        raw_receive(&idle[i]);
        assert_true(idle[i].is_closed);
    }
    for (int i = 0; i < N_IDLE; i++) {
        assert_true(raw_wait_for(fixture->loop, &idle[i], NULL, 1));
        raw_close(&idle[i]);
    }
    assert_int_equal(fixture->side.n_accepted, 1);
}

static void test_meeting_not_recorded(void **state)
{
    struct fixture *fixture = *state;
    const struct rm__hello hello = hello_from(there, here);
    uint8_t bytes[RM__HELLO_BYTES];
    uint8_t proof[RM__PROOF_BYTES];

    fixture->side.met_error = RM_EIO;
    for (int i = 1; i <= 2; i++) {
        say_hello(fixture, &hello, bytes);
        prove(fixture, SIDE_SECRET, RM__SIDE_DIALLER, bytes, proof);
        raw_send_bytes(&fixture->raw, proof, sizeof proof);
        assert_refused(fixture, i == 1 ? "that it was met could not be recorded" : NULL);
        assert_int_equal(fixture->side.n_met, i);
        assert_int_equal(fixture->side.last_met, there.worker);
        assert_int_equal(fixture->raw.len, RM__CHALLENGE_BYTES);
    }
    fixture->side.met_error = 0;
    assert_good_peer_is_served(fixture);
    assert_good_peer_is_served(fixture);
    assert_int_equal(fixture->side.n_met, 3);
}

/* A HELLO that comes a byte at a time, and a proof with Raft's first bytes behind it. */
static void test_uneven_pieces(void **state)
{
    struct fixture *fixture = *state;
    const struct rm__hello hello = hello_from(there, here);
    uint8_t bytes[RM__HELLO_BYTES];
    uint8_t proof[RM__PROOF_BYTES + sizeof "raft"];

    rm__hello_encode(&hello, bytes);
    knock(fixture);
    for (size_t i = 0; i < sizeof bytes; i++) {
        raw_send_bytes(&fixture->raw, bytes + i, 1);
        if (i % 8 == 0) {
            turn_a_little(fixture->loop);
        }
    }
    prove(fixture, SIDE_SECRET, RM__SIDE_DIALLER, bytes, proof);
    memcpy(proof + RM__PROOF_BYTES, "raft", sizeof "raft");
    raw_send_bytes(&fixture->raw, proof, sizeof proof);
    assert_true(turn_until_count(fixture->loop, &fixture->side.n_bytes, sizeof "raft"));
    assert_int_equal(fixture->side.n_bytes, sizeof "raft");
    assert_memory_equal(fixture->side.bytes, "raft", sizeof "raft");
}

/* Connections in each stage of their handshake, when the port or its transport goes. */
static void test_closed_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    const struct rm__hello hello = hello_from(there, here);
    uint8_t bytes[RM__HELLO_BYTES];
    uint8_t proof[RM__PROOF_BYTES];
    struct raw_socket idle;

    assert_true(raw_connect(&idle, fixture->side.number));
    say_hello(fixture, &hello, bytes);
    prove(fixture, SIDE_SECRET, RM__SIDE_DIALLER, bytes, proof);
    raw_send_bytes(&fixture->raw, proof, sizeof proof);
    side_close_transport(&fixture->side);
    assert_int_equal(fixture->side.n_closed, 0);
    assert_true(turn_until_count(fixture->loop, &fixture->side.n_closed, 1));
    assert_refused(fixture, NULL);
    assert_int_equal(fixture->raw.len, RM__CHALLENGE_BYTES);
    /* Nobody is served any more, and who has not said for whom it comes is the port's still. */
    say_hello(fixture, &hello, bytes);
    assert_refused(fixture, NULL);
    raw_receive(&idle);
    assert_false(idle.is_closed);
    raw_close(&idle);
    knock(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_garbage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hellos, set_up, tear_down),
        cmocka_unit_test(test_not_listening),
        cmocka_unit_test_setup_teardown(test_wrong_secret, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reflected_proof, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_idle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reported_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_idle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_meeting_not_recorded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_uneven_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closed_meanwhile, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
