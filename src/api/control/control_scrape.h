/* GET /metrics as an exposition on control: pages of all leaders, merged, as the client takes them.
 * A page says which shards it is of; those that were asked for and are not in it have moved, and
 * are asked for again, from the same place, of whoever leads them then. The answer begins once
 * there is a page of every shard; where one fails to come later the connection is cut. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_CONTROL_SCRAPE_H
#define RAFTMETRICS_SRC_API_CONTROL_CONTROL_SCRAPE_H

#include "../exchange.h"
#include "cluster_view.h"

struct rm__scrapes {
    struct rm__cluster_view *view;
    struct rm_list scrapes; /* under way */
    size_t n;
};

void rm__scrapes_init(struct rm__scrapes *scrapes, struct rm__cluster_view *view);

/* Ends those under way; what streams already is cut off, and freed with its request. */
void rm__scrapes_done(struct rm__scrapes *scrapes);

/* Answers @exchange, now or later. The answer begins by @answer_by_ms of the loop's clock. */
void rm__scrape_start(struct rm__scrapes *scrapes, struct rm__exchange *exchange,
                      struct rm_exposition_style style, uint64_t answer_by_ms);

/* Leaders may be others, a pause may be over, deadlines may have come. */
void rm__scrapes_flush(struct rm__scrapes *scrapes);

#endif
