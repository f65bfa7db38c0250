/* The memory behind a result: buckets and quantiles move while it grows, so groups point to them
 * only in the end. */
#ifndef RAFTMETRICS_SRC_METRICS_QUERY_RESULT_H
#define RAFTMETRICS_SRC_METRICS_QUERY_RESULT_H

#include <stddef.h>

#include "query_groups.h"
#include "raftmetrics/metrics/query.h"

/* Zeroed it is empty. */
struct rm_query_memory {
    struct rm_series_groups series; /* owns the labels of the groups */
    struct rm_query_group *groups;
    struct rm_query_bucket *buckets; /* of all groups, in their order */
    double *quantiles;               /* of all buckets */
    size_t n_groups;
    size_t n_buckets;
    size_t n_buckets_max;
};

/* On the heap; takes NULL. */
void rm__query_memory_free(struct rm_query_memory *memory);

/* Room for @n_more buckets, each with @n_quantiles. Errors: RM_ENOMEM; RM_ETOOBIG past
 * RM_QUERY_BUCKETS_MAX. */
int rm__query_memory_reserve(struct rm_query_memory *memory, size_t n_more, size_t n_quantiles);

/* Points groups to their buckets, and those to their quantiles. */
void rm__query_memory_point(struct rm_query_memory *memory, size_t n_quantiles);

#endif
