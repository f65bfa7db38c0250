/* CSV records and import rows out of any bytes, seeking included. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/cmd/csv.h"
#include "../../src/cmd/rows.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The record that @csv read last, read again from where it began, is the same. */
static void check_again(const struct rm_csv *csv, const uint8_t *data, size_t size)
{
    FILE *file = fmemopen((void *)(uintptr_t)data, size, "r");
    struct rm_csv again;

    assert(file != NULL);
    rm_csv_init(&again, file);
    assert(rm_csv_seek(&again, csv->record_offset, csv->record_line) == 0);
    assert(rm_csv_next(&again) == 0);
    assert(again.offset == csv->offset && again.line == csv->line);
    assert(again.n_fields == csv->n_fields);
    for (size_t i = 0; i < csv->n_fields; i++) {
        assert(rm_slice_equal(rm_csv_field(&again, i), rm_csv_field(csv, i)));
    }
    rm_csv_done(&again);
    fclose(file);
}

static void check_records(const uint8_t *data, size_t size)
{
    FILE *file = fmemopen((void *)(uintptr_t)data, size, "r");
    struct rm_csv csv;
    int error;

    assert(file != NULL);
    rm_csv_init(&csv, file);
    while ((error = rm_csv_next(&csv)) != RM_ENOTFOUND) {
        uint64_t start = csv.record_offset;

        assert(error == 0 || error == RM_ESYNTAX);
        if (error == 0 && start > 0) {
            check_again(&csv, data, size);
        }
        if (error == RM_ESYNTAX) {
            assert(rm_csv_skip_bad_line(&csv) == 0);
        }
        assert(csv.offset > start);
    }
    assert(csv.offset == size);
    rm_csv_done(&csv);
    fclose(file);
}

static void check_row(const struct rm_row *row)
{
    static struct rm_buffer buffer;

    assert(rm_metric_name_is_valid(row->sample.metric_name));
    for (size_t i = 0; i < row->sample.n_labels; i++) {
        assert(rm_label_name_is_valid(row->sample.labels[i].name));
        assert(row->sample.labels[i].value.len > 0);
        assert(rm_label_value_is_valid(row->sample.labels[i].value));
    }
    rm_buffer_init(&buffer, 64 << 20);
    assert(rm_row_write(row, &buffer) == 0);
    rm_buffer_done(&buffer);
}

static void check_rows(const struct rm_rows_options *options, const uint8_t *data, size_t size)
{
    static struct rm_row row;
    FILE *file = fmemopen((void *)(uintptr_t)data, size, "r");
    struct rm_complaint complaint;
    struct rm_rows *rows;
    int error;

    assert(file != NULL);
    if (rm_rows_new(file, options, &rows, &complaint) == 0) {
        while ((error = rm_rows_next(rows, &row, &complaint)) != RM_ENOTFOUND) {
            assert(error == 0 || error == RM_EINVAL);
            if (error == 0) {
                check_row(&row);
            }
        }
        rm_rows_free(rows);
    }
    fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const columns[] = {"host"};
    const struct rm_rows_options csv = {
        .metric_name = "m", .timestamp_column = "timestamp", .value_column = "value"};
    const struct rm_rows_options labelled = {.metric_name = "m",
                                             .timestamp_column = "timestamp",
                                             .value_column = "value",
                                             .label_columns = columns,
                                             .n_label_columns = 1};
    const struct rm_rows_options json = {.is_json_lines = true};

    if (size == 0) {
        return 0; /* fmemopen takes no empty buffer */
    }
    check_records(data, size);
    check_rows(&csv, data, size);
    check_rows(&labelled, data, size);
    check_rows(&json, data, size);
    return 0;
}
