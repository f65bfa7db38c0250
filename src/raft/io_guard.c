#include "io_guard.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io_guard_internal.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/random.h"

int rm__guard_outward(struct rm__io_guard *guard, int rv)
{
    if (rv != 0) {
        memcpy(guard->io.errmsg, guard->inner->errmsg, sizeof guard->io.errmsg);
    }
    return rv;
}

void rm__guard_fatal(struct rm__io_guard *guard, const char *format, ...)
{
    char sentence[512];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    guard->fatal(guard->data, sentence);
    abort();
}

/* libuv's raft_io calls back with itself; its data is the raft, as C-Raft wants it there too. */
static struct rm__io_guard *guard_of_inner(struct raft_io *inner)
{
    const struct raft *raft = inner->data;

    return rm__guard_of(raft->io);
}

/* ---- start and close ---- */

static int init(struct raft_io *io, raft_id id, const char *address)
{
    struct rm__io_guard *guard = rm__guard_of(io);

    guard->inner->data = io->data;
    return rm__guard_outward(guard, guard->inner->init(guard->inner, id, address));
}

static void on_tick(struct raft_io *inner)
{
    struct rm__io_guard *guard = guard_of_inner(inner);

    guard->state->tick(&guard->io);
}

/* What is cut off stays part of the batch, which is freed as a whole. */
static void cut_before_change(struct raft_append_entries *append)
{
    for (unsigned i = 1; i < append->n_entries; i++) {
        if (append->entries[i].type == RAFT_CHANGE) {
            append->n_entries = i;
        }
    }
}

static void on_recv(struct raft_io *inner, struct raft_message *message)
{
    struct rm__io_guard *guard = guard_of_inner(inner);

    if (message->type == RAFT_APPEND_ENTRIES) {
        cut_before_change(&message->append_entries);
    }
    if (message->type == RAFT_INSTALL_SNAPSHOT &&
        rm__guard_drops_install(guard, &message->install_snapshot)) {
        return;
    }
    guard->state->recv(&guard->io, message);
}

static int start(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick, raft_io_recv_cb recv)
{
    struct rm__io_guard *guard = rm__guard_of(io);

    (void)msecs; /* the heartbeat timeout */
    guard->state->tick = tick;
    guard->state->recv = recv;
    return rm__guard_outward(guard,
                             guard->inner->start(guard->inner, guard->tick_ms, on_tick, on_recv));
}

void rm__guard_one_closed(struct rm__io_guard *guard)
{
    if (--guard->state->n_open == 0) {
        guard->state->close_cb(&guard->io);
    }
}

static void on_timer_closed(uv_handle_t *timer)
{
    rm__guard_one_closed(timer->data);
}

static void on_inner_closed(struct raft_io *inner)
{
    rm__guard_one_closed(guard_of_inner(inner));
}

static void close_retry(struct rm__io_guard *guard, struct rm__guard_retry *retry)
{
    if (retry->is_open) {
        guard->state->n_open++;
        uv_close((uv_handle_t *)&retry->timer, on_timer_closed);
    }
}

static void close_io(struct raft_io *io, raft_io_close_cb cb)
{
    struct rm__io_guard *guard = rm__guard_of(io);
    struct rm__io_guard_state *state = guard->state;

    state->is_closing = true;
    state->close_cb = cb;
    state->n_open = 1; /* the inner raft_io */
    rm__guard_close_snapshots(guard);
    close_retry(guard, &state->put.retry);
    close_retry(guard, &state->get.retry);
    guard->inner->close(guard->inner, on_inner_closed);
}

/* ---- term and vote ---- */

_Noreturn static void vote_is_lost(struct rm__io_guard *guard, const char *why)
{
    rm__guard_fatal(guard,
                    "The term and vote of a replica cannot be written to %s: %s; see that the "
                    "file system works and has room, then start this worker again",
                    guard->dir, why);
}

