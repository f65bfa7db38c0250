#include "config_value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config_lists.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/base/slice.h"
#include "raftmetrics/base/utf8.h"

static const char mask[] = "***";

static char **text_at(const struct rm_config *config, const struct rm_config_key *key)
{
    return (char **)(void *)((char *)(uintptr_t)config + key->offset);
}

static int64_t *int_at(const struct rm_config *config, const struct rm_config_key *key)
{
    return (int64_t *)(void *)((char *)(uintptr_t)config + key->offset);
}

static int out_of_memory(struct rm_complaint *complaint)
{
    return rm_complain(complaint, RM_ENOMEM, "out of memory");
}

/* key: "value" REASON (source) */
static int refuse(const struct rm_config_key *key, const char *value, const char *reason,
                  const char *where, struct rm_complaint *complaint)
{
    return rm_complain(complaint, RM_EINVAL, "%s: \"%.200s\" %s (%s)", key->name,
                       key->is_secret ? mask : value, reason, where);
}

static int set_int(struct rm_config *config, const struct rm_config_key *key, const char *text,
                   const char *where, struct rm_complaint *complaint)
{
    char reason[80];
    int64_t value;

    if (text[0] == '\0' && key->initial[0] == '\0') {
        *int_at(config, key) = 0;
        return 0;
    }
    if (rm_int_parse(rm_slice_of(text), key->min, key->max, &value) != 0) {
        snprintf(reason, sizeof reason, "is not a whole number between %" PRId64 " and %" PRId64,
                 key->min, key->max);
        return refuse(key, text, reason, where, complaint);
    }
    *int_at(config, key) = value;
    return 0;
}

static bool is_clean_text(const struct rm_config_key *key, struct rm_slice text)
{
    if (key->is_secret) {
        return rm_slice_all_between(text, 0x21, 0x7e);
    }
    return rm_utf8_is_valid(text) && !rm_utf8_has_control(text);
}

static int set_text(struct rm_config *config, const struct rm_config_key *key, const char *text,
                    const char *where, struct rm_complaint *complaint)
{
    int64_t len = (int64_t)strlen(text);
    bool may_be_empty = key->initial[0] == '\0';
    char reason[80];
    char *copy;

    if ((len < key->min && !(len == 0 && may_be_empty)) || len > key->max) {
        snprintf(reason, sizeof reason, "is not %" PRId64 " to %" PRId64 " characters long",
                 key->min, key->max);
        return refuse(key, text, reason, where, complaint);
    }
    if (!is_clean_text(key, rm_slice_of(text))) {
        return refuse(key, text,
                      key->is_secret ? "holds a space or something that is not visible ASCII"
                                     : "holds a control character or is not UTF-8",
                      where, complaint);
    }
    copy = strdup(text);
    if (copy == NULL) {
        return out_of_memory(complaint);
    }
    free(*text_at(config, key));
    *text_at(config, key) = copy;
    return 0;
}

static int set_choice(struct rm_config *config, const struct rm_config_key *key, const char *text,
                      const char *where, struct rm_complaint *complaint)
{
    char reason[120] = "is none of";

    for (int64_t i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(key->choices[i], text) == 0) {
            *int_at(config, key) = i;
            return 0;
        }
        snprintf(reason + strlen(reason), sizeof reason - strlen(reason), "%s %s",
                 i == 0 ? "" : ",", key->choices[i]);
    }
    return refuse(key, text, reason, where, complaint);
}

static void replace_workers(struct rm_config *config, struct rm_worker_list list)
{
    struct rm_worker_list old = {config->workers, config->n_workers};

    rm_worker_list_done(&old);
    config->workers = list.items;
    config->n_workers = list.n;
}

static int set_workers(struct rm_config *config, const struct rm_config_key *key, const char *text,
                       const char *where, struct rm_complaint *complaint)
{
    struct rm_worker_list list = {0};
    struct rm_complaint reason;
    int error = text[0] == '\0' ? 0 : rm_worker_list_parse(rm_slice_of(text), &list, &reason);

    if (error != 0) {
        return rm_complain(complaint, error, "%s: %.800s (%s)", key->name, reason.text, where);
    }
    replace_workers(config, list);
    return 0;
}

static int set_tokens(struct rm_config *config, const json_t *value, struct rm_complaint *reason)
{
    struct rm_token_list old = {config->tokens, config->n_tokens};
    struct rm_token_list list;
    int error = rm_token_list_from_json(value, &list, reason);

    if (error == 0) {
        rm_token_list_done(&old);
        config->tokens = list.items;
        config->n_tokens = list.n;
    }
    return error;
}

