/* The guard between C-Raft and libuv, all three real: a replica that is its cluster's only one. It
 * comes back as it was, and whichever bit of its files is flipped, it does so or does not start. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/raft/entry.h"
#include "../../src/raft/io_guard.h"
#include "../../src/raft/snapshot_header.h"
#include "raftmetrics/base/error.h"
#include "random.h"

enum {
    LAST_TERM = 5,
    N_FLIPS = 8, /* of each file */
    TURNS_MAX = 2000,
    FILE_MAX = 1 << 20,
    SNAPSHOT_BYTES = RM__SNAPSHOT_HEADER_BYTES + 8
};

/* The state is a number, to which every command adds what it carries. */
struct replica {
    struct raft raft;
    struct raft_fsm fsm;
    struct raft_uv_transport transport;
    struct raft_io uv_io;
    struct rm__io_guard guard;
    uint64_t sum;
    uint64_t n_snapshots;
    char snapshot[SNAPSHOT_BYTES]; /* that is being taken */
    struct raft_buffer buffer;     /* of it */
    unsigned n_turns;              /* in which it is gathered */
    unsigned n_turns_left;
    unsigned n_sealed;
    uv_sem_t *may_seal; /* NULL: at once */
    bool is_closed;
    bool is_applied;
};

static uv_loop_t loop;
static char dir[64];

/* ---- a transport that reaches nobody ---- */

static int transport_init(struct raft_uv_transport *transport, raft_id id, const char *address)
{
    (void)transport;
    (void)id;
    (void)address;
    return 0;
}

static int transport_listen(struct raft_uv_transport *transport, raft_uv_accept_cb cb)
{
    (void)transport;
    (void)cb;
    return 0;
}

static int transport_connect(struct raft_uv_transport *transport, struct raft_uv_connect *req,
                             raft_id id, const char *address, raft_uv_connect_cb cb)
{
    (void)transport;
    (void)req;
    (void)id;
    (void)address;
    (void)cb;
    return RAFT_NOCONNECTION;
}

static void transport_close(struct raft_uv_transport *transport, raft_uv_transport_close_cb cb)
{
    cb(transport);
}

/* ---- the state machine ---- */

static int apply(struct raft_fsm *fsm, const struct raft_buffer *buf, void **result)
{
    struct replica *replica = fsm->data;
    struct rm__entry entry;
    uint64_t number;

    assert_int_equal(rm__entry_decode(rm_slice_make(buf->base, buf->len), &entry), 0);
    assert_int_equal(entry.body.len, sizeof number);
    memcpy(&number, entry.body.data, sizeof number);
    replica->sum += number;
    *result = NULL;
    return 0;
}

static int take_snapshot(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n_bufs)
{
    struct replica *replica = fsm->data;
    const struct rm__snapshot_header header = {0};
    const struct rm_slice rest = rm_slice_make(&replica->sum, sizeof replica->sum);

    rm__snapshot_header_encode(&header, &rest, 1, replica->snapshot);
    memcpy(replica->snapshot + RM__SNAPSHOT_HEADER_BYTES, rest.data, rest.len);
    *bufs = NULL;
    *n_bufs = 0;
    replica->n_snapshots++;
    replica->n_turns_left = replica->n_turns;
    return 0;
}

static int gather(void *data, bool *ret_is_whole)
{
    struct replica *replica = data;

    assert_true(replica->n_turns_left > 0); /* not once it was whole */
    *ret_is_whole = --replica->n_turns_left == 0;
    return 0;
}

static int seal(void *data, struct raft_buffer **ret_bufs, unsigned *ret_n_bufs)
{
    struct replica *replica = data;

    if (replica->may_seal != NULL) {
        uv_sem_wait(replica->may_seal);
    }
    replica->buffer = (struct raft_buffer){.base = replica->snapshot, .len = SNAPSHOT_BYTES};
    *ret_bufs = &replica->buffer;
    *ret_n_bufs = 1;
    replica->n_sealed++;
    return 0;
}

static int finalize_snapshot(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n_bufs)
{
    struct replica *replica = fsm->data;

    memset(replica->snapshot, 0, sizeof replica->snapshot);
    *bufs = NULL;
    *n_bufs = 0;
    return 0;
}

static int restore(struct raft_fsm *fsm, struct raft_buffer *buf)
{
    struct replica *replica = fsm->data;

    assert_int_equal(buf->len, SNAPSHOT_BYTES);
    memcpy(&replica->sum, (const char *)buf->base + RM__SNAPSHOT_HEADER_BYTES, sizeof replica->sum);
    raft_free(buf->base);
    return 0;
}

static void fatal(void *data, const char *sentence)
{
    (void)data;
    fail_msg("%s", sentence);
}

