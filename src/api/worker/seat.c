#include "seat.h"

#include <stdio.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/base/random.h"
#include "shard_dir.h"
#include "worker_internal.h"

static const char gone[] = "its files are gone";
static const char half_rebuilt[] = "a rebuild of it did not come to its end: stop this worker and "
                                   "run `raftmetrics rebuild` again";

struct rm__cluster_replica *rm__seat_record(const struct rm__seat *seat)
{
    return &seat->worker->file.replicas[seat->id];
}

uint32_t rm__seat_new_incarnation(uint32_t former)
{
    uint32_t incarnation;

    do {
        rm_random_bytes(&incarnation, sizeof incarnation);
    } while (incarnation < 2 || incarnation == former);
    return incarnation;
}

void rm__seat_init(struct rm__seat *seat, struct rm_worker *worker, uint32_t id)
{
    *seat = (struct rm__seat){.worker = worker,
                              .id = id,
                              .is_held = rm__worker_map_has(worker, id, worker->options.worker_id)};
}

void rm__seat_status(const struct rm__seat *seat, struct rm_replica_status *ret_status)
{
    if (seat->shard != NULL) {
        rm_replica_status(rm__shard_replica(seat->shard), ret_status);
        return;
    }
    *ret_status = (struct rm_replica_status){
        .self = {seat->worker->options.worker_id, rm__seat_record(seat)->incarnation},
        .role = RM_ROLE_DAMAGED};
}

/* ---- closing ---- */

static void on_closed(void *data)
{
    struct rm__seat *seat = data;

    seat->is_closing = false;
    rm__worker_seat_closed(seat->worker);
}

void rm__seat_close(struct rm__seat *seat)
{
    struct rm__shard *shard = seat->shard;

    if (shard != NULL) {
        seat->shard = NULL;
        seat->is_closing = true;
        rm__shard_close(shard, on_closed, seat);
    }
}

static void set_damaged(struct rm__seat *seat, const char *reason)
{
    snprintf(seat->reason, sizeof seat->reason, "%s", reason);
    rm_log(RM_LOG_ERROR,
           "a replica cannot be started; another is to take its place, filled by the others",
           rm_field_int("shard", seat->id), rm_field_text("reason", seat->reason));
}

void rm__seat_condemn(struct rm__seat *seat, const char *reason)
{
    struct rm__cluster_replica *record = rm__seat_record(seat);

    snprintf(seat->reason, sizeof seat->reason, "%s", reason);
    snprintf(record->reason, sizeof record->reason, "%s", reason);
    rm_log(RM_LOG_ERROR, "a replica must be replaced; another is to take its place",
           rm_field_int("shard", seat->id), rm_field_text("reason", seat->reason));
    if (rm__cluster_file_save(&seat->worker->file) != 0) {
        rm_log(RM_LOG_WARN, "cannot write cluster.json: after a restart this will be found anew",
               rm_field_int("shard", seat->id));
    }
}

void rm__seat_void(struct rm__seat *seat, const char *reason)
{
    rm__seat_condemn(seat, reason);
    rm__seat_close(seat);
}

/* ---- opening ---- */

static uint64_t memory_bytes(void *data)
{
    const struct rm_worker *worker = data;
    uint64_t n_bytes = 0;

    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        if (worker->seats[i].shard != NULL) {
            n_bytes += rm__shard_bytes(worker->seats[i].shard);
        }
    }
    return n_bytes;
}

/* @members must live until the shard has started. */
static int new_shard(struct rm__seat *seat, enum rm__seat_entry entry,
                     struct rm_replica_id members[RM_REPLICAS_MAX])
{
    struct rm_worker *worker = seat->worker;
    const struct rm_shard_placement *placement = &worker->map.shards[seat->id];
    struct rm__shard_options options = {
        .replica = {.host = worker->host,
                    .shard = seat->id,
                    .self = {worker->options.worker_id, rm__seat_record(seat)->incarnation},
                    .members = members,
                    .is_preferred = placement->workers[0] == worker->options.worker_id},
        .n_shards = worker->options.n_shards,
        .max_bytes = worker->options.max_shard_bytes,
        .max_series = worker->options.max_series,
        .memory_bytes = memory_bytes,
        .memory_data = worker,
        .max_memory_bytes = worker->options.max_memory_bytes,
        .config = {.idempotency_ttl_ms = worker->options.idempotency_ttl_ms,
                   .max_idempotency_keys = worker->options.max_idempotency_keys,
                   .bucket_rules = worker->options.bucket_rules,
                   .n_bucket_rules = worker->options.n_bucket_rules,
                   .retention = worker->options.retention},
        .expire_interval_ms = worker->options.expire_interval_ms,
    };

