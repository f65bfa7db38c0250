/* Proposals: from a body to an entry, and from what was applied back to who asked. */
#include <stdlib.h>

#include "entry.h"
#include "raftmetrics/base/error.h"
#include "replica_internal.h"

/* So far may a leader's clock carry the shard's time past what the former leader left, beyond the
 * time that has passed since this process saw it. A clock that is wrong by hours, or an hour of
 * which nothing is known here, must not expire in a burst of entries what was noted a moment ago.
 */
enum { TIME_STEP_MAX_MS = 60 * 1000, RESULT_BYTES_MAX = 1 << 20 };

struct proposal {
    struct raft_apply apply; /* data is the proposal */
    struct rm_list link;
    struct rm_replica *replica;
    raft_index index;
    rm_propose_cb cb;
    void *data;
    int status;
    struct rm_buffer result;
};

static void proposal_free(struct proposal *proposal)
{
    rm_list_remove(&proposal->link);
    rm_buffer_done(&proposal->result);
    free(proposal);
}

/* Whatever C-Raft says of a proposal that it took, but for success, leaves open whether it will be
 * committed. */
static void on_applied(struct raft_apply *apply, int raft_status, void *result)
{
    struct proposal *proposal = apply->data;
    int status = raft_status == 0 ? proposal->status : RM_EUNKNOWN;

    (void)result;
    proposal->cb(status, rm_buffer_peek(&proposal->result), proposal->data);
    proposal_free(proposal);
}

void rm__replica_note_result(struct rm_replica *replica, raft_index index, int status,
                             struct rm_slice result)
{
    struct rm_list *link;

    for (link = replica->proposals.next; link != &replica->proposals; link = link->next) {
        struct proposal *proposal = RM_LIST_ENTRY(link, struct proposal, link);

        if (proposal->index == index) {
            proposal->status = status;
            if (rm_buffer_append_slice(&proposal->result, result) != 0) {
                proposal->status = RM_EUNKNOWN; /* applied, and no memory to say what came of it */
            }
            return;
        }
    }
}

void rm__replica_start_clock(struct rm_replica *replica, int64_t time_ms, uint64_t known_ms)
{
    replica->proposed_ms = time_ms;
    replica->clock_base_ms = time_ms;
    replica->clock_started_ms = known_ms;
}

/* The first entry of a shard has nothing to be held against. */
static int64_t entry_time(const struct rm_replica *replica, int64_t now_ms)
{
    uint64_t passed_ms = rm__host_now_ms(replica->host) - replica->clock_started_ms;
    int64_t latest_ms = replica->clock_base_ms + TIME_STEP_MAX_MS + (int64_t)passed_ms;

    if (now_ms < replica->proposed_ms) {
        return replica->proposed_ms;
    }
    return replica->clock_base_ms > 0 && now_ms > latest_ms ? latest_ms : now_ms;
}

int64_t rm_replica_entry_time(const struct rm_replica *replica, int64_t now_ms)
{
    return entry_time(replica, now_ms);
}

/* C-Raft takes the buffer and frees it, unless it says NOTLEADER or NOSPACE. After any other error
 * the entry may be written, and may be freed: nothing can be said of it any more. */
static int submit(struct rm_replica *replica, struct proposal *proposal,
                  const struct raft_buffer *buffer)
{
    int rv = raft_apply(&replica->raft, &proposal->apply, buffer, 1, on_applied);

    if (rv == RAFT_NOTLEADER || rv == RAFT_NOSPACE) {
        raft_free(buffer->base);
        return rv == RAFT_NOTLEADER ? RM_ENOTLEADER : RM_ENOSPACE;
    }
    if (rv != 0) {
        rm__replica_fatal(replica, "C-Raft could not take an entry and cannot say what became of "
                                   "it; start this worker again, it will find out from its log");
    }
    return 0;
}

static int propose(struct rm_replica *replica, struct rm__entry *entry, rm_propose_cb cb,
                   void *data)
{
    struct raft_buffer buffer = {.len = rm__entry_size(entry->body.len)};
    struct proposal *proposal = calloc(1, sizeof *proposal);
    int rv;

    buffer.base = raft_malloc(buffer.len);
    if (proposal == NULL || buffer.base == NULL) {
        free(proposal);
        raft_free(buffer.base);
        return RM_ENOMEM;
    }
    entry->index = raft_last_index(&replica->raft) + 1;
    rm__entry_encode(entry, buffer.base);
    *proposal = (struct proposal){.apply.data = proposal,
                                  .replica = replica,
                                  .index = entry->index,
                                  .cb = cb,
                                  .data = data,
                                  .status = RM_EUNKNOWN};
    rm_buffer_init(&proposal->result, RESULT_BYTES_MAX);
    rm_list_push_back(&replica->proposals, &proposal->link);
    rv = submit(replica, proposal, &buffer);
    if (rv != 0) {
        proposal_free(proposal);
        return rv;
    }
    if (replica->clock_base_ms == 0) {
        rm__replica_start_clock(replica, entry->time_ms, rm__host_now_ms(replica->host));
    }
    replica->proposed_ms = entry->time_ms;
    return 0;
}

/* Only a leader whose own barrier has fired knows all that was committed before it; what it
 * proposes stands behind that. */
static int check(const struct rm_replica *replica)
{
    if (replica->is_closing || !rm__replica_leads(replica)) {
        return RM_ENOTLEADER;
    }
    return rm_replica_host_is_disk_low(replica->host) ? RM_ENOSPACE : 0;
}

int rm_replica_propose(struct rm_replica *replica, int64_t now_ms, struct rm_session session,
                       uint64_t sequence, struct rm_slice body, rm_propose_cb cb, void *data)
{
    struct rm__entry entry = {.kind = RM__ENTRY_COMMAND,
                              .time_ms = entry_time(replica, now_ms),
                              .session = session,
                              .sequence = sequence,
                              .body = body};
    int rv = check(replica);

    if (rv != 0) {
        return rv;
    }
    return body.len > RM_ENTRY_BYTES_MAX ? RM_ETOOBIG : propose(replica, &entry, cb, data);
}

int rm_replica_open_session(struct rm_replica *replica, int64_t now_ms, struct rm_session session,
                            rm_propose_cb cb, void *data)
{
    struct rm__entry entry = {.kind = RM__ENTRY_OPEN_SESSION,
                              .time_ms = entry_time(replica, now_ms),
                              .session = session,
                              .body = rm_slice_make("", 0)};
    int rv = check(replica);

    return rv != 0 ? rv : propose(replica, &entry, cb, data);
}
