/* A replica from inside: what its files share.
 *
 *   propose ─► raft_apply ─► entry on a majority of disks ─► apply ─► session table, state machine
 *                                                             └─► result ─► proposal's callback
 *
 * C-Raft calls apply as soon as an entry is committed, and the callback of its proposal in the same
 * turn of the loop or the next. */
#ifndef RAFTMETRICS_SRC_RAFT_REPLICA_INTERNAL_H
#define RAFTMETRICS_SRC_RAFT_REPLICA_INTERNAL_H

#include <raft.h>
#include <raft/uv.h>

#include "io_guard.h"
#include "peer_transport.h"
#include "raftmetrics/base/list.h"
#include "raftmetrics/raft/replica.h"
#include "session_table.h"

/* A snapshot that is being gathered or written. */
struct rm__freeze {
    struct rm_buffer front; /* header and session table */
    struct rm_image *image; /* of the state machine; NULL: nothing is frozen */
    int64_t time_ms;
    struct raft_buffer *buffers; /* what is written; NULL: it is not whole */
    uint64_t log_bytes;          /* of the log, when it was frozen */
};

struct rm_replica {
    struct rm_replica_options options;
    struct rm_replica_host *host;
    struct rm_state_machine machine;
    struct rm_list link; /* among the host's replicas */
    char *dir;
    const char *reason;
    bool is_initialised; /* raft_init was done: raft_close must be */
    bool is_started;
    bool is_closing;
    bool is_eager; /* preferred, and has not known a leader yet */

    struct raft raft;
    struct raft_fsm fsm;
    struct raft_io uv_io;
    struct rm__io_guard guard;
    struct raft_uv_transport transport;

    /* the replicated state that is not the machine's */
    struct rm__session_table *sessions;
    int64_t time_ms;        /* of the last entry applied */
    uint64_t time_known_ms; /* on the loop's clock: when that was applied here */

    struct rm_list proposals; /* not answered yet, by index */

    /* the time of the entries that this replica proposes while it leads */
    int64_t proposed_ms;       /* of the last one; before that, of the last that was applied */
    int64_t clock_base_ms;     /* what the former leader left; 0: nobody proposed anything yet */
    uint64_t clock_started_ms; /* on the loop's clock: when that was known here */

    struct rm__freeze freeze;
    uint64_t log_bytes;    /* applied since the last snapshot, and what was kept of the log then */
    uint64_t hashed_index; /* of the newest of the hashes */
    struct rm_state_hash hashes[RM_HASHES];

    /* leading: a barrier of one's own has to fire before anything is served */
    struct raft_barrier lead_barrier;
    bool is_lead_barrier_pending;
    raft_term lead_barrier_term;
    raft_term led_term; /* in which the barrier fired; 0: none */

    /* linearizable reads */
    struct raft_barrier read_barrier;
    bool is_read_barrier_pending;
    struct rm_list reads_waiting; /* for the next barrier */
    struct rm_list reads_covered; /* by the barrier that is pending */

    /* membership and leadership */
    struct raft_change change;
    bool is_change_pending;
    struct raft_transfer transfer;
    bool is_transfer_pending;
    uint64_t transferred_at_ms; /* when leadership was last handed on; 0: never */

    void (*close_cb)(void *data);
    void *close_data;
};

/* Ends the process through the host. */
_Noreturn void rm__replica_fatal(const struct rm_replica *replica, const char *sentence);

enum { RM__ELECTION_TIMEOUT_MS = 1000 };

/* replica_machine.c: the table of functions that C-Raft drives. */
void rm__replica_init_fsm(struct rm_replica *replica);

/* What the guard drives while a snapshot is taken (struct rm__snapshot_maker); @data is the
 * replica. */
int rm__replica_gather_snapshot(void *data, bool *ret_is_whole);
int rm__replica_seal_snapshot(void *data, struct raft_buffer **ret_bufs, unsigned *ret_n_bufs);

/* The term of the entry at @index, as far as log and last snapshot reach; else 0. */
raft_term rm__replica_term_of(const struct rm_replica *replica, raft_index index);

/* Entries that the log holds, and bytes that they take: what was applied, and what an entry of
 * C-Raft's own takes at least, for barriers fill a log as well. */
uint64_t rm__replica_log_entries(const struct rm_replica *replica);
uint64_t rm__replica_log_bytes(const struct rm_replica *replica);

/* Of the session table, the time and the machine together. */
uint64_t rm__replica_hash(const struct rm_replica *replica);

/* replica_proposals.c: the replica leads from now on, and its entries' times go on from @time_ms,
 * which it knew at @known_ms of the loop's clock. */
void rm__replica_start_clock(struct rm_replica *replica, int64_t time_ms, uint64_t known_ms);

/* Notes what became of the entry at @index, if it is being waited for. */
void rm__replica_note_result(struct rm_replica *replica, raft_index index, int status,
                             struct rm_slice result);

/* replica_reads.c: once a turn of the loop; a new leader asks for its barrier. */
void rm__replica_turn(struct rm_replica *replica);
/* Leads, and its barrier has fired. */
bool rm__replica_leads(const struct rm_replica *replica);
void rm__replica_fail_reads(struct rm_replica *replica);

/* replica_host.c */
void rm__host_add(struct rm_replica_host *host, struct rm_replica *replica);
void rm__host_remove(struct rm_replica *replica);
struct uv_loop_s *rm__host_loop(const struct rm_replica_host *host);
struct rm_peer_port *rm__host_port(const struct rm_replica_host *host);
const char *rm__host_dir(const struct rm_replica_host *host);
_Noreturn void rm__host_fatal(const struct rm_replica_host *host, const char *sentence);
/* What the replica's log must reach; index 0: nothing. */
struct rm_watermark rm__host_mark(const struct rm_replica_host *host, uint32_t shard,
                                  struct rm_replica_id id);
uint64_t rm__host_now_ms(const struct rm_replica_host *host);
struct rm_disk_stats *rm__host_disk_stats(struct rm_replica_host *host);

#endif
