/* The guard's part of loading: what C-Raft takes for granted of the files it is given. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "entry.h"
#include "io_guard_internal.h"
#include "open_segments.h"
#include "raftmetrics/base/error.h"
#include "snapshot_header.h"

/* Returns @rv, for the reason that @format makes. */
static int refuse(struct rm__io_guard *guard, int rv, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct rm__io_guard *guard, int rv, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(guard->state->reason, sizeof guard->state->reason, format, args);
    va_end(args);
    return rv;
}

static raft_index last_index(const struct rm__loaded *loaded)
{
    return loaded->start_index + loaded->n_entries - 1;
}

/* 0 where the entry is not there. */
static raft_term term_of(const struct rm__loaded *loaded, raft_index index)
{
    if (index < loaded->start_index || index > last_index(loaded)) {
        return 0;
    }
    return loaded->entries[index - loaded->start_index].term;
}

/* ---- term and vote ---- */

/* Which of the two copies holds, ours in the vote file or C-Raft's in its metadata?
 *
 * Ours is written first, so it is never the older one, and a promise is answered to others only
 * after both were written. Ours has a checksum; C-Raft's has none, and where the newer of its two
 * files is damaged it may go back to the older, so what it says proves nothing by itself.
 *
 * - Ours is valid: it holds, even where C-Raft's has nothing. Where C-Raft's is newer in spite of
 *   the order, one of them is wrong, but believing the newer breaks no promise: the larger term,
 *   and in the same term a vote rather than none. Of two votes in one term ours is the real one.
 * - Ours is damaged: C-Raft's may be older than what was promised, and nothing tells. Refused.
 * - Ours is missing: as damaged, unless there is nothing at all: then the replica is new. */
static int settle_vote(struct rm__io_guard *guard, const struct rm__vote *theirs, bool is_empty,
                       struct rm__vote *ret_vote)
{
    struct rm__vote ours;
    int rv = rm__vote_file_read(guard->dir, &ours);

    if (rv == RM_ENOTFOUND && is_empty && theirs->term == 0) {
        *ret_vote = (struct rm__vote){0};
        return 0;
    }
    if (rv == RM_ENOTFOUND) {
        return refuse(guard, RAFT_CORRUPT, "the file of its term and vote is missing");
    }
    if (rv == RM_ECORRUPT) {
        return refuse(guard, RAFT_CORRUPT, "the file of its term and vote is damaged");
    }
    if (rv != 0) {
        return refuse(guard, RAFT_IOERR, "the file of its term and vote cannot be read");
    }
    if (theirs->term < ours.term || (theirs->term == ours.term && ours.vote != 0)) {
        *ret_vote = ours;
        return 0;
    }
    *ret_vote = *theirs;
    if ((theirs->term != ours.term || theirs->vote != ours.vote) &&
        rm__vote_file_write(guard->dir, theirs) != 0) {
        return refuse(guard, RAFT_IOERR, "the file of its term and vote cannot be written");
    }
    return 0;
}

/* ---- the log ---- */

static int check_snapshot(struct rm__io_guard *guard, const struct rm__loaded *loaded)
{
    const struct raft_snapshot *snapshot = loaded->snapshot;
    struct rm__snapshot_header header;
    int rv;

    if (snapshot->index == 0 || snapshot->term == 0 || snapshot->n_bufs != 1) {
        return refuse(guard, RAFT_CORRUPT, "its snapshot is damaged");
    }
    rv = rm__snapshot_header_decode(rm_slice_make(snapshot->bufs[0].base, snapshot->bufs[0].len),
                                    &header);
    if (rv == RM_EPROTO) {
        return refuse(guard, RAFT_MALFORMED, "its snapshot is of a newer version");
    }
    return rv == 0 ? 0 : refuse(guard, RAFT_CORRUPT, "its snapshot is damaged");
}

/* Do the entries follow the snapshot, or the beginning of time, without a gap? */
static int check_place(struct rm__io_guard *guard, const struct rm__loaded *loaded)
{
    const struct raft_snapshot *snapshot = loaded->snapshot;
    raft_index end = snapshot == NULL ? 0 : snapshot->index;
    raft_term term;

    if (loaded->start_index == 0 || loaded->start_index > end + 1) {
        return refuse(guard, RAFT_CORRUPT, "entries are missing before index %llu",
                      loaded->start_index);
    }
    if (last_index(loaded) < end) {
        return refuse(guard, RAFT_CORRUPT, "entries are missing after index %llu",
                      last_index(loaded));
    }
    if (snapshot == NULL && loaded->n_entries > 0 && loaded->entries[0].type != RAFT_CHANGE) {
        return refuse(guard, RAFT_CORRUPT, "its log does not begin with a configuration");
    }
    term = term_of(loaded, end);
    if (snapshot != NULL && term != 0 && term != snapshot->term) {
        return refuse(guard, RAFT_CORRUPT, "its log and its snapshot differ at index %llu", end);
    }
    return 0;
}

static int check_command(struct rm__io_guard *guard, const struct raft_buffer *bytes,
                         raft_index index)
{
    struct rm__entry entry;
    int rv = rm__entry_decode(rm_slice_make(bytes->base, bytes->len), &entry);

    if (rv == RM_EPROTO) {
        return refuse(guard, RAFT_MALFORMED, "the entry at index %llu is of a newer version",
                      index);
    }
    if (rv != 0) {
        return refuse(guard, RAFT_CORRUPT, "the entry at index %llu is damaged", index);
    }
    if (entry.index != index) {
        return refuse(guard, RAFT_CORRUPT, "the entry at index %llu belongs to index %" PRIu64,
                      index, entry.index);
    }
    return 0;
}

