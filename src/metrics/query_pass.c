#include "query_pass.h"

/* In the time that a value takes to be read: some 5 ns. */
enum {
    SERIES_COST = 64, /* to find where its range begins */
    PIECE_COST = 8,
    CHUNK_COST = 8, /* to add what it says of itself, where that was not asked before */
};

void rm__pass_init(struct rm_pass *pass, const struct rm_view *view,
                   const struct rm_series_group *group, struct rm_time_range range, int64_t step_ms,
                   unsigned needs)
{
    pass->view = view;
    pass->group = group;
    pass->range = range;
    pass->step_ms = step_ms;
    pass->needs = needs;
    pass->n_begun = 0;
}

static int64_t cost_of(const struct rm_piece *piece)
{
    return PIECE_COST +
           (piece->values == NULL ? (int64_t)CHUNK_COST * (piece->end - piece->begin) : piece->n);
}

static void begin_series(struct rm_pass *pass)
{
    rm__walk_init(&pass->walk, rm__view_series(pass->view, pass->group->series[pass->n_begun]),
                  pass->range, pass->step_ms, pass->needs);
    pass->n_begun++;
}

/* Since then the series may have been kept, as it was. */
static void resume_series(struct rm_pass *pass)
{
    pass->walk.series = rm__view_series(pass->view, pass->group->series[pass->n_begun - 1]);
}

enum rm_pass_state rm__pass_next(struct rm_pass *pass, int64_t *budget, struct rm_piece *ret_piece)
{
    if (pass->n_begun > 0) {
        resume_series(pass);
    }
    for (;;) {
        if (*budget <= 0 && (pass->n_begun == 0 || rm__walk_is_between_chunks(&pass->walk))) {
            return RM_PASS_WAITS;
        }
        if (pass->n_begun > 0 && rm__walk_next(&pass->walk, ret_piece)) {
            *budget -= cost_of(ret_piece);
            return RM_PASS_PIECE;
        }
        if (pass->n_begun == pass->group->n_series) {
            return RM_PASS_ENDS;
        }
        *budget -= SERIES_COST;
        begin_series(pass);
    }
}
