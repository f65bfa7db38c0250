/* Three replicas of a shard in one process, each with a host, a port and a disk of its own: real
 * C-Raft, real files, real sockets on the loopback. The state machine is a list of numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "../../src/raft/replica_internal.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/raft/rebuild.h"
#include "raftmetrics/raft/replica.h"
#include "raftmetrics/raft/watermarks.h"

enum { N = 3, NUMBERS_MAX = 1 << 20, CLUSTER = 77, SPIN_MS = 60 * 1000, START_MS = 1000000 };

/* ---- the state machine ---- */

struct numbers {
    uint64_t n;
    uint64_t *items;
    int64_t time_ms; /* of the last entry */
    unsigned n_led;
    bool is_short_of_memory;
};

static void numbers_apply(void *data, int64_t time_ms, struct rm_slice body,
                          struct rm_buffer *result)
{
    struct numbers *numbers = data;

    assert_true(time_ms >= numbers->time_ms);
    numbers->time_ms = time_ms;
    assert_true(numbers->n < NUMBERS_MAX);
    memcpy(&numbers->items[numbers->n++], body.data, sizeof numbers->items[0]);
    assert_int_equal(rm_buffer_append(result, &numbers->n, sizeof numbers->n), 0);
}

/* Whole after so many calls. */
enum { N_GATHERINGS = 10000 };

struct numbers_image {
    struct rm_image image;
    struct rm_slice piece;
    uint64_t *bytes;
    int n_gathered;
};

static int numbers_gather(struct rm_image *image, size_t n_steps, bool *ret_is_whole)
{
    struct numbers_image *self = (struct numbers_image *)(void *)image;

    assert_true(n_steps > 0);
    *ret_is_whole = ++self->n_gathered >= N_GATHERINGS;
    if (*ret_is_whole) {
        image->pieces = &self->piece;
        image->n_pieces = 1;
        image->n_bytes = self->piece.len;
    }
    return 0;
}

static void numbers_release(struct rm_image *image)
{
    struct numbers_image *self = (struct numbers_image *)(void *)image;

    free(self->bytes);
    free(self);
}

static struct rm_image *numbers_freeze(void *data)
{
    const struct numbers *numbers = data;
    struct numbers_image *self = numbers->is_short_of_memory ? NULL : calloc(1, sizeof *self);
    size_t size = (numbers->n + 1) * sizeof(uint64_t);

    if (self == NULL) {
        return NULL;
    }
    self->bytes = malloc(size);
    self->bytes[0] = numbers->n;
    memcpy(self->bytes + 1, numbers->items, size - sizeof(uint64_t));
    self->piece = rm_slice_make(self->bytes, size);
    self->image.gather = numbers_gather;
    self->image.release = numbers_release;
    return &self->image;
}

static int numbers_restore(void *data, struct rm_blob *blob, struct rm_slice bytes)
{
    struct numbers *numbers = data;
    uint64_t n;

    (void)blob;
    memcpy(&n, bytes.data, sizeof n);
    if (bytes.len != (n + 1) * sizeof n) {
        return RM_ECORRUPT;
    }
    numbers->n = n;
    memcpy(numbers->items, bytes.data + sizeof n, n * sizeof n);
    return 0;
}

static uint64_t numbers_hash(const void *data)
{
    const struct numbers *numbers = data;
    uint64_t hash = numbers->n;

    for (uint64_t i = 0; i < numbers->n; i++) {
        hash = hash * 31 + numbers->items[i];
    }
    return hash;
}

static uint64_t numbers_size(const void *data)
{
    return ((const struct numbers *)data)->n * sizeof(uint64_t);
}

static void numbers_lead(void *data)
{
    ((struct numbers *)data)->n_led++;
}

/* ---- the cluster ---- */

struct node {
    uint32_t id;
    char dir[64];
    struct rm_peer_port *port;
    struct rm_replica_host *host;
    struct rm_replica *replica;
    struct numbers numbers;
    bool is_closed;
};

struct cluster {
    uv_loop_t loop;
    uv_timer_t watchdog;
    bool is_late;
    struct node nodes[N];
    struct rm_peer_address addresses[N];
    uint64_t max_log_bytes;
    uint64_t next;
    struct rm_session session;
};

static int on_met(void *data, uint32_t worker)
{
    (void)data;
    (void)worker;
    return 0;
}

static void on_refused(void *data, const char *address, const char *reason)
{
    (void)data;
    (void)address;
    (void)reason;
}

static void on_fatal(void *data, const char *sentence)
{
    (void)data;
    fail_msg("fatal: %s", sentence);
}

/* ---- the clock: in place of libuv's, so that it can stand still and jump with a paused process */

static uint64_t paused_ms;

uint64_t uv_now(const uv_loop_t *loop)
{
    return loop->time + paused_ms;
}

static void on_late(uv_timer_t *timer)
{
    ((struct cluster *)timer->data)->is_late = true;
}

