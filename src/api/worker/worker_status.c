/* GET /status of a worker: the same shape as control's, of this worker alone. */
#include <inttypes.h>
#include <stdio.h>

#include "../status.h"
#include "raftmetrics/base/version.h"
#include "shard_dir.h"
#include "worker_internal.h"

static struct rm_store_stats stats_of(const struct rm_worker *worker)
{
    struct rm_store_stats sum = {0};

    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        struct rm_store_stats stats;

        if (worker->seats[i].shard == NULL) {
            continue;
        }
        rm_store_stats(rm__shard_store(worker->seats[i].shard), &stats);
        sum.n_metrics += stats.n_metrics;
        sum.n_series += stats.n_series;
        sum.n_samples += stats.n_samples;
        sum.n_bytes += stats.n_bytes;
    }
    return sum;
}

static void write_waiting(const struct rm_worker *worker, struct rm_json_writer *json)
{
    rm_json_member_bool(json, "formed", worker->file.is_formed);
    rm_json_key(json, "waiting_for");
    rm_json_array_begin(json);
    for (size_t i = 0; !worker->file.is_formed && i < worker->neighbours.n; i++) {
        if (!worker->neighbours.each[i].has_answered) {
            rm_json_uint(json, worker->neighbours.each[i].id);
        }
    }
    rm_json_array_end(json);
}

static void write_disk(const struct rm_worker *worker, struct rm_json_writer *json)
{
    rm_json_member_uint(json, "disk_bytes", rm__data_dir_bytes(worker->options.data_dir));
    if (worker->host != NULL) {
        rm_json_member_uint(json, "disk_free_bytes", rm_replica_host_free_bytes(worker->host));
        rm_json_member_bool(json, "disk_low", rm_replica_host_is_disk_low(worker->host));
    }
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
    write_disk(worker, json);
    write_waiting(worker, json);
    rm_json_object_end(json);
}

/* Why it is not as it should be, and what the way out waits for. */
static void write_reason(const struct rm__seat *seat, struct rm_json_writer *json)
{
    const char *phrases[] = {seat->reason, seat->joiner.obstacle, seat->membership.advice};
    char text[RM__REASON_MAX + RM__OBSTACLE_MAX + RM__ADVICE_MAX + 2 * sizeof "; "];
    size_t len = 0;

    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i][0] != '\0') {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len == 0 ? "" : "; ",
                                    phrases[i]);
        }
    }
    if (len > 0) {
        rm_json_member_text(json, "reason", rm_slice_make(text, len));
    }
}

static const char *role_of(const struct rm__seat *seat, const struct rm_replica_status *status)
{
    if (seat->reason[0] != '\0') {
        return rm_replica_role_name(RM_ROLE_DAMAGED);
    }
    if (seat->shard == NULL) {
        return seat->worker->file.is_formed ? "starting" : "waiting";
    }
    return rm_replica_role_name(status->role);
}

static void write_replica(const struct rm__seat *seat, const struct rm_replica_status *status,
                          struct rm_json_writer *json)
{
    char hash[RM__HASH_TEXT_MAX];

    snprintf(hash, sizeof hash, "%016" PRIx64, status->state_hash);
    rm_json_object_begin(json);
    rm_json_member_uint(json, "worker", status->self.worker);
    rm_json_member_uint(json, "incarnation", status->self.incarnation);
    rm_json_member_text(json, "role", rm_slice_of(role_of(seat, status)));
    rm_json_member_uint(json, "match_index", status->last_index);
    rm_json_member_uint(json, "last_index", status->last_index);
    rm_json_member_uint(json, "commit_index", status->commit_index);
    rm_json_member_uint(json, "applied_index", status->applied_index);
    rm_json_member_uint(json, "lag", status->commit_index - status->applied_index);
    rm_json_member_uint(json, "snapshot_index", status->snapshot_index);
    rm_json_member_uint(json, "log_bytes", status->log_bytes);
    rm_json_member_uint(json, "state_bytes", status->state_bytes);
    rm_json_member_text(json, "state_hash", rm_slice_of(hash));
    write_reason(seat, json);
    rm_json_object_end(json);
}

/* The replicas as their leader sees them: how much of the log it knows each to have. */
static void write_members(const struct rm__seat *seat, struct rm_json_writer *json)
{
    struct rm_replica_member members[RM_MEMBERS_MAX];
    size_t n = rm_replica_members(rm__shard_replica(seat->shard), members);

    rm_json_key(json, "members");
    rm_json_array_begin(json);
    for (size_t i = 0; i < n; i++) {
        rm_json_object_begin(json);
        rm_json_member_uint(json, "worker", members[i].id.worker);
        rm_json_member_uint(json, "incarnation", members[i].id.incarnation);
        rm_json_member_bool(json, "voter", members[i].is_voter);
        rm_json_member_uint(json, "match_index", members[i].match_index);
        rm_json_object_end(json);
    }
    rm_json_array_end(json);
}

static void write_shard(const struct rm__seat *seat, struct rm_json_writer *json)
{
    struct rm_replica_status status;

    rm__seat_status(seat, &status);
    rm_json_object_begin(json);
    rm_json_member_uint(json, "id", seat->id);
    rm_json_member_uint(json, "leader", status.leader);
    rm_json_member_uint(json, "term", status.term);
    rm_json_key(json, "replicas");
    rm_json_array_begin(json);
    write_replica(seat, &status, json);
    rm_json_array_end(json);
    if (status.is_leader) {
        write_members(seat, json);
    }
    rm_json_object_end(json);
}

static void write_shards(const struct rm_worker *worker, struct rm_json_writer *json)
{
    rm_json_key(json, "shards");
    rm_json_array_begin(json);
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        if (worker->seats[i].is_held) {
            write_shard(&worker->seats[i], json);
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
