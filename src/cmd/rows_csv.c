#include <string.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "rows_internal.h"

#define NAME_COLUMN "metric_name"

#define SHOW(slice) (int)((slice).len < 100 ? (slice).len : 100), (slice).data

static size_t find_column(const struct rm_csv *csv, const char *name)
{
    size_t i = 0;

    while (i < csv->n_fields && !rm_slice_is(rm_csv_field(csv, i), name)) {
        i++;
    }
    return i;
}

static int find_required(const struct rm_csv *csv, const char *name, size_t *ret_at,
                         struct rm_complaint *complaint)
{
    *ret_at = find_column(csv, name);
    if (*ret_at == csv->n_fields) {
        return rm_complain(complaint, RM_EINVAL,
                           "line %llu: the header has no column \"%s\" among its %zu; "
                           "--timestamp-column, --value-column and --label-columns name others",
                           (unsigned long long)csv->record_line, name, csv->n_fields);
    }
    return 0;
}

int rm__rows_read_header(struct rm_rows *rows, struct rm_complaint *complaint)
{
    const struct rm_rows_options *options = rows->options;
    struct rm_csv *csv = &rows->csv;
    int error = rm_csv_next(csv);

    if (error != 0) {
        return rm_complain(complaint, error == RM_ENOMEM ? RM_ENOMEM : RM_EINVAL,
                           "cannot read the header: %s",
                           error == RM_ENOTFOUND ? "the file is empty"
                           : error == RM_ESYNTAX ? csv->problem
                                                 : rm_strerror(error));
    }
    rows->n_columns = csv->n_fields;
    rows->name_at = find_column(csv, NAME_COLUMN);
    error = find_required(csv, options->timestamp_column, &rows->timestamp_at, complaint);
    if (error == 0) {
        error = find_required(csv, options->value_column, &rows->value_at, complaint);
    }
    for (size_t i = 0; error == 0 && i < options->n_label_columns; i++) {
        error = find_required(csv, options->label_columns[i], &rows->label_at[i], complaint);
    }
    return error;
}

static int read_time(const struct rm_rows *rows, struct rm_row *row, struct rm_complaint *complaint)
{
    struct rm_slice text = rm_csv_field(&rows->csv, rows->timestamp_at);
    int error = rm_row_time_parse(text, rows->options->precision, &row->sample.timestamp_ms);

    if (error == RM_EAMBIGUOUS) {
        return RM_BAD_ROW(row, complaint,
                          "the timestamp \"%.*s\" may be seconds or milliseconds; --precision says "
                          "which",
                          SHOW(text));
    }
    if (error != 0) {
        return RM_BAD_ROW(row, complaint, "\"%.*s\" is not a timestamp", SHOW(text));
    }
    row->has_timestamp = true;
    return 0;
}

static int read_fields(const struct rm_rows *rows, struct rm_row *row,
                       struct rm_complaint *complaint)
{
    const struct rm_csv *csv = &rows->csv;
    struct rm_slice value;
    int error;

    if (csv->n_fields != rows->n_columns) {
        return RM_BAD_ROW(row, complaint, "%zu fields where the header has %zu", csv->n_fields,
                          rows->n_columns);
    }
    error = read_time(rows, row, complaint);
    if (error != 0) {
        return error;
    }
    value = rm_csv_field(csv, rows->value_at);
    if (rm_double_parse(value, &row->sample.value) != 0) {
        return RM_BAD_ROW(row, complaint, "the value \"%.*s\" is not a finite number", SHOW(value));
    }
    if (rows->name_at < rows->n_columns && rm_csv_field(csv, rows->name_at).len > 0) {
        row->sample.metric_name = rm_csv_field(csv, rows->name_at);
    }
    for (size_t i = 0; error == 0 && i < rows->options->n_label_columns; i++) {
        error = rm__row_add_label(row, rm_slice_of(rows->options->label_columns[i]),
                                  rm_csv_field(csv, rows->label_at[i]), complaint);
    }
    return error;
}

int rm__rows_next_csv(struct rm_rows *rows, struct rm_row *row, struct rm_complaint *complaint)
{
    struct rm_csv *csv = &rows->csv;
    int error = rm_csv_next(csv);

    row->line = csv->record_line;
    if (error == RM_ESYNTAX) {
        RM_BAD_ROW(row, complaint, "%s", csv->problem);
        return rm_csv_skip_bad_line(csv) == 0 ? RM_EINVAL : RM_EIO;
    }
    return error == 0 ? read_fields(rows, row, complaint) : error;
}
