#include "columns.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void rm_columns_init(struct rm_columns *columns, size_t n_columns, uint32_t right)
{
    assert(n_columns > 0 && n_columns <= RM_COLUMNS_MAX);
    *columns = (struct rm_columns){.n_columns = n_columns, .right = right};
}

void rm_columns_done(struct rm_columns *columns)
{
    for (size_t i = 0; i < columns->n_cells; i++) {
        free(columns->cells[i]);
    }
    free(columns->cells);
    *columns = (struct rm_columns){0};
}

void rm_columns_add(struct rm_columns *columns, const char *text)
{
    char *copy = columns->is_broken ? NULL : strdup(text);

    if (columns->n_cells == columns->capacity) {
        size_t capacity = columns->capacity == 0 ? 64 : columns->capacity * 2;
        char **cells = realloc(columns->cells, capacity * sizeof *cells);

        if (cells == NULL) {
            free(copy);
            copy = NULL;
        } else {
            columns->cells = cells;
            columns->capacity = capacity;
        }
    }
    if (copy == NULL) {
        columns->is_broken = true;
        return;
    }
    columns->cells[columns->n_cells++] = copy;
}

static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static void print_cell(FILE *out, const char *text, size_t width, bool right, bool last)
{
    int padding = (int)(width - width_of(text));

    if (right) {
        fprintf(out, "%*s%s", padding, "", text);
    } else {
        fprintf(out, "%s%*s", text, last ? 0 : padding, "");
    }
    fputs(last ? "\n" : "  ", out);
}

void rm_columns_print(FILE *out, const struct rm_columns *columns)
{
    size_t widths[RM_COLUMNS_MAX] = {0};

    for (size_t i = 0; i < columns->n_cells; i++) {
        size_t width = width_of(columns->cells[i]);

        if (width > widths[i % columns->n_columns]) {
            widths[i % columns->n_columns] = width;
        }
    }
    for (size_t i = 0; i < columns->n_cells; i++) {
        size_t column = i % columns->n_columns;

        print_cell(out, columns->cells[i], widths[column], (columns->right >> column & 1) != 0,
                   column + 1 == columns->n_columns || i + 1 == columns->n_cells);
    }
}
