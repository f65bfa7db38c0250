#include "raftmetrics/raft/replica_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "disk.h"
#include "raftmetrics/base/error.h"
#include "replica_internal.h"

enum {
    WATCH_PERIOD_MS = 500,
    MARK_PERIOD_MS = 1000,
    APPEND_AGE_MAX_MS = 10 * 1000,
    HANDS_OFF_PERIOD_MS = 60 * 1000,
    TRAILING_MIN = 64,
};

struct rm_replica_host {
    struct rm_replica_host_options options;
    struct rm_list replicas;
    uv_prepare_t prepare; /* a turn of the loop for each replica */
    uv_timer_t watch;     /* the disk, and what waits for it */
    uv_timer_t marker;    /* the watermarks */
    uv_work_t mark_work;  /* writes them, on a thread of libuv's pool */
    unsigned n_handles;   /* not closed yet */
    bool is_closing;
    bool is_marking;
    bool was_overdue; /* a write, at the last look */
    char *marks_path;
    struct rm_watermark *marks; /* as they are on the disk, or on their way to it */
    size_t n_marks;
    int mark_status;
    uint64_t free_bytes;
    struct rm_disk_stats disk_stats;
};

/* ---- what the replicas ask for ---- */

struct uv_loop_s *rm__host_loop(const struct rm_replica_host *host)
{
    return host->options.loop;
}

struct rm_peer_port *rm__host_port(const struct rm_replica_host *host)
{
    return host->options.port;
}

const char *rm__host_dir(const struct rm_replica_host *host)
{
    return host->options.data_dir;
}

void rm__host_fatal(const struct rm_replica_host *host, const char *sentence)
{
    host->options.fatal(host->options.data, sentence);
    abort();
}

uint64_t rm__host_now_ms(const struct rm_replica_host *host)
{
    return uv_now(host->options.loop);
}

void rm__host_add(struct rm_replica_host *host, struct rm_replica *replica)
{
    rm_list_push_back(&host->replicas, &replica->link);
}

void rm__host_remove(struct rm_replica *replica)
{
    rm_list_remove(&replica->link);
}

static struct rm_watermark *find_mark(const struct rm_replica_host *host, uint32_t shard)
{
    for (size_t i = 0; i < host->n_marks; i++) {
        if (host->marks[i].shard == shard) {
            return &host->marks[i];
        }
    }
    return NULL;
}

/* The mark of a former life says nothing of this one. */
struct rm_watermark rm__host_mark(const struct rm_replica_host *host, uint32_t shard,
                                  struct rm_replica_id id)
{
    const struct rm_watermark *mark = find_mark(host, shard);

    if (mark == NULL || mark->incarnation != id.incarnation) {
        return (struct rm_watermark){.shard = shard, .incarnation = id.incarnation};
    }
    return *mark;
}

/* ---- snapshots ---- */

/* One snapshot at a time: of the longest log, once all logs together pass their budget. Half of its
 * entries stay, so that who was away for a moment needs no snapshot. */
static void ask_for_snapshot(struct rm_replica_host *host)
{
    struct rm_replica *longest = NULL;
    uint64_t n_bytes = 0;

    for (struct rm_list *link = host->replicas.next; link != &host->replicas; link = link->next) {
        struct rm_replica *replica = RM_LIST_ENTRY(link, struct rm_replica, link);

        if (!replica->is_started) {
            continue;
        }
        if (replica->freeze.image != NULL) {
            return;
        }
        n_bytes += rm__replica_log_bytes(replica);
        if (longest == NULL || rm__replica_log_bytes(replica) > rm__replica_log_bytes(longest)) {
            longest = replica;
        }
    }
    if (n_bytes > host->options.max_log_bytes) {
        uint64_t n_kept = rm__replica_log_entries(longest) / 2;

        raft_set_snapshot_trailing(&longest->raft,
                                   n_kept < TRAILING_MIN ? TRAILING_MIN : (unsigned)n_kept);
        raft_set_snapshot_threshold(&longest->raft, 1);
    }
}

/* ---- the disk ---- */

bool rm_replica_host_is_disk_low(const struct rm_replica_host *host)
{
    return host->free_bytes < host->options.min_free_disk_bytes;
}

uint64_t rm_replica_host_free_bytes(const struct rm_replica_host *host)
{
    return host->free_bytes;
}

const struct rm_disk_stats *rm_replica_host_disk_stats(const struct rm_replica_host *host)
{
    return &host->disk_stats;
}

struct rm_disk_stats *rm__host_disk_stats(struct rm_replica_host *host)
{
    return &host->disk_stats;
}

/* Another worker may have room for what this one has not. */
static void hand_off(struct rm_replica_host *host)
{
    for (struct rm_list *link = host->replicas.next; link != &host->replicas; link = link->next) {
        struct rm_replica *replica = RM_LIST_ENTRY(link, struct rm_replica, link);

        if (rm__replica_leads(replica) &&
            (replica->transferred_at_ms == 0 ||
             rm__host_now_ms(host) - replica->transferred_at_ms >= HANDS_OFF_PERIOD_MS)) {
            (void)rm_replica_transfer(replica, 0);
        }
    }
}

/* C-Raft retries a failed write for ever and says nothing; who waits behind it waits in vain. It
 * counts when it is seen twice: after a pause of the whole process the first look comes before the
 * disk's answers, and the second after them. */
static void check_appends(struct rm_replica_host *host)
{
    bool is_overdue = false;

    for (struct rm_list *link = host->replicas.next; link != &host->replicas; link = link->next) {
        const struct rm_replica *replica = RM_LIST_ENTRY(link, struct rm_replica, link);

        is_overdue = is_overdue || rm__io_guard_append_age_ms(
                                       &replica->guard, rm__host_now_ms(host)) > APPEND_AGE_MAX_MS;
    }
    if (is_overdue && host->was_overdue) {
        rm__host_fatal(host, "The disk has not taken a write for 10 s; see that the data "
                             "directory's file system works and has room, then start this "
                             "worker again");
    }
    host->was_overdue = is_overdue;
}

