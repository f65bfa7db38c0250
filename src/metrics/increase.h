/* By how much a counter rose over a run of its observations: what each value is above the one
 * before it, or above 0 where it is smaller, for then the counter was reset. All but the resets
 * cancel out: the increase is the last value less the first, and the value before each reset.
 *
 * Runs of one series are appended in the order of their positions; the increases of several series
 * are summed. Zeroed it is the empty run. */
#ifndef RAFTMETRICS_SRC_METRICS_INCREASE_H
#define RAFTMETRICS_SRC_METRICS_INCREASE_H

#include <stdbool.h>

#include "double_double.h"

struct rm_increase {
    bool has_values;
    double first;
    double last;
    struct rm_sum resets; /* the values before them */
};

/* Appends one value, or the run @next, to @increase. */
void rm__increase_add(struct rm_increase *increase, double value);
void rm__increase_append(struct rm_increase *increase, const struct rm_increase *next);

/* The run that goes on behind @increase, which has values, and has not risen yet. */
struct rm_increase rm__increase_behind(const struct rm_increase *increase);

/* Adds the increase to @sum; rm__sum_round of that is it as a double. */
void rm__increase_sum(const struct rm_increase *increase, struct rm_sum *sum);

#endif
