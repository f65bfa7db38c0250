/* The newest values of a selection, frozen piece by piece like a query is answered (query_run.h),
 * while the store goes on changing or is freed. */
#ifndef RAFTMETRICS_METRICS_VALUES_RUN_H
#define RAFTMETRICS_METRICS_VALUES_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/metrics/frozen_values.h"
#include "raftmetrics/metrics/query.h"
#include "raftmetrics/metrics/store.h"

struct rm_values_run;

/* Begins with the newest @limit values of @selection that stand before @before (NULL: from the
 * newest), as they are now; costs some nanoseconds a series of the metric. Copies both, but not the
 * names and values in @selection. *@ret_run is the caller's.
 * Errors: RM_ENOTFOUND (the metric has no series), RM_ENOMEM. */
int rm_values_run_begin(struct rm_store *store, const struct rm_selection *selection, size_t limit,
                        const struct rm_position *before, enum rm_values_order order,
                        struct rm_values_run **ret_run);

/* Goes on for about as long as @n_values (not 0) values take to be read, which is some 5 ns each.
 * Chunks are counted, not values, but for those at the edges. *@ret_is_done: to the end. On error
 * it can only be closed and freed. Errors: RM_ENOMEM, and RM_ECANCELED: the store was freed. */
int rm_values_run_work(struct rm_values_run *run, int64_t n_values, bool *ret_is_done);

/* What came of it, once, when it is done. The caller's; it outlives the run and the store. */
struct rm_frozen_values *rm_values_run_take(struct rm_values_run *run);

/* Bytes that it holds, with what comes of it until that is taken; what is kept for it
 * (rm_store_stats) is not counted. */
size_t rm_values_run_bytes(const struct rm_values_run *run);

/* Lets go of what it shares and of what the store kept for it, for about as long as @n_values
 * values take to be read. True: of all, so that to free it takes no time. From the first call on it
 * can only be closed and freed. Takes NULL. */
bool rm_values_run_close(struct rm_values_run *run, int64_t n_values);

/* Takes NULL. */
void rm_values_run_free(struct rm_values_run *run);

/* All of that at once. *@ret_values is the caller's. Errors: as rm_values_run_begin. */
int rm_store_freeze_values(struct rm_store *store, const struct rm_selection *selection,
                           size_t limit, const struct rm_position *before,
                           enum rm_values_order order, struct rm_frozen_values **ret_values);

#endif
