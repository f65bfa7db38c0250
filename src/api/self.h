/* The words in which a daemon tells its own metrics: families whose names are ours, with labels of
 * one or two short texts. */
#ifndef RAFTMETRICS_SRC_API_SELF_H
#define RAFTMETRICS_SRC_API_SELF_H

#include "raftmetrics/base/exposition.h"
#include "raftmetrics/base/tally.h"

/* @help: a sentence. */
void rm__self_counter(struct rm_exposition *exposition, const char *name, const char *help);
void rm__self_gauge(struct rm_exposition *exposition, const char *name, const char *help);
void rm__self_histogram(struct rm_exposition *exposition, const char *name, const char *help);

/* The labels of the next samples: pairs of names and values, closed by NULL. */
void rm__self_labels(struct rm_exposition *exposition, ...) __attribute__((sentinel));

/* A gauge of one sample. */
void rm__self_gauge_of(struct rm_exposition *exposition, const char *name, const char *help,
                       double value);

/* The sample of a histogram. */
void rm__self_tally(struct rm_exposition *exposition, const struct rm_tally_scale *scale,
                    const struct rm_tally *tally);

/* raftmetrics_build_info and what the system knows of this process. */
void rm__self_write_process(struct rm_exposition *exposition, const char *role);

#endif
