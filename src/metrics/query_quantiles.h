/* The quantiles of the buckets of a group. The values of some buckets at a time are gathered; those
 * of a bucket with too many are looked through until few enough are left. */
#ifndef RAFTMETRICS_SRC_METRICS_QUERY_QUANTILES_H
#define RAFTMETRICS_SRC_METRICS_QUERY_QUANTILES_H

#include <stddef.h>
#include <stdint.h>

#include "narrowing.h"
#include "query_cells.h"
#include "query_groups.h"
#include "raftmetrics/metrics/query.h"

/* Memory for values; zeroed but for n_most it is empty. */
struct rm_value_room {
    size_t n_most; /* values at a time, not 0 */
    uint64_t *keys;
    size_t n_max;
    struct rm_narrowing *narrowing;
};

void rm__value_room_done(struct rm_value_room *room);

/* The quantiles of each of @cells, which are in order and hold all of @group, into @ret_quantiles:
 * query->n_quantiles for each cell. Errors: RM_ENOMEM. */
int rm__query_quantiles(const struct rm_query *query, const struct rm_series_group *group,
                        struct rm_cells *cells, struct rm_value_room *room, double *ret_quantiles);

#endif
