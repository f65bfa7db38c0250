#include "upkeep.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "../wire.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "worker_internal.h"

enum {
    SETTLE_MS = 2000, /* after the start, before a shard is asked for */
    LEAD_PERIOD_MS = 5000,
    COMPARE_PERIOD_MS = 10 * 1000,
    STAGGER_MS = 1009, /* from shard to shard: not all at once */
    STILL_MS = 30 * 1000,
    TARGET_MAX = 128,
};

/* ---- preferred leaders ---- */

static void on_lead_answer(const struct rm_http_answer *answer, void *data)
{
    struct rm__seat *seat = data;

    (void)answer; /* what comes of it shows; who was refused asks again */
    seat->upkeep.is_asking_to_lead = false;
}

/* Nobody else spreads the leaders. The leader itself sees to it that a shard does not go to and
 * fro.
 */
static bool wants_to_lead(const struct rm__seat *seat, const struct rm_replica_status *status,
                          uint64_t now_ms)
{
    const struct rm_worker *worker = seat->worker;

    return worker->map.shards[seat->id].workers[0] == worker->options.worker_id &&
           status->role == RM_ROLE_FOLLOWER && status->leader != 0 &&
           status->applied_index == status->commit_index &&
           !rm_replica_host_is_disk_low(worker->host) && !seat->upkeep.is_asking_to_lead &&
           now_ms >= seat->upkeep.lead_due_ms && now_ms - worker->opened_ms >= SETTLE_MS;
}

static void ask_to_lead(struct rm__seat *seat, uint32_t leader, uint64_t now_ms)
{
    char target[TARGET_MAX];

    snprintf(target, sizeof target, RM__WIRE_LEAD_PATH "?shard=%" PRIu32 "&worker=%" PRIu32,
             seat->id, seat->worker->options.worker_id);
    seat->upkeep.lead_due_ms = now_ms + LEAD_PERIOD_MS;
    seat->upkeep.is_asking_to_lead = rm__neighbours_send(&seat->worker->neighbours, leader, "POST",
                                                         target, on_lead_answer, seat) == 0;
}

/* ---- standing still ---- */

enum rm__stillness rm__upkeep_judge(struct rm__upkeep *upkeep, uint64_t applied_index,
                                    uint64_t commit_index, uint64_t now_ms)
{
    bool is_behind = commit_index > applied_index;

    if (!is_behind) {
        upkeep->was_restarted = false;
    }
    if (!is_behind || upkeep->applied_at_ms == 0 || applied_index != upkeep->applied_index) {
        upkeep->applied_index = applied_index;
        upkeep->applied_at_ms = now_ms;
        return RM__STILL_FINE;
    }
    if (now_ms - upkeep->applied_at_ms < STILL_MS) {
        return RM__STILL_FINE;
    }
    upkeep->applied_at_ms = now_ms;
    if (upkeep->was_restarted) {
        return RM__STILL_CONDEMN;
    }
    upkeep->was_restarted = true;
    return RM__STILL_RESTART;
}

void rm__upkeep_look_away(struct rm__upkeep *upkeep)
{
    upkeep->applied_at_ms = 0;
}

static void act_on_stillness(struct rm__seat *seat, enum rm__stillness stillness)
{
    switch (stillness) {
    case RM__STILL_FINE:
        break;
    case RM__STILL_RESTART:
        rm_log(RM_LOG_WARN, "a replica stands still although its leader is ahead: restarting it",
               rm_field_int("shard", seat->id));
        seat->upkeep.is_restarting = true;
        rm__seat_close(seat);
        break;
    case RM__STILL_CONDEMN:
        rm__seat_condemn(seat, "it stood still, and again after a restart");
        break;
    }
}

static void reopen(struct rm__seat *seat)
{
    if (seat->is_closing) {
        return;
    }
    seat->upkeep.is_restarting = false;
    if (rm__seat_open(seat, RM__SEAT_CONTINUES) != 0) {
        rm__worker_fatal(seat->worker, "The replica of a shard could not be opened again; see that "
                                       "the data directory can be written, then start this worker "
                                       "again");
    }
}