static int check_entries(struct rm__io_guard *guard, const struct rm__loaded *loaded,
                         raft_term current_term)
{
    raft_term term = 1;

    for (size_t i = 0; i < loaded->n_entries; i++) {
        const struct raft_entry *entry = &loaded->entries[i];
        raft_index index = loaded->start_index + i;
        int rv;

        if (entry->term < term || (entry->type != RAFT_COMMAND && entry->type != RAFT_BARRIER &&
                                   entry->type != RAFT_CHANGE)) {
            return refuse(guard, RAFT_CORRUPT, "the entry at index %llu is damaged", index);
        }
        term = entry->term;
        rv = entry->type == RAFT_COMMAND ? check_command(guard, &entry->buf, index) : 0;
        if (rv != 0) {
            return rv;
        }
    }
    if (loaded->snapshot != NULL && loaded->snapshot->term > term) {
        term = loaded->snapshot->term;
    }
    if (term > current_term && (loaded->snapshot != NULL || loaded->n_entries > 0)) {
        return refuse(guard, RAFT_CORRUPT, "its log is of term %llu, but its term is %llu", term,
                      current_term);
    }
    return 0;
}

/* What was committed stays: at the mark's index nothing of another term can ever stand. */
static int check_mark(struct rm__io_guard *guard, const struct rm__loaded *loaded)
{
    const struct rm_watermark *mark = &guard->mark;
    const struct raft_snapshot *snapshot = loaded->snapshot;
    raft_term term = term_of(loaded, mark->index);

    if (mark->index == 0) {
        return 0;
    }
    if (snapshot != NULL && snapshot->index == mark->index) {
        term = snapshot->term;
    }
    if (term == mark->term || (term == 0 && snapshot != NULL && snapshot->index > mark->index)) {
        return 0;
    }
    return refuse(guard, RAFT_CORRUPT,
                  "it once had entry %" PRIu64 " of term %" PRIu64 ", and has lost it", mark->index,
                  mark->term);
}

/* What C-Raft cut off an open segment was perhaps acknowledged. */
static int check_cut(struct rm__io_guard *guard, const struct rm__loaded *loaded,
                     uint64_t last_written)
{
    if (last_index(loaded) >= last_written ||
        (loaded->snapshot != NULL && loaded->snapshot->index >= last_written)) {
        return 0;
    }
    return refuse(guard, RAFT_CORRUPT,
                  "an open segment is damaged before entry %" PRIu64 ", which it held",
                  last_written);
}

static int check(struct rm__io_guard *guard, const struct rm__loaded *loaded, raft_term term)
{
    int rv = loaded->snapshot == NULL ? 0 : check_snapshot(guard, loaded);

    if (rv == 0) {
        rv = check_place(guard, loaded);
    }
    if (rv == 0) {
        rv = check_entries(guard, loaded, term);
    }
    return rv == 0 ? check_mark(guard, loaded) : rv;
}

/* As C-Raft does itself: entries that were read together share a batch. */
void rm__loaded_free(struct rm__loaded *loaded)
{
    const void *batch = NULL;

    if (loaded->snapshot != NULL) {
        rm__guard_free_snapshot(loaded->snapshot);
    }
    for (size_t i = 0; i < loaded->n_entries; i++) {
        if (loaded->entries[i].batch != batch) {
            batch = loaded->entries[i].batch;
            raft_free(loaded->entries[i].batch);
        }
    }
    raft_free(loaded->entries);
}

int rm__guard_load(struct raft_io *io, raft_term *ret_term, raft_id *ret_voted_for,
                   struct raft_snapshot **ret_snapshot, raft_index *ret_start_index,
                   struct raft_entry **ret_entries, size_t *ret_n_entries)
{
    struct rm__io_guard *guard = rm__guard_of(io);
    struct rm__loaded loaded = {0};
    struct rm__vote theirs;
    struct rm__vote vote = {0};
    raft_term term = 0;
    raft_id voted_for = 0;
    uint64_t last_written = 0;
    int scanned = rm__open_segments_last(guard->dir, &last_written); /* before they are closed */
    int rv = guard->inner->load(guard->inner, &term, &voted_for, &loaded.snapshot,
                                &loaded.start_index, &loaded.entries, &loaded.n_entries);

    guard->state->reason[0] = '\0';
    if (rv != 0) {
        (void)refuse(guard, rv, "%s", guard->inner->errmsg);
        /* The format numbers of C-Raft's files have no checksum: another one is more likely damage
         * than a version to come, and the files of one shard must not stop the worker. */
        return rm__guard_outward(guard, rv == RAFT_MALFORMED ? RAFT_CORRUPT : rv);
    }
    theirs = (struct rm__vote){.term = term, .vote = voted_for};
    rv = settle_vote(guard, &theirs, loaded.snapshot == NULL && loaded.n_entries == 0, &vote);
    if (rv == 0) {
        rv = check(guard, &loaded, vote.term);
    }
    if (rv == 0) {
        rv = scanned == 0 ? check_cut(guard, &loaded, last_written)
                          : refuse(guard, RAFT_IOERR, "its open segments cannot be read");
    }
    if (rv == 0 && rm__open_segments_forget(guard->dir) != 0) {
        rv = refuse(guard, RAFT_IOERR, "what was noted of its open segments cannot be removed");
    }
    if (rv != 0) {
        rm__loaded_free(&loaded);
        memcpy(io->errmsg, guard->state->reason, sizeof io->errmsg);
        return rv;
    }
    guard->state->vote = vote;
    *ret_term = vote.term;
    *ret_voted_for = vote.vote;
    *ret_snapshot = loaded.snapshot;
    *ret_start_index = loaded.start_index;
    *ret_entries = loaded.entries;
    *ret_n_entries = loaded.n_entries;
    return 0;
}
