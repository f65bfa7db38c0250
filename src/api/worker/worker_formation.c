/* From a data directory to replicas that run: of a cluster that has formed before, or does now
 * (formation.h). */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "formation.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "shard_dir.h"
#include "worker_internal.h"

/* ---- what all replicas share ---- */

static int on_met(void *data, uint32_t id)
{
    struct rm_worker *worker = data;

    return rm__cluster_file_meet(&worker->file, id);
}

static void on_refused(void *data, const char *address, const char *reason)
{
    (void)data;
    rm_log(RM_LOG_WARN, "peer refused", rm_field_text("address", address),
           rm_field_text("reason", reason));
}

static void on_fatal(void *data, const char *sentence)
{
    rm__worker_fatal(data, sentence);
}

static int open_port(struct rm_worker *worker)
{
    const struct rm_api_options *api = &worker->options.api;
    struct rm_peer_address peers[RM_WORKERS_MAX];
    struct rm_peer_port_options options = {
        .listen = api->listen,
        .cluster = rm_shard_map_fingerprint(&worker->map, rm_slice_of(api->cluster_name)),
        .secret = api->cluster_secret,
        .peers = peers,
        .n_peers = api->n_workers,
        .met = on_met,
        .refused = on_refused,
        .data = worker,
    };
    int rv;

    for (size_t i = 0; i < api->n_workers; i++) {
        peers[i] = (struct rm_peer_address){api->workers[i].id, api->workers[i].host,
                                            api->workers[i].peer_port};
        if (api->workers[i].id == worker->options.worker_id) {
            options.port = api->workers[i].peer_port;
        }
    }
    rv = rm_peer_port_new(rm_loop_uv(worker->loop), &options, &worker->peer_port);
    if (rv != 0) {
        rm_log(RM_LOG_ERROR, "cannot listen for the other workers: see peer_port in worker_hosts",
               rm_field_text("listen", api->listen), rm_field_int("port", options.port),
               rm_field_text("error", rm_strerror(rv)));
    }
    return rv;
}

/* Without its marks no log can be trusted to be whole: all replicas are to be replaced. That is
 * written down before the file is out of the way. */
static int give_up_marks(struct rm_worker *worker)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    int rv;

    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        if (worker->seats[i].is_held) {
            snprintf(worker->file.replicas[i].reason, RM__REASON_MAX,
                     "the file of watermarks is damaged, so its log may lack what it once had");
        }
    }
    rv = rm__cluster_file_save(&worker->file);
    if (rv != 0) {
        return rv;
    }
    if (snprintf(from, sizeof from, "%s/watermarks", worker->options.data_dir) >=
            (int)sizeof from ||
        snprintf(to, sizeof to, "%s/watermarks.damaged", worker->options.data_dir) >=
            (int)sizeof to) {
        return RM_EIO;
    }
    return rename(from, to) == 0 ? 0 : RM_EIO;
}

static int open_host(struct rm_worker *worker)
{
    struct rm_replica_host_options options = {
        .loop = rm_loop_uv(worker->loop),
        .port = worker->peer_port,
        .data_dir = worker->options.data_dir,
        .min_free_disk_bytes = worker->options.min_free_disk_bytes,
        .max_log_bytes = worker->options.max_log_bytes,
        .fatal = on_fatal,
        .data = worker,
    };
    int rv = rm_replica_host_new(&options, &worker->host);

    if (rv == RM_ECORRUPT) {
        rv = give_up_marks(worker);
        if (rv == 0) {
            rv = rm_replica_host_new(&options, &worker->host);
        }
    }
    return rv;
}

/* Nothing of this turn of the loop has left this process yet, and nobody was answered on the peer
 * port, when this returns. */
static int open_seats(struct rm_worker *worker, enum rm__seat_entry entry)
{
    int rv = open_port(worker);

    if (rv == 0) {
        rv = open_host(worker);
    }
    for (uint32_t i = 0; rv == 0 && i < worker->options.n_shards; i++) {
        rv = worker->seats[i].is_held ? rm__seat_open(&worker->seats[i], entry) : 0;
    }
    worker->opened_ms = rm_loop_now_ms(worker->loop);
    return rv;
}

/* ---- forming ---- */

/* What an attempt left that did not come to its end. */
static int clear_directory(struct rm_worker *worker)
{
    int rv = 0;

    for (uint32_t i = 0; rv == 0 && i < worker->options.n_shards; i++) {
        rv = rm__shard_dir_remove(worker->options.data_dir, i);
    }
    return rv;
}

