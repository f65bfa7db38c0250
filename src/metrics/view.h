/* The series of a metric as they are at one moment, for a reader who takes his time while the store
 * goes on changing. Opened at once, whatever they hold: what is about to change is copied first,
 * once for all views that are open. Sealed chunks are shared, so a copy is a few open ones. */
#ifndef RAFTMETRICS_SRC_METRICS_VIEW_H
#define RAFTMETRICS_SRC_METRICS_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "metric.h"
#include "raftmetrics/base/list.h"
#include "series.h"
#include "table.h"

/* Those that are open of a store. */
struct rm_views {
    struct rm_list open;
    uint64_t n_kept_bytes; /* of the copies that are kept for them */
};

struct rm_view {
    struct rm_list link;
    struct rm_views *views;         /* NULL: the store is gone */
    const struct rm_metric *metric; /* to be compared only: it may be gone */
    const struct rm_series **items; /* in the order of their creation; names, rather than pointers:
                                       rm__view_series tells what to read */
    uint32_t n;
    struct rm_shared_bounds *bounds; /* of the metric's histograms; owned */
    struct rm_table kept;            /* of struct kept, by the item */
    bool is_lost;                    /* there was no memory for a copy, or the store is gone */
    bool is_released;                /* nothing more is kept */
    size_t n_released;               /* of the slots of kept */
};

void rm__views_init(struct rm_views *views);

/* The store goes. */
void rm__views_lose(struct rm_views *views);

/* Among @views, the store's. Errors: RM_ENOMEM. */
int rm__view_open(struct rm_view *view, struct rm_views *views, const struct rm_metric *metric);

/* Lets go of what is kept, until the cost has used up @budget (query_pass.h). True: of all. From
 * the first call on it can only be closed. */
bool rm__view_release(struct rm_view *view, int64_t *budget);

/* Harmless on a zeroed one. */
void rm__view_close(struct rm_view *view);

/* Allocated bytes, the copies that are kept for it not counted. */
size_t rm__view_bytes(const struct rm_view *view);

/* What @item was when the view was opened; valid until the store changes. Not of a view that is
 * lost. */
const struct rm_series *rm__view_series(const struct rm_view *view, const struct rm_series *item);

/* To be called before a series changes or goes. */
void rm__views_keep(struct rm_views *views, const struct rm_series *series);

#endif
