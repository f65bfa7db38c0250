#include "query_quantiles.h"

#include <assert.h>
#include <stdlib.h>

#include "raftmetrics/base/error.h"

/* To find order statistics, for each value, in the time that one takes to be read. */
enum { SELECT_COST = 2 };

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

static uint64_t count_of(const struct rm_query_quantiles *quantiles, size_t cell)
{
    return quantiles->of.cells->ordered[cell]->summary.count;
}

static double *results_of(const struct rm_query_quantiles *quantiles, size_t cell)
{
    return quantiles->of.quantiles + cell * quantiles->of.query->n_quantiles;
}

static void begin_pass(struct rm_query_quantiles *quantiles)
{
    const struct rm_quantiles_of *of = &quantiles->of;

    rm__pass_init(&quantiles->pass, of->view, of->group, quantiles->range, of->query->step_ms,
                  RM_WALK_VALUES);
}

/* ---- cells whose values are gathered ---- */

/* Makes a place for the values of each cell, in the order of the cells. */
static void place_cells(struct rm_query_quantiles *quantiles)
{
    uint64_t *keys = quantiles->of.room->keys;

    for (size_t i = quantiles->begin; i < quantiles->end; i++) {
        quantiles->of.cells->ordered[i]->next_key = keys;
        keys += count_of(quantiles, i);
    }
}

