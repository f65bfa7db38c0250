#include "raftmetrics/metrics/exposure.h"

#include <math.h>

#include "raftmetrics/base/error.h"
#include "store_internal.h"

static const struct rm_name_index *index_of(const struct rm_exposure *exposure)
{
    return &exposure->store->names[exposure->style.keeps_names];
}

static struct rm_name_place place_of(const struct rm_exposure *exposure)
{
    return (struct rm_name_place){exposure->place[0], exposure->place[1]};
}

static void go_to(struct rm_exposure *exposure, struct rm_name_place place)
{
    exposure->place[0] = place.block;
    exposure->place[1] = place.index;
}

int rm_store_expose(struct rm_store *store, struct rm_exposition_style style, struct rm_slice from,
                    size_t max_work, struct rm_exposure *ret_exposure)
{
    struct rm_exposure exposure = {.store = store, .style = style};
    struct rm_name_index *index = &store->names[style.keeps_names];
    int rv = rm__name_index_fill(index, &store->metrics, style, max_work);

    if (rv != 0) {
        return rv;
    }
    go_to(&exposure, rm__name_index_find(index, from));
    *ret_exposure = exposure;
    return 0;
}

bool rm_exposure_peek(const struct rm_exposure *exposure, struct rm_exposed_metric *ret_metric)
{
    const struct rm_metric *metric = rm__name_index_at(index_of(exposure), place_of(exposure));

    if (metric == NULL) {
        return false;
    }
    *ret_metric = (struct rm_exposed_metric){.name = metric->name,
                                             .n_series = metric->series.n,
                                             .bounds = rm__shared_bounds_peek(metric->bounds),
                                             .metric = metric};
    return true;
}

void rm_exposure_next(struct rm_exposure *exposure)
{
    go_to(exposure, rm__name_index_next(index_of(exposure), place_of(exposure)));
}

uint32_t rm_exposed_series_behind(const struct rm_exposed_metric *metric, uint64_t number)
{
    return rm__metric_find_behind(metric->metric, number);
}

/* Of a series whose values say it all. */
static int describe_values(const struct rm_series *series, struct rm_bucket_bounds bounds,
                           struct rm_exposed_series *exposed)
{
    const struct rm_series_place end = {.chunk = rm__series_n_chunks(series)};
    struct rm_summary summary = {.without_moments = true};
    struct rm_aggregate aggregate;
    int rv = rm__series_add_to_histogram(series, bounds, &exposed->counted);

    if (rv != 0) {
        return rv;
    }
    rm__series_summarize(series, (struct rm_series_place){0}, end, &summary);
    rm__summary_aggregate(&summary, &aggregate);
    exposed->histogram = &exposed->counted;
    exposed->sum = aggregate.sum;
    exposed->had_negative = aggregate.min < 0;
    return 0;
}

static void describe_distribution(const struct rm_distribution *distribution,
                                  struct rm_exposed_series *exposed)
{
    exposed->histogram = &distribution->classic;
    exposed->sum = rm__sum_round(&distribution->sum);
    exposed->had_negative = distribution->min < 0;
}

int rm_exposed_series(const struct rm_exposed_metric *metric, uint32_t i,
                      struct rm_exposed_series *ret_series)
{
    const struct rm_series *series = metric->metric->series.items[i];

    *ret_series = (struct rm_exposed_series){
        .number = series->number,
        .labels = series->labels,
        .n_labels = series->n_labels,
        .last = series->head == NULL ? NAN : rm__chunk_last(series->head)->value};
    if (series->distribution != NULL) {
        describe_distribution(series->distribution, ret_series);
        return 0;
    }
    if (describe_values(series, metric->bounds, ret_series) != 0) {
        rm_exposed_series_done(ret_series);
        return RM_ENOMEM;
    }
    return 0;
}

void rm_exposed_series_done(struct rm_exposed_series *series)
{
    rm_histogram_done(&series->counted);
    *series = (struct rm_exposed_series){0};
}
