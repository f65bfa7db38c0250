/* The query parameters of a read, understood. Control reads them to refuse what is wrong, the
 * worker to answer. */
#ifndef RAFTMETRICS_SRC_API_READ_QUERY_H
#define RAFTMETRICS_SRC_API_READ_QUERY_H

#include <stdbool.h>

#include "params.h"
#include "problem.h"
#include "raftmetrics/base/exposition.h"
#include "raftmetrics/metrics/query.h"
#include "raftmetrics/raft/replica.h"
#include "route.h"

enum rm__agg {
    RM__AGG_COUNT,
    RM__AGG_SUM,
    RM__AGG_MEAN, /* also as "avg" */
    RM__AGG_MIN,
    RM__AGG_MAX,
    RM__AGG_FIRST,
    RM__AGG_LAST,
    RM__AGG_STDDEV,
    RM__AGG_VARIANCE,
};

enum { RM__AGGS_MAX = 64 };

/* Slices point into the params it was read from. */
struct rm__read_query {
    struct rm_selection selection;
    size_t limit;
    bool has_timestamps;
    bool by_series;
    bool has_cursor;
    struct rm_position before; /* of the cursor, for values */
    struct rm_slice prefix;    /* of a listing */
    struct rm_slice after;     /* of a listing's cursor */
    int decimals;              /* -1: as they are */
    enum rm_read_level level;
    bool wants_json;                  /* of a listing; otherwise it is an exposition */
    struct rm_exposition_style style; /* of an exposition */
    struct rm__agg_field {
        enum rm__agg agg;
        struct rm_slice name; /* as asked */
    } aggs[RM__AGGS_MAX];
    size_t n_aggs;
};

/* @name: the metric's, empty for a listing. @accept: the header field.
 * RM_EINVAL: *@ret_problem says what is wrong, or what is not implemented. */
int rm__read_query_init(struct rm__read_query *query, enum rm__action action, struct rm_slice name,
                        const struct rm__params *params, struct rm_slice accept, int64_t now_ms,
                        struct rm__problem *ret_problem);

/* The text of a cursor to what stands before @position. */
enum { RM__CURSOR_TEXT_MAX = 48 };
void rm__cursor_format(const struct rm_position *position, char ret_text[RM__CURSOR_TEXT_MAX]);

#endif
