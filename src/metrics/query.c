/* rm_store_query. Group by group: the series of a group are walked one after the other, and what
 * they hold is added to the cells of the buckets it lies in. */
#include <math.h>
#include <stdlib.h>

#include "query_cells.h"
#include "query_estimate.h"
#include "query_groups.h"
#include "query_internal.h"
#include "query_quantiles.h"
#include "query_result.h"
#include "query_walk.h"
#include "raftmetrics/base/error.h"
#include "store_internal.h"

/* Values that are gathered at a time: 32 MiB. */
enum { VALUES_MOST = 1 << 22 };

struct computation {
    const struct rm_query *query;
    struct rm_time_range range;
    struct rm_cells cells; /* of the group at hand */
    struct rm_value_room room;
    struct rm_query_memory *memory;
    double quantile_error;
};

/* ---- cells ---- */

static void add_piece(const struct rm_series *series, const struct rm_piece *piece,
                      struct rm_summary *summary)
{
    if (piece->values == NULL) {
        rm__series_summarize(series, (struct rm_series_place){piece->begin, 0},
                             (struct rm_series_place){piece->end, 0}, summary);
        return;
    }
    rm__summary_add_run(summary, piece->values, piece->n, &piece->first, &piece->last);
}

static void append_piece(const struct rm_series *series, const struct rm_piece *piece,
                         struct rm_increase *increase)
{
    if (piece->values == NULL) {
        rm__series_increase(series, (struct rm_series_place){piece->begin, 0},
                            (struct rm_series_place){piece->end, 0}, increase);
        return;
    }
    for (uint32_t i = 0; i < piece->n; i++) {
        rm__increase_add(increase, piece->values[i]);
    }
}

/* Nothing more comes of a series for @cell, which it may not have had. */
static void end_increase(struct rm_cell *cell, struct rm_increase *increase)
{
    if (increase->has_values) {
        rm__increase_sum(increase, &cell->increase);
        *increase = (struct rm_increase){0};
    }
}

/* Errors: RM_ENOMEM, RM_ETOOBIG. */
static int add_series(struct computation *computation, const struct rm_series *series,
                      bool is_alone)
{
    const struct rm_query *query = computation->query;
    struct rm_cell *cell = NULL;
    struct rm_increase increase = {0};
    struct rm_piece piece;
    struct rm_walk walk;

    rm__walk_init(&walk, series, computation->range, query->step_ms,
                  is_alone ? RM_WALK_SUMMARIES : RM_WALK_ORDINALS);
    while (rm__walk_next(&walk, &piece)) {
        if (cell == NULL || cell->bucket_ms != piece.bucket_ms) {
            int rv;

            end_increase(cell, &increase);
            rv = rm__cells_get(&computation->cells, piece.bucket_ms, !query->needs_moments, &cell);
            if (rv != 0) {
                return rv;
            }
        }
        add_piece(series, &piece, &cell->summary);
        if (query->needs_increase) {
            append_piece(series, &piece, &increase);
        }
    }
    end_increase(cell, &increase);
    return 0;
}

/* ---- the result ---- */

static void describe(const struct rm_query *query, const struct rm_cell *cell,
                     struct rm_query_bucket *ret_bucket)
{
    bool has_increase = query->needs_increase && cell->summary.count > 0;

    *ret_bucket = (struct rm_query_bucket){
        .start_ms = query->step_ms > 0 ? cell->bucket_ms : query->selection.from_ms,
        .increase = has_increase ? rm__sum_round(&cell->increase) : NAN,
        .first_ms = cell->summary.first.position.timestamp_ms,
        .last_ms = cell->summary.last.position.timestamp_ms};
    rm__summary_aggregate(&cell->summary, &ret_bucket->aggregate);
}

/* Of some values of the group nothing is known, once that was said of any. */
static void note_error(struct computation *computation, double error)
{
    if (isnan(error) || error > computation->quantile_error) {
        computation->quantile_error = error;
    }
}

/* Those of each cell. Errors: RM_ENOMEM. */
static int add_quantiles(struct computation *computation, const struct rm_series_group *group,
                         double *quantiles)
{
    const struct rm_query *query = computation->query;
    enum rm_group_values values = rm__group_values(query, group, computation->range);
    double error = NAN;
    int rv;

    if (values == RM_GROUP_COUNTED) {
        rv = rm__query_estimate(query, group, quantiles, &error);
        if (rv == 0) {
            note_error(computation, error);
        }
        return rv;
    }
    if (values == RM_GROUP_LOST) {
        note_error(computation, NAN);
    }
    return rm__query_quantiles(query, group, &computation->cells, &computation->room, quantiles);
}

