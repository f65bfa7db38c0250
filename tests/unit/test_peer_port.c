#include <netdb.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peer_side.h"

enum { PAYLOAD_BYTES = 100000, N_DIALS = 4 };

static const struct rm_replica_id here = {1, 1};
static const struct rm_replica_id there = {2, 77};

/* ---- a resolver that the tests hold ---- */

/* Takes the place of glibc's: libuv calls it on a thread of its pool. */
static struct {
    uv_mutex_t mutex;
    uv_cond_t changed;
    bool is_held;
    int n_begun;
    const char *hosts[2]; /* what it answers; NULL: nothing */
} resolver;

static struct addrinfo *make_address(const char *host, uint16_t port, struct addrinfo *next)
{
    struct addrinfo *info = calloc(1, sizeof *info + sizeof(struct sockaddr_in));
    struct sockaddr_in *address = (struct sockaddr_in *)(void *)(info + 1);

    *info = (struct addrinfo){.ai_family = AF_INET,
                              .ai_socktype = SOCK_STREAM,
                              .ai_addrlen = sizeof *address,
                              .ai_addr = (struct sockaddr *)address,
                              .ai_next = next};
    uv_ip4_addr(host, port, address);
    return info;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_info)
{
    struct addrinfo *info = NULL;

    (void)node;
    (void)hints;
    uv_mutex_lock(&resolver.mutex);
    resolver.n_begun++;
    while (resolver.is_held) {
        uv_cond_wait(&resolver.changed, &resolver.mutex);
    }
    for (int i = 1; i >= 0; i--) {
        if (resolver.hosts[i] != NULL) {
            info = make_address(resolver.hosts[i], (uint16_t)atoi(service), info);
        }
    }
    uv_mutex_unlock(&resolver.mutex);
    *ret_info = info;
    return info == NULL ? EAI_NONAME : 0;
}

void freeaddrinfo(struct addrinfo *info)
{
    while (info != NULL) {
        struct addrinfo *next = info->ai_next;

        free(info);
        info = next;
    }
}

static void resolver_set(bool is_held, const char *first, const char *second)
{
    uv_mutex_lock(&resolver.mutex);
    resolver.is_held = is_held;
    resolver.hosts[0] = first;
    resolver.hosts[1] = second;
    uv_cond_broadcast(&resolver.changed);
    uv_mutex_unlock(&resolver.mutex);
}

static bool resolver_has_begun(void *data)
{
    bool has_begun;

    uv_mutex_lock(&resolver.mutex);
    has_begun = resolver.n_begun >= *(int *)data;
    uv_mutex_unlock(&resolver.mutex);
    return has_begun;
}

/* ---- two workers ---- */

struct fixture {
    struct rm_loop *loop;
    struct side dialler;
    struct side listener;
    struct dial dial;
    struct raw_socket raw; /* in the listener's place */
    int raw_listener;
};

static struct fixture *new_fixture(void)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    fixture->loop = rm_loop_new();
    fixture->raw.fd = -1;
    fixture->raw_listener = -1;
    resolver.n_begun = 0;
    resolver_set(false, NULL, NULL);
    return fixture;
}

/* A dialler and a listener. */
static struct fixture *new_pair(struct side_setup dialler)
{
    struct fixture *fixture = new_fixture();

    side_open(&fixture->listener, fixture->loop, there, (struct side_setup){0});
    side_listen(&fixture->listener);
    dialler.peer_number = fixture->listener.number;
    side_open(&fixture->dialler, fixture->loop, here, dialler);
    return fixture;
}

/* A dialler, and a listener that is no worker. */
static struct fixture *new_impostor(void)
{
    struct fixture *fixture = new_fixture();
    uint16_t number = 0;

    fixture->raw_listener = raw_listen(&number);
    assert_true(fixture->raw_listener >= 0);
    side_open(&fixture->dialler, fixture->loop, here, (struct side_setup){.peer_number = number});
    return fixture;
}

