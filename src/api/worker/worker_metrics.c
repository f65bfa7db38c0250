/* GET /status/metrics of a worker: its replicas, its shards' state, whom it reaches, its disk. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../self.h"
#include "raftmetrics/base/error.h"
#include "worker_internal.h"

enum { ID_TEXT_MAX = 16 };

/* What the families of replicas and shards are told from: asked once a seat, so that they agree. */
struct seat_figures {
    bool is_held;
    bool has_replica;
    char shard[ID_TEXT_MAX];
    struct rm_replica_status status;
    struct rm_store_stats store;
};

static void describe_seat(const struct rm__seat *seat, struct seat_figures *ret_figures)
{
    *ret_figures =
        (struct seat_figures){.is_held = seat->is_held, .has_replica = seat->shard != NULL};
    snprintf(ret_figures->shard, sizeof ret_figures->shard, "%" PRIu32, seat->id);
    rm__seat_status(seat, &ret_figures->status);
    if (seat->shard != NULL) {
        rm__shard_stats(seat->shard, &ret_figures->store);
    }
}

/* ---- replicas ---- */

static double term_of(const struct seat_figures *seat)
{
    return (double)seat->status.term;
}

static double last_index_of(const struct seat_figures *seat)
{
    return (double)seat->status.last_index;
}

static double commit_index_of(const struct seat_figures *seat)
{
    return (double)seat->status.commit_index;
}

static double applied_index_of(const struct seat_figures *seat)
{
    return (double)seat->status.applied_index;
}

static double snapshot_index_of(const struct seat_figures *seat)
{
    return (double)seat->status.snapshot_index;
}

static double lag_of(const struct seat_figures *seat)
{
    return (double)(seat->status.commit_index - seat->status.applied_index);
}

static double log_bytes_of(const struct seat_figures *seat)
{
    return (double)seat->status.log_bytes;
}

static double state_bytes_of(const struct seat_figures *seat)
{
    return (double)seat->status.state_bytes;
}

static double leads(const struct seat_figures *seat)
{
    return seat->status.is_leader;
}

static double metrics_of(const struct seat_figures *seat)
{
    return (double)seat->store.n_metrics;
}

static double series_of(const struct seat_figures *seat)
{
    return (double)seat->store.n_series;
}

static double samples_of(const struct seat_figures *seat)
{
    return (double)seat->store.n_samples;
}

static double dropped_of(const struct seat_figures *seat)
{
    return (double)seat->store.n_dropped;
}

static double expired_of(const struct seat_figures *seat)
{
    return (double)seat->store.n_expired;
}

static double bytes_of(const struct seat_figures *seat)
{
    return (double)seat->store.n_bytes;
}

struct seat_family {
    const char *name;
    const char *help;
    double (*value)(const struct seat_figures *seat);
};

static const struct seat_family seat_gauges[] = {
    {"raftmetrics_raft_term", "The replica's term.", term_of},
    {"raftmetrics_raft_is_leader", "1 where the replica leads its shard and serves it.", leads},
    {"raftmetrics_raft_last_index", "The last entry of the replica's log.", last_index_of},
    {"raftmetrics_raft_commit_index", "The last entry that the replica knows to be committed.",
     commit_index_of},
    {"raftmetrics_raft_applied_index", "The last entry that the replica has applied.",
     applied_index_of},
    {"raftmetrics_raft_snapshot_index", "The last entry in the replica's last snapshot.",
     snapshot_index_of},
    {"raftmetrics_raft_unapplied_entries", "Entries that are committed and not applied yet.",
     lag_of},
    {"raftmetrics_raft_log_bytes", "Bytes of the replica's log since its last snapshot.",
     log_bytes_of},
    {"raftmetrics_raft_state_bytes", "Memory of the replica's state.", state_bytes_of},
    {"raftmetrics_store_metrics", "Metrics that the shard holds.", metrics_of},
    {"raftmetrics_store_series", "Series that the shard holds.", series_of},
    {"raftmetrics_store_samples", "Samples that the shard holds.", samples_of},
    {"raftmetrics_store_bytes", "Memory of the shard's metrics, series and samples.", bytes_of},
};

