#include "raftmetrics/raft/replica.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "raftmetrics/base/error.h"
#include "replica_internal.h"

enum {
    EAGER_ELECTION_TIMEOUT_MS = 400,
    TICK_MS = 50,     /* heartbeats, and whatever else C-Raft does by the clock */
    HEARTBEAT_MS = 2, /* see io_guard.h: at every tick, unless something was just sent */
    CONNECT_RETRY_MS = 100,
    INFLIGHT_ENTRIES_MAX = 256,
    INSTALL_SNAPSHOT_TIMEOUT_MS = 60 * 1000,
    DISK_RETRY_MS = 30 * 1000, /* the host ends the process long before */
};

void rm__replica_fatal(const struct rm_replica *replica, const char *sentence)
{
    rm__host_fatal(replica->host, sentence);
}

static int make_dir(struct rm_replica *replica)
{
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/shard-%" PRIu32, rm__host_dir(replica->host),
                       replica->options.shard);

    if (len < 0 || (size_t)len >= sizeof path || (mkdir(path, 0700) != 0 && errno != EEXIST)) {
        return RM_EIO;
    }
    replica->dir = strdup(path);
    return replica->dir == NULL ? RM_ENOMEM : 0;
}

static void fatal_of_guard(void *data, const char *sentence)
{
    rm__replica_fatal(data, sentence);
}

static int init_io(struct rm_replica *replica)
{
    struct uv_loop_s *loop = rm__host_loop(replica->host);
    int rv = rm__peer_transport_init(rm__host_port(replica->host), replica->options.shard,
                                     replica->options.self, &replica->transport);

    if (rv != 0) {
        return rv;
    }
    if (raft_uv_init(&replica->uv_io, loop, replica->dir, &replica->transport) != 0) {
        rm__peer_transport_done(&replica->transport);
        return RM_EIO;
    }
    raft_uv_set_tracer(&replica->uv_io, NULL);
    raft_uv_set_connect_retry_delay(&replica->uv_io, CONNECT_RETRY_MS);
    raft_uv_set_disk_retry(&replica->uv_io, DISK_RETRY_MS);
    raft_uv_set_auto_recovery(&replica->uv_io, false); /* it drops entries */
    replica->guard.inner = &replica->uv_io;
    replica->guard.dir = replica->dir;
    replica->guard.tick_ms = TICK_MS;
    replica->guard.mark =
        rm__host_mark(replica->host, replica->options.shard, replica->options.self);
    replica->guard.maker = (struct rm__snapshot_maker){.gather = rm__replica_gather_snapshot,
                                                       .seal = rm__replica_seal_snapshot};
    replica->guard.fatal = fatal_of_guard;
    replica->guard.data = replica;
    replica->guard.stats = rm__host_disk_stats(replica->host);
    rv = rm__io_guard_init(&replica->guard, &replica->uv_io, loop);
    if (rv != 0) {
        raft_uv_close(&replica->uv_io);
        rm__peer_transport_done(&replica->transport);
    }
    return rv;
}

static void done_io(struct rm_replica *replica)
{
    rm__io_guard_done(&replica->guard);
    raft_uv_close(&replica->uv_io);
    rm__peer_transport_done(&replica->transport);
}

int rm_replica_new(const struct rm_replica_options *options, const struct rm_state_machine *machine,
                   struct rm_replica **ret_replica)
{
    struct rm_replica *replica = calloc(1, sizeof *replica);
    int rv;

    if (replica == NULL) {
        return RM_ENOMEM;
    }
    replica->options = *options;
    replica->is_eager = options->is_preferred;
    replica->host = options->host;
    replica->machine = *machine;
    replica->reason = "";
    rm_list_init(&replica->proposals);
    rm_list_init(&replica->reads_waiting);
    rm_list_init(&replica->reads_covered);
    rm__replica_init_fsm(replica);
    replica->sessions = rm__session_table_new();
    rv = replica->sessions == NULL ? RM_ENOMEM : make_dir(replica);
    if (rv == 0) {
        rv = init_io(replica);
    }
    if (rv != 0) {
        rm__session_table_free(replica->sessions);
        free(replica->dir);
        free(replica);
        return rv;
    }
    rm__host_add(replica->host, replica);
    *ret_replica = replica;
    return 0;
}

/* ---- start ---- */

/* The metadata files that C-Raft reads here carry no checksum: those that it cannot read are
 * damaged, those that it can are compared with our copy later. */
static int init_raft(struct rm_replica *replica)
{
    char address[RM__RAFT_ADDRESS_MAX];
    int rv;

    rm__raft_address(replica->options.self, address);
    rv = raft_init(&replica->raft, &replica->guard.io, &replica->fsm,
                   rm__raft_id(replica->options.self), address);
    if (rv == RAFT_NOMEM || rv == RAFT_IOERR) {
        return rv == RAFT_NOMEM ? RM_ENOMEM : RM_EIO;
    }
    if (rv != 0) {
        replica->reason = "its metadata files are damaged";
        return RM_ECORRUPT;
    }
    replica->is_initialised = true;
    replica->raft.tracer = NULL;
    raft_set_election_timeout(&replica->raft, replica->is_eager ? EAGER_ELECTION_TIMEOUT_MS
                                                                : RM__ELECTION_TIMEOUT_MS);
    raft_set_heartbeat_timeout(&replica->raft, HEARTBEAT_MS);
    raft_set_install_snapshot_timeout(&replica->raft, INSTALL_SNAPSHOT_TIMEOUT_MS);
    raft_set_max_inflight_entries(&replica->raft, INFLIGHT_ENTRIES_MAX);
    raft_set_pre_vote(&replica->raft, true);
    /* Not with segments of 8 MiB: none is prepared in the first moments of a leader, which would
     * refuse its first entries, and C-Raft asserts that its own barrier is never refused. The floor
     * of free space guards us instead. */
    raft_set_capacity_threshold(&replica->raft, 0);
    raft_set_snapshot_threshold(&replica->raft, UINT32_MAX); /* the host says when */
    return 0;
}

