/* Who takes part in a shard, and who leads it. */
#include "raftmetrics/base/error.h"
#include "replica_internal.h"

enum {
    TRANSFER_PERIOD_MS = 60 * 1000,
    /* A voter so many entries behind counts as current: under load nobody is ever at the end. */
    CURRENT_LAG_MAX = 256,
};

static const struct raft_server *find_server(const struct rm_replica *replica, raft_id id)
{
    const struct raft_configuration *members = &replica->raft.configuration;

    for (unsigned i = 0; i < members->n; i++) {
        if (members->servers[i].id == id) {
            return &members->servers[i];
        }
    }
    return NULL;
}

/* Another server of the same worker: a life that is over. */
static const struct raft_server *find_former(const struct rm_replica *replica,
                                             struct rm_replica_id id)
{
    const struct raft_configuration *members = &replica->raft.configuration;

    for (unsigned i = 0; i < members->n; i++) {
        struct rm_replica_id other = rm__replica_id(members->servers[i].id);

        if (other.worker == id.worker && other.incarnation != id.incarnation) {
            return &members->servers[i];
        }
    }
    return NULL;
}

static raft_index match_of(const struct rm_replica *replica, raft_id id)
{
    raft_index match = 0;

    if (id == replica->raft.id) {
        return replica->raft.last_stored;
    }
    return raft_match_index(&replica->raft, id, &match) == 0 ? match : 0;
}

static bool is_current(const struct rm_replica *replica, raft_id id)
{
    return match_of(replica, id) + CURRENT_LAG_MAX >= replica->raft.commit_index;
}

/* Once the former is removed, the others are all there is: each has to hold what was committed. */
static bool are_others_current(const struct rm_replica *replica, raft_id former)
{
    const struct raft_configuration *members = &replica->raft.configuration;

    for (unsigned i = 0; i < members->n; i++) {
        const struct raft_server *server = &members->servers[i];

        if (server->role == RAFT_VOTER && server->id != former &&
            !is_current(replica, server->id)) {
            return false;
        }
    }
    return true;
}

static void on_changed(struct raft_change *change, int status)
{
    struct rm_replica *replica = change->data;

    (void)status; /* whoever wants to be admitted asks again */
    replica->is_change_pending = false;
}

static int change_result(struct rm_replica *replica, int rv)
{
    replica->is_change_pending = rv == 0;
    switch (rv) {
    case 0:
    case RAFT_CANTCHANGE:
        return RM_EBUSY;
    case RAFT_NOMEM:
        return RM_ENOMEM;
    default:
        return RM_ENOTLEADER;
    }
}

static int add(struct rm_replica *replica, struct rm_replica_id id)
{
    char address[RM__RAFT_ADDRESS_MAX];

    rm__raft_address(id, address);
    return raft_add(&replica->raft, &replica->change, rm__raft_id(id), address, on_changed);
}

int rm_replica_admit(struct rm_replica *replica, struct rm_replica_id id)
{
    const struct raft_server *former;
    const struct raft_server *server;

    if (replica->is_closing || !rm__replica_leads(replica)) {
        return RM_ENOTLEADER;
    }
    if (replica->is_change_pending || replica->is_transfer_pending ||
        raft_transferee(&replica->raft) != 0) {
        return RM_EBUSY;
    }
    replica->change.data = replica;
    former = find_former(replica, id);
    if (former != NULL) {
        raft_id former_id = former->id;

        if (former_id == replica->raft.id || !are_others_current(replica, former_id)) {
            return RM_ETIMEDOUT;
        }
        return change_result(replica,
                             raft_remove(&replica->raft, &replica->change, former_id, on_changed));
    }
    server = find_server(replica, rm__raft_id(id));
    if (server == NULL) {
        return change_result(replica, add(replica, id));
    }
    if (server->role != RAFT_VOTER) {
        return change_result(replica, raft_assign(&replica->raft, &replica->change, rm__raft_id(id),
                                                  RAFT_VOTER, on_changed));
    }
    return 0;
}

bool rm_replica_has_replaced(const struct rm_replica *replica, struct rm_replica_id id)
{
    return rm__replica_leads(replica) && replica->raft.configuration_uncommitted_index == 0 &&
           find_former(replica, id) == NULL;
}

/* ---- leadership ---- */

static void on_transferred(struct raft_transfer *transfer)
{
    struct rm_replica *replica = transfer->data;

    replica->is_transfer_pending = false;
}

/* A voter that has caught up: of @worker, or the most advanced where @worker is 0. */
static raft_id find_heir(const struct rm_replica *replica, uint32_t worker)
{
    const struct raft_configuration *members = &replica->raft.configuration;
    raft_id heir = 0;

    for (unsigned i = 0; i < members->n; i++) {
        const struct raft_server *server = &members->servers[i];

        if (server->role == RAFT_VOTER && server->id != replica->raft.id &&
            (worker == 0 || rm__replica_id(server->id).worker == worker) &&
            is_current(replica, server->id) &&
            (heir == 0 || match_of(replica, server->id) > match_of(replica, heir))) {
            heir = server->id;
        }
    }
    return heir;
}

int rm_replica_transfer(struct rm_replica *replica, uint32_t worker)
{
    uint64_t now_ms = rm__host_now_ms(replica->host);
    raft_id heir;

    if (replica->is_closing || !rm__replica_leads(replica)) {
        return RM_ENOTLEADER;
    }
    if (replica->is_change_pending || replica->is_transfer_pending ||
        (worker != 0 && replica->transferred_at_ms != 0 &&
         now_ms - replica->transferred_at_ms < TRANSFER_PERIOD_MS)) {
        return RM_EBUSY;
    }
    heir = find_heir(replica, worker);
    if (heir == 0) {
        return RM_ENOTFOUND;
    }
    replica->transfer.data = replica;
    if (raft_transfer(&replica->raft, &replica->transfer, heir, on_transferred) != 0) {
        return RM_ENOTLEADER;
    }
    replica->is_transfer_pending = true;
    replica->transferred_at_ms = now_ms;
    return 0;
}

size_t rm_replica_members(const struct rm_replica *replica,
                          struct rm_replica_member ret_members[RM_MEMBERS_MAX])
{
    const struct raft_configuration *members = &replica->raft.configuration;
    bool is_leader = replica->is_started && replica->raft.state == RAFT_LEADER;
    size_t n = 0;

    for (; n < members->n && n < RM_MEMBERS_MAX; n++) {
        const struct raft_server *server = &members->servers[n];

        ret_members[n] = (struct rm_replica_member){
            .id = rm__replica_id(server->id),
            .is_voter = server->role == RAFT_VOTER,
            .match_index = is_leader ? match_of(replica, server->id) : 0,
        };
    }
    return n;
}
