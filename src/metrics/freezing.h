/* The freeze of a store while its image is gathered. At the beginning it lists the series that
 * there are, and copies what belongs to the metrics; then it goes through the list, a few series or
 * chunks at a time. Who changes a series says so before: it is then shared as it was, unless the
 * freeze has been there, or knows the series already, or never knew it, which shows in
 * series->freeze. */
#ifndef RAFTMETRICS_SRC_METRICS_FREEZING_H
#define RAFTMETRICS_SRC_METRICS_FREEZING_H

#include <stdbool.h>

#include "store_internal.h"

int rm__freezing_share(struct rm_freezing *freezing, struct rm_series *series);
int rm__freezing_own(struct rm_freezing *freezing, struct rm_series *series);
int rm__freezing_drop(struct rm_freezing *freezing, struct rm_series *series, uint32_t n_chunks);
bool rm__freezing_keeps(struct rm_freezing *freezing, const struct rm_series *series);

/* Gathers what is left, for the store is about to go, or to be frozen again. Takes NULL. */
void rm__freezing_finish(struct rm_freezing *freezing);

/* An observation is going to be recorded in @series at @position. Errors: RM_ENOMEM. */
static inline int rm__store_before_record(struct rm_store *store, struct rm_series *series,
                                          struct rm_position position)
{
    if (store->freezing == NULL) {
        return 0;
    }
    return rm__series_touches_head_only(series, position)
               ? rm__freezing_share(store->freezing, series)
               : rm__freezing_own(store->freezing, series);
}

/* @series is going to drop its first @n_chunks, none of them its head. Errors: RM_ENOMEM. */
static inline int rm__store_before_drop(struct rm_store *store, struct rm_series *series,
                                        uint32_t n_chunks)
{
    return store->freezing == NULL ? 0 : rm__freezing_drop(store->freezing, series, n_chunks);
}

/* Frees @series, which is in no table any more, or leaves it to the freeze that still needs it: it
 * is as good as freed. */
static inline void rm__store_free_series(struct rm_store *store, struct rm_series *series)
{
    if (store->freezing != NULL && rm__freezing_keeps(store->freezing, series)) {
        series->is_condemned = true;
    } else {
        rm__series_free(series);
    }
}

/* The same of @metric with all of its series. */
static inline void rm__store_free_metric(struct rm_store *store, struct rm_metric *metric)
{
    for (uint32_t i = 0; i < metric->series.n; i++) {
        rm__store_free_series(store, metric->series.items[i]);
    }
    metric->series.n = 0;
    rm__metric_free(metric);
}

#endif
