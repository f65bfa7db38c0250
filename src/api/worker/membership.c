#include "membership.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "../wire.h"
#include "raftmetrics/base/log.h"
#include "worker_internal.h"

enum {
    REFRESH_MS = 10 * 1000, /* who leads what is asked for, even if nothing seems wrong */
    LONELY_MS = 5000,       /* without a leader: elections are long over */
    DENIED_MS = 3000,
    ADVISE_MS = 10 * 1000,
    TARGET_MAX = 128,
    LIST_MAX = 128,
};

static bool is_lonely(const struct rm__seat *seat, uint64_t now_ms, uint64_t for_ms)
{
    return seat->membership.led_ms != 0 && now_ms - seat->membership.led_ms >= for_ms;
}

void rm__membership_refresh(struct rm_worker *worker, uint64_t now_ms)
{
    bool is_due = now_ms - worker->asked_ms >= REFRESH_MS;

    for (uint32_t i = 0; !is_due && i < worker->options.n_shards; i++) {
        is_due = is_lonely(&worker->seats[i], now_ms, LONELY_MS);
    }
    if (is_due) {
        worker->asked_ms = now_ms;
        rm__neighbours_ask(&worker->neighbours);
    }
}

/* ---- without a leader ---- */

/* Writes the ids of those who hold a replica of the shard, but do not answer; returns how many. */
static uint32_t list_silent(const struct rm__seat *seat, char ret_text[LIST_MAX])
{
    const struct rm_worker *worker = seat->worker;
    const struct rm_shard_placement *placement = &worker->map.shards[seat->id];
    uint32_t n = 0;
    size_t len = 0;

    ret_text[0] = '\0';
    for (uint32_t i = 0; i < placement->n_replicas; i++) {
        uint32_t id = placement->workers[i];

        if (id == worker->options.worker_id || rm__neighbours_is_up(&worker->neighbours, id)) {
            continue;
        }
        if (len < LIST_MAX) {
            len += (size_t)snprintf(ret_text + len, LIST_MAX - len, "%s%" PRIu32,
                                    n == 0 ? "" : ", ", id);
        }
        n++;
    }
    return n;
}

static void advise(struct rm__seat *seat)
{
    char *advice = seat->membership.advice;
    bool was_advised = advice[0] != '\0';
    char silent[LIST_MAX];

    if (seat->worker->map.shards[seat->id].n_replicas == 1) {
        snprintf(advice, RM__ADVICE_MAX,
                 "there is no other replica of this shard: put its files back, or let it begin "
                 "empty with `raftmetrics rebuild --discard` (--help says how)");
    } else if (list_silent(seat, silent) > 0) {
        snprintf(advice, RM__ADVICE_MAX,
                 "nobody leads this shard, and these workers do not answer: %s: start them; if "
                 "their data are lost for good, `raftmetrics rebuild` decides (--help says how)",
                 silent);
    } else {
        snprintf(advice, RM__ADVICE_MAX,
                 "nobody leads this shard although all its workers answer: see that each reaches "
                 "the others' peer ports; if too few replicas are intact, `raftmetrics rebuild` "
                 "decides which one counts (--help says how)");
    }
    if (!was_advised) {
        rm_log(RM_LOG_WARN, "a shard has no leader", rm_field_int("shard", seat->id),
               rm_field_text("advice", advice));
    }
}

/* ---- another's leader ---- */

static bool lists_seat(const json_t *members, const struct rm__seat *seat)
{
    size_t i;
    json_t *member;

    json_array_foreach(members, i, member)
    {
        if (json_integer_value(json_object_get(member, "worker")) ==
                seat->worker->options.worker_id &&
            json_integer_value(json_object_get(member, "incarnation")) ==
                rm__seat_record(seat)->incarnation) {
            return true;
        }
    }
    return false;
}

static void take_denial(struct rm__seat *seat)
{
    struct rm__membership *membership = &seat->membership;
    uint64_t now_ms = rm_loop_now_ms(seat->worker->loop);

    if (membership->denied_ms == 0) {
        membership->denied_ms = now_ms;
    } else if (now_ms - membership->denied_ms >= DENIED_MS) {
        membership->denied_ms = 0;
        rm__seat_void(seat, "void: the shard was rebuilt elsewhere, and is led without it");
    }
}

static void on_members(const struct rm_http_answer *answer, void *data)
{
    struct rm__seat *seat = data;
    json_t *root;
    const json_t *members;

    seat->membership.is_asking = false;
    if (answer->error != 0 || answer->status != 200 || seat->shard == NULL ||
        rm__joiner_is_needed(seat)) {
        seat->membership.denied_ms = 0;
        return;
    }
    root = json_loadb(answer->body.data, answer->body.len, 0, NULL);
    members = json_object_get(root, "members");
    if (json_array_size(members) == 0 || lists_seat(members, seat)) {
        seat->membership.denied_ms = 0;
    } else {
        take_denial(seat);
    }
    json_decref(root);
}

static void ask(struct rm__seat *seat, uint32_t leader)
{
    char target[TARGET_MAX];

    snprintf(target, sizeof target, RM__WIRE_MEMBERS_PATH "?shard=%" PRIu32, seat->id);
    seat->membership.is_asking = rm__neighbours_send(&seat->worker->neighbours, leader, "GET",
                                                     target, on_members, seat) == 0;
}

void rm__membership_tick(struct rm__seat *seat, uint64_t now_ms)
{
    struct rm__membership *membership = &seat->membership;
    struct rm_replica_status status;
    uint64_t term;
    uint32_t other = rm__neighbours_leader(&seat->worker->neighbours, seat->id, &term);
    bool is_needed = rm__joiner_is_needed(seat);

    if (!seat->is_held) {
        return;
    }
    rm__seat_status(seat, &status);
    if (membership->led_ms == 0 || status.leader != 0 || (is_needed && other != 0)) {
        membership->led_ms = now_ms;
        membership->advice[0] = '\0';
    } else if (is_lonely(seat, now_ms, ADVISE_MS)) {
        advise(seat);
    }
    if (seat->shard == NULL || is_needed || other == 0 || other == status.leader ||
        (term <= status.term && !is_lonely(seat, now_ms, LONELY_MS))) {
        membership->denied_ms = 0;
    } else if (!membership->is_asking) {
        ask(seat, other);
    }
}