/* ---- its life ---- */

/* What raft_init returns. */
static int open_replica(struct replica *replica)
{
    memset(replica, 0, sizeof *replica);
    replica->n_turns = 3;
    replica->transport = (struct raft_uv_transport){.version = 1,
                                                    .init = transport_init,
                                                    .listen = transport_listen,
                                                    .connect = transport_connect,
                                                    .close = transport_close};
    replica->fsm = (struct raft_fsm){.version = 2,
                                     .data = replica,
                                     .apply = apply,
                                     .snapshot = take_snapshot,
                                     .restore = restore,
                                     .snapshot_finalize = finalize_snapshot};
    assert_int_equal(raft_uv_init(&replica->uv_io, &loop, dir, &replica->transport), 0);
    raft_uv_set_auto_recovery(&replica->uv_io, false);
    raft_uv_set_segment_size(&replica->uv_io, 64L * 1024);
    raft_uv_set_tracer(&replica->uv_io, NULL);
    replica->guard.dir = dir;
    replica->guard.tick_ms = 50;
    replica->guard.fatal = fatal;
    replica->guard.maker = (struct rm__snapshot_maker){.gather = gather, .seal = seal};
    replica->guard.data = replica;
    assert_int_equal(rm__io_guard_init(&replica->guard, &replica->uv_io, &loop), 0);
    return raft_init(&replica->raft, &replica->guard.io, &replica->fsm, 1, "one");
}

static void done_replica(struct replica *replica)
{
    rm__io_guard_done(&replica->guard);
    raft_uv_close(&replica->uv_io);
}

static void on_closed(struct raft *raft)
{
    struct replica *replica = raft->data;

    replica->is_closed = true;
}

static void close_replica(struct replica *replica)
{
    replica->raft.data = replica;
    raft_close(&replica->raft, on_closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(replica->is_closed);
    done_replica(replica);
}

static int start_replica(struct replica *replica)
{
    raft_set_capacity_threshold(&replica->raft, 1); /* of a log that the guard must pass on */
    raft_set_snapshot_threshold(&replica->raft, 8);
    raft_set_snapshot_trailing(&replica->raft, 4);
    return raft_start(&replica->raft);
}

/* Runs the loop until everything in the log is applied and no snapshot is being written. */
static void settle(struct replica *replica)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        if (raft_state(&replica->raft) == RAFT_LEADER && replica->uv_io.capacity > 0 &&
            raft_last_applied(&replica->raft) == raft_last_index(&replica->raft) &&
            !rm__io_guard_is_snapshotting(&replica->guard)) {
            return;
        }
        uv_run(&loop, UV_RUN_ONCE);
    }
    fail_msg("the replica does not settle");
}

static void on_applied(struct raft_apply *req, int status, void *result)
{
    struct replica *replica = req->data;

    (void)result;
    assert_int_equal(status, 0);
    replica->is_applied = true;
}

static void add(struct replica *replica, uint64_t number)
{
    const struct rm__entry entry = {.kind = RM__ENTRY_COMMAND,
                                    .index = raft_last_index(&replica->raft) + 1,
                                    .body = rm_slice_make(&number, sizeof number)};
    struct raft_buffer buf = {.len = rm__entry_size(sizeof number)};
    struct raft_apply req = {.data = replica};

    buf.base = raft_malloc(buf.len);
    assert_non_null(buf.base);
    rm__entry_encode(&entry, buf.base);
    replica->is_applied = false;
    assert_int_equal(raft_apply(&replica->raft, &req, &buf, 1, on_applied), 0);
    /* While a snapshot is gathered the loop waits for nothing. */
    for (int i = 0; i < TURNS_MAX && !replica->is_applied; i += replica->n_turns_left == 0) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_true(replica->is_applied);
    assert_int_equal(rm__io_guard_append_age_ms(&replica->guard, UINT64_MAX), 0);
}

static void bootstrap(struct replica *replica)
{
    struct raft_configuration configuration;

    raft_configuration_init(&configuration);
    assert_int_equal(raft_configuration_add(&configuration, 1, "one", RAFT_VOTER), 0);
    assert_int_equal(raft_bootstrap(&replica->raft, &configuration), 0);
    raft_configuration_close(&configuration);
}

/* A replica whose sum is 210: a snapshot or two, and entries behind them. */
static struct rm_watermark a_life(void)
{
    struct replica replica;
    struct rm_watermark mark;

