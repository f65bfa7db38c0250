/* What the metrics of a store have as bounds: the rules for new ones, and the bounds that they and
 * the metrics share. A metric keeps what it got. */
#ifndef RAFTMETRICS_SRC_METRICS_BUCKET_TABLE_H
#define RAFTMETRICS_SRC_METRICS_BUCKET_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/bucket_rule.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/slice.h"
#include "raftmetrics/metrics/histogram.h"
#include "vector.h"

/* Bounds other than the default ones, for which NULL stands. */
struct rm_shared_bounds {
    uint32_t n_owners; /* the table, and metrics */
    uint32_t number;   /* in the image that is being made, from 1 on */
    size_t n;
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

/* Bounds for a metric with that name, borrowed. */
struct rm_shared_bounds *rm__bucket_table_choose(const struct rm_bucket_table *table,
                                                 struct rm_slice name);

/* The table's copy of valid @bounds, borrowed until the rules are set. Errors: RM_ENOMEM. */
int rm__bucket_table_share(struct rm_bucket_table *table, struct rm_bucket_bounds bounds,
                           struct rm_shared_bounds **ret_bounds);

/* Both take NULL. */
struct rm_shared_bounds *rm__shared_bounds_ref(struct rm_shared_bounds *bounds);
void rm__shared_bounds_unref(struct rm_shared_bounds *bounds);

/* What they are; the default ones of NULL. */
struct rm_bucket_bounds rm__shared_bounds_peek(const struct rm_shared_bounds *bounds);

/* Numbers the bounds that a rule or a metric has, and appends them and the rules to the index of an
 * image: as many as n_rules and known.n then say. Errors: RM_ENOMEM. */
int rm__bucket_table_freeze(struct rm_bucket_table *table, struct rm_buffer *index);

/* Takes that off the front of *@index, for an empty table. Bounds come in the order of their
 * numbers to @ret_numbered (of struct rm_shared_bounds), which owns each; to be ended, whatever
 * comes of it, with rm__numbered_bounds_done. Errors: RM_ECORRUPT, RM_ENOMEM. */
int rm__bucket_table_restore(struct rm_bucket_table *table, struct rm_slice *index,
                             uint32_t n_bounds, uint32_t n_rules, struct rm_vector *ret_numbered);
void rm__numbered_bounds_done(struct rm_vector *numbered);

/* Bounds by their number; false where there are none. */
bool rm__numbered_bounds_find(const struct rm_vector *numbered, uint64_t number,
                              struct rm_shared_bounds **ret_bounds);

/* Forgets bounds that neither a rule nor a metric has any more. */
void rm__bucket_table_trim(struct rm_bucket_table *table);

/* The hash of the rules in a state's; 0 of none. */
uint64_t rm__bucket_table_hash(const struct rm_bucket_table *table);

/* Allocated bytes. */
size_t rm__bucket_table_bytes(const struct rm_bucket_table *table);

#endif
