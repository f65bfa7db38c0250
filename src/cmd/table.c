#include "table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void rm_table_init(struct rm_table *table, size_t n_columns, uint32_t right)
{
    assert(n_columns > 0 && n_columns <= RM_TABLE_COLUMNS_MAX);
    *table = (struct rm_table){.n_columns = n_columns, .right = right};
}

void rm_table_done(struct rm_table *table)
{
    for (size_t i = 0; i < table->n_cells; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    *table = (struct rm_table){0};
}

void rm_table_add(struct rm_table *table, const char *text)
{
    char *copy = table->is_broken ? NULL : strdup(text);

    if (table->n_cells == table->capacity) {
        size_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        char **cells = realloc(table->cells, capacity * sizeof *cells);

        if (cells == NULL) {
            free(copy);
            copy = NULL;
        } else {
            table->cells = cells;
            table->capacity = capacity;
        }
    }
    if (copy == NULL) {
        table->is_broken = true;
        return;
    }
    table->cells[table->n_cells++] = copy;
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

void rm_table_print(FILE *out, const struct rm_table *table)
{
    size_t widths[RM_TABLE_COLUMNS_MAX] = {0};

    for (size_t i = 0; i < table->n_cells; i++) {
        size_t width = width_of(table->cells[i]);

        if (width > widths[i % table->n_columns]) {
            widths[i % table->n_columns] = width;
        }
    }
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t column = i % table->n_columns;

        print_cell(out, table->cells[i], widths[column], (table->right >> column & 1) != 0,
                   column + 1 == table->n_columns || i + 1 == table->n_cells);
    }
}
