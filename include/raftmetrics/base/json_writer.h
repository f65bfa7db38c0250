/* Writes JSON into a buffer, commas by itself. The first error sticks: later calls do nothing, and
 * rm_json_finish returns it. Nesting is at most 16 deep. */
#ifndef RAFTMETRICS_BASE_JSON_WRITER_H
#define RAFTMETRICS_BASE_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/slice.h"

enum { RM_JSON_DEPTH_MAX = 16 };

struct rm_json_writer {
    struct rm_buffer *buffer; /* borrowed; may hold text already */
    int error;
    unsigned depth;
    bool needs_comma[RM_JSON_DEPTH_MAX + 1];
};

void rm_json_init(struct rm_json_writer *json, struct rm_buffer *buffer);

void rm_json_object_begin(struct rm_json_writer *json);
void rm_json_object_end(struct rm_json_writer *json);
void rm_json_array_begin(struct rm_json_writer *json);
void rm_json_array_end(struct rm_json_writer *json);

/* The key of the next value. Escaped as a text is. */
void rm_json_key(struct rm_json_writer *json, const char *key);
void rm_json_key_slice(struct rm_json_writer *json, struct rm_slice key);

/* Quotes, backslashes and control characters are escaped; a byte that is not UTF-8 is written as
 * \ufffd, so that the output is JSON whatever came in. */
void rm_json_text(struct rm_json_writer *json, struct rm_slice text);
void rm_json_int(struct rm_json_writer *json, int64_t value);
void rm_json_uint(struct rm_json_writer *json, uint64_t value);
/* The shortest decimal that reads back; null where @value is not finite. */
void rm_json_double(struct rm_json_writer *json, double value);
void rm_json_bool(struct rm_json_writer *json, bool value);
void rm_json_null(struct rm_json_writer *json);
/* 2024-11-25T20:59:23.376Z as a text. @ms is within the bounds of timestamp.h. */
void rm_json_timestamp(struct rm_json_writer *json, int64_t ms);
/* @value is JSON already, whole, and stands as one value. */
void rm_json_raw(struct rm_json_writer *json, struct rm_slice value);

/* Key and value in one. */
void rm_json_member_text(struct rm_json_writer *json, const char *key, struct rm_slice text);
void rm_json_member_int(struct rm_json_writer *json, const char *key, int64_t value);
void rm_json_member_uint(struct rm_json_writer *json, const char *key, uint64_t value);
void rm_json_member_double(struct rm_json_writer *json, const char *key, double value);
void rm_json_member_bool(struct rm_json_writer *json, const char *key, bool value);

/* 0, or the first error: RM_ENOMEM, RM_ETOOBIG. Everything opened is closed by now. */
int rm_json_finish(const struct rm_json_writer *json);

#endif
