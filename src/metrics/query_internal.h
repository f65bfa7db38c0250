/* What the tests of queries make small. */
#ifndef RAFTMETRICS_SRC_METRICS_QUERY_INTERNAL_H
#define RAFTMETRICS_SRC_METRICS_QUERY_INTERNAL_H

#include <stddef.h>

#include "raftmetrics/metrics/query_run.h"

/* rm_query_run_begin, with at most @n_most_values (not 0) gathered at a time for quantiles. Makes
 * no difference to the result. */
int rm__query_run_begin(struct rm_store *store, const struct rm_query *query, size_t n_most_values,
                        struct rm_query_run **ret_run);

/* The same for rm_store_query. */
int rm__store_query(struct rm_store *store, const struct rm_query *query, size_t n_most_values,
                    struct rm_query_result *ret_result);

#endif
