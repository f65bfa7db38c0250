/* What C-Raft calls: entries applied, snapshots frozen and restored. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "entry.h"
#include "raftmetrics/base/error.h"
#include "replica_internal.h"
#include "snapshot_header.h"

enum {
    RESULT_BYTES_MAX = 1 << 20,
    FRONT_BYTES_MAX = 256 << 20,
    ENTRY_OVERHEAD_BYTES = 64, /* C-Raft's struct of it and its buffer's */
};

/* ---- entries ---- */

raft_term rm__replica_term_of(const struct rm_replica *replica, raft_index index)
{
    const struct raft_trail *trail = &replica->raft.trail;

    if (index == trail->snapshot.index) {
        return trail->snapshot.term;
    }
    if (index <= trail->offset) {
        return 0;
    }
    for (unsigned i = trail->front; i != trail->back; i = (i + 1) % trail->size) {
        if (index <= trail->records[i].index) {
            return trail->records[i].term;
        }
    }
    return 0;
}

uint64_t rm__replica_log_entries(const struct rm_replica *replica)
{
    raft_index last = raft_last_index((struct raft *)(uintptr_t)&replica->raft);

    return last > replica->raft.trail.offset ? last - replica->raft.trail.offset : 0;
}

uint64_t rm__replica_log_bytes(const struct rm_replica *replica)
{
    return replica->log_bytes + rm__replica_log_entries(replica) * ENTRY_OVERHEAD_BYTES;
}

uint64_t rm__replica_hash(const struct rm_replica *replica)
{
    uint64_t parts[3] = {replica->machine.hash(replica->machine.data),
                         rm__session_table_hash(replica->sessions), (uint64_t)replica->time_ms};

    return XXH3_64bits(parts, sizeof parts);
}

/* The state as it is now is that of @applied; notes it where a multiple of the period was reached
 * since the last note. */
static void note_hash(struct rm_replica *replica, raft_index applied)
{
    uint64_t multiple = applied - applied % RM_HASH_PERIOD;

    if (multiple == 0 || multiple <= replica->hashed_index ||
        multiple < replica->raft.trail.snapshot.index) {
        return;
    }
    memmove(replica->hashes + 1, replica->hashes, (RM_HASHES - 1) * sizeof replica->hashes[0]);
    replica->hashes[0] = (struct rm_state_hash){multiple, rm__replica_hash(replica)};
    replica->hashed_index = multiple;
}

/* An entry is skipped by none or by all: what cannot be applied ends the process. */
static void must(struct rm_replica *replica, int rv)
{
    if (rv == RM_ENOMEM) {
        rm__replica_fatal(replica, "Out of memory while applying a committed entry; give this "
                                   "worker more memory or less data, and start it again");
    }
    if (rv == RM_EPROTO) {
        rm__replica_fatal(replica, "The log holds an entry of a newer version; start this worker "
                                   "with the version that the others run");
    }
    if (rv != 0) {
        rm__replica_fatal(replica, "A committed entry is damaged in memory; start this worker "
                                   "again, and check its memory if that comes back");
    }
}

static int apply_command(struct rm_replica *replica, const struct rm__entry *entry,
                         struct rm_buffer *result)
{
    struct rm_slice stored;
    int rv;

    if (rm_session_is_none(entry->session)) {
        replica->machine.apply(replica->machine.data, entry->time_ms, entry->body, result);
        return 0;
    }
    rv = rm__session_check(replica->sessions, entry->session, entry->sequence, &stored);
    if (rv == RM_EEXIST) {
        must(replica, rm_buffer_append_slice(result, stored));
        return 0;
    }
    if (rv == 0) {
        replica->machine.apply(replica->machine.data, entry->time_ms, entry->body, result);
        must(replica, rm__session_record(replica->sessions, entry->session, entry->sequence,
                                         rm_buffer_peek(result), entry->time_ms));
    }
    return rv;
}

static int apply_entry(struct rm_replica *replica, const struct rm__entry *entry,
                       struct rm_buffer *result)
{
    replica->time_ms = entry->time_ms;
    replica->time_known_ms = rm__host_now_ms(replica->host);
    rm__session_expire(replica->sessions, entry->time_ms);
    if (entry->kind == RM__ENTRY_OPEN_SESSION) {
        must(replica, rm__session_open(replica->sessions, entry->session, entry->time_ms));
        return 0;
    }
    return apply_command(replica, entry, result);
}