/* Every replica has its first configuration on the disk before "formed" is; a crash in between
 * finds a worker that has not formed, and does it all again: nobody was answered meanwhile. The
 * other way round, a replica whose directory was lost between the two would be begun twice. */
static int begin(struct rm_worker *worker)
{
    int rv = open_seats(worker, RM__SEAT_BEGINS);

    if (rv != 0) {
        return rv;
    }
    worker->file.is_formed = true;
    rv = rm__cluster_file_save(&worker->file);
    if (rv == 0) {
        rm_log(RM_LOG_INFO, "the cluster has formed: the replicas begin",
               rm_field_int("worker", worker->options.worker_id));
    }
    return rv;
}

/* It had data, and lost them. Who met it stays met: should that one ask one day, having lost
 * everything too, it must not hear that it is a stranger. */
static int rejoin(struct rm_worker *worker)
{
    int rv;

    for (size_t i = 0; i < worker->neighbours.n; i++) {
        const struct rm__neighbour *neighbour = &worker->neighbours.each[i];

        if (neighbour->has_met_us && !rm__cluster_file_has_met(&worker->file, neighbour->id)) {
            worker->file.met[worker->file.n_met++] = neighbour->id;
        }
    }
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        if (worker->seats[i].is_held) {
            worker->file.replicas[i] = (struct rm__cluster_replica){
                .incarnation = rm__seat_new_incarnation(0), .is_joining = true};
        }
    }
    worker->file.is_formed = true;
    rv = rm__cluster_file_save(&worker->file);
    if (rv != 0) {
        return rv;
    }
    rm_log(RM_LOG_WARN,
           "this worker was part of the cluster and has lost its data: its replicas join anew, "
           "filled by the others",
           rm_field_int("worker", worker->options.worker_id));
    return open_seats(worker, RM__SEAT_JOINS);
}

/* Says whom it waits for, when that has changed. */
static void log_waiting(struct rm_worker *worker)
{
    char text[RM__WAITING_TEXT_MAX];
    uint32_t n = rm__worker_waiting_for(worker, text);

    if (n != worker->n_logged_waiting) {
        worker->n_logged_waiting = n;
        rm_log(RM_LOG_INFO, "waiting for other workers before the cluster can form",
               rm_field_text("workers", text));
    }
}

static enum rm__formation decide(const struct rm_worker *worker)
{
    struct rm__formation_word words[RM_WORKERS_MAX];

    for (size_t i = 0; i < worker->neighbours.n; i++) {
        words[i] = (struct rm__formation_word){
            .has_answered = worker->neighbours.each[i].has_answered,
            .has_met_us = worker->neighbours.each[i].has_met_us,
        };
    }
    return rm__formation_decide(words, worker->neighbours.n);
}

static int form(struct rm_worker *worker)
{
    enum rm__formation decision = decide(worker);
    int rv;

    if (decision == RM__FORMATION_WAIT) {
        log_waiting(worker);
        return 0;
    }
    rv = clear_directory(worker);
    if (rv == 0) {
        rv = decision == RM__FORMATION_BEGIN ? begin(worker) : rejoin(worker);
    }
    return rv;
}

int rm__worker_open(struct rm_worker *worker)
{
    if (worker->file.is_formed) {
        return open_seats(worker, RM__SEAT_CONTINUES);
    }
    rm__neighbours_ask(&worker->neighbours);
    return form(worker);
}

void rm__worker_try_to_form(struct rm_worker *worker)
{
    if (form(worker) != 0) {
        rm__worker_fatal(worker, "The replicas of this worker could not begin; see the lines "
                                 "before this one, and that the data directory can be written");
    }
}

uint32_t rm__worker_waiting_for(const struct rm_worker *worker, char ret_text[RM__WAITING_TEXT_MAX])
{
    uint32_t n = 0;
    size_t len = 0;

    ret_text[0] = '\0';
    for (size_t i = 0; !worker->file.is_formed && i < worker->neighbours.n; i++) {
        const struct rm__neighbour *neighbour = &worker->neighbours.each[i];

        if (neighbour->has_answered) {
            continue;
        }
        if (len < RM__WAITING_TEXT_MAX) {
            len += (size_t)snprintf(ret_text + len, RM__WAITING_TEXT_MAX - len, "%s%" PRIu32,
                                    n == 0 ? "" : ", ", neighbour->id);
        }
        n++;
    }
    return n;
}