    assert_int_equal(open_replica(&replica), 0);
    bootstrap(&replica);
    assert_int_equal(start_replica(&replica), 0);
    settle(&replica);
    for (uint64_t i = 1; i <= 20; i++) {
        add(&replica, i);
        settle(&replica);
    }
    assert_true(replica.n_snapshots >= 2);
    assert_int_equal(replica.sum, 210);
    mark = (struct rm_watermark){.index = raft_last_index(&replica.raft),
                                 .term = raft_current_term(&replica.raft)};
    /* As a candidate that others did not elect. */
    assert_int_equal(replica.guard.io.set_term(&replica.guard.io, LAST_TERM), 0);
    assert_int_equal(replica.guard.io.set_vote(&replica.guard.io, 1), 0);
    close_replica(&replica);
    return mark;
}

/* ---- files ---- */

struct file {
    char name[NAME_MAX + 1];
    size_t len;
    char *bytes;
};

struct files {
    struct file files[32];
    size_t n;
};

static void path_of(const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", dir, name);
}

static void read_files(struct files *ret_files)
{
    DIR *stream = opendir(dir);

    assert_non_null(stream);
    ret_files->n = 0;
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        struct file *file = &ret_files->files[ret_files->n];
        char path[512];
        FILE *in;

        if (entry->d_name[0] == '.') {
            continue;
        }
        assert_in_range(ret_files->n++, 0, 31);
        snprintf(file->name, sizeof file->name, "%s", entry->d_name);
        path_of(file->name, path);
        in = fopen(path, "r");
        file->bytes = malloc(FILE_MAX);
        assert_true(in != NULL && file->bytes != NULL);
        file->len = fread(file->bytes, 1, FILE_MAX, in);
        fclose(in);
    }
    closedir(stream);
}

static void free_files(struct files *files)
{
    for (size_t i = 0; i < files->n; i++) {
        free(files->files[i].bytes);
    }
}

static void remove_files(void)
{
    DIR *stream = opendir(dir);

    assert_non_null(stream);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(stream), entry->d_name, 0);
        }
    }
    closedir(stream);
}

static void write_files(const struct files *files)
{
    remove_files();
    for (size_t i = 0; i < files->n; i++) {
        char path[512];
        FILE *out;

        path_of(files->files[i].name, path);
        out = fopen(path, "w");
        assert_non_null(out);
        assert_int_equal(fwrite(files->files[i].bytes, 1, files->files[i].len, out),
                         files->files[i].len);
        fclose(out);
    }
}

/* ---- tests ---- */

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/rm-test-guard-uv-XXXXXX");
    return uv_loop_init(&loop) != 0 || mkdtemp(dir) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    remove_files();
    assert_int_equal(uv_loop_close(&loop), 0);
    return rmdir(dir);
}

static void test_a_replica_comes_back_as_it_was(void **state)
{
    const struct rm_watermark mark = a_life();
    struct replica replica;

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(open_replica(&replica), 0);
        replica.guard.mark = mark;
        assert_int_equal(start_replica(&replica), 0);
        settle(&replica);
        assert_int_equal(replica.sum, 210 + i);
        assert_int_equal(raft_current_term(&replica.raft), LAST_TERM);
        add(&replica, 1);
        close_replica(&replica);
    }
}

static void test_a_replica_is_closed_in_the_middle(void **state)
{
    struct replica replica;

    (void)state;
    assert_int_equal(open_replica(&replica), 0);
    close_replica(&replica);
    assert_int_equal(open_replica(&replica), 0);
    bootstrap(&replica);
    assert_int_equal(start_replica(&replica), 0);
    close_replica(&replica);
    assert_int_equal(open_replica(&replica), 0);
    assert_int_equal(start_replica(&replica), 0);
    settle(&replica);
    for (uint64_t i = 1; !rm__io_guard_is_snapshotting(&replica.guard); i++) {
        add(&replica, i);
    }
    close_replica(&replica);
}

/* A replica whose first snapshot is being taken. */
static void open_snapshotting(struct replica *replica, unsigned n_turns, uv_sem_t *may_seal)
{
    assert_int_equal(open_replica(replica), 0);
    replica->n_turns = n_turns;
    replica->may_seal = may_seal;
    bootstrap(replica);
    assert_int_equal(start_replica(replica), 0);
    settle(replica);
    for (uint64_t i = 1; !rm__io_guard_is_snapshotting(&replica->guard); i++) {
        add(replica, i);
    }
}

