/* The two answers for which control asks every worker. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_LIST_H
#define RAFTMETRICS_SRC_API_CONTROL_LIST_H

#include "fanout.h"

/* GET /metrics as JSON: the workers' listings as one. The rm__fanout_cb of that. */
void rm__control_list_reply(struct rm__exchange *exchange, const struct rm__fanout_answer *answers,
                            size_t n_answers, void *data);

#endif
