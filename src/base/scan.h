/* The small steps of our parsers: each looks at the front of @rest, and cuts off what it took. */
#ifndef RAFTMETRICS_BASE_SCAN_H
#define RAFTMETRICS_BASE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "raftmetrics/base/slice.h"

static inline void rm__scan_skip(struct rm_slice *rest, size_t n)
{
    if (n > 0) { /* data may be NULL in an empty slice */
        *rest = rm_slice_make(rest->data + n, rest->len - n);
    }
}

/* One byte out of @bytes. */
static inline bool rm__scan_any(struct rm_slice *rest, const char *bytes)
{
    if (rest->len == 0 || memchr(bytes, rest->data[0], strlen(bytes)) == NULL) {
        return false;
    }
    rm__scan_skip(rest, 1);
    return true;
}

/* How many decimal digits stand at the front; takes none. */
static inline size_t rm__scan_count_digits(struct rm_slice rest)
{
    size_t n = 0;

    while (n < rest.len && rest.data[n] >= '0' && rest.data[n] <= '9') {
        n++;
    }
    return n;
}

#endif
