/* GET /status of a worker: the same shape as control's, of this worker alone. */
#include "raftmetrics/base/version.h"
#include "status.h"
#include "worker_internal.h"

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
    const char *address = rm__worker_address(worker, worker->options.worker_id);
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

void rm__worker_write_cluster(const struct rm_worker *worker, struct rm_json_writer *json)
{
    struct rm__cluster_info info = {.name = worker->options.api.cluster_name,
                                    .fingerprint = worker->fingerprint,
                                    .n_shards = worker->options.n_shards,
                                    .n_workers = (uint32_t)worker->options.api.n_workers,
                                    .n_replicas = worker->options.n_replicas};

    rm__status_write_cluster(json, &info);
}

/* The same shape as control's /status, of this worker alone. */
void rm__worker_status(void *data, struct rm__exchange *exchange)
{
    const struct rm_worker *worker = data;
    struct rm_buffer body;
    struct rm_json_writer json;

    rm_buffer_init(&body, RM__STATUS_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    rm__worker_write_cluster(worker, &json);
    rm_json_key(&json, "workers");
    rm_json_array_begin(&json);
    write_self(worker, &json);
    rm_json_array_end(&json);
    write_shards(worker, &json);
    rm_json_object_end(&json);
    rm__reply_written(exchange, 200, &json, &body);
}
