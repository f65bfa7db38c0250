/* rm_store_values: a merge of the series of a metric from the newest value backwards. Series stand
 * in a heap by their newest value that was not taken yet, so a merge costs one look at each series
 * and log(series) a value, however many values lie before. A series of which a sealed chunk is
 * being taken has room to decode it; most are in their open one. */
#include <stdlib.h>

#include "raftmetrics/base/error.h"
#include "selection.h"
#include "series.h"
#include "store_internal.h"

/* What is left of a series. */
struct source {
    const struct rm_series *series;
    struct rm_observation newest;              /* the last that is left */
    struct rm_series_place place;              /* in front of it */
    const struct rm_observation *observations; /* of the chunk of place */
    struct rm_chunk_window *window;            /* they may lie in; NULL while they do not */
    uint64_t n_left;                           /* newest included */
    uint32_t number; /* in rm_values.series; NOT_NUMBERED before its first value */
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

/* Errors: RM_ENOMEM. */
static int enter_chunk(struct source *source, uint32_t index)
{
    const struct rm_chunk *chunk = rm__series_chunk(source->series, index);

    if (rm__chunk_is_sealed(chunk) && source->window == NULL) {
        source->window = malloc(sizeof *source->window);
        if (source->window == NULL) {
            return RM_ENOMEM;
        }
    } else if (!rm__chunk_is_sealed(chunk)) {
        free(source->window);
        source->window = NULL;
    }
    source->observations = rm__chunk_read(chunk, source->window);
    return 0;
}

/* Goes to the next older value, which there is. Errors: RM_ENOMEM. */
static int step_back(struct source *source)
{
    if (source->place.index == 0 || source->observations == NULL) {
        int rv;

        if (source->place.index == 0) {
            source->place.chunk--;
            source->place.index = rm__series_chunk(source->series, source->place.chunk)->n;
        }
        rv = enter_chunk(source, source->place.chunk);
        if (rv != 0) {
            return rv;
        }
    }
    source->place.index--;
    source->newest = source->observations[source->place.index];
    return 0;
}

/* Errors: RM_ENOMEM. */
static int add_source(struct merge *merge, const struct rm_series *series, struct rm_position first,
                      struct rm_position end, const struct rm_position *before)
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
        int rv = step_back(&source);

        if (rv != 0) {
            return rv;
        }
        merge->heap[merge->n++] = source;
        merge->n_left += source.n_left;
    }
    return 0;
}

static void merge_done(struct merge *merge)
{
    for (size_t i = 0; i < merge->n; i++) {
        free(merge->heap[i].window);
    }
    free(merge->heap);
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
            int rv = add_source(merge, series, rm__selection_first(selection),
                                rm__selection_end(selection), before);

            if (rv != 0) {
                merge_done(merge);
                return rv;
            }
        }
    }
    for (size_t i = merge->n / 2; i > 0; i--) {
        sift_down(merge, i - 1);
    }
    return 0;
}

/* Goes on to the next older value. Errors: RM_ENOMEM. */
static int advance(struct merge *merge)
{
    struct source *top = &merge->heap[0];

    merge->n_left--;
    top->n_left--;
    if (top->n_left > 0) {
        int rv = step_back(top);

        if (rv != 0) {
            return rv;
        }
    } else {
        free(top->window);
        merge->n--;
        *top = merge->heap[merge->n];
    }
    sift_down(merge, 0);
    return 0;
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

static int fill(struct rm_values *values, struct merge *merge)
{
    int rv = 0;

    for (size_t i = values->n_points; i > 0 && rv == 0; i--) {
        struct source *top = &merge->heap[0];

        values->points[i - 1] = (struct rm_point){.position = top->newest.position,
                                                  .value = top->newest.value,
                                                  .series = number_series(values, top)};
        rv = advance(merge);
    }
    return rv;
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
        rv = fill(&values, &merge);
    }
    if (rv == 0) {
        values.n_total = merge.n_total;
        values.has_older = merge.n_left > 0;
        *ret_values = values;
    } else {
        rm_values_done(&values);
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
