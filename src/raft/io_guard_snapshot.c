/* The guard's part of snapshots: they are written, read and sent one at a time, and no failure of
 * these reaches C-Raft, which survives none of them. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io_guard_internal.h"
#include "snapshot_header.h"

enum { UNDER_WAY_MAX_MS = 60000, PAUSE_MS = 1000 };

static uint64_t now_of(struct rm__io_guard *guard)
{
    return guard->inner->time(guard->inner);
}

static bool is_sound(const struct raft_buffer *bytes)
{
    struct rm__snapshot_header header;

    return rm__snapshot_header_decode(rm_slice_make(bytes->base, bytes->len), &header) == 0;
}

static void retry_later(struct rm__io_guard *guard, struct rm__guard_retry *retry, uv_timer_cb cb)
{
    if (!retry->is_open) {
        uv_timer_init(guard->state->loop, &retry->timer);
        retry->timer.data = guard;
        retry->is_open = true;
    }
    uv_timer_start(&retry->timer, cb, RM__GUARD_RETRY_MS, 0);
}

/* ---- sending ---- */

static bool is_held(const struct rm__guard_transfer *transfer, uint64_t now_ms)
{
    if (transfer->outer != NULL) {
        return now_ms - transfer->started_ms < UNDER_WAY_MAX_MS;
    }
    return now_ms < transfer->held_until_ms;
}

/* Is a snapshot under way to @peer, or was a moment ago? To anyone, where @peer is 0. */
static bool holds(const struct rm__io_guard_state *state, raft_id peer, uint64_t now_ms)
{
    for (size_t i = 0; i < RM__GUARD_TRANSFERS_MAX; i++) {
        const struct rm__guard_transfer *transfer = &state->transfers[i];

        if ((peer == 0 || transfer->peer == peer) && is_held(transfer, now_ms)) {
            return true;
        }
    }
    return false;
}

/* NULL: all are under way. */
static struct rm__guard_transfer *unused_transfer(struct rm__io_guard_state *state)
{
    struct rm__guard_transfer *unused = NULL;

    for (size_t i = 0; i < RM__GUARD_TRANSFERS_MAX; i++) {
        struct rm__guard_transfer *transfer = &state->transfers[i];

        if (transfer->outer == NULL &&
            (unused == NULL || transfer->held_until_ms < unused->held_until_ms)) {
            unused = transfer;
        }
    }
    return unused;
}

/* A lost message is nothing to Raft. C-Raft frees the request in its callback, and does not look at
 * it after send has returned. */
static int lose(struct raft_io_send *req, raft_io_send_cb cb, int status)
{
    req->cb = cb;
    cb(req, status);
    return 0;
}

static void on_sent(struct raft_io_send *inner, int status)
{
    struct rm__guard_transfer *transfer = inner->data;
    struct raft_io_send *outer = transfer->outer;

    /* What the peer rejected before the snapshot arrived is still to come. */
    transfer->held_until_ms = status == 0 ? now_of(transfer->guard) + PAUSE_MS : 0;
    transfer->outer = NULL;
    outer->cb(outer, status);
}

static int send_snapshot(struct rm__io_guard *guard, struct raft_io_send *req,
                         const struct raft_message *message, raft_io_send_cb cb)
{
    struct rm__io_guard_state *state = guard->state;
    struct rm__guard_transfer *transfer = unused_transfer(state);
    uint64_t now_ms = now_of(guard);
    bool is_held_back = holds(state, message->server_id, now_ms);
    int rv;

    if (state->is_hollow) {
        if (!is_held_back) {
            state->wanted = message->server_id;
        }
        return lose(req, cb, RAFT_BUSY);
    }
    if (is_held_back || transfer == NULL) {
        return lose(req, cb, RAFT_BUSY);
    }
    if (state->wanted == message->server_id) {
        state->wanted = 0;
    }
    req->cb = cb;
    transfer->guard = guard;
    transfer->inner.data = transfer;
    transfer->outer = req;
    transfer->peer = message->server_id;
    transfer->started_ms = now_ms;
    rv = guard->inner->send(guard->inner, &transfer->inner, message, on_sent);
    if (rv != 0) {
        on_sent(&transfer->inner, rv);
    }
    return 0;
}

int rm__guard_send(struct raft_io *io, struct raft_io_send *req, const struct raft_message *message,
                   raft_io_send_cb cb)
{
    struct rm__io_guard *guard = rm__guard_of(io);
    int rv;

    /* A snapshot that was read meanwhile; the inner raft_io must not be asked any more. */
    if (guard->state->is_closing) {
        return lose(req, cb, RAFT_CANCELED);
    }
    if (message->type == RAFT_INSTALL_SNAPSHOT) {
        return send_snapshot(guard, req, message, cb);
    }
    rv = guard->inner->send(guard->inner, req, message, cb);
    return rv == 0 ? 0 : lose(req, cb, rv);
}

