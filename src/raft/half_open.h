/* Connections that have not finished their handshake, of a listener or of a dialler: each may read
 * an exact number of bytes and not one more, each has RM_HANDSHAKE_MS from its start to its
 * release, and one timer serves all of a set.
 *
 * A connection leaves its set in one of two ways: released, its stream is somebody else's from then
 * on; or ended, its stream is closed, and ended is called once libuv has let go of it. */
#ifndef RAFTMETRICS_SRC_RAFT_HALF_OPEN_H
#define RAFTMETRICS_SRC_RAFT_HALF_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "raftmetrics/base/list.h"

struct rm__half_open_set {
    struct rm_list members; /* neither released nor ended, oldest first */
    size_t n_members;
    size_t n_handles; /* that libuv holds: the timer, and the streams of members and ended ones */
    uv_timer_t timer;
    void (*closed)(struct rm__half_open_set *set); /* NULL: it is not being closed */
};

struct rm__half_open {
    struct rm__half_open_set *set;
    struct rm_list link;
    uint64_t deadline_ms;
    uv_tcp_t *tcp; /* raft_malloc'ed, as Raft wants the streams that it is given */
    uint8_t *input;
    size_t input_len;
    size_t input_want;
    void (*received)(struct rm__half_open *half_open);
    int status; /* why it ended */

    /* RM_ETIMEDOUT; RM_ECONNECT (the other side hung up); RM_ECANCELED (the set was closed); or
     * what rm__half_open_end was told. Frees what @half_open is part of. */
    void (*ended)(struct rm__half_open *half_open, int status);
};

void rm__half_open_set_init(struct rm__half_open_set *set, uv_loop_t *loop);

/* Ends all members, and calls @closed when libuv holds nothing of the set any more; never from
 * within this call. */
void rm__half_open_set_close(struct rm__half_open_set *set,
                             void (*closed)(struct rm__half_open_set *set));

/* Makes a stream for @half_open, whose ended is set, and starts its time. Errors: RM_ENOMEM, with
 * nothing done. */
int rm__half_open_start(struct rm__half_open *half_open, struct rm__half_open_set *set);

/* Calls @received when @len bytes have come into @bytes; the stream is not being read then. */
void rm__half_open_receive(struct rm__half_open *half_open, void *bytes, size_t len,
                           void (*received)(struct rm__half_open *half_open));

/* Hands @bytes to the kernel at once: a handshake is much smaller than what the kernel takes from a
 * new connection. False where it did not take them all. */
bool rm__half_open_send(struct rm__half_open *half_open, const void *bytes, size_t len);

/* Harmless on one that has ended. */
void rm__half_open_end(struct rm__half_open *half_open, int status);

/* True from rm__half_open_end on, before @ended is called. */
bool rm__half_open_has_ended(const struct rm__half_open *half_open);

/* The stream is the caller's, to be closed and raft_free'd; @half_open is in no set any more. */
uv_tcp_t *rm__half_open_release(struct rm__half_open *half_open);

#endif
