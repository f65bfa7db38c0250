#include "query_quantiles.h"

#include <assert.h>
#include <stdlib.h>

#include "quantile.h"
#include "query_walk.h"
#include "raftmetrics/base/error.h"

/* Some cells that follow each other, and where their values are. */
struct batch {
    const struct rm_query *query;
    const struct rm_series_group *group;
    struct rm_cells *cells;
    size_t begin;
    size_t end;
    size_t n_values;
    struct rm_time_range range;
};

void rm__value_room_done(struct rm_value_room *room)
{
    free(room->keys);
    free(room->narrowing);
}

/* Errors: RM_ENOMEM. */
static int make_room(struct rm_value_room *room, size_t n)
{
    if (n <= room->n_max) {
        return 0;
    }
    free(room->keys);
    room->n_max = 0;
    room->keys = malloc(n * sizeof *room->keys);
    if (room->keys == NULL) {
        return RM_ENOMEM;
    }
    room->n_max = n;
    return 0;
}

static uint64_t count_of(const struct batch *batch, size_t cell)
{
    return batch->cells->ordered[cell]->summary.count;
}

/* The cells from batch->end on that there is room for; one at least. */
static void choose_cells(struct batch *batch, size_t n_most)
{
    batch->begin = batch->end;
    batch->n_values = 0;
    do {
        batch->n_values += (size_t)count_of(batch, batch->end);
        batch->end++;
    } while (batch->end < batch->cells->n &&
             batch->n_values + count_of(batch, batch->end) <= n_most);
    batch->range = rm__selection_range(&batch->query->selection);
    if (batch->query->step_ms > 0) {
        int64_t first_ms = batch->cells->ordered[batch->begin]->bucket_ms;
        int64_t last_ms =
            rm__bucket_of(batch->query->step_ms, batch->cells->ordered[batch->end - 1]->bucket_ms)
                .last_ms;

        batch->range.first_ms = first_ms > batch->range.first_ms ? first_ms : batch->range.first_ms;
        batch->range.last_ms = last_ms < batch->range.last_ms ? last_ms : batch->range.last_ms;
    }
}

static void gather_series(const struct batch *batch, const struct rm_series *series)
{
    struct rm_piece piece;
    struct rm_walk walk;

    rm__walk_init(&walk, series, batch->range, batch->query->step_ms, RM_WALK_VALUES);
    while (rm__walk_next(&walk, &piece)) {
        struct rm_cell *cell = rm__cells_find(batch->cells, piece.bucket_ms);

        assert(cell != NULL);
        for (uint32_t i = 0; i < piece.n; i++) {
            *cell->next_key = rm__order_key(piece.values[i]);
            cell->next_key++;
        }
    }
}

/* Gathers the values of the cells, each's in one place, in the order of the cells. */
static void gather(const struct batch *batch, uint64_t *keys)
{
    for (size_t i = batch->begin; i < batch->end; i++) {
        batch->cells->ordered[i]->next_key = keys;
        keys += count_of(batch, i);
    }
    for (uint32_t i = 0; i < batch->group->n_series; i++) {
        gather_series(batch, batch->group->series[i]);
    }
}

/* The quantiles of a cell from its gathered values. */
static void compute(const struct rm_query *query, const struct rm_cell *cell, uint64_t *keys,
                    double *ret_quantiles)
{
    size_t n = (size_t)cell->summary.count;
    struct rm_quantile_places places;
    uint64_t found[RM_RANKS_MAX];

    assert(cell->next_key == keys + n);
    if (n == 0) {
        for (size_t i = 0; i < query->n_quantiles; i++) {
            ret_quantiles[i] = NAN;
        }
        return;
    }
    rm__quantile_places(query->quantiles, query->n_quantiles, n, &places);
    rm__order_statistics(keys, n, rm__order_key(cell->summary.min),
                         rm__order_key(cell->summary.max), places.ranks, places.n_ranks, found);
    rm__quantiles(&places, found, ret_quantiles);
}

/* ---- one cell of too many values ---- */

/* Counts all values of the batch, or takes those that are left @to where that is not NULL. */
static void look_through(const struct batch *batch, struct rm_narrowing *narrowing, uint64_t *to)
{
    struct rm_piece piece;
    struct rm_walk walk;

    for (uint32_t i = 0; i < batch->group->n_series; i++) {
        rm__walk_init(&walk, batch->group->series[i], batch->range, batch->query->step_ms,
                      RM_WALK_VALUES);
        while (rm__walk_next(&walk, &piece)) {
            for (uint32_t j = 0; j < piece.n; j++) {
                uint64_t key = rm__order_key(piece.values[j]);

                if (to == NULL) {
                    rm__narrowing_count(narrowing, key);
                } else if (rm__narrowing_has(narrowing, key)) {
                    *to = key;
                    to++;
                }
            }
        }
    }
}

/* Errors: RM_ENOMEM. */
static int narrow(const struct batch *batch, struct rm_value_room *room, double *ret_quantiles)
{
    const struct rm_query *query = batch->query;
    const struct rm_cell *cell = batch->cells->ordered[batch->begin];
    struct rm_quantile_places places;
    uint64_t found[RM_RANKS_MAX];
    uint64_t n_left;
    int rv;

    if (room->narrowing == NULL) {
        room->narrowing = malloc(sizeof *room->narrowing);
        if (room->narrowing == NULL) {
            return RM_ENOMEM;
        }
    }
    rm__quantile_places(query->quantiles, query->n_quantiles, cell->summary.count, &places);
    rm__narrowing_init(room->narrowing, cell->summary.count, rm__order_key(cell->summary.min),
                       rm__order_key(cell->summary.max), places.ranks, places.n_ranks);
    do {
        look_through(batch, room->narrowing, NULL);
        n_left = rm__narrowing_end_pass(room->narrowing);
    } while (n_left > room->n_most);
    rv = make_room(room, (size_t)n_left);
    if (rv != 0) {
        return rv;
    }
    if (n_left > 0) {
        look_through(batch, room->narrowing, room->keys);
    }
    rm__narrowing_finish(room->narrowing, room->keys, found);
    rm__quantiles(&places, found, ret_quantiles);
    return 0;
}

/* Errors: RM_ENOMEM. */
static int gather_and_compute(const struct batch *batch, struct rm_value_room *room,
                              double *ret_quantiles)
{
    uint64_t *keys;
    int rv = make_room(room, batch->n_values);

    if (rv != 0) {
        return rv;
    }
    gather(batch, room->keys);
    keys = room->keys;
    for (size_t i = batch->begin; i < batch->end; i++) {
        compute(batch->query, batch->cells->ordered[i], keys, ret_quantiles);
        keys += count_of(batch, i);
        ret_quantiles += batch->query->n_quantiles;
    }
    return 0;
}

int rm__query_quantiles(const struct rm_query *query, const struct rm_series_group *group,
                        struct rm_cells *cells, struct rm_value_room *room, double *ret_quantiles)
{
    struct batch batch = {.query = query, .group = group, .cells = cells};
    int rv = 0;

    while (batch.end < cells->n && rv == 0) {
        double *quantiles = ret_quantiles + batch.end * query->n_quantiles;

        choose_cells(&batch, room->n_most);
        rv = batch.n_values > room->n_most ? narrow(&batch, room, quantiles)
                                           : gather_and_compute(&batch, room, quantiles);
    }
    return rv;
}
