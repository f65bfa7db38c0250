/* The JSON of GET /metrics/{name}, written piece by piece out of frozen values: however many there
 * are, a piece is little work, and little is held. */
#ifndef RAFTMETRICS_SRC_API_WORKER_VALUES_BODY_H
#define RAFTMETRICS_SRC_API_WORKER_VALUES_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "../read_query.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/json_writer.h"
#include "raftmetrics/metrics/frozen_values.h"

enum { RM__VALUES_PIECE_POINTS = 128 };

/* A way through the values. */
struct rm__values_walk {
    struct rm_frozen_values *frozen; /* NULL: nobody goes it */
    struct rm_point points[RM__VALUES_PIECE_POINTS];
    size_t n;
    size_t at;
};

enum rm__values_stage {
    RM__VALUES_HEAD,
    RM__VALUES_SERIES,
    RM__VALUES_VALUES,
    RM__VALUES_TIMESTAMPS,
    RM__VALUES_TAIL,
    RM__VALUES_DONE,
};

struct rm__values_body {
    const struct rm__read_query *query; /* borrowed, with its slices */
    struct rm__values_walk values;      /* ahead, … */
    struct rm__values_walk timestamps;  /* … and behind it: they stand in arrays of their own */
    enum rm__values_stage stage;
    uint32_t series;           /* that is written now, where it is by series */
    struct rm_position oldest; /* of the values so far */
    bool has_oldest;
    struct rm_json_writer json;
    struct rm_buffer bytes; /* written and not taken yet: the caller's to take and to clear */
    size_t n_written;       /* values, timestamps and labels so far */
};

/* Takes @values over, of which nothing was taken yet. @query is borrowed. Errors: RM_ENOMEM, after
 * which it can only be ended. */
int rm__values_body_init(struct rm__values_body *body, struct rm_frozen_values *values,
                         const struct rm__read_query *query);
void rm__values_body_done(struct rm__values_body *body);

static inline bool rm__values_body_is_written(const struct rm__values_body *body)
{
    return body->stage == RM__VALUES_DONE;
}

/* Appends the next piece: some values of one array at most, or the labels of one series.
 * Errors: RM_ENOMEM, RM_ETOOBIG, which stay. */
int rm__values_body_write(struct rm__values_body *body);

/* Of memory, at most, @bytes not counted. */
size_t rm__values_body_size(const struct rm__values_body *body);

#endif
