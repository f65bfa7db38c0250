#include "raftmetrics/metrics/histogram_run.h"

#include <math.h>
#include <stdlib.h>

#include "distribution.h"
#include "raftmetrics/base/error.h"
#include "selection.h"
#include "store_internal.h"

/* To look at a series, in the time that a value takes to be read: it is waited for. */
enum { SERIES_COST = 32 };

struct rm_histogram_run {
    struct rm_selection selection;
    struct rm_view view;
    uint32_t next; /* of the view's items */
    struct rm_distribution total;
};

int rm_histogram_run_begin(struct rm_store *store, const struct rm_selection *selection,
                           struct rm_histogram_run **ret_run)
{
    const struct rm_metric *metric = rm__store_find_metric(store, selection->metric_name);
    struct rm_histogram_run *run;

    if (metric == NULL) {
        return RM_ENOTFOUND;
    }
    run = calloc(1, sizeof *run);
    if (run == NULL) {
        return RM_ENOMEM;
    }
    run->selection = *selection;
    rm__distribution_init(&run->total);
    if (rm__view_open(&run->view, &store->views, metric) != 0) {
        free(run);
        return RM_ENOMEM;
    }
    *ret_run = run;
    return 0;
}

int rm_histogram_run_work(struct rm_histogram_run *run, int64_t n_values, bool *ret_is_done)
{
    struct rm_bucket_bounds bounds = rm__shared_bounds_peek(run->view.bounds);
    int64_t budget = n_values;

    if (run->view.is_lost) {
        return RM_ECANCELED;
    }
    for (; run->next < run->view.n && budget > 0; run->next++) {
        const struct rm_series *series = rm__view_series(&run->view, run->view.items[run->next]);

        budget -= SERIES_COST;
        if (!rm__selection_has(&run->selection, series)) {
            continue;
        }
        if (rm__series_add_to_distribution(series, bounds, &run->total, &budget) != 0) {
            return RM_ENOMEM;
        }
    }
    *ret_is_done = run->next == run->view.n;
    return 0;
}

void rm_histogram_run_take(struct rm_histogram_run *run, struct rm_histograms *ret_histograms)
{
    struct rm_distribution *total = &run->total;
    double sum = rm__sum_round(&total->sum);

    *ret_histograms =
        (struct rm_histograms){.count = total->count,
                               .sum = sum,
                               .sum_overflows = isinf(sum),
                               .min = total->count == 0 ? NAN : total->min,
                               .max = total->count == 0 ? NAN : total->max,
                               .bounds = rm__shared_bounds_peek(run->view.bounds),
                               .owned_bounds = rm__shared_bounds_ref(run->view.bounds),
                               .classic = total->classic,
                               .native = total->native};
    rm__distribution_init(total);
}

size_t rm_histogram_run_bytes(const struct rm_histogram_run *run)
{
    return sizeof *run + rm__view_bytes(&run->view) +
           RM_NATIVE_BUCKETS_MAX * sizeof(struct rm_native_bucket) +
           rm_histogram_bytes(&run->total.classic);
}

bool rm_histogram_run_close(struct rm_histogram_run *run, int64_t n_values)
{
    int64_t budget = n_values;

    return run == NULL || rm__view_release(&run->view, &budget);
}

void rm_histogram_run_free(struct rm_histogram_run *run)
{
    if (run == NULL) {
        return;
    }
    rm__view_close(&run->view);
    rm__distribution_done(&run->total);
    free(run);
}

void rm_histograms_done(struct rm_histograms *histograms)
{
    rm_histogram_done(&histograms->classic);
    rm_native_histogram_done(&histograms->native);
    rm__shared_bounds_unref(histograms->owned_bounds);
    histograms->owned_bounds = NULL;
}

int rm_store_histogram(struct rm_store *store, const struct rm_selection *selection,
                       struct rm_histograms *ret_histograms)
{
    struct rm_histogram_run *run;
    bool is_done;
    int rv = rm_histogram_run_begin(store, selection, &run);

    if (rv != 0) {
        return rv;
    }
    rv = rm_histogram_run_work(run, INT64_MAX, &is_done);
    if (rv == 0) {
        rm_histogram_run_take(run, ret_histograms);
    }
    rm_histogram_run_free(run);
    return rv;
}
