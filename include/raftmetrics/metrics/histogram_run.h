/* The histograms of a metric's series merged, worked off piece by piece like a query
 * (query_run.h). */
#ifndef RAFTMETRICS_METRICS_HISTOGRAM_RUN_H
#define RAFTMETRICS_METRICS_HISTOGRAM_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/metrics/query.h"
#include "raftmetrics/metrics/store.h"

struct rm_histogram_run;

/* Begins; costs some nanoseconds a series of the metric. Copies @selection, but not the names and
 * values in it. *@ret_run is the caller's.
 * Errors: RM_ENOTFOUND (the metric has no series), RM_ENOMEM. */
int rm_histogram_run_begin(struct rm_store *store, const struct rm_selection *selection,
                           struct rm_histogram_run **ret_run);

/* Goes on for about as long as @n_values (not 0) values take to be read, which is some 5 ns each.
 * *@ret_is_done: to the end. On error it can only be freed. Errors: RM_ENOMEM, and RM_ECANCELED:
 * the store was freed. */
int rm_histogram_run_work(struct rm_histogram_run *run, int64_t n_values, bool *ret_is_done);

/* What came of it, once, when it is done. The caller's, to be ended with rm_histograms_done. */
void rm_histogram_run_take(struct rm_histogram_run *run, struct rm_histograms *ret_histograms);

/* Bytes that it holds, at most; what is kept for it (rm_store_stats) is not counted. */
size_t rm_histogram_run_bytes(const struct rm_histogram_run *run);

/* Lets go of what the store kept for it, for about as long as @n_values values take to be read.
 * True: of all, so that to free it takes no time. From the first call on it can only be closed and
 * freed. Takes NULL. */
bool rm_histogram_run_close(struct rm_histogram_run *run, int64_t n_values);

/* Takes NULL. */
void rm_histogram_run_free(struct rm_histogram_run *run);

#endif