static void store_copy(struct rm__io_guard *guard, struct rm__vote vote)
{
    int rv = rm__vote_file_write(guard->dir, &vote);

    if (rv != 0) {
        vote_is_lost(guard, rm_strerror(rv));
    }
    guard->state->vote = vote;
}

static int set_term(struct raft_io *io, raft_term term)
{
    struct rm__io_guard *guard = rm__guard_of(io);

    store_copy(guard, (struct rm__vote){.term = term, .vote = 0});
    if (guard->inner->set_term(guard->inner, term) != 0) {
        vote_is_lost(guard, guard->inner->errmsg);
    }
    return 0;
}

static int set_vote(struct raft_io *io, raft_id id)
{
    struct rm__io_guard *guard = rm__guard_of(io);

    store_copy(guard, (struct rm__vote){.term = guard->state->vote.term, .vote = id});
    if (guard->inner->set_vote(guard->inner, id) != 0) {
        vote_is_lost(guard, guard->inner->errmsg);
    }
    return 0;
}

static bool has_file(const struct rm__io_guard *guard, const char *name)
{
    char path[PATH_MAX];

    return snprintf(path, sizeof path, "%s/%s", guard->dir, name) < (int)sizeof path &&
           access(path, F_OK) == 0;
}

/* Nothing was written yet, or a bootstrap did not come to its end: then it may be done again. */
static bool can_bootstrap(const struct rm__io_guard *guard)
{
    struct rm__vote vote;

    switch (rm__vote_file_read(guard->dir, &vote)) {
    case 0:
        return vote.term <= 1 && vote.vote == 0;
    case RM_ENOTFOUND:
        return !has_file(guard, "metadata1") && !has_file(guard, "metadata2");
    default:
        return false;
    }
}

static int bootstrap(struct raft_io *io, const struct raft_configuration *configuration)
{
    struct rm__io_guard *guard = rm__guard_of(io);
    const struct rm__vote vote = {.term = 1, .vote = 0};
    int rv;

    if (!can_bootstrap(guard)) {
        snprintf(io->errmsg, sizeof io->errmsg, "%s is not new", guard->dir);
        return RAFT_CANTBOOTSTRAP;
    }
    rv = rm__vote_file_write(guard->dir, &vote);
    if (rv != 0) {
        snprintf(io->errmsg, sizeof io->errmsg, "write the vote: %s", rm_strerror(rv));
        return rv == RM_ENOSPACE ? RAFT_NOSPACE : RAFT_IOERR;
    }
    guard->state->vote = vote;
    return rm__guard_outward(guard, guard->inner->bootstrap(guard->inner, configuration));
}

/* ---- the log ---- */

struct append {
    struct rm__io_guard *guard;
    struct rm_list link;
    struct raft_io_append inner;
    struct raft_io_append *outer;
    uint64_t started_ms;
    uint64_t started_ns; /* of uv_hrtime, for the statistics */
    uint64_t n_bytes;
    unsigned n_entries;
};

static void count_append(struct rm_disk_stats *stats, const struct append *append, int status)
{
    if (stats == NULL) {
        return;
    }
    if (status != 0) {
        rm_counter_add(&stats->n_failed_appends, 1);
        return;
    }
    rm_tally_record(&stats->append_us, &rm_tally_durations,
                    (uv_hrtime() - append->started_ns) / 1000);
    rm_tally_record(&stats->append_bytes, &rm_tally_bytes, append->n_bytes);
    rm_counter_add(&stats->n_entries, append->n_entries);
}

static void on_appended(struct raft_io_append *inner, int status)
{
    struct append *append = inner->data;
    struct raft_io_append *outer = append->outer;

    count_append(append->guard->stats, append, status);
    rm_list_remove(&append->link);
    free(append);
    outer->cb(outer, status);
}

/* C-Raft leaves the bytes of a barrier as they came from malloc; what was in memory before is not
 * for disks and peers. They are the log's own, and what is sent to peers afterwards. */
