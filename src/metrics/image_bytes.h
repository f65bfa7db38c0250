/* Reading and writing the bytes of images: everything in them begins at a multiple of 8, texts are
 * filled up with zeros. */
#ifndef RAFTMETRICS_SRC_METRICS_IMAGE_BYTES_H
#define RAFTMETRICS_SRC_METRICS_IMAGE_BYTES_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "raftmetrics/base/slice.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "images are used as they lie in memory");

/* What fills @n_bytes up. */
static inline size_t rm__image_padding(size_t n_bytes)
{
    return -n_bytes % 8;
}

/* Writes @n_bytes to @to, with zeros behind them where they need filling up; the end of that. */
static inline char *rm__image_put(char *to, const void *bytes, size_t n_bytes)
{
    if (n_bytes > 0) {
        memcpy(to, bytes, n_bytes);
    }
    memset(to + n_bytes, 0, rm__image_padding(n_bytes));
    return to + n_bytes + rm__image_padding(n_bytes);
}

/* Takes @n things of @size bytes, a multiple of 8, off the front of *@rest; NULL where it has
 * fewer. */
static inline const void *rm__image_take(struct rm_slice *rest, size_t n, size_t size)
{
    const char *taken = rest->data;

    if (n > rest->len / size) {
        return NULL;
    }
    *rest = rm_slice_make(taken + n * size, rest->len - n * size);
    return taken;
}

/* Takes what rm__image_put wrote; false where it cannot be that. */
static inline bool rm__image_take_bytes(struct rm_slice *rest, size_t n_bytes,
                                        struct rm_slice *ret_bytes)
{
    static const char ZEROS[8] = {0};
    size_t n_padding = rm__image_padding(n_bytes);
    const char *taken = rest->data;

    if (n_bytes > rest->len || n_padding > rest->len - n_bytes ||
        memcmp(taken + n_bytes, ZEROS, n_padding) != 0) {
        return false;
    }
    *rest = rm_slice_make(taken + n_bytes + n_padding, rest->len - n_bytes - n_padding);
    *ret_bytes = rm_slice_make(taken, n_bytes);
    return true;
}

#endif
