#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/base/random.h"
#include "raftmetrics/proto/write_batch.h"
#include "worker_internal.h"

struct rm__shard *rm__worker_led_shard(const struct rm_worker *worker, uint32_t shard,
                                       uint32_t *ret_leader)
{
    struct rm_replica_status status;

    if (worker->shards[shard] == NULL) {
        *ret_leader = worker->map.shards[shard].workers[0];
        return NULL;
    }
    rm_replica_status(rm__shard_replica(worker->shards[shard]), &status);
    *ret_leader = status.leader;
    return status.is_leader ? worker->shards[shard] : NULL;
}

struct rm__shard *rm__worker_shard(const struct rm_worker *worker, uint32_t shard)
{
    return worker->shards[shard];
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

/* ---- the backend ---- */

static uint32_t backend_n_shards(void *data)
{
    const struct rm_worker *worker = data;

    return worker->options.n_shards;
}

static enum rm__fate backend_check(void *data, uint32_t shard, uint32_t *ret_worker)
{
    const struct rm_worker *worker = data;

    if (rm__worker_led_shard(worker, shard, ret_worker) != NULL) {
        return RM__FATE_DONE;
    }
    return *ret_worker == 0 || *ret_worker == worker->options.worker_id ? RM__FATE_NO_LEADER
                                                                        : RM__FATE_NOT_LEADER;
}

/* A part on its way through a replica. */
struct proposal {
    struct rm__part *part;
    uint32_t worker_id;
};

static void on_part_proposed(int status, struct rm_slice result, void *data)
{
    struct proposal *proposal = data;
    struct rm__part *part = proposal->part;
    uint32_t worker_id = proposal->worker_id;
    enum rm_outcome outcome;
    enum rm__fate fate = RM__FATE_UNKNOWN;

    free(proposal);
    if (status == RM_ENOTLEADER) {
        fate = RM__FATE_NO_LEADER;
    } else if (status == 0 && rm_write_reply_decode(result, &outcome, 1) == 0) {
        fate = rm__fate_of_outcome(outcome);
    }
    rm__part_finish(part, fate, worker_id);
}

/* Nothing was done, and @error says why. */
static enum rm__fate fate_of_refusal(int error)
{
    switch (error) {
    case RM_ENOTLEADER:
        return RM__FATE_NO_LEADER;
    case RM_ENOSPACE:
        return RM__FATE_DISK_LOW;
    case RM_EFULL:
        return RM__FATE_SHARD_FULL;
    default:
        return RM__FATE_OVERLOADED;
    }
}

static void backend_write(void *data, struct rm__part *part)
{
    struct rm_worker *worker = data;
    uint32_t leader;
    struct rm__shard *shard = rm__worker_led_shard(worker, part->shard, &leader);
    struct proposal *proposal;
    int rv;

    if (shard == NULL) {
        rm__part_finish(part, RM__FATE_NO_LEADER, 0);
        return;
    }
    proposal = malloc(sizeof *proposal);
    if (proposal == NULL) {
        rm__part_finish(part, RM__FATE_OVERLOADED, 0);
        return;
    }
    *proposal = (struct proposal){part, worker->options.worker_id};
    rv = rm__shard_propose(shard, rm_clock_wall_ms(), (struct rm_session){0}, 0,
                           rm_buffer_peek(&part->bytes), on_part_proposed, proposal);
    if (rv != 0) {
        free(proposal);
        rm__part_finish(part, fate_of_refusal(rv), 0);
    }
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

static bool backend_ready(void *data, bool all, struct rm_buffer *lines)
{
    const struct rm_worker *worker = data;
    unsigned n = 0;

    (void)all;
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        n += worker->shards[i] != NULL;
    }
    (void)rm_buffer_printf(lines, "[+] replicas: %u loaded\n[+] listener: open\n", n);
    return true;
}

static void backend_pass(void *data)
{
    (void)data;
}

/* ---- life ---- */

static int init_map(struct rm_worker *worker)
{
    const struct rm_api_options *api = &worker->options.api;
    uint32_t ids[RM_WORKERS_MAX];
    bool is_member = false;
    int rv;

    if (api->n_workers > RM_WORKERS_MAX) {
        return RM_EINVAL;
    }
    for (size_t i = 0; i < api->n_workers; i++) {
        ids[i] = api->workers[i].id;
        is_member = is_member || ids[i] == worker->options.worker_id;
    }
    if (!is_member) {
        return RM_EINVAL;
    }
    rv = rm_shard_map_init(&worker->map, ids, (uint32_t)api->n_workers, worker->options.n_shards,
                           worker->options.n_replicas);
    if (rv == 0) {
        snprintf(worker->fingerprint, sizeof worker->fingerprint, "%016" PRIx64,
                 rm_shard_map_fingerprint(&worker->map, rm_slice_of(api->cluster_name)));
    }
    return rv;
}

static int on_met(void *data, uint32_t id)
{
    (void)data;
    (void)id;
    return 0;
}

static void on_refused(void *data, const char *address, const char *reason)
{
    (void)data;
    rm_log(RM_LOG_WARN, "peer refused", rm_field_text("address", address),
           rm_field_text("reason", reason));
}

static void on_fatal(void *data, const char *sentence)
{
    (void)data;
    rm_log(RM_LOG_ERROR, "worker ends", rm_field_text("reason", sentence));
    exit(1);
}

static int init_port(struct rm_worker *worker)
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