static int apply(struct raft_fsm *fsm, const struct raft_buffer *buf, void **ret_result)
{
    struct rm_replica *replica = fsm->data;
    raft_index index = replica->raft.last_applied + 1;
    struct rm__entry entry;
    struct rm_buffer result;
    int status;

    must(replica, rm__entry_decode(rm_slice_make(buf->base, buf->len), &entry));
    must(replica, entry.index == index ? 0 : RM_ECORRUPT);
    note_hash(replica, index - 1);
    rm_buffer_init(&result, RESULT_BYTES_MAX);
    status = apply_entry(replica, &entry, &result);
    replica->log_bytes += buf->len;
    rm__replica_note_result(replica, index, status, rm_buffer_peek(&result));
    rm_buffer_done(&result);
    *ret_result = NULL;
    return 0;
}

/* ---- snapshots ---- */

static void thaw(struct rm__freeze *freeze)
{
    rm_image_release(freeze->image);
    rm_buffer_done(&freeze->front);
    free(freeze->buffers);
    *freeze = (struct rm__freeze){0};
}

/* All but the checksum, which needs the whole image. */
static int encode_front(struct rm_replica *replica, struct rm__freeze *freeze)
{
    int rv;

    rm_buffer_init(&freeze->front, FRONT_BYTES_MAX);
    rv = rm_buffer_reserve(&freeze->front, RM__SNAPSHOT_HEADER_BYTES);
    if (rv != 0) {
        return rv;
    }
    freeze->front.len = RM__SNAPSHOT_HEADER_BYTES;
    return rm__session_table_encode(replica->sessions, &freeze->front);
}

/* Of several changes of the members that are committed at once C-Raft notes the last only, as the
 * last thing; asked for in between, a snapshot would hold members of long ago. It asks again. */
static bool are_members_behind(const struct raft *raft)
{
    return raft->configuration_uncommitted_index > raft->trail.snapshot.index &&
           raft->configuration_uncommitted_index <= raft->last_applied;
}

/* Errors: RM_ENOMEM. */
static int begin_freeze(struct rm_replica *replica)
{
    struct rm__freeze freeze = {.time_ms = replica->time_ms, .log_bytes = replica->log_bytes};

    freeze.image = replica->machine.freeze(replica->machine.data);
    if (freeze.image == NULL) {
        return RM_ENOMEM;
    }
    if (encode_front(replica, &freeze) != 0) {
        thaw(&freeze);
        return RM_ENOMEM;
    }
    replica->freeze = freeze;
    return 0;
}

static int snapshot(struct raft_fsm *fsm, struct raft_buffer *ret_bufs[], unsigned *ret_n_bufs)
{
    struct rm_replica *replica = fsm->data;

    if (are_members_behind(&replica->raft)) {
        return RAFT_BUSY;
    }
    raft_set_snapshot_threshold(&replica->raft, UINT32_MAX); /* one was asked for */
    if (begin_freeze(replica) != 0) {
        rm_counter_add(&rm__host_disk_stats(replica->host)->n_failed_snapshots, 1);
        return RAFT_NOMEM;
    }
    *ret_bufs = NULL; /* the guard asks for them */
    *ret_n_bufs = 0;
    return 0;
}

int rm__replica_gather_snapshot(void *data, bool *ret_is_whole)
{
    enum { SLICE_NS = 2000000, N_STEPS = 512 };
    struct rm_replica *replica = data;
    uint64_t began_ns = uv_hrtime();
    int rv;

    do {
        rv = rm_image_gather(replica->freeze.image, N_STEPS, ret_is_whole);
    } while (rv == 0 && !*ret_is_whole && uv_hrtime() - began_ns < SLICE_NS);
    return rv;
}

