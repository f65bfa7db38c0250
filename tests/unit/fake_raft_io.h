/* A raft_io that keeps no files: it records what it is asked, fails on demand, and answers when the
 * test says so. With it a guard around it, whose timers fire when the test says so, and a directory
 * for the guard's file. */
#ifndef RAFTMETRICS_TESTS_UNIT_FAKE_RAFT_IO_H
#define RAFTMETRICS_TESTS_UNIT_FAKE_RAFT_IO_H

#include <raft.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "../../src/raft/io_guard.h"
#include "../../src/raft/vote_file.h"
#include "failing_malloc.h"

enum { FAKE_REQUESTS_MAX = 16 };

/* A struct raft is only asked for its raft_io. */
static struct raft fake_raft;
static struct rm__io_guard guard;
static uv_loop_t fake_loop;
static char fake_dir[64];

static struct {
    struct raft_io io;
    char calls[1024]; /* names, a blank before each */
    const char *failing;
    int error;                    /* of the call that fails */
    struct rm__vote vote_at_call; /* what the vote file held when term or vote was set */
    struct raft_io_send *sends[FAKE_REQUESTS_MAX];
    size_t n_sends;
    struct raft_io_append *appends[FAKE_REQUESTS_MAX];
    size_t n_appends;
    struct raft_io_snapshot_put *put;
    const struct raft_snapshot *put_snapshot;
    unsigned put_trailing;
    struct raft_io_snapshot_get *get;
    raft_time now;
    raft_io_tick_cb tick;
    raft_io_recv_cb recv;
    raft_io_close_cb close;

    /* what load returns */
    raft_term term;
    raft_id voted_for;
    struct raft_snapshot *snapshot;
    raft_index start_index;
    struct raft_entry *entries;
    size_t n_entries;
} fake;

/* ---- timers: in place of libuv's ---- */

static uv_timer_t *fake_timer; /* that was started last, and has not fired */
static uv_timer_cb fake_timer_cb;
static uint64_t fake_timer_ms;

int uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    assert_null(fake_timer);
    assert_int_equal(repeat, 0);
    fake_timer = timer;
    fake_timer_cb = cb;
    fake_timer_ms = timeout;
    return 0;
}

static inline void fire_timer(void)
{
    uv_timer_t *timer = fake_timer;

    assert_non_null(timer);
    assert_int_equal(fake_timer_ms, 1000);
    fake_timer = NULL;
    fake_timer_cb(timer);
}

/* ---- fatal ---- */

static jmp_buf fatal_jump;
static char fatal_sentence[1024];

static void fake_fatal(void *data, const char *sentence)
{
    assert_ptr_equal(data, &guard);
    snprintf(fatal_sentence, sizeof fatal_sentence, "%s", sentence);
    longjmp(fatal_jump, 1);
}

/* The call must end the process, with a sentence that holds @text. */
#define ASSERT_FATAL(call, text)                                                                   \
    do {                                                                                           \
        fatal_sentence[0] = '\0';                                                                  \
        if (setjmp(fatal_jump) == 0) {                                                             \
            call;                                                                                  \
        }                                                                                          \
        assert_non_null(strstr(fatal_sentence, text));                                             \
    } while (0)

/* ---- the functions ---- */

/* Notes the call; its error where it is to fail. */
static int fake_call(const char *name)
{
    size_t len = strlen(fake.calls);

    snprintf(fake.calls + len, sizeof fake.calls - len, " %s", name);
    if (fake.failing == NULL || strcmp(fake.failing, name) != 0) {
        return 0;
    }
    snprintf(fake.io.errmsg, sizeof fake.io.errmsg, "%s failed", name);
    return fake.error;
}

static int fake_init(struct raft_io *io, raft_id id, const char *address)
{
    assert_ptr_equal(io, &fake.io);
    assert_int_equal(id, 7);
    assert_string_equal(address, "address");
    return fake_call("init");
}

static void fake_close(struct raft_io *io, raft_io_close_cb cb)
{
    assert_ptr_equal(io, &fake.io);
    fake.close = cb;
    fake_call("close");
}

static int fake_load(struct raft_io *io, raft_term *term, raft_id *voted_for,
                     struct raft_snapshot **snapshot, raft_index *start_index,
                     struct raft_entry **entries, size_t *n_entries)
{
    int rv = fake_call("load");

    assert_ptr_equal(io, &fake.io);
    if (rv == 0) {
        *term = fake.term;
        *voted_for = fake.voted_for;
        *snapshot = fake.snapshot;
        *start_index = fake.start_index;
        *entries = fake.entries;
        *n_entries = fake.n_entries;
    }
    return rv;
}

static int fake_start(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick,
                      raft_io_recv_cb recv)
{
    assert_ptr_equal(io, &fake.io);
    assert_int_equal(msecs, 50);
    fake.tick = tick;
    fake.recv = recv;
    return fake_call("start");
}

static int fake_configure(struct raft_io *io, const char *name)
{
    assert_ptr_equal(io, &fake.io);
    (void)rm__vote_file_read(fake_dir, &fake.vote_at_call);
    return fake_call(name);
}

static int fake_bootstrap(struct raft_io *io, const struct raft_configuration *configuration)
{
    (void)configuration;
    return fake_configure(io, "bootstrap");
}

static int fake_recover(struct raft_io *io, const struct raft_configuration *configuration)
{
    (void)configuration;
    return fake_configure(io, "recover");
}

static int fake_set_term(struct raft_io *io, raft_term term)
{
    fake.term = term;
    return fake_configure(io, "set_term");
}

