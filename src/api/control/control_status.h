/* GET /status of control: what every worker says of itself, as one, and control's own figures. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_CONTROL_STATUS_H
#define RAFTMETRICS_SRC_API_CONTROL_CONTROL_STATUS_H

#include "fanout.h"

/* Control's own figures, as of now. */
struct rm__control_figures {
    const struct rm__cluster_view *view;
    const char *cluster_name;
    uint64_t n_requests;
    uint64_t n_queued_bytes;
    uint64_t n_inflight;
    uint64_t uptime_seconds;
    unsigned n_loops;
};

/* Answers with the workers' answers. */
void rm__control_status_reply(struct rm__exchange *exchange,
                              const struct rm__fanout_answer *answers, size_t n_answers,
                              const struct rm__control_figures *figures);

#endif
