/* A sample and its labels: the words in which a write travels from the JSON reader over the wire
 * to the store. All slices are borrowed. */
#ifndef RAFTMETRICS_BASE_SAMPLE_H
#define RAFTMETRICS_BASE_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/slice.h"

struct rm_label {
    struct rm_slice name;
    struct rm_slice value; /* never empty: an empty value is the same as no label */
};

struct rm_sample {
    struct rm_slice metric_name;
    const struct rm_label *labels; /* sorted by name in byte order, names distinct */
    size_t n_labels;
    double value;         /* finite */
    int64_t timestamp_ms; /* since the epoch, UTC */
};

#endif
