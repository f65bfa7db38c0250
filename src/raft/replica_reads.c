/* Reads, and what they rest on: the barrier of a new leader.
 *
 * C-Raft itself submits a barrier at the start of a term only when its log is ahead of its commit
 * index; a leader that cannot know what was committed must not answer. So every leader submits one
 * of its own and serves nothing before it has fired in that term. */
#include <stdlib.h>

#include "raftmetrics/base/error.h"
#include "replica_internal.h"

struct read {
    struct rm_list link;
    rm_read_cb cb;
    void *data;
};

/* ---- leading ---- */

static bool is_raft_leader(const struct rm_replica *replica)
{
    return replica->is_started && replica->raft.state == RAFT_LEADER;
}

bool rm__replica_leads(const struct rm_replica *replica)
{
    return is_raft_leader(replica) && replica->led_term == replica->raft.current_term;
}

static void on_lead_barrier(struct raft_barrier *barrier, int status)
{
    struct rm_replica *replica = barrier->data;

    replica->is_lead_barrier_pending = false;
    if (status != 0 || !is_raft_leader(replica) ||
        replica->lead_barrier_term != replica->raft.current_term) {
        return;
    }
    /* What an earlier term proposed in vain counts for nothing; the rest is applied by now. */
    rm__replica_start_clock(replica, replica->time_ms, replica->time_known_ms);
    replica->led_term = replica->lead_barrier_term;
    if (replica->machine.lead != NULL) {
        replica->machine.lead(replica->machine.data);
    }
}

/* Out of memory or disk, or leadership on its way elsewhere: the next turn tries again. */
static int submit_barrier(struct rm_replica *replica, struct raft_barrier *barrier,
                          raft_barrier_cb cb)
{
    int rv;

    barrier->data = replica;
    rv = raft_barrier(&replica->raft, barrier, cb);
    if (rv == 0 || rv == RAFT_NOTLEADER) {
        return rv == 0 ? 0 : RM_ENOTLEADER;
    }
    if (rv == RAFT_NOSPACE || rv == RAFT_NOMEM) {
        return rv == RAFT_NOSPACE ? RM_ENOSPACE : RM_ENOMEM;
    }
    rm__replica_fatal(replica, "C-Raft could not take a barrier; start this worker again");
}

/* The short timeout is for the first election only: it would depose a leader sooner, too. */
static void calm_down(struct rm_replica *replica)
{
    raft_id leader = 0;
    const char *address;

    raft_leader(&replica->raft, &leader, &address);
    if (leader != 0) {
        replica->is_eager = false;
        raft_set_election_timeout(&replica->raft, RM__ELECTION_TIMEOUT_MS);
    }
}

void rm__replica_turn(struct rm_replica *replica)
{
    if (replica->is_eager && replica->is_started && !replica->is_closing) {
        calm_down(replica);
    }
    if (replica->is_closing || !is_raft_leader(replica) || replica->is_lead_barrier_pending ||
        rm__replica_leads(replica)) {
        return;
    }
    replica->lead_barrier_term = replica->raft.current_term;
    replica->is_lead_barrier_pending =
        submit_barrier(replica, &replica->lead_barrier, on_lead_barrier) == 0;
}

/* ---- linearizable reads ---- */

static void answer_all(struct rm_list *reads, int status)
{
    struct rm_list answered;

    /* What a callback asks for next goes behind the next barrier. */
    rm_list_init(&answered);
    rm_list_splice(&answered, reads);
    while (!rm_list_is_empty(&answered)) {
        struct read *read = RM_LIST_ENTRY(answered.next, struct read, link);

        rm_list_remove(&read->link);
        read->cb(status, read->data);
        free(read);
    }
}

static void start_read_barrier(struct rm_replica *replica);

static void on_read_barrier(struct raft_barrier *barrier, int status)
{
    struct rm_replica *replica = barrier->data;

    replica->is_read_barrier_pending = false;
    answer_all(&replica->reads_covered, status == 0 ? 0 : RM_ENOTLEADER);
    if (!rm_list_is_empty(&replica->reads_waiting)) {
        start_read_barrier(replica);
    }
}

/* A barrier proves leadership at a moment after it was submitted, so it covers only the reads that
 * arrived before; those that come while it is under way wait for the next. */
static void start_read_barrier(struct rm_replica *replica)
{
    int rv = RM_ENOTLEADER;

    if (!replica->is_closing && rm__replica_leads(replica)) {
        rv = submit_barrier(replica, &replica->read_barrier, on_read_barrier);
    }
    if (rv != 0) {
        answer_all(&replica->reads_waiting, rv);
        return;
    }
    replica->is_read_barrier_pending = true;
    rm_list_splice(&replica->reads_covered, &replica->reads_waiting);
}

static void read_linearizable(struct rm_replica *replica, rm_read_cb cb, void *data)
{
    struct read *read;

    if (rm_replica_host_is_disk_low(replica->host)) {
        cb(RM_ENOSPACE, data);
        return;
    }
    read = malloc(sizeof *read);
    if (read == NULL) {
        cb(RM_ENOMEM, data);
        return;
    }
    *read = (struct read){.cb = cb, .data = data};
    rm_list_push_back(&replica->reads_waiting, &read->link);
    if (!replica->is_read_barrier_pending) {
        start_read_barrier(replica);
    }
}

/* Stale is allowed for level none, empty is not. A replica that never caught up knows nothing; nor
 * does one that was started again and has no snapshot, until a leader tells it what was committed:
 * C-Raft takes only the first entry of a log for that, which holds the members. */
static bool has_caught_up(const struct rm_replica *replica)
{
    return replica->is_started &&
           (replica->raft.last_applied > 1 || replica->raft.trail.snapshot.index > 0);
}

void rm_replica_read(struct rm_replica *replica, enum rm_read_level level, rm_read_cb cb,
                     void *data)
{
    if (replica->is_closing) {
        cb(RM_ENOTLEADER, data);
    } else if (level == RM_READ_NONE) {
        cb(has_caught_up(replica) ? 0 : RM_ENOTLEADER, data);
    } else if (!rm__replica_leads(replica)) {
        cb(RM_ENOTLEADER, data);
    } else if (level == RM_READ_WEAK) {
        cb(0, data);
    } else {
        read_linearizable(replica, cb, data);
    }
}

void rm__replica_fail_reads(struct rm_replica *replica)
{
    answer_all(&replica->reads_waiting, RM_ENOTLEADER);
}
