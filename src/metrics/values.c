/* rm_store_values: a merge of the series of a metric from the newest value backwards. Series stand
 * in a heap by their newest value that was not taken yet, so a merge costs one look at each series
 * and log(series) a value, however many values lie before. */
#include <stdlib.h>

#include "raftmetrics/base/error.h"
#include "selection.h"
#include "series.h"
#include "store_internal.h"

/* What is left of a series. */
struct source {
    const struct rm_series *series;
    struct rm_observation newest; /* the last that is left */
    struct rm_series_place place; /* in front of it */
    uint64_t n_left;              /* it included */
    uint32_t number;              /* in rm_values.series; NOT_NUMBERED before its first value */
};

#define NOT_NUMBERED UINT32_MAX

struct merge {
    struct source *heap;
    size_t n;
    uint64_t n_total; /* observations of the selection */
    uint64_t n_left;  /* those before the cursor that were not taken */
};

static bool is_newer(const struct source *a, const struct source *b)
{
    return rm__position_is_before(b->newest.position, a->newest.position);
}

static void sift_down(struct merge *merge, size_t i)
{
    struct source moved = merge->heap[i];

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < merge->n && is_newer(&merge->heap[child + 1], &merge->heap[child])) {
            child++;
        }
        if (child >= merge->n || !is_newer(&merge->heap[child], &moved)) {
            break;
        }
        merge->heap[i] = merge->heap[child];
        i = child;
    }
    merge->heap[i] = moved;
}

static void add_source(struct merge *merge, const struct rm_series *series,
                       struct rm_position first, struct rm_position end,
                       const struct rm_position *before)
{
    struct source source = {.series = series, .number = NOT_NUMBERED};
    struct rm_series_place begin = rm__series_find(series, first);

    source.place = rm__series_find(series, end);
    source.n_left = rm__series_count(series, begin, source.place);
    merge->n_total += source.n_left;
    if (before != NULL && rm__position_is_before(*before, end)) {
        source.place = rm__series_find(series, *before);
        source.n_left = rm__series_count(series, begin, source.place);
    }
    if (source.n_left > 0) {
        source.newest = *rm__series_step_back(series, &source.place);
        merge->heap[merge->n++] = source;
        merge->n_left += source.n_left;
    }
}

/* Errors: RM_ENOMEM. */
static int merge_init(struct merge *merge, const struct rm_metric *metric,
                      const struct rm_selection *selection, const struct rm_position *before)
{
    *merge = (struct merge){.heap = malloc(metric->series.n * sizeof *merge->heap)};
    if (merge->heap == NULL) {
        return RM_ENOMEM;
    }
    for (uint32_t i = 0; i < metric->series.n; i++) {
        const struct rm_series *series = metric->series.items[i];

        if (rm__selection_has(selection, series)) {
            add_source(merge, series, rm__selection_first(selection), rm__selection_end(selection),
                       before);
        }
    }
    for (size_t i = merge->n / 2; i > 0; i--) {
        sift_down(merge, i - 1);
    }
    return 0;
}

static void merge_done(struct merge *merge)
{
    free(merge->heap);
}

/* Goes on to the next older value. */
static void advance(struct merge *merge)
{
    struct source *top = &merge->heap[0];

    merge->n_left--;
    top->n_left--;
    if (top->n_left > 0) {
        top->newest = *rm__series_step_back(top->series, &top->place);
    } else {
        merge->n--;
        *top = merge->heap[merge->n];
    }
    sift_down(merge, 0);
}

/* Errors: RM_ENOMEM. */
static int allocate(struct rm_values *values, const struct merge *merge, size_t limit)
{
    size_t n_points = merge->n_left < limit ? (size_t)merge->n_left : limit;
    size_t n_series = merge->n < n_points ? merge->n : n_points;

    if (n_points == 0) {
        return 0;
    }
    values->points = malloc(n_points * sizeof *values->points);
    values->series = malloc(n_series * sizeof *values->series);
    if (values->points == NULL || values->series == NULL) {
        rm_values_done(values);
        return RM_ENOMEM;
    }
    values->n_points = n_points;
    return 0;
}

static uint32_t number_series(struct rm_values *values, struct source *source)
{
    if (source->number == NOT_NUMBERED) {
        source->number = (uint32_t)values->n_series;
        values->series[values->n_series].labels = source->series->labels;
        values->series[values->n_series].n_labels = source->series->n_labels;
        values->n_series++;
    }
    return source->number;
}

static void fill(struct rm_values *values, struct merge *merge)
{
    for (size_t i = values->n_points; i > 0; i--) {
        struct source *top = &merge->heap[0];

        values->points[i - 1] = (struct rm_point){.position = top->newest.position,
                                                  .value = top->newest.value,
                                                  .series = number_series(values, top)};
        advance(merge);
    }
}

int rm_store_values(struct rm_store *store, const struct rm_selection *selection, size_t limit,
                    const struct rm_position *before, struct rm_values *ret_values)
{
    const struct rm_metric *metric = rm__store_find_metric(store, selection->metric_name);
    struct rm_values values = {0};
    struct merge merge;
    int rv;

    if (metric == NULL) {
        return RM_ENOTFOUND;
    }
    rv = merge_init(&merge, metric, selection, before);
    if (rv != 0) {
        return rv;
    }
    rv = allocate(&values, &merge, limit);
    if (rv == 0) {
        fill(&values, &merge);
        values.n_total = merge.n_total;
        values.has_older = merge.n_left > 0;
        *ret_values = values;
    }
    merge_done(&merge);
    return rv;
}

void rm_values_done(struct rm_values *values)
{
    free(values->points);
    free(values->series);
    *values = (struct rm_values){0};
}
