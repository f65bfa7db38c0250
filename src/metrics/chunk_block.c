#include "chunk_block.h"

#include "state_hash.h"

struct rm_chunk_block rm__chunk_block_describe(const struct rm_observation *observations,
                                               uint32_t n, uint64_t identity)
{
    struct rm_summary summary = {0};
    struct rm_increase increase = {0};

    for (uint32_t i = 0; i < n; i++) {
        rm__summary_add(&summary, &observations[i]);
        rm__increase_add(&increase, observations[i].value);
    }
    return (struct rm_chunk_block){
        .first = summary.first,
        .last = summary.last,
        .sum = summary.sum,
        .resets = increase.resets,
        .min = summary.min,
        .max = summary.max,
        .moments_mean = summary.moments.mean,
        .moments_m2 = summary.moments.m2,
        .state_hash = rm__state_hash_observations(identity, observations, n),
        .n = (uint16_t)n,
        .moments_scale = (uint16_t)summary.moments.scale,
    };
}

struct rm_summary rm__chunk_block_summary(const struct rm_chunk_block *block)
{
    return (struct rm_summary){
        .count = block->n,
        .sum = block->sum,
        .min = block->min,
        .max = block->max,
        .first = block->first,
        .last = block->last,
        .moments = {block->moments_mean, block->moments_m2,
                    (enum rm_moments_scale)block->moments_scale},
    };
}

struct rm_increase rm__chunk_block_increase(const struct rm_chunk_block *block)
{
    return (struct rm_increase){.has_values = true,
                                .first = block->first.value,
                                .last = block->last.value,
                                .resets = block->resets};
}
