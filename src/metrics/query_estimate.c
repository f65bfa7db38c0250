#include "query_estimate.h"

/* To look at a series, in the time that a value takes to be read: it is waited for. */
enum { LOOK_COST = 32 };

static bool has_lost(const struct rm_series *series, struct rm_time_range range)
{
    return series->distribution != NULL && series->distribution->n_dropped > 0 &&
           series->distribution->dropped_ms >= range.first_ms;
}

static bool ends_behind(const struct rm_series *series, struct rm_time_range range)
{
    return rm__chunk_last(series->head)->position.timestamp_ms <= range.last_ms;
}

void rm__query_estimate_begin(struct rm_query_estimate *estimate, const struct rm_query *query,
                              const struct rm_view *view, const struct rm_series_group *group,
                              struct rm_time_range range)
{
    *estimate =
        (struct rm_query_estimate){.query = query,
                                   .view = view,
                                   .group = group,
                                   .range = range,
                                   .is_held = true,
                                   .is_all = range.first_ms == INT64_MIN && query->step_ms == 0};
    rm__distribution_init(&estimate->total);
}

void rm__query_estimate_done(struct rm_query_estimate *estimate)
{
    rm__distribution_done(&estimate->total);
}

static const struct rm_series *next_series(struct rm_query_estimate *estimate)
{
    return rm__view_series(estimate->view, estimate->group->series[estimate->next++]);
}

static void look(struct rm_query_estimate *estimate, int64_t *budget)
{
    const struct rm_series *series = next_series(estimate);

    estimate->is_held = estimate->is_held && !has_lost(series, estimate->range);
    estimate->is_all = estimate->is_all && ends_behind(series, estimate->range);
    *budget -= LOOK_COST;
}

enum rm_group_values rm__query_estimate_values(const struct rm_query_estimate *estimate)
{
    return estimate->is_held ? RM_GROUP_HELD : estimate->is_all ? RM_GROUP_COUNTED : RM_GROUP_LOST;
}

int rm__query_estimate_work(struct rm_query_estimate *estimate, int64_t *budget, bool *ret_is_done)
{
    struct rm_bucket_bounds bounds = rm__shared_bounds_peek(estimate->view->bounds);
    uint32_t n = estimate->group->n_series;
    int rv = 0;

    while (!estimate->has_looked && estimate->next<n && * budget> 0) {
        look(estimate, budget);
    }
    if (!estimate->has_looked && estimate->next == n) {
        estimate->has_looked = true;
        estimate->next =
            rm__query_estimate_values(estimate) == RM_GROUP_COUNTED ? 0 : n; /* none to merge */
    }
    while (rv == 0 && estimate->has_looked && estimate->next<n && * budget> 0) {
        rv =
            rm__series_add_to_distribution(next_series(estimate), bounds, &estimate->total, budget);
    }
    *ret_is_done = estimate->has_looked && estimate->next == n;
    return rv;
}

/* No quantile is outside of what there was. */
static double clamp(const struct rm_distribution *distribution, double value)
{
    value = value < distribution->min ? distribution->min : value;
    return value > distribution->max ? distribution->max : value;
}

void rm__query_estimate_take(const struct rm_query_estimate *estimate, double *ret_quantiles,
                             double *ret_error)
{
    const struct rm_distribution *total = &estimate->total;
    const struct rm_query *query = estimate->query;

    for (size_t i = 0; i < query->n_quantiles; i++) {
        ret_quantiles[i] =
            clamp(total, rm_native_histogram_quantile(&total->native, query->quantiles[i]));
    }
    *ret_error = rm_native_histogram_error(&total->native);
}