static int bootstrap(struct rm_replica *replica)
{
    struct raft_configuration members;
    int rv = 0;

    raft_configuration_init(&members);
    for (size_t i = 0; rv == 0 && i < replica->options.n_members; i++) {
        struct rm_replica_id id = replica->options.members[i];
        char address[RM__RAFT_ADDRESS_MAX];

        rm__raft_address(id, address);
        rv = raft_configuration_add(&members, rm__raft_id(id), address, RAFT_VOTER);
    }
    if (rv == 0) {
        rv = raft_bootstrap(&replica->raft, &members);
    }
    raft_configuration_close(&members);
    /* It has a configuration already: that one counts. */
    return rv == 0 || rv == RAFT_CANTBOOTSTRAP ? 0 : RM_EIO;
}

int rm_replica_start(struct rm_replica *replica)
{
    int rv = init_raft(replica);

    if (rv == 0 && replica->options.n_members > 0) {
        rv = bootstrap(replica);
    }
    if (rv != 0) {
        return rv;
    }
    switch (raft_start(&replica->raft)) {
    case 0:
        replica->is_started = true;
        return 0;
    case RAFT_NOMEM:
        return RM_ENOMEM;
    case RAFT_MALFORMED:
        replica->reason = rm__io_guard_reason(&replica->guard);
        return RM_EPROTO;
    default:
        if (replica->reason[0] == '\0') {
            replica->reason = rm__io_guard_reason(&replica->guard);
        }
        if (replica->reason[0] == '\0') {
            replica->reason = raft_errmsg(&replica->raft);
        }
        return RM_ECORRUPT;
    }
}

const char *rm_replica_reason(const struct rm_replica *replica)
{
    return replica->reason;
}

/* ---- close ---- */

static void free_closed(struct rm_replica *replica)
{
    void (*cb)(void *data) = replica->close_cb;
    void *data = replica->close_data;

    done_io(replica);
    rm__session_table_free(replica->sessions);
    free(replica->dir);
    free(replica);
    if (cb != NULL) {
        cb(data);
    }
}

static void on_raft_closed(struct raft *raft)
{
    struct rm_replica *replica = RM_LIST_ENTRY(raft, struct rm_replica, raft);

    free_closed(replica);
}

void rm_replica_close(struct rm_replica *replica, void (*cb)(void *data), void *data)
{
    replica->is_closing = true;
    replica->close_cb = cb;
    replica->close_data = data;
    rm__host_remove(replica);
    rm__replica_fail_reads(replica);
    if (replica->is_initialised) {
        raft_close(&replica->raft, on_raft_closed);
    } else {
        free_closed(replica);
    }
}

/* ---- status ---- */

const char *rm_replica_role_name(enum rm_replica_role role)
{
    static const char *const names[] = {"leader", "follower", "candidate", "joining", "damaged"};

    return names[role];
}

static enum rm_replica_role role_of(struct raft *raft)
{
    switch (raft_state(raft)) {
    case RAFT_LEADER:
        return RM_ROLE_LEADER;
    case RAFT_CANDIDATE:
        return RM_ROLE_CANDIDATE;
    default:
        return raft_role(raft) == RAFT_VOTER ? RM_ROLE_FOLLOWER : RM_ROLE_JOINING;
    }
}

void rm_replica_status(const struct rm_replica *replica, struct rm_replica_status *ret_status)
{
    struct raft *raft = (struct raft *)(uintptr_t)&replica->raft; /* asked only, in spite of type */
    raft_id leader = 0;
    const char *address;

    *ret_status =
        (struct rm_replica_status){.self = replica->options.self,
                                   .role = RM_ROLE_DAMAGED,
                                   .state_bytes = replica->machine.size(replica->machine.data)};
    if (!replica->is_started) {
        return;
    }
    raft_leader(raft, &leader, &address);
    ret_status->role = role_of(raft);
    ret_status->leader = rm__replica_id(leader).worker;
    ret_status->is_leader = rm__replica_leads(replica);
    ret_status->term = raft_current_term(raft);
    ret_status->last_index = raft_last_index(raft);
    ret_status->commit_index = raft_commit_index(raft);
    ret_status->applied_index = raft_last_applied(raft);
    ret_status->snapshot_index = raft->trail.snapshot.index;
    ret_status->log_bytes = rm__replica_log_bytes(replica);
    ret_status->writes_snapshot = rm__io_guard_is_snapshotting(&replica->guard);
    ret_status->state_hash = rm__replica_hash(replica);
}

void rm_replica_hashes(const struct rm_replica *replica, struct rm_state_hash ret_hashes[RM_HASHES])
{
    memcpy(ret_hashes, replica->hashes, sizeof replica->hashes);
}
