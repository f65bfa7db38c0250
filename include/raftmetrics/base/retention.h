/* How long and how many of its values a series keeps: the words in which that travels from the
 * configuration over the wire to the store. Everything is borrowed. */
#ifndef RAFTMETRICS_BASE_RETENTION_H
#define RAFTMETRICS_BASE_RETENTION_H

#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/slice.h"

/* Of a metric whose name matches. */
struct rm_retention_rule {
    struct rm_slice pattern;
    int64_t max_age_ms; /* of a value, by the time of the shard's entries; above 0 */
};

/* What becomes of a sample of a series that holds as many as it may. */
enum rm_samples_full {
    RM_SAMPLES_DROP_OLDEST = 0, /* it is recorded, and the oldest of the series go */
    RM_SAMPLES_REFUSE = 1,      /* it is refused, with all that was written together with it */
};

/* Zeroed it keeps everything. */
struct rm_retention {
    const struct rm_retention_rule *rules; /* the first that matches decides */
    size_t n_rules;
    uint64_t max_samples; /* of a series; 0: as many as come */
    enum rm_samples_full when_full;
};

#endif
