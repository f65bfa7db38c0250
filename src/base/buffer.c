#include "raftmetrics/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "raftmetrics/base/error.h"

enum { SMALLEST_CAPACITY = 64 };

void rm_buffer_init(struct rm_buffer *buffer, size_t max)
{
    *buffer = (struct rm_buffer){.max = max};
}

void rm_buffer_done(struct rm_buffer *buffer)
{
    free(buffer->data);
    rm_buffer_init(buffer, buffer->max);
}

void rm_buffer_clear(struct rm_buffer *buffer)
{
    buffer->len = 0;
}

int rm_buffer_reserve(struct rm_buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity;
    char *data;

    if (more > buffer->max - buffer->len) {
        return RM_ETOOBIG;
    }
    if (more <= capacity - buffer->len) {
        return 0;
    }
    if (capacity < SMALLEST_CAPACITY) {
        capacity = SMALLEST_CAPACITY;
    }
    while (capacity - buffer->len < more) {
        capacity = capacity > buffer->max / 2 ? buffer->max : capacity * 2;
    }
    data = realloc(buffer->data, capacity);
    if (data == NULL) {
        return RM_ENOMEM;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int rm_buffer_append(struct rm_buffer *buffer, const void *data, size_t len)
{
    int rv;

    if (len == 0) {
        return 0;
    }
    rv = rm_buffer_reserve(buffer, len);
    if (rv != 0) {
        return rv;
    }
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
    return 0;
}

int rm_buffer_append_slice(struct rm_buffer *buffer, struct rm_slice slice)
{
    return rm_buffer_append(buffer, slice.data, slice.len);
}

int rm_buffer_append_text(struct rm_buffer *buffer, const char *text)
{
    return rm_buffer_append(buffer, text, strlen(text));
}

int rm_buffer_append_byte(struct rm_buffer *buffer, char byte)
{
    return rm_buffer_append(buffer, &byte, 1);
}

int rm_buffer_printf(struct rm_buffer *buffer, const char *format, ...)
{
    va_list args;
    int len;
    int rv;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        return RM_EINVAL;
    }
    /* vsnprintf ends with a NUL, which needs room but is not counted. */
    rv = rm_buffer_reserve(buffer, (size_t)len + 1);
    if (rv != 0) {
        return rv;
    }
    va_start(args, format);
    vsnprintf(buffer->data + buffer->len, (size_t)len + 1, format, args);
    va_end(args);
    buffer->len += (size_t)len;
    return 0;
}

struct rm_slice rm_buffer_peek(const struct rm_buffer *buffer)
{
    return rm_slice_make(buffer->data, buffer->len);
}

char *rm_buffer_take(struct rm_buffer *buffer)
{
    char *data = buffer->data;

    rm_buffer_init(buffer, buffer->max);
    return data;
}
