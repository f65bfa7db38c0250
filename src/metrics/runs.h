/* What runs of chunks of a series say summed up: a cache, for a long series has thousands of them.
 * Made as it is asked for; what changes a chunk forgets its run. */
#ifndef RAFTMETRICS_SRC_METRICS_RUNS_H
#define RAFTMETRICS_SRC_METRICS_RUNS_H

#include <stdint.h>

#include "increase.h"
#include "summary.h"

/* Run i is chunks i * RM_RUN_CHUNKS to one before (i + 1) * RM_RUN_CHUNKS. */
enum { RM_RUN_CHUNKS = 64 };

struct rm_run {
    struct rm_summary summary; /* empty: not known */
    struct rm_increase increase;
};

struct rm_runs {
    struct rm_run *items;
    uint32_t n;
};

/* Where run @index is kept, NULL when out of memory; valid until the next call. */
struct rm_run *rm__runs_at(struct rm_runs *runs, uint32_t index);

/* Chunk @chunk has changed, or all chunks from it on have other numbers. */
void rm__runs_forget(struct rm_runs *runs, uint32_t chunk);
void rm__runs_forget_from(struct rm_runs *runs, uint32_t chunk);

void rm__runs_done(struct rm_runs *runs);

#endif