static int set_bounds(struct rm_config *config, const json_t *value, struct rm_complaint *reason)
{
    struct rm_bounds_list old = {config->bounds, config->n_bounds};
    struct rm_bounds_list list;
    int error = rm_bounds_list_from_json(value, &list, reason);

    if (error == 0) {
        rm_bounds_list_done(&old);
        config->bounds = list.items;
        config->n_bounds = list.n;
    }
    return error;
}

static int set_exposition(struct rm_config *config, const json_t *value,
                          struct rm_complaint *reason)
{
    struct rm_exposition_list old = {config->exposition, config->n_exposition};
    struct rm_exposition_list list;
    int error = rm_exposition_list_from_json(value, &list, reason);

    if (error == 0) {
        rm_exposition_list_done(&old);
        config->exposition = list.items;
        config->n_exposition = list.n;
    }
    return error;
}

static int set_retention(struct rm_config *config, const json_t *value, struct rm_complaint *reason)
{
    struct rm_retention_list old = {config->retention, config->n_retention};
    struct rm_retention_list list;
    int error = rm_retention_list_from_json(value, &list, reason);

    if (error == 0) {
        rm_retention_list_done(&old);
        config->retention = list.items;
        config->n_retention = list.n;
    }
    return error;
}

static int set_lists(struct rm_config *config, const struct rm_config_key *key, const json_t *value,
                     struct rm_complaint *reason)
{
    struct rm_worker_list workers;
    int error;

    switch (key->type) {
    case RM_CONFIG_WORKERS:
        error = rm_worker_list_from_json(value, &workers, reason);
        if (error == 0) {
            replace_workers(config, workers);
        }
        return error;
    case RM_CONFIG_TOKENS:
        return set_tokens(config, value, reason);
    case RM_CONFIG_BOUNDS:
        return set_bounds(config, value, reason);
    case RM_CONFIG_RETENTION:
        return set_retention(config, value, reason);
    default:
        return set_exposition(config, value, reason);
    }
}

static int note_source(struct rm_config *config, const struct rm_config_key *key,
                       enum rm_config_origin origin, const char *where,
                       struct rm_complaint *complaint)
{
    size_t i = rm_config_index(key);
    char *copy = strdup(where);

    if (copy == NULL) {
        return out_of_memory(complaint);
    }
    free(config->sources[i].where);
    config->sources[i].where = copy;
    config->sources[i].origin = origin;
    return 0;
}

static int set_by_type(struct rm_config *config, const struct rm_config_key *key, const char *text,
                       const char *where, struct rm_complaint *complaint)
{
    switch (key->type) {
    case RM_CONFIG_INT:
        return set_int(config, key, text, where, complaint);
    case RM_CONFIG_TEXT:
        return set_text(config, key, text, where, complaint);
    case RM_CONFIG_CHOICE:
        return set_choice(config, key, text, where, complaint);
    case RM_CONFIG_WORKERS:
        return set_workers(config, key, text, where, complaint);
    case RM_CONFIG_TOKENS:
    case RM_CONFIG_BOUNDS:
    case RM_CONFIG_EXPOSITION:
    case RM_CONFIG_RETENTION:
        break;
    }
    return 0; /* these have no text form, and none by default */
}

int rm_config_set_text(struct rm_config *config, const struct rm_config_key *key, const char *text,
                       enum rm_config_origin origin, const char *where,
                       struct rm_complaint *complaint)
{
    int error = set_by_type(config, key, text, where, complaint);

    return error != 0 ? error : note_source(config, key, origin, where, complaint);
}

static bool has_type(const struct rm_config_key *key, const json_t *value)
{
    return key->type == RM_CONFIG_INT ? json_is_integer(value) : json_is_string(value);
}

/* A JSON scalar through the same door as the environment's text. */
static int set_scalar(struct rm_config *config, const struct rm_config_key *key,
                      const json_t *value, const char *where, struct rm_complaint *complaint)
{
    char *shown;
    int error;

    if (has_type(key, value) && json_is_string(value)) {
        return set_by_type(config, key, json_string_value(value), where, complaint);
    }
    shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (shown == NULL) {
        return out_of_memory(complaint);
    }
    error = has_type(key, value)
                ? set_by_type(config, key, shown, where, complaint)
                : rm_complain(complaint, RM_EINVAL, "%s: %.200s is not %s (%s)", key->name,
                              key->is_secret ? mask : shown,
                              key->type == RM_CONFIG_INT ? "an integer" : "a text", where);
    free(shown);
    return error;
}

int rm_config_set_json(struct rm_config *config, const struct rm_config_key *key,
                       const json_t *value, enum rm_config_origin origin, const char *where,
                       struct rm_complaint *complaint)
{
    bool is_list = key->type == RM_CONFIG_WORKERS || rm_config_is_file_only(key);
    struct rm_complaint reason;
    int error = is_list ? set_lists(config, key, value, &reason)
                        : set_scalar(config, key, value, where, complaint);