/* ---- receiving ---- */

bool rm__guard_drops_install(struct rm__io_guard *guard, struct raft_install_snapshot *install)
{
    if (guard->state->put.outer == NULL && is_sound(&install->data)) {
        return false;
    }
    raft_configuration_close(&install->conf);
    if (install->data.len > 0) { /* otherwise the library has left base as it found it */
        raft_free(install->data.base);
    }
    return true;
}

/* ---- writing ---- */

void rm__guard_finish_put(struct rm__io_guard *guard, int status)
{
    struct raft_io_snapshot_put *outer = guard->state->put.outer;

    guard->state->put.outer = NULL; /* first, for the callback may begin another */
    outer->cb(outer, status);
}

static void on_put_retry(uv_timer_t *timer)
{
    rm__guard_write_snapshot(timer->data);
}

static void retry_put(struct rm__io_guard *guard)
{
    struct rm__guard_put *put = &guard->state->put;

    if (++put->retry.n_failures > RM__GUARD_RETRIES_MAX) {
        rm__guard_fatal(guard,
                        "A snapshot cannot be written to %s; see that the file system works and "
                        "has room, then start this worker again",
                        guard->dir);
    }
    retry_later(guard, &put->retry, on_put_retry);
}

static void count_put(struct rm_disk_stats *stats, const struct rm__guard_put *put)
{
    uint64_t n_bytes = 0;

    if (stats == NULL) {
        return;
    }
    for (unsigned i = 0; i < put->snapshot.n_bufs; i++) {
        n_bytes += put->snapshot.bufs[i].len;
    }
    rm_tally_record(&stats->snapshot_us, &rm_tally_durations,
                    (uv_hrtime() - put->started_ns) / 1000);
    rm_tally_record(&stats->snapshot_bytes, &rm_tally_bytes, n_bytes);
}

static void on_put(struct raft_io_snapshot_put *inner, int status)
{
    struct rm__io_guard *guard = inner->data;

    guard->state->put.is_written = false;
    if (guard->state->is_closing) {
        rm__guard_finish_put(guard, RAFT_CANCELED); /* after anything else C-Raft would leak */
    } else if (status == 0) {
        count_put(guard->stats, &guard->state->put);
        rm__guard_finish_put(guard, 0);
    } else {
        retry_put(guard);
    }
}

void rm__guard_write_snapshot(struct rm__io_guard *guard)
{
    struct rm__guard_put *put = &guard->state->put;

    put->is_written = true;
    if (guard->inner->snapshot_put(guard->inner, put->trailing, &put->inner, &put->snapshot,
                                   on_put) != 0) {
        put->is_written = false;
        retry_put(guard);
    }
}

int rm__guard_snapshot_put(struct raft_io *io, unsigned trailing, struct raft_io_snapshot_put *req,
                           const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb)
{
    struct rm__io_guard *guard = rm__guard_of(io);
    struct rm__guard_put *put = &guard->state->put;

    if (put->outer != NULL) {
        return RAFT_BUSY;
    }
    req->cb = cb;
    put->inner.data = guard;
    put->outer = req;
    put->snapshot = *snapshot;
    put->trailing = trailing;
    put->retry.n_failures = 0;
    put->started_ns = uv_hrtime();
    if (snapshot->n_bufs == 0) {
        rm__guard_gather(guard);
    } else {
        rm__guard_write_snapshot(guard);
    }
    return 0;
}

/* ---- reading ---- */

/* Answers without a snapshot: C-Raft sends what it is given at once, and that is lost. Its own path
 * for errors frees what was never set. Errors: RAFT_NOMEM; @req is not answered. */
static int answer_hollow(struct rm__io_guard *guard, struct raft_io_snapshot_get *req)
{
    struct raft_snapshot *snapshot = raft_calloc(1, sizeof *snapshot);
    struct raft_buffer *buffer = raft_calloc(1, sizeof *buffer);

    if (snapshot == NULL || buffer == NULL) {
        raft_free(snapshot);
        raft_free(buffer);
        return RAFT_NOMEM;
    }
    snapshot->index = ULLONG_MAX; /* as new as any that could be asked for */
    snapshot->bufs = buffer;
    snapshot->n_bufs = 1;
    guard->state->is_hollow = true;
    req->cb(req, snapshot, 0);
    guard->state->is_hollow = false;
    return 0;
}

