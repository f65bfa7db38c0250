#include <math.h>

#include "distribution.h"
#include "raftmetrics/base/error.h"
#include "selection.h"
#include "store_internal.h"

void rm_histograms_done(struct rm_histograms *histograms)
{
    rm_histogram_done(&histograms->classic);
    rm_native_histogram_done(&histograms->native);
}

static int merge_series(const struct rm_metric *metric, const struct rm_selection *selection,
                        struct rm_distribution *total)
{
    struct rm_bucket_bounds bounds = rm__shared_bounds_peek(metric->bounds);
    int rv = 0;

    for (uint32_t i = 0; i < metric->series.n && rv == 0; i++) {
        const struct rm_series *series = metric->series.items[i];

        if (rm__selection_has(selection, series)) {
            rv = rm__series_add_to_distribution(series, bounds, total);
        }
    }
    return rv;
}

int rm_store_histogram(struct rm_store *store, const struct rm_selection *selection,
                       struct rm_histograms *ret_histograms)
{
    const struct rm_metric *metric = rm__store_find_metric(store, selection->metric_name);
    struct rm_distribution total;
    double sum;

    if (metric == NULL) {
        return RM_ENOTFOUND;
    }
    rm__distribution_init(&total);
    if (merge_series(metric, selection, &total) != 0) {
        rm__distribution_done(&total);
        return RM_ENOMEM;
    }
    sum = rm__sum_round(&total.sum);
    *ret_histograms = (struct rm_histograms){.count = total.count,
                                             .sum = sum,
                                             .sum_overflows = isinf(sum),
                                             .min = total.count == 0 ? NAN : total.min,
                                             .max = total.count == 0 ? NAN : total.max,
                                             .bounds = rm__shared_bounds_peek(metric->bounds),
                                             .classic = total.classic,
                                             .native = total.native};
    return 0;
}
