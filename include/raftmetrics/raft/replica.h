/* A shard's replica on this worker: C-Raft in front of a state machine. A proposal is answered
 * once it is on the disks of a majority of the shard's replicas and applied here. Everything
 * happens on the loop of the host; callbacks come from the loop, never from within the call that
 * takes them, except where it says so. */
#ifndef RAFTMETRICS_RAFT_REPLICA_H
#define RAFTMETRICS_RAFT_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/blob.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/image.h"
#include "raftmetrics/base/slice.h"
#include "raftmetrics/raft/replica_host.h"
#include "raftmetrics/raft/replica_id.h"
#include "raftmetrics/raft/session.h"

struct rm_replica;

/* What a replica drives. The same entries in the same order give the same state and results:
 * apply reads no clock and no configuration. */
struct rm_state_machine {
    /* Applies a committed entry and appends its result to @result. It cannot fail: what cannot
     * be applied was refused before it was proposed, and out of memory ends the process, for a
     * skipped entry would let replicas diverge. @time_ms is the entry's own. */
    void (*apply)(void *data, int64_t time_ms, struct rm_slice body, struct rm_buffer *result);

    /* An image of the state as it is now, quickly: under 20 ms for the largest state that is
     * allowed. What takes longer is left to rm_image_gather, between entries that are applied.
     * NULL when out of memory. */
    struct rm_image *(*freeze)(void *data);

    /* Becomes the state of an image: @bytes, in @blob, at a multiple of 8 bytes. The blob may be
     * kept by a reference. On error the state is unchanged. Errors: RM_ECORRUPT, RM_ENOMEM. */
    int (*restore)(void *data, struct rm_blob *blob, struct rm_slice bytes);

    /* Equal for equal states, whatever way they came about. At once. */
    uint64_t (*hash)(const void *data);

    /* Bytes of memory that the state takes. At once. */
    uint64_t (*size)(const void *data);

    /* This replica leads now and has applied all that was committed before. May be NULL. */
    void (*lead)(void *data);

    void *data;
};

struct rm_replica_options {
    struct rm_replica_host *host;
    uint32_t shard;
    struct rm_replica_id self;

    /* The first configuration, the same on every member, for a replica that has none yet; none:
     * it waits until the leader of the shard admits it. Borrowed until it has started. */
    const struct rm_replica_id *members;
    size_t n_members;

    /* Until it first knows a leader it stands for election sooner than the others would, so that
     * replicas which start together need not hand the shard on at once. */
    bool is_preferred;
};

/* Errors: RM_ENOMEM, RM_EIO. */
int rm_replica_new(const struct rm_replica_options *options, const struct rm_state_machine *machine,
                   struct rm_replica **ret_replica);

/* Loads snapshot and log, and takes part. Errors: RM_ECORRUPT (its files are damaged, or lack what
 * they once had; rm_replica_reason says what); RM_EPROTO (they are of a newer version); RM_EIO;
 * RM_ENOMEM. The replica may then only be closed. */
int rm_replica_start(struct rm_replica *replica);

/* Stops taking part; what is under way ends as RM_EUNKNOWN or RM_ENOTLEADER. Frees the replica
 * and calls @cb (may be NULL) afterwards. */
void rm_replica_close(struct rm_replica *replica, void (*cb)(void *data), void *data);

/* A phrase why it could not start; "" where it did. */
const char *rm_replica_reason(const struct rm_replica *replica);

/* ---- proposals ---- */

/* The body of an entry. C-Raft has no bound of its own; an entry is one write and one message. */
enum { RM_ENTRY_BYTES_MAX = 7 << 20 };

/* @status: 0, and @result is borrowed for the call. RM_ENOTLEADER: nothing was done.
 * RM_EUNKNOWN: it may still be committed. RM_ESESSION: the session is not open here, nothing was
 * done. RM_ESTALE: the sequence is below the session's last, nothing was done. */
typedef void (*rm_propose_cb)(int status, struct rm_slice result, void *data);

/* The time that an entry would have which this replica, leading, proposed at @now_ms. */
int64_t rm_replica_entry_time(const struct rm_replica *replica, int64_t now_ms);