/* Runs the loop until @done says so. */
#define SPIN_UNTIL(cluster, done)                                                                  \
    do {                                                                                           \
        (cluster)->is_late = false;                                                                \
        uv_timer_start(&(cluster)->watchdog, on_late, SPIN_MS, 0);                                 \
        while (!(done) && !(cluster)->is_late) {                                                   \
            uv_run(&(cluster)->loop, UV_RUN_ONCE);                                                 \
        }                                                                                          \
        uv_timer_stop(&(cluster)->watchdog);                                                       \
        assert_false((cluster)->is_late);                                                          \
    } while (0)

static void open_node(struct cluster *cluster, struct node *node)
{
    uint16_t port = cluster->addresses[node->id - 1].port;
    struct rm_peer_port_options port_options = {
        .listen = "127.0.0.1",
        .port = port,
        .cluster = CLUSTER,
        .secret = "a secret of eight and more",
        .peers = cluster->addresses,
        .n_peers = N,
        .met = on_met,
        .refused = on_refused,
    };
    struct rm_replica_host_options host_options = {
        .loop = &cluster->loop,
        .data_dir = node->dir,
        .max_log_bytes = cluster->max_log_bytes,
        .fatal = on_fatal,
    };

    assert_int_equal(rm_peer_port_new(&cluster->loop, &port_options, &node->port), 0);
    cluster->addresses[node->id - 1].port = rm_peer_port_number(node->port);
    host_options.port = node->port;
    assert_int_equal(rm_replica_host_new(&host_options, &node->host), 0);
}

static int start_replica(struct node *node, uint32_t incarnation, bool is_member)
{
    static const struct rm_replica_id members[N] = {{1, 1}, {2, 1}, {3, 1}};
    struct rm_replica_options options = {
        .host = node->host,
        .shard = 5,
        .self = {node->id, incarnation},
        .members = members,
        .n_members = is_member ? N : 0,
    };
    struct rm_state_machine machine = {.apply = numbers_apply,
                                       .freeze = numbers_freeze,
                                       .restore = numbers_restore,
                                       .hash = numbers_hash,
                                       .size = numbers_size,
                                       .lead = numbers_lead,
                                       .data = &node->numbers};

    node->numbers.n = 0;
    node->numbers.time_ms = 0;
    assert_int_equal(rm_replica_new(&options, &machine, &node->replica), 0);
    return rm_replica_start(node->replica);
}

static void on_closed(void *data)
{
    struct node *node = data;

    node->is_closed = true;
}

static void close_replica(struct cluster *cluster, struct node *node)
{
    if (node->replica == NULL) {
        return;
    }
    node->is_closed = false;
    rm_replica_close(node->replica, on_closed, node);
    node->replica = NULL;
    SPIN_UNTIL(cluster, node->is_closed);
}

static void close_node(struct cluster *cluster, struct node *node)
{
    close_replica(cluster, node);
    rm_replica_host_close(node->host);
    rm_peer_port_close(node->port);
    node->host = NULL;
    node->port = NULL;
}

static struct cluster *cluster_new(uint64_t max_log_bytes)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);

    assert_int_equal(uv_loop_init(&cluster->loop), 0);
    uv_timer_init(&cluster->loop, &cluster->watchdog);
    cluster->watchdog.data = cluster;
    cluster->max_log_bytes = max_log_bytes;
    cluster->session = (struct rm_session){1, 2};
    for (uint32_t i = 0; i < N; i++) {
        cluster->addresses[i] = (struct rm_peer_address){.worker = i + 1, .host = "127.0.0.1"};
    }
    for (uint32_t i = 0; i < N; i++) {
        struct node *node = &cluster->nodes[i];

        node->id = i + 1;
        node->numbers.items = calloc(NUMBERS_MAX, sizeof(uint64_t));
        snprintf(node->dir, sizeof node->dir, "/tmp/test_replica.XXXXXX");
        assert_non_null(mkdtemp(node->dir));
        open_node(cluster, node); /* first: the kernel picks the ports */
    }
    for (uint32_t i = 0; i < N; i++) {
        struct node *node = &cluster->nodes[i];

        /* Again, now that all ports are known. */
        close_node(cluster, node);
    }
    while (uv_run(&cluster->loop, UV_RUN_NOWAIT) != 0 && uv_loop_alive(&cluster->loop)) {
    }
    for (uint32_t i = 0; i < N; i++) {
        open_node(cluster, &cluster->nodes[i]);
    }
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(start_replica(&cluster->nodes[i], 1, true), 0);
    }
    return cluster;
}

static void remove_dir(const char *dir)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

