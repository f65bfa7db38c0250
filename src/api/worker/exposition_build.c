#include "exposition_build.h"

#include <math.h>
#include <stdlib.h>

#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/exposure.h"

enum {
    /* Metrics that stores take into their order for one page: some 3 ms. */
    ORDERING_MAX = 1000,
};

struct build {
    const struct rm__exposition_source *source;
    const struct rm__exposition_limits *limits;
    struct rm_buffer *pieces;
    struct rm_exposition exposition;
    struct rm_exposure *exposures; /* one a store */
    size_t n_exposures;
    struct rm__exposition_cursor next;
    bool has_series; /* some is written */
};

/* ---- series ---- */

static void write_histogram(struct rm_exposition *exposition, struct rm_bucket_bounds bounds,
                            const struct rm_exposed_series *series)
{
    /* OpenMetrics allows no sum either where a bound is negative, whatever the values were. */
    bool has_sum = !series->had_negative && (exposition->style.syntax == RM_EXPOSITION_TEXT ||
                                             bounds.n == 0 || bounds.bounds[0] >= 0);
    uint64_t count = 0;

    for (size_t i = 0; i <= bounds.n; i++) {
        count += rm_histogram_count(series->histogram, i);
        rm_exposition_bucket(exposition, i < bounds.n ? bounds.bounds[i] : INFINITY, count);
    }
    rm_exposition_total(exposition, count, has_sum ? &series->sum : NULL);
}

static int write_series(struct build *build, const struct rm_exposed_metric *metric,
                        enum rm__exposed_family family, uint32_t i)
{
    struct rm_exposed_series series;
    int rv = rm_exposed_series(metric, i, &series);

    if (rv != 0) {
        return rv;
    }
    build->next.series = series.number;
    rm_exposition_labels(&build->exposition, series.labels, series.n_labels);
    if (family == RM__FAMILY_HISTOGRAM) {
        write_histogram(&build->exposition, metric->bounds, &series);
    } else if (!isnan(series.last) && (family != RM__FAMILY_COUNTER || series.last >= 0)) {
        rm_exposition_value(&build->exposition, series.last);
    }
    rm_exposed_series_done(&series);
    build->has_series = true;
    return rm_exposition_finish(&build->exposition);
}

static bool is_full(const struct build *build)
{
    return build->has_series && (build->pieces->len >= build->limits->max_bytes ||
                                 rm_clock_mono_us() >= build->limits->until_us);
}

/* ---- families and metrics ---- */

/* To the front of a family. */
static void set_next(struct build *build, struct rm_slice metric, uint32_t family)
{
    memcpy(build->next.metric, metric.data, metric.len);
    build->next.metric_len = (uint32_t)metric.len;
    build->next.family = family;
    build->next.series = 0;
}

/* Series @i and those behind it, until the page is full; there is one. *@ret_end: behind the last
 * that is written. */
static int write_family(struct build *build, const struct rm_exposed_metric *metric,
                        enum rm__exposed_family family, uint32_t i, uint32_t *ret_end)
{
    bool begins = build->next.series == 0;
    size_t mark;
    int rv = rm__exposition_piece_begin(build->pieces, metric->name, family, begins, &mark);

    if (rv != 0) {
        return rv;
    }
    if (begins) {
        rm__exposed_family_begin(&build->exposition, metric->name, family);
    } else {
        rm__exposed_family_go_on(&build->exposition, metric->name, family);
    }
    do {
        rv = write_series(build, metric, family, i++);
    } while (rv == 0 && i < metric->n_series && !is_full(build));
    rm__exposition_piece_end(build->pieces, mark);
    *ret_end = i;
    return rv;
}

/* The first family of the metric that is not before @from. */
static uint32_t next_family(const struct build *build, const struct rm_exposed_metric *metric,
                            uint32_t from)
{
    const struct rm__exposition_source *source = build->source;
    enum rm__exposed_family families[RM__FAMILIES_OF_ONE_MAX];
    enum rm_exposed_as as = rm__exposed_as_of(source->rules, source->n_rules, metric->name);
    size_t n = rm__exposed_families(as, families);

    for (size_t i = 0; i < n; i++) {
        if (families[i] >= from) {
            return families[i];
        }
    }
    return RM__EXPOSED_FAMILIES;
}

