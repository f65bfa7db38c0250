/* The rows of a file that is imported, as samples: CSV with a header, or JSON lines (one item of
 * API.md section 3 a line). What the daemon would refuse is refused here, with the line. */
#ifndef RAFTMETRICS_SRC_CMD_ROWS_H
#define RAFTMETRICS_SRC_CMD_ROWS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/sample.h"
#include "raftmetrics/base/timestamp.h"
#include "raftmetrics/cmd/complaint.h"

enum { RM_ROW_LABELS_MAX = 256, RM_ROW_LABEL_NAME_MAX = 1024 };

struct rm_rows_options {
    bool is_json_lines;
    enum rm_precision precision;   /* of integer timestamps */
    const char *metric_name;       /* of rows that name none; NULL: each must */
    const struct rm_label *labels; /* of every row; borrowed */
    size_t n_labels;
    const char *timestamp_column; /* the rest is for CSV */
    const char *value_column;
    const char *const *label_columns;
    size_t n_label_columns;
};

/* Borrowed until the next call. */
struct rm_row {
    struct rm_sample sample; /* timestamp_ms counts only where has_timestamp */
    bool has_timestamp;      /* JSON lines may leave it to the daemon */
    uint64_t line;           /* where it begins, from 1 */
    struct rm_label labels[RM_ROW_LABELS_MAX];
};

struct rm_rows;

/* Reads the header of a CSV file. @file and what @options points to are borrowed, and @file is
 * read from its beginning. Errors: RM_EINVAL, RM_EIO with a sentence; RM_ENOMEM. */
int rm_rows_new(FILE *file, const struct rm_rows_options *options, struct rm_rows **ret_rows,
                struct rm_complaint *complaint);
void rm_rows_free(struct rm_rows *rows);

/* The next row. Errors: RM_ENOTFOUND behind the last; RM_EINVAL for a bad row, with a sentence
 * that names the line, the next call goes on behind it; RM_EIO, RM_ENOMEM with a sentence. */
int rm_rows_next(struct rm_rows *rows, struct rm_row *ret_row, struct rm_complaint *complaint);

/* Where the next row begins, and going on there. Errors: RM_EIO. */
void rm_rows_tell(const struct rm_rows *rows, uint64_t *ret_offset, uint64_t *ret_line);
int rm_rows_seek(struct rm_rows *rows, uint64_t offset, uint64_t line);

/* Appends the row as an item of a batch. Errors: RM_ENOMEM, RM_ETOOBIG. */
int rm_row_write(const struct rm_row *row, struct rm_buffer *buffer);

/* An integer of @precision since the epoch, RFC 3339, or a date with or without a time and
 * without a zone, which is UTC: 2014-04-10 00:04:00, 2014-04-10T00:04, 2014-04-10.
 * Errors: RM_ESYNTAX, RM_ERANGE, RM_EAMBIGUOUS. */
int rm_row_time_parse(struct rm_slice text, enum rm_precision precision, int64_t *ret_ms);

#endif