static void free_fixture(struct fixture *fixture)
{
    dial_close(&fixture->dial);
    assert_true(side_close(&fixture->dialler, fixture->loop));
    if (fixture->listener.port != NULL) {
        assert_true(side_close(&fixture->listener, fixture->loop));
    }
    raw_close(&fixture->raw);
    if (fixture->raw_listener >= 0) {
        close(fixture->raw_listener);
    }
    rm_loop_free(fixture->loop);
    free(fixture);
}

/* Connects, which ends as @status. */
static void dial(struct fixture *fixture, struct rm_replica_id receiver, int status)
{
    struct dial *dial = &fixture->dial;

    dial_close(dial);
    assert_int_equal(dial_start(dial, &fixture->dialler, receiver), 0);
    assert_int_equal(dial->n_ended, 0);
    assert_true(turn_until_count(fixture->loop, &dial->n_ended, 1));
    assert_int_equal(dial->status, status);
    assert_int_equal(dial->stream != NULL, status == 0);
}

/* ---- tests ---- */

static uv_write_t payload_write;
static char payload[PAYLOAD_BYTES];

/* As C-Raft does: what waited is sent at once. */
static void send_payload(struct dial *dial)
{
    uv_buf_t buf = uv_buf_init(payload, sizeof payload);

    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (char)(i * 31 >> 3);
    }
    if (dial->status == 0) {
        assert_int_equal(uv_write(&payload_write, dial->stream, &buf, 1, NULL), 0);
    }
}

static void assert_set_up(const uv_stream_t *stream)
{
    socklen_t len = sizeof(unsigned);
    unsigned value = 0;
    uv_os_fd_t fd;

    assert_int_equal(uv_fileno((const uv_handle_t *)stream, &fd), 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    assert_int_equal(value, 1);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &len), 0);
    assert_int_equal(value, 5000);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len), 0);
    assert_int_equal(value, 1);
}

static void test_handshake(void **state)
{
    struct fixture *fixture = new_pair((struct side_setup){0});
    struct side *listener = &fixture->listener;

    (void)state;
    fixture->dial.then = send_payload;
    dial(fixture, there, 0);
    assert_true(turn_until_count(fixture->loop, &listener->n_bytes, PAYLOAD_BYTES));
    assert_int_equal(listener->n_accepted, 1);
    assert_true(listener->accepted_id == rm__raft_id(here));
    assert_string_equal(listener->accepted_address, "1.1");
    assert_int_equal(listener->n_bytes, PAYLOAD_BYTES);
    assert_memory_equal(listener->bytes, payload, sizeof payload);
    assert_set_up(listener->streams[0]);
    assert_set_up(fixture->dial.stream);
    dial_close(&fixture->dial);
    assert_true(turn_until_count(fixture->loop, &listener->n_eofs, 1));
    assert_int_equal(fixture->dialler.n_refused + listener->n_refused, 0);
    free_fixture(fixture);
}

/* Recorded on both sides, and once. */
static void test_met(void **state)
{
    struct fixture *fixture = new_pair((struct side_setup){0});

    (void)state;
    for (int i = 1; i <= 3; i++) {
        dial(fixture, there, 0);
        assert_int_equal(fixture->listener.n_accepted, i);
    }
    assert_int_equal(fixture->dialler.n_met, 1);
    assert_int_equal(fixture->dialler.last_met, there.worker);
    assert_int_equal(fixture->listener.n_met, 1);
    assert_int_equal(fixture->listener.last_met, here.worker);
    free_fixture(fixture);
}

static void test_meeting_not_recorded(void **state)
{
    struct fixture *fixture = new_pair((struct side_setup){0});

    (void)state;
    fixture->dialler.met_error = RM_EIO;
    dial(fixture, there, RAFT_NOCONNECTION);
    assert_string_equal(fixture->dialler.reason, "that it was met could not be recorded");
    assert_int_equal(fixture->listener.n_met, 0);
    fixture->dialler.met_error = 0;
    fixture->listener.met_error = RM_EIO;
    dial(fixture, there, RAFT_NOCONNECTION);
    assert_string_equal(fixture->listener.reason, "that it was met could not be recorded");
    assert_int_equal(fixture->listener.n_accepted, 0);
    fixture->listener.met_error = 0;
    dial(fixture, there, 0);
    assert_int_equal(fixture->dialler.n_met, 2);
    assert_int_equal(fixture->listener.n_met, 2);
    free_fixture(fixture);
}

