/* Numbers to and from text, whatever the locale. */
#ifndef RAFTMETRICS_BASE_NUMBER_H
#define RAFTMETRICS_BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/slice.h"

enum { RM_DOUBLE_TEXT_MAX = 32 };

/* Writes the shortest decimal that reads back to exactly @value, NUL-terminated, and returns its
 * length. @value is finite. The layout is ECMAScript's (Number::toString), which JSON allows: 3,
 * 80.2, 0.000001, 1e-7, 100000000000000000000, 1e+21; but negative zero is -0.0, so that readers
 * keep its sign. */
size_t rm_double_format(double value, char ret_text[RM_DOUBLE_TEXT_MAX]);

/* @value rounded to @decimals (0 to 17) digits behind the point, half to even of the exact
 * decimal value, as printf rounds. */
double rm_double_round(double value, int decimals);

/* A finite decimal number that fills the whole slice: an optional '-', digits with at most one
 * point among, before or behind them, an optional exponent. Rounded to the nearest double, also
 * to 0. Errors: RM_ESYNTAX; RM_ERANGE where it overflows a double. */
int rm_double_parse(struct rm_slice text, double *ret_value);

/* A decimal integer, with an optional '-', that fills the whole slice.
 * Errors: RM_ESYNTAX; RM_ERANGE outside [@min, @max]. */
int rm_int_parse(struct rm_slice text, int64_t min, int64_t max, int64_t *ret_value);

#endif
