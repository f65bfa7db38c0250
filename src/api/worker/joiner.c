#include "joiner.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "../verdict.h"
#include "../wire.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "shard_dir.h"
#include "worker_internal.h"

enum {
    STEP_MS = 200,   /* while the leader works at it */
    RETRY_MS = 1000, /* while there is an obstacle */
    TARGET_MAX = 160,
};

bool rm__joiner_is_needed(const struct rm__seat *seat)
{
    return seat->is_held && (seat->reason[0] != '\0' || rm__seat_record(seat)->is_joining);
}

static void wait_for(struct rm__seat *seat, uint64_t delay_ms, const char *obstacle)
{
    seat->joiner.due_ms = rm_loop_now_ms(seat->worker->loop) + delay_ms;
    snprintf(seat->joiner.obstacle, sizeof seat->joiner.obstacle, "%s", obstacle);
}

/* ---- what the leader says ---- */

static void finish(struct rm__seat *seat)
{
    struct rm__cluster_replica *record = rm__seat_record(seat);

    record->is_joining = false;
    if (rm__cluster_file_save(&seat->worker->file) != 0) {
        record->is_joining = true;
        wait_for(seat, RETRY_MS, "cluster.json cannot be written");
        return;
    }
    seat->joiner = (struct rm__joiner){0};
    rm_log(RM_LOG_INFO, "a replica has joined its shard", rm_field_int("shard", seat->id),
           rm_field_int("incarnation", record->incarnation));
}

/* "agreed": none of this worker's former ids is a member any more, nor can become one again.
 * "void": nobody is taken in who has been filled before, perhaps by a leader whose entries are not
 * those of this one. */
static void take_step(struct rm__seat *seat, const struct rm_http_answer *answer)
{
    json_t *root = json_loadb(answer->body.data, answer->body.len, 0, NULL);
    bool is_done = json_is_true(json_object_get(root, "done"));
    bool is_agreed = json_is_true(json_object_get(root, "agreed"));
    bool is_void = json_is_true(json_object_get(root, "void"));

    json_decref(root);
    wait_for(seat, STEP_MS, "");
    if (is_void) {
        rm__seat_void(seat, "the leader that was filling it is not the shard's leader any more");
    } else if (seat->reason[0] != '\0') {
        seat->joiner.has_agreed = is_done || is_agreed;
    } else if (is_done) {
        finish(seat);
    }
}

static void take_refusal(struct rm__seat *seat, const struct rm_http_answer *answer)
{
    if (answer->error == 0 && answer->status == 503 &&
        rm__answer_says(answer, rm__problem_code(RM__NOT_CURRENT))) {
        wait_for(seat, RETRY_MS, "the leader waits until its other replicas have caught up");
        return;
    }
    rm__neighbours_forget_leader(&seat->worker->neighbours, seat->id, seat->joiner.asked);
    wait_for(seat, STEP_MS, "the shard's leader cannot be reached");
}

static void on_answer(const struct rm_http_answer *answer, void *data)
{
    struct rm__seat *seat = data;

    seat->joiner.is_asking = false;
    if (answer->error == RM_ECANCELED || !rm__joiner_is_needed(seat)) {
        return;
    }
    if (answer->error == 0 && (answer->status == 200 || answer->status == 202)) {
        take_step(seat, answer);
    } else {
        take_refusal(seat, answer);
    }
}

/* ---- asking ---- */

/* Who sits here knows best, if anybody does; then what the others say of themselves. Who is to be
 * replaced cannot lead that himself. */
static uint32_t find_leader(const struct rm__seat *seat)
{
    struct rm_replica_status status;
    uint64_t term;

    rm__seat_status(seat, &status);
    if (status.is_leader) {
        (void)rm_replica_transfer(rm__shard_replica(seat->shard), 0);
        return 0;
    }
    if (status.leader != 0 && status.leader != seat->worker->options.worker_id) {
        return status.leader;
    }
    return rm__neighbours_leader(&seat->worker->neighbours, seat->id, &term);
}

static void ask(struct rm__seat *seat)
{
    struct rm__joiner *joiner = &seat->joiner;
    uint32_t incarnation =
        seat->reason[0] != '\0' ? joiner->incarnation : rm__seat_record(seat)->incarnation;
    struct rm_replica_status status;
    char target[TARGET_MAX];

    rm__seat_status(seat, &status);
    joiner->asked = find_leader(seat);
    if (joiner->asked == 0) {
        rm__neighbours_ask(&seat->worker->neighbours);
        wait_for(seat, STEP_MS, "no other worker leads the shard");
        return;
    }
    snprintf(target, sizeof target,
             RM__WIRE_ADMIT_PATH "?shard=%" PRIu32 "&worker=%" PRIu32 "&incarnation=%" PRIu32
                                 "&last_index=%" PRIu64,
             seat->id, seat->worker->options.worker_id, incarnation,
             seat->reason[0] != '\0' ? 0 : status.last_index);
    joiner->is_asking = rm__neighbours_send(&seat->worker->neighbours, joiner->asked, "POST",
                                            target, on_answer, seat) == 0;
}

/* ---- moving in ---- */

/* On error the seat is as it was, but for its files, which may be set aside already. */
static int make_room(struct rm__seat *seat)
{
    struct rm__cluster_replica *record = rm__seat_record(seat);
    struct rm__cluster_replica former = *record;
    int rv = rm__shard_dir_set_aside(seat->worker->options.data_dir, seat->id);

    if (rv != 0) {
        return rv;
    }
    *record =
        (struct rm__cluster_replica){.incarnation = seat->joiner.incarnation, .is_joining = true};
    rv = rm__cluster_file_save(&seat->worker->file);
    if (rv != 0) {
        *record = former;
        return rv;
    }
    rm_log(RM_LOG_INFO, "a replica joins its shard anew", rm_field_int("shard", seat->id),
           rm_field_int("incarnation", record->incarnation),
           rm_field_text("instead_of_one_because", seat->reason));
    seat->joiner = (struct rm__joiner){0};
    return 0;
}

/* The leader has agreed: who sat here goes, and when its files are let go of the next one comes. */
static void move_in(struct rm__seat *seat)
{
    rm__seat_close(seat);
    if (seat->is_closing) {
        return;
    }
    if (make_room(seat) != 0) {
        wait_for(seat, RETRY_MS, "the data directory cannot be written");
    } else if (rm__seat_open(seat, RM__SEAT_JOINS) != 0) {
        rm__worker_fatal(seat->worker,
                         "The replica of a shard could not be opened; see that the data directory "
                         "can be written, then start this worker again");
    }
}

void rm__joiner_tick(struct rm__seat *seat, uint64_t now_ms)
{
    struct rm__joiner *joiner = &seat->joiner;

    if (!rm__joiner_is_needed(seat) || joiner->is_asking || now_ms < joiner->due_ms) {
        return;
    }
    if (seat->reason[0] != '\0' && joiner->incarnation == 0) {
        joiner->incarnation = rm__seat_new_incarnation(rm__seat_record(seat)->incarnation);
    }
    if (joiner->has_agreed) {
        move_in(seat);
    } else if (seat->reason[0] != '\0' || seat->shard != NULL) {
        ask(seat);
    }
}