static void cluster_free(struct cluster *cluster)
{
    for (uint32_t i = 0; i < N; i++) {
        if (cluster->nodes[i].host != NULL) {
            close_node(cluster, &cluster->nodes[i]);
        }
    }
    uv_close((uv_handle_t *)&cluster->watchdog, NULL);
    uv_run(&cluster->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&cluster->loop), 0);
    for (uint32_t i = 0; i < N; i++) {
        remove_dir(cluster->nodes[i].dir);
        free(cluster->nodes[i].numbers.items);
    }
    free(cluster);
}

static struct rm_replica_status status_of(const struct node *node)
{
    struct rm_replica_status status;

    rm_replica_status(node->replica, &status);
    return status;
}

static struct node *leader_of(struct cluster *cluster)
{
    for (uint32_t i = 0; i < N; i++) {
        struct node *node = &cluster->nodes[i];

        if (node->replica != NULL && status_of(node).is_leader) {
            return node;
        }
    }
    return NULL;
}

/* ---- proposing ---- */

struct answer {
    bool is_there;
    int status;
    uint64_t result;
};

static void on_proposed(int status, struct rm_slice result, void *data)
{
    struct answer *answer = data;

    *answer = (struct answer){.is_there = true, .status = status};
    if (status == 0 && result.len == sizeof answer->result) {
        memcpy(&answer->result, result.data, sizeof answer->result);
    }
}

/* Proposes @number in the session until it is applied: the same sequence again after an unknown
 * outcome, as a sender does. */
static struct answer record_at(struct cluster *cluster, int64_t now_ms, uint64_t number,
                               uint64_t sequence)
{
    struct answer answer;

    for (;;) {
        struct node *leader;
        int rv;

        SPIN_UNTIL(cluster, leader_of(cluster) != NULL);
        leader = leader_of(cluster);
        answer = (struct answer){0};
        rv = rm_replica_propose(leader->replica, now_ms, cluster->session, sequence,
                                rm_slice_make((const char *)&number, sizeof number), on_proposed,
                                &answer);
        if (rv != 0) {
            uv_run(&cluster->loop, UV_RUN_ONCE);
            continue;
        }
        SPIN_UNTIL(cluster, answer.is_there);
        if (answer.status != RM_EUNKNOWN && answer.status != RM_ENOTLEADER) {
            return answer;
        }
    }
}

static struct answer record(struct cluster *cluster, uint64_t number, uint64_t sequence)
{
    return record_at(cluster, START_MS, number, sequence);
}

static void open_session(struct cluster *cluster)
{
    struct answer answer = {.status = RM_EUNKNOWN};

    while (answer.status != 0) {
        SPIN_UNTIL(cluster, leader_of(cluster) != NULL);
        answer = (struct answer){.status = RM_EUNKNOWN};
        if (rm_replica_open_session(leader_of(cluster)->replica, START_MS, cluster->session,
                                    on_proposed, &answer) == 0) {
            SPIN_UNTIL(cluster, answer.is_there);
        }
    }
}

static void record_next(struct cluster *cluster, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct answer answer;

        cluster->next++;
        answer = record(cluster, cluster->next, cluster->next);
        assert_int_equal(answer.status, 0);
        assert_int_equal(answer.result, cluster->next);
    }
}

static bool have_all(struct cluster *cluster)
{
    for (uint32_t i = 0; i < N; i++) {
        const struct node *node = &cluster->nodes[i];

        if (node->replica != NULL && node->numbers.n != cluster->next) {
            return false;
        }
    }
    return true;
}

/* Every replica holds 1, 2, 3, … once and in order. */
static void assert_complete(struct cluster *cluster)
{
    SPIN_UNTIL(cluster, have_all(cluster));
    for (uint32_t i = 0; i < N; i++) {
        const struct node *node = &cluster->nodes[i];

        for (uint64_t j = 0; node->replica != NULL && j < node->numbers.n; j++) {
            assert_int_equal(node->numbers.items[j], j + 1);
        }
    }
}

/* ---- the tests ---- */

static void on_read(int status, void *data)
{
    struct answer *answer = data;

    *answer = (struct answer){.is_there = true, .status = status};
}

static void test_what_is_recorded_is_on_all_replicas(void **state)
{
    struct cluster *cluster = cluster_new(1 << 30);

    (void)state;
    open_session(cluster);
    record_next(cluster, 50);
    assert_complete(cluster);
    assert_int_equal(leader_of(cluster)->numbers.n_led, 1);
    cluster_free(cluster);
}

static void test_a_repetition_is_answered_and_not_applied(void **state)
{
    struct cluster *cluster = cluster_new(1 << 30);
    struct answer answer;

    (void)state;
    open_session(cluster);
    record_next(cluster, 3);
    answer = record(cluster, 99, 3);
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.result, 3);
    answer = record(cluster, 99, 2);
    assert_int_equal(answer.status, RM_ESTALE);
    cluster->session.low = 55;
    answer = record(cluster, 99, 4);
    assert_int_equal(answer.status, RM_ESESSION);
    assert_complete(cluster);
    cluster_free(cluster);
}

