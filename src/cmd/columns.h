/* Aligned columns for people. */
#ifndef RAFTMETRICS_SRC_CMD_COLUMNS_H
#define RAFTMETRICS_SRC_CMD_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { RM_COLUMNS_MAX = 32 };

struct rm_columns {
    size_t n_columns;
    uint32_t right; /* bit i: column i is aligned to the right */
    char **cells;   /* row by row */
    size_t n_cells;
    size_t capacity;
    bool is_broken; /* memory ran out: prints what it got */
};

void rm_columns_init(struct rm_columns *columns, size_t n_columns, uint32_t right);
void rm_columns_done(struct rm_columns *columns);

/* The next cell, copied; after the last of a row comes the first of the next. */
void rm_columns_add(struct rm_columns *columns, const char *text);

/* Columns two spaces apart, no trailing spaces. Widths count UTF-8 characters. */
void rm_columns_print(FILE *out, const struct rm_columns *columns);

#endif
