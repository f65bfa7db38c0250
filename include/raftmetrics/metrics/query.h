/* What may be asked of a store, and the answers. */
#ifndef RAFTMETRICS_METRICS_QUERY_H
#define RAFTMETRICS_METRICS_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/sample.h"
#include "raftmetrics/base/slice.h"
#include "raftmetrics/metrics/histogram.h"
#include "raftmetrics/metrics/native_histogram.h"

enum { RM_MATCHERS_MAX = 32 };

/* Which samples of a metric: those of series that carry every label of @matchers (an empty value
 * matches series without that label), from @from_ms (inclusive) to @to_ms (exclusive; INT64_MAX is
 * no end). Slices are borrowed for the call. Everything: from INT64_MIN to INT64_MAX. */
struct rm_selection {
    struct rm_slice metric_name;
    struct rm_label matchers[RM_MATCHERS_MAX];
    size_t n_matchers;
    int64_t from_ms;
    int64_t to_ms;
};

/* A place in the order of a metric's values: time first, then commit order within the metric.
 * Names exactly one sample, until the metric is deleted. */
struct rm_position {
    int64_t timestamp_ms;
    uint64_t ordinal; /* how many samples the metric had recorded before it */
};

struct rm_point {
    struct rm_position position;
    double value;
    uint32_t series; /* index into rm_values.series */
};

struct rm_frozen_values;

/* The newest @limit values of a selection, oldest first. */
struct rm_values {
    struct rm_point *points;
    size_t n_points;
    uint64_t n_total; /* the selection's size, cursor not counted */
    bool has_older;   /* values older than points[0] were left out */

    const struct rm_values_series {
        const struct rm_label *labels;
        size_t n_labels;
    } * series; /* those that have a point, by their newest point, newest first */
    size_t n_series;

    struct rm_frozen_values *frozen; /* private: labels lie in it */
};

/* Leaves it empty; harmless on one that is zeroed. */
void rm_values_done(struct rm_values *values);

/* Aggregates of a selection. Fields are NAN where they do not exist (count is 0), except where
 * said otherwise. In which batches and in which order of time the values came shows in no field
 * beyond the last bit of the sum and the mean, and the last bits of variance and stddev. */
struct rm_aggregate {
    uint64_t count;
    double sum; /* rounded from a double-double; 0 when empty; an infinity when it overflows */
    bool sum_overflows;
    double mean; /* finite also when the sum overflows */
    double min;  /* -0.0 is smaller than 0.0 */
    double max;
    double first;    /* oldest by rm_position */
    double last;     /* newest */
    double variance; /* of the population; NAN also when it overflows, where stddev does not */
    double stddev;
};

/* ---- grouped, stepped, ranked ---- */

enum {
    RM_GROUP_LABELS_MAX = 32,
    RM_QUANTILES_MAX = 32,
    RM_STEPS_MAX = 11000,         /* buckets of a group */
    RM_QUERY_BUCKETS_MAX = 250000 /* of all groups */
};

/* What is to be told of a selection, group by group and step by step. */
struct rm_query {
    struct rm_selection selection;

    /* One group for each distinct list of values that these labels have among the series that
     * match; empty where a series lacks one. None: one group. Distinct names, borrowed. */
    struct rm_slice group_by[RM_GROUP_LABELS_MAX];
    size_t n_group_by;

    int64_t step_ms; /* buckets aligned to multiples of it; 0: one bucket, the whole range. Not
                      * negative. */

    double quantiles[RM_QUANTILES_MAX]; /* from 0 to 1; 0.5 is the median */
    size_t n_quantiles;

    bool needs_moments;  /* variance and stddev are NAN without */
    bool needs_increase; /* the increase is NAN without */
};

/* What is told of the samples of a group in a bucket. Only buckets that hold a sample are there,
 * and only groups that have one, but without group_by there is always the one group, and without a
 * step it always has its one bucket. */
struct rm_query_bucket {
    int64_t start_ms; /* of the step, INT64_MIN where that is earlier; selection.from_ms without */
    struct rm_aggregate aggregate;

    /* Of a counter: per series the sum of what each value is above the one before it in the
     * selection, or above 0 where it is smaller (a reset); series summed. So the buckets of a group
     * add up to what there is without a step; a series' first value adds nothing. An infinity where
     * it overflows, NAN where there is no sample. */
    double increase;
    int64_t first_ms; /* timestamps of the oldest and the newest sample; 0 where there is none */
    int64_t last_ms;

    const double *quantiles; /* n_quantiles of them, NAN where there is no sample; NULL for 0 */
};

struct rm_query_group {
    const struct rm_slice *labels; /* values, in the order of group_by; borrowed from the store */
    const struct rm_query_bucket *buckets;
    size_t n_buckets;
};

struct rm_query_result {
    struct rm_query_group *groups; /* in byte order of their labels' values */
    size_t n_groups;

    /* Of quantiles, by linear interpolation between order statistics (Hyndman and Fan 1996,
     * definition 7): 0 where they are exact. Where values of the range were dropped and it is all
     * of a group's values, the quantiles are those of native histograms, of all that was ever
     * recorded, and this is the bound of the relative error (rm_native_histogram_quantile). Where
     * values of a range that is not all of them were dropped, or of one of several steps, the
     * quantiles are those of the values that are left, and this is NAN. Of several groups it is
     * the worst. Everything but quantiles always is of the values that there are. */
    double quantile_error;

    void *memory; /* private */
};

/* Leaves it empty; harmless on one that is zeroed. */
void rm_query_result_done(struct rm_query_result *result);

/* ---- distributions ---- */

struct rm_shared_bounds;

/* All that was ever recorded in some series of a metric, whatever became of the values. */
struct rm_histograms {
    uint64_t count;
    double sum; /* as in struct rm_aggregate; 0 when empty */
    bool sum_overflows;
    double min; /* NAN when empty, as is max */
    double max;
    struct rm_bucket_bounds bounds; /* those that the metric has had since its first value */
    struct rm_histogram classic;
    struct rm_native_histogram native;
    struct rm_shared_bounds *owned_bounds; /* private: those of bounds */
};

/* Harmless on one that is zeroed. */
void rm_histograms_done(struct rm_histograms *histograms);

/* One metric of a listing. */
struct rm_metric_info {
    struct rm_slice name; /* borrowed from the store until it changes */
    uint64_t n_series;
    uint64_t n_samples;
    double last; /* value of the newest sample by rm_position */
};

/* One series of a metric. */
struct rm_series_info {
    const struct rm_label *labels; /* borrowed from the store until it changes */
    size_t n_labels;
    uint64_t n_samples;
    double last; /* value of the newest sample by rm_position */
};

#endif
