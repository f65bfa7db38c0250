#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"

/* To free a copy, in the time that a value takes to be read: some 5 ns. */
enum { RELEASE_COST = 128 };

/* One for all views that were open when the series changed. */
struct kept {
    const struct rm_series *item;
    struct rm_series *copy;
    uint32_t n_owners;
};

/* NULL when out of memory. */
static struct kept *kept_new(const struct rm_series *series, struct rm_views *views)
{
    struct kept *kept = malloc(sizeof *kept);

    if (kept == NULL) {
        return NULL;
    }
    *kept = (struct kept){series, rm__series_snapshot(series), 1};
    if (kept->copy == NULL) {
        free(kept);
        return NULL;
    }
    views->n_kept_bytes += kept->copy->n_bytes;
    return kept;
}

/* Takes NULL. @views: NULL where the store is gone. */
static void kept_unref(struct kept *kept, struct rm_views *views)
{
    if (kept == NULL || --kept->n_owners > 0) {
        return;
    }
    if (views != NULL) {
        views->n_kept_bytes -= kept->copy->n_bytes;
    }
    rm__series_free(kept->copy);
    free(kept);
}

static bool is_of(const void *item, const void *series)
{
    return ((const struct kept *)item)->item == series;
}

/* Of a series' own: no stranger chose it. */
static uint64_t hash_of(const struct rm_series *item)
{
    uint64_t number = (uint64_t)(uintptr_t)item / _Alignof(max_align_t);

    return number * 0x9e3779b97f4a7c15U >> 32;
}

static struct kept *find(const struct rm_view *view, const struct rm_series *item)
{
    return rm__table_find(&view->kept, hash_of(item), is_of, item);
}

void rm__views_init(struct rm_views *views)
{
    rm_list_init(&views->open);
    views->n_kept_bytes = 0;
}

void rm__views_lose(struct rm_views *views)
{
    while (!rm_list_is_empty(&views->open)) {
        struct rm_view *view = RM_LIST_ENTRY(views->open.next, struct rm_view, link);

        view->is_lost = true;
        view->views = NULL;
        rm_list_remove(&view->link);
    }
}

int rm__view_open(struct rm_view *view, struct rm_views *views, const struct rm_metric *metric)
{
    size_t n_bytes = metric->series.n * sizeof *view->items;

    *view = (struct rm_view){.views = views, .metric = metric, .n = metric->series.n};
    view->items = malloc(n_bytes + 1);
    if (view->items == NULL) {
        return RM_ENOMEM;
    }
    view->bounds = rm__shared_bounds_ref(metric->bounds);
    if (n_bytes > 0) {
        memcpy(view->items, metric->series.items, n_bytes);
    }
    rm_list_push_back(&views->open, &view->link);
    return 0;
}

bool rm__view_release(struct rm_view *view, int64_t *budget)
{
    view->is_released = true;
    while (*budget > 0 && view->n_released < view->kept.n_slots) {
        struct kept *kept = view->kept.slots[view->n_released].item;

        *budget -= kept == NULL ? 1 : RELEASE_COST;
        kept_unref(kept, view->views);
        view->n_released++;
    }
    return view->n_released == view->kept.n_slots;
}

void rm__view_close(struct rm_view *view)
{
    int64_t budget = INT64_MAX;

    if (view->items == NULL) {
        return;
    }
    (void)rm__view_release(view, &budget);
    rm__table_done(&view->kept);
    rm__shared_bounds_unref(view->bounds);
    rm_list_remove(&view->link);
    free(view->items);
    view->items = NULL;
}

size_t rm__view_bytes(const struct rm_view *view)
{
    return view->n * sizeof *view->items + rm__table_bytes(&view->kept);
}

const struct rm_series *rm__view_series(const struct rm_view *view, const struct rm_series *item)
{
    const struct kept *kept = view->kept.n_items == 0 ? NULL : find(view, item);

    return kept == NULL ? item : kept->copy;
}

static void keep(struct rm_view *view, struct kept *kept)
{
    if (kept == NULL || rm__table_add(&view->kept, hash_of(kept->item), kept) != 0) {
        view->is_lost = true;
        return;
    }
    kept->n_owners++;
}

void rm__views_keep(struct rm_views *views, const struct rm_series *series)
{
    struct kept *kept = NULL;

    if (rm__series_n_chunks(series) == 0) {
        return; /* it is new */
    }
    for (const struct rm_list *link = views->open.next; link != &views->open; link = link->next) {
        struct rm_view *view = RM_LIST_ENTRY(link, struct rm_view, link);

        if (view->metric == series->metric && !view->is_lost && !view->is_released &&
            find(view, series) == NULL) {
            kept = kept != NULL ? kept : kept_new(series, views);
            keep(view, kept);
        }
    }
    kept_unref(kept, views);
}
