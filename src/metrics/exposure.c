#include "raftmetrics/metrics/exposure.h"

#include "raftmetrics/base/error.h"
#include "store_internal.h"

static const struct rm_exposed_index *index_of(const struct rm_exposure *exposure)
{
    return &exposure->store->exposed[exposure->style.keeps_names];
}

static struct rm_exposed_place place_of(const struct rm_exposure *exposure)
{
    return (struct rm_exposed_place){exposure->place[0], exposure->place[1]};
}

static void go_to(struct rm_exposure *exposure, struct rm_exposed_place place)
{
    exposure->place[0] = place.block;
    exposure->place[1] = place.index;
}

int rm_store_expose(struct rm_store *store, struct rm_exposition_style style, struct rm_slice from,
                    size_t max_work, struct rm_exposure *ret_exposure)
{
    struct rm_exposure exposure = {.store = store, .style = style};
    struct rm_exposed_index *index = &store->exposed[style.keeps_names];
    int rv = rm__exposed_index_fill(index, &store->metrics, style, max_work);

    if (rv != 0) {
        return rv;
    }
    go_to(&exposure, rm__exposed_index_find(index, from));
    *ret_exposure = exposure;
    return 0;
}

bool rm_exposure_peek(const struct rm_exposure *exposure, struct rm_exposed_metric *ret_metric)
{
    const struct rm_metric *metric = rm__exposed_index_at(index_of(exposure), place_of(exposure));

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
    go_to(exposure, rm__exposed_index_next(index_of(exposure), place_of(exposure)));
}

/* What is told of the values that are held. */
static void describe_values(const struct rm_series *series, struct rm_exposed_series *exposed)
{
    const struct rm_series_place end = {.chunk = rm__series_n_chunks(series)};
    struct rm_summary summary = {.without_moments = true};
    struct rm_aggregate aggregate;

    rm__series_summarize(series, (struct rm_series_place){0}, end, &summary);
    rm__summary_aggregate(&summary, &aggregate);
    exposed->sum = aggregate.sum;
    exposed->had_negative = aggregate.min < 0;
    exposed->last = aggregate.last;
}

int rm_exposed_series(const struct rm_exposed_metric *metric, uint32_t i,
                      struct rm_exposed_series *ret_series)
{
    const struct rm_series *series = metric->metric->series.items[i];
    struct rm_exposed_series exposed = {.labels = series->labels, .n_labels = series->n_labels};

    if (series->distribution != NULL) {
        exposed.histogram = &series->distribution->classic;
    } else if (rm__series_add_to_histogram(series, metric->bounds, &exposed.counted) != 0) {
        rm_exposed_series_done(&exposed);
        return RM_ENOMEM;
    }
    describe_values(series, &exposed);
    *ret_series = exposed;
    if (series->distribution == NULL) {
        ret_series->histogram = &ret_series->counted;
    }
    return 0;
}

void rm_exposed_series_done(struct rm_exposed_series *series)
{
    rm_histogram_done(&series->counted);
    *series = (struct rm_exposed_series){0};
}