/* ---- comparing ---- */

uint64_t rm__upkeep_difference(const struct rm_state_hash ours[RM_HASHES],
                               const struct json_t *hashes)
{
    size_t i;
    json_t *theirs;

    json_array_foreach(hashes, i, theirs)
    {
        json_int_t index = json_integer_value(json_object_get(theirs, "index"));
        const char *hash = json_string_value(json_object_get(theirs, "hash"));

        for (size_t j = 0; hash != NULL && index > 0 && j < RM_HASHES; j++) {
            if (ours[j].index == (uint64_t)index && ours[j].hash != strtoull(hash, NULL, 16)) {
                return (uint64_t)index;
            }
        }
    }
    return 0;
}

static void compare(struct rm__seat *seat, const json_t *root)
{
    struct rm_state_hash ours[RM_HASHES];
    uint64_t index;
    json_int_t commit_index = json_integer_value(json_object_get(root, "commit_index"));
    char reason[RM__REASON_MAX];
    struct rm_replica_status status;

    rm_replica_hashes(rm__shard_replica(seat->shard), ours);
    index = rm__upkeep_difference(ours, json_object_get(root, "hashes"));
    if (index != 0) {
        snprintf(reason, sizeof reason,
                 "diverged: its state at entry %" PRIu64 " is not the leader's", index);
        rm__seat_condemn(seat, reason);
        return;
    }
    rm__seat_status(seat, &status);
    if (status.writes_snapshot) { /* it began after we had asked */
        return;
    }
    act_on_stillness(seat, rm__upkeep_judge(&seat->upkeep, status.applied_index,
                                            commit_index < 0 ? 0 : (uint64_t)commit_index,
                                            rm_loop_now_ms(seat->worker->loop)));
}

static void on_hashes(const struct rm_http_answer *answer, void *data)
{
    struct rm__seat *seat = data;
    json_t *root;

    seat->upkeep.is_comparing = false;
    if (answer->error != 0 || answer->status != 200 || seat->shard == NULL ||
        seat->reason[0] != '\0') {
        return;
    }
    root = json_loadb(answer->body.data, answer->body.len, 0, NULL);
    if (root != NULL) {
        compare(seat, root);
    }
    json_decref(root);
}

static void ask_for_hashes(struct rm__seat *seat, uint32_t leader, uint64_t now_ms)
{
    char target[TARGET_MAX];

    snprintf(target, sizeof target, RM__WIRE_HASHES_PATH "?shard=%" PRIu32, seat->id);
    seat->upkeep.compare_due_ms = now_ms + COMPARE_PERIOD_MS;
    seat->upkeep.is_comparing =
        rm__neighbours_send(&seat->worker->neighbours, leader, "GET", target, on_hashes, seat) == 0;
}

void rm__upkeep_tick(struct rm__seat *seat, uint64_t now_ms)
{
    struct rm__upkeep *upkeep = &seat->upkeep;
    struct rm_replica_status status;

    if (upkeep->is_restarting) {
        reopen(seat);
        return;
    }
    if (seat->shard == NULL || rm__joiner_is_needed(seat)) {
        return;
    }
    rm__seat_status(seat, &status);
    /* While a snapshot comes, which may take minutes, no heartbeat does, and the leader is lost. */
    if (status.role != RM_ROLE_FOLLOWER || status.leader == 0 || status.writes_snapshot) {
        rm__upkeep_look_away(upkeep);
        return;
    }
    if (wants_to_lead(seat, &status, now_ms)) {
        ask_to_lead(seat, status.leader, now_ms);
    }
    if (upkeep->compare_due_ms == 0) {
        upkeep->compare_due_ms = now_ms + seat->id * STAGGER_MS % COMPARE_PERIOD_MS;
    }
    if (!upkeep->is_comparing && now_ms >= upkeep->compare_due_ms) {
        ask_for_hashes(seat, status.leader, now_ms);
    }
}
