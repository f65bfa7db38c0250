#include "sender.h"

#include <inttypes.h>
#include <stdio.h>

#include "raftmetrics/base/random.h"

enum {
    URL_MAX = 512,
    REPLY_BYTES_MAX = 1 << 20,
    IDS_BYTES_MAX = 1024,
    N_HEADERS = 4,
};

void rm__sender_init(struct rm__sender *sender, struct rm__cluster_view *view, uint32_t shard,
                     uint64_t timeout_ms, rm__sender_cb cb, void *data)
{
    *sender = (struct rm__sender){
        .view = view, .shard = shard, .timeout_ms = timeout_ms, .cb = cb, .data = data};
    rm_random_hex(sender->session, RM__SESSION_TEXT_LEN / 2);
}

static void on_answer(const struct rm_http_answer *answer, void *data)
{
    struct rm__sender *sender = data;
    enum rm__verdict verdict = rm__verdict_of(answer);

    sender->transfer = NULL;
    if (verdict == RM__VERDICT_DONE) {
        sender->is_open = true;
    } else if (verdict == RM__VERDICT_NO_SESSION) {
        sender->is_open = false;
    }
    sender->cb(verdict, answer, sender->data);
}

static int start(struct rm__sender *sender, struct rm__peer *leader, const char *url,
                 const char *ids, struct rm_slice body)
{
    const char *headers[N_HEADERS] = {sender->view->headers[0], sender->view->headers[1],
                                      "Content-Type: " RM__WIRE_PROTOBUF, ids};
    struct rm_http_call call = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .n_headers = ids == NULL ? N_HEADERS - 1 : N_HEADERS,
        .body = body,
        .timeout_ms = sender->timeout_ms,
        .max_answer_bytes = REPLY_BYTES_MAX,
    };

    sender->peer = leader;
    return rm_http_client_start(sender->view->client, &call, on_answer, sender, &sender->transfer);
}

int rm__sender_open(struct rm__sender *sender, struct rm__peer *leader)
{
    char url[URL_MAX];

    snprintf(url, sizeof url, "http://%s" RM__WIRE_SESSION_PATH "?shard=%" PRIu32 "&session=%s",
             leader->address, sender->shard, sender->session);
    sender->is_append = false;
    return start(sender, leader, url, NULL, rm_slice_of(""));
}

int rm__sender_append(struct rm__sender *sender, struct rm__peer *leader,
                      const struct rm__flight *flight)
{
    char url[URL_MAX];
    char ids[IDS_BYTES_MAX];

    snprintf(url, sizeof url,
             "http://%s" RM__WIRE_APPEND_PATH "?shard=%" PRIu32 "&session=%s&sequence=%" PRIu64,
             leader->address, sender->shard, sender->session, flight->sequence);
    rm__flight_format_ids(flight, ids, sizeof ids);
    sender->is_append = true;
    return start(sender, leader, url, ids, rm_buffer_peek(&flight->bytes));
}

bool rm__sender_cancel(struct rm__sender *sender)
{
    struct rm_http_transfer *transfer = sender->transfer;

    sender->transfer = NULL;
    return transfer != NULL && rm_http_transfer_cancel(transfer) && sender->is_append;
}

bool rm__sender_is_appending(const struct rm__sender *sender)
{
    return sender->transfer != NULL && sender->is_append;
}
