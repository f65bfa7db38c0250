/* What the metrics of a store have as bounds: the rules for new ones, and the bounds that they and
 * the metrics share. A metric keeps what it got. */
#ifndef RAFTMETRICS_SRC_METRICS_BUCKET_TABLE_H
#define RAFTMETRICS_SRC_METRICS_BUCKET_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/bucket_rule.h"
#include "raftmetrics/base/slice.h"
#include "raftmetrics/metrics/histogram.h"
#include "vector.h"

/* Bounds other than the default ones, for which NULL stands. */
struct rm_shared_bounds {
    uint32_t n_owners; /* the table, and metrics */
    uint32_t n;
    double bounds[];
};

/* Zeroed it has no rules. */
struct rm_bucket_table {
    struct rm_vector known; /* of struct rm_shared_bounds, owned, all different */
    struct rm_bucket_rule
        *rules; /* one block, their patterns behind them; bounds are shared ones */
    size_t n_rules;
};

void rm__bucket_table_done(struct rm_bucket_table *table);

/* Replaces the rules by copies of @rules, which are valid. On error the table is unchanged.
 * Errors: RM_ENOMEM. */
int rm__bucket_table_set(struct rm_bucket_table *table, const struct rm_bucket_rule *rules,
                         size_t n);

/* Bounds for a metric with that name, of which the caller becomes an owner. */
struct rm_shared_bounds *rm__bucket_table_choose(const struct rm_bucket_table *table,
                                                 struct rm_slice name);

/* The one copy of valid @bounds, of which the caller becomes an owner. Errors: RM_ENOMEM. */
int rm__bucket_table_share(struct rm_bucket_table *table, struct rm_bucket_bounds bounds,
                           struct rm_shared_bounds **ret_bounds);

/* Takes NULL. */
void rm__shared_bounds_unref(struct rm_shared_bounds *bounds);

/* What they are; the default ones of NULL. */
struct rm_bucket_bounds rm__shared_bounds_peek(const struct rm_shared_bounds *bounds);

/* The hash of the rules in a state's; 0 of none. */
uint64_t rm__bucket_table_hash(const struct rm_bucket_table *table);

/* Allocated bytes. */
size_t rm__bucket_table_bytes(const struct rm_bucket_table *table);

#endif