/* A leader whose clock is wrong must not turn time back, nor expire everything at once. */
static void test_an_entrys_time(void **state)
{
    static const struct {
        int64_t now_ms;
        int64_t entry_ms;
    } steps[] = {{START_MS + 5, START_MS + 5},
                 {START_MS - 100, START_MS + 5},
                 {START_MS + 60000, START_MS + 60000}};
    struct cluster *cluster = cluster_new(1 << 30);

    (void)state;
    open_session(cluster);
    for (uint64_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(record_at(cluster, steps[i].now_ms, i + 1, i + 1).status, 0);
        assert_int_equal(leader_of(cluster)->numbers.time_ms, steps[i].entry_ms);
    }
    cluster_free(cluster);
}

/* After an idle hour, or with a clock that is an hour ahead: what was noted a moment ago must not
 * expire because many entries follow it. */
static void test_many_entries_do_not_hurry_the_time(void **state)
{
    const int64_t now_ms = START_MS + 3600 * 1000;
    struct cluster *cluster = cluster_new(1 << 30);
    uint64_t began_ms = uv_hrtime() / 1000000;
    int64_t first_ms;
    int64_t passed_ms;

    (void)state;
    open_session(cluster);
    assert_int_equal(record_at(cluster, now_ms, 1, 1).status, 0);
    first_ms = leader_of(cluster)->numbers.time_ms;
    assert_in_range(first_ms - START_MS, 60 * 1000, 60 * 1000 + SPIN_MS);
    for (uint64_t i = 2; i <= 100; i++) {
        assert_int_equal(record_at(cluster, now_ms, i, i).status, 0);
    }
    passed_ms = (int64_t)(uv_hrtime() / 1000000 - began_ms);
    assert_true(leader_of(cluster)->numbers.time_ms - first_ms <= passed_ms);
    cluster_free(cluster);
}

/* Whoever leads next was there, and knows how long nothing was recorded: no time is lost by that,
 * or nothing would ever become as old as it is. */
static void test_idle_time_passes_under_the_next_leader(void **state)
{
    const int64_t idle_ms = 1800 * 1000;
    struct cluster *cluster = cluster_new(1 << 30);

    (void)state;
    open_session(cluster);
    record_next(cluster, 5);
    assert_complete(cluster);
    paused_ms += (uint64_t)idle_ms;
    close_node(cluster, leader_of(cluster));
    assert_int_equal(record_at(cluster, START_MS + idle_ms, 6, 6).status, 0);
    assert_int_equal(leader_of(cluster)->numbers.time_ms, START_MS + idle_ms);
    cluster_free(cluster);
}

static void test_the_leader_goes_and_comes_back(void **state)
{
    struct cluster *cluster = cluster_new(1 << 30);

    (void)state;
    open_session(cluster);
    for (int round = 0; round < 3; round++) {
        struct node *gone;

        record_next(cluster, 20);
        gone = leader_of(cluster);
        close_node(cluster, gone);
        record_next(cluster, 20);
        open_node(cluster, gone);
        assert_int_equal(start_replica(gone, 1, true), 0);
        record_next(cluster, 1);
        assert_complete(cluster);
    }
    cluster_free(cluster);
}

static void test_all_go_and_come_back(void **state)
{
    struct cluster *cluster = cluster_new(1 << 30);
    struct answer answer;

    (void)state;
    open_session(cluster);
    record_next(cluster, 100);
    for (uint32_t i = 0; i < N; i++) {
        close_node(cluster, &cluster->nodes[i]);
    }
    for (uint32_t i = 0; i < N; i++) {
        open_node(cluster, &cluster->nodes[i]);
        assert_int_equal(start_replica(&cluster->nodes[i], 1, true), 0);
    }
    answer = record(cluster, 99, 100); /* known from before */
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.result, 100);
    record_next(cluster, 1);
    assert_complete(cluster);
    cluster_free(cluster);
}

static bool has_snapshot(struct cluster *cluster, const struct node *but)
{
    for (uint32_t i = 0; i < N; i++) {
        const struct node *node = &cluster->nodes[i];

        if (node != but && status_of(node).snapshot_index == 0) {
            return false;
        }
    }
    return true;
}

/* The log is cut while one is away for long: it comes back by a snapshot, and all three restart
 * from theirs. */
static void test_snapshots(void **state)
{
    struct cluster *cluster = cluster_new(16 << 10);
    struct node *away;

    (void)state;
    open_session(cluster);
    record_next(cluster, 10);
    away = leader_of(cluster);
    close_node(cluster, away);
    record_next(cluster, 600);
    SPIN_UNTIL(cluster, has_snapshot(cluster, away));
    record_next(cluster, 600);
    open_node(cluster, away);
    assert_int_equal(start_replica(away, 1, true), 0);
    record_next(cluster, 1);
    assert_complete(cluster);
    for (uint32_t i = 0; i < N; i++) {
        close_node(cluster, &cluster->nodes[i]);
    }
    for (uint32_t i = 0; i < N; i++) {
        open_node(cluster, &cluster->nodes[i]);
        assert_int_equal(start_replica(&cluster->nodes[i], 1, true), 0);
    }
    record_next(cluster, 1);
    assert_complete(cluster);
    cluster_free(cluster);
}

