/* A query that is worked off piece by piece, while the store goes on changing or is freed. It
 * answers as the store was when it began. */
#ifndef RAFTMETRICS_METRICS_QUERY_RUN_H
#define RAFTMETRICS_METRICS_QUERY_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/metrics/query.h"
#include "raftmetrics/metrics/store.h"

struct rm_query_run;

/* Begins; costs some nanoseconds a series of the metric. Copies @query, but not the names and
 * values in it. *@ret_run is the caller's.
 * Errors: RM_ENOTFOUND (the metric has no series), RM_ENOMEM. */
int rm_query_run_begin(struct rm_store *store, const struct rm_query *query,
                       struct rm_query_run **ret_run);

/* Goes on for about as long as @n_values (not 0) values take to be read, which is some 5 ns each.
 * *@ret_is_done: to the end. On error it can only be freed. Errors: as rm_store_query, and
 * RM_ECANCELED: the store was freed. */
int rm_query_run_work(struct rm_query_run *run, int64_t n_values, bool *ret_is_done);

/* What came of it, once, when it is done. The result is the caller's, and outlives the run. */
void rm_query_run_take(struct rm_query_run *run, struct rm_query_result *ret_result);

/* Bytes that it holds, about: what comes of it and what is kept for it (rm_store_stats) are not
 * counted. */
size_t rm_query_run_bytes(const struct rm_query_run *run);

/* Lets go of what the store kept for it, for about as long as @n_values values take to be read.
 * True: of all, so that to free it takes no time. From the first call on it can only be closed and
 * freed. Takes NULL. */
bool rm_query_run_close(struct rm_query_run *run, int64_t n_values);

/* Takes NULL. */
void rm_query_run_free(struct rm_query_run *run);

#endif
