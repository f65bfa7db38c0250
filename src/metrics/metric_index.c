/* A sorted array with an unsorted tail of what was added since the last listing, which a listing
 * sorts and merges in. So adding costs nothing to speak of while nobody lists, and a listing after
 * few additions costs one pass. A tree would list without that pass, but pay for order at every
 * new metric. Removing moves the pointers behind the removed one: 8 bytes a metric. */
#include "metric_index.h"

#include <assert.h>
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

    if (rv == 0 && is_sorted) {
        index->n_sorted++;
    }
    return rv;
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

void rm__metric_index_remove(struct rm_metric_index *index, const struct rm_metric *metric)
{
    uint32_t last = index->metrics.n - 1;
    uint32_t i = rm__metric_index_find(index, metric->name);

    if (i < index->n_sorted && metric_at(index, i) == metric) {
        rm__vector_remove(&index->metrics, i);
        index->n_sorted--;
        return;
    }
    i = index->n_sorted;
    while (metric_at(index, i) != metric) {
        assert(i < last);
        i++;
    }
    index->metrics.items[i] = index->metrics.items[last];
    rm__vector_remove(&index->metrics, last);
}

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
