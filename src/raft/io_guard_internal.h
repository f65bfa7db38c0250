/* What the parts of the guard share. */
#ifndef RAFTMETRICS_SRC_RAFT_IO_GUARD_INTERNAL_H
#define RAFTMETRICS_SRC_RAFT_IO_GUARD_INTERNAL_H

#include <raft.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "io_guard.h"
#include "raftmetrics/base/list.h"
#include "vote_file.h"

enum {
    RM__GUARD_RETRY_MS = 1000,
    RM__GUARD_RETRIES_MAX = 30,
    RM__GUARD_TRANSFERS_MAX = 8,
};

/* Something that is tried again after a while. */
struct rm__guard_retry {
    uv_timer_t timer;
    bool is_open; /* the timer is initialised */
    int n_failures;
};

/* An InstallSnapshot on its way to a peer, and for a while after. */
struct rm__guard_transfer {
    struct rm__io_guard *guard;
    struct raft_io_send inner;
    struct raft_io_send *outer; /* NULL: not under way */
    raft_id peer;
    uint64_t started_ms;
    uint64_t held_until_ms; /* where it is not under way */
};

struct rm__guard_put {
    struct raft_io_snapshot_put inner;
    struct raft_io_snapshot_put *outer; /* NULL: nothing is being written */
    struct raft_snapshot snapshot;      /* Raft's, with its bytes once they are there; borrowed */
    unsigned trailing;
    uint64_t started_ns; /* of uv_hrtime, for the statistics */
    bool is_written;     /* the inner raft_io has it; otherwise the retry is awaited */
    struct rm__guard_retry retry;
    uv_idle_t gathering;    /* active while bytes are gathered */
    bool is_gathering_open; /* it is initialised */
    uv_work_t sealing;
    bool is_sealing; /* another thread is at it */
    int status;      /* of that */
};

struct rm__guard_get {
    struct raft_io_snapshot_get inner;
    struct raft_io_snapshot_get *outer; /* NULL: nothing is being read */
    bool is_read;                       /* as is_written */
    struct rm__guard_retry retry;
};

struct rm__io_guard_state {
    struct uv_loop_s *loop;
    char reason[RAFT_ERRMSG_BUF_SIZE];
    struct rm__vote vote;   /* as on the disk */
    struct rm_list appends; /* unanswered, the oldest first */
    struct rm__guard_put put;
    struct rm__guard_get get;
    struct rm__guard_transfer transfers[RM__GUARD_TRANSFERS_MAX];
    raft_id wanted; /* the peer for which the next snapshot_get is let through; 0: none */
    bool is_hollow; /* snapshot_get is being answered without a snapshot */

    raft_io_tick_cb tick;
    raft_io_recv_cb recv;
    raft_io_close_cb close_cb;
    bool is_closing;
    int n_open; /* what has not closed or come to its end yet */
};

static inline struct rm__io_guard *rm__guard_of(struct raft_io *io)
{
    return io->impl;
}

/* Copies the inner error message where @rv is an error. Returns @rv. */
int rm__guard_outward(struct rm__io_guard *guard, int rv);

/* Ends the process. */
_Noreturn void rm__guard_fatal(struct rm__io_guard *guard, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* io_guard_load.c */
int rm__guard_load(struct raft_io *io, raft_term *ret_term, raft_id *ret_voted_for,
                   struct raft_snapshot **ret_snapshot, raft_index *ret_start_index,
                   struct raft_entry **ret_entries, size_t *ret_n_entries);

/* io_guard_snapshot.c */
int rm__guard_send(struct raft_io *io, struct raft_io_send *req, const struct raft_message *message,
                   raft_io_send_cb cb);
int rm__guard_snapshot_put(struct raft_io *io, unsigned trailing, struct raft_io_snapshot_put *req,
                           const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb);
int rm__guard_snapshot_get(struct raft_io *io, struct raft_io_snapshot_get *req,
                           raft_io_snapshot_get_cb cb);

/* io_guard_gather.c: has the bytes of the snapshot that is to be put gathered, and then written. */
void rm__guard_gather(struct rm__io_guard *guard);
void rm__guard_stop_gathering(struct rm__io_guard *guard);

/* io_guard_snapshot.c again: what was gathered is written; the request is answered. */
void rm__guard_write_snapshot(struct rm__io_guard *guard);
void rm__guard_finish_put(struct rm__io_guard *guard, int status);

/* io_guard.c: one of what has to close has; the guard may be gone when this returns. */
void rm__guard_one_closed(struct rm__io_guard *guard);

/* Is the InstallSnapshot, which has just arrived, to be dropped? It is freed then. */
bool rm__guard_drops_install(struct rm__io_guard *guard, struct raft_install_snapshot *install);

/* All of it. */
void rm__guard_free_snapshot(struct raft_snapshot *snapshot);

/* Answers what only a retry would answer; nothing is retried any more. */
void rm__guard_close_snapshots(struct rm__io_guard *guard);

#endif