    if (is_list && error != 0) {
        return rm_complain(complaint, error, "%s: %.800s (%s)", key->name, reason.text, where);
    }
    return error != 0 ? error : note_source(config, key, origin, where, complaint);
}

/* The tokens of the key `tokens`: all but the one that auth_token became. */
static bool is_listed_token(const struct rm_config *config, const struct rm_token *token)
{
    return strcmp(token->secret, config->auth_token) != 0;
}

static json_t *scopes_to_json(unsigned scopes)
{
    json_t *array = json_array();

    if ((scopes & RM_SCOPE_READ) != 0) {
        json_array_append_new(array, json_string("read"));
    }
    if ((scopes & RM_SCOPE_WRITE) != 0) {
        json_array_append_new(array, json_string("write"));
    }
    if ((scopes & RM_SCOPE_ADMIN) != 0) {
        json_array_append_new(array, json_string("admin"));
    }
    return array;
}

static json_t *tokens_to_json(const struct rm_config *config)
{
    json_t *array = json_array();

    for (size_t i = 0; i < config->n_tokens; i++) {
        const struct rm_token *token = &config->tokens[i];

        if (is_listed_token(config, token)) {
            json_array_append_new(array, json_pack("{s:s, s:s, s:o}", "name", token->name, "token",
                                                   mask, "scopes", scopes_to_json(token->scopes)));
        }
    }
    return array;
}

static json_t *workers_to_json(const struct rm_config *config)
{
    json_t *array = json_array();

    for (size_t i = 0; i < config->n_workers; i++) {
        const struct rm_worker_address *worker = &config->workers[i];

        json_array_append_new(array,
                              json_pack("{s:I, s:s, s:i}", "id", (json_int_t)worker->id, "address",
                                        worker->address, "peer_port", (int)worker->peer_port));
    }
    return array;
}

json_t *rm_config_to_json(const struct rm_config *config, const struct rm_config_key *key)
{
    switch (key->type) {
    case RM_CONFIG_INT:
        return json_integer(*int_at(config, key));
    case RM_CONFIG_CHOICE:
        return json_string(key->choices[*int_at(config, key)]);
    case RM_CONFIG_WORKERS:
        return workers_to_json(config);
    case RM_CONFIG_TOKENS:
        return tokens_to_json(config);
    case RM_CONFIG_BOUNDS:
        return rm_bounds_list_to_json(&(struct rm_bounds_list){config->bounds, config->n_bounds});
    case RM_CONFIG_EXPOSITION:
        return rm_exposition_list_to_json(
            &(struct rm_exposition_list){config->exposition, config->n_exposition});
    case RM_CONFIG_RETENTION:
        return rm_retention_list_to_json(
            &(struct rm_retention_list){config->retention, config->n_retention});
    case RM_CONFIG_TEXT:
        break;
    }
    return json_string(key->is_secret && **text_at(config, key) != '\0' ? mask
                                                                        : *text_at(config, key));
}

static void show_workers(FILE *out, const struct rm_config *config)
{
    for (size_t i = 0; i < config->n_workers; i++) {
        fprintf(out, "%s%u=%s/%u", i == 0 ? "" : ",", config->workers[i].id,
                config->workers[i].address, config->workers[i].peer_port);
    }
}

static void show_tokens(FILE *out, const struct rm_config *config)
{
    const char *separator = "";

    for (size_t i = 0; i < config->n_tokens; i++) {
        if (is_listed_token(config, &config->tokens[i])) {
            fprintf(out, "%s%s=%s", separator, config->tokens[i].name, mask);
            separator = ",";
        }
    }
}

void rm_config_show(FILE *out, const struct rm_config *config, const struct rm_config_key *key)
{
    switch (key->type) {
    case RM_CONFIG_INT:
        fprintf(out, "%" PRId64, *int_at(config, key));
        break;
    case RM_CONFIG_CHOICE:
        fputs(key->choices[*int_at(config, key)], out);
        break;
    case RM_CONFIG_WORKERS:
        show_workers(out, config);
        break;
    case RM_CONFIG_TOKENS:
        show_tokens(out, config);
        break;
    case RM_CONFIG_BOUNDS:
        rm_bounds_list_show(out, &(struct rm_bounds_list){config->bounds, config->n_bounds});
        break;
    case RM_CONFIG_EXPOSITION:
        rm_exposition_list_show(
            out, &(struct rm_exposition_list){config->exposition, config->n_exposition});
        break;
    case RM_CONFIG_RETENTION:
        rm_retention_list_show(out,
                               &(struct rm_retention_list){config->retention, config->n_retention});
        break;
    case RM_CONFIG_TEXT:
        fputs(key->is_secret && **text_at(config, key) != '\0' ? mask : *text_at(config, key), out);
        break;
    }
}
