/* A sorted array with an unsorted tail of what was added since the last listing, which a listing
 * sorts and merges in. So adding costs nothing to speak of while nobody lists, and a listing after
 * few additions costs one pass. A tree would list without that pass, but pay for order at every
 * new metric. Removing moves the pointers behind the removed one: 8 bytes a metric; of the tail,
 * whose metrics know their places, one. */
#include "metric_index.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"

void rm__metric_index_done(struct rm_metric_index *index)
{
    rm__vector_done(&index->metrics);
    index->n_sorted = 0;
}

static const struct rm_metric *metric_at(const struct rm_metric_index *index, uint32_t i)
{
    return index->metrics.items[i];
}

/* Names that come in order, as those of an image mostly do, need no sorting later. */
int rm__metric_index_add(struct rm_metric_index *index, struct rm_metric *metric)
{
    uint32_t n = index->metrics.n;
    bool is_sorted = index->n_sorted == n &&
                     (n == 0 || rm_slice_compare(metric_at(index, n - 1)->name, metric->name) < 0);
    int rv = rm__vector_insert(&index->metrics, n, metric);

    if (rv != 0) {
        return rv;
    }
    metric->place = n;
    index->n_sorted += is_sorted;
    return 0;
}

uint32_t rm__metric_index_find(const struct rm_metric_index *index, struct rm_slice name)
{
    uint32_t low = 0;
    uint32_t high = index->n_sorted;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (rm_slice_compare(metric_at(index, middle)->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ---- removing ---- */

static bool is_in_tail(const struct rm_metric_index *index, const struct rm_metric *metric)
{
    return metric->place >= index->n_sorted && metric->place < index->metrics.n &&
           metric_at(index, metric->place) == metric;
}

static void move_to(struct rm_metric_index *index, uint32_t place, struct rm_metric *metric)
{
    index->metrics.items[place] = metric;
    metric->place = place;
}

/* The tail has no order: its last takes the place. */
static void remove_from_tail(struct rm_metric_index *index, const struct rm_metric *metric)
{
    index->metrics.n--;
    move_to(index, metric->place, index->metrics.items[index->metrics.n]);
}

/* Closes @n gaps at ascending @places among what is sorted, then the one that is left in front of
 * the tail with the last of that. */
static void close_gaps(struct rm_metric_index *index, const uint32_t *places, uint32_t n)
{
    void **items = index->metrics.items;
    uint32_t n_tail = index->metrics.n - index->n_sorted;
    uint32_t n_moved = n_tail < n ? n_tail : n;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t end = i + 1 < n ? places[i + 1] : index->n_sorted;

        memmove(items + places[i] - i, items + places[i] + 1,
                (end - places[i] - 1) * sizeof *items);
    }
    index->n_sorted -= n;
    for (uint32_t i = 0; i < n_moved; i++) {
        move_to(index, index->n_sorted + i, items[index->metrics.n - 1 - i]);
    }
    index->metrics.n -= n;
}

void rm__metric_index_remove(struct rm_metric_index *index, const struct rm_metric *metric)
{
    uint32_t place;

    if (is_in_tail(index, metric)) {
        remove_from_tail(index, metric);
        return;
    }
    place = rm__metric_index_find(index, metric->name);
    assert(place < index->n_sorted && metric_at(index, place) == metric);
    close_gaps(index, &place, 1);
}

static int compare_places(const void *a, const void *b)
{
    const uint32_t *left = a;
    const uint32_t *right = b;

    return (*left > *right) - (*left < *right);
}

int rm__metric_index_remove_all(struct rm_metric_index *index, struct rm_metric *const *metrics,
                                size_t n)
{
    uint32_t *places = malloc((n + 1) * sizeof *places);
    uint32_t n_places = 0;

    if (places == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        if (is_in_tail(index, metrics[i])) {
            remove_from_tail(index, metrics[i]);
        } else {
            places[n_places++] = rm__metric_index_find(index, metrics[i]->name);
        }
    }
    qsort(places, n_places, sizeof *places, compare_places);
    close_gaps(index, places, n_places);
    free(places);
    return 0;
}

/* ---- sorting ---- */

static int compare_names(const void *a, const void *b)
{
    const struct rm_metric *const *left = a;
    const struct rm_metric *const *right = b;

    return rm_slice_compare((*left)->name, (*right)->name);
}

/* Merges the sorted @tail into the room behind the sorted metrics, from the last backwards. */
static void merge_tail(struct rm_metric_index *index, void *const *tail, uint32_t n_tail)
{
    void **items = index->metrics.items;
    uint32_t n_head = index->n_sorted;

    while (n_tail > 0) {
        if (n_head > 0 && compare_names(&items[n_head - 1], &tail[n_tail - 1]) > 0) {
            items[n_head + n_tail - 1] = items[n_head - 1];
            n_head--;
        } else {
            items[n_head + n_tail - 1] = tail[n_tail - 1];
            n_tail--;
        }
    }
}

int rm__metric_index_sort(struct rm_metric_index *index)
{
    uint32_t n_tail = index->metrics.n - index->n_sorted;
    void **tail;

    if (n_tail == 0) {
        return 0;
    }
    tail = malloc(n_tail * sizeof *tail);
    if (tail == NULL) {
        return RM_ENOMEM;
    }
    memcpy(tail, index->metrics.items + index->n_sorted, n_tail * sizeof *tail);
    qsort(tail, n_tail, sizeof *tail, compare_names);
    merge_tail(index, tail, n_tail);
    free(tail);
    index->n_sorted = index->metrics.n;
    return 0;
}

size_t rm__metric_index_bytes(const struct rm_metric_index *index)
{
    return rm__vector_bytes(&index->metrics);
}