static void gather(const struct rm_query_quantiles *quantiles, const struct rm_piece *piece)
{
    struct rm_cell *cell = rm__cells_find(quantiles->of.cells, piece->bucket_ms);

    assert(cell != NULL);
    for (uint32_t i = 0; i < piece->n; i++) {
        *cell->next_key = rm__order_key(piece->values[i]);
        cell->next_key++;
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

static void compute_cells(const struct rm_query_quantiles *quantiles)
{
    uint64_t *keys = quantiles->of.room->keys;

    for (size_t i = quantiles->begin; i < quantiles->end; i++) {
        compute(quantiles->of.query, quantiles->of.cells->ordered[i], keys,
                results_of(quantiles, i));
        keys += count_of(quantiles, i);
    }
}

/* ---- one cell of too many values ---- */

/* Errors: RM_ENOMEM. */
static int begin_narrowing(struct rm_query_quantiles *quantiles)
{
    const struct rm_query *query = quantiles->of.query;
    const struct rm_summary *summary = &quantiles->of.cells->ordered[quantiles->begin]->summary;
    struct rm_value_room *room = quantiles->of.room;

    if (room->narrowing == NULL) {
        room->narrowing = malloc(sizeof *room->narrowing);
        if (room->narrowing == NULL) {
            return RM_ENOMEM;
        }
    }
    rm__quantile_places(query->quantiles, query->n_quantiles, summary->count, &quantiles->places);
    rm__narrowing_init(room->narrowing, summary->count, rm__order_key(summary->min),
                       rm__order_key(summary->max), quantiles->places.ranks,
                       quantiles->places.n_ranks);
    return 0;
}

static void count(const struct rm_query_quantiles *quantiles, const struct rm_piece *piece)
{
    for (uint32_t i = 0; i < piece->n; i++) {
        rm__narrowing_count(quantiles->of.room->narrowing, rm__order_key(piece->values[i]));
    }
}

static void take(struct rm_query_quantiles *quantiles, const struct rm_piece *piece)
{
    for (uint32_t i = 0; i < piece->n; i++) {
        uint64_t key = rm__order_key(piece->values[i]);

        if (rm__narrowing_has(quantiles->of.room->narrowing, key)) {
            *quantiles->to = key;
            quantiles->to++;
        }
    }
}

static void finish_narrowing(struct rm_query_quantiles *quantiles)
{
    uint64_t found[RM_RANKS_MAX];

    rm__narrowing_finish(quantiles->of.room->narrowing, quantiles->of.room->keys, found);
    rm__quantiles(&quantiles->places, found, results_of(quantiles, quantiles->begin));
    quantiles->stage = RM_QUANTILES_CHOOSE;
}

/* Errors: RM_ENOMEM. */
static int end_count(struct rm_query_quantiles *quantiles)
{
    struct rm_value_room *room = quantiles->of.room;
    uint64_t n_left = rm__narrowing_end_pass(room->narrowing);
    int rv = 0;

    begin_pass(quantiles);
    if (n_left > room->n_most) {
        return 0; /* counts again, what is left */
    }
    if (n_left == 0) {
        finish_narrowing(quantiles);
        return 0;
    }
    rv = make_room(room, (size_t)n_left);
    quantiles->to = room->keys;
    quantiles->stage = RM_QUANTILES_TAKE;
    return rv;
}

/* ---- stage by stage ---- */

void rm__query_quantiles_begin(struct rm_query_quantiles *quantiles,
                               const struct rm_quantiles_of *of)
{
    quantiles->of = *of;
    quantiles->stage = RM_QUANTILES_CHOOSE;
    quantiles->end = 0;
}

/* Where in time the chosen cells are. */
static void choose_range(struct rm_query_quantiles *quantiles)
{
    const struct rm_query *query = quantiles->of.query;
    struct rm_cell *const *ordered = quantiles->of.cells->ordered;
    struct rm_time_range *range = &quantiles->range;

    *range = rm__selection_range(&query->selection);
    if (query->step_ms > 0) {
        int64_t first_ms = ordered[quantiles->begin]->bucket_ms;
        int64_t last_ms =
            rm__bucket_of(query->step_ms, ordered[quantiles->end - 1]->bucket_ms).last_ms;

        range->first_ms = first_ms > range->first_ms ? first_ms : range->first_ms;
        range->last_ms = last_ms < range->last_ms ? last_ms : range->last_ms;
    }
}

/* The cells from the former end on that there is room for; one at least. Errors: RM_ENOMEM. */
static int choose(struct rm_query_quantiles *quantiles)
{
    struct rm_value_room *room = quantiles->of.room;
    int rv;

    quantiles->begin = quantiles->end;
    quantiles->n_values = 0;
    do {
        quantiles->n_values += (size_t)count_of(quantiles, quantiles->end);
        quantiles->end++;
    } while (quantiles->end < quantiles->of.cells->n &&
             quantiles->n_values + count_of(quantiles, quantiles->end) <= room->n_most);
    choose_range(quantiles);
    begin_pass(quantiles);
    if (quantiles->n_values > room->n_most) {
        quantiles->stage = RM_QUANTILES_COUNT;
        return begin_narrowing(quantiles);
    }
    quantiles->stage = RM_QUANTILES_GATHER;
    rv = make_room(room, quantiles->n_values);
    if (rv == 0) {
        place_cells(quantiles);
    }
    return rv;
}

static void take_piece(struct rm_query_quantiles *quantiles, const struct rm_piece *piece)
{
    switch (quantiles->stage) {
    case RM_QUANTILES_GATHER:
        gather(quantiles, piece);
        break;
    case RM_QUANTILES_COUNT:
        count(quantiles, piece);
        break;
    default:
        take(quantiles, piece);
        break;
    }
}

/* Errors: RM_ENOMEM. */
static int end_pass(struct rm_query_quantiles *quantiles, int64_t *budget)
{
    switch (quantiles->stage) {
    case RM_QUANTILES_GATHER:
        compute_cells(quantiles);
        *budget -= SELECT_COST * (int64_t)quantiles->n_values;
        quantiles->stage = RM_QUANTILES_CHOOSE;
        return 0;
    case RM_QUANTILES_COUNT:
        return end_count(quantiles);
    default:
        finish_narrowing(quantiles);
        return 0;
    }
}

/* Errors: RM_ENOMEM. */
static int work_on_pass(struct rm_query_quantiles *quantiles, int64_t *budget)
{
    struct rm_piece piece;
    enum rm_pass_state state;

    while ((state = rm__pass_next(&quantiles->pass, budget, &piece)) == RM_PASS_PIECE) {
        take_piece(quantiles, &piece);
    }
    return state == RM_PASS_ENDS ? end_pass(quantiles, budget) : 0;
}

int rm__query_quantiles_work(struct rm_query_quantiles *quantiles, int64_t *budget,
                             bool *ret_is_done)
{
    int rv = 0;

    *ret_is_done = false;
    while (rv == 0 && *budget > 0 && !*ret_is_done) {
        if (quantiles->stage != RM_QUANTILES_CHOOSE) {
            rv = work_on_pass(quantiles, budget);
        } else if (quantiles->end < quantiles->of.cells->n) {
            rv = choose(quantiles);
        } else {
            *ret_is_done = true;
        }
    }
    return rv;
}
