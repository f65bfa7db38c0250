/* Control's side of one shard's session: it numbers the batches, opens the session where it is not
 * open, and has at most one call under way. What is handed over twice under one number is recorded
 * once; what is handed over without a session would be recorded twice. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_SENDER_H
#define RAFTMETRICS_SRC_API_CONTROL_SENDER_H

#include "../verdict.h"
#include "cluster_view.h"
#include "flight.h"

/* @answer is borrowed. The sender has no call under way any more. */
typedef void (*rm__sender_cb)(enum rm__verdict verdict, const struct rm_http_answer *answer,
                              void *data);

struct rm__sender {
    struct rm__cluster_view *view;
    uint32_t shard;
    uint64_t timeout_ms; /* of a call */
    char session[RM__SESSION_TEXT_LEN + 1];
    uint64_t last_sequence;
    bool is_open;                      /* as far as is known */
    struct rm_http_transfer *transfer; /* the call under way; NULL: none */
    struct rm__peer *peer;             /* that the last call went to */
    bool is_append;                    /* the last call handed over a batch */
    rm__sender_cb cb;
    void *data;
};

/* A session of its own, with no number given out. */
void rm__sender_init(struct rm__sender *sender, struct rm__cluster_view *view, uint32_t shard,
                     uint64_t timeout_ms, rm__sender_cb cb, void *data);

/* Opens the session. Errors: RM_ENOMEM; the callback is then not called. */
int rm__sender_open(struct rm__sender *sender, struct rm__peer *leader);

/* Hands @flight over; its bytes are borrowed until the callback. Errors: RM_ENOMEM. */
int rm__sender_append(struct rm__sender *sender, struct rm__peer *leader,
                      const struct rm__flight *flight);

/* Ends the call under way without its callback. True where a batch may have been handed over. */
bool rm__sender_cancel(struct rm__sender *sender);

bool rm__sender_is_appending(const struct rm__sender *sender);

#endif
