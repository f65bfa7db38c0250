/* Which upper bounds the classic histogram of a metric has, by its name: the words in which such a
 * rule travels from the configuration over the wire to the store. Everything is borrowed. */
#ifndef RAFTMETRICS_BASE_BUCKET_RULE_H
#define RAFTMETRICS_BASE_BUCKET_RULE_H

#include <stddef.h>

#include "raftmetrics/base/slice.h"

struct rm_bucket_rule {
    struct rm_slice pattern; /* of names */
    const double *bounds;    /* finite, ascending */
    size_t n_bounds;
};

#endif
