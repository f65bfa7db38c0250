/* A set of shards. */
#ifndef RAFTMETRICS_SRC_API_SHARD_SET_H
#define RAFTMETRICS_SRC_API_SHARD_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/base/slice.h"
#include "raftmetrics/partitioning/shard_map.h"

enum { RM__SHARD_SET_WORDS = RM_SHARDS_MAX / 64, RM__SHARD_SET_TEXT_MAX = RM_SHARDS_MAX / 4 + 1 };

/* Zeroed it is empty. */
struct rm__shard_set {
    uint64_t words[RM__SHARD_SET_WORDS];
};

static inline void rm__shard_set_add(struct rm__shard_set *set, uint32_t shard)
{
    set->words[shard / 64] |= UINT64_C(1) << shard % 64;
}

static inline bool rm__shard_set_has(const struct rm__shard_set *set, uint32_t shard)
{
    return (set->words[shard / 64] >> shard % 64 & 1) != 0;
}

bool rm__shard_set_is_empty(const struct rm__shard_set *set);

/* Takes out what is in @other. */
void rm__shard_set_subtract(struct rm__shard_set *set, const struct rm__shard_set *other);

/* Does @set have all of @other? */
bool rm__shard_set_covers(const struct rm__shard_set *set, const struct rm__shard_set *other);

/* As hex digits, each of four shards, the lowest first; "0" for the empty set. */
void rm__shard_set_format(const struct rm__shard_set *set, char ret_text[RM__SHARD_SET_TEXT_MAX]);

/* Errors: RM_ESYNTAX. */
int rm__shard_set_parse(struct rm_slice text, struct rm__shard_set *ret_set);

#endif