static void test_other_secret(void **state)
{
    struct fixture *fixture = new_pair((struct side_setup){.secret = "another secret"});

    (void)state;
    dial(fixture, there, RAFT_NOCONNECTION);
    dial(fixture, there, RAFT_NOCONNECTION);
    assert_int_equal(fixture->dialler.n_refused, 1);
    assert_string_equal(fixture->dialler.reason, "it does not know the cluster's secret");
    assert_string_equal(fixture->dialler.refused_address, "127.0.0.1");
    assert_int_equal(fixture->dialler.n_met + fixture->listener.n_met, 0);
    free_fixture(fixture);
}

static void test_other_cluster(void **state)
{
    struct fixture *fixture = new_pair((struct side_setup){.cluster = SIDE_CLUSTER + 1});

    (void)state;
    dial(fixture, there, RAFT_NOCONNECTION);
    assert_string_equal(fixture->listener.reason, "it belongs to another cluster");
    free_fixture(fixture);
}

static void test_stale_receiver(void **state)
{
    struct fixture *fixture = new_pair((struct side_setup){0});

    (void)state;
    dial(fixture, (struct rm_replica_id){there.worker, there.incarnation + 1}, RAFT_NOCONNECTION);
    assert_string_equal(fixture->listener.reason,
                        "it asks for a replica that this worker does not hold any more");
    dial(fixture, there, 0);
    free_fixture(fixture);
}

static void test_unknown_receiver(void **state)
{
    struct fixture *fixture = new_pair((struct side_setup){0});
    struct rm_replica_id nobody = {SIDE_WORKERS + 1, 1};
    struct rm_replica_id former_self = {here.worker, here.incarnation + 1};

    (void)state;
    assert_int_equal(dial_start(&fixture->dial, &fixture->dialler, nobody), RAFT_NOCONNECTION);
    assert_int_equal(dial_start(&fixture->dial, &fixture->dialler, former_self), RAFT_NOCONNECTION);
    turn_a_little(fixture->loop);
    assert_int_equal(fixture->dial.n_ended, 0);
    free_fixture(fixture);
}

static void test_closed_port(void **state)
{
    struct fixture *fixture = new_impostor();

    (void)state;
    close(fixture->raw_listener);
    fixture->raw_listener = -1;
    dial(fixture, there, RAFT_NOCONNECTION);
    assert_int_equal(fixture->dialler.n_refused, 0);
    free_fixture(fixture);
}

static bool has_accepted(void *data)
{
    struct fixture *fixture = data;

    return raw_accept(&fixture->raw, fixture->raw_listener);
}

/* The HELLO of a dialler, at one that is no worker. */
static void receive_hello(struct fixture *fixture)
{
    assert_int_equal(dial_start(&fixture->dial, &fixture->dialler, there), 0);
    assert_true(turn_until(fixture->loop, has_accepted, fixture));
    assert_true(raw_wait_bytes(fixture->loop, &fixture->raw, RM__HELLO_BYTES));
}

static void send_challenge(struct fixture *fixture, const char *secret)
{
    uint8_t bytes[RM__CHALLENGE_BYTES] = "a nonce of the listener";

    assert_int_equal(rm__hello_prove(secret, RM__SIDE_LISTENER, (const uint8_t *)fixture->raw.bytes,
                                     bytes, bytes + RM__NONCE_BYTES),
                     0);
    raw_send_bytes(&fixture->raw, bytes, sizeof bytes);
}

