/* The newest values of a selection as they are at one moment, to be taken oldest first, piece by
 * piece, while the store goes on changing or is freed.
 *
 * It shares chunks with the store and lets go of each as it was taken; of sealed ones it decodes
 * what it is going to give, one a series: 24 bytes for each of its values at most, however many
 * series there are. */
#ifndef RAFTMETRICS_METRICS_FROZEN_VALUES_H
#define RAFTMETRICS_METRICS_FROZEN_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/metrics/query.h"
#include "raftmetrics/metrics/store.h"

enum rm_values_order {
    RM_VALUES_BY_TIME,   /* by rm_position over all series */
    RM_VALUES_BY_SERIES, /* one series after the other, in their order */
};

struct rm_frozen_values {
    uint64_t n_points; /* of all */
    uint64_t n_total;  /* the selection's size, cursor and limit not counted */
    bool has_older;    /* values older than the first were left out */
    size_t n_bytes;    /* of memory, at most, until it is freed; chunks it shares are not counted */

    const struct rm_values_series
        *series; /* those that have a point, by their newest, newest first */
    size_t n_series;
};

/* A second way through @values, of which nothing was taken yet, from their beginning; either may be
 * ahead, and either may be freed first. What they share is not counted twice. Errors: RM_ENOMEM. */
int rm_frozen_values_twin(struct rm_frozen_values *values, struct rm_frozen_values **ret_twin);

/* The next points, @max (at least 1) or all that are left; *@ret_n is 0 behind the last.
 * Errors: RM_ENOMEM, after which it may be called again. */
int rm_frozen_values_next(struct rm_frozen_values *values, struct rm_point *points, size_t max,
                          size_t *ret_n);

/* Takes NULL. */
void rm_frozen_values_free(struct rm_frozen_values *values);

#endif
