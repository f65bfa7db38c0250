/* Writes the pieces of a page out of the stores that a worker leads. */
#ifndef RAFTMETRICS_SRC_API_WORKER_EXPOSITION_BUILD_H
#define RAFTMETRICS_SRC_API_WORKER_EXPOSITION_BUILD_H

#include "../exposition_page.h"
#include "raftmetrics/metrics/store.h"

/* A page ends behind the series with which it has so many bytes, or that was written when so much
 * time was over. */
struct rm__exposition_limits {
    size_t max_bytes;
    uint64_t until_us; /* of rm_clock_mono_us */
};

/* What is written, and how. */
struct rm__exposition_source {
    struct rm_store *const *stores;
    size_t n_stores;
    struct rm_exposition_style style;
    const struct rm_exposition_rule *rules;
    size_t n_rules;
};

/* Appends to @pieces what comes from @from on. There is at least one series in it, but for a store
 * that is not in order yet. A family of which some is written already goes on even where the rules
 * here know of no such family of the metric. *@ret_next: where to go on; *@ret_is_last: there is
 * nothing there. Errors: RM_ENOMEM, RM_ETOOBIG. */
int rm__exposition_build(const struct rm__exposition_source *source,
                         const struct rm__exposition_cursor *from,
                         const struct rm__exposition_limits *limits, struct rm_buffer *pieces,
                         struct rm__exposition_cursor *ret_next, bool *ret_is_last);

#endif
