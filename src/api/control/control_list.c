#include "control_list.h"

#include <stdlib.h>

#include "../listing.h"
#include "../read_query.h"
#include "pace.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"

enum {
    /* A leader that hangs is another's shards' leader soon. */
    TRY_TIMEOUT_MS = 2000,
    TARGET_MAX = 64 << 10,
};

struct list {
    struct rm_list link; /* among those that wait */
    struct rm__lists *lists;
    struct rm__exchange *exchange;
    uint64_t answer_by_ms;
    struct rm__pace pace;
};

static uint64_t now_of(const struct list *list)
{
    return rm_loop_now_ms(list->lists->view->loop);
}

static struct rm__exchange *end(struct list *list)
{
    struct rm__exchange *exchange = list->exchange;

    rm_list_remove(&list->link);
    free(list);
    return exchange;
}

static void end_without_leader(struct list *list)
{
    rm__reply_error(end(list), RM__NO_LEADER,
                    "Some shard has no leader that can be reached; try again soon");
}

static bool is_hopeless(const struct rm__cluster_view *view)
{
    for (uint32_t i = 0; i < view->n_shards; i++) {
        if (rm__cluster_view_is_hopeless(view, i)) {
            return true;
        }
    }
    return view->n_shards == 0;
}

/* A worker that could not be reached may be gone; one that was canceled ends with us. */
static bool learn(const struct rm__fanout_answer *answers, size_t n_answers)
{
    bool is_canceled = false;

    for (size_t i = 0; i < n_answers; i++) {
        struct rm_http_answer answer = {.error = answers[i].error,
                                        .status = answers[i].status,
                                        .body =
                                            rm_slice_make(answers[i].body, answers[i].body_len)};
        enum rm__verdict verdict = rm__verdict_of(&answer);

        if (verdict == RM__VERDICT_GONE || verdict == RM__VERDICT_UNKNOWN) {
            rm__cluster_view_learn(answers[i].peer, 0, verdict, rm_slice_of(""));
        }
        is_canceled = is_canceled || verdict == RM__VERDICT_CANCELED;
    }
    return !is_canceled;
}

/* ---- their pages ---- */

/* Does each shard of the cluster stand in one page, and no other in any? While leaders change, some
 * may be missing, or come twice. */
static bool are_whole(const struct rm__listing_page *pages, size_t n_pages, uint32_t n_shards)
{
    for (uint32_t shard = 0; shard < RM_SHARDS_MAX; shard++) {
        size_t n = 0;

        for (size_t i = 0; i < n_pages; i++) {
            n += rm__shard_set_has(&pages[i].shards, shard);
        }
        if (n != (shard < n_shards)) {
            return false;
        }
    }
    return true;
}

/* Errors: RM_ECONNECT (some worker did not answer); RM_EPROTO. */
static int read_pages(const struct rm__fanout_answer *answers, size_t n_answers, uint32_t n_shards,
                      struct rm__listing_page *pages)
{
    for (size_t i = 0; i < n_answers; i++) {
        if (answers[i].error != 0 || answers[i].status != 200) {
            return RM_ECONNECT;
        }
        if (rm__listing_read(rm_slice_make(answers[i].body, answers[i].body_len), &pages[i]) != 0) {
            return RM_EPROTO;
        }
    }
    return are_whole(pages, n_answers, n_shards) ? 0 : RM_EPROTO;
}

/* How many metrics are asked for: the front has looked at the parameters. */
static size_t limit_of(const struct rm__exchange *exchange)
{
    struct rm__read_query query;
    struct rm__problem problem;

    (void)rm__read_query_init(&query, exchange->route->action, rm__exchange_name(exchange),
                              &exchange->params, rm_http_request_header(exchange->http, "Accept"),
                              rm_clock_wall_ms(), &problem);
    return query.limit;
}