static void test_hello(void **state)
{
    struct fixture *fixture = new_impostor();
    struct rm__hello first;
    struct rm__hello second;

    (void)state;
    receive_hello(fixture);
    assert_int_equal(rm__hello_decode((uint8_t *)fixture->raw.bytes, &first), 0);
    assert_true(first.cluster == SIDE_CLUSTER);
    assert_int_equal(first.shard, SIDE_SHARD);
    assert_true(rm__raft_id(first.sender) == rm__raft_id(here));
    assert_true(rm__raft_id(first.receiver) == rm__raft_id(there));
    raw_close(&fixture->raw);
    assert_true(turn_until_count(fixture->loop, &fixture->dial.n_ended, 1));
    assert_int_equal(fixture->dial.status, RAFT_NOCONNECTION);
    receive_hello(fixture);
    assert_int_equal(rm__hello_decode((uint8_t *)fixture->raw.bytes, &second), 0);
    assert_memory_not_equal(first.nonce, second.nonce, sizeof first.nonce);
    free_fixture(fixture);
}

/* Nothing is proved to one that has proved nothing. */
static void test_impostor(void **state)
{
    struct fixture *fixture = new_impostor();

    (void)state;
    receive_hello(fixture);
    send_challenge(fixture, "a guess");
    assert_true(raw_wait_for(fixture->loop, &fixture->raw, NULL, 1));
    assert_int_equal(fixture->raw.len, RM__HELLO_BYTES);
    assert_true(turn_until_count(fixture->loop, &fixture->dial.n_ended, 1));
    assert_int_equal(fixture->dial.status, RAFT_NOCONNECTION);
    assert_string_equal(fixture->dialler.reason, "it does not know the cluster's secret");
    assert_int_equal(fixture->dialler.n_met, 0);
    free_fixture(fixture);
}

/* One that never answers, at first and at last. */
static void test_silence(void **state)
{
    struct fixture *fixture = new_impostor();

    (void)state;
    receive_hello(fixture);
    assert_true(turn_until_count(fixture->loop, &fixture->dial.n_ended, 1));
    assert_int_equal(fixture->dial.status, RAFT_NOCONNECTION);
    raw_close(&fixture->raw);
    receive_hello(fixture);
    send_challenge(fixture, SIDE_SECRET);
    assert_true(turn_until_count(fixture->loop, &fixture->dial.n_ended, 1));
    assert_int_equal(fixture->dial.status, RAFT_NOCONNECTION);
    assert_int_equal(fixture->dialler.n_refused, 0);
    free_fixture(fixture);
}

static void test_no_welcome(void **state)
{
    struct fixture *fixture = new_impostor();

    (void)state;
    receive_hello(fixture);
    send_challenge(fixture, SIDE_SECRET);
    assert_true(raw_wait_bytes(fixture->loop, &fixture->raw, RM__HELLO_BYTES + RM__PROOF_BYTES));
    assert_int_equal(fixture->dial.n_ended, 0);
    raw_send(&fixture->raw, "-");
    assert_true(turn_until_count(fixture->loop, &fixture->dial.n_ended, 1));
    assert_int_equal(fixture->dial.status, RAFT_NOCONNECTION);
    assert_int_equal(fixture->raw.len, RM__HELLO_BYTES + RM__PROOF_BYTES);
    free_fixture(fixture);
}

/* The connect is canceled before the transport is closed, neither from within close. */
static void assert_close_cancels(struct fixture *fixture)
{
    side_close_transport(&fixture->dialler);
    assert_int_equal(fixture->dialler.n_closed, 0);
    assert_int_equal(fixture->dial.n_ended, 0);
    assert_true(turn_until_count(fixture->loop, &fixture->dialler.n_closed, 1));
    assert_int_equal(fixture->dial.n_ended, 1);
    assert_int_equal(fixture->dial.status, RAFT_CANCELED);
    assert_null(fixture->dial.stream);
    free_fixture(fixture);
}

static void test_close_in_each_stage(void **state)
{
    struct fixture *fixture = new_impostor();

    (void)state;
    assert_int_equal(dial_start(&fixture->dial, &fixture->dialler, there), 0);
    assert_close_cancels(fixture);

    fixture = new_impostor();
    receive_hello(fixture);
    assert_close_cancels(fixture);

    fixture = new_impostor();
    receive_hello(fixture);
    send_challenge(fixture, SIDE_SECRET);
    assert_true(raw_wait_bytes(fixture->loop, &fixture->raw, RM__HELLO_BYTES + RM__PROOF_BYTES));
    assert_close_cancels(fixture);
}

