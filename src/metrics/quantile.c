#include "quantile.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static_assert((int)RM_RANKS_MAX >= 2 * (int)RM_QUANTILES_MAX, "two ranks a quantile");

static struct rm_quantile_place place_of(double quantile, uint64_t n_values)
{
    double place = quantile * (double)(n_values - 1);
    double rank = floor(place);

    assert(quantile >= 0 && quantile <= 1);
    return (struct rm_quantile_place){(uint64_t)rank, place - rank};
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
static void find_ranks(struct rm_quantile_places *places)
{
    uint64_t *ranks = places->ranks;
    size_t n_all = 0;
    size_t n = 0;

    for (size_t i = 0; i < places->n; i++) {
        ranks[n_all++] = places->places[i].rank;
        if (places->places[i].part > 0) {
            ranks[n_all++] = places->places[i].rank + 1;
        }
    }
    qsort(ranks, n_all, sizeof *ranks, compare_ranks);
    for (size_t i = 0; i < n_all; i++) {
        if (n == 0 || ranks[i] != ranks[n - 1]) {
            ranks[n++] = ranks[i];
        }
    }
    places->n_ranks = n;
}

void rm__quantile_places(const double *quantiles, size_t n_quantiles, uint64_t n_values,
                         struct rm_quantile_places *ret_places)
{
    assert(n_values > 0 && n_quantiles <= RM_QUANTILES_MAX);
    for (size_t i = 0; i < n_quantiles; i++) {
        ret_places->places[i] = place_of(quantiles[i], n_values);
    }
    ret_places->n = n_quantiles;
    find_ranks(ret_places);
}

static double value_at(const struct rm_quantile_places *places, uint64_t rank, const uint64_t *keys)
{
    size_t i = 0;

    while (places->ranks[i] != rank) {
        i++;
    }
    return rm__order_value(keys[i]);
}

void rm__quantiles(const struct rm_quantile_places *places, const uint64_t *keys,
                   double *ret_quantiles)
{
    for (size_t i = 0; i < places->n; i++) {
        struct rm_quantile_place place = places->places[i];
        double value = value_at(places, place.rank, keys);

        ret_quantiles[i] =
            place.part > 0 ? interpolate(value, value_at(places, place.rank + 1, keys), place.part)
                           : value;
    }
}