static void blank_barriers(const struct raft_entry entries[], unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (entries[i].type == RAFT_BARRIER) {
            memset(entries[i].buf.base, 0, entries[i].buf.len);
        }
    }
}

static int append_entries(struct raft_io *io, struct raft_io_append *req,
                          const struct raft_entry entries[], unsigned n, raft_io_append_cb cb)
{
    struct rm__io_guard *guard = rm__guard_of(io);
    struct append *append = malloc(sizeof *append);
    int rv;

    blank_barriers(entries, n);
    if (append == NULL) {
        /* Rather one whose age is not known than one that failed. */
        return rm__guard_outward(guard, guard->inner->append(guard->inner, req, entries, n, cb));
    }
    req->cb = cb;
    append->inner.data = append;
    append->outer = req;
    append->guard = guard;
    append->started_ms = guard->inner->time(guard->inner);
    append->started_ns = uv_hrtime();
    append->n_entries = n;
    append->n_bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        append->n_bytes += entries[i].buf.len;
    }
    rm_list_push_back(&guard->state->appends, &append->link);
    rv = guard->inner->append(guard->inner, &append->inner, entries, n, on_appended);
    if (rv != 0) {
        rm_list_remove(&append->link);
        free(append);
    }
    return rm__guard_outward(guard, rv);
}

static int truncate_log(struct raft_io *io, raft_index index)
{
    struct rm__io_guard *guard = rm__guard_of(io);

    return rm__guard_outward(guard, guard->inner->truncate(guard->inner, index));
}

static int recover(struct raft_io *io, const struct raft_configuration *configuration)
{
    struct rm__io_guard *guard = rm__guard_of(io);

    return rm__guard_outward(guard, guard->inner->recover(guard->inner, configuration));
}

/* ---- what is only passed on ---- */

static raft_time time_of(struct raft_io *io)
{
    struct rm__io_guard *guard = rm__guard_of(io);

    io->capacity = guard->inner->capacity;
    return guard->inner->time(guard->inner);
}

static int random_of(struct raft_io *io, int min, int max)
{
    uint32_t number;

    (void)io;
    rm_random_bytes(&number, sizeof number);
    return min + (int)(number % (uint32_t)(max - min));
}

int rm__io_guard_init(struct rm__io_guard *guard, struct raft_io *inner, struct uv_loop_s *loop)
{
    struct rm__io_guard_state *state = calloc(1, sizeof *state);

    if (state == NULL) {
        return RM_ENOMEM;
    }
    state->loop = loop;
    rm_list_init(&state->appends);
    guard->state = state;
    guard->inner = inner;
    guard->io = (struct raft_io){
        .version = 2,
        .impl = guard,
        .init = init,
        .close = close_io,
        .load = rm__guard_load,
        .start = start,
        .bootstrap = bootstrap,
        .recover = recover,
        .set_term = set_term,
        .set_vote = set_vote,
        .send = rm__guard_send,
        .append = append_entries,
        .truncate = truncate_log,
        .snapshot_put = rm__guard_snapshot_put,
        .snapshot_get = rm__guard_snapshot_get,
        .time = time_of,
        .random = random_of,
    };
    return 0;
}

void rm__io_guard_done(struct rm__io_guard *guard)
{
    free(guard->state);
    guard->state = NULL;
}

uint64_t rm__io_guard_append_age_ms(const struct rm__io_guard *guard, uint64_t now_ms)
{
    const struct rm_list *appends = &guard->state->appends;
    const struct append *oldest;

    if (rm_list_is_empty(appends)) {
        return 0;
    }
    oldest = RM_LIST_ENTRY(appends->next, struct append, link);
    return now_ms > oldest->started_ms ? now_ms - oldest->started_ms : 0;
}

const char *rm__io_guard_reason(const struct rm__io_guard *guard)
{
    return guard->state->reason;
}

bool rm__io_guard_is_snapshotting(const struct rm__io_guard *guard)
{
    return guard->state->put.outer != NULL;
}
