#include <math.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "rows_internal.h"

/* Integers up to here are exact as doubles, which is how they are parsed. */
#define EXACT_MAX 9007199254740992.0

/* The next line that is not blank, without its end. A longer line than the bound is read to its
 * end and is RM_ETOOBIG. */
static int read_line(struct rm_rows *rows, struct rm_row *row)
{
    struct rm_csv *at = &rows->csv;
    int error = 0;
    int byte;

    if (at->offset == 0 && rm_csv_skip_mark(at) != 0) {
        return RM_EIO;
    }
    row->line = at->line;
    rm_buffer_clear(&rows->json_line);
    while ((byte = getc_unlocked(at->file)) != EOF) {
        at->offset++;
        if (byte == '\n') {
            at->line++;
            break;
        }
        if (error == 0) {
            error = rm_buffer_append_byte(&rows->json_line, (char)byte);
        }
    }
    if (ferror(at->file)) {
        return RM_EIO;
    }
    return byte == EOF && rows->json_line.len == 0 && error == 0 ? RM_ENOTFOUND : error;
}

static bool is_blank(struct rm_slice line)
{
    return strspn(line.data == NULL ? "" : line.data, " \t\r") >= line.len;
}

static int read_item_line(struct rm_rows *rows, struct rm_row *row)
{
    int error;

    do {
        error = read_line(rows, row);
        if (error == 0) {
            error = rm_buffer_append_byte(&rows->json_line, '\0');
        }
        if (error == 0) {
            rows->json_line.len--;
        }
    } while (error == 0 && is_blank(rm_buffer_peek(&rows->json_line)));
    return error;
}

static int take_timestamp(const struct rm_rows *rows, struct rm_row *row, const json_t *value,
                          struct rm_complaint *complaint)
{
    enum rm_precision precision = rows->options->precision;
    int64_t *ms = &row->sample.timestamp_ms;
    int error = RM_ESYNTAX;

    if (json_is_string(value)) {
        error = rm_timestamp_parse(
            rm_slice_make(json_string_value(value), json_string_length(value)), ms);
    } else if (json_is_number(value) && fabs(json_number_value(value)) < EXACT_MAX &&
               json_number_value(value) == floor(json_number_value(value))) {
        error = rm_timestamp_from_int((int64_t)json_number_value(value), precision, ms);
    }
    if (error != 0) {
        return RM_BAD_ROW(row, complaint, "the timestamp is not %s",
                          error == RM_EAMBIGUOUS
                              ? "clearly milliseconds, it may be seconds; --precision says which"
                              : "an RFC 3339 text or integer milliseconds");
    }
    row->has_timestamp = true;
    return 0;
}

static int take_labels(struct rm_row *row, json_t *labels, struct rm_complaint *complaint)
{
    const char *name;
    json_t *value;
    int error = 0;

    if (!json_is_object(labels)) {
        return RM_BAD_ROW(row, complaint, "%s", "labels must be an object");
    }
    json_object_foreach(labels, name, value)
    {
        if (!json_is_string(value)) {
            return RM_BAD_ROW(row, complaint, "the label %.100s must be a text", name);
        }
        error = rm__row_add_label(
            row, rm_slice_of(name),
            rm_slice_make(json_string_value(value), json_string_length(value)), complaint);
        if (error != 0) {
            break;
        }
    }
    return error;
}

static int take_field(const struct rm_rows *rows, struct rm_row *row, const char *field,
                      json_t *value, struct rm_complaint *complaint)
{
    if (strcmp(field, "metric_name") == 0 && json_is_string(value)) {
        row->sample.metric_name =
            rm_slice_make(json_string_value(value), json_string_length(value));
        return 0;
    }
    if (strcmp(field, "value") == 0 && json_is_number(value)) {
        row->sample.value = json_number_value(value);
        return 0;
    }
    if (strcmp(field, "timestamp") == 0) {
        return take_timestamp(rows, row, value, complaint);
    }
    if (strcmp(field, "labels") == 0) {
        return take_labels(row, value, complaint);
    }
    if (strcmp(field, "metric_name") == 0 || strcmp(field, "value") == 0) {
        return RM_BAD_ROW(row, complaint, "%s has the wrong type", field);
    }
    return RM_BAD_ROW(row, complaint, "unknown field \"%.100s\"", field);
}

static int take_item(struct rm_rows *rows, struct rm_row *row, struct rm_complaint *complaint)
{
    const char *field;
    json_t *value;
    int error = 0;

    if (!json_is_object(rows->item)) {
        return RM_BAD_ROW(row, complaint, "%s", "not a JSON object");
    }
    json_object_foreach(rows->item, field, value)
    {
        error = take_field(rows, row, field, value, complaint);
        if (error != 0) {
            return error;
        }
    }
    if (json_object_get(rows->item, "value") == NULL) {
        return RM_BAD_ROW(row, complaint, "%s", "no value");
    }
    if (row->sample.metric_name.data == NULL) {
        return RM_BAD_ROW(row, complaint, "%s",
                          "no metric_name; --name gives one to the items without");
    }
    return 0;
}

int rm__rows_next_json(struct rm_rows *rows, struct rm_row *row, struct rm_complaint *complaint)
{
    json_error_t problem;
    int error = read_item_line(rows, row);

    if (error == RM_ETOOBIG) {
        return RM_BAD_ROW(row, complaint, "%s", "longer than 1 MiB");
    }
    if (error != 0) {
        return error;
    }
    json_decref(rows->item);
    rows->item =
        json_loadb(rows->json_line.data, rows->json_line.len,
                   JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY, &problem);
    if (rows->item == NULL) {
        return RM_BAD_ROW(row, complaint, "%.200s", problem.text);
    }
    return take_item(rows, row, complaint);
}
