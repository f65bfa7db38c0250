#include "shard_queue.h"

#include <inttypes.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"

static uint64_t now_of(const struct rm__shard_queue *queue)
{
    return rm_loop_now_ms(queue->view->loop);
}

static struct rm__part *first_part(struct rm__shard_queue *queue)
{
    return RM_LIST_ENTRY(queue->gathering.next, struct rm__part, link);
}

static void fail_gathering(struct rm__shard_queue *queue, enum rm__fate fate)
{
    struct rm_list failing;

    /* What the owners do next may come back here. */
    rm_list_init(&failing);
    rm_list_splice(&failing, &queue->gathering);
    while (!rm_list_is_empty(&failing)) {
        struct rm__part *part = RM_LIST_ENTRY(failing.next, struct rm__part, link);

        rm_list_remove(&part->link);
        rm__queue_budget_finish(queue->budget, part, fate, 0);
    }
}

/* ---- the batch under way ---- */

/* The flight is the caller's to end; the owners of its parts may add the next ones meanwhile. */
static struct rm__flight *detach_flight(struct rm__shard_queue *queue)
{
    struct rm__flight *flight = queue->flight;

    queue->flight = NULL;
    return flight;
}

static void settle_flight(struct rm__shard_queue *queue, enum rm__fate fate)
{
    rm__flight_settle(detach_flight(queue), fate, 0);
}

static void dissolve_flight(struct rm__shard_queue *queue)
{
    rm__flight_dissolve(detach_flight(queue), &queue->gathering);
}

static void log_failure(const struct rm__shard_queue *queue, const struct rm_http_answer *answer)
{
    struct rm__flight *flight = queue->flight;

    if (flight->has_failed) {
        return; /* told once */
    }
    flight->has_failed = true;
    rm_log(RM_LOG_WARN, "batch failed", rm_field_int("shard", queue->shard),
           rm_field_int("worker", queue->sender.peer->id),
           rm_field_int("writes", (int64_t)flight->n_parts),
           rm_field_text("error", rm_strerror(answer->error)),
           rm_field_int("status", answer->status));
}

static void log_unknown(const struct rm__shard_queue *queue, const char *reason)
{
    rm_log(RM_LOG_WARN, "outcome of a batch is unknown", rm_field_int("shard", queue->shard),
           rm_field_int("worker", queue->sender.peer->id),
           rm_field_int("writes", (int64_t)queue->flight->n_parts),
           rm_field_text("reason", reason));
}

/* The leader takes nothing now, and says why. What an earlier leader may have recorded is not
 * refused by that: it stays with the shard until that leader, or the deadline, tells. */
static void take_refusal(struct rm__shard_queue *queue, const struct rm_http_answer *answer)
{
    enum rm__fate fate = rm__fate_of_refusal(answer);

    if (queue->flight == NULL) {
        fail_gathering(queue, fate);
    } else if (!queue->flight->may_be_recorded) {
        settle_flight(queue, fate);
    } else {
        rm__pace_failed(&queue->pace, now_of(queue));
    }
}

static void on_opened(struct rm__shard_queue *queue, enum rm__verdict verdict,
                      const struct rm_http_answer *answer)
{
    switch (verdict) {
    case RM__VERDICT_DONE:
        break;
    case RM__VERDICT_REFUSED:
    case RM__VERDICT_NO_SESSION:
    case RM__VERDICT_STALE:
        take_refusal(queue, answer);
        break;
    default:
        rm__pace_failed(&queue->pace, now_of(queue));
        break;
    }
}

/* The session expired. Whether before or after an earlier attempt was recorded, nobody knows; but
 * if there was none, nothing was. */
static void lose_session(struct rm__shard_queue *queue)
{
    if (queue->flight->may_be_recorded) {
        log_unknown(queue, "the session expired");
        settle_flight(queue, RM__FATE_UNKNOWN);
    } else {
        rm__pace_failed(&queue->pace, now_of(queue));
    }
}

static void on_appended(struct rm__shard_queue *queue, enum rm__verdict verdict,
                        const struct rm_http_answer *answer)
{
    if (verdict != RM__VERDICT_DONE) {
        log_failure(queue, answer);
    }
    switch (verdict) {
    case RM__VERDICT_DONE:
        rm__flight_take_reply(detach_flight(queue), answer->body, queue->sender.peer->id);
        break;
    case RM__VERDICT_NO_SESSION:
        lose_session(queue);
        break;
    case RM__VERDICT_STALE:
        log_unknown(queue, "the shard knows a later number");
        settle_flight(queue, RM__FATE_UNKNOWN);
        break;
    case RM__VERDICT_REFUSED:
        take_refusal(queue, answer);
        break;
    case RM__VERDICT_UNKNOWN:
        queue->flight->may_be_recorded = true;
        rm__pace_failed(&queue->pace, now_of(queue));
        break;
    default:
        rm__pace_failed(&queue->pace, now_of(queue));
        break;
    }
}

static void on_answer(enum rm__verdict verdict, const struct rm_http_answer *answer, void *data)
{
    struct rm__shard_queue *queue = data;
    struct rm__peer *peer = queue->sender.peer;
    bool is_append = queue->sender.is_append;

    if (verdict == RM__VERDICT_CANCELED) {
        if (is_append) {
            queue->flight->may_be_recorded = true;
        }
        rm__shard_queue_done(queue);
        return;
    }
    if (is_append) {
        on_appended(queue, verdict, answer);
    } else {
        on_opened(queue, verdict, answer);
    }
    rm__cluster_view_learn(peer, queue->shard, verdict, answer->body);
    rm__shard_queue_flush(queue);
}