static const struct seat_family seat_counters[] = {
    {"raftmetrics_store_dropped_samples_total",
     "Samples that went for their age or number, since this process started.", dropped_of},
    {"raftmetrics_store_expired_series_total",
     "Series whose last samples went for their age, since this process started.", expired_of},
};

static void write_family(struct rm_exposition *exposition, const struct seat_family *family,
                         const struct seat_figures *seats, uint32_t n_seats)
{
    for (uint32_t i = 0; i < n_seats; i++) {
        if (seats[i].has_replica) {
            rm__self_labels(exposition, "shard", seats[i].shard, NULL);
            rm_exposition_value(exposition, family->value(&seats[i]));
        }
    }
}

static void write_seat_families(struct rm_exposition *exposition, const struct seat_figures *seats,
                                uint32_t n_seats)
{
    for (size_t i = 0; i < sizeof seat_gauges / sizeof seat_gauges[0]; i++) {
        rm__self_gauge(exposition, seat_gauges[i].name, seat_gauges[i].help);
        write_family(exposition, &seat_gauges[i], seats, n_seats);
    }
    for (size_t i = 0; i < sizeof seat_counters / sizeof seat_counters[0]; i++) {
        rm__self_counter(exposition, seat_counters[i].name, seat_counters[i].help);
        write_family(exposition, &seat_counters[i], seats, n_seats);
    }
}

/* One sample a replica, of the role it has now. */
static void write_roles(struct rm_exposition *exposition, const struct seat_figures *seats,
                        uint32_t n_seats)
{
    rm__self_gauge(exposition, "raftmetrics_raft_role",
                   "Always 1; the label says what the replica is.");
    for (uint32_t i = 0; i < n_seats; i++) {
        if (seats[i].is_held) {
            rm__self_labels(
                exposition, "shard", seats[i].shard, "role",
                seats[i].has_replica ? rm_replica_role_name(seats[i].status.role) : "none", NULL);
            rm_exposition_value(exposition, 1);
        }
    }
}

/* How far behind the leader's log the others are, as far as the leader knows. */
static void write_lags(struct rm_exposition *exposition, const struct rm_worker *worker,
                       const struct seat_figures *seats)
{
    rm__self_gauge(exposition, "raftmetrics_raft_follower_lag_entries",
                   "Entries of the leader's log that it does not know a replica to have.");
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        struct rm_replica_member members[RM_MEMBERS_MAX];
        size_t n = 0;

        if (seats[i].has_replica && seats[i].status.is_leader) {
            n = rm_replica_members(rm__shard_replica(worker->seats[i].shard), members);
        }
        for (size_t k = 0; k < n; k++) {
            uint64_t last = seats[i].status.last_index;
            uint64_t match = members[k].match_index;
            char id[ID_TEXT_MAX];

            snprintf(id, sizeof id, "%" PRIu32, members[k].id.worker);
            rm__self_labels(exposition, "shard", seats[i].shard, "worker", id, NULL);
            rm_exposition_count(exposition, last > match ? last - match : 0);
        }
    }
}

/* ---- the other workers ---- */

/* Control's view is not ours: a link may be cut between workers alone. */
static void write_neighbours(struct rm_exposition *exposition,
                             const struct rm__neighbours *neighbours)
{
    rm__self_gauge(exposition, "raftmetrics_worker_neighbour_is_up",
                   "1 where the other worker answered when this one last asked it.");
    for (size_t i = 0; i < neighbours->n; i++) {
        char id[ID_TEXT_MAX];

        snprintf(id, sizeof id, "%" PRIu32, neighbours->each[i].id);
        rm__self_labels(exposition, "worker", id, NULL);
        rm_exposition_value(exposition, neighbours->each[i].is_up);
    }
}

