/* The buckets of one group while a query is computed: what is known of their samples so far. */
#ifndef RAFTMETRICS_SRC_METRICS_QUERY_CELLS_H
#define RAFTMETRICS_SRC_METRICS_QUERY_CELLS_H

#include <stddef.h>
#include <stdint.h>

#include "double_double.h"
#include "summary.h"
#include "table.h"

struct rm_cell {
    int64_t bucket_ms;
    struct rm_summary summary;
    struct rm_sum increase;
    uint64_t *next_key; /* where the next of its values goes, while they are gathered */
};

/* Zeroed but for max and seed it is empty. */
struct rm_cells {
    size_t max; /* most cells there may be */
    uint64_t hash_seed;
    struct rm_cell *items;    /* in the order in which they were made, room for max */
    struct rm_cell **ordered; /* in the order of time, once rm__cells_order was called */
    size_t n;
    size_t likely; /* the one that is asked for next, most likely */
    struct rm_table table;
};

void rm__cells_done(struct rm_cells *cells);

/* Leaves no cell; keeps the memory. */
void rm__cells_clear(struct rm_cells *cells);

/* The cell of a bucket, NULL where there is none. */
struct rm_cell *rm__cells_find(struct rm_cells *cells, int64_t bucket_ms);

/* The same, made where there is none; without moments if so asked. Errors: RM_ENOMEM, RM_ETOOBIG.
 */
int rm__cells_get(struct rm_cells *cells, int64_t bucket_ms, bool without_moments,
                  struct rm_cell **ret_cell);

/* Errors: RM_ENOMEM. */
int rm__cells_order(struct rm_cells *cells);

#endif
