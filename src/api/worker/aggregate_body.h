/* The body of the answer to GET /metrics/{name}/aggregate, written some buckets at a time. */
#ifndef RAFTMETRICS_SRC_API_WORKER_AGGREGATE_BODY_H
#define RAFTMETRICS_SRC_API_WORKER_AGGREGATE_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../exchange.h"
#include "../read_query.h"
#include "group_order.h"
#include "raftmetrics/base/json_writer.h"
#include "raftmetrics/metrics/query.h"

/* Stays where it is. */
struct rm__aggregate_body {
    const struct rm__read_query *query;
    const struct rm_query_result *result;
    const struct rm__group_order *order;
    struct rm_buffer bytes;
    struct rm_json_writer json;
    size_t n_groups;   /* to be written */
    size_t group;      /* the next, or the one at hand */
    size_t bucket;     /* of that, the next */
    bool is_begun;     /* that group is */
    bool has_overflow; /* of a sum in that bucket, or of what is made of one */
};

/* Begins the body of an answer to @exchange. Borrows the others. */
void rm__aggregate_body_begin(struct rm__aggregate_body *body, struct rm__exchange *exchange,
                              const struct rm__read_query *query,
                              const struct rm_query_result *result,
                              const struct rm__group_order *order);

/* Goes on until the cost has used up @budget (slow_reads.h). True: all groups are written, or will
 * never be, as its end tells. */
bool rm__aggregate_body_write(struct rm__aggregate_body *body, int64_t *budget);

/* Ends it, and answers. */
void rm__aggregate_body_reply(struct rm__aggregate_body *body, struct rm__exchange *exchange);

/* Harmless on a zeroed one. */
void rm__aggregate_body_done(struct rm__aggregate_body *body);

#endif
