#include "fanout.h"

#include <stdlib.h>

#include "../exchange.h"
#include "raftmetrics/base/error.h"

struct fanout;

struct branch {
    struct fanout *fanout;
    struct rm__fanout_answer *answer;
};

struct fanout {
    struct rm__exchange *exchange;
    rm__fanout_cb cb;
    void *data;
    size_t n_answers;
    size_t n_pending;
    struct rm__fanout_answer *answers;
    struct branch *branches;
};

static void fanout_free(struct fanout *fanout)
{
    for (size_t i = 0; fanout->answers != NULL && i < fanout->n_answers; i++) {
        free(fanout->answers[i].body);
    }
    free(fanout->answers);
    free(fanout->branches);
    free(fanout);
}

static void add_branches(struct fanout *fanout, struct rm__cluster_view *view,
                         enum rm__fanout_whom whom)
{
    for (size_t i = 0; i < view->n_peers; i++) {
        struct rm__peer *peer = &view->peers[i];
        size_t n = fanout->n_answers;

        if (whom == RM__FANOUT_ALL || rm__cluster_view_leads(view, peer)) {
            fanout->answers[n].peer = peer;
            fanout->branches[n] = (struct branch){fanout, &fanout->answers[n]};
            fanout->n_answers++;
        }
    }
}

static struct fanout *fanout_new(struct rm__cluster_view *view, struct rm__exchange *exchange,
                                 enum rm__fanout_whom whom)
{
    struct fanout *fanout = calloc(1, sizeof *fanout);

    if (fanout == NULL) {
        return NULL;
    }
    fanout->exchange = exchange;
    fanout->answers = calloc(view->n_peers, sizeof *fanout->answers);
    fanout->branches = calloc(view->n_peers, sizeof *fanout->branches);
    if (fanout->answers == NULL || fanout->branches == NULL) {
        fanout_free(fanout);
        return NULL;
    }
    add_branches(fanout, view, whom);
    return fanout;
}

static void branch_done(struct fanout *fanout)
{
    if (--fanout->n_pending == 0) {
        fanout->cb(fanout->exchange, fanout->answers, fanout->n_answers, fanout->data);
        fanout_free(fanout);
    }
}

static void on_answer(const struct rm_http_answer *from, void *data)
{
    struct branch *branch = data;
    struct rm__fanout_answer *answer = branch->answer;

    answer->error = from->error;
    answer->status = from->status;
    if (from->error == 0) {
        answer->body = rm_slice_dup(from->body);
        answer->body_len = from->body.len;
        if (answer->body == NULL) {
            answer->error = RM_ENOMEM;
        }
    }
    branch_done(branch->fanout);
}

static int ask(struct rm__cluster_view *view, struct branch *branch, const char *target,
               uint64_t timeout_ms)
{
    const char *headers[] = {view->headers[0], view->headers[1], "Accept: application/json"};
    struct rm_buffer url;
    struct rm_http_call call = {
        .method = "GET",
        .headers = headers,
        .n_headers = sizeof headers / sizeof headers[0],
        .timeout_ms = timeout_ms,
        .max_answer_bytes = RM__ANSWER_BYTES_MAX,
    };
    int rv;

    if (view->headers[1] == NULL) {
        return RM_ECONNECT; /* no worker ever told which cluster it is of */
    }
    rm_buffer_init(&url, 64 << 10);
    rv = rm_buffer_printf(&url, "http://%s%s", branch->answer->peer->address, target);
    if (rv == 0) {
        rv = rm_buffer_append_byte(&url, '\0');
    }
    if (rv == 0) {
        call.url = url.data;
        rv = rm_http_client_send(view->client, &call, on_answer, branch);
    }
    rm_buffer_done(&url);
    return rv;
}

int rm__fanout_start(struct rm__cluster_view *view, struct rm__exchange *exchange,
                     enum rm__fanout_whom whom, const char *target, uint64_t timeout_ms,
                     rm__fanout_cb cb, void *data)
{
    struct fanout *fanout = fanout_new(view, exchange, whom);

    if (fanout == NULL) {
        return RM_ENOMEM;
    }
    fanout->cb = cb;
    fanout->data = data;
    fanout->n_pending = fanout->n_answers + 1; /* one for this function itself */
    for (size_t i = 0; i < fanout->n_answers; i++) {
        int rv = ask(view, &fanout->branches[i], target, timeout_ms);

        if (rv != 0) {
            fanout->answers[i].error = rv;
            fanout->n_pending--;
        }
    }
    branch_done(fanout);
    return 0;
}