/* ---- sending ---- */

static int start_flight(struct rm__shard_queue *queue)
{
    int rv = rm__flight_new(queue->budget, &queue->gathering, queue->sender.last_sequence + 1,
                            &queue->flight);

    if (rv == 0) {
        queue->sender.last_sequence++;
    }
    return rv;
}

/* Without memory for it: what nobody was handed yet is refused, the rest tried again. */
static void take_shortage(struct rm__shard_queue *queue)
{
    if (queue->flight == NULL) {
        fail_gathering(queue, RM__FATE_OVERLOADED);
    } else if (!queue->flight->may_be_recorded) {
        settle_flight(queue, RM__FATE_OVERLOADED);
    } else {
        rm__pace_failed(&queue->pace, now_of(queue));
    }
}

static void send_to(struct rm__shard_queue *queue, struct rm__peer *leader)
{
    struct rm__sender *sender = &queue->sender;
    int rv = 0;

    if (!sender->is_open) {
        rv = rm__sender_open(sender, leader);
    } else {
        rv = queue->flight == NULL ? start_flight(queue) : 0;
        rv = rv == 0 ? rm__sender_append(sender, leader, queue->flight) : rv;
    }
    if (rv != 0) {
        take_shortage(queue);
    }
}

/* Ends the call under way. The leader it went to may have got all of it. */
static void cancel_call(struct rm__shard_queue *queue)
{
    if (rm__sender_cancel(&queue->sender)) {
        queue->flight->may_be_recorded = true;
    }
}

/* No leader comes any more. What may be recorded waits on, until its deadline. */
static void give_up_hope(struct rm__shard_queue *queue)
{
    if (queue->flight != NULL && !queue->flight->may_be_recorded &&
        !rm__sender_is_appending(&queue->sender)) {
        dissolve_flight(queue);
    }
    fail_gathering(queue, RM__FATE_NO_LEADER);
}

void rm__shard_queue_flush(struct rm__shard_queue *queue)
{
    struct rm__sender *sender = &queue->sender;
    struct rm__peer *leader;

    if (queue->flight == NULL && rm_list_is_empty(&queue->gathering)) {
        return;
    }
    leader = rm__cluster_view_leader(queue->view, queue->shard);
    if (leader == NULL && rm__cluster_view_is_hopeless(queue->view, queue->shard)) {
        give_up_hope(queue);
        return;
    }
    if (leader != NULL && sender->transfer != NULL && sender->peer != leader) {
        cancel_call(queue);
        rm__pace_failed(&queue->pace, now_of(queue));
    }
    if (leader != NULL && sender->transfer == NULL &&
        rm__pace_allows(&queue->pace, now_of(queue), leader != sender->peer)) {
        send_to(queue, leader);
    }
}

/* ---- the queue ---- */

void rm__shard_queue_init(struct rm__shard_queue *queue, uint32_t shard,
                          struct rm__cluster_view *view, struct rm__queue_budget *budget,
                          uint64_t forward_timeout_ms)
{
    *queue = (struct rm__shard_queue){.shard = shard, .view = view, .budget = budget};
    rm_list_init(&queue->gathering);
    rm__sender_init(&queue->sender, view, shard, forward_timeout_ms, on_answer, queue);
}

void rm__shard_queue_add(struct rm__shard_queue *queue, struct rm__part *part)
{
    if (!rm__queue_budget_take(queue->budget, part)) {
        rm__part_finish(part, RM__FATE_OVERLOADED, 0);
        return;
    }
    rm_list_push_back(&queue->gathering, &part->link);
}

/* A batch that nobody was handed is taken apart again, so that who is told that nothing was
 * recorded is not in it any more when it leaves. */
static void expire_flight(struct rm__shard_queue *queue, uint64_t now_ms)
{
    struct rm__flight *flight = queue->flight;

    if (flight == NULL || !rm__flight_is_due(flight, now_ms)) {
        return;
    }
    if (!flight->may_be_recorded && !rm__sender_is_appending(&queue->sender)) {
        dissolve_flight(queue);
        return;
    }
    rm__flight_expire(flight, now_ms);
    if (flight->n_waiting == 0) {
        log_unknown(queue, "no answer by the deadline");
        (void)rm__sender_cancel(&queue->sender);
        rm__flight_free(detach_flight(queue));
    }
}

static void expire_gathering(struct rm__shard_queue *queue, uint64_t now_ms)
{
    bool has_leader = rm__cluster_view_leader(queue->view, queue->shard) != NULL;

    /* Deadlines are all equally far off, so those that came first end first. */
    while (!rm_list_is_empty(&queue->gathering) && first_part(queue)->deadline_ms <= now_ms) {
        struct rm__part *part = first_part(queue);

        rm_list_remove(&part->link);
        rm__queue_budget_finish(queue->budget, part,
                                has_leader ? RM__FATE_LATE : RM__FATE_NO_LEADER, 0);
    }
}

void rm__shard_queue_expire(struct rm__shard_queue *queue, uint64_t now_ms)
{
    expire_flight(queue, now_ms);
    expire_gathering(queue, now_ms);
    rm__shard_queue_flush(queue);
}

void rm__shard_queue_done(struct rm__shard_queue *queue)
{
    cancel_call(queue);
    if (queue->flight != NULL) {
        settle_flight(queue,
                      queue->flight->may_be_recorded ? RM__FATE_UNKNOWN : RM__FATE_NO_LEADER);
    }
    fail_gathering(queue, RM__FATE_NO_LEADER);
}
