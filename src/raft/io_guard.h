/* A guard around the raft_io of libuv: the same functions, with what C-Raft 0.22.1 lacks.
 *
 * - send: while an InstallSnapshot to a peer is under way (60 s at most), further ones to it are
 *   completed without being sent; the library sends the whole snapshot again on every tick.
 * - start: an InstallSnapshot that arrives while a local snapshot is being written is dropped, and
 *   its memory freed; the library dereferences NULL on it. The leader sends it again.
 * - set_term, set_vote: the checksummed copy is written first (vote_file.h).
 * - load: returns the newer valid one of the two copies of term and vote; refuses a log whose
 *   entries do not stand where their headers say, and one that does not reach the watermark.
 * - snapshot_get: retried here until it succeeds, for the library's error path frees garbage; what
 *   stays unreadable ends the process through @fatal.
 * - append: the oldest that is unanswered has an age, for whoever must not wait for ever. */
#ifndef RAFTMETRICS_SRC_RAFT_IO_GUARD_H
#define RAFTMETRICS_SRC_RAFT_IO_GUARD_H

#include <raft.h>
#include <raft/uv.h>
#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/raft/watermarks.h"

struct rm__io_guard {
    struct raft_io io;                               /* what Raft is given */
    struct raft_io *inner;                           /* libuv's; borrowed */
    const char *dir;                                 /* borrowed */
    struct rm_watermark mark;                        /* what the log must reach; index 0: nothing */
    void (*fatal)(void *data, const char *sentence); /* does not return */
    void *data;
    /* private to io_guard.c from here on */
    struct rm__io_guard_state *state;
};

/* Fills in guard->io around @inner, which raft_uv_init has filled in. The other public members are
 * set by the caller before. Errors: RM_ENOMEM. */
int rm__io_guard_init(struct rm__io_guard *guard, struct raft_io *inner, struct uv_loop_s *loop);

/* After Raft's close callback. */
void rm__io_guard_done(struct rm__io_guard *guard);

/* Milliseconds for which the oldest append has waited for the disk; 0: none waits. */
uint64_t rm__io_guard_append_age_ms(const struct rm__io_guard *guard, uint64_t now_ms);

/* Why the last load failed, a phrase; "" where it did not. */
const char *rm__io_guard_reason(const struct rm__io_guard *guard);

/* Whether a local snapshot is being written now. */
bool rm__io_guard_is_snapshotting(const struct rm__io_guard *guard);

#endif