/* Errors: as read_pages, and RM_ENOMEM; then nothing is answered. */
static int answer(struct rm__exchange *exchange, const struct rm__fanout_answer *answers,
                  size_t n_answers, uint32_t n_shards)
{
    struct rm__listing_page *pages = calloc(n_answers, sizeof *pages);
    struct rm_buffer body;
    int rv = pages == NULL ? RM_ENOMEM : read_pages(answers, n_answers, n_shards, pages);

    rm_buffer_init(&body, RM__ANSWER_BYTES_MAX);
    if (rv == 0) {
        rv = rm__listing_merge(pages, n_answers, limit_of(exchange), &body);
    }
    if (rv == 0) {
        rm__reply_json(exchange, 200, &body);
    }
    rm_buffer_done(&body);
    free(pages);
    return rv;
}

static void on_answers(struct rm__exchange *exchange, const struct rm__fanout_answer *answers,
                       size_t n_answers, void *data)
{
    struct list *list = data;
    int rv = answer(exchange, answers, n_answers, list->lists->view->n_shards);

    if (rv == 0 || rv == RM_ENOMEM || rv == RM_ETOOBIG) {
        if (rv != 0) {
            rm__reply_out_of_memory(exchange);
        }
        free(list);
        return;
    }
    if (!learn(answers, n_answers)) {
        end_without_leader(list);
        return;
    }
    rm__pace_failed(&list->pace, now_of(list));
    rm_list_push_back(&list->lists->waiting, &list->link);
}

/* ---- the asking ---- */

static int ask(struct list *list)
{
    struct rm_slice target = rm_http_request_target(list->exchange->http);
    uint64_t left_ms = list->answer_by_ms - now_of(list);
    struct rm_buffer internal;
    int rv;

    rm_buffer_init(&internal, TARGET_MAX);
    rv = rm_buffer_printf(&internal, RM__WIRE_PREFIX "%.*s", (int)target.len, target.data);
    if (rv == 0) {
        rv = rm_buffer_append_byte(&internal, '\0');
    }
    if (rv == 0) {
        rm_list_remove(&list->link);
        rv =
            rm__fanout_start(list->lists->view, list->exchange, RM__FANOUT_LEADERS, internal.data,
                             left_ms < TRY_TIMEOUT_MS ? left_ms : TRY_TIMEOUT_MS, on_answers, list);
    }
    rm_buffer_done(&internal);
    return rv;
}

/* May end it. */
static void step(struct list *list)
{
    const struct rm__cluster_view *view = list->lists->view;

    if (is_hopeless(view) || now_of(list) >= list->answer_by_ms) {
        end_without_leader(list);
    } else if (rm__cluster_view_count_leaderless(view) == 0 &&
               rm__pace_allows(&list->pace, now_of(list), false) && ask(list) != 0) {
        rm__reply_out_of_memory(end(list));
    }
}

void rm__lists_init(struct rm__lists *lists, struct rm__cluster_view *view)
{
    lists->view = view;
    rm_list_init(&lists->waiting);
}

void rm__list_start(struct rm__lists *lists, struct rm__exchange *exchange, uint64_t answer_by_ms)
{
    struct list *list = calloc(1, sizeof *list);

    if (list == NULL) {
        rm__reply_out_of_memory(exchange);
        return;
    }
    list->lists = lists;
    list->exchange = exchange;
    list->answer_by_ms = answer_by_ms;
    rm_list_push_back(&lists->waiting, &list->link);
    step(list);
}

void rm__lists_flush(struct rm__lists *lists)
{
    struct rm_list looking;

    rm_list_init(&looking);
    rm_list_splice(&looking, &lists->waiting);
    while (!rm_list_is_empty(&looking)) {
        struct list *list = RM_LIST_ENTRY(looking.next, struct list, link);

        rm_list_remove(&list->link);
        rm_list_push_back(&lists->waiting, &list->link);
        step(list);
    }
}

void rm__lists_done(struct rm__lists *lists)
{
    while (!rm_list_is_empty(&lists->waiting)) {
        end_without_leader(RM_LIST_ENTRY(lists->waiting.next, struct list, link));
    }
}
