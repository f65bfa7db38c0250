#include "forward.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pace.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "relay.h"

enum {
    URL_MAX = 64 << 10,
    /* Of one replica while there is another to ask. */
    ONE_REPLICA_TIMEOUT_MS = 2000,
    /* Of the client, past our own deadline: that one decides. */
    TIMEOUT_MARGIN_MS = 1000,
    /* A shorter answer is passed on in one piece, with its length. */
    WHOLE_BYTES_MAX = 64 << 10,
    TRIED_WORDS = RM_WORKERS_MAX / 64,
    NOW_TEXT_MAX = 20, /* with a sign */
};

/* A read that a worker answers for us. */
struct forward {
    struct rm_list link;
    struct rm__forwards *forwards;
    struct rm__exchange *exchange;
    uint32_t shard;
    uint64_t answer_by_ms;
    bool takes_any;              /* level=none */
    uint64_t tried[TRIED_WORDS]; /* peers that failed, where any will do */
    struct rm__pace pace;
    struct rm__peer *peer;             /* that was asked last */
    struct rm_http_transfer *transfer; /* NULL: none is asked now */
    bool is_refused;                   /* answered; the transfer waits to be canceled */
    struct rm__relay relay;            /* once a long answer has begun */
};

static const char content_type[] = "application/json";

static uint64_t now_of(const struct forward *forward)
{
    return rm_loop_now_ms(forward->forwards->view->loop);
}

/* ---- the end of a read ---- */

/* Takes it out; the exchange is the caller's to answer. */
static struct rm__exchange *end(struct forward *forward)
{
    struct rm__exchange *exchange = forward->exchange;

    if (forward->transfer != NULL) {
        (void)rm_http_transfer_cancel(forward->transfer);
    }
    rm_list_remove(&forward->link);
    free(forward);
    return exchange;
}

static void end_without_leader(struct forward *forward)
{
    bool takes_any = forward->takes_any;

    rm__reply_error(end(forward), RM__NO_LEADER,
                    takes_any ? "No replica of the shard can be reached; try again soon"
                              : "The shard has no leader that can be reached; try again soon");
}

static void end_late(struct forward *forward)
{
    if (forward->transfer == NULL) {
        end_without_leader(forward);
    } else {
        rm__reply_error(end(forward), RM__DEADLINE_EXCEEDED,
                        "The shard's leader did not answer in time; try again");
    }
}

/* ---- whom to ask ---- */

static size_t index_of(const struct forward *forward, const struct rm__peer *peer)
{
    return (size_t)(peer - forward->forwards->view->peers);
}

static bool is_tried(const struct forward *forward, const struct rm__peer *peer)
{
    size_t i = index_of(forward, peer);

    return i / 64 >= TRIED_WORDS || (forward->tried[i / 64] >> i % 64 & 1) != 0;
}

static bool is_candidate(const struct forward *forward, const struct rm__peer *peer)
{
    return peer->is_up && !is_tried(forward, peer) &&
           rm__cluster_view_holds(forward->forwards->view, peer, forward->shard);
}

/* A replica that did not fail this read yet, the leader's first. NULL: there is none. */
static struct rm__peer *next_replica(const struct forward *forward)
{
    const struct rm__cluster_view *view = forward->forwards->view;
    struct rm__peer *leader = rm__cluster_view_leader(view, forward->shard);

    if (leader != NULL && !is_tried(forward, leader)) {
        return leader;
    }
    for (size_t i = 0; i < view->n_peers; i++) {
        if (is_candidate(forward, &view->peers[i])) {
            return &view->peers[i];
        }
    }
    return NULL;
}

/* ---- asking ---- */

/* Answers that are the client's business; the others are between control and the worker. */
static bool is_passed_on(const struct rm_http_answer *answer)
{
    return answer->error == 0 && rm__verdict_of(answer) != RM__VERDICT_ELSEWHERE &&
           rm__verdict_of(answer) != RM__VERDICT_GONE;
}

static void step(struct forward *forward);

static void on_failure(struct forward *forward, const struct rm_http_answer *answer)
{
    struct rm__peer *peer = forward->peer;
    uint32_t shard = forward->shard;
    size_t i = index_of(forward, peer);

    if (i / 64 < TRIED_WORDS) {
        forward->tried[i / 64] |= UINT64_C(1) << i % 64;
    }
    rm__pace_failed(&forward->pace, now_of(forward));
    step(forward); /* may end it */
    rm__cluster_view_learn(peer, shard, rm__verdict_of(answer), answer->body);
}

static bool has_begun(const struct forward *forward)
{
    return forward->relay.exchange != NULL;
}

/* False: answered otherwise. */
static bool begin(struct forward *forward)
{
    if (!rm__relay_begin(&forward->relay, forward->forwards->view->loop, forward->exchange,
                         content_type, forward->transfer, free, forward)) {
        rm__reply_error(forward->exchange, RM__OVERLOADED,
                        "Too many clients are reading long answers; try again later, or ask for "
                        "less");
        forward->is_refused = true;
        return false;
    }
    rm_list_remove(&forward->link);
    return true;
}

/* Once it has begun there is no way back: the client has a part of the answer. */
static bool on_take(struct rm_slice bytes, void *data)
{
    struct forward *forward = data;

    return !forward->is_refused && (has_begun(forward) || begin(forward)) &&
           rm__relay_take(&forward->relay, bytes);
}

