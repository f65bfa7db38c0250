/* What a store gives to an exposition: its metrics in the order in which they are written, and of
 * each series what is told of it. */
#ifndef RAFTMETRICS_METRICS_EXPOSURE_H
#define RAFTMETRICS_METRICS_EXPOSURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/exposition.h"
#include "raftmetrics/metrics/histogram.h"
#include "raftmetrics/metrics/store.h"

/* Where in that order a reader stands; good until the store changes. */
struct rm_exposure {
    const struct rm_store *store;
    struct rm_exposition_style style;
    uint32_t place[2]; /* private */
};

/* Stands in front of the first metric that does not come before one named @from (empty: before
 * all). A store that is asked for the first time gets into order first, about @max_work metrics at
 * a call. Errors: RM_EBUSY (it is not in order yet: ask again); RM_ENOMEM. */
int rm_store_expose(struct rm_store *store, struct rm_exposition_style style, struct rm_slice from,
                    size_t max_work, struct rm_exposure *ret_exposure);

struct rm_metric;

struct rm_exposed_metric {
    struct rm_slice name; /* borrowed from the store until it changes */
    uint32_t n_series;
    struct rm_bucket_bounds bounds;
    const struct rm_metric *metric; /* private */
};

/* The metric, which has some series, in front of which it stands; false where there is none. */
bool rm_exposure_peek(const struct rm_exposure *exposure, struct rm_exposed_metric *ret_metric);

/* Goes on behind that metric. */
void rm_exposure_next(struct rm_exposure *exposure);

/* The place among its series of the first with a number above @number; n_series where there is
 * none. Numbers are those of rm_store_list_series: a reader who comes again after the store has
 * changed finds by them where he was, and by places not. */
uint32_t rm_exposed_series_behind(const struct rm_exposed_metric *metric, uint64_t number);

struct rm_exposed_series {
    uint64_t number;
    const struct rm_label *labels; /* borrowed, as the histogram, from the store until it changes */
    size_t n_labels;
    const struct rm_histogram *histogram; /* of all that was recorded since the series began */
    double sum;                           /* likewise; an infinity where it overflows */
    bool had_negative;                    /* likewise: some value was below 0 */
    double last;                          /* value of the newest sample; NAN where none is held */
    struct rm_histogram counted;          /* private: the histogram, where the series keeps none */
};

/* The series at place @i, below n_series, in the order of their creation. *@ret_series, which may
 * not be copied, is the caller's, to be ended with rm_exposed_series_done. Errors: RM_ENOMEM. */
int rm_exposed_series(const struct rm_exposed_metric *metric, uint32_t i,
                      struct rm_exposed_series *ret_series);

/* Harmless on one that is zeroed. */
void rm_exposed_series_done(struct rm_exposed_series *series);

#endif