/* Beside the loop, which goes on changing the state that the image shares memory with. */
int rm__replica_seal_snapshot(void *data, struct raft_buffer **ret_bufs, unsigned *ret_n_bufs)
{
    struct rm_replica *replica = data;
    struct rm__freeze *freeze = &replica->freeze;
    const struct rm__snapshot_header header = {.time_ms = freeze->time_ms};
    size_t n = freeze->image->n_pieces + 1;
    struct rm_slice *pieces = malloc(n * sizeof *pieces);

    freeze->buffers = malloc(n * sizeof *freeze->buffers);
    if (pieces == NULL || freeze->buffers == NULL) {
        free(pieces);
        return RM_ENOMEM;
    }
    pieces[0] = rm_slice_make(freeze->front.data + RM__SNAPSHOT_HEADER_BYTES,
                              freeze->front.len - RM__SNAPSHOT_HEADER_BYTES);
    memcpy(pieces + 1, freeze->image->pieces, (n - 1) * sizeof *pieces);
    rm__snapshot_header_encode(&header, pieces, n, freeze->front.data);
    pieces[0] = rm_buffer_peek(&freeze->front);
    for (size_t i = 0; i < n; i++) {
        freeze->buffers[i] = (struct raft_buffer){(void *)(uintptr_t)pieces[i].data, pieces[i].len};
    }
    free(pieces);
    *ret_bufs = freeze->buffers;
    *ret_n_bufs = (unsigned)n;
    return 0;
}

/* The snapshot is written, or given up because the replica closes. Half of the log before it is
 * kept (see ask_for_snapshot). */
static int snapshot_finalize(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n_bufs)
{
    struct rm_replica *replica = fsm->data;

    replica->log_bytes -= replica->freeze.log_bytes / 2;
    thaw(&replica->freeze);
    *bufs = NULL;
    *n_bufs = 0;
    return 0;
}

static int restore_parts(struct rm_replica *replica, struct rm_blob *blob)
{
    struct rm_slice bytes = rm_blob_peek(blob);
    struct rm__snapshot_header header;
    struct rm__session_table *sessions = NULL;
    int rv = rm__snapshot_header_decode(bytes, &header);

    if (rv == 0) {
        bytes = rm_slice_make(bytes.data + RM__SNAPSHOT_HEADER_BYTES,
                              bytes.len - RM__SNAPSHOT_HEADER_BYTES);
        rv = rm__session_table_decode(&bytes, &sessions);
    }
    if (rv == 0) {
        rv = replica->machine.restore(replica->machine.data, blob, bytes);
    }
    if (rv != 0) {
        rm__session_table_free(sessions);
        return rv;
    }
    rm__session_table_free(replica->sessions);
    replica->sessions = sessions;
    replica->time_ms = header.time_ms;
    replica->time_known_ms = rm__host_now_ms(replica->host);
    replica->log_bytes = 0;
    replica->hashed_index = 0;
    memset(replica->hashes, 0, sizeof replica->hashes);
    return 0;
}

/* While the replica starts, a snapshot that cannot be read is a reason to refuse. Later one has
 * come from the leader and is on the disk already, and C-Raft has no way to say no. */
static int restore(struct raft_fsm *fsm, struct raft_buffer *buf)
{
    struct rm_replica *replica = fsm->data;
    struct rm_blob *blob = rm_blob_new(buf->base, buf->len);
    int rv = blob == NULL ? RM_ENOMEM : restore_parts(replica, blob);

    if (rv == 0) {
        rm_blob_unref(blob);
        return 0;
    }
    if (replica->is_started) {
        rm__replica_fatal(replica, "A snapshot from the leader cannot be read; start this worker "
                                   "again, and it will ask for another");
    }
    if (blob != NULL) {
        (void)rm_blob_take(blob); /* C-Raft still owns it */
    }
    replica->reason =
        rv == RM_ENOMEM ? "out of memory for its snapshot" : "its snapshot is damaged";
    return rv == RM_ENOMEM ? RAFT_NOMEM : RAFT_CORRUPT;
}

void rm__replica_init_fsm(struct rm_replica *replica)
{
    replica->fsm = (struct raft_fsm){.version = 2,
                                     .data = replica,
                                     .apply = apply,
                                     .snapshot = snapshot,
                                     .restore = restore,
                                     .snapshot_finalize = snapshot_finalize};
}