static void test_a_replica_is_closed_while_it_gathers_a_snapshot(void **state)
{
    struct replica replica;

    (void)state;
    open_snapshotting(&replica, UINT_MAX, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    close_replica(&replica);
    assert_int_equal(replica.n_sealed, 0);
}

static void test_a_replica_is_closed_while_it_seals_a_snapshot(void **state)
{
    struct replica replica;
    uv_sem_t may_seal;

    (void)state;
    assert_int_equal(uv_sem_init(&may_seal, 0), 0);
    open_snapshotting(&replica, 3, &may_seal);
    while (replica.n_turns_left > 0) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_true(rm__io_guard_is_snapshotting(&replica.guard));
    replica.raft.data = &replica;
    raft_close(&replica.raft, on_closed);
    uv_sem_post(&may_seal);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(replica.is_closed);
    assert_int_equal(replica.n_sealed, 1);
    done_replica(&replica);
    uv_sem_destroy(&may_seal);
}

/* What became of a replica whose files are damaged: it is refused, with a reason, or it has its
 * whole state, and never a smaller term. Returns whether it was refused. */
static bool comes_back_or_is_refused(const struct rm_watermark *mark)
{
    struct replica replica;

    if (open_replica(&replica) != 0) {
        assert_true(strlen(raft_errmsg(&replica.raft)) > 0);
        done_replica(&replica);
        return true;
    }
    replica.guard.mark = *mark;
    if (start_replica(&replica) != 0) {
        assert_true(strlen(rm__io_guard_reason(&replica.guard)) > 0);
        close_replica(&replica);
        return true;
    }
    settle(&replica);
    assert_int_equal(replica.sum, 210);
    assert_true(raft_current_term(&replica.raft) >= LAST_TERM);
    close_replica(&replica);
    return false;
}

static void test_a_flipped_bit_changes_nothing_or_is_found(void **state)
{
    struct random random = random_start("test_a_flipped_bit_changes_nothing_or_is_found");
    const struct rm_watermark mark = a_life();
    struct files files;

    (void)state;
    read_files(&files);
    assert_true(files.n >= 6); /* metadata twice, the vote, a snapshot and its metadata, a log */
    for (size_t i = 0; i < files.n; i++) {
        struct file *file = &files.files[i];
        int n_refused = 0;

        for (int n = 0; n < N_FLIPS; n++) {
            uint64_t bit = random_below(&random, file->len * 8);

            file->bytes[bit / 8] ^= (char)(1 << bit % 8);
            write_files(&files);
            n_refused += comes_back_or_is_refused(&mark);
            file->bytes[bit / 8] ^= (char)(1 << bit % 8);
        }
        printf("%s: %zu bytes, %d of %d refused\n", file->name, file->len, n_refused, N_FLIPS);
        assert_true(strcmp(file->name, "vote") != 0 || n_refused == N_FLIPS);
    }
    free_files(&files);
}

/* The metadata of the newest snapshot, which is the one that is loaded. */
static struct file *newest_metadata(struct files *files)
{
    struct file *newest = NULL;
    unsigned long long newest_index = 0;

    for (size_t i = 0; i < files->n; i++) {
        unsigned long long index;

        if (sscanf(files->files[i].name, "snapshot-%*u-%llu-", &index) == 1 &&
            strstr(files->files[i].name, ".meta") != NULL && index > newest_index) {
            newest = &files->files[i];
            newest_index = index;
        }
    }
    assert_non_null(newest);
    return newest;
}

/* One bit in the number of a format, which stands before every checksum. */
static void test_another_format_of_a_snapshots_metadata_is_damage(void **state)
{
    const struct rm_watermark mark = a_life();
    struct files files;
    struct replica replica;

    (void)state;
    read_files(&files);
    newest_metadata(&files)->bytes[1] ^= 1;
    write_files(&files);
    assert_int_equal(open_replica(&replica), 0);
    replica.guard.mark = mark;
    assert_int_equal(start_replica(&replica), RAFT_CORRUPT);
    close_replica(&replica);
    free_files(&files);
}

static void test_a_missing_file_changes_nothing_or_is_found(void **state)
{
    const struct rm_watermark mark = a_life();
    struct files files;

    (void)state;
    read_files(&files);
    for (size_t i = 0; i < files.n; i++) {
        char path[512];

        write_files(&files);
        path_of(files.files[i].name, path);
        assert_int_equal(unlink(path), 0);
        printf("without %s: %s\n", files.files[i].name,
               comes_back_or_is_refused(&mark) ? "refused" : "as it was");
    }
    remove_files();
    assert_true(comes_back_or_is_refused(&mark));
    free_files(&files);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_replica_comes_back_as_it_was),
        TEST(test_a_replica_is_closed_in_the_middle),
        TEST(test_a_replica_is_closed_while_it_gathers_a_snapshot),
        TEST(test_a_replica_is_closed_while_it_seals_a_snapshot),
        TEST(test_a_flipped_bit_changes_nothing_or_is_found),
        TEST(test_another_format_of_a_snapshots_metadata_is_damage),
        TEST(test_a_missing_file_changes_nothing_or_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
