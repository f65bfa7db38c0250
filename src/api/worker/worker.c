#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/base/random.h"
#include "raftmetrics/proto/write_batch.h"
#include "worker_internal.h"

enum {
    TICK_MS = 200,
    UPKEEP_TICKS = 5, /* of those: what is looked after less often */

    /* So much of max_memory_bytes is left to reads that take long. */
    SLOW_READS_SHARE = 8,
};

struct rm__shard *rm__worker_led_shard(const struct rm_worker *worker, uint32_t shard,
                                       uint32_t *ret_leader)
{
    const struct rm__seat *seat = &worker->seats[shard];
    struct rm_replica_status status;

    if (!seat->is_held) {
        *ret_leader = worker->map.shards[shard].workers[0];
        return NULL;
    }
    rm__seat_status(seat, &status);
    *ret_leader = status.leader;
    return status.is_leader ? seat->shard : NULL;
}

struct rm__shard_set rm__worker_led_shards(const struct rm_worker *worker)
{
    struct rm__shard_set shards = {0};

    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        uint32_t leader;

        if (rm__worker_led_shard(worker, i, &leader) != NULL) {
            rm__shard_set_add(&shards, i);
        }
    }
    return shards;
}

struct rm__shard *rm__worker_shard(const struct rm_worker *worker, uint32_t shard)
{
    return worker->seats[shard].shard;
}

bool rm__worker_map_has(const struct rm_worker *worker, uint32_t shard, uint32_t id)
{
    const struct rm_shard_placement *placement = &worker->map.shards[shard];

    for (uint32_t i = 0; i < placement->n_replicas; i++) {
        if (placement->workers[i] == id) {
            return true;
        }
    }
    return false;
}

void rm__worker_reply_not_leader(const struct rm_worker *worker, struct rm__exchange *exchange,
                                 uint32_t leader)
{
    if (leader == 0 || leader == worker->options.worker_id) {
        rm__reply_error(exchange, RM__NO_LEADER,
                        "The shard has no leader yet, as far as this worker knows; try again soon");
    } else {
        rm__reply_not_leader(exchange, leader, rm__worker_address(worker, leader));
    }
}

const char *rm__worker_address(const struct rm_worker *worker, uint32_t id)
{
    for (size_t i = 0; i < worker->options.api.n_workers; i++) {
        if (worker->options.api.workers[i].id == id) {
            return worker->options.api.workers[i].address;
        }
    }
    return NULL;
}

void rm__worker_fatal(const struct rm_worker *worker, const char *sentence)
{
    rm_log(RM_LOG_ERROR, "worker ends", rm_field_int("worker", worker->options.worker_id),
           rm_field_text("reason", sentence));
    exit(1);
}

/* ---- the backend ---- */

static uint32_t backend_n_shards(void *data)
{
    const struct rm_worker *worker = data;

    return worker->options.n_shards;
}

static const char *backend_address(void *data, uint32_t id)
{
    return rm__worker_address(data, id);
}

static bool backend_health(void *data, char *ret_message, size_t size)
{
    const struct rm_worker *worker = data;

    snprintf(ret_message, size, "Worker node %" PRIu32 " is operational",
             worker->options.worker_id);
    return true;
}

/* That the cluster has not formed yet is no reason to wait for, or workers could never be started
 * in order. */
static bool backend_ready(void *data, bool all, struct rm_buffer *lines)
{
    const struct rm_worker *worker = data;
    char waiting[RM__WAITING_TEXT_MAX];
    unsigned n_loaded = 0;
    unsigned n_damaged = 0;

    (void)all;
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        n_loaded += worker->seats[i].shard != NULL;
        n_damaged += worker->seats[i].reason[0] != '\0';
    }
    if (rm__worker_waiting_for(worker, waiting) > 0) {
        (void)rm_buffer_printf(lines, "[+] cluster: waits for the workers %s\n", waiting);
    }
    (void)rm_buffer_printf(lines, "[+] replicas: %u loaded, %u damaged\n[+] listener: open\n",
                           n_loaded, n_damaged);
    return true;
}

static void backend_pass(void *data)
{
    (void)data;
}

/* ---- life ---- */

static int init_file(struct rm_worker *worker)
{
    char sentence[RM__SENTENCE_MAX];
    int rv = rm__worker_load_file(worker, sentence);

    if (rv != 0) {
        rm_log(RM_LOG_ERROR, "cannot use the data directory", rm_field_text("error", sentence));
    }
    return rv;
}

static int init_seats(struct rm_worker *worker)
{
    worker->seats = calloc(worker->options.n_shards, sizeof *worker->seats);
    if (worker->seats == NULL) {
        return RM_ENOMEM;
    }
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        rm__seat_init(&worker->seats[i], worker, i);
    }
    return 0;
}

static void on_tick(void *data)
{
    struct rm_worker *worker = data;
    uint64_t now_ms = rm_loop_now_ms(worker->loop);

    if (!worker->file.is_formed) {
        rm__neighbours_ask(&worker->neighbours);
        rm__worker_try_to_form(worker);
        return;
    }
    worker->n_ticks++;
    if (worker->n_ticks % UPKEEP_TICKS == 0) {
        rm__membership_refresh(worker, now_ms);
    }
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        rm__joiner_tick(&worker->seats[i], now_ms);
        if (worker->seats[i].shard != NULL) {
            rm__shard_expire(worker->seats[i].shard, now_ms, rm_clock_wall_ms());
        }
        if (worker->n_ticks % UPKEEP_TICKS == 0) {
            rm__membership_tick(&worker->seats[i], now_ms);
            rm__upkeep_tick(&worker->seats[i], now_ms);
        }
    }
}

