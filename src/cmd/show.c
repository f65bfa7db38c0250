#include "show.h"

#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "columns.h"
#include "raftmetrics/base/number.h"

static void show_into(FILE *out, const json_t *value);

static void show_array(FILE *out, const json_t *array)
{
    size_t i;
    json_t *item;

    json_array_foreach(array, i, item)
    {
        json_t *worker = json_object_get(item, "worker");

        fputs(i == 0 ? "" : ",", out);
        show_into(out, worker != NULL ? worker : item);
    }
}

/* Labels. */
static void show_object(FILE *out, const json_t *object)
{
    const char *separator = "";
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        fprintf(out, "%s%s=", separator, name);
        show_into(out, value);
        separator = ",";
    }
}

static void show_into(FILE *out, const json_t *value)
{
    char number[RM_DOUBLE_TEXT_MAX];

    if (json_is_number(value)) {
        rm_double_format(json_number_value(value), number);
        fputs(number, out);
    } else if (json_is_string(value)) {
        fputs(json_string_value(value), out);
    } else if (json_is_array(value)) {
        show_array(out, value);
    } else if (json_is_boolean(value)) {
        fputs(json_is_true(value) ? "yes" : "no", out);
    } else if (json_is_object(value)) {
        show_object(out, value);
    } else {
        fputs("-", out);
    }
}

char *rm_show_value(const json_t *value)
{
    char *text = NULL;
    size_t len;
    FILE *stream = open_memstream(&text, &len);

    if (stream == NULL) {
        return NULL;
    }
    show_into(stream, value);
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static void add_value(struct rm_columns *columns, const json_t *value)
{
    char *text = rm_show_value(value);

    rm_columns_add(columns, text == NULL ? "?" : text);
    free(text);
}

static void add_heading(struct rm_columns *columns, const char *name)
{
    char heading[64];
    size_t i = 0;

    for (; name[i] != '\0' && i < sizeof heading - 1; i++) {
        heading[i] = rm_ascii_replace(rm_ascii_upper(name[i]), '_', ' ');
    }
    heading[i] = '\0';
    rm_columns_add(columns, heading);
}

struct found_columns {
    const char *names[RM_COLUMNS_MAX];
    size_t n;
    uint32_t right; /* bit i: all values of column i are numbers */
};

static void find_columns_of(const json_t *object, struct found_columns *found)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        size_t i = 0;

        while (i < found->n && strcmp(found->names[i], name) != 0) {
            i++;
        }
        if (i == found->n && found->n < RM_COLUMNS_MAX) {
            found->names[found->n++] = name;
        }
        if (i < RM_COLUMNS_MAX && !json_is_number(value) && !json_is_null(value)) {
            found->right &= ~(UINT32_C(1) << i);
        }
    }
}

void rm_show_rows(FILE *out, const json_t *array)
{
    struct found_columns found = {.right = UINT32_MAX};
    struct rm_columns columns;
    size_t row;
    json_t *object;

    json_array_foreach(array, row, object)
    {
        find_columns_of(object, &found);
    }
    if (found.n == 0) {
        return;
    }
    rm_columns_init(&columns, found.n, found.right);
    for (size_t i = 0; i < found.n; i++) {
        add_heading(&columns, found.names[i]);
    }
    json_array_foreach(array, row, object)
    {
        for (size_t i = 0; i < found.n; i++) {
            add_value(&columns, json_object_get(object, found.names[i]));
        }
    }
    rm_columns_print(out, &columns);
    rm_columns_done(&columns);
}

void rm_show_members(FILE *out, const json_t *object)
{
    struct rm_columns columns;
    const char *name;
    json_t *value;

    rm_columns_init(&columns, 2, 0);
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        rm_columns_add(&columns, name);
        add_value(&columns, value);
    }
    rm_columns_print(out, &columns);
    rm_columns_done(&columns);
}
