#include "quantile.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "order_statistics.h"
#include "raftmetrics/metrics/query.h"

static_assert((int)RM_RANKS_MAX >= 2 * (int)RM_QUANTILES_MAX, "two ranks a quantile");

/* Where a quantile lies: a part of the way from the value at a rank to the next. */
struct place {
    uint64_t rank;
    double part; /* below 1; 0 at the last rank */
};

static struct place place_of(double quantile, uint64_t n)
{
    double place = quantile * (double)(n - 1);
    double rank = floor(place);

    assert(quantile >= 0 && quantile <= 1);
    return (struct place){(uint64_t)rank, place - rank};
}

static double interpolate(double a, double b, double part)
{
    double distance = b - a;

    if (a == b) {
        return a;
    }
    if (!isfinite(distance)) {
        return 2 * interpolate(a / 2, b / 2, part);
    }
    return part < 0.5 ? a + distance * part : b - distance * (1 - part);
}

static int compare_ranks(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return (*left > *right) - (*left < *right);
}

/* The distinct ones, ascending. */
static size_t ranks_of(const struct place *places, size_t n_places, uint64_t *ret_ranks)
{
    size_t n_all = 0;
    size_t n = 0;

    for (size_t i = 0; i < n_places; i++) {
        ret_ranks[n_all++] = places[i].rank;
        if (places[i].part > 0) {
            ret_ranks[n_all++] = places[i].rank + 1;
        }
    }
    qsort(ret_ranks, n_all, sizeof *ret_ranks, compare_ranks);
    for (size_t i = 0; i < n_all; i++) {
        if (n == 0 || ret_ranks[i] != ret_ranks[n - 1]) {
            ret_ranks[n++] = ret_ranks[i];
        }
    }
    return n;
}

static double value_at(uint64_t rank, const uint64_t *ranks, const uint64_t *keys)
{
    size_t i = 0;

    while (ranks[i] != rank) {
        i++;
    }
    return rm__order_value(keys[i]);
}

void rm__quantiles(uint64_t *keys, size_t n, const double *quantiles, size_t n_quantiles,
                   double *ret_quantiles)
{
    struct place places[RM_QUANTILES_MAX];
    uint64_t ranks[RM_RANKS_MAX];
    uint64_t found[RM_RANKS_MAX];
    size_t n_ranks;

    assert(n > 0 && n_quantiles <= RM_QUANTILES_MAX);
    for (size_t i = 0; i < n_quantiles; i++) {
        places[i] = place_of(quantiles[i], n);
    }
    n_ranks = ranks_of(places, n_quantiles, ranks);
    rm__order_statistics(keys, n, ranks, n_ranks, found);
    for (size_t i = 0; i < n_quantiles; i++) {
        double a = value_at(places[i].rank, ranks, found);

        ret_quantiles[i] =
            places[i].part > 0
                ? interpolate(a, value_at(places[i].rank + 1, ranks, found), places[i].part)
                : a;
    }
}
