#include "query_result.h"

#include <stdlib.h>

#include "raftmetrics/base/error.h"

void rm__query_memory_free(struct rm_query_memory *memory)
{
    if (memory == NULL) {
        return;
    }
    rm__series_groups_done(&memory->series);
    free(memory->groups);
    free(memory->buckets);
    free(memory->quantiles);
    free(memory);
}

int rm__query_memory_reserve(struct rm_query_memory *memory, size_t n_more, size_t n_quantiles)
{
    size_t n_max = memory->n_buckets_max;
    void *grown;

    if (n_more > RM_QUERY_BUCKETS_MAX - memory->n_buckets) {
        return RM_ETOOBIG;
    }
    if (memory->n_buckets + n_more <= n_max) {
        return 0;
    }
    n_max = n_max * 2 > memory->n_buckets + n_more ? n_max * 2 : memory->n_buckets + n_more;
    grown = realloc(memory->buckets, n_max * sizeof *memory->buckets);
    if (grown == NULL) {
        return RM_ENOMEM;
    }
    memory->buckets = grown;
    if (n_quantiles > 0) {
        grown = realloc(memory->quantiles, n_max * n_quantiles * sizeof *memory->quantiles);
        if (grown == NULL) {
            return RM_ENOMEM;
        }
        memory->quantiles = grown;
    }
    memory->n_buckets_max = n_max;
    return 0;
}

void rm__query_memory_point(struct rm_query_memory *memory, size_t n_quantiles)
{
    const struct rm_query_bucket *buckets = memory->buckets;

    for (size_t i = 0; i < memory->n_buckets && n_quantiles > 0; i++) {
        memory->buckets[i].quantiles = memory->quantiles + i * n_quantiles;
    }
    for (size_t i = 0; i < memory->n_groups; i++) {
        memory->groups[i].buckets = buckets;
        buckets += memory->groups[i].n_buckets;
    }
}

void rm_query_result_done(struct rm_query_result *result)
{
    rm__query_memory_free(result->memory);
    *result = (struct rm_query_result){0};
}
