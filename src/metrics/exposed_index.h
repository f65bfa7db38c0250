/* The metrics of a store in the order in which an exposition writes them, for the stores that are
 * scraped: it stays empty until it is first asked for, and is then filled a little at a time, so
 * that no turn of the loop is long however many metrics there are. Owns none of them. */
#ifndef RAFTMETRICS_SRC_METRICS_EXPOSED_INDEX_H
#define RAFTMETRICS_SRC_METRICS_EXPOSED_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metric.h"
#include "raftmetrics/base/exposition.h"
#include "table.h"
#include "vector.h"

enum { RM__EXPOSED_BLOCK_METRICS = 256 };

/* A stretch of neighbours. */
struct rm_exposed_block {
    uint32_t n; /* at least 1 */
    struct rm_metric *metrics[RM__EXPOSED_BLOCK_METRICS];
};

/* Zeroed it is empty and in use by nobody. */
struct rm_exposed_index {
    struct rm_exposition_style style; /* says the order */
    struct rm_vector blocks;          /* of struct rm_exposed_block */
    size_t n_metrics;
    bool is_used;     /* what is added to the store must be added here */
    size_t n_scanned; /* slots of the store's table, on the way to having all of it */
    size_t n_slots;   /* that the table had then */
};

struct rm_exposed_place {
    uint32_t block;
    uint32_t index;
};

void rm__exposed_index_done(struct rm_exposed_index *index);

/* A metric of the store is new. On error the index is unchanged. Errors: RM_ENOMEM. */
int rm__exposed_index_add(struct rm_exposed_index *index, struct rm_metric *metric);

/* A metric leaves the store. */
void rm__exposed_index_remove(struct rm_exposed_index *index, const struct rm_metric *metric);

/* Takes in what it lacks of @metrics, the store's table, about @max_work metrics of it.
 * Errors: RM_EBUSY (there is more to take in); RM_ENOMEM. */
int rm__exposed_index_fill(struct rm_exposed_index *index, const struct rm_table *metrics,
                           struct rm_exposition_style style, size_t max_work);

/* The place of the first metric that does not stand before one named @name. */
struct rm_exposed_place rm__exposed_index_find(const struct rm_exposed_index *index,
                                               struct rm_slice name);

/* The metric in a place, NULL behind the last. */
struct rm_metric *rm__exposed_index_at(const struct rm_exposed_index *index,
                                       struct rm_exposed_place place);
struct rm_exposed_place rm__exposed_index_next(const struct rm_exposed_index *index,
                                               struct rm_exposed_place place);

/* Allocated bytes. */
size_t rm__exposed_index_bytes(const struct rm_exposed_index *index);

#endif
