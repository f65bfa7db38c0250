/* Whether the series that samples belong to have room for them. */
#include <stdlib.h>

#include "raftmetrics/base/error.h"
#include "series_drop.h"
#include "store_internal.h"

static int compare_labels(const struct rm_sample *a, const struct rm_sample *b)
{
    if (a->n_labels != b->n_labels) {
        return a->n_labels < b->n_labels ? -1 : 1;
    }
    for (size_t i = 0; i < a->n_labels; i++) {
        int order = rm_slice_compare(a->labels[i].name, b->labels[i].name);

        order = order != 0 ? order : rm_slice_compare(a->labels[i].value, b->labels[i].value);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

/* Of the same series: 0. */
static int compare_samples(const void *a, const void *b)
{
    const struct rm_sample *const *left = a;
    const struct rm_sample *const *right = b;
    int order = rm_slice_compare((*left)->metric_name, (*right)->metric_name);

    return order != 0 ? order : compare_labels(*left, *right);
}

static uint64_t held_of(const struct rm_store *store, const struct rm_sample *sample)
{
    const struct rm_series *series = rm__store_find_series(store, sample);

    return series == NULL ? 0 : rm__series_n_held(series);
}

/* Counts how many of @samples, in order, are of each series. */
static bool have_all_room(const struct rm_store *store, const struct rm_sample **samples, size_t n)
{
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && compare_samples(&samples[i], &samples[end]) == 0;) {
            end++;
        }
        if (held_of(store, samples[i]) + (end - i) > store->retention.max_samples) {
            return false;
        }
    }
    return true;
}

int rm_store_has_room(const struct rm_store *store, const struct rm_sample *samples, size_t n,
                      bool *ret_has)
{
    uint64_t max = store->retention.max_samples;
    const struct rm_sample **near; /* of series that are not so empty that they have room for all */
    size_t n_near = 0;

    if (max == 0 || store->retention.when_full != RM_SAMPLES_REFUSE) {
        *ret_has = true;
        return 0;
    }
    near = malloc((n + 1) * sizeof *near);
    if (near == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        if (held_of(store, &samples[i]) + n > max) {
            near[n_near++] = &samples[i];
        }
    }
    qsort(near, n_near, sizeof *near, compare_samples);
    *ret_has = have_all_room(store, near, n_near);
    free(near);
    return 0;
}