/* ---- reads ---- */

static void write_slow_reads(struct rm_exposition *exposition, const struct rm__slow_reads *reads)
{
    rm__self_gauge_of(exposition, "raftmetrics_worker_slow_reads_running",
                      "Reads that are worked off a slice at a time now.", (double)reads->n_waiting);
    rm__self_gauge_of(exposition, "raftmetrics_worker_slow_reads_bytes",
                      "Memory that they hold, and that stores keep for them.",
                      (double)(reads->n_bytes + reads->kept_bytes(reads->data)));
    rm__self_counter(exposition, "raftmetrics_worker_slow_reads_total",
                     "Reads that took more than one slice.");
    rm_exposition_count(exposition, reads->n_ever);
}

/* ---- the disk ---- */

static void write_disk(struct rm_exposition *exposition, const struct rm_replica_host *host)
{
    const struct rm_disk_stats *stats = rm_replica_host_disk_stats(host);

    rm__self_histogram(exposition, "raftmetrics_raft_append_duration_seconds",
                       "From handing entries to the disk to the end of their fsync.");
    rm__self_tally(exposition, &rm_tally_durations, &stats->append_us);
    rm__self_histogram(exposition, "raftmetrics_raft_append_size_bytes",
                       "Bytes of the entries that were appended at once.");
    rm__self_tally(exposition, &rm_tally_bytes, &stats->append_bytes);
    rm__self_counter(exposition, "raftmetrics_raft_appended_entries_total",
                     "Entries that were appended to logs on this disk.");
    rm_exposition_count(exposition, rm_counter_read(&stats->n_entries));
    rm__self_counter(exposition, "raftmetrics_raft_failed_appends_total",
                     "Appends that the disk did not take.");
    rm_exposition_count(exposition, rm_counter_read(&stats->n_failed_appends));
    rm__self_histogram(exposition, "raftmetrics_raft_snapshot_duration_seconds",
                       "From having a snapshot's image to the end of its file's fsync.");
    rm__self_tally(exposition, &rm_tally_durations, &stats->snapshot_us);
    rm__self_histogram(exposition, "raftmetrics_raft_snapshot_size_bytes",
                       "Bytes of the snapshots that were written.");
    rm__self_tally(exposition, &rm_tally_bytes, &stats->snapshot_bytes);
    rm__self_counter(exposition, "raftmetrics_raft_failed_snapshots_total",
                     "Snapshots that could not begin for want of memory; they are tried again.");
    rm_exposition_count(exposition, rm_counter_read(&stats->n_failed_snapshots));
    rm__self_gauge_of(exposition, "raftmetrics_disk_free_bytes",
                      "Bytes that the data directory may still take.",
                      (double)rm_replica_host_free_bytes(host));
    rm__self_gauge_of(exposition, "raftmetrics_disk_is_low",
                      "1 while less is free than min_free_disk_bytes.",
                      rm_replica_host_is_disk_low(host));
}

void rm__worker_self_metrics(void *data, struct rm_exposition *exposition)
{
    const struct rm_worker *worker = data;
    const struct rm__meter *meter = &worker->meter;
    uint32_t n = worker->options.n_shards;
    struct seat_figures *seats = calloc(n, sizeof *seats);

    if (seats == NULL) {
        exposition->error = RM_ENOMEM;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        describe_seat(&worker->seats[i], &seats[i]);
    }
    rm__self_write_process(exposition, "worker");
    rm__meter_write(exposition, &meter, 1);
    write_roles(exposition, seats, n);
    write_seat_families(exposition, seats, n);
    write_lags(exposition, worker, seats);
    write_neighbours(exposition, &worker->neighbours);
    write_slow_reads(exposition, &worker->slow_reads);
    if (worker->host != NULL) {
        write_disk(exposition, worker->host);
    }
    free(seats);
}
