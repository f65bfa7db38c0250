#include <stdlib.h>
#include <string.h>

#include "config_lists.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/name.h"
#include "raftmetrics/metrics/name_pattern.h"

static const char *const words[] = {
    [RM_EXPOSED_AS_BOTH] = "both",
    [RM_EXPOSED_AS_HISTOGRAM] = "histogram",
    [RM_EXPOSED_AS_GAUGE] = "gauge",
    [RM_EXPOSED_AS_COUNTER] = "counter",
};

static bool find_word(const char *word, enum rm_exposed_as *ret_as)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word) == 0) {
            *ret_as = (enum rm_exposed_as)i;
            return true;
        }
    }
    return false;
}

static bool is_listed(const struct rm_exposition_list *list, const char *pattern)
{
    for (size_t i = 0; i < list->n; i++) {
        if (rm_slice_is(list->items[i].pattern, pattern)) {
            return true;
        }
    }
    return false;
}

/* The first that matches decides, so a pattern that stands there already would decide nothing. */
static int read_entry(const struct rm_exposition_list *list, const json_t *object,
                      const char **ret_pattern, enum rm_exposed_as *ret_as,
                      struct rm_complaint *reason)
{
    const char *pattern = json_string_value(json_object_get(object, "pattern"));
    const char *as = json_string_value(json_object_get(object, "as"));
    size_t number = list->n + 1;

    if (pattern == NULL || as == NULL || json_object_size(object) != 2) {
        return rm_complain(reason, RM_EINVAL,
                           "entry %zu is not an object with the texts \"pattern\" and \"as\"",
                           number);
    }
    if (!rm_name_pattern_is_valid(rm_slice_of(pattern))) {
        return rm_complain(reason, RM_EINVAL,
                           "entry %zu: \"%.300s\" is not a pattern: 1 to %d characters of metric "
                           "names, * and ?",
                           number, pattern, RM_METRIC_NAME_MAX);
    }
    if (!find_word(as, ret_as)) {
        return rm_complain(reason, RM_EINVAL,
                           "entry %zu, \"%s\": \"%.40s\" is none of both, histogram, gauge, "
                           "counter",
                           number, pattern, as);
    }
    if (is_listed(list, pattern)) {
        return rm_complain(reason, RM_EINVAL, "entry %zu: \"%s\" stands there twice", number,
                           pattern);
    }
    *ret_pattern = pattern;
    return 0;
}

static int add(struct rm_exposition_list *list, const json_t *object, struct rm_complaint *reason)
{
    const char *pattern = "";
    enum rm_exposed_as as = RM_EXPOSED_AS_BOTH;
    int error = read_entry(list, object, &pattern, &as, reason);
    struct rm_exposition_rule *items;
    char *copy;

    if (error != 0) {
        return error;
    }
    items = realloc(list->items, (list->n + 1) * sizeof *items);
    list->items = items == NULL ? list->items : items;
    copy = rm_slice_dup(rm_slice_of(pattern));
    if (items == NULL || copy == NULL) {
        free(copy);
        return rm_complain(reason, RM_ENOMEM, "out of memory");
    }
    items[list->n++] = (struct rm_exposition_rule){rm_slice_of(copy), as};
    return 0;
}

int rm_exposition_list_from_json(const json_t *value, struct rm_exposition_list *ret_list,
                                 struct rm_complaint *reason)
{
    struct rm_exposition_list list = {0};
    size_t i;
    json_t *object;

    if (!json_is_array(value) || json_array_size(value) > RM_EXPOSITION_RULES_MAX) {
        return rm_complain(reason, RM_EINVAL, "must be an array of at most %d objects",
                           RM_EXPOSITION_RULES_MAX);
    }
    json_array_foreach(value, i, object)
    {
        int error = add(&list, object, reason);

        if (error != 0) {
            rm_exposition_list_done(&list);
            return error;
        }
    }
    *ret_list = list;
    return 0;
}

void rm_exposition_list_done(struct rm_exposition_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free((char *)(uintptr_t)list->items[i].pattern.data);
    }
    free(list->items);
    *list = (struct rm_exposition_list){0};
}

json_t *rm_exposition_list_to_json(const struct rm_exposition_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->n; i++) {
        json_array_append_new(array, json_pack("{s:s, s:s}", "pattern", list->items[i].pattern.data,
                                               "as", words[list->items[i].as]));
    }
    return array;
}

void rm_exposition_list_show(FILE *out, const struct rm_exposition_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        fprintf(out, "%s%s=%s", i == 0 ? "" : ";", list->items[i].pattern.data,
                words[list->items[i].as]);
    }
}
