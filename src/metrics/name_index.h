/* The metrics of a store in the order of their names, as they are or as an exposition escapes them,
 * for the stores that are listed or scraped: it stays empty until it is first asked for, and is
 * then filled a little at a time, so that no turn of the loop is long however many metrics there
 * are. Owns none of them. */
#ifndef RAFTMETRICS_SRC_METRICS_NAME_INDEX_H
#define RAFTMETRICS_SRC_METRICS_NAME_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metric.h"
#include "raftmetrics/base/exposition.h"
#include "table.h"
#include "vector.h"

enum { RM__NAME_BLOCK_METRICS = 256 };

/* A stretch of neighbours. */
struct rm_name_block {
    uint32_t n; /* at least 1 */
    struct rm_metric *metrics[RM__NAME_BLOCK_METRICS];
};

/* Zeroed it is empty and in use by nobody. */
struct rm_name_index {
    struct rm_exposition_style style; /* says the order */
    struct rm_vector blocks;          /* of struct rm_name_block */
    size_t n_metrics;
    bool is_used;     /* what is added to the store must be added here */
    size_t n_scanned; /* slots of the store's table, on the way to having all of it */
    size_t n_slots;   /* that the table had then */
};

struct rm_name_place {
    uint32_t block;
    uint32_t index;
};

void rm__name_index_done(struct rm_name_index *index);

/* A metric of the store is new. On error the index is unchanged. Errors: RM_ENOMEM. */
int rm__name_index_add(struct rm_name_index *index, struct rm_metric *metric);

/* A metric leaves the store. */
void rm__name_index_remove(struct rm_name_index *index, const struct rm_metric *metric);

/* Takes in what it lacks of @metrics, the store's table, about @max_work metrics of it.
 * Errors: RM_EBUSY (there is more to take in); RM_ENOMEM. */
int rm__name_index_fill(struct rm_name_index *index, const struct rm_table *metrics,
                        struct rm_exposition_style style, size_t max_work);

/* The place of the first metric that does not stand before one named @name. */
struct rm_name_place rm__name_index_find(const struct rm_name_index *index, struct rm_slice name);

/* The metric in a place, NULL behind the last. */
struct rm_metric *rm__name_index_at(const struct rm_name_index *index, struct rm_name_place place);
struct rm_name_place rm__name_index_next(const struct rm_name_index *index,
                                         struct rm_name_place place);

/* Allocated bytes. */
size_t rm__name_index_bytes(const struct rm_name_index *index);

#endif