/* Adds the group that the cells were computed of. Errors: RM_ENOMEM, RM_ETOOBIG. */
static int add_result(struct computation *computation, const struct rm_series_group *group)
{
    const struct rm_query *query = computation->query;
    struct rm_query_memory *memory = computation->memory;
    struct rm_cells *cells = &computation->cells;
    int rv = rm__cells_order(cells);

    if (rv == 0) {
        rv = rm__query_memory_reserve(memory, cells->n, query->n_quantiles);
    }
    if (rv == 0 && query->n_quantiles > 0) {
        rv = add_quantiles(computation, group,
                           memory->quantiles + memory->n_buckets * query->n_quantiles);
    }
    if (rv != 0) {
        return rv;
    }
    for (size_t i = 0; i < cells->n; i++) {
        describe(query, cells->ordered[i], &memory->buckets[memory->n_buckets + i]);
    }
    memory->n_buckets += cells->n;
    memory->groups[memory->n_groups] =
        (struct rm_query_group){.labels = group->labels, .n_buckets = cells->n};
    memory->n_groups++;
    return 0;
}

/* Errors: RM_ENOMEM, RM_ETOOBIG. */
static int add_group(struct computation *computation, const struct rm_series_group *group)
{
    struct rm_cell *cell;
    int rv = 0;

    rm__cells_clear(&computation->cells);
    for (uint32_t i = 0; i < group->n_series && rv == 0; i++) {
        rv = add_series(computation, group->series[i], group->n_series == 1);
    }
    if (rv == 0 && computation->cells.n == 0) {
        if (computation->query->n_group_by > 0) {
            return 0;
        }
        if (computation->query->step_ms == 0) {
            rv = rm__cells_get(&computation->cells, INT64_MIN, true, &cell);
        }
    }
    return rv != 0 ? rv : add_result(computation, group);
}

/* Errors: RM_ENOMEM, RM_ETOOBIG. */
static int compute(struct computation *computation, const struct rm_metric *metric,
                   uint64_t hash_seed)
{
    struct rm_query_memory *memory = computation->memory;
    int rv = rm__series_groups_init(metric, computation->query, hash_seed, &memory->series);

    if (rv != 0) {
        return rv;
    }
    memory->groups = calloc(memory->series.n_groups + 1, sizeof *memory->groups);
    if (memory->groups == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < memory->series.n_groups && rv == 0; i++) {
        rv = add_group(computation, &memory->series.groups[i]);
    }
    if (rv == 0) {
        rm__query_memory_point(memory, computation->query->n_quantiles);
    }
    return rv;
}

int rm__store_query(struct rm_store *store, const struct rm_query *query, size_t n_most_values,
                    struct rm_query_result *ret_result)
{
    const struct rm_metric *metric = rm__store_find_metric(store, query->selection.metric_name);
    struct computation computation = {
        .query = query,
        .range = rm__selection_range(&query->selection),
        .cells = {.max = query->step_ms > 0 ? RM_STEPS_MAX : 1, .hash_seed = store->hash_seed},
        .room = {.n_most = n_most_values}};
    int rv;

    if (metric == NULL) {
        return RM_ENOTFOUND;
    }
    computation.memory = calloc(1, sizeof *computation.memory);
    if (computation.memory == NULL) {
        return RM_ENOMEM;
    }
    rv = compute(&computation, metric, store->hash_seed);
    if (rv == 0) {
        *ret_result = (struct rm_query_result){.groups = computation.memory->groups,
                                               .n_groups = computation.memory->n_groups,
                                               .quantile_error = computation.quantile_error,
                                               .memory = computation.memory};
    } else {
        rm__query_memory_free(computation.memory);
    }
    rm__cells_done(&computation.cells);
    rm__value_room_done(&computation.room);
    return rv;
}

int rm_store_query(struct rm_store *store, const struct rm_query *query,
                   struct rm_query_result *ret_result)
{
    return rm__store_query(store, query, VALUES_MOST, ret_result);
}