/* The same right after what would have made it fail, or succeed. */
static void test_close_behind_the_end(void **state)
{
    struct fixture *fixture = new_impostor();

    (void)state;
    close(fixture->raw_listener);
    fixture->raw_listener = -1;
    assert_int_equal(dial_start(&fixture->dial, &fixture->dialler, there), 0);
    assert_close_cancels(fixture);

    fixture = new_impostor();
    receive_hello(fixture);
    send_challenge(fixture, SIDE_SECRET);
    assert_true(raw_wait_bytes(fixture->loop, &fixture->raw, RM__HELLO_BYTES + RM__PROOF_BYTES));
    raw_send(&fixture->raw, "+");
    assert_close_cancels(fixture);
}

static struct fixture *new_named_pair(void)
{
    return new_pair((struct side_setup){.peer_host = "worker-2"});
}

static void test_name(void **state)
{
    struct fixture *fixture = new_named_pair();

    (void)state;
    dial(fixture, there, RAFT_NOCONNECTION);
    resolver_set(false, "127.0.0.1", NULL);
    dial(fixture, there, 0);
    assert_int_equal(resolver.n_begun, 2);
    free_fixture(fixture);
}

/* One of two addresses leads nowhere: the next attempt takes the other, and later ones stay. */
static void test_two_addresses(void **state)
{
    struct fixture *fixture = new_named_pair();

    (void)state;
    resolver_set(false, "127.0.0.2", "127.0.0.1");
    dial(fixture, there, RAFT_NOCONNECTION);
    dial(fixture, there, 0);
    dial(fixture, there, 0);
    resolver_set(false, "127.0.0.1", "127.0.0.2");
    dial(fixture, there, RAFT_NOCONNECTION);
    dial(fixture, there, 0);
    free_fixture(fixture);
}

/* However many wait for a name, it is looked up once at a time. */
static void test_one_look_up(void **state)
{
    struct fixture *fixture = new_named_pair();
    struct dial dials[N_DIALS] = {{.then = NULL}};

    (void)state;
    resolver_set(true, "127.0.0.1", NULL);
    for (int i = 0; i < N_DIALS; i++) {
        assert_int_equal(dial_start(&dials[i], &fixture->dialler, there), 0);
    }
    assert_true(turn_until(fixture->loop, resolver_has_begun, &(int){1}));
    resolver_set(false, "127.0.0.1", NULL);
    for (int i = 0; i < N_DIALS; i++) {
        assert_true(turn_until_count(fixture->loop, &dials[i].n_ended, 1));
        assert_int_equal(dials[i].status, 0);
        dial_close(&dials[i]);
    }
    assert_int_equal(resolver.n_begun, 1);
    free_fixture(fixture);
}

/* A name server that does not answer delays neither the end of an attempt nor that of a transport,
 * and an answer that comes later finds nobody, or the next. */
static void test_slow_look_up(void **state)
{
    struct fixture *fixture = new_named_pair();

    (void)state;
    resolver_set(true, "127.0.0.1", NULL);
    dial(fixture, there, RAFT_NOCONNECTION);
    assert_int_equal(dial_start(&fixture->dial, &fixture->dialler, there), 0);
    assert_int_equal(resolver.n_begun, 1);
    resolver_set(false, "127.0.0.1", NULL);
    assert_true(turn_until_count(fixture->loop, &fixture->dial.n_ended, 1));
    assert_int_equal(fixture->dial.status, 0);
    dial_close(&fixture->dial);

    resolver_set(true, "127.0.0.1", NULL);
    assert_int_equal(dial_start(&fixture->dial, &fixture->dialler, there), 0);
    side_close_transport(&fixture->dialler);
    assert_true(turn_until_count(fixture->loop, &fixture->dialler.n_closed, 1));
    assert_int_equal(fixture->dial.status, RAFT_CANCELED);
    rm__peer_transport_done(&fixture->dialler.transport);
    rm_peer_port_close(fixture->dialler.port);
    turn_a_little(fixture->loop);
    resolver_set(false, "127.0.0.1", NULL);
    assert_true(side_close(&fixture->listener, fixture->loop));
    rm_loop_free(fixture->loop);
    free(fixture);
}

