/* What is known of a set of observations without looking at them again. Summaries merge, and
 * neither the order nor the grouping of merges shows beyond the last bits of the sum and the
 * moments. Zeroed it is the empty set. */
#ifndef RAFTMETRICS_SRC_METRICS_SUMMARY_H
#define RAFTMETRICS_SRC_METRICS_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "double_double.h"
#include "moments.h"
#include "observation.h"
#include "raftmetrics/metrics/query.h"

struct rm_summary {
    uint64_t count;
    struct rm_sum sum;
    double min;
    double max;
    struct rm_observation first; /* oldest by position */
    struct rm_observation last;
    struct rm_moments moments;
    bool without_moments; /* set before anything is added: they cost most, and are left alone */
};

void rm__summary_add(struct rm_summary *summary, const struct rm_observation *observation);

/* Adds the @n (not 0) values of a run of observations that begins with @first and ends with @last:
 * the same as adding each, but for the last bits of the sum and the moments, and several times as
 * fast. */
void rm__summary_add_run(struct rm_summary *summary, const double *values, uint32_t n,
                         const struct rm_observation *first, const struct rm_observation *last);

/* Moments are those of both only where both have them. */
void rm__summary_merge(struct rm_summary *summary, const struct rm_summary *other);

/* Without moments variance and stddev are NAN. */
void rm__summary_aggregate(const struct rm_summary *summary, struct rm_aggregate *ret_aggregate);

#endif