static void on_answered(void *data)
{
    struct rm_worker *worker = data;

    if (!worker->file.is_formed && worker->stop == NULL) {
        rm__worker_try_to_form(worker);
    }
}

static uint64_t kept_bytes(void *data)
{
    const struct rm_worker *worker = data;
    struct rm_store_stats stats;
    uint64_t n_bytes = 0;

    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        if (worker->seats[i].shard != NULL) {
            rm__shard_stats(worker->seats[i].shard, &stats);
            n_bytes += stats.n_kept_bytes;
        }
    }
    return n_bytes;
}

static int init_timer(struct rm_worker *worker)
{
    worker->timer = rm_timer_new(worker->loop, on_tick, worker);
    if (worker->timer == NULL) {
        return RM_ENOMEM;
    }
    rm_timer_start(worker->timer, TICK_MS, TICK_MS);
    return 0;
}

/* The ports, for a directory that cannot be used is no reason to hold them; then what the directory
 * holds, of which nothing is answered before the loop runs. */
static int init_parts(struct rm_worker *worker, const struct rm__backend *backend)
{
    const struct rm_api_options *api = &worker->options.api;
    int rv = rm__worker_init_map(worker);

    if (rv == 0) {
        rv = init_file(worker);
    }
    if (rv == 0) {
        rv = rm__neighbours_init(&worker->neighbours, worker->loop, api, worker->fingerprint,
                                 worker->options.worker_id, worker->options.n_shards, on_answered,
                                 worker);
    }
    if (rv == 0) {
        rv = init_seats(worker);
    }
    if (rv == 0) {
        rv = rm__front_init(&worker->front, worker->loop, api, RM_PORT_ALONE, backend, worker,
                            &worker->meter);
    }
    if (rv == 0) {
        rv = rm__slow_reads_init(&worker->slow_reads, worker->loop,
                                 worker->options.max_memory_bytes / SLOW_READS_SHARE, kept_bytes,
                                 worker);
    }
    if (rv == 0) {
        rv = init_timer(worker);
    }
    return rv == 0 ? rm__worker_open(worker) : rv;
}

/* Harmless on one that is half made. */
static void free_parts(struct rm_worker *worker)
{
    rm__worker_stop_free(worker->stop);
    rm_timer_free(worker->timer);
    rm__neighbours_done(&worker->neighbours);
    rm__slow_reads_done(&worker->slow_reads);
    rm__front_done(&worker->front);
    for (uint32_t i = 0; worker->seats != NULL && i < worker->options.n_shards; i++) {
        rm__seat_close(&worker->seats[i]);
    }
}

static void free_rest(struct rm_worker *worker)
{
    rm_replica_host_close(worker->host);
    rm_peer_port_close(worker->peer_port);
    free(worker->seats);
    rm__cluster_file_done(&worker->file);
    rm_shard_map_done(&worker->map);
    free(worker);
}

static bool is_any_closing(const struct rm_worker *worker)
{
    for (uint32_t i = 0; worker->seats != NULL && i < worker->options.n_shards; i++) {
        if (worker->seats[i].is_closing) {
            return true;
        }
    }
    return false;
}

void rm__worker_seat_closed(struct rm_worker *worker)
{
    if (worker->is_freed && !is_any_closing(worker)) {
        free_rest(worker);
    }
}

int rm_worker_new(struct rm_loop *loop, const struct rm_worker_options *options,
                  struct rm_worker **ret_worker)
{
    static const struct rm__backend backend = {
        .n_shards = backend_n_shards,
        .check = rm__worker_check,
        .write = rm__worker_write,
        .read = rm__worker_read,
        .list = rm__worker_list,
        .expose = rm__worker_expose,
        .status = rm__worker_status,
        .internal = rm__worker_internal,
        .self_metrics = rm__worker_self_metrics,
        .health = backend_health,
        .ready = backend_ready,
        .admits = rm__worker_admits,
        .address = backend_address,
        .pass = backend_pass,
        .abandon = rm__worker_abandon,
    };
    struct rm_worker *worker = calloc(1, sizeof *worker);
    int rv;

    if (worker == NULL) {
        return RM_ENOMEM;
    }
    worker->options = *options;
    worker->loop = loop;
    worker->started_ms = rm_loop_now_ms(loop);
    rv = init_parts(worker, &backend);
    if (rv != 0) {
        rm_worker_free(worker);
        return rv;
    }
    *ret_worker = worker;
    return 0;
}

uint16_t rm_worker_port(const struct rm_worker *worker)
{
    return rm_http_server_port(worker->front.server);
}

/* What the replicas stand on goes when the last has let go, which the loop may have to run for. */
void rm_worker_free(struct rm_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    free_parts(worker);
    worker->is_freed = true;
    rm__worker_seat_closed(worker);
}
