/* The order in which the groups of an aggregate are answered. */
#ifndef RAFTMETRICS_SRC_API_WORKER_GROUP_ORDER_H
#define RAFTMETRICS_SRC_API_WORKER_GROUP_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../read_query.h"
#include "raftmetrics/base/merge_sort.h"
#include "raftmetrics/metrics/query.h"

struct rm__group_order {
    const struct rm__read_query *query;
    const struct rm_query_result *whole;
    struct rm__rank *ranks; /* NULL: as they are */
    size_t n_ranked;
    struct rm_merge_sort sort;
};

/* Begins to order the groups of @whole, that of @query's groups without steps; where that asks for
 * no order, they stay as they are. Borrows both. Errors: RM_ENOMEM. */
int rm__group_order_begin(struct rm__group_order *order, const struct rm__read_query *query,
                          const struct rm_query_result *whole);

/* Goes on until the cost has used up @budget (slow_reads.h). True: they are in order. */
bool rm__group_order_work(struct rm__group_order *order, int64_t *budget);

/* Which group of the result is the @i-th. */
size_t rm__group_order_at(const struct rm__group_order *order, size_t i);

/* Harmless on a zeroed one. */
void rm__group_order_done(struct rm__group_order *order);

#endif