    if (entry == RM__SEAT_BEGINS) {
        options.replica.n_members = placement->n_replicas;
        for (uint32_t i = 0; i < placement->n_replicas; i++) {
            members[i] = (struct rm_replica_id){placement->workers[i], 1};
        }
    }
    if (entry == RM__SEAT_BEGINS_ALONE) {
        options.replica.n_members = 1;
        members[0] = options.replica.self;
    }
    rm_random_bytes(&options.hash_seed, sizeof options.hash_seed);
    return rm__shard_new(&options, &seat->shard);
}

/* A replica that has begun has its configuration at least. */
static bool is_blank(const struct rm__seat *seat)
{
    struct rm_replica_status status;

    rm__seat_status(seat, &status);
    return status.last_index == 0;
}

/* Not damage: whoever wrote them can read them. */
_Noreturn static void die_of_version(const struct rm__seat *seat)
{
    char sentence[RM__SENTENCE_MAX];

    snprintf(sentence, sizeof sentence,
             "Shard %u cannot be read: %s. Start this worker with the version of raftmetrics that "
             "wrote its data directory",
             seat->id, rm_replica_reason(rm__shard_replica(seat->shard)));
    rm__worker_fatal(seat->worker, sentence);
}

static int start(struct rm__seat *seat, enum rm__seat_entry entry)
{
    struct rm_replica_id members[RM_REPLICAS_MAX];
    int rv = new_shard(seat, entry, members);

    if (rv != 0) {
        return rv;
    }
    rv = rm__shard_start(seat->shard);
    if (rv == RM_EPROTO) {
        die_of_version(seat);
    }
    if (rv == RM_ECORRUPT) {
        set_damaged(seat, rm_replica_reason(rm__shard_replica(seat->shard)));
        rm__seat_close(seat);
        return 0;
    }
    if (rv == 0 && entry == RM__SEAT_CONTINUES && !rm__seat_record(seat)->is_joining &&
        is_blank(seat)) {
        set_damaged(seat, gone);
        rm__seat_close(seat);
    }
    return rv;
}

/* It may have been a voter already, and lost what it voted: nobody comes back under that id. */
static int rename_joining(struct rm__seat *seat)
{
    struct rm__cluster_replica *record = rm__seat_record(seat);

    record->incarnation = rm__seat_new_incarnation(record->incarnation);
    return rm__cluster_file_save(&seat->worker->file);
}

/* Nothing is served before this returns: what an attempt left that did not come to its end may go,
 * and one that did is not made again. */
static int begin_alone(struct rm__seat *seat)
{
    int rv = rm__shard_dir_remove(seat->worker->options.data_dir, seat->id);

    if (rv == 0) {
        rv = start(seat, RM__SEAT_BEGINS_ALONE);
    }
    if (rv == 0) {
        rm__seat_record(seat)->begins_alone = false;
        rv = rm__cluster_file_save(&seat->worker->file);
    }
    return rv;
}

int rm__seat_open(struct rm__seat *seat, enum rm__seat_entry entry)
{
    const struct rm__cluster_replica *record = rm__seat_record(seat);
    int rv = 0;

    if (entry == RM__SEAT_CONTINUES && record->begins_alone) {
        return begin_alone(seat);
    }
    if (entry == RM__SEAT_CONTINUES && record->rebuilding != 0) {
        set_damaged(seat, half_rebuilt);
        return 0;
    }
    if (entry == RM__SEAT_CONTINUES && record->reason[0] != '\0') {
        set_damaged(seat, record->reason);
        return 0;
    }
    if (entry == RM__SEAT_CONTINUES &&
        rm__shard_dir_is_bare(seat->worker->options.data_dir, seat->id)) {
        if (!record->is_joining) {
            set_damaged(seat, gone);
            return 0;
        }
        rv = rename_joining(seat);
    }
    seat->reason[0] = '\0';
    return rv != 0 ? rv : start(seat, entry);
}
