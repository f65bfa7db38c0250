#include <inttypes.h>
#include <stdlib.h>

#include "config_lists.h"
#include "raftmetrics/base/duration.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/name.h"
#include "raftmetrics/metrics/name_pattern.h"
#include "raftmetrics/metrics/retention_rules.h"

enum { AGE_TEXT_MAX = 32 };

/* In the longest unit that it is a multiple of. */
static void format_age(int64_t age_ms, char ret_text[AGE_TEXT_MAX])
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;

    while (age_ms % units[i].ms != 0) {
        i++;
    }
    snprintf(ret_text, AGE_TEXT_MAX, "%" PRId64 "%s", age_ms / units[i].ms, units[i].name);
}

static bool is_listed(const struct rm_retention_list *list, const char *pattern)
{
    for (size_t i = 0; i < list->n; i++) {
        if (rm_slice_is(list->items[i].pattern, pattern)) {
            return true;
        }
    }
    return false;
}

/* The first that matches decides, so a pattern that stands there already would decide nothing. */
static int read_entry(const struct rm_retention_list *list, const json_t *object,
                      const char **ret_pattern, int64_t *ret_age_ms, struct rm_complaint *reason)
{
    const char *pattern = json_string_value(json_object_get(object, "pattern"));
    const char *age = json_string_value(json_object_get(object, "max_age"));
    size_t number = list->n + 1;

    if (pattern == NULL || age == NULL || json_object_size(object) != 2) {
        return rm_complain(reason, RM_EINVAL,
                           "entry %zu is not an object with the texts \"pattern\" and \"max_age\"",
                           number);
    }
    if (!rm_name_pattern_is_valid(rm_slice_of(pattern))) {
        return rm_complain(reason, RM_EINVAL,
                           "entry %zu: \"%.300s\" is not a pattern: 1 to %d characters of metric "
                           "names, * and ?",
                           number, pattern, RM_METRIC_NAME_MAX);
    }
    if (rm_duration_parse(rm_slice_of(age), ret_age_ms) != 0) {
        return rm_complain(reason, RM_EINVAL,
                           "entry %zu, \"%s\": \"%.40s\" is no duration such as 90m, 12h or 30d",
                           number, pattern, age);
    }
    if (is_listed(list, pattern)) {
        return rm_complain(reason, RM_EINVAL, "entry %zu: \"%s\" stands there twice", number,
                           pattern);
    }
    *ret_pattern = pattern;
    return 0;
}

static int add(struct rm_retention_list *list, const json_t *object, struct rm_complaint *reason)
{
    const char *pattern = "";
    int64_t age_ms = 0;
    int error = read_entry(list, object, &pattern, &age_ms, reason);
    struct rm_retention_rule *items;
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
    items[list->n++] = (struct rm_retention_rule){rm_slice_of(copy), age_ms};
    return 0;
}

int rm_retention_list_from_json(const json_t *value, struct rm_retention_list *ret_list,
                                struct rm_complaint *reason)
{
    struct rm_retention_list list = {0};
    size_t i;
    json_t *object;

    if (!json_is_array(value) || json_array_size(value) > RM_RETENTION_RULES_MAX) {
        return rm_complain(reason, RM_EINVAL, "must be an array of at most %d objects",
                           RM_RETENTION_RULES_MAX);
    }
    json_array_foreach(value, i, object)
    {
        int error = add(&list, object, reason);

        if (error != 0) {
            rm_retention_list_done(&list);
            return error;
        }
    }
    *ret_list = list;
    return 0;
}

void rm_retention_list_done(struct rm_retention_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free((char *)(uintptr_t)list->items[i].pattern.data);
    }
    free(list->items);
    *list = (struct rm_retention_list){0};
}

json_t *rm_retention_list_to_json(const struct rm_retention_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->n; i++) {
        char age[AGE_TEXT_MAX];

        format_age(list->items[i].max_age_ms, age);
        json_array_append_new(
            array, json_pack("{s:s, s:s}", "pattern", list->items[i].pattern.data, "max_age", age));
    }
    return array;
}

void rm_retention_list_show(FILE *out, const struct rm_retention_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        char age[AGE_TEXT_MAX];

        format_age(list->items[i].max_age_ms, age);
        fprintf(out, "%s%s=%s", i == 0 ? "" : ";", list->items[i].pattern.data, age);
    }
}
