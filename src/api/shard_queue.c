#include "shard_queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/net/http_client.h"
#include "raftmetrics/proto/write_batch.h"
#include "write.h"

enum {
    URL_MAX = 512,
    REPLY_BYTES_MAX = 1 << 20,
    IDS_BYTES_MAX = 1024,
    N_HEADERS = 4,
};

/* A batch under way. Its parts keep their places, for the reply has one outcome a place. */
struct rm__flight {
    struct rm__shard_queue *queue;
    struct rm__peer *peer;
    struct rm_buffer bytes;
    struct rm__part **parts; /* NULL in the place of one that was answered at its deadline */
    size_t n_parts;
};

void rm__shard_queue_init(struct rm__shard_queue *queue, uint32_t shard,
                          struct rm__cluster_view *view, struct rm__queue_budget *budget,
                          uint64_t forward_timeout_ms)
{
    *queue = (struct rm__shard_queue){
        .shard = shard, .view = view, .budget = budget, .forward_timeout_ms = forward_timeout_ms};
    rm_list_init(&queue->gathering);
}

static void finish(struct rm__shard_queue *queue, struct rm__part *part, enum rm__fate fate,
                   uint32_t worker)
{
    queue->budget->n_bytes -= part->bytes.len;
    queue->budget->n_parts--;
    rm__part_finish(part, fate, worker);
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
        finish(queue, part, fate, 0);
    }
}

/* ---- a batch under way ---- */

static void flight_free(struct rm__flight *flight)
{
    rm_buffer_done(&flight->bytes);
    free(flight->parts);
    free(flight);
}

static void finish_flight(struct rm__shard_queue *queue, struct rm__flight *flight,
                          const enum rm__fate *fates, enum rm__fate fate_of_all, uint32_t worker)
{
    for (size_t i = 0; i < flight->n_parts; i++) {
        struct rm__part *part = flight->parts[i];

        if (part != NULL) {
            finish(queue, part, fates == NULL ? fate_of_all : fates[i], worker);
        }
    }
}

/* The leader did its part: each write of the batch has its own outcome. */
static void take_reply(struct rm__shard_queue *queue, struct rm__flight *flight,
                       struct rm_slice body)
{
    enum rm_outcome *outcomes = malloc(flight->n_parts * sizeof *outcomes);
    enum rm__fate *fates = malloc(flight->n_parts * sizeof *fates);

    if (outcomes == NULL || fates == NULL ||
        rm_write_reply_decode(body, outcomes, flight->n_parts) != 0) {
        finish_flight(queue, flight, NULL, RM__FATE_UNKNOWN, flight->peer->id);
    } else {
        for (size_t i = 0; i < flight->n_parts; i++) {
            fates[i] = rm__fate_of_outcome(outcomes[i]);
        }
        finish_flight(queue, flight, fates, RM__FATE_DONE, flight->peer->id);
    }
    free(fates);
    free(outcomes);
}

static bool says_unknown(struct rm_slice body)
{
    return body.len > 0 && memmem(body.data, body.len, "\"outcome_unknown\"",
                                  sizeof "\"outcome_unknown\"" - 1) != NULL;
}

/* What a failure means for the batch: an answer other than 200 says that nothing was recorded,
 * unless it says itself that this is not known; no answer means that it is not known, unless
 * nothing ever left. */
static enum rm__fate fate_of_failure(const struct rm_http_answer *answer)
{
    if (answer->error == RM_ECONNECT) {
        return RM__FATE_NO_LEADER;
    }
    if (answer->error != 0 || says_unknown(answer->body)) {
        return RM__FATE_UNKNOWN;
    }
    return rm__cluster_view_is_lost(answer) ? RM__FATE_NO_LEADER : RM__FATE_OVERLOADED;
}

static void log_failure(const struct rm__shard_queue *queue, const struct rm__flight *flight,
                        const struct rm_http_answer *answer)
{
    rm_log(
        RM_LOG_WARN, "batch failed", rm_field_int("shard", queue->shard),
        rm_field_int("worker", flight->peer->id), rm_field_int("writes", (int64_t)flight->n_parts),
        rm_field_text("error", rm_strerror(answer->error)), rm_field_int("status", answer->status));
}

static void on_answer(const struct rm_http_answer *answer, void *data)
{
    struct rm__flight *flight = data;
    struct rm__shard_queue *queue = flight->queue;

    if (answer->error == 0 && answer->status == 200) {
        take_reply(queue, flight, answer->body);
    } else {
        if (answer->error != RM_ECANCELED) {
            log_failure(queue, flight, answer);
        }
        if (rm__cluster_view_is_lost(answer)) {
            rm__cluster_view_lost(queue->view, flight->peer);
        }
        finish_flight(queue, flight, NULL, fate_of_failure(answer), 0);
    }
    /* Only now: the queues of a view that changed are replaced once none has a flight. */
    queue->flight = NULL;
    flight_free(flight);
    rm__shard_queue_flush(queue);
}

