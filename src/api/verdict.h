/* What a worker's answer to one request means for that request, and for who sends it. */
#ifndef RAFTMETRICS_SRC_API_VERDICT_H
#define RAFTMETRICS_SRC_API_VERDICT_H

#include "part.h"
#include "raftmetrics/net/http_client.h"

enum rm__verdict {
    RM__VERDICT_DONE,
    RM__VERDICT_ELSEWHERE,  /* nothing was done: this worker does not lead the shard, or soon won't
                             */
    RM__VERDICT_GONE,       /* nothing was done: it cannot be reached, or is of another cluster */
    RM__VERDICT_NO_SESSION, /* nothing was done: the session is not open in the shard */
    RM__VERDICT_STALE,      /* nothing was done: the number was given up before */
    RM__VERDICT_REFUSED,    /* nothing was done, for a reason of the shard's or the request's own */
    RM__VERDICT_UNKNOWN,    /* it may be done, now or later */
    RM__VERDICT_CANCELED,   /* the client ends, and this daemon with it; it may be done */
};

enum rm__verdict rm__verdict_of(const struct rm_http_answer *answer);

/* Why a write was refused. */
enum rm__fate rm__fate_of_refusal(const struct rm_http_answer *answer);

/* Does an error body name @code? */
bool rm__answer_says(const struct rm_http_answer *answer, const char *code);

#endif
