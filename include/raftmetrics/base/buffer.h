/* A growable byte buffer that knows its maximum. What was appended stays contiguous. */
#ifndef RAFTMETRICS_BASE_BUFFER_H
#define RAFTMETRICS_BASE_BUFFER_H

#include <stddef.h>

#include "raftmetrics/base/slice.h"

struct rm_buffer {
    char *data; /* NULL until the first byte */
    size_t len;
    size_t capacity;
    size_t max; /* len never passes this */
};

/* An empty buffer that holds at most @max bytes. Allocates nothing. */
void rm_buffer_init(struct rm_buffer *buffer, size_t max);

/* Frees the bytes; the buffer is empty and usable again. */
void rm_buffer_done(struct rm_buffer *buffer);

/* Forgets the bytes, keeps the memory. */
void rm_buffer_clear(struct rm_buffer *buffer);

/* Makes room for @more bytes behind len, so that they may be written there and len raised.
 * Errors: RM_ENOMEM; RM_ETOOBIG past the maximum. The content is unchanged. */
int rm_buffer_reserve(struct rm_buffer *buffer, size_t more);

/* Each appends, or leaves the buffer as it was; printf wants room for one byte more than it
 * appends. Errors: as rm_buffer_reserve. */
int rm_buffer_append(struct rm_buffer *buffer, const void *data, size_t len);
int rm_buffer_append_slice(struct rm_buffer *buffer, struct rm_slice slice);
int rm_buffer_append_text(struct rm_buffer *buffer, const char *text);
int rm_buffer_append_byte(struct rm_buffer *buffer, char byte);
int rm_buffer_printf(struct rm_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The bytes, borrowed until the next change. */
struct rm_slice rm_buffer_peek(const struct rm_buffer *buffer);

/* Hands the bytes to the caller, who frees them; the buffer is empty. NULL when it was empty. */
char *rm_buffer_take(struct rm_buffer *buffer);

#endif
