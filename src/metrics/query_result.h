/* The memory behind a result. Buckets lie in blocks, which stay where they are while it grows. */
#ifndef RAFTMETRICS_SRC_METRICS_QUERY_RESULT_H
#define RAFTMETRICS_SRC_METRICS_QUERY_RESULT_H

#include <stddef.h>

#include "query_groups.h"
#include "raftmetrics/metrics/query.h"

struct rm_bucket_block {
    struct rm_bucket_block *next;
    size_t n;
    size_t n_max;
    double *quantiles; /* of all its buckets; they lie behind those */
    struct rm_query_bucket buckets[];
};

/* Zeroed it is empty. */
struct rm_query_memory {
    struct rm_series_groups series; /* owns the labels of the groups */
    struct rm_query_group *groups;
    size_t n_groups;
    struct rm_bucket_block *blocks; /* the newest first */
    size_t n_buckets;               /* of all of them */
};

/* On the heap; takes NULL. */
void rm__query_memory_free(struct rm_query_memory *memory);

/* Room in the newest block for @n buckets, each with @n_quantiles. Errors: RM_ENOMEM; RM_ETOOBIG
 * past RM_QUERY_BUCKETS_MAX. */
int rm__query_memory_reserve(struct rm_query_memory *memory, size_t n, size_t n_quantiles);

/* Where the quantiles of the buckets go for which there is room; NULL for none. */
double *rm__query_memory_quantiles(const struct rm_query_memory *memory, size_t n_quantiles);

/* The next group, of @n buckets for which there is room, and which the caller fills. */
struct rm_query_bucket *rm__query_memory_add(struct rm_query_memory *memory,
                                             const struct rm_slice *labels, size_t n);

#endif
