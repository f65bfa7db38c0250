/* The two kinds of rows, and what they share. */
#ifndef RAFTMETRICS_SRC_CMD_ROWS_INTERNAL_H
#define RAFTMETRICS_SRC_CMD_ROWS_INTERNAL_H

#include <jansson.h>

#include "csv.h"
#include "rows.h"

struct rm_rows {
    const struct rm_rows_options *options;
    struct rm_csv csv; /* of JSON lines: only its file, offset and line */
    size_t n_columns;  /* of the header */
    size_t timestamp_at;
    size_t value_at;
    size_t name_at; /* n_columns: there is no such column */
    size_t label_at[RM_ROW_LABELS_MAX];
    struct rm_buffer json_line;
    json_t *item; /* holds the texts of the row */
};

int rm__rows_read_header(struct rm_rows *rows, struct rm_complaint *complaint);

/* Each reads the next row, without the check of what both kinds have in common. */
int rm__rows_next_csv(struct rm_rows *rows, struct rm_row *row, struct rm_complaint *complaint);
int rm__rows_next_json(struct rm_rows *rows, struct rm_row *row, struct rm_complaint *complaint);

/* Adds a label. Errors: RM_EINVAL with a sentence. */
int rm__row_add_label(struct rm_row *row, struct rm_slice name, struct rm_slice value,
                      struct rm_complaint *complaint);

/* "line 7: …", RM_EINVAL. */
#define RM_BAD_ROW(row, complaint, format, ...)                                                    \
    rm_complain(complaint, RM_EINVAL, "line %llu: " format, (unsigned long long)(row)->line,       \
                __VA_ARGS__)

#endif