static void set_memory(struct cluster *cluster, bool is_short)
{
    for (uint32_t i = 0; i < N; i++) {
        cluster->nodes[i].numbers.is_short_of_memory = is_short;
    }
}

static bool have_failed_twice(const struct cluster *cluster)
{
    for (uint32_t i = 0; i < N; i++) {
        const struct rm_disk_stats *stats = rm_replica_host_disk_stats(cluster->nodes[i].host);

        if (rm_counter_read(&stats->n_failed_snapshots) < 2) {
            return false;
        }
    }
    return true;
}

static void test_a_snapshot_that_finds_no_memory_is_tried_again(void **state)
{
    struct cluster *cluster = cluster_new(16 << 10);

    (void)state;
    open_session(cluster);
    set_memory(cluster, true);
    record_next(cluster, 600);
    SPIN_UNTIL(cluster, have_failed_twice(cluster));
    set_memory(cluster, false);
    record_next(cluster, 1);
    SPIN_UNTIL(cluster, has_snapshot(cluster, NULL));
    assert_complete(cluster);
    cluster_free(cluster);
}

/* Barriers fill a log too. */
static void test_reads_alone_do_not_grow_the_log(void **state)
{
    struct cluster *cluster = cluster_new(16 << 10);

    (void)state;
    open_session(cluster);
    record_next(cluster, 1);
    while (status_of(leader_of(cluster)).snapshot_index == 0) {
        struct answer answer = {0};

        rm_replica_read(leader_of(cluster)->replica, RM_READ_LINEARIZABLE, on_read, &answer);
        SPIN_UNTIL(cluster, answer.is_there);
        assert_int_equal(answer.status, 0);
        assert_in_range(status_of(leader_of(cluster)).last_index, 0, 5000);
    }
    cluster_free(cluster);
}

static bool are_hashes_equal(struct cluster *cluster)
{
    struct rm_state_hash hashes[N][RM_HASHES];

    for (uint32_t i = 0; i < N; i++) {
        rm_replica_hashes(cluster->nodes[i].replica, hashes[i]);
        if (hashes[i][0].index == 0 || hashes[i][0].index != hashes[0][0].index) {
            return false;
        }
        assert_int_equal(hashes[i][0].hash, hashes[0][0].hash);
    }
    return true;
}

static void test_replicas_have_the_same_hashes(void **state)
{
    struct cluster *cluster = cluster_new(1 << 30);

    (void)state;
    open_session(cluster);
    record_next(cluster, RM_HASH_PERIOD + 10);
    SPIN_UNTIL(cluster, are_hashes_equal(cluster));
    cluster_free(cluster);
}

static void test_reads(void **state)
{
    struct cluster *cluster = cluster_new(1 << 30);
    struct answer answers[3] = {0};
    struct node *leader;

    (void)state;
    open_session(cluster);
    record_next(cluster, 5);
    assert_complete(cluster);
    leader = leader_of(cluster);
    for (uint32_t i = 0; i < N; i++) {
        struct node *node = &cluster->nodes[i];

        rm_replica_read(node->replica, RM_READ_NONE, on_read, &answers[0]);
        rm_replica_read(node->replica, RM_READ_WEAK, on_read, &answers[1]);
        rm_replica_read(node->replica, RM_READ_LINEARIZABLE, on_read, &answers[2]);
        SPIN_UNTIL(cluster, answers[2].is_there);
        assert_int_equal(answers[0].status, 0);
        assert_int_equal(answers[1].status, node == leader ? 0 : RM_ENOTLEADER);
        assert_int_equal(answers[2].status, node == leader ? 0 : RM_ENOTLEADER);
        memset(answers, 0, sizeof answers);
    }
    cluster_free(cluster);
}

static void test_a_transfer(void **state)
{
    struct cluster *cluster = cluster_new(1 << 30);
    struct node *heir;

    (void)state;
    open_session(cluster);
    record_next(cluster, 5);
    assert_complete(cluster);
    heir = &cluster->nodes[leader_of(cluster)->id % N];
    assert_int_equal(rm_replica_transfer(leader_of(cluster)->replica, heir->id), 0);
    SPIN_UNTIL(cluster, status_of(heir).is_leader);
    record_next(cluster, 5);
    assert_complete(cluster);
    cluster_free(cluster);
}

