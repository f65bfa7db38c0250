/* Reads of one metric that a worker answers for control: by the shard's leader, or at level=none
 * by any that holds the shard. A read changes nothing, so it is asked again, of whoever leads then,
 * until it is answered or its deadline comes; a long answer counts as given once it has begun. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_FORWARD_H
#define RAFTMETRICS_SRC_API_CONTROL_FORWARD_H

#include "../exchange.h"
#include "cluster_view.h"

struct rm__forwards {
    struct rm__cluster_view *view;
    struct rm_list reads; /* that wait for their answer */
};

void rm__forwards_init(struct rm__forwards *forwards, struct rm__cluster_view *view);

/* Answers those that wait. Those whose answer has begun end with the client of the view. */
void rm__forwards_done(struct rm__forwards *forwards);

/* Answers @exchange, now or later, by @answer_by_ms of the loop's clock. */
void rm__forward_read(struct rm__forwards *forwards, struct rm__exchange *exchange, uint32_t shard,
                      uint64_t answer_by_ms);

/* Leaders may be others, a pause may be over, deadlines may have come: does what is to be done.
 * To be called every now and then. */
void rm__forwards_flush(struct rm__forwards *forwards);

#endif
