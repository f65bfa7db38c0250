/* An observation as a series keeps it: a value and its place in the order of the metric's values.
 */
#ifndef RAFTMETRICS_SRC_METRICS_OBSERVATION_H
#define RAFTMETRICS_SRC_METRICS_OBSERVATION_H

#include <stdbool.h>

#include "raftmetrics/metrics/query.h"

struct rm_observation {
    struct rm_position position;
    double value;
};

static inline bool rm__position_is_before(struct rm_position a, struct rm_position b)
{
    return a.timestamp_ms != b.timestamp_ms ? a.timestamp_ms < b.timestamp_ms
                                            : a.ordinal < b.ordinal;
}

#endif