/* *@ret_is_done: all of it is written. */
static int write_metric(struct build *build, const struct rm_exposed_metric *metric,
                        bool *ret_is_done)
{
    int rv = 0;

    while (rv == 0 && build->next.family < RM__EXPOSED_FAMILIES && !is_full(build)) {
        uint32_t i = rm_exposed_series_behind(metric, build->next.series);

        if (build->next.series == 0) {
            build->next.family = next_family(build, metric, build->next.family);
        }
        if (build->next.family < RM__EXPOSED_FAMILIES && i < metric->n_series) {
            rv = write_family(build, metric, build->next.family, i, &i);
        }
        if (i == metric->n_series) { /* maybe because what was left of it has gone */
            set_next(build, metric->name, build->next.family + 1);
        }
    }
    *ret_is_done = build->next.family >= RM__EXPOSED_FAMILIES;
    return rv;
}

/* The store whose metric is the next; NULL where none has one. */
static struct rm_exposure *find_first(struct build *build, struct rm_exposed_metric *ret_metric)
{
    struct rm_exposure *first = NULL;
    struct rm_exposed_metric metric;

    for (size_t i = 0; i < build->n_exposures; i++) {
        if (rm_exposure_peek(&build->exposures[i], &metric) &&
            (first == NULL || rm_exposition_compare_names(build->source->style, metric.name,
                                                          ret_metric->name) < 0)) {
            first = &build->exposures[i];
            *ret_metric = metric;
        }
    }
    return first;
}

static int write_pieces(struct build *build, bool *ret_is_last)
{
    struct rm_exposed_metric metric;
    struct rm_exposure *first;
    bool is_done = true;
    int rv = 0;

    while (rv == 0 && is_done && (first = find_first(build, &metric)) != NULL) {
        struct rm_slice at = rm_slice_make(build->next.metric, build->next.metric_len);

        if (!rm_slice_equal(at, metric.name)) {
            set_next(build, metric.name, 0);
        }
        rv = write_metric(build, &metric, &is_done);
        if (is_done) {
            rm_exposure_next(first);
        }
        if (is_full(build)) {
            break;
        }
    }
    *ret_is_last = find_first(build, &metric) == NULL;
    return rv;
}

/* RM_EBUSY: some store is not in order yet. */
static int find_place(struct build *build)
{
    const struct rm__exposition_source *source = build->source;
    struct rm_slice from = rm_slice_make(build->next.metric, build->next.metric_len);
    int rv = 0;

    build->exposures = calloc(source->n_stores + 1, sizeof *build->exposures);
    if (build->exposures == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; rv == 0 && i < source->n_stores; i++) {
        rv = rm_store_expose(source->stores[i], source->style, from, ORDERING_MAX,
                             &build->exposures[i]);
    }
    build->n_exposures = source->n_stores;
    return rv;
}

int rm__exposition_build(const struct rm__exposition_source *source,
                         const struct rm__exposition_cursor *from,
                         const struct rm__exposition_limits *limits, struct rm_buffer *pieces,
                         struct rm__exposition_cursor *ret_next, bool *ret_is_last)
{
    struct build build = {.source = source, .limits = limits, .pieces = pieces, .next = *from};
    bool is_last = false;
    int rv;

    rm_exposition_init(&build.exposition, source->style, pieces);
    rv = find_place(&build);
    if (rv == 0) {
        rv = write_pieces(&build, &is_last);
    } else if (rv == RM_EBUSY) {
        rv = 0;
    }
    rm_exposition_done(&build.exposition);
    free(build.exposures);
    if (rv == 0) {
        *ret_next = build.next;
        *ret_is_last = is_last;
    }
    return rv;
}
