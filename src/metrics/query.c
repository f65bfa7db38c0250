/* Queries. Group by group: the series of a group are walked one after the other, and what they hold
 * is added to the cells of the buckets it lies in; then the values are gathered for quantiles. */
#include <math.h>
#include <stdlib.h>

#include "query_cells.h"
#include "query_estimate.h"
#include "query_groups.h"
#include "query_internal.h"
#include "query_pass.h"
#include "query_quantiles.h"
#include "query_result.h"
#include "raftmetrics/base/error.h"
#include "store_internal.h"

/* Values that are gathered at a time: 1 MiB, for finding order statistics among them cannot wait.
 */
enum { VALUES_MOST = 1 << 17 };

/* What is done besides its pass, in the time that a value takes to be read: some 5 ns. */
enum { GROUP_COST = 32, BUCKET_COST = 24 };

struct rm_query_run {
    struct rm_query query;
    struct rm_view view;
    struct rm_time_range range;
    enum { STAGE_GROUPING, STAGE_SUMMING, STAGE_ESTIMATE, STAGE_QUANTILES, STAGE_DONE } stage;
    struct rm_grouping grouping;
    struct rm_query_memory *memory; /* the result */
    double quantile_error;

    /* Of the group at hand. */
    size_t group;
    struct rm_cells cells;
    struct rm_pass pass;
    uint32_t n_begun;            /* series of the pass, as of the piece before */
    struct rm_cell *cell;        /* of that; NULL: there was none */
    struct rm_increase increase; /* of that series in that cell, from the value before it on */
    struct rm_query_estimate estimate;
    struct rm_value_room room;
    struct rm_query_quantiles quantiles;
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

/* Nothing more comes of a series for the cell; the next cell goes on from its last value. */
static void leave_cell(struct rm_query_run *run)
{
    if (run->cell != NULL && run->increase.has_values) {
        rm__increase_sum(&run->increase, &run->cell->increase);
        run->increase = rm__increase_behind(&run->increase);
    }
    run->cell = NULL;
}

/* Nothing more comes of a series. */
static void leave_series(struct rm_query_run *run)
{
    leave_cell(run);
    run->increase = (struct rm_increase){0};
}

/* Errors: RM_ENOMEM, RM_ETOOBIG. */
static int take_piece(struct rm_query_run *run, const struct rm_piece *piece)
{
    bool is_new_series = run->n_begun != run->pass.n_begun;

    if (is_new_series) {
        leave_series(run);
    }
    if (run->cell == NULL || run->cell->bucket_ms != piece->bucket_ms) {
        int rv;

        leave_cell(run);
        rv = rm__cells_get(&run->cells, piece->bucket_ms, !run->query.needs_moments, &run->cell);
        if (rv != 0) {
            return rv;
        }
    }
    run->n_begun = run->pass.n_begun;
    add_piece(run->pass.walk.series, piece, &run->cell->summary);
    if (run->query.needs_increase) {
        append_piece(run->pass.walk.series, piece, &run->increase);
    }
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

static const struct rm_series_group *group_of(const struct rm_query_run *run)
{
    return &run->memory->series.groups[run->group];
}

static void begin_group(struct rm_query_run *run)
{
    if (run->group == run->memory->series.n_groups) {
        run->stage = STAGE_DONE;
        return;
    }
    rm__cells_clear(&run->cells);
    run->cell = NULL;
    run->n_begun = 0;
    rm__pass_init(&run->pass, &run->view, group_of(run), run->range, run->query.step_ms,
                  group_of(run)->n_series == 1 ? RM_WALK_SUMMARIES : RM_WALK_ORDINALS);
    run->stage = STAGE_SUMMING;
}

/* Errors: RM_ENOMEM. */
static int begin_groups(struct rm_query_run *run)
{
    struct rm_query_memory *memory = run->memory;

    rm__grouping_take(&run->grouping, &memory->series);
    rm__grouping_done(&run->grouping);
    memory->groups = malloc((memory->series.n_groups + 1) * sizeof *memory->groups);
    if (memory->groups == NULL) {
        return RM_ENOMEM;
    }
    begin_group(run);
    return 0;
}

static void end_group(struct rm_query_run *run)
{
    const struct rm_cells *cells = &run->cells;
    size_t n_quantiles = run->query.n_quantiles;
    double *quantiles = rm__query_memory_quantiles(run->memory, n_quantiles);
    struct rm_query_bucket *buckets =
        rm__query_memory_add(run->memory, group_of(run)->labels, cells->n);

    for (size_t i = 0; i < cells->n; i++) {
        describe(&run->query, cells->ordered[i], &buckets[i]);
        buckets[i].quantiles = n_quantiles == 0 ? NULL : quantiles + i * n_quantiles;
    }
    run->group++;
    begin_group(run);
}

/* Of some values of the group nothing is known, once that was said of any. */
static void note_error(struct rm_query_run *run, double error)
{
    if (isnan(error) || error > run->quantile_error) {
        run->quantile_error = error;
    }
}

/* From the values that are held. */
static void begin_quantiles(struct rm_query_run *run, double *quantiles)
{
    rm__query_quantiles_begin(&run->quantiles, &(struct rm_quantiles_of){.query = &run->query,
                                                                         .view = &run->view,
                                                                         .group = group_of(run),
                                                                         .cells = &run->cells,
                                                                         .room = &run->room,
                                                                         .quantiles = quantiles});
    run->stage = STAGE_QUANTILES;
}

/* It is known what can be said of them. */
static void end_estimate(struct rm_query_run *run)
{
    double *quantiles = rm__query_memory_quantiles(run->memory, run->query.n_quantiles);
    double error = NAN;

    switch (rm__query_estimate_values(&run->estimate)) {
    case RM_GROUP_COUNTED:
        rm__query_estimate_take(&run->estimate, quantiles, &error);
        note_error(run, error);
        end_group(run);
        break;
    case RM_GROUP_LOST:
        note_error(run, error);
        begin_quantiles(run, quantiles);
        break;
    case RM_GROUP_HELD:
        begin_quantiles(run, quantiles);
        break;
    }
    rm__query_estimate_done(&run->estimate);
}

/* All of the group's series are in the cells. Errors: RM_ENOMEM, RM_ETOOBIG. */
static int end_summing(struct rm_query_run *run)
{
    const struct rm_query *query = &run->query;
    struct rm_cell *cell;
    int rv = 0;

    leave_series(run);
    if (run->cells.n == 0 && query->n_group_by > 0) {
        run->group++;
        begin_group(run);
        return 0;
    }
    if (run->cells.n == 0 && query->step_ms == 0) {
        rv = rm__cells_get(&run->cells, INT64_MIN, true, &cell);
    }
    if (rv == 0) {
        rv = rm__cells_order(&run->cells);
    }
    if (rv == 0) {
        rv = rm__query_memory_reserve(run->memory, run->cells.n, query->n_quantiles);
    }
    if (rv != 0) {
        return rv;
    }
    if (query->n_quantiles > 0) {
        rm__query_estimate_begin(&run->estimate, query, &run->view, group_of(run), run->range);
        run->stage = STAGE_ESTIMATE;
    } else {
        end_group(run);
    }
    return 0;
}

/* ---- stage by stage ---- */

static int work_on_grouping(struct rm_query_run *run, int64_t *budget)
{
    bool is_done;
    int rv = rm__grouping_work(&run->grouping, budget, &is_done);

    return rv == 0 && is_done ? begin_groups(run) : rv;
}

static int work_on_sums(struct rm_query_run *run, int64_t *budget)
{
    struct rm_piece piece;
    enum rm_pass_state state;

    while ((state = rm__pass_next(&run->pass, budget, &piece)) == RM_PASS_PIECE) {
        int rv = take_piece(run, &piece);

        if (rv != 0) {
            return rv;
        }
    }
    if (state == RM_PASS_WAITS) {
        return 0;
    }
    *budget -= GROUP_COST + BUCKET_COST * (int64_t)run->cells.n;
    return end_summing(run);
}

static int work_on_estimate(struct rm_query_run *run, int64_t *budget)
{
    bool is_done;
    int rv = rm__query_estimate_work(&run->estimate, budget, &is_done);

    if (rv == 0 && is_done) {
        end_estimate(run);
    }
    return rv;
}

static int work_on_quantiles(struct rm_query_run *run, int64_t *budget)
{
    bool is_done;
    int rv = rm__query_quantiles_work(&run->quantiles, budget, &is_done);

    if (rv == 0 && is_done) {
        end_group(run);
    }
    return rv;
}

int rm_query_run_work(struct rm_query_run *run, int64_t n_values, bool *ret_is_done)
{
    static int (*const stages[])(struct rm_query_run *,
                                 int64_t *) = {[STAGE_GROUPING] = work_on_grouping,
                                               [STAGE_SUMMING] = work_on_sums,
                                               [STAGE_ESTIMATE] = work_on_estimate,
                                               [STAGE_QUANTILES] = work_on_quantiles};
    int64_t budget = n_values;
    int rv = 0;

    if (run->view.is_lost) {
        return RM_ECANCELED;
    }
    while (rv == 0 && budget > 0 && run->stage != STAGE_DONE) {
        rv = stages[run->stage](run, &budget);
    }
    *ret_is_done = run->stage == STAGE_DONE;
    return rv;
}

/* ---- beginning and ending ---- */

int rm__query_run_begin(struct rm_store *store, const struct rm_query *query, size_t n_most_values,
                        struct rm_query_run **ret_run)
{
    const struct rm_metric *metric = rm__store_find_metric(store, query->selection.metric_name);
    struct rm_query_run *run;
    int rv;

    if (metric == NULL) {
        return RM_ENOTFOUND;
    }
    run = calloc(1, sizeof *run);
    if (run == NULL) {
        return RM_ENOMEM;
    }
    run->query = *query;
    run->range = rm__selection_range(&query->selection);
    run->cells = (struct rm_cells){.max = query->step_ms > 0 ? RM_STEPS_MAX : 1,
                                   .hash_seed = store->hash_seed};
    run->room.n_most = n_most_values;
    run->memory = calloc(1, sizeof *run->memory);
    rv = run->memory == NULL ? RM_ENOMEM : rm__view_open(&run->view, &store->views, metric);
    if (rv == 0) {
        rv = rm__grouping_init(&run->grouping, &run->query, &run->view, store->hash_seed);
    }
    if (rv != 0) {
        rm_query_run_free(run);
        return rv;
    }
    *ret_run = run;
    return 0;
}

int rm_query_run_begin(struct rm_store *store, const struct rm_query *query,
                       struct rm_query_run **ret_run)
{
    return rm__query_run_begin(store, query, VALUES_MOST, ret_run);
}

void rm_query_run_take(struct rm_query_run *run, struct rm_query_result *ret_result)
{
    *ret_result = (struct rm_query_result){.groups = run->memory->groups,
                                           .n_groups = run->memory->n_groups,
                                           .quantile_error = run->quantile_error,
                                           .memory = run->memory};
    run->memory = NULL;
}

size_t rm_query_run_bytes(const struct rm_query_run *run)
{
    return sizeof *run + rm__view_bytes(&run->view) + rm__grouping_bytes(run->view.n) +
           (run->query.n_quantiles > 0 ? run->room.n_most * sizeof(double) : 0);
}

bool rm_query_run_close(struct rm_query_run *run, int64_t n_values)
{
    int64_t budget = n_values;

    return run == NULL || rm__view_release(&run->view, &budget);
}

void rm_query_run_free(struct rm_query_run *run)
{
    if (run == NULL) {
        return;
    }
    rm__view_close(&run->view);
    rm__grouping_done(&run->grouping);
    rm__query_memory_free(run->memory);
    rm__cells_done(&run->cells);
    rm__query_estimate_done(&run->estimate);
    rm__value_room_done(&run->room);
    free(run);
}

int rm__store_query(struct rm_store *store, const struct rm_query *query, size_t n_most_values,
                    struct rm_query_result *ret_result)
{
    struct rm_query_run *run;
    bool is_done;
    int rv = rm__query_run_begin(store, query, n_most_values, &run);

    if (rv != 0) {
        return rv;
    }
    rv = rm_query_run_work(run, INT64_MAX, &is_done);
    if (rv == 0) {
        rm_query_run_take(run, ret_result);
    }
    rm_query_run_free(run);
    return rv;
}

int rm_store_query(struct rm_store *store, const struct rm_query *query,
                   struct rm_query_result *ret_result)
{
    return rm__store_query(store, query, VALUES_MOST, ret_result);
}