/* A replica that lost its disk comes back under a new id. */
static void test_admission(void **state)
{
    struct cluster *cluster = cluster_new(16 << 10);
    struct node *lost;
    struct rm_replica_id id;
    struct rm_replica_member members[RM_MEMBERS_MAX];

    (void)state;
    open_session(cluster);
    record_next(cluster, 600);
    SPIN_UNTIL(cluster, has_snapshot(cluster, NULL));
    lost = &cluster->nodes[leader_of(cluster)->id % N];
    close_node(cluster, lost);
    remove_dir(lost->dir);
    assert_int_equal(mkdir(lost->dir, 0700), 0);
    record_next(cluster, 5);
    open_node(cluster, lost);
    assert_int_equal(start_replica(lost, 4711, false), 0);
    assert_int_equal(status_of(lost).role, RM_ROLE_JOINING);
    id = (struct rm_replica_id){lost->id, 4711};
    while (rm_replica_admit(leader_of(cluster)->replica, id) != 0) {
        uv_run(&cluster->loop, UV_RUN_ONCE);
        SPIN_UNTIL(cluster, leader_of(cluster) != NULL);
    }
    record_next(cluster, 5);
    assert_complete(cluster);
    assert_int_equal(status_of(lost).role, RM_ROLE_FOLLOWER);
    assert_int_equal(rm_replica_members(leader_of(cluster)->replica, members), N);
    for (size_t i = 0; i < N; i++) {
        assert_true(members[i].is_voter);
    }
    cluster_free(cluster);
}

/* Whoever leads meanwhile is asked again, and hands on where it is to go itself. */
static bool is_replaced(struct cluster *cluster, struct rm_replica_id id)
{
    struct node *leader = leader_of(cluster);

    if (leader == NULL || rm_replica_has_replaced(leader->replica, id)) {
        return leader != NULL;
    }
    if (leader->id == id.worker) {
        (void)rm_replica_transfer(leader->replica, 0);
    } else {
        (void)rm_replica_admit(leader->replica, id);
    }
    return false;
}

/* Its removal is in the leader's log only, and waits for one who is away: the leader may be lost
 * before that one comes back, and then the shard needs whom it was to remove. */
static void test_a_removal_counts_once_it_is_committed(void **state)
{
    struct cluster *cluster = cluster_new(1 << 20);
    struct node *leader;
    struct node *away;
    struct rm_replica_id id;
    struct rm_replica_member members[RM_MEMBERS_MAX];

    (void)state;
    open_session(cluster);
    record_next(cluster, 5);
    assert_complete(cluster);
    leader = leader_of(cluster);
    id = (struct rm_replica_id){cluster->nodes[leader->id % N].id, 4711};
    away = &cluster->nodes[(leader->id + 1) % N];
    close_node(cluster, away);
    assert_false(rm_replica_has_replaced(leader->replica, id));
    assert_int_equal(rm_replica_admit(leader->replica, id), RM_EBUSY);
    assert_int_equal(rm_replica_members(leader->replica, members), N - 1);
    assert_false(rm_replica_has_replaced(leader->replica, id));
    open_node(cluster, away);
    assert_int_equal(start_replica(away, 1, false), 0);
    SPIN_UNTIL(cluster, is_replaced(cluster, id));
    cluster_free(cluster);
}

/* One who does not take part yet, and is not there. */
static void add_stranger(struct cluster *cluster, uint32_t worker)
{
    const struct rm_replica_id id = {worker, 4711};

    SPIN_UNTIL(cluster, leader_of(cluster) != NULL);
    assert_int_equal(rm_replica_admit(leader_of(cluster)->replica, id), RM_EBUSY);
    SPIN_UNTIL(cluster, is_replaced(cluster, id));
}

static bool knows_strangers(const struct node *node)
{
    const struct raft *raft = &node->replica->raft;

    return raft->configuration_committed.n == N + 2 && raft->configuration_uncommitted_index == 0;
}

/* Who was away gets all of them together, and that they are committed. */
static void test_changes_that_come_at_once(void **state)
{
    struct cluster *cluster = cluster_new(1 << 30);
    struct node *away;

    (void)state;
    open_session(cluster);
    record_next(cluster, 5);
    assert_complete(cluster);
    away = &cluster->nodes[leader_of(cluster)->id % N];
    close_node(cluster, away);
    record_next(cluster, 5);
    add_stranger(cluster, N + 1);
    record_next(cluster, 5);
    add_stranger(cluster, N + 2);
    record_next(cluster, 5);
    open_node(cluster, away);
    assert_int_equal(start_replica(away, 1, true), 0);
    assert_complete(cluster);
    SPIN_UNTIL(cluster, knows_strangers(away));
    cluster_free(cluster);
}

