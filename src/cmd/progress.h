/* A progress bar on stderr, where that is a terminal; else silence. */
#ifndef RAFTMETRICS_SRC_CMD_PROGRESS_H
#define RAFTMETRICS_SRC_CMD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct rm_progress {
    bool is_shown;
    uint64_t total;   /* what is done when all is */
    uint64_t n_start; /* what was done before this run */
    uint64_t start_ms;
    uint64_t drawn_ms;
};

/* @n_before: values that an earlier run recorded. */
void rm_progress_start(struct rm_progress *progress, uint64_t total, uint64_t n_before);

/* Draws at most ten times a second. */
void rm_progress_show(struct rm_progress *progress, uint64_t done, uint64_t n_values);

/* Wipes the bar, so that a line can be printed. */
void rm_progress_clear(struct rm_progress *progress);

#endif
