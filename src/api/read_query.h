/* The query parameters of a read, understood. Control reads them to refuse what is wrong, the
 * worker to answer. */
#ifndef RAFTMETRICS_SRC_API_READ_QUERY_H
#define RAFTMETRICS_SRC_API_READ_QUERY_H

#include <stdbool.h>

#include "aggregate_query.h"
#include "params.h"
#include "problem.h"
#include "raftmetrics/base/exposition.h"
#include "raftmetrics/metrics/query.h"
#include "raftmetrics/raft/replica.h"
#include "route.h"

/* Slices point into the params it was read from. */
struct rm__read_query {
    struct rm_selection selection;
    int64_t now_ms; /* when it was asked, to who stamps values: what its answer is as of */
    size_t limit;
    bool has_timestamps;
    bool by_series;
    bool has_cursor;
    struct rm_position before; /* of the cursor, for values */
    bool wants_native;         /* of a histogram */
    uint64_t after_series;     /* of the cursor, for series; 0: from the first */
    struct rm_slice prefix;    /* of a listing */
    struct rm_slice after;     /* of a listing's cursor */
    int decimals;              /* -1: as they are */
    enum rm_read_level level;
    bool wants_json;                      /* of a listing; otherwise it is an exposition */
    struct rm_exposition_style style;     /* of an exposition */
    struct rm__aggregate_query aggregate; /* of an aggregate */
};

/* @name: the metric's, empty for a listing. @accept: the header field.
 * RM_EINVAL: *@ret_problem says what is wrong, or what is not implemented. */
int rm__read_query_init(struct rm__read_query *query, enum rm__action action, struct rm_slice name,
                        const struct rm__params *params, struct rm_slice accept, int64_t now_ms,
                        struct rm__problem *ret_problem);

/* The text of a cursor to what stands before @position. */
enum { RM__CURSOR_TEXT_MAX = 48 };
void rm__cursor_format(const struct rm_position *position, char ret_text[RM__CURSOR_TEXT_MAX]);

/* The text of a cursor to the series behind the first @n. */
void rm__series_cursor_format(uint64_t n, char ret_text[RM__CURSOR_TEXT_MAX]);

#endif