/* A change is applied, and C-Raft has not noted it yet. */
static void test_a_snapshot_waits_for_the_members(void **state)
{
    struct cluster *cluster = cluster_new(1 << 30);
    struct rm_replica *replica;
    struct raft_buffer *buffers;
    unsigned n_buffers;

    (void)state;
    open_session(cluster);
    record_next(cluster, 5);
    replica = leader_of(cluster)->replica;
    replica->raft.configuration_uncommitted_index = replica->raft.last_applied;
    assert_int_equal(replica->fsm.snapshot(&replica->fsm, &buffers, &n_buffers), RAFT_BUSY);
    replica->raft.configuration_uncommitted_index = replica->raft.last_applied + 1;
    assert_int_equal(replica->fsm.snapshot(&replica->fsm, &buffers, &n_buffers), 0);
    assert_int_equal(replica->fsm.snapshot_finalize(&replica->fsm, &buffers, &n_buffers), 0);
    replica->raft.configuration_uncommitted_index = 0;
    cluster_free(cluster);
}

/* The disk has answered meanwhile, and only the process has not seen it yet: the watch is due in
 * the same turn of the loop, and comes first. */
static void test_a_pause_is_no_fault_of_the_disk(void **state)
{
    struct cluster *cluster = cluster_new(1 << 20);
    const uint64_t number = 1;
    struct answer answer = {0};

    (void)state;
    open_session(cluster);
    SPIN_UNTIL(cluster, leader_of(cluster) != NULL);
    assert_int_equal(rm_replica_propose(leader_of(cluster)->replica, START_MS, cluster->session, 1,
                                        rm_slice_make((const char *)&number, sizeof number),
                                        on_proposed, &answer),
                     0);
    paused_ms += 11 * 1000;
    usleep(600 * 1000); /* longer than the watch's period */
    SPIN_UNTIL(cluster, answer.is_there);
    cluster_free(cluster);
}

/* ---- rebuilding ---- */

static struct rm_replica_files files_of(const struct node *node, uint32_t incarnation)
{
    return (struct rm_replica_files){
        .data_dir = node->dir, .shard = 5, .self = {node->id, incarnation}};
}

static struct cluster *cluster_stopped(void)
{
    struct cluster *cluster = cluster_new(16 << 10);

    open_session(cluster);
    record_next(cluster, 600);
    SPIN_UNTIL(cluster, has_snapshot(cluster, NULL));
    record_next(cluster, 5);
    assert_complete(cluster);
    for (uint32_t i = 0; i < N; i++) {
        close_node(cluster, &cluster->nodes[i]);
    }
    while (uv_run(&cluster->loop, UV_RUN_NOWAIT) != 0 && uv_loop_alive(&cluster->loop)) {
    }
    return cluster;
}

static void come_back_anew(struct cluster *cluster, struct node *node)
{
    struct rm_replica_id id = {node->id, 4711};

    remove_dir(node->dir);
    assert_int_equal(mkdir(node->dir, 0700), 0);
    open_node(cluster, node);
    assert_int_equal(start_replica(node, id.incarnation, false), 0);
    while (rm_replica_admit(leader_of(cluster)->replica, id) != 0) {
        uv_run(&cluster->loop, UV_RUN_ONCE);
        SPIN_UNTIL(cluster, leader_of(cluster) != NULL);
    }
}

static void test_a_rebuilt_replica_leads_alone_and_takes_others_in(void **state)
{
    struct cluster *cluster = cluster_stopped();
    struct node *left = &cluster->nodes[0];
    struct rm_replica_files files = files_of(left, 1);
    const struct rm_replica_id as = {left->id, 77};
    struct rm_replica_extent before;
    struct rm_replica_extent after;
    char reason[RM_REBUILD_REASON_MAX];

    (void)state;
    assert_int_equal(rm_replica_survey(&files, &before, reason), 0);
    assert_true(before.snapshot_index > 0 && before.last_index > 600);
    assert_int_equal(rm_replica_rebuild(&files, as, &after, reason), 0);
    assert_int_equal(after.last_index, before.last_index + 1);
    assert_int_equal(after.last_term, before.last_term);
    assert_true(after.term >= before.term + 1000);
    /* interrupted, and again */
    assert_int_equal(rm_replica_rebuild(&files, as, &after, reason), 0);
    assert_int_equal(after.last_index, before.last_index + 2);

    open_node(cluster, left);
    assert_int_equal(start_replica(left, as.incarnation, false), 0);
    record_next(cluster, 5);
    assert_int_equal(status_of(left).term, after.term);
    come_back_anew(cluster, &cluster->nodes[1]);
    come_back_anew(cluster, &cluster->nodes[2]);
    record_next(cluster, 5);
    assert_complete(cluster);
    cluster_free(cluster);
}

/* As if the node had once had an entry more. */
static void mark_further(const struct node *node, const struct rm_replica_extent *extent)
{
    const struct rm_watermark mark = {5, 1, extent->last_index + 1, extent->last_term};
    char path[128];

    snprintf(path, sizeof path, "%s/watermarks", node->dir);
    assert_int_equal(rm_watermarks_write(path, &mark, 1), 0);
}