/* Moves parts from the gathering into @flight, as many as one batch may hold. */
static int fill_flight(struct rm__shard_queue *queue, struct rm__flight *flight)
{
    size_t n = 0;
    size_t n_bytes = 0;
    struct rm_list *link;
    int rv;

    for (link = queue->gathering.next; link != &queue->gathering; link = link->next) {
        size_t part_bytes = RM_LIST_ENTRY(link, struct rm__part, link)->bytes.len;

        if (n == RM__APPEND_WRITES_MAX || (n > 0 && n_bytes + part_bytes > RM__APPEND_BYTES_MAX)) {
            break;
        }
        n_bytes += part_bytes;
        n++;
    }
    flight->parts = malloc(n * sizeof *flight->parts);
    rm_buffer_init(&flight->bytes, RM__APPEND_BYTES_MAX);
    rv = flight->parts == NULL ? RM_ENOMEM : rm_buffer_reserve(&flight->bytes, n_bytes);
    if (rv != 0) {
        return rv;
    }
    for (; flight->n_parts < n; flight->n_parts++) {
        struct rm__part *part = first_part(queue);

        rm_list_remove(&part->link);
        flight->parts[flight->n_parts] = part;
        (void)rm_buffer_append_slice(&flight->bytes, rm_buffer_peek(&part->bytes));
    }
    return 0;
}

/* The ids of the requests in the batch, as many as fit, for the worker's log. */
static void format_ids(const struct rm__flight *flight, char *ret_header, size_t size)
{
    size_t len =
        (size_t)snprintf(ret_header, size, "X-Request-Id: %s", flight->parts[0]->request_id);

    for (size_t i = 1; i < flight->n_parts; i++) {
        size_t id_len = strlen(flight->parts[i]->request_id);

        if (len + id_len + 2 > size) {
            return;
        }
        ret_header[len] = ',';
        memcpy(ret_header + len + 1, flight->parts[i]->request_id, id_len + 1);
        len += id_len + 1;
    }
}

static int send_flight(struct rm__shard_queue *queue, struct rm__flight *flight)
{
    char url[URL_MAX];
    char ids[IDS_BYTES_MAX];
    const char *headers[N_HEADERS] = {queue->view->headers[0], queue->view->headers[1],
                                      "Content-Type: " RM__WIRE_PROTOBUF, ids};
    struct rm_http_call call = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .n_headers = N_HEADERS,
        .body = rm_buffer_peek(&flight->bytes),
        .timeout_ms = queue->forward_timeout_ms,
        .max_answer_bytes = REPLY_BYTES_MAX,
    };

    snprintf(url, sizeof url, "http://%s" RM__WIRE_APPEND_PATH "?shard=%" PRIu32,
             flight->peer->address, queue->shard);
    format_ids(flight, ids, sizeof ids);
    return rm_http_client_send(queue->view->client, &call, on_answer, flight);
}

static void start_flight(struct rm__shard_queue *queue, struct rm__peer *leader)
{
    struct rm__flight *flight = calloc(1, sizeof *flight);

    if (flight == NULL) {
        fail_gathering(queue, RM__FATE_OVERLOADED);
        return;
    }
    flight->queue = queue;
    flight->peer = leader;
    if (fill_flight(queue, flight) != 0) {
        flight_free(flight);
        fail_gathering(queue, RM__FATE_OVERLOADED);
        return;
    }
    queue->flight = flight;
    if (send_flight(queue, flight) != 0) {
        queue->flight = NULL;
        finish_flight(queue, flight, NULL, RM__FATE_OVERLOADED, 0);
        flight_free(flight);
    }
}

/* ---- the queue ---- */

void rm__shard_queue_add(struct rm__shard_queue *queue, struct rm__part *part)
{
    struct rm__queue_budget *budget = queue->budget;

    if (part->bytes.len > budget->max_bytes - budget->n_bytes) {
        rm__part_finish(part, RM__FATE_OVERLOADED, 0);
        return;
    }
    budget->n_bytes += part->bytes.len;
    budget->n_parts++;
    rm_list_push_back(&queue->gathering, &part->link);
}

void rm__shard_queue_flush(struct rm__shard_queue *queue)
{
    struct rm__peer *leader;

    if (rm_list_is_empty(&queue->gathering)) {
        return;
    }
    leader = rm__cluster_view_leader(queue->view, queue->shard);
    if (leader == NULL) {
        fail_gathering(queue, RM__FATE_NO_LEADER);
    } else if (queue->flight == NULL) {
        start_flight(queue, leader);
    }
}

static void expire_flight(struct rm__shard_queue *queue, uint64_t now_ms)
{
    struct rm__flight *flight = queue->flight;

    for (size_t i = 0; flight != NULL && i < flight->n_parts; i++) {
        struct rm__part *part = flight->parts[i];

        if (part != NULL && part->deadline_ms <= now_ms) {
            flight->parts[i] = NULL;
            finish(queue, part, RM__FATE_UNKNOWN, 0);
        }
    }
}

void rm__shard_queue_expire(struct rm__shard_queue *queue, uint64_t now_ms)
{
    /* Deadlines are all equally far off, so those that came first end first. */
    while (!rm_list_is_empty(&queue->gathering) && first_part(queue)->deadline_ms <= now_ms) {
        struct rm__part *part = first_part(queue);

        rm_list_remove(&part->link);
        finish(queue, part, RM__FATE_LATE, 0);
    }
    expire_flight(queue, now_ms);
}

void rm__shard_queue_done(struct rm__shard_queue *queue)
{
    fail_gathering(queue, RM__FATE_NO_LEADER);
}
