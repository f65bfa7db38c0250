#include <stdlib.h>

#include "config_lists.h"
#include "raftmetrics/base/error.h"

enum { TOKENS_MAX = 64, NAME_MAX_BYTES = 64, SECRET_MAX_BYTES = 256 };

static bool is_visible(struct rm_slice text, size_t max)
{
    return text.len > 0 && text.len <= max && rm_slice_all_between(text, 0x21, 0x7e);
}

static int check_new(const struct rm_token_list *list, struct rm_slice name, struct rm_slice secret,
                     struct rm_complaint *reason)
{
    if (!is_visible(name, NAME_MAX_BYTES)) {
        return rm_complain(reason, RM_EINVAL,
                           "a token's name must be 1 to %d visible ASCII characters",
                           NAME_MAX_BYTES);
    }
    if (!is_visible(secret, SECRET_MAX_BYTES)) {
        return rm_complain(reason, RM_EINVAL,
                           "token %.*s must be 1 to %d visible ASCII characters without spaces",
                           (int)name.len, name.data, SECRET_MAX_BYTES);
    }
    for (size_t i = 0; i < list->n; i++) {
        if (rm_slice_is(name, list->items[i].name)) {
            return rm_complain(reason, RM_EINVAL, "two tokens have the name \"%.*s\"",
                               (int)name.len, name.data);
        }
        if (rm_slice_is(secret, list->items[i].secret)) {
            return rm_complain(reason, RM_EINVAL, "the tokens %s and %.*s are equal",
                               list->items[i].name, (int)name.len, name.data);
        }
    }
    if (list->n == TOKENS_MAX) {
        return rm_complain(reason, RM_EINVAL, "more than %d tokens", TOKENS_MAX);
    }
    return 0;
}

int rm_token_list_add(struct rm_token_list *list, struct rm_slice name, struct rm_slice secret,
                      unsigned scopes, struct rm_complaint *reason)
{
    int error = check_new(list, name, secret, reason);
    struct rm_token *items;
    char *name_copy;
    char *secret_copy;

    if (error != 0) {
        return error;
    }
    items = realloc(list->items, (list->n + 1) * sizeof *items);
    if (items == NULL) {
        return rm_complain(reason, RM_ENOMEM, "out of memory");
    }
    list->items = items;
    name_copy = rm_slice_dup(name);
    secret_copy = rm_slice_dup(secret);
    if (name_copy == NULL || secret_copy == NULL) {
        free(name_copy);
        free(secret_copy);
        return rm_complain(reason, RM_ENOMEM, "out of memory");
    }
    items[list->n++] = (struct rm_token){name_copy, secret_copy, scopes};
    return 0;
}

static unsigned scope_of(const json_t *word)
{
    static const struct {
        const char *name;
        unsigned scope;
    } scopes[] = {{"read", RM_SCOPE_READ}, {"write", RM_SCOPE_WRITE}, {"admin", RM_SCOPE_ADMIN}};

    for (size_t i = 0; json_is_string(word) && i < sizeof scopes / sizeof scopes[0]; i++) {
        if (strcmp(json_string_value(word), scopes[i].name) == 0) {
            return scopes[i].scope;
        }
    }
    return 0;
}

static int scopes_from_json(const json_t *array, const char *name, unsigned *ret_scopes,
                            struct rm_complaint *reason)
{
    unsigned scopes = 0;
    size_t i;
    json_t *word;

    json_array_foreach(array, i, word)
    {
        unsigned scope = scope_of(word);

        if (scope == 0 || (scopes & scope) != 0) {
            scopes = 0;
            break;
        }
        scopes |= scope;
    }
    if (scopes == 0) {
        return rm_complain(reason, RM_EINVAL,
                           "the scopes of token %s must be an array of \"read\", \"write\" and "
                           "\"admin\", at least one, each once",
                           name);
    }
    *ret_scopes = scopes;
    return 0;
}

static int add_object(struct rm_token_list *list, const json_t *object, struct rm_complaint *reason)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    const char *secret = json_string_value(json_object_get(object, "token"));
    unsigned scopes = 0;
    int error;

    if (name == NULL || secret == NULL || json_object_size(object) != 3 ||
        json_object_get(object, "scopes") == NULL) {
        return rm_complain(reason, RM_EINVAL,
                           "each must be an object with \"name\", \"token\" and \"scopes\"");
    }
    error = scopes_from_json(json_object_get(object, "scopes"), name, &scopes, reason);
    if (error != 0) {
        return error;
    }
    return rm_token_list_add(list, rm_slice_of(name), rm_slice_of(secret), scopes, reason);
}

int rm_token_list_from_json(const json_t *value, struct rm_token_list *ret_list,
                            struct rm_complaint *reason)
{
    struct rm_token_list list = {0};
    int error = 0;
    size_t i;
    json_t *item;

    if (!json_is_array(value)) {
        return rm_complain(reason, RM_EINVAL, "must be an array");
    }
    json_array_foreach(value, i, item)
    {
        error = add_object(&list, item, reason);
        if (error != 0) {
            rm_token_list_done(&list);
            return error;
        }
    }
    *ret_list = list;
    return 0;
}

void rm_token_list_done(struct rm_token_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free((char *)(uintptr_t)list->items[i].name);
        free((char *)(uintptr_t)list->items[i].secret);
    }
    free(list->items);
    *list = (struct rm_token_list){0};
}
