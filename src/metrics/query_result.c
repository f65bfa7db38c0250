#include "query_result.h"

#include <stdlib.h>

#include "raftmetrics/base/error.h"

enum { BLOCK_MAX = 4096 }; /* buckets, where a group has no more */

void rm__query_memory_free(struct rm_query_memory *memory)
{
    if (memory == NULL) {
        return;
    }
    while (memory->blocks != NULL) {
        struct rm_bucket_block *block = memory->blocks;

        memory->blocks = block->next;
        free(block);
    }
    rm__series_groups_done(&memory->series);
    free(memory->groups);
    free(memory);
}

/* Small results have a small block, large ones soon have large ones. */
static size_t block_size(const struct rm_bucket_block *before, size_t n)
{
    size_t n_max = before == NULL ? 1 : before->n_max * 2;

    n_max = n_max < BLOCK_MAX ? n_max : BLOCK_MAX;
    return n_max > n ? n_max : n;
}

int rm__query_memory_reserve(struct rm_query_memory *memory, size_t n, size_t n_quantiles)
{
    struct rm_bucket_block *block = memory->blocks;
    size_t n_max;

    if (n > RM_QUERY_BUCKETS_MAX - memory->n_buckets) {
        return RM_ETOOBIG;
    }
    if (block != NULL && n <= block->n_max - block->n) {
        return 0;
    }
    n_max = block_size(block, n);
    block = malloc(sizeof *block +
                   n_max * (sizeof *block->buckets + n_quantiles * sizeof *block->quantiles));
    if (block == NULL) {
        return RM_ENOMEM;
    }
    *block = (struct rm_bucket_block){.next = memory->blocks, .n_max = n_max};
    block->quantiles = (double *)(void *)(block->buckets + n_max);
    memory->blocks = block;
    return 0;
}

double *rm__query_memory_quantiles(const struct rm_query_memory *memory, size_t n_quantiles)
{
    const struct rm_bucket_block *block = memory->blocks;

    return n_quantiles == 0 ? NULL : block->quantiles + block->n * n_quantiles;
}

struct rm_query_bucket *rm__query_memory_add(struct rm_query_memory *memory,
                                             const struct rm_slice *labels, size_t n)
{
    struct rm_bucket_block *block = memory->blocks;
    struct rm_query_bucket *buckets = block->buckets + block->n;

    memory->groups[memory->n_groups] =
        (struct rm_query_group){.labels = labels, .buckets = buckets, .n_buckets = n};
    memory->n_groups++;
    block->n += n;
    memory->n_buckets += n;
    return buckets;
}

void rm_query_result_done(struct rm_query_result *result)
{
    rm__query_memory_free(result->memory);
    *result = (struct rm_query_result){0};
}
