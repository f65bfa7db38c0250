#include "query_estimate.h"

#include "raftmetrics/base/error.h"

static bool has_lost(const struct rm_series *series, struct rm_time_range range)
{
    return series->distribution != NULL && series->distribution->n_dropped > 0 &&
           series->distribution->dropped_ms >= range.first_ms;
}

static bool ends_behind(const struct rm_series *series, struct rm_time_range range)
{
    return rm__chunk_last(series->head)->position.timestamp_ms <= range.last_ms;
}

enum rm_group_values rm__group_values(const struct rm_query *query, const struct rm_view *view,
                                      const struct rm_series_group *group,
                                      struct rm_time_range range)
{
    bool is_all = range.first_ms == INT64_MIN && query->step_ms == 0;
    bool is_held = true;

    for (uint32_t i = 0; i < group->n_series; i++) {
        const struct rm_series *series = rm__view_series(view, group->series[i]);

        is_held = is_held && !has_lost(series, range);
        is_all = is_all && ends_behind(series, range);
    }
    return is_held ? RM_GROUP_HELD : is_all ? RM_GROUP_COUNTED : RM_GROUP_LOST;
}

/* No quantile is outside of what there was. */
static double clamp(const struct rm_distribution *distribution, double value)
{
    value = value < distribution->min ? distribution->min : value;
    return value > distribution->max ? distribution->max : value;
}

int rm__query_estimate(const struct rm_query *query, const struct rm_view *view,
                       const struct rm_series_group *group, double *ret_quantiles,
                       double *ret_error)
{
    struct rm_bucket_bounds bounds = rm__shared_bounds_peek(view->bounds);
    struct rm_distribution total;
    int rv = 0;

    rm__distribution_init(&total);
    for (uint32_t i = 0; i < group->n_series && rv == 0; i++) {
        rv =
            rm__series_add_to_distribution(rm__view_series(view, group->series[i]), bounds, &total);
    }
    for (size_t i = 0; i < query->n_quantiles && rv == 0; i++) {
        ret_quantiles[i] =
            clamp(&total, rm_native_histogram_quantile(&total.native, query->quantiles[i]));
    }
    if (rv == 0) {
        *ret_error = rm_native_histogram_error(&total.native);
    }
    rm__distribution_done(&total);
    return rv;
}
