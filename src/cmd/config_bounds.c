#include <stdlib.h>

#include "config_lists.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/metrics/bucket_rules.h"
#include "raftmetrics/metrics/name.h"
#include "raftmetrics/metrics/name_pattern.h"

/* The numbers of @array; their signs of zero are of no use. */
static int read_bounds(const char *pattern, const json_t *array, double *ret_bounds,
                       struct rm_complaint *reason)
{
    size_t i;
    json_t *item;

    json_array_foreach(array, i, item)
    {
        if (!json_is_number(item)) {
            return rm_complain(reason, RM_EINVAL, "\"%s\": bound %zu is not a number", pattern,
                               i + 1);
        }
        ret_bounds[i] = json_number_value(item) + 0.0;
        if (i > 0 && !(ret_bounds[i] > ret_bounds[i - 1])) {
            return rm_complain(reason, RM_EINVAL,
                               "\"%s\": bound %zu is not above the one before it", pattern, i + 1);
        }
    }
    return 0;
}

static int check_new(const struct rm_bounds_list *list, const char *pattern, const json_t *array,
                     struct rm_complaint *reason)
{
    if (!rm_name_pattern_is_valid(rm_slice_of(pattern))) {
        return rm_complain(reason, RM_EINVAL,
                           "\"%.300s\" is not a pattern: 1 to %d characters of metric names, * and "
                           "?",
                           pattern, RM_METRIC_NAME_MAX);
    }
    if (!json_is_array(array) || json_array_size(array) > RM_BUCKET_BOUNDS_MAX) {
        return rm_complain(reason, RM_EINVAL, "\"%s\": must be an array of at most %d numbers",
                           pattern, RM_BUCKET_BOUNDS_MAX);
    }
    if (list->n == RM_BUCKET_RULES_MAX) {
        return rm_complain(reason, RM_EINVAL, "more than %d patterns", RM_BUCKET_RULES_MAX);
    }
    return 0;
}

static int add(struct rm_bounds_list *list, const char *pattern, const json_t *array,
               struct rm_complaint *reason)
{
    int error = check_new(list, pattern, array, reason);
    struct rm_bucket_rule *items;
    double *bounds;
    char *copy;

    if (error != 0) {
        return error;
    }
    items = realloc(list->items, (list->n + 1) * sizeof *items);
    list->items = items == NULL ? list->items : items;
    bounds = malloc((json_array_size(array) + 1) * sizeof *bounds);
    copy = rm_slice_dup(rm_slice_of(pattern));
    if (items == NULL || bounds == NULL || copy == NULL) {
        error = rm_complain(reason, RM_ENOMEM, "out of memory");
    } else {
        error = read_bounds(pattern, array, bounds, reason);
    }
    if (error != 0) {
        free(bounds);
        free(copy);
        return error;
    }
    items[list->n++] = (struct rm_bucket_rule){rm_slice_of(copy), bounds, json_array_size(array)};
    return 0;
}

int rm_bounds_list_from_json(const json_t *value, struct rm_bounds_list *ret_list,
                             struct rm_complaint *reason)
{
    struct rm_bounds_list list = {0};
    const char *pattern;
    json_t *array;

    if (!json_is_object(value)) {
        return rm_complain(reason, RM_EINVAL, "must be an object of arrays");
    }
    /* in the order of the file */
    json_object_foreach((json_t *)(uintptr_t)value, pattern, array)
    {
        int error = add(&list, pattern, array, reason);

        if (error != 0) {
            rm_bounds_list_done(&list);
            return error;
        }
    }
    *ret_list = list;
    return 0;
}

void rm_bounds_list_done(struct rm_bounds_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free((char *)(uintptr_t)list->items[i].pattern.data);
        free((double *)(uintptr_t)list->items[i].bounds);
    }
    free(list->items);
    *list = (struct rm_bounds_list){0};
}

json_t *rm_bounds_list_to_json(const struct rm_bounds_list *list)
{
    json_t *object = json_object();

    for (size_t i = 0; i < list->n; i++) {
        json_t *array = json_array();

        for (size_t j = 0; j < list->items[i].n_bounds; j++) {
            json_array_append_new(array, json_real(list->items[i].bounds[j]));
        }
        json_object_set_new(object, list->items[i].pattern.data, array);
    }
    return object;
}

void rm_bounds_list_show(FILE *out, const struct rm_bounds_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        fprintf(out, "%s%s=", i == 0 ? "" : ";", list->items[i].pattern.data);
        for (size_t j = 0; j < list->items[i].n_bounds; j++) {
            char text[RM_DOUBLE_TEXT_MAX];

            rm_double_format(list->items[i].bounds[j], text);
            fprintf(out, "%s%s", j == 0 ? "" : ",", text);
        }
    }
}
