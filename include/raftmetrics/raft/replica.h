/* A shard's replica on this worker: the log in front of a state machine.
 *
 * Today a replica is its shard's only one and keeps no log: it leads from the start, and what is
 * proposed is committed and applied at once. The functions already have the shape of a replica
 * that must ask others first: proposals and reads answer through callbacks. */
#ifndef RAFTMETRICS_RAFT_REPLICA_H
#define RAFTMETRICS_RAFT_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/slice.h"

struct rm_replica;

/* What a replica drives. The same entries in the same order give the same state and results:
 * apply reads no clock and no configuration. */
struct rm_state_machine {
    /* Applies a committed entry and appends its result to @result. It cannot fail: what cannot be
     * applied was refused before it was proposed, and out of memory ends the process, for a
     * skipped entry would let replicas diverge. @time_ms is the entry's own. */
    void (*apply)(void *data, int64_t time_ms, struct rm_slice body, struct rm_buffer *result);
    void *data;
};

struct rm_replica_options {
    uint32_t shard;
    uint32_t worker_id; /* of this worker */
};

/* NULL when out of memory. */
struct rm_replica *rm_replica_new(const struct rm_replica_options *options,
                                  const struct rm_state_machine *machine);
void rm_replica_free(struct rm_replica *replica);

/* @status: 0, and @result is borrowed for the call; or RM_ENOTLEADER (nothing was done), or
 * RM_EUNKNOWN (it may still be committed). */
typedef void (*rm_propose_cb)(int status, struct rm_slice result, void *data);

/* Proposes an entry at @now_ms, the leader's clock; the entry's time is never before that of the
 * entry before it. @body is copied where it is kept. @cb may be called before this returns.
 * Errors: RM_ENOTLEADER, RM_ENOMEM; @cb is then not called. */
int rm_replica_propose(struct rm_replica *replica, int64_t now_ms, struct rm_slice body,
                       rm_propose_cb cb, void *data);

enum rm_read_level { RM_READ_NONE, RM_READ_WEAK, RM_READ_LINEARIZABLE };

/* @status: 0, the state may be read in the callback; RM_ENOTLEADER otherwise. */
typedef void (*rm_read_cb)(int status, void *data);

/* Calls @cb when the state satisfies @level; may do so before it returns. */
void rm_replica_read(struct rm_replica *replica, enum rm_read_level level, rm_read_cb cb,
                     void *data);

struct rm_replica_status {
    uint32_t leader; /* worker id; 0: not known */
    bool is_leader;
    uint64_t term;
    uint64_t applied_index;
};

void rm_replica_status(const struct rm_replica *replica, struct rm_replica_status *ret_status);

#endif
