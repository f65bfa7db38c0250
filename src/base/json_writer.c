#include "raftmetrics/base/json_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "raftmetrics/base/number.h"
#include "raftmetrics/base/timestamp.h"
#include "raftmetrics/base/utf8.h"

enum { INTEGER_TEXT_MAX = 24 };

void rm_json_init(struct rm_json_writer *json, struct rm_buffer *buffer)
{
    *json = (struct rm_json_writer){.buffer = buffer};
}

static void append(struct rm_json_writer *json, const void *data, size_t len)
{
    if (json->error == 0) {
        json->error = rm_buffer_append(json->buffer, data, len);
    }
}

/* The comma before a key, or before a value without one. */
static void separate(struct rm_json_writer *json)
{
    if (json->needs_comma[json->depth]) {
        append(json, ",", 1);
    }
    json->needs_comma[json->depth] = true;
}

static void open_level(struct rm_json_writer *json, const char *bracket)
{
    separate(json);
    assert(json->depth < RM_JSON_DEPTH_MAX);
    json->depth++;
    json->needs_comma[json->depth] = false;
    append(json, bracket, 1);
}

static void close_level(struct rm_json_writer *json, const char *bracket)
{
    assert(json->depth > 0);
    json->depth--;
    append(json, bracket, 1);
}

void rm_json_object_begin(struct rm_json_writer *json)
{
    open_level(json, "{");
}

void rm_json_object_end(struct rm_json_writer *json)
{
    close_level(json, "}");
}

void rm_json_array_begin(struct rm_json_writer *json)
{
    open_level(json, "[");
}

void rm_json_array_end(struct rm_json_writer *json)
{
    close_level(json, "]");
}

/* How many bytes at the front of @text are ASCII and need no escape. */
static size_t count_plain(struct rm_slice text)
{
    size_t n = 0;

    while (n < text.len) {
        unsigned char byte = (unsigned char)text.data[n];

        if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\') {
            break;
        }
        n++;
    }
    return n;
}

/* The letter of a character that has an escape of its own; 0 for any other. */
static char escape_letter(uint32_t code_point)
{
    switch (code_point) {
    case '"':
    case '\\':
        return (char)code_point;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

/* @code_point is in the first plane. */
static void append_escaped(struct rm_json_writer *json, uint32_t code_point)
{
    char text[16] = {'\\', escape_letter(code_point)};

    if (text[1] != 0) {
        append(json, text, 2);
    } else {
        append(json, text, (size_t)snprintf(text, sizeof text, "\\u%04" PRIx32, code_point));
    }
}

/* Appends one character that is not plain; returns how many bytes of @text it was. */
static size_t append_special(struct rm_json_writer *json, struct rm_slice text)
{
    uint32_t code_point;
    size_t len = rm_utf8_decode(text, &code_point);

    if (len == 0) {
        append_escaped(json, 0xfffd);
        return 1;
    }
    if (len == 1 || rm_utf8_is_control(code_point)) {
        append_escaped(json, code_point);
    } else {
        append(json, text.data, len);
    }
    return len;
}

static void append_quoted(struct rm_json_writer *json, struct rm_slice text)
{
    append(json, "\"", 1);
    while (text.len > 0) {
        size_t n = count_plain(text);

        append(json, text.data, n);
        if (n < text.len) {
            n += append_special(json, rm_slice_make(text.data + n, text.len - n));
        }
        text = rm_slice_make(text.data + n, text.len - n);
    }
    append(json, "\"", 1);
}

void rm_json_key_slice(struct rm_json_writer *json, struct rm_slice key)
{
    separate(json);
    append_quoted(json, key);
    append(json, ":", 1);
    json->needs_comma[json->depth] = false;
}

void rm_json_key(struct rm_json_writer *json, const char *key)
{
    rm_json_key_slice(json, rm_slice_of(key));
}

void rm_json_raw(struct rm_json_writer *json, struct rm_slice value)
{
    separate(json);
    append(json, value.data, value.len);
}

void rm_json_text(struct rm_json_writer *json, struct rm_slice text)
{
    separate(json);
    append_quoted(json, text);
}

void rm_json_int(struct rm_json_writer *json, int64_t value)
{
    char text[INTEGER_TEXT_MAX];
    int len = snprintf(text, sizeof text, "%" PRId64, value);

    rm_json_raw(json, rm_slice_make(text, (size_t)len));
}

void rm_json_uint(struct rm_json_writer *json, uint64_t value)
{
    char text[INTEGER_TEXT_MAX];
    int len = snprintf(text, sizeof text, "%" PRIu64, value);

    rm_json_raw(json, rm_slice_make(text, (size_t)len));
}

void rm_json_double(struct rm_json_writer *json, double value)
{
    char text[RM_DOUBLE_TEXT_MAX];

    if (isfinite(value)) {
        rm_json_raw(json, rm_slice_make(text, rm_double_format(value, text)));
    } else {
        rm_json_null(json);
    }
}

void rm_json_bool(struct rm_json_writer *json, bool value)
{
    rm_json_raw(json, rm_slice_of(value ? "true" : "false"));
}

void rm_json_null(struct rm_json_writer *json)
{
    rm_json_raw(json, rm_slice_of("null"));
}

void rm_json_timestamp(struct rm_json_writer *json, int64_t ms)
{
    char text[RM_TIMESTAMP_TEXT_LEN + 1];

    rm_timestamp_format(ms, text);
    rm_json_text(json, rm_slice_make(text, RM_TIMESTAMP_TEXT_LEN));
}

void rm_json_member_text(struct rm_json_writer *json, const char *key, struct rm_slice text)
{
    rm_json_key(json, key);
    rm_json_text(json, text);
}

void rm_json_member_int(struct rm_json_writer *json, const char *key, int64_t value)
{
    rm_json_key(json, key);
    rm_json_int(json, value);
}

void rm_json_member_uint(struct rm_json_writer *json, const char *key, uint64_t value)
{
    rm_json_key(json, key);
    rm_json_uint(json, value);
}

void rm_json_member_double(struct rm_json_writer *json, const char *key, double value)
{
    rm_json_key(json, key);
    rm_json_double(json, value);
}

void rm_json_member_bool(struct rm_json_writer *json, const char *key, bool value)
{
    rm_json_key(json, key);
    rm_json_bool(json, value);
}

int rm_json_finish(const struct rm_json_writer *json)
{
    assert(json->depth == 0);
    return json->error;
}
