/* Instants: milliseconds since the epoch, UTC, of the years 1 to 9999. The calendar is the
 * Gregorian one throughout; days are counted as in Howard Hinnant's "chrono-Compatible Low-Level
 * Date Algorithms", https://howardhinnant.github.io/date_algorithms.html. */
#ifndef RAFTMETRICS_BASE_TIMESTAMP_H
#define RAFTMETRICS_BASE_TIMESTAMP_H

#include <stdint.h>

#include "raftmetrics/base/slice.h"

#define RM_TIMESTAMP_MIN_MS INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define RM_TIMESTAMP_MAX_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

enum { RM_TIMESTAMP_TEXT_LEN = 24 };

enum rm_precision {
    RM_PRECISION_NONE, /* milliseconds, and small integers are ambiguous */
    RM_PRECISION_S,
    RM_PRECISION_MS,
    RM_PRECISION_US,
    RM_PRECISION_NS,
};

/* Writes 2024-11-25T20:59:23.376Z, NUL-terminated. @ms is within the bounds above. */
void rm_timestamp_format(int64_t ms, char ret_text[RM_TIMESTAMP_TEXT_LEN + 1]);

/* RFC 3339: any offset up to 23:59; 't', 'z' and a space for 'T' are taken; digits finer than
 * milliseconds are cut towards the past; a leap second, 23:59:60 UTC at the end of a month, is read
 * as the next second's start.
 * Errors: RM_ESYNTAX; RM_ERANGE outside the years 1 to 9999, the offset applied. */
int rm_timestamp_parse(struct rm_slice text, int64_t *ret_ms);

/* An integer count of @precision since the epoch, floored to milliseconds.
 * Errors: RM_EAMBIGUOUS with RM_PRECISION_NONE between -1e11 and 1e11 (both exclusive); RM_ERANGE
 * outside the years 1 to 9999. */
int rm_timestamp_from_int(int64_t count, enum rm_precision precision, int64_t *ret_ms);

/* "s", "ms", "us", "ns". Errors: RM_EINVAL, output untouched. */
int rm_precision_parse(struct rm_slice text, enum rm_precision *ret_precision);

#endif
