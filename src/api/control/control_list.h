/* GET /metrics as JSON on control: the listings of all leaders as one. While leaders change some
 * shard would be missing, and nobody could see that: such a listing is asked for again, until it
 * is whole or its deadline comes. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_CONTROL_LIST_H
#define RAFTMETRICS_SRC_API_CONTROL_CONTROL_LIST_H

#include "fanout.h"

struct rm__lists {
    struct rm__cluster_view *view;
    struct rm_list waiting; /* to be asked for */
};

void rm__lists_init(struct rm__lists *lists, struct rm__cluster_view *view);

/* Answers those that wait; the others end with the client's requests. */
void rm__lists_done(struct rm__lists *lists);

/* Answers @exchange, now or later, by @answer_by_ms of the loop's clock. */
void rm__list_start(struct rm__lists *lists, struct rm__exchange *exchange, uint64_t answer_by_ms);

/* Leaders may be others, a pause may be over, deadlines may have come. */
void rm__lists_flush(struct rm__lists *lists);

#endif