static void test_two_shards(void **state)
{
    struct fixture *fixture = new_pair((struct side_setup){0});
    struct raft_uv_transport other = {.impl = NULL};

    (void)state;
    rm__peer_transport_done(&other);
    assert_int_equal(rm__peer_transport_init(fixture->listener.port, SIDE_SHARD, there, &other),
                     RM_EEXIST);
    assert_int_equal(rm__peer_transport_init(fixture->listener.port, SIDE_SHARD + 1, there, &other),
                     0);
    dial(fixture, there, 0);
    /* Raft never began with it, and does not close it. */
    rm__peer_transport_done(&other);
    assert_null(other.impl);
    assert_int_equal(rm__peer_transport_init(fixture->listener.port, SIDE_SHARD + 1, there, &other),
                     0);
    rm__peer_transport_done(&other);
    free_fixture(fixture);
}

static void test_listen_errors(void **state)
{
    struct fixture *fixture = new_pair((struct side_setup){0});
    struct rm_peer_port_options options = {
        .listen = "127.0.0.1", .port = fixture->listener.number, .secret = SIDE_SECRET};
    struct rm_peer_port *port = NULL;
    uv_loop_t *loop = rm_loop_uv(fixture->loop);

    (void)state;
    assert_int_equal(rm_peer_port_new(loop, &options, &port), RM_EBUSY);
    options.listen = "no address";
    assert_int_equal(rm_peer_port_new(loop, &options, &port), RM_EINVAL);
    options.listen = "192.0.2.1"; /* nobody's: RFC 5737 */
    assert_int_equal(rm_peer_port_new(loop, &options, &port), RM_EINVAL);
    assert_null(port);
    options.listen = "localhost";
    options.port = 0;
    assert_int_equal(rm_peer_port_new(loop, &options, &port), 0);
    assert_true(rm_peer_port_number(port) != 0);
    rm_peer_port_close(port);
    rm_peer_port_close(NULL);
    free_fixture(fixture);
}

/* ---- memory ---- */

static int n_mallocs_left;

static void *heap_malloc(void *data, size_t size)
{
    (void)data;
    return n_mallocs_left-- > 0 ? malloc(size) : NULL;
}

static void heap_free(void *data, void *block)
{
    (void)data;
    free(block);
}

/* Neither side is lost for good where there is no memory for a stream. */
static void test_out_of_memory(void **state)
{
    static struct raft_heap heap = {.malloc = heap_malloc, .free = heap_free};
    struct fixture *fixture = new_pair((struct side_setup){0});
    struct raw_socket raws[2];

    (void)state;
    n_mallocs_left = 0;
    raft_heap_set(&heap);
    assert_int_equal(dial_start(&fixture->dial, &fixture->dialler, there), RAFT_NOMEM);
    for (int i = 0; i < 2; i++) {
        assert_true(raw_connect(&raws[i], fixture->listener.number));
    }
    for (int i = 0; i < 2; i++) {
        assert_true(raw_wait_for(fixture->loop, &raws[i], NULL, 1));
        raw_close(&raws[i]);
    }
    raft_heap_set_default();
    dial(fixture, there, 0);
    free_fixture(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_met),
        cmocka_unit_test(test_meeting_not_recorded),
        cmocka_unit_test(test_other_secret),
        cmocka_unit_test(test_other_cluster),
        cmocka_unit_test(test_stale_receiver),
        cmocka_unit_test(test_unknown_receiver),
        cmocka_unit_test(test_closed_port),
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_impostor),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_no_welcome),
        cmocka_unit_test(test_close_in_each_stage),
        cmocka_unit_test(test_close_behind_the_end),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_two_addresses),
        cmocka_unit_test(test_one_look_up),
        cmocka_unit_test(test_slow_look_up),
        cmocka_unit_test(test_two_shards),
        cmocka_unit_test(test_listen_errors),
        cmocka_unit_test(test_out_of_memory),
    };

    uv_mutex_init(&resolver.mutex);
    uv_cond_init(&resolver.changed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
