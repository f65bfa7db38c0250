#include "raftmetrics/base/duration.h"

#include <stdbool.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "scan.h"

enum { MS_PER_SECOND = 1000, MS_PER_MINUTE = 60000, MS_PER_HOUR = 3600000, MS_PER_DAY = 86400000 };

/* The unit at the front, in milliseconds; 0 where there is none. */
static int64_t take_unit(struct rm_slice *rest)
{
    if (rm__scan_any(rest, "m")) {
        return rm__scan_any(rest, "s") ? 1 : MS_PER_MINUTE;
    }
    if (rm__scan_any(rest, "s")) {
        return MS_PER_SECOND;
    }
    if (rm__scan_any(rest, "h")) {
        return MS_PER_HOUR;
    }
    return rm__scan_any(rest, "d") ? MS_PER_DAY : 0;
}

/* Takes a count and its unit. A product that is too large is returned as just past the maximum, so
 * that what follows is still checked. */
static bool take_term(struct rm_slice *rest, int64_t *ret_ms)
{
    struct rm_slice digits = rm_slice_make(rest->data, rm__scan_count_digits(*rest));
    int64_t count = 0;
    int64_t unit;

    if (digits.len == 0) {
        return false;
    }
    if (rm_int_parse(digits, 0, RM_DURATION_MAX_MS, &count) != 0) {
        count = RM_DURATION_MAX_MS + 1;
    }
    rm__scan_skip(rest, digits.len);
    unit = take_unit(rest);
    if (unit == 0) {
        return false;
    }
    *ret_ms = count > RM_DURATION_MAX_MS / unit ? RM_DURATION_MAX_MS + 1 : count * unit;
    return true;
}

int rm_duration_parse(struct rm_slice text, int64_t *ret_ms)
{
    int64_t sum = 0;

    while (text.len > 0) {
        int64_t ms;

        if (!take_term(&text, &ms)) {
            return RM_ESYNTAX;
        }
        sum += ms;
        if (sum > RM_DURATION_MAX_MS) {
            sum = RM_DURATION_MAX_MS + 1;
        }
    }
    if (sum == 0) {
        return RM_ESYNTAX;
    }
    if (sum > RM_DURATION_MAX_MS) {
        return RM_ERANGE;
    }
    *ret_ms = sum;
    return 0;
}
