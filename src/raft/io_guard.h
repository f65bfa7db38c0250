/* A guard around the raft_io of libuv: the same functions, with what C-Raft 0.22.1 lacks.
 *
 * - send: while an InstallSnapshot to a peer is under way (60 s at most), and for a second after,
 *   further ones to it are completed without being sent; the library sends the whole snapshot again
 *   with every heartbeat that the peer rejects. A message that cannot be sent is lost, which is no
 *   error: the library would forget what else it had to do.
 * - start: an InstallSnapshot that arrives while a snapshot is being written is dropped, and its
 *   memory freed; the library dereferences NULL on it, or leaks it. The leader sends it again. So
 *   is one that is damaged.
 * - start: of entries that arrive together only those before a change of the members are handed on,
 *   unless it is the first of them; the leader sends the others again. The library takes the change
 *   for one at the index of the first, so it would never learn that it was committed: its snapshots
 *   would hold the members of before, and as a leader it would allow no other change.
 * - set_term, set_vote: the checksummed copy is written first (vote_file.h). What cannot be written
 *   ends the process through @fatal, for the library would go on as if it were.
 * - load: returns the newer of the two copies of term and vote; refuses a log whose entries do not
 *   stand where their headers say, a damaged snapshot, what does not reach the watermark, and an
 *   open segment that holds entries behind the place where the library cut it.
 * - snapshot_put: what Raft takes a snapshot of is only there after a while, for the loop must not
 *   stand still as long (struct rm__snapshot_maker). It is retried here, for after a failure the
 *   library takes no part any more; what fails for half a minute ends the process through @fatal.
 * - snapshot_get: one at a time, and retried likewise, for the library's error path frees garbage.
 * - start: ticks come every @tick_ms, whatever the heartbeat timeout is. The library checks on each
 *   tick whether a follower answered since the last, and where not it falls back to probing, in
 *   which the next entry waits for a heartbeat. A heartbeat on every tick, unless something was
 *   sent just before, keeps an idle shard ready: heartbeat timeout far below @tick_ms.
 * - append: barriers are blanked, for the library leaves in them what malloc gave it. The oldest
 *   append that is unanswered has an age, for whoever must not wait for ever.
 * - random: of the kernel. The library's own begins with the milliseconds of the clock, which are
 *   the same for replicas that start together on one machine: their election timeouts would be,
 *   too, and their votes split again and again.
 * - time: the library reads the capacity of the disk from the raft_io it was given right after. */
#ifndef RAFTMETRICS_SRC_RAFT_IO_GUARD_H
#define RAFTMETRICS_SRC_RAFT_IO_GUARD_H

#include <raft.h>
#include <raft/uv.h>
#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/raft/replica_host.h"
#include "raftmetrics/raft/watermarks.h"

struct rm__io_guard_state;

/* A snapshot that Raft takes comes to snapshot_put without bytes. With their @data, the guard's:
 * gather is called once a turn of the loop until the bytes are there, and then seal, on another
 * thread, which hands out what is to be written; both borrowed until snapshot_put is answered.
 * Errors: RM_ENOMEM, which ends the process through @fatal. */
struct rm__snapshot_maker {
    int (*gather)(void *data, bool *ret_is_whole);
    int (*seal)(void *data, struct raft_buffer **ret_bufs, unsigned *ret_n_bufs);
};

struct rm__io_guard {
    struct raft_io io;        /* what Raft is given */
    struct raft_io *inner;    /* libuv's; borrowed */
    const char *dir;          /* borrowed */
    struct rm_watermark mark; /* what the log must reach; index 0: nothing */
    unsigned tick_ms;
    struct rm__snapshot_maker maker;
    void (*fatal)(void *data, const char *sentence); /* does not return */
    void *data;
    struct rm_disk_stats *stats; /* NULL: nothing is counted */
    /* private to io_guard.c from here on */
    struct rm__io_guard_state *state;
};

/* What load hands out. */
struct rm__loaded {
    struct raft_snapshot *snapshot; /* NULL: none */
    raft_index start_index;         /* of the first of the entries */
    struct raft_entry *entries;
    size_t n_entries;
};

void rm__loaded_free(struct rm__loaded *loaded);

/* Fills in guard->io around @inner, which raft_uv_init has filled in. The other public members are
 * set by the caller before. Errors: RM_ENOMEM. */
int rm__io_guard_init(struct rm__io_guard *guard, struct raft_io *inner, struct uv_loop_s *loop);

/* After Raft's close callback, or where raft_init failed. */
void rm__io_guard_done(struct rm__io_guard *guard);

/* Milliseconds for which the oldest append has waited for the disk at @now_ms, as uv_now counts
 * them; 0: none waits. */
uint64_t rm__io_guard_append_age_ms(const struct rm__io_guard *guard, uint64_t now_ms);

/* Why the last load failed, a phrase; "" where it did not. Where it failed with RAFT_MALFORMED,
 * nothing is damaged, but of a version that this one does not know. */
const char *rm__io_guard_reason(const struct rm__io_guard *guard);

/* Whether a snapshot is being written now. */
bool rm__io_guard_is_snapshotting(const struct rm__io_guard *guard);

#endif