/* All segments. */
static void cut_log(const struct node *node)
{
    char command[256];

    snprintf(command, sizeof command, "rm -f '%s'/shard-5/open-* '%s'/shard-5/0*-0*", node->dir,
             node->dir);
    assert_int_equal(system(command), 0);
}

static void test_what_is_not_rebuilt(void **state)
{
    struct cluster *cluster = cluster_stopped();
    struct rm_replica_files files[N];
    const struct rm_replica_id as = {1, 77};
    struct rm_replica_extent extent;
    char reason[RM_REBUILD_REASON_MAX];
    char path[128];

    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        files[i] = files_of(&cluster->nodes[i], 1);
    }
    assert_int_equal(rm_replica_survey(&files[0], &extent, reason), 0);
    mark_further(&cluster->nodes[0], &extent);
    assert_int_equal(rm_replica_rebuild(&files[0], as, &extent, reason), RM_ECORRUPT);
    assert_non_null(strstr(reason, "has lost it"));

    snprintf(path, sizeof path, "%s/shard-5/vote", cluster->nodes[1].dir);
    assert_int_equal(truncate(path, 31), 0);
    assert_int_equal(rm_replica_survey(&files[1], &extent, reason), RM_ECORRUPT);
    assert_string_equal(reason, "the file of its term and vote is damaged");

    files[2].shard = 6;
    assert_int_equal(rm_replica_survey(&files[2], &extent, reason), RM_ENOTFOUND);
    files[2].shard = 5;
    assert_int_equal(rm_replica_rebuild(&files[2], (struct rm_replica_id){3, 77}, &extent, reason),
                     0);
    /* What it has as the only voter, it must not lose either. */
    files[2].self.incarnation = 77;
    cut_log(&cluster->nodes[2]);
    assert_int_equal(rm_replica_survey(&files[2], &extent, reason), RM_ECORRUPT);
    assert_non_null(strstr(reason, "has lost it"));

    snprintf(path, sizeof path, "%s/watermarks", cluster->nodes[2].dir);
    assert_int_equal(truncate(path, 17), 0);
    assert_int_equal(rm_replica_survey(&files[2], &extent, reason), RM_ECORRUPT);
    assert_non_null(strstr(reason, "watermarks"));
    cluster_free(cluster);
}

/* The last segment, as one that was being written when the process died; a byte in it flipped. */
static void damage_last_segment(const struct node *node)
{
    char command[512];

    snprintf(command, sizeof command,
             "cd '%s/shard-5' && last=$(ls | grep '^0' | tail -1) && mv \"$last\" open-1 && "
             "printf '\\377%%.0s' 1 2 3 4 5 6 7 8 | dd of=open-1 bs=1 conv=notrunc status=none "
             "seek=$(($(stat -c %%s open-1) / 2)) && rm -f ../watermarks",
             node->dir);
    assert_int_equal(system(command), 0);
}

/* C-Raft cuts the segment when it loads it for the first time. */
static void test_what_was_cut_off_stays_missed(void **state)
{
    struct cluster *cluster = cluster_stopped();
    const struct rm_replica_files files = files_of(&cluster->nodes[0], 1);
    struct rm_replica_extent extent;
    char reason[RM_REBUILD_REASON_MAX];

    (void)state;
    damage_last_segment(&cluster->nodes[0]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rm_replica_survey(&files, &extent, reason), RM_ECORRUPT);
        assert_non_null(strstr(reason, "an open segment is damaged before entry"));
    }
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_recorded_is_on_all_replicas),
        cmocka_unit_test(test_a_repetition_is_answered_and_not_applied),
        cmocka_unit_test(test_an_entrys_time),
        cmocka_unit_test(test_many_entries_do_not_hurry_the_time),
        cmocka_unit_test(test_idle_time_passes_under_the_next_leader),
        cmocka_unit_test(test_the_leader_goes_and_comes_back),
        cmocka_unit_test(test_all_go_and_come_back),
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_a_snapshot_that_finds_no_memory_is_tried_again),
        cmocka_unit_test(test_reads_alone_do_not_grow_the_log),
        cmocka_unit_test(test_replicas_have_the_same_hashes),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_a_transfer),
        cmocka_unit_test(test_admission),
        cmocka_unit_test(test_a_removal_counts_once_it_is_committed),
        cmocka_unit_test(test_changes_that_come_at_once),
        cmocka_unit_test(test_a_snapshot_waits_for_the_members),
        cmocka_unit_test(test_a_pause_is_no_fault_of_the_disk),
        cmocka_unit_test(test_a_rebuilt_replica_leads_alone_and_takes_others_in),
        cmocka_unit_test(test_what_is_not_rebuilt),
        cmocka_unit_test(test_what_was_cut_off_stays_missed),
    };

    signal(SIGPIPE, SIG_IGN); /* a peer may be gone; the daemons do the same */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