    for (size_t i = 0; i < api->n_workers; i++) {
        peers[i] = (struct rm_peer_address){api->workers[i].id, api->workers[i].host,
                                            api->workers[i].peer_port};
        if (api->workers[i].id == worker->options.worker_id) {
            options.port = api->workers[i].peer_port;
        }
    }
    return rm_peer_port_new(rm_loop_uv(worker->loop), &options, &worker->peer_port);
}

static int init_host(struct rm_worker *worker)
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

    return rm_replica_host_new(&options, &worker->host);
}

static int init_shard(struct rm_worker *worker, uint32_t id)
{
    const struct rm_shard_placement *placement = &worker->map.shards[id];
    struct rm_replica_id members[RM_REPLICAS_MAX];
    struct rm__shard_options options = {
        .replica = {.host = worker->host,
                    .shard = id,
                    .self = {worker->options.worker_id, 1},
                    .members = members,
                    .n_members = placement->n_replicas},
        .n_shards = worker->options.n_shards,
        .max_bytes = worker->options.max_shard_bytes,
        .config = {worker->options.idempotency_ttl_ms, worker->options.max_idempotency_keys},
    };
    int rv;

    for (uint32_t i = 0; i < placement->n_replicas; i++) {
        members[i] = (struct rm_replica_id){placement->workers[i], 1};
    }
    rm_random_bytes(&options.hash_seed, sizeof options.hash_seed);
    rv = rm__shard_new(&options, &worker->shards[id]);
    return rv != 0 ? rv : rm__shard_start(worker->shards[id]);
}

static int init_shards(struct rm_worker *worker)
{
    int rv = init_port(worker);

    if (rv == 0) {
        rv = init_host(worker);
    }
    worker->shards = calloc(worker->options.n_shards, sizeof *worker->shards);
    if (rv != 0 || worker->shards == NULL) {
        return rv != 0 ? rv : RM_ENOMEM;
    }
    for (uint32_t i = 0; rv == 0 && i < worker->options.n_shards; i++) {
        rv = rm__worker_map_has(worker, i, worker->options.worker_id) ? init_shard(worker, i) : 0;
    }
    return rv;
}

static void on_shard_closed(void *data)
{
    (void)data;
}

static void free_state(struct rm_worker *worker)
{
    for (uint32_t i = 0; worker->shards != NULL && i < worker->options.n_shards; i++) {
        if (worker->shards[i] != NULL) {
            rm__shard_close(worker->shards[i], on_shard_closed, NULL);
        }
    }
    free(worker->shards);
    rm_replica_host_close(worker->host);
    rm_peer_port_close(worker->peer_port);
    rm_shard_map_done(&worker->map);
    free(worker);
}

int rm_worker_new(struct rm_loop *loop, const struct rm_worker_options *options,
                  struct rm_worker **ret_worker)
{
    static const struct rm__backend backend = {
        .n_shards = backend_n_shards,
        .check = backend_check,
        .write = backend_write,
        .read = rm__worker_read,
        .list = rm__worker_list,
        .status = rm__worker_status,
        .internal = rm__worker_internal,
        .health = backend_health,
        .ready = backend_ready,
        .admits = rm__worker_admits,
        .address = backend_address,
        .pass = backend_pass,
    };
    struct rm_worker *worker = calloc(1, sizeof *worker);
    int rv;

    if (worker == NULL) {
        return RM_ENOMEM;
    }
    worker->options = *options;
    worker->loop = loop;
    worker->started_ms = rm_loop_now_ms(loop);
    rv = init_map(worker);
    if (rv == 0) {
        rv = init_shards(worker);
    }
    if (rv == 0) {
        rv = rm__front_init(&worker->front, loop, &worker->options.api, RM_PORT_ALONE, &backend,
                            worker);
    }
    if (rv != 0) {
        free_state(worker);
        return rv;
    }
    *ret_worker = worker;
    return 0;
}

uint16_t rm_worker_port(const struct rm_worker *worker)
{
    return rm_http_server_port(worker->front.server);
}

void rm_worker_drain(struct rm_worker *worker, uint64_t timeout_ms, rm_loop_cb cb, void *data)
{
    rm__front_drain(&worker->front, timeout_ms, cb, data);
}

void rm_worker_free(struct rm_worker *worker)
{
    if (worker != NULL) {
        rm__front_done(&worker->front);
        free_state(worker);
    }
}
