#include "raftmetrics/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <unistd.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/json_writer.h"
#include "raftmetrics/base/timestamp.h"
#include "raftmetrics/base/utf8.h"

enum {
    TEXT_MAX = 512, /* any text fits into a line, though each byte be escaped */
    TAIL_MAX = 32   /* kept free of fields: the mark of a cut, the brace, the newline */
};

static atomic_int current_level = RM_LOG_INFO;
static atomic_int current_format = RM_LOG_LOGFMT;

static const char *const level_names[] = {
    [RM_LOG_DEBUG] = "debug",
    [RM_LOG_INFO] = "info",
    [RM_LOG_WARN] = "warn",
    [RM_LOG_ERROR] = "error",
};

static const char *const format_names[] = {
    [RM_LOG_LOGFMT] = "logfmt",
    [RM_LOG_JSON] = "json",
};

/* A line that is being written. */
struct line {
    struct rm_buffer buffer;
    struct rm_json_writer json; /* of the line in JSON */
    enum rm_log_format format;
    bool is_cut;
};

struct rm_log_field rm_field_text(const char *key, const char *text)
{
    return rm_field_slice(key, text == NULL ? rm_slice_make(NULL, 0) : rm_slice_of(text));
}

struct rm_log_field rm_field_slice(const char *key, struct rm_slice text)
{
    return (struct rm_log_field){.key = key, .text = text};
}

struct rm_log_field rm_field_int(const char *key, int64_t number)
{
    return (struct rm_log_field){.key = key, .number = number, .is_number = true};
}

void rm_log_set_level(enum rm_log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

void rm_log_set_format(enum rm_log_format format)
{
    atomic_store_explicit(&current_format, (int)format, memory_order_relaxed);
}

bool rm_log_enabled(enum rm_log_level level)
{
    return (int)level >= atomic_load_explicit(&current_level, memory_order_relaxed);
}

/* The index of @text in @names, or -1. */
static int find_name(struct rm_slice text, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++) {
        if (rm_slice_is(text, names[i])) {
            return (int)i;
        }
    }
    return -1;
}

int rm_log_level_parse(struct rm_slice text, enum rm_log_level *ret_level)
{
    int i = find_name(text, level_names, sizeof level_names / sizeof level_names[0]);

    if (i < 0) {
        return RM_EINVAL;
    }
    *ret_level = (enum rm_log_level)i;
    return 0;
}

int rm_log_format_parse(struct rm_slice text, enum rm_log_format *ret_format)
{
    int i = find_name(text, format_names, sizeof format_names / sizeof format_names[0]);

    if (i < 0) {
        return RM_EINVAL;
    }
    *ret_format = (enum rm_log_format)i;
    return 0;
}

/* Whether a text can stand in logfmt as it is. */
static bool is_bare(struct rm_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.data[i];

        if (byte == ' ' || byte == '=' || byte == '"' || byte == '\\') {
            return false;
        }
    }
    return text.len > 0 && rm_utf8_is_valid(text) && !rm_utf8_has_control(text);
}

static int append_logfmt_text(struct rm_buffer *buffer, struct rm_slice text)
{
    struct rm_json_writer json;

    if (is_bare(text)) {
        return rm_buffer_append_slice(buffer, text);
    }
    rm_json_init(&json, buffer);
    rm_json_text(&json, text);
    return rm_json_finish(&json);
}

static int append_logfmt(struct rm_buffer *buffer, const struct rm_log_field *field)
{
    int rv = rm_buffer_printf(buffer, "%s%s=", buffer->len > 0 ? " " : "", field->key);

    if (rv != 0) {
        return rv;
    }
    if (field->is_number) {
        return rm_buffer_printf(buffer, "%" PRId64, field->number);
    }
    return append_logfmt_text(buffer, field->text);
}

static int append_json(struct rm_json_writer *json, const struct rm_log_field *field)
{
    if (field->is_number) {
        rm_json_member_int(json, field->key, field->number);
    } else {
        rm_json_member_text(json, field->key, field->text);
    }
    return json->error;
}

/* Appends the whole field or nothing of it. */
static void append_field(struct line *line, const struct rm_log_field *field)
{
    struct rm_json_writer json = line->json;
    size_t len = line->buffer.len;
    int rv = line->format == RM_LOG_JSON ? append_json(&line->json, field)
                                         : append_logfmt(&line->buffer, field);

    if (rv != 0) {
        line->json = json;
        line->buffer.len = len;
        line->is_cut = true;
    }
}

/* Up to TEXT_MAX bytes of @text, ending with a whole character where it is UTF-8. */
static struct rm_slice cut_text(struct rm_slice text)
{
    size_t len = TEXT_MAX;

    while (len > TEXT_MAX - 3 && ((unsigned char)text.data[len] & 0xc0) == 0x80) {
        len--;
    }
    return rm_slice_make(text.data, len);
}

static void append_short_field(struct line *line, const struct rm_log_field *field)
{
    struct rm_log_field shown = *field;

    if (!shown.is_number && shown.text.len > TEXT_MAX) {
        shown.text = cut_text(shown.text);
        line->is_cut = true;
    }
    append_field(line, &shown);
}

static void begin_line(struct line *line, enum rm_log_level level, const char *message)
{
    const struct rm_log_field level_field = rm_field_text("level", level_names[level]);
    const struct rm_log_field message_field = rm_field_text("msg", message);
    char now[RM_TIMESTAMP_TEXT_LEN + 1];
    struct rm_log_field time_field;

    if (line->format == RM_LOG_JSON) {
        rm_json_object_begin(&line->json);
    }
    rm_timestamp_format(rm_clock_wall_ms(), now);
    time_field = rm_field_text("ts", now);
    append_field(line, &time_field);
    append_field(line, &level_field);
    append_short_field(line, &message_field);
}

/* There is room for all of this. */
static void end_line(struct line *line)
{
    if (line->is_cut) {
        if (line->format == RM_LOG_JSON) {
            rm_json_member_bool(&line->json, "truncated", true);
        } else {
            rm_buffer_append_text(&line->buffer, " truncated=true");
        }
    }
    if (line->format == RM_LOG_JSON) {
        rm_json_object_end(&line->json);
    }
    rm_buffer_append_byte(&line->buffer, '\n');
}

/* A log that cannot be written has nobody to be told. */
static void write_line(struct rm_slice line)
{
    ssize_t n;

    do {
        n = write(STDERR_FILENO, line.data, line.len);
    } while (n < 0 && errno == EINTR);
}

void rm__log(enum rm_log_level level, const char *message, const struct rm_log_field *fields,
             size_t n_fields)
{
    char storage[PIPE_BUF];
    /* A buffer that has all it may ever hold does not allocate, and is not rm_buffer_done. */
    struct line line = {
        .buffer = {.data = storage, .capacity = sizeof storage, .max = sizeof storage - TAIL_MAX},
        .format = (enum rm_log_format)atomic_load_explicit(&current_format, memory_order_relaxed),
    };

    if (!rm_log_enabled(level)) {
        return;
    }
    rm_json_init(&line.json, &line.buffer);
    begin_line(&line, level, message);
    for (size_t i = 1; i < n_fields; i++) {
        append_short_field(&line, &fields[i]);
    }
    line.buffer.max = sizeof storage;
    end_line(&line);
    write_line(rm_buffer_peek(&line.buffer));
}
