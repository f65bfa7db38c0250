#include "raftmetrics/api/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "front.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/base/random.h"
#include "raftmetrics/base/version.h"
#include "raftmetrics/metrics/store.h"
#include "raftmetrics/partitioning/shard_map.h"
#include "raftmetrics/proto/write_batch.h"
#include "shard.h"
#include "status.h"
#include "wire.h"
#include "write.h"

enum { N_REPLICAS = 1, LIST_BYTES_MAX = 1 << 30, STATUS_BYTES_MAX = 4 << 20 };

struct rm_worker {
    struct rm_worker_options options;
    struct rm_loop *loop;
    struct rm_shard_map map;
    struct rm__shard **shards; /* by shard; NULL for those that live elsewhere */
    char fingerprint[RM__FINGERPRINT_TEXT_LEN + 1];
    uint64_t started_ms;
    struct rm__front front;
};

/* ---- the backend ---- */

static uint32_t backend_n_shards(void *data)
{
    const struct rm_worker *worker = data;

    return worker->options.n_shards;
}

/* This worker's replica of @shard; NULL where it does not lead, with the leader's id. */
static struct rm__shard *led_shard(const struct rm_worker *worker, uint32_t shard,
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

static enum rm__fate backend_check(void *data, uint32_t shard, uint32_t *ret_worker)
{
    return led_shard(data, shard, ret_worker) == NULL ? RM__FATE_NOT_LEADER : RM__FATE_DONE;
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

static void backend_write(void *data, struct rm__part *part)
{
    struct rm_worker *worker = data;
    uint32_t leader;
    struct rm__shard *shard = led_shard(worker, part->shard, &leader);
    struct proposal *proposal;

    if (shard == NULL) {
        rm__part_finish(part, RM__FATE_NOT_LEADER, leader);
        return;
    }
    proposal = malloc(sizeof *proposal);
    if (proposal == NULL) {
        rm__part_finish(part, RM__FATE_OVERLOADED, 0);
        return;
    }
    *proposal = (struct proposal){part, worker->options.worker_id};
    if (rm__shard_propose(shard, rm_clock_wall_ms(), rm_buffer_peek(&part->bytes), on_part_proposed,
                          proposal) != 0) {
        free(proposal);
        rm__part_finish(part, RM__FATE_OVERLOADED, 0);
    }
}

static const char *backend_address(void *data, uint32_t id)
{
    const struct rm_worker *worker = data;

    for (size_t i = 0; i < worker->options.api.n_workers; i++) {
        if (worker->options.api.workers[i].id == id) {
            return worker->options.api.workers[i].address;
        }
    }
    return NULL;
}

/* ---- reads ---- */

/* A read of one metric that waits for its level. */
struct pending_read {
    struct rm__exchange *exchange;
    struct rm__shard *shard;
};

static int query_of(struct rm__exchange *exchange, struct rm__read_query *ret_query)
{
    struct rm__problem problem;
    int rv = rm__read_query_init(
        ret_query, exchange->route->action, rm__exchange_name(exchange), &exchange->params,
        rm_http_request_header(exchange->http, "Accept"), rm_clock_wall_ms(), &problem);

    if (rv != 0) {
        rm__reply_problem(exchange, &problem);
    }
    return rv;
}

static void on_readable(int status, void *data)
{
    struct pending_read read = *(struct pending_read *)data;
    struct rm__read_query query;

    free(data);
    if (status != 0) {
        rm__reply_error(read.exchange, RM__NO_LEADER, "The shard's leader was lost; try again");
        return;
    }
    if (query_of(read.exchange, &query) != 0) {
        return;
    }
    if (read.exchange->route->action == RM__ACTION_VALUES) {
        rm__answer_values(read.exchange, rm__shard_store(read.shard), &query);
    } else {
        rm__answer_aggregate(read.exchange, rm__shard_store(read.shard), &query);
    }
}

static void backend_read(void *data, struct rm__exchange *exchange, uint32_t shard)
{
    struct rm_worker *worker = data;
    uint32_t leader;
    struct pending_read read = {exchange, led_shard(worker, shard, &leader)};
    struct pending_read *pending;
    struct rm__read_query query;

    if (read.shard == NULL) {
        rm__reply_not_leader(exchange, leader, backend_address(worker, leader));
        return;
    }
    if (query_of(exchange, &query) != 0) {
        return;
    }
    pending = malloc(sizeof *pending);
    if (pending == NULL) {
        rm__reply_error(exchange, RM__OVERLOADED, "Out of memory; try again later");
        return;
    }
    *pending = read;
    rm_replica_read(rm__shard_replica(read.shard), query.level, on_readable, pending);
}

static int compare_infos(const void *a, const void *b)
{
    return rm_slice_compare(((const struct rm_metric_info *)a)->name,
                            ((const struct rm_metric_info *)b)->name);
}

/* Appends to @infos the metrics of one shard, at most the query's limit. */
static int list_shard(struct rm__shard *shard, const struct rm__read_query *query,
                      struct rm_buffer *infos, bool *has_more)
{
    struct rm_metric_info *room;
    size_t n;
    bool more;
    int rv = rm_buffer_reserve(infos, query->limit * sizeof *room);

    if (rv != 0) {
        return rv;
    }
    room = (struct rm_metric_info *)(void *)(infos->data + infos->len);
    rv = rm_store_list(rm__shard_store(shard), query->prefix, query->after, query->limit, room, &n,
                       &more);
    if (rv == 0) {
        infos->len += n * sizeof *room;
        *has_more = *has_more || more;
    }
    return rv;
}

static void write_infos(struct rm_json_writer *json, const struct rm_metric_info *infos, size_t n,
                        uint32_t worker_id)
{
    rm_json_key(json, "metrics");
    rm_json_array_begin(json);
    for (size_t i = 0; i < n; i++) {
        rm_json_object_begin(json);
        rm_json_member_text(json, "metric_name", infos[i].name);
        rm_json_member_uint(json, "series", infos[i].n_series);
        rm_json_member_uint(json, "count", infos[i].n_samples);
        rm_json_member_double(json, "last", infos[i].last);
        rm_json_member_uint(json, "worker", worker_id);
        rm_json_object_end(json);
    }
    rm_json_array_end(json);
}

static void reply_list(struct rm_worker *worker, struct rm__exchange *exchange,
                       struct rm_buffer *infos, const struct rm__read_query *query, bool has_more)
{
    struct rm_metric_info *sorted = (struct rm_metric_info *)(void *)infos->data;
    size_t n = infos->len / sizeof *sorted;
    struct rm_buffer body;
    struct rm_json_writer json;

    if (n > 0) {
        qsort(sorted, n, sizeof *sorted, compare_infos);
    }
    if (n > query->limit) {
        n = query->limit;
        has_more = true;
    }
    rm_buffer_init(&body, RM__ANSWER_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    write_infos(&json, sorted, n, worker->options.worker_id);
    rm_json_key(&json, "next");
    if (has_more && n > 0) {
        rm_json_text(&json, sorted[n - 1].name);
    } else {
        rm_json_null(&json);
    }
    rm_json_object_end(&json);
    rm__reply_written(exchange, 200, &json, &body);
}

/* Lists what this worker leads. */
static void backend_list(void *data, struct rm__exchange *exchange)
{
    struct rm_worker *worker = data;
    struct rm__read_query query;
    struct rm_buffer infos;
    bool has_more = false;
    int rv = 0;

    if (query_of(exchange, &query) != 0) {
        return;
    }
    rm_buffer_init(&infos, LIST_BYTES_MAX);
    for (uint32_t i = 0; rv == 0 && i < worker->options.n_shards; i++) {
        uint32_t leader;
        struct rm__shard *shard = led_shard(worker, i, &leader);

        if (shard != NULL) {
            rv = list_shard(shard, &query, &infos, &has_more);
        }
    }
    if (rv == 0) {
        reply_list(worker, exchange, &infos, &query, has_more);
    } else {
        rm__reply_error(exchange, RM__OVERLOADED, "Out of memory for this answer; ask for less");
    }
    rm_buffer_done(&infos);
}

/* ---- status ---- */

static struct rm_store_stats stats_of(const struct rm_worker *worker)
{
    struct rm_store_stats sum = {0};

    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        struct rm_store_stats stats;

        if (worker->shards[i] == NULL) {
            continue;
        }
        rm_store_stats(rm__shard_store(worker->shards[i]), &stats);
        sum.n_metrics += stats.n_metrics;
        sum.n_series += stats.n_series;
        sum.n_samples += stats.n_samples;
        sum.n_bytes += stats.n_bytes;
    }
    return sum;
}

static void write_self(const struct rm_worker *worker, struct rm_json_writer *json)
{
    const char *address = backend_address((void *)(uintptr_t)worker, worker->options.worker_id);
    struct rm_store_stats stats = stats_of(worker);

    rm_json_object_begin(json);
    rm_json_member_uint(json, "id", worker->options.worker_id);
    rm_json_member_text(json, "address", rm_slice_of(address));
    rm_json_member_text(json, "state", rm_slice_of("up"));
    rm_json_member_text(json, "version", rm_slice_of(RM_VERSION));
    rm_json_member_uint(json, "uptime_seconds",
                        (rm_loop_now_ms(worker->loop) - worker->started_ms) / 1000);
    rm_json_member_uint(json, "metrics", stats.n_metrics);
    rm_json_member_uint(json, "series", stats.n_series);
    rm_json_member_uint(json, "samples", stats.n_samples);
    rm_json_member_uint(json, "memory_bytes", stats.n_bytes);
    rm_json_member_uint(json, "disk_bytes", 0);
    rm_json_object_end(json);
}

static void write_shard(const struct rm_worker *worker, struct rm_json_writer *json, uint32_t id)
{
    struct rm_replica_status status;

    rm_replica_status(rm__shard_replica(worker->shards[id]), &status);
    rm_json_object_begin(json);
    rm_json_member_uint(json, "id", id);
    rm_json_member_uint(json, "leader", status.leader);
    rm_json_member_uint(json, "term", status.term);
    rm_json_key(json, "replicas");
    rm_json_array_begin(json);
    rm_json_object_begin(json);
    rm_json_member_uint(json, "worker", worker->options.worker_id);
    rm_json_member_text(json, "role", rm_slice_of(status.is_leader ? "leader" : "follower"));
    rm_json_member_uint(json, "match_index", status.applied_index);
    rm_json_member_uint(json, "applied_index", status.applied_index);
    rm_json_member_uint(json, "lag", 0);
    rm_json_object_end(json);
    rm_json_array_end(json);
    rm_json_object_end(json);
}

static void write_shards(const struct rm_worker *worker, struct rm_json_writer *json)
{
    rm_json_key(json, "shards");
    rm_json_array_begin(json);
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        if (worker->shards[i] != NULL) {
            write_shard(worker, json, i);
        }
    }
    rm_json_array_end(json);
}

static void write_cluster(const struct rm_worker *worker, struct rm_json_writer *json)
{
    struct rm__cluster_info info = {.name = worker->options.api.cluster_name,
                                    .fingerprint = worker->fingerprint,
                                    .n_shards = worker->options.n_shards,
                                    .n_workers = (uint32_t)worker->options.api.n_workers,
                                    .n_replicas = N_REPLICAS};

    rm__status_write_cluster(json, &info);
}

/* The same shape as control's /status, of this worker alone. */
static void backend_status(void *data, struct rm__exchange *exchange)
{
    const struct rm_worker *worker = data;
    struct rm_buffer body;
    struct rm_json_writer json;

    rm_buffer_init(&body, STATUS_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    write_cluster(worker, &json);
    rm_json_key(&json, "workers");
    rm_json_array_begin(&json);
    write_self(worker, &json);
    rm_json_array_end(&json);
    write_shards(worker, &json);
    rm_json_object_end(&json);
    rm__reply_written(exchange, 200, &json, &body);
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

/* ---- what control says ---- */

static bool backend_admits(void *data, struct rm__exchange *exchange,
                           struct rm__problem *ret_problem)
{
    const struct rm_worker *worker = data;
    struct rm_slice field = rm_http_request_header(exchange->http, RM__WIRE_CLUSTER_FIELD);

    /* Who asks for the map does not know it yet. */
    if (exchange->route->action == RM__ACTION_CLUSTER || rm_slice_is(field, worker->fingerprint)) {
        return true;
    }
    rm__problem_set(ret_problem, RM__WRONG_CLUSTER,
                    "This worker belongs to cluster \"%s\" with fingerprint %s; the sender has "
                    "another map",
                    worker->options.api.cluster_name, worker->fingerprint);
    return false;
}

/* The shard map as this worker sees it, and which shards it leads. */
static void reply_cluster(struct rm_worker *worker, struct rm__exchange *exchange)
{
    struct rm_buffer body;
    struct rm_json_writer json;

    rm_buffer_init(&body, STATUS_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    write_cluster(worker, &json);
    rm_json_member_uint(&json, "worker", worker->options.worker_id);
    rm_json_key(&json, "leads");
    rm_json_array_begin(&json);
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        uint32_t leader;

        if (led_shard(worker, i, &leader) != NULL) {
            rm_json_uint(&json, i);
        }
    }
    rm_json_array_end(&json);
    rm_json_object_end(&json);
    rm__reply_written(exchange, 200, &json, &body);
}

static void on_appended(int status, struct rm_slice result, void *data)
{
    struct rm__exchange *exchange = data;

    switch (status) {
    case 0:
        rm__reply_bytes(exchange, 200, RM__WIRE_PROTOBUF, result);
        break;
    case RM_ENOTLEADER:
        rm__reply_error(exchange, RM__NO_LEADER, "The shard's leader was lost");
        break;
    default:
        rm__reply_error(exchange, RM__OUTCOME_UNKNOWN, "The shard's leader was lost");
        break;
    }
}

static void append(struct rm_worker *worker, struct rm__exchange *exchange)
{
    struct rm__shard *shard;
    uint32_t leader;
    int64_t id;
    int rv;

    if (rm_int_parse(rm__params_get(&exchange->params, "shard"), 0,
                     (int64_t)worker->options.n_shards - 1, &id) != 0) {
        rm__reply_error(exchange, RM__INVALID_PARAMETER, "shard is not one of this cluster");
        return;
    }
    if (worker->front.is_draining) {
        rm__reply_error(exchange, RM__SHUTTING_DOWN, "This worker is shutting down");
        return;
    }
    shard = led_shard(worker, (uint32_t)id, &leader);
    if (shard == NULL) {
        rm__reply_not_leader(exchange, leader, backend_address(worker, leader));
        return;
    }
    rv = rm__shard_propose(shard, rm_clock_wall_ms(), rm_http_request_body(exchange->http),
                           on_appended, exchange);
    if (rv == RM_EINVAL) {
        rm__reply_error(exchange, RM__INVALID_BODY, "The body is not a valid WriteBatch");
    } else if (rv != 0) {
        rm__reply_error(exchange, RM__OVERLOADED, "%s", rm_strerror(rv));
    }
}

static void backend_internal(void *data, struct rm__exchange *exchange)
{
    if (exchange->route->action == RM__ACTION_CLUSTER) {
        reply_cluster(data, exchange);
    } else {
        append(data, exchange);
    }
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
                           N_REPLICAS);
    if (rv == 0) {
        snprintf(worker->fingerprint, sizeof worker->fingerprint, "%016" PRIx64,
                 rm_shard_map_fingerprint(&worker->map, rm_slice_of(api->cluster_name)));
    }
    return rv;
}

static bool holds(const struct rm_worker *worker, uint32_t shard)
{
    const struct rm_shard_placement *placement = &worker->map.shards[shard];

    for (uint32_t i = 0; i < placement->n_replicas; i++) {
        if (placement->workers[i] == worker->options.worker_id) {
            return true;
        }
    }
    return false;
}

static int init_shards(struct rm_worker *worker)
{
    struct rm__shard_options options = {
        .worker_id = worker->options.worker_id,
        .idempotency_ttl_ms = worker->options.idempotency_ttl_ms,
        .max_idempotency_keys = worker->options.max_idempotency_keys,
    };

    worker->shards = calloc(worker->options.n_shards, sizeof *worker->shards);
    if (worker->shards == NULL) {
        return RM_ENOMEM;
    }
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        if (!holds(worker, i)) {
            continue;
        }
        options.shard = i;
        rm_random_bytes(&options.hash_seed, sizeof options.hash_seed);
        worker->shards[i] = rm__shard_new(&options);
        if (worker->shards[i] == NULL) {
            return RM_ENOMEM;
        }
    }
    return 0;
}

static void free_state(struct rm_worker *worker)
{
    for (uint32_t i = 0; worker->shards != NULL && i < worker->options.n_shards; i++) {
        rm__shard_free(worker->shards[i]);
    }
    free(worker->shards);
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
        .read = backend_read,
        .list = backend_list,
        .status = backend_status,
        .internal = backend_internal,
        .health = backend_health,
        .ready = backend_ready,
        .admits = backend_admits,
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