static bool is_whole(int dir, const char *meta)
{
    static const char suffix[] = ".meta";
    char name[NAME_MAX + 1];
    size_t len = strlen(meta);
    struct stat status;

    if (strncmp(meta, "snapshot-", strlen("snapshot-")) != 0 || len < sizeof suffix ||
        strcmp(meta + len - strlen(suffix), suffix) != 0) {
        return false;
    }
    snprintf(name, sizeof name, "%.*s", (int)(len - strlen(suffix)), meta);
    return fstatat(dir, name, &status, 0) == 0 && status.st_size > 0;
}

/* Where there is none the inner raft_io succeeds, with memory that nobody has written. */
static bool has_snapshot(const char *path)
{
    DIR *dir = opendir(path);
    bool found = false;

    if (dir == NULL) {
        return false;
    }
    for (struct dirent *file = readdir(dir); file != NULL && !found; file = readdir(dir)) {
        found = is_whole(dirfd(dir), file->d_name);
    }
    closedir(dir);
    return found;
}

static void read_snapshot(struct rm__io_guard *guard);

static void on_get_retry(uv_timer_t *timer)
{
    read_snapshot(timer->data);
}

static void retry_get(struct rm__io_guard *guard)
{
    struct rm__guard_get *get = &guard->state->get;

    if (++get->retry.n_failures > RM__GUARD_RETRIES_MAX) {
        rm__guard_fatal(guard,
                        "The snapshot in %s, which another replica needs, cannot be read; start "
                        "this worker again: where the snapshot is damaged, it will say so and run "
                        "without this replica",
                        guard->dir);
    }
    retry_later(guard, &get->retry, on_get_retry);
}

void rm__guard_free_snapshot(struct raft_snapshot *snapshot)
{
    raft_configuration_close(&snapshot->configuration);
    for (unsigned i = 0; i < snapshot->n_bufs; i++) {
        raft_free(snapshot->bufs[i].base);
    }
    raft_free(snapshot->bufs);
    raft_free(snapshot);
}

/* The request's only answer while closing. Out of memory, it stays unanswered and leaks. */
static void give_up_get(struct rm__io_guard *guard)
{
    struct raft_io_snapshot_get *outer = guard->state->get.outer;

    guard->state->get.outer = NULL;
    (void)answer_hollow(guard, outer);
}

static void on_get(struct raft_io_snapshot_get *inner, struct raft_snapshot *snapshot, int status)
{
    struct rm__io_guard *guard = inner->data;
    struct rm__guard_get *get = &guard->state->get;
    struct raft_io_snapshot_get *outer = get->outer;

    get->is_read = false;
    if (status == 0 && snapshot->n_bufs == 1 && is_sound(&snapshot->bufs[0])) {
        get->outer = NULL;
        outer->cb(outer, snapshot, 0);
        return;
    }
    if (status == 0) {
        rm__guard_free_snapshot(snapshot);
    } else {
        raft_free(snapshot); /* what it points to was freed, or never set */
    }
    if (guard->state->is_closing) {
        give_up_get(guard);
    } else {
        retry_get(guard);
    }
}

static void read_snapshot(struct rm__io_guard *guard)
{
    struct rm__guard_get *get = &guard->state->get;

    get->is_read = true;
    if (!has_snapshot(guard->dir) ||
        guard->inner->snapshot_get(guard->inner, &get->inner, on_get) != 0) {
        get->is_read = false;
        retry_get(guard);
    }
}

/* One at a time, and none while another is under way: C-Raft asks with every heartbeat that is
 * rejected, each time for all of it. Who it is for shows only when it is sent; so what is not read
 * is answered hollow, and where that was for a peer that nothing is under way to, the next is. */
int rm__guard_snapshot_get(struct raft_io *io, struct raft_io_snapshot_get *req,
                           raft_io_snapshot_get_cb cb)
{
    struct rm__io_guard *guard = rm__guard_of(io);
    struct rm__io_guard_state *state = guard->state;
    struct rm__guard_get *get = &state->get;

    req->cb = cb;
    if (state->is_closing || get->outer != NULL ||
        (state->wanted == 0 && holds(state, 0, now_of(guard)))) {
        return answer_hollow(guard, req);
    }
    state->wanted = 0;
    get->inner.data = guard;
    get->outer = req;
    get->retry.n_failures = 0;
    read_snapshot(guard);
    return 0;
}

void rm__guard_close_snapshots(struct rm__io_guard *guard)
{
    struct rm__io_guard_state *state = guard->state;

    rm__guard_stop_gathering(guard);
    if (state->put.outer != NULL && !state->put.is_written && !state->put.is_sealing) {
        rm__guard_finish_put(guard, RAFT_CANCELED);
    }
    if (state->get.outer != NULL && !state->get.is_read) {
        give_up_get(guard);
    }
}
