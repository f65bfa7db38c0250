/* The metrics of a store in byte order of their names. Owns none of them. Zeroed it is empty. */
#ifndef RAFTMETRICS_SRC_METRICS_METRIC_INDEX_H
#define RAFTMETRICS_SRC_METRICS_METRIC_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "metric.h"
#include "vector.h"

struct rm_metric_index {
    struct rm_vector metrics;
    uint32_t n_sorted; /* the tail is behind these */
};

void rm__metric_index_done(struct rm_metric_index *index);

/* On error the index is unchanged. Errors: RM_ENOMEM. */
int rm__metric_index_add(struct rm_metric_index *index, struct rm_metric *metric);

/* @metric is in the index. */
void rm__metric_index_remove(struct rm_metric_index *index, const struct rm_metric *metric);

/* Removes @n different metrics that are in the index, with one move of what stands behind them. On
 * error the index is unchanged. Errors: RM_ENOMEM. */
int rm__metric_index_remove_all(struct rm_metric_index *index, struct rm_metric *const *metrics,
                                size_t n);

/* Sorts the tail in. On error the index is unchanged. Errors: RM_ENOMEM. */
int rm__metric_index_sort(struct rm_metric_index *index);

/* The place of the first sorted metric whose name is not below @name. */
uint32_t rm__metric_index_find(const struct rm_metric_index *index, struct rm_slice name);

/* Allocated bytes. */
size_t rm__metric_index_bytes(const struct rm_metric_index *index);

#endif