static void on_watch(uv_timer_t *timer)
{
    struct rm_replica_host *host = timer->data;
    uint64_t free_bytes;

    if (rm__disk_free_bytes(host->options.data_dir, &free_bytes) == 0) {
        host->free_bytes = free_bytes;
    }
    if (rm_replica_host_is_disk_low(host)) {
        hand_off(host);
    }
    check_appends(host);
    ask_for_snapshot(host);
}

/* ---- watermarks ---- */

static void maybe_free(struct rm_replica_host *host)
{
    if (host->is_closing && host->n_handles == 0 && !host->is_marking) {
        free(host->marks);
        free(host->marks_path);
        free(host);
    }
}

static void write_marks(uv_work_t *work)
{
    struct rm_replica_host *host = work->data;

    host->mark_status = rm_watermarks_write(host->marks_path, host->marks, host->n_marks);
}

static void on_marks_written(uv_work_t *work, int status)
{
    struct rm_replica_host *host = work->data;

    (void)status;
    host->is_marking = false;
    maybe_free(host);
}

/* What is applied is committed; it counts once it is stored here as well, for the majority that
 * committed it may have been the others. */
static bool update_mark(struct rm_replica_host *host, const struct rm_replica *replica)
{
    struct rm_watermark *mark = find_mark(host, replica->options.shard);
    raft_index applied = replica->raft.last_applied;
    raft_index stored = replica->raft.last_stored;
    struct rm_watermark now = {.shard = replica->options.shard,
                               .incarnation = replica->options.self.incarnation,
                               .index = applied < stored ? applied : stored};

    now.term = now.index == 0 ? 0 : rm__replica_term_of(replica, now.index);
    if (now.term == 0) {
        return false;
    }
    if (mark == NULL) {
        if (host->n_marks == RM_WATERMARKS_MAX) {
            return false;
        }
        mark = &host->marks[host->n_marks++];
        *mark = (struct rm_watermark){0};
    }
    if (mark->incarnation == now.incarnation && mark->index >= now.index) {
        return false;
    }
    *mark = now;
    return true;
}

static void on_mark(uv_timer_t *timer)
{
    struct rm_replica_host *host = timer->data;
    bool has_changed = host->mark_status != 0; /* the last write failed: again */

    if (host->is_marking) {
        return;
    }
    for (struct rm_list *link = host->replicas.next; link != &host->replicas; link = link->next) {
        const struct rm_replica *replica = RM_LIST_ENTRY(link, struct rm_replica, link);

        if (replica->is_started) {
            has_changed = update_mark(host, replica) || has_changed;
        }
    }
    if (has_changed) {
        host->is_marking =
            uv_queue_work(host->options.loop, &host->mark_work, write_marks, on_marks_written) == 0;
    }
}

static int load_marks(struct rm_replica_host *host)
{
    size_t size = strlen(host->options.data_dir) + sizeof "/watermarks";
    int rv;

    host->marks = calloc(RM_WATERMARKS_MAX, sizeof *host->marks);
    host->marks_path = malloc(size);
    if (host->marks == NULL || host->marks_path == NULL) {
        return RM_ENOMEM;
    }
    snprintf(host->marks_path, size, "%s/watermarks", host->options.data_dir);
    rv = rm_watermarks_read(host->marks_path, host->marks, RM_WATERMARKS_MAX, &host->n_marks);
    return rv == RM_ENOTFOUND ? 0 : rv;
}

/* ---- life ---- */

static void on_prepare(uv_prepare_t *prepare)
{
    struct rm_replica_host *host = prepare->data;

    for (struct rm_list *link = host->replicas.next; link != &host->replicas; link = link->next) {
        rm__replica_turn(RM_LIST_ENTRY(link, struct rm_replica, link));
    }
}

static void start_handles(struct rm_replica_host *host)
{
    uv_loop_t *loop = host->options.loop;

    uv_prepare_init(loop, &host->prepare);
    uv_timer_init(loop, &host->watch);
    uv_timer_init(loop, &host->marker);
    host->n_handles = 3;
    host->prepare.data = host;
    host->watch.data = host;
    host->marker.data = host;
    host->mark_work.data = host;
    uv_prepare_start(&host->prepare, on_prepare);
    uv_timer_start(&host->watch, on_watch, WATCH_PERIOD_MS, WATCH_PERIOD_MS);
    uv_timer_start(&host->marker, on_mark, MARK_PERIOD_MS, MARK_PERIOD_MS);
}

int rm_replica_host_new(const struct rm_replica_host_options *options,
                        struct rm_replica_host **ret_host)
{
    struct rm_replica_host *host = calloc(1, sizeof *host);
    int rv;

    if (host == NULL) {
        return RM_ENOMEM;
    }
    host->options = *options;
    rm_list_init(&host->replicas);
    rv = load_marks(host);
    if (rv == 0) {
        rv = rm__disk_free_bytes(options->data_dir, &host->free_bytes);
    }
    if (rv != 0) {
        free(host->marks);
        free(host->marks_path);
        free(host);
        return rv;
    }
    start_handles(host);
    *ret_host = host;
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct rm_replica_host *host = handle->data;

    host->n_handles--;
    maybe_free(host);
}

void rm_replica_host_close(struct rm_replica_host *host)
{
    if (host == NULL) {
        return;
    }
    host->is_closing = true;
    uv_close((uv_handle_t *)&host->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&host->watch, on_handle_closed);
    uv_close((uv_handle_t *)&host->marker, on_handle_closed);
}
