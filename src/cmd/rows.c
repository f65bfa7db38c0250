#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/json_writer.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/metrics/name.h"
#include "rows_internal.h"

enum { TIME_TEXT_MAX = 64 };

int rm_rows_new(FILE *file, const struct rm_rows_options *options, struct rm_rows **ret_rows,
                struct rm_complaint *complaint)
{
    struct rm_rows *rows = calloc(1, sizeof *rows);
    int error;

    if (rows == NULL) {
        return rm_complain(complaint, RM_ENOMEM, "out of memory");
    }
    rows->options = options;
    rm_csv_init(&rows->csv, file);
    rm_buffer_init(&rows->json_line, RM_CSV_RECORD_MAX);
    error = options->is_json_lines ? 0 : rm__rows_read_header(rows, complaint);
    if (error != 0) {
        rm_rows_free(rows);
        return error;
    }
    *ret_rows = rows;
    return 0;
}

void rm_rows_free(struct rm_rows *rows)
{
    if (rows == NULL) {
        return;
    }
    rm_csv_done(&rows->csv);
    rm_buffer_done(&rows->json_line);
    json_decref(rows->item);
    free(rows);
}

int rm__row_add_label(struct rm_row *row, struct rm_slice name, struct rm_slice value,
                      struct rm_complaint *complaint)
{
    if (!rm_label_name_is_valid(name) || name.len > RM_ROW_LABEL_NAME_MAX) {
        return RM_BAD_ROW(row, complaint, "\"%.*s\" is not a label name",
                          (int)(name.len < 300 ? name.len : 300), name.data);
    }
    if (!rm_label_value_is_valid(value)) {
        return RM_BAD_ROW(row, complaint,
                          "the value of the label %.*s holds a control character or is not UTF-8",
                          (int)name.len, name.data);
    }
    if (row->sample.n_labels == RM_ROW_LABELS_MAX) {
        return RM_BAD_ROW(row, complaint, "more than %d labels", RM_ROW_LABELS_MAX);
    }
    row->labels[row->sample.n_labels++] = (struct rm_label){name, value};
    return 0;
}

static int add_fixed_labels(const struct rm_rows_options *options, struct rm_row *row,
                            struct rm_complaint *complaint)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < options->n_labels; i++) {
        error =
            rm__row_add_label(row, options->labels[i].name, options->labels[i].value, complaint);
    }
    return error;
}

static int finish_row(struct rm_row *row, struct rm_complaint *complaint)
{
    struct rm_slice name = row->sample.metric_name;
    struct rm_slice culprit;

    if (!rm_metric_name_is_valid(name)) {
        return RM_BAD_ROW(row, complaint, "\"%.*s\" is not a metric name",
                          (int)(name.len < 300 ? name.len : 300), name.data);
    }
    if (rm_labels_canonicalize(row->labels, &row->sample.n_labels, &culprit) != 0) {
        return RM_BAD_ROW(row, complaint, "the label %.*s stands there twice", (int)culprit.len,
                          culprit.data);
    }
    row->sample.labels = row->labels;
    return 0;
}

int rm_rows_next(struct rm_rows *rows, struct rm_row *ret_row, struct rm_complaint *complaint)
{
    const struct rm_rows_options *options = rows->options;
    int error;

    ret_row->sample = (struct rm_sample){0};
    ret_row->has_timestamp = false;
    ret_row->line = rows->csv.line;
    if (options->metric_name != NULL) {
        ret_row->sample.metric_name = rm_slice_of(options->metric_name);
    }
    error = options->is_json_lines ? rm__rows_next_json(rows, ret_row, complaint)
                                   : rm__rows_next_csv(rows, ret_row, complaint);
    if (error == RM_EIO || error == RM_ENOMEM) {
        return rm_complain(complaint, error, "cannot read the file: %s", rm_strerror(error));
    }
    if (error == 0) {
        error = add_fixed_labels(options, ret_row, complaint);
    }
    return error == 0 ? finish_row(ret_row, complaint) : error;
}

void rm_rows_tell(const struct rm_rows *rows, uint64_t *ret_offset, uint64_t *ret_line)
{
    *ret_offset = rows->csv.offset;
    *ret_line = rows->csv.line;
}

int rm_rows_seek(struct rm_rows *rows, uint64_t offset, uint64_t line)
{
    return rm_csv_seek(&rows->csv, offset, line);
}

static void write_labels(struct rm_json_writer *json, const struct rm_sample *sample)
{
    char name[RM_ROW_LABEL_NAME_MAX + 1];

    rm_json_key(json, "labels");
    rm_json_object_begin(json);
    for (size_t i = 0; i < sample->n_labels; i++) {
        snprintf(name, sizeof name, "%.*s", (int)sample->labels[i].name.len,
                 sample->labels[i].name.data);
        rm_json_member_text(json, name, sample->labels[i].value);
    }
    rm_json_object_end(json);
}

int rm_row_write(const struct rm_row *row, struct rm_buffer *buffer)
{
    struct rm_json_writer json;

    rm_json_init(&json, buffer);
    rm_json_object_begin(&json);
    rm_json_member_text(&json, "metric_name", row->sample.metric_name);
    rm_json_member_double(&json, "value", row->sample.value);
    if (row->has_timestamp) {
        rm_json_key(&json, "timestamp");
        rm_json_timestamp(&json, row->sample.timestamp_ms);
    }
    if (row->sample.n_labels > 0) {
        write_labels(&json, &row->sample);
    }
    rm_json_object_end(&json);
    return rm_json_finish(&json);
}

int rm_row_time_parse(struct rm_slice text, enum rm_precision precision, int64_t *ret_ms)
{
    static const char *const endings[] = {"", "Z", ":00Z", "T00:00:00Z"};
    char whole[TIME_TEXT_MAX];
    int64_t count;
    int error = rm_int_parse(text, INT64_MIN, INT64_MAX, &count);

    if (error != RM_ESYNTAX) {
        return error == 0 ? rm_timestamp_from_int(count, precision, ret_ms) : error;
    }
    for (size_t i = 0; error == RM_ESYNTAX && i < sizeof endings / sizeof endings[0]; i++) {
        int len = snprintf(whole, sizeof whole, "%.*s%s", (int)text.len, text.data, endings[i]);

        if (text.len >= sizeof whole || len >= (int)sizeof whole) {
            return RM_ESYNTAX;
        }
        error = rm_timestamp_parse(rm_slice_make(whole, (size_t)len), ret_ms);
    }
    return error;
}
