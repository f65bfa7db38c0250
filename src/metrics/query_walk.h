/* A walk over the observations of a series in a range of time, in their order, once, in pieces that
 * lie in one bucket each. Whole chunks in one bucket are one piece, and not looked into. */
#ifndef RAFTMETRICS_SRC_METRICS_QUERY_WALK_H
#define RAFTMETRICS_SRC_METRICS_QUERY_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/metrics/query.h"
#include "series.h"

/* Both inclusive, so that there is a last millisecond. Empty where first is behind last. */
struct rm_time_range {
    int64_t first_ms;
    int64_t last_ms;
};

struct rm_time_range rm__selection_range(const struct rm_selection *selection);

/* The bucket that @timestamp_ms is in, cut off at the ends of time; all time for a step of 0. */
struct rm_time_range rm__bucket_of(int64_t step_ms, int64_t timestamp_ms);

enum rm_walk_needs {
    RM_WALK_SUMMARIES = 0, /* pieces of whole chunks may be left unread */
    RM_WALK_VALUES = 1,    /* all pieces are read */
    RM_WALK_ORDINALS = 2,  /* they are compared with those of other series */
};

struct rm_walk {
    const struct rm_series *series;
    struct rm_time_range range;
    int64_t step_ms;
    unsigned needs;
    uint32_t chunk;                /* the next */
    const struct rm_chunk *opened; /* the one before it, of which these are left: */
    uint32_t next;
    uint32_t end;
    const struct rm_observation *observations; /* of it; NULL where its ordinals are not needed */
    int64_t timestamps_ms[RM_CHUNK_MAX];
    double values[RM_CHUNK_MAX];
    struct rm_chunk_window window;
};

struct rm_piece {
    int64_t bucket_ms; /* start of its bucket */

    /* Values in their order, until the walk goes on; or where that is NULL, the chunks from begin
     * to the one before end. */
    const double *values;
    uint32_t n;
    struct rm_observation first; /* their ordinals mean nothing beside those of other series, */
    struct rm_observation last;  /* unless they were asked for */
    uint32_t begin;
    uint32_t end;
};

/* @needs: of enum rm_walk_needs. */
void rm__walk_init(struct rm_walk *walk, const struct rm_series *series, struct rm_time_range range,
                   int64_t step_ms, unsigned needs);

/* False at the end. */
bool rm__walk_next(struct rm_walk *walk, struct rm_piece *ret_piece);

/* Only then may the walk wait while the series changes, and go on over a snapshot of it. */
bool rm__walk_is_between_chunks(const struct rm_walk *walk);

#endif
