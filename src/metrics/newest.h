/* The newest observations of several series, found in slices. */
#ifndef RAFTMETRICS_SRC_METRICS_NEWEST_H
#define RAFTMETRICS_SRC_METRICS_NEWEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "part.h"
#include "raftmetrics/base/buffer.h"

/* A part that waits for its turn, or had it. */
struct rm_newest_part {
    size_t part;
    size_t share;
    struct rm_position bound;
};

/* The latest of positions that are shown one by one. */
struct rm_latest {
    struct rm_position *positions;
    size_t n;
    size_t capacity;
    size_t n_wanted;
    struct rm_position first; /* none before is wanted */

    /* Where positions low to high are being parted, as far as i and j have come. */
    size_t low;
    size_t high;
    size_t i;
    size_t j;
    struct rm_position pivot;
};

enum rm_newest_stage {
    RM_NEWEST_FILL,    /* the heap, with the last part of each share */
    RM_NEWEST_HEAPIFY, /* … */
    RM_NEWEST_TAKE,    /* parts, until they hold enough */
    RM_NEWEST_COUNT,   /* what surely is wanted of them */
    RM_NEWEST_SHOW,    /* what may be, of those, … */
    RM_NEWEST_GO_ON,   /* … and of the others */
    RM_NEWEST_CUT,     /* the shares */
    RM_NEWEST_DONE,
};

struct rm_newest {
    struct rm_part *parts;
    struct rm_share *shares;
    size_t n_shares;
    uint64_t limit;
    enum rm_newest_stage stage;
    size_t next;                 /* of what the stage goes through */
    struct rm_newest_part *heap; /* the next part of each share, the latest on top */
    size_t n_heap;
    struct rm_buffer taken; /* of struct rm_newest_part */
    uint64_t n_taken;       /* observations */
    struct rm_position end;
    struct rm_latest latest;
    bool is_selecting; /* before the stage goes on */
};

/* Is to move the fronts of @shares (@n of @parts, of series of one metric, none empty) to where
 * together they hold their newest @limit (not 0) observations, of more. Both are borrowed. On error
 * it can only be ended. Errors: RM_ENOMEM. */
int rm__newest_begin(struct rm_newest *newest, struct rm_part *parts, struct rm_share *shares,
                     size_t n, uint64_t limit);

/* Goes on until the cost has used up @budget (query_pass.h). When stage is RM_NEWEST_DONE the
 * shares are cut, and may be empty. On error it can only be ended. Errors: RM_ENOMEM. */
int rm__newest_work(struct rm_newest *newest, int64_t *budget);

/* Allocated bytes. */
size_t rm__newest_bytes(const struct rm_newest *newest);

/* Harmless on a zeroed one. */
void rm__newest_done(struct rm_newest *newest);

#endif