static void on_answer(const struct rm_http_answer *answer, void *data)
{
    struct forward *forward = data;

    if (has_begun(forward)) {
        rm__relay_end(&forward->relay, answer->error);
        return;
    }
    forward->transfer = NULL;
    if (forward->is_refused) {
        (void)end(forward);
        return;
    }
    if (is_passed_on(answer)) {
        rm__reply_bytes(end(forward), (unsigned)answer->status, content_type, answer->body);
    } else if (answer->error == RM_ECANCELED) {
        end_without_leader(forward);
    } else if (answer->error == RM_ETOOBIG || answer->error == RM_ENOMEM) {
        rm__reply_error(end(forward), RM__OVERLOADED, "The answer is too large; ask for less");
    } else {
        on_failure(forward, answer);
    }
}

static uint64_t timeout_of(const struct forward *forward)
{
    uint64_t left_ms = forward->answer_by_ms - now_of(forward);

    return forward->takes_any && left_ms > ONE_REPLICA_TIMEOUT_MS ? ONE_REPLICA_TIMEOUT_MS
                                                                  : left_ms + TIMEOUT_MARGIN_MS;
}

static int start(struct forward *forward, const char *url)
{
    struct rm__cluster_view *view = forward->forwards->view;
    char id[sizeof "X-Request-Id: " + RM__REQUEST_ID_MAX];
    char now[sizeof RM__WIRE_NOW_FIELD ": " + NOW_TEXT_MAX];
    const char *headers[] = {view->headers[0], view->headers[1], id, now};
    struct rm_http_call call = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .n_headers = sizeof headers / sizeof headers[0],
        .timeout_ms = timeout_of(forward),
        .max_answer_bytes = WHOLE_BYTES_MAX,
        .take = on_take,
    };

    snprintf(id, sizeof id, "X-Request-Id: %s", forward->exchange->request_id);
    snprintf(now, sizeof now, RM__WIRE_NOW_FIELD ": %" PRId64, rm_clock_wall_ms());
    return rm_http_client_start(view->client, &call, on_answer, forward, &forward->transfer);
}

static int ask(struct forward *forward, struct rm__peer *peer)
{
    struct rm_slice target = rm_http_request_target(forward->exchange->http);
    struct rm_buffer url;
    int rv;

    forward->peer = peer;
    rm_buffer_init(&url, URL_MAX);
    rv = rm_buffer_printf(&url, "http://%s" RM__WIRE_PREFIX "%.*s", peer->address, (int)target.len,
                          target.data);
    if (rv == 0) {
        rv = rm_buffer_append_byte(&url, '\0');
    }
    if (rv == 0) {
        rv = start(forward, url.data);
    }
    rm_buffer_done(&url);
    return rv;
}

static void ask_or_refuse(struct forward *forward, struct rm__peer *peer)
{
    if (ask(forward, peer) != 0) {
        rm__reply_error(end(forward), RM__OVERLOADED, "Out of memory; try again later");
    }
}

/* Any replica: each is asked once, one after the other. */
static void step_to_any(struct forward *forward)
{
    struct rm__peer *peer;

    if (forward->transfer != NULL) {
        return;
    }
    peer = next_replica(forward);
    if (peer == NULL) {
        end_without_leader(forward);
    } else {
        ask_or_refuse(forward, peer);
    }
}

static void step_to_leader(struct forward *forward)
{
    const struct rm__cluster_view *view = forward->forwards->view;
    struct rm__peer *leader = rm__cluster_view_leader(view, forward->shard);

    if (leader == NULL) {
        if (rm__cluster_view_is_hopeless(view, forward->shard)) {
            end_without_leader(forward);
        }
        return;
    }
    if (forward->transfer != NULL && leader != forward->peer) {
        (void)rm_http_transfer_cancel(forward->transfer);
        forward->transfer = NULL;
        rm__pace_failed(&forward->pace, now_of(forward));
    }
    if (forward->transfer == NULL &&
        rm__pace_allows(&forward->pace, now_of(forward), leader != forward->peer)) {
        ask_or_refuse(forward, leader);
    }
}

/* May end it. */
static void step(struct forward *forward)
{
    if (forward->is_refused) {
        (void)end(forward);
    } else if (now_of(forward) >= forward->answer_by_ms) {
        end_late(forward);
    } else if (forward->takes_any) {
        step_to_any(forward);
    } else {
        step_to_leader(forward);
    }
}

/* ---- the reads under way ---- */

void rm__forwards_init(struct rm__forwards *forwards, struct rm__cluster_view *view)
{
    forwards->view = view;
    rm_list_init(&forwards->reads);
}

void rm__forward_read(struct rm__forwards *forwards, struct rm__exchange *exchange, uint32_t shard,
                      uint64_t answer_by_ms)
{
    struct forward *forward = calloc(1, sizeof *forward);

    if (forward == NULL) {
        rm__reply_error(exchange, RM__OVERLOADED, "Out of memory; try again later");
        return;
    }
    forward->forwards = forwards;
    forward->exchange = exchange;
    forward->shard = shard;
    forward->answer_by_ms = answer_by_ms;
    forward->takes_any = rm_slice_is(rm__params_get(&exchange->params, "level"), "none");
    rm_list_push_back(&forwards->reads, &forward->link);
    step(forward);
}

/* An answer may let its client ask the next thing, which is added behind. */
void rm__forwards_flush(struct rm__forwards *forwards)
{
    struct rm_list looking;

    rm_list_init(&looking);
    rm_list_splice(&looking, &forwards->reads);
    while (!rm_list_is_empty(&looking)) {
        struct forward *forward = RM_LIST_ENTRY(looking.next, struct forward, link);

        rm_list_remove(&forward->link);
        rm_list_push_back(&forwards->reads, &forward->link);
        step(forward);
    }
}

void rm__forwards_done(struct rm__forwards *forwards)
{
    while (!rm_list_is_empty(&forwards->reads)) {
        struct forward *forward = RM_LIST_ENTRY(forwards->reads.next, struct forward, link);

        if (forward->is_refused) {
            (void)end(forward);
        } else {
            end_without_leader(forward);
        }
    }
}
