/* The JSON of a write, read into samples. */
#ifndef RAFTMETRICS_SRC_API_ITEMS_H
#define RAFTMETRICS_SRC_API_ITEMS_H

#include <jansson.h>
#include <stdint.h>

#include "problem.h"
#include "raftmetrics/api/options.h"
#include "raftmetrics/base/sample.h"
#include "raftmetrics/base/timestamp.h"

/* Samples in the order of the body; their texts live in @root. */
struct rm__items {
    json_t *root;
    struct rm_sample *samples;
    size_t n_samples;
    struct rm_label *labels; /* those of all samples, one after the other */
};

struct rm__items_context {
    const struct rm_api_limits *limits;
    enum rm_precision precision;
    int64_t now_ms; /* for items without a timestamp */
};

/* Reads {"metric_name": …} or, with @is_batch, {"metrics": […]}. Every item is checked before
 * this returns. RM_EINVAL: *@ret_problem says what is wrong; RM_ENOMEM. */
int rm__items_read(struct rm__items *items, struct rm_slice body, bool is_batch,
                   const struct rm__items_context *context, struct rm__problem *ret_problem);

void rm__items_done(struct rm__items *items);

#endif