/* Proposes an entry at @now_ms, the leader's clock; the entry's time is not before that of the
 * entry before it, and not past what the former leader left by more than 60 s and the time since
 * this process saw that. @session none: applied whenever it is committed. Otherwise once for each
 * @sequence, and the answer to a repetition is the result of the first. @body is copied. Errors:
 * RM_ENOTLEADER; RM_ENOSPACE (the disk is below its floor); RM_ETOOBIG (past RM_ENTRY_BYTES_MAX);
 * RM_ENOMEM; @cb is then not called. */
int rm_replica_propose(struct rm_replica *replica, int64_t now_ms, struct rm_session session,
                       uint64_t sequence, struct rm_slice body, rm_propose_cb cb, void *data);

/* Opens a session. Errors as rm_replica_propose. */
int rm_replica_open_session(struct rm_replica *replica, int64_t now_ms, struct rm_session session,
                            rm_propose_cb cb, void *data);

/* ---- reads ---- */

enum rm_read_level { RM_READ_NONE, RM_READ_WEAK, RM_READ_LINEARIZABLE };

/* @status: 0, the state may be read in the callback; RM_ENOTLEADER; RM_ENOSPACE (a linearizable
 * read writes an entry of its own). */
typedef void (*rm_read_cb)(int status, void *data);

/* Calls @cb when the state satisfies @level; may do so before it returns. */
void rm_replica_read(struct rm_replica *replica, enum rm_read_level level, rm_read_cb cb,
                     void *data);

/* ---- membership and leadership ---- */

/* On the leader: the next step of taking @id in as the replica of its worker, in place of any
 * other of that worker's: removal of the old one, addition, promotion. To be called again until
 * it returns 0. Errors: RM_EBUSY (a step is under way), RM_ENOTLEADER, RM_ETIMEDOUT (the other
 * voters are not current, which the removal must wait for), RM_ENOMEM. */
int rm_replica_admit(struct rm_replica *replica, struct rm_replica_id id);

/* On the leader: are all other ids of its worker out of the shard for good? A removal that is not
 * committed may be taken back with its leader, and who was to be removed is needed then. */
bool rm_replica_has_replaced(const struct rm_replica *replica, struct rm_replica_id id);

/* On the leader: hands the shard to the replica of @worker (0: any). Errors: RM_ENOTLEADER;
 * RM_EBUSY (at most once a minute, and not while the members change); RM_ENOTFOUND (no voter of
 * that worker that has caught up). */
int rm_replica_transfer(struct rm_replica *replica, uint32_t worker);

/* ---- what is known ---- */

enum rm_replica_role {
    RM_ROLE_LEADER,
    RM_ROLE_FOLLOWER,
    RM_ROLE_CANDIDATE,
    RM_ROLE_JOINING, /* not a voter yet */
    RM_ROLE_DAMAGED, /* could not start */
};

const char *rm_replica_role_name(enum rm_replica_role role);

struct rm_replica_status {
    struct rm_replica_id self;
    enum rm_replica_role role;
    uint32_t leader; /* worker id; 0: not known */
    bool is_leader;  /* leads, and has applied all that was committed before it did
                      */
    uint64_t term;
    uint64_t last_index;
    uint64_t commit_index;
    uint64_t applied_index;
    uint64_t snapshot_index;
    uint64_t log_bytes;   /* since the last snapshot */
    bool writes_snapshot; /* its own, or one that its leader sent: until then that is not applied */
    uint64_t state_bytes;
    uint64_t state_hash; /* as of applied_index */
};

void rm_replica_status(const struct rm_replica *replica, struct rm_replica_status *ret_status);

/* A member of the shard, as its leader sees it. */
struct rm_replica_member {
    struct rm_replica_id id;
    bool is_voter;
    uint64_t match_index; /* known on the leader only, else 0 */
};

enum { RM_MEMBERS_MAX = 16 };

/* Up to RM_MEMBERS_MAX; returns how many. */
size_t rm_replica_members(const struct rm_replica *replica,
                          struct rm_replica_member ret_members[RM_MEMBERS_MAX]);

/* The state's hash as it was when a multiple of RM_HASH_PERIOD entries had been applied: the
 * last RM_HASHES of them, newest first; replicas of a shard have the same. */
enum { RM_HASH_PERIOD = 512, RM_HASHES = 8 };

struct rm_state_hash {
    uint64_t index; /* 0: none */
    uint64_t hash;
};

void rm_replica_hashes(const struct rm_replica *replica,
                       struct rm_state_hash ret_hashes[RM_HASHES]);

#endif
