/* The same question to every worker, and all answers together. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_FANOUT_H
#define RAFTMETRICS_SRC_API_CONTROL_FANOUT_H

#include "../exchange.h"
#include "cluster_view.h"

/* What one worker said. */
struct rm__fanout_answer {
    struct rm__peer *peer;
    int error; /* as in struct rm_http_answer */
    int status;
    char *body; /* NUL-terminated; NULL without an answer */
    size_t body_len;
};

enum rm__fanout_whom {
    RM__FANOUT_ALL,
    RM__FANOUT_LEADERS, /* those that lead some shard */
};

/* @answers: one a peer that was asked, in the view's order, borrowed for the call. */
typedef void (*rm__fanout_cb)(struct rm__exchange *exchange,
                              const struct rm__fanout_answer *answers, size_t n_answers,
                              void *data);

/* Asks peers for @target (path and query) and calls @cb once, when all have answered or failed.
 * That may be before this returns. Errors: RM_ENOMEM; @cb is then not called. */
int rm__fanout_start(struct rm__cluster_view *view, struct rm__exchange *exchange,
                     enum rm__fanout_whom whom, const char *target, uint64_t timeout_ms,
                     rm__fanout_cb cb, void *data);

#endif