static int fake_set_vote(struct raft_io *io, raft_id id)
{
    fake.voted_for = id;
    return fake_configure(io, "set_vote");
}

static int fake_send(struct raft_io *io, struct raft_io_send *req,
                     const struct raft_message *message, raft_io_send_cb cb)
{
    int rv = fake_call("send");

    assert_ptr_equal(io, &fake.io);
    assert_true(message->server_id != 0);
    if (rv == 0) {
        assert_in_range(fake.n_sends, 0, FAKE_REQUESTS_MAX - 1);
        fake.sends[fake.n_sends++] = req;
        req->cb = cb;
    }
    return rv;
}

static int fake_append(struct raft_io *io, struct raft_io_append *req,
                       const struct raft_entry entries[], unsigned n, raft_io_append_cb cb)
{
    int rv = fake_call("append");

    assert_ptr_equal(io, &fake.io);
    assert_non_null(entries);
    assert_int_equal(n, 1);
    if (rv == 0) {
        assert_in_range(fake.n_appends, 0, FAKE_REQUESTS_MAX - 1);
        fake.appends[fake.n_appends++] = req;
        req->cb = cb;
    }
    return rv;
}

static int fake_truncate(struct raft_io *io, raft_index index)
{
    assert_ptr_equal(io, &fake.io);
    assert_int_equal(index, 11);
    return fake_call("truncate");
}

static int fake_snapshot_put(struct raft_io *io, unsigned trailing,
                             struct raft_io_snapshot_put *req, const struct raft_snapshot *snapshot,
                             raft_io_snapshot_put_cb cb)
{
    int rv = fake_call("put");

    assert_ptr_equal(io, &fake.io);
    assert_null(fake.put);
    if (rv == 0) {
        fake.put = req;
        fake.put_snapshot = snapshot;
        fake.put_trailing = trailing;
        req->cb = cb;
    }
    return rv;
}

static int fake_snapshot_get(struct raft_io *io, struct raft_io_snapshot_get *req,
                             raft_io_snapshot_get_cb cb)
{
    int rv = fake_call("get");

    assert_ptr_equal(io, &fake.io);
    assert_null(fake.get);
    if (rv == 0) {
        fake.get = req;
        req->cb = cb;
    }
    return rv;
}

static raft_time fake_time(struct raft_io *io)
{
    assert_ptr_equal(io, &fake.io);
    return fake.now;
}

/* What was called since the last time. */
static inline void assert_calls(const char *expected)
{
    assert_string_equal(fake.calls, expected);
    fake.calls[0] = '\0';
}

static inline void fail_calls(const char *name, int error)
{
    fake.failing = name;
    fake.error = error;
}

/* ---- the life of a test ---- */

static bool fake_closed;

static void fake_on_closed(struct raft_io *io)
{
    assert_ptr_equal(io, &guard.io);
    fake_closed = true;
}

/* Closes the guard, which has used a timer. */
static inline void close_guard(void)
{
    fake_closed = false;
    guard.io.close(&guard.io, fake_on_closed);
    fake.close(&fake.io);
    assert_false(fake_closed); /* the timers are still to come */
    uv_run(&fake_loop, UV_RUN_DEFAULT);
    assert_true(fake_closed);
}

#if FAILING_MALLOC
static long fake_n_live;
#endif

static int set_up(void **state)
{
    (void)state;
#if FAILING_MALLOC
    failing_malloc_arm(0); /* what a test that failed may have left */
    fake_n_live = failing_malloc_n_live;
#endif
    memset(&fake, 0, sizeof fake);
    fake.io = (struct raft_io){
        .version = 2,
        .init = fake_init,
        .close = fake_close,
        .load = fake_load,
        .start = fake_start,
        .bootstrap = fake_bootstrap,
        .recover = fake_recover,
        .set_term = fake_set_term,
        .set_vote = fake_set_vote,
        .send = fake_send,
        .append = fake_append,
        .truncate = fake_truncate,
        .snapshot_put = fake_snapshot_put,
        .snapshot_get = fake_snapshot_get,
        .time = fake_time,
    };
    fake.now = 1000000;
    fake.start_index = 1;
    fake_timer = NULL;
    strcpy(fake_dir, "/tmp/rm-test-guard-XXXXXX");
    assert_non_null(mkdtemp(fake_dir));
    assert_int_equal(uv_loop_init(&fake_loop), 0);
    guard =
        (struct rm__io_guard){.dir = fake_dir, .tick_ms = 50, .fatal = fake_fatal, .data = &guard};
    assert_int_equal(rm__io_guard_init(&guard, &fake.io, &fake_loop), 0);
    fake_raft.io = &guard.io;
    guard.io.data = &fake_raft; /* as raft_init does */
    fake.io.data = &fake_raft;  /* as the guard's init does */
    return 0;
}

/* An empty file in the directory. */
static inline void touch(const char *name)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", fake_dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static inline void remove_file(const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", fake_dir, name);
    unlink(path);
}

static int tear_down(void **state)
{
    (void)state;
    if (!guard.io.impl) {
        return 1;
    }
    rm__io_guard_done(&guard);
    uv_loop_close(&fake_loop);
    remove_file("vote");
    remove_file("metadata1");
    remove_file("metadata2");
    remove_file("snapshot-1-2-3");
    remove_file("snapshot-1-2-3.meta");
    assert_int_equal(rmdir(fake_dir), 0);
#if FAILING_MALLOC
    (void)failing_malloc_disarm();
    assert_int_equal(failing_malloc_n_live, fake_n_live);
#endif
    return 0;
}

#endif
