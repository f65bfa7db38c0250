/* Structured logs on stderr: one line an event, logfmt or JSON. Only api and cmd log; the layers
 * below return errors. The level may change at any time, from any thread. Secrets are never
 * fields.
 *
 *   ts=2024-11-25T20:59:23.376Z level=info msg="worker joined" worker=2
 *   {"ts":"2024-11-25T20:59:23.376Z","level":"info","msg":"worker joined","worker":2}
 *
 * In logfmt a value that is empty or holds anything but visible ASCII (without quotes, backslashes
 * and '=') and letters beyond it is written as the JSON text it would be, so that no value can
 * break its line. Each line is one write(2) of at most PIPE_BUF bytes, which threads and processes
 * that share a pipe cannot tear apart; texts are cut, and fields that do not fit are left out, with
 * truncated=true at the line's end. Nothing is allocated. */
#ifndef RAFTMETRICS_BASE_LOG_H
#define RAFTMETRICS_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/base/slice.h"

enum rm_log_level { RM_LOG_DEBUG, RM_LOG_INFO, RM_LOG_WARN, RM_LOG_ERROR };
enum rm_log_format { RM_LOG_LOGFMT, RM_LOG_JSON };

/* One key of a line. A text is borrowed for the call; NULL data is shown as an empty text. */
struct rm_log_field {
    const char *key;
    struct rm_slice text;
    int64_t number;
    bool is_number;
};

struct rm_log_field rm_field_text(const char *key, const char *text);
struct rm_log_field rm_field_slice(const char *key, struct rm_slice text);
struct rm_log_field rm_field_int(const char *key, int64_t number);

/* rm_log(RM_LOG_INFO, "worker joined", rm_field_int("worker", 2)): @message is a fixed phrase,
 * what varies goes into fields. */
#define rm_log(level, message, ...)                                                                \
    rm__log(level, message, (const struct rm_log_field[]){{0}, ##__VA_ARGS__},                     \
            sizeof((const struct rm_log_field[]){{0}, ##__VA_ARGS__}) /                            \
                sizeof(struct rm_log_field))

/* @fields[0] is a filler, so that a line without fields needs no second macro. */
void rm__log(enum rm_log_level level, const char *message, const struct rm_log_field *fields,
             size_t n_fields);

void rm_log_set_level(enum rm_log_level level);
void rm_log_set_format(enum rm_log_format format);
bool rm_log_enabled(enum rm_log_level level);

/* "debug", "info", "warn", "error"; "logfmt", "json". Errors: RM_EINVAL, output untouched. */
int rm_log_level_parse(struct rm_slice text, enum rm_log_level *ret_level);
int rm_log_format_parse(struct rm_slice text, enum rm_log_format *ret_format);

#endif
