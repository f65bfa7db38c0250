#include "query_quantiles.h"

#include <assert.h>
#include <stdlib.h>

#include "order_statistics.h"
#include "quantile.h"
#include "query_walk.h"
#include "raftmetrics/base/error.h"

/* Buckets are gathered together up to this many values (8 MiB); a larger one by itself. */
enum { VALUES_TOGETHER = 1 << 20 };

void rm__value_room_done(struct rm_value_room *room)
{
    free(room->keys);
    *room = (struct rm_value_room){0};
}

/* Errors: RM_ENOMEM. */
static int make_room(struct rm_value_room *room, size_t n)
{
    if (n <= room->n_max) {
        return 0;
    }
    rm__value_room_done(room);
    room->keys = malloc(n * sizeof *room->keys);
    if (room->keys == NULL) {
        return RM_ENOMEM;
    }
    room->n_max = n;
    return 0;
}

/* How many of the @n @cells are gathered together, and how many values they have. */
static size_t choose_cells(struct rm_cell *const *cells, size_t n, size_t *ret_n_values)
{
    uint64_t n_values = cells[0]->summary.count;
    size_t i = 1;

    for (; i < n && n_values + cells[i]->summary.count <= VALUES_TOGETHER; i++) {
        n_values += cells[i]->summary.count;
    }
    *ret_n_values = (size_t)n_values;
    return i;
}

static void gather_series(const struct rm_series *series, struct rm_time_range range,
                          int64_t step_ms, struct rm_cells *cells)
{
    struct rm_piece piece;
    struct rm_walk walk;

    rm__walk_init(&walk, series, range, step_ms, true);
    while (rm__walk_next(&walk, &piece)) {
        struct rm_cell *cell = rm__cells_find(cells, piece.bucket_ms);

        assert(cell != NULL);
        for (uint32_t i = 0; i < piece.n; i++) {
            *cell->next_key = rm__order_key(piece.observations[i].value);
            cell->next_key++;
        }
    }
}

/* Gathers the values of the @n cells from @first on, each's in one place, in the order of the
 * cells. */
static void gather(const struct rm_query *query, const struct rm_series_group *group,
                   struct rm_cells *cells, size_t first, size_t n, uint64_t *keys)
{
    struct rm_time_range range = rm__selection_range(&query->selection);
    struct rm_time_range last =
        rm__bucket_of(query->step_ms, cells->ordered[first + n - 1]->bucket_ms);

    if (query->step_ms > 0) {
        int64_t first_ms = cells->ordered[first]->bucket_ms;

        range.first_ms = first_ms > range.first_ms ? first_ms : range.first_ms;
        range.last_ms = last.last_ms < range.last_ms ? last.last_ms : range.last_ms;
    }
    for (size_t i = first; i < first + n; i++) {
        cells->ordered[i]->next_key = keys;
        keys += cells->ordered[i]->summary.count;
    }
    for (uint32_t i = 0; i < group->n_series; i++) {
        gather_series(group->series[i], range, query->step_ms, cells);
    }
}

static void compute(const struct rm_query *query, const struct rm_cell *cell, uint64_t *keys,
                    double *ret_quantiles)
{
    size_t n = (size_t)cell->summary.count;

    assert(cell->next_key == keys + n);
    if (n > 0) {
        rm__quantiles(keys, n, query->quantiles, query->n_quantiles, ret_quantiles);
        return;
    }
    for (size_t i = 0; i < query->n_quantiles; i++) {
        ret_quantiles[i] = NAN;
    }
}

int rm__query_quantiles(const struct rm_query *query, const struct rm_series_group *group,
                        struct rm_cells *cells, struct rm_value_room *room, double *ret_quantiles)
{
    size_t n_cells;

    for (size_t first = 0; first < cells->n; first += n_cells) {
        uint64_t *keys;
        size_t n_values;
        int rv;

        n_cells = choose_cells(&cells->ordered[first], cells->n - first, &n_values);
        rv = make_room(room, n_values);
        if (rv != 0) {
            return rv;
        }
        gather(query, group, cells, first, n_cells, room->keys);
        keys = room->keys;
        for (size_t i = first; i < first + n_cells; i++) {
            compute(query, cells->ordered[i], keys, ret_quantiles + i * query->n_quantiles);
            keys += cells->ordered[i]->summary.count;
        }
    }
    return 0;
}
