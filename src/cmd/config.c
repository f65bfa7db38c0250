#include "raftmetrics/cmd/config.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "config_check.h"
#include "config_flags.h"
#include "config_lists.h"
#include "config_value.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/slice.h"
#include "text_file.h"

enum { FILE_MAX_BYTES = 1 << 20, WHERE_MAX = 4200 };

/* Each step overrides what the steps before it set. */
static int apply_defaults(struct rm_config *config, struct rm_complaint *complaint)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < rm_config_n_keys; i++) {
        const struct rm_config_key *key = &rm_config_keys[i];

        error = rm_config_set_text(config, key, rm_config_initial(key, config->daemon),
                                   RM_CONFIG_DEFAULT, "default", complaint);
    }
    return error;
}

static int apply_file_key(struct rm_config *config, const char *name, const json_t *value,
                          const char *where, struct rm_complaint *complaint)
{
    const struct rm_config_key *key = rm_config_find(name);

    if (key == NULL) {
        return rm_complain(complaint, RM_EINVAL, "unknown key \"%.100s\" (%s)", name, where);
    }
    if ((key->daemons & config->daemon) == 0) {
        return rm_complain(complaint, RM_EINVAL, "%s: a %s daemon has no such key (%s)", name,
                           rm_daemon_name(config->daemon), where);
    }
    return rm_config_set_json(config, key, value, RM_CONFIG_FILE, where, complaint);
}

static int apply_json(struct rm_config *config, json_t *root, const char *where,
                      struct rm_complaint *complaint)
{
    const char *name;
    json_t *value;

    if (!json_is_object(root)) {
        return rm_complain(complaint, RM_EINVAL, "must hold one JSON object (%s)", where);
    }
    json_object_foreach(root, name, value)
    {
        int error = apply_file_key(config, name, value, where, complaint);

        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int apply_file(struct rm_config *config, const char *path, struct rm_complaint *complaint)
{
    char where[WHERE_MAX];
    json_error_t problem;
    json_t *root;
    char *text;
    int error = rm_text_file_read(path, FILE_MAX_BYTES, &text, complaint);

    if (error != 0) {
        return error;
    }
    snprintf(where, sizeof where, "file %s", path);
    root = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    free(text);
    if (root == NULL) {
        return rm_complain(complaint, RM_EINVAL, "line %d: %.200s (%s)", problem.line, problem.text,
                           where);
    }
    error = apply_json(config, root, where, complaint);
    json_decref(root);
    return error;
}

/* The value of a variable; NULL where it is not set, or empty, which is the same: compose files
 * pass empty ones for what is not given. */
static const char *find_variable(char *const *environment, const char *name)
{
    size_t len = strlen(name);

    for (; *environment != NULL; environment++) {
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=') {
            return (*environment)[len + 1] == '\0' ? NULL : *environment + len + 1;
        }
    }
    return NULL;
}

static int apply_secret_file(struct rm_config *config, const struct rm_config_key *key,
                             const char *variable, const char *path, struct rm_complaint *complaint)
{
    char where[WHERE_MAX];
    struct rm_complaint reason;
    char *text;
    int error = rm_secret_file_read(path, &text, &reason);

    if (error != 0) {
        return rm_complain(complaint, error, "%s: %.600s (environment %s)", key->name, reason.text,
                           variable);
    }
    snprintf(where, sizeof where, "environment %s %s", variable, path);
    error = rm_config_set_text(config, key, text, RM_CONFIG_ENVIRONMENT, where, complaint);
    free(text);
    return error;
}

static int apply_variable(struct rm_config *config, const struct rm_config_key *key,
                          char *const *environment, struct rm_complaint *complaint)
{
    char name[RM_CONFIG_NAME_MAX];
    char file_name[RM_CONFIG_NAME_MAX + 8];
    char where[RM_CONFIG_NAME_MAX + 16];
    const char *value;
    const char *path;

    rm_config_environment_name(key, name);
    snprintf(file_name, sizeof file_name, "%s_FILE", name);
    value = find_variable(environment, name);
    path = find_variable(environment, file_name);
    if (value != NULL && path != NULL) {
        return rm_complain(complaint, RM_EINVAL, "%s: both %s and %s are set (environment)",
                           key->name, name, file_name);
    }
    if (path != NULL) {
        return apply_secret_file(config, key, file_name, path, complaint);
    }
    if (value == NULL) {
        return 0;
    }
    snprintf(where, sizeof where, "environment %s", name);
    return rm_config_set_text(config, key, value, RM_CONFIG_ENVIRONMENT, where, complaint);
}

static int apply_environment(struct rm_config *config, char *const *environment,
                             struct rm_complaint *complaint)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < rm_config_n_keys; i++) {
        const struct rm_config_key *key = &rm_config_keys[i];

        if ((key->daemons & config->daemon) != 0 && !rm_config_is_file_only(key)) {
            error = apply_variable(config, key, environment, complaint);
        }
    }
    return error;
}

static int apply_flags(struct rm_config *config, const struct rm_options *options,
                       struct rm_complaint *complaint)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < rm_config_n_keys; i++) {
        const struct rm_config_key *key = &rm_config_keys[i];
        char flag[RM_CONFIG_NAME_MAX];
        char where[RM_CONFIG_NAME_MAX + 16];
        const char *value;

        rm_config_flag_name(key, flag);
        value = rm_options_value(options, flag);
        if (value != NULL) {
            snprintf(where, sizeof where, "flag --%s", flag);
            error = rm_config_set_text(config, key, value, RM_CONFIG_FLAG, where, complaint);
        }
    }
    return error;
}

/* auth_token is one more token, with all scopes. */
static int add_auth_token(struct rm_config *config, struct rm_complaint *complaint)
{
    struct rm_token_list list = {config->tokens, config->n_tokens};
    struct rm_complaint reason;
    int error;

    assert(config->auth_token != NULL); /* its default is "" */
    if (config->auth_token[0] == '\0') {
        return 0;
    }
    error = rm_token_list_add(&list, rm_slice_of("default"), rm_slice_of(config->auth_token),
                              RM_SCOPE_READ | RM_SCOPE_WRITE | RM_SCOPE_ADMIN, &reason);
    config->tokens = list.items;
    config->n_tokens = list.n;
    return error == 0
               ? 0
               : rm_complain(complaint, error, "auth_token beside tokens: %.600s", reason.text);
}

int rm_config_resolve(struct rm_config *config, enum rm_daemon daemon,
                      const struct rm_options *options, char *const *environment,
                      struct rm_complaint *complaint)
{
    struct rm_config resolved = {.daemon = daemon};
    const char *file = rm_options_value(options, "config");
    int error = apply_defaults(&resolved, complaint);

    if (error == 0 && file != NULL) {
        error = apply_file(&resolved, file, complaint);
    }
    if (error == 0) {
        error = apply_environment(&resolved, environment, complaint);
    }
    if (error == 0) {
        error = apply_flags(&resolved, options, complaint);
    }
    if (error == 0) {
        error = add_auth_token(&resolved, complaint);
    }
    if (error != 0) {
        rm_config_done(&resolved);
        return error;
    }
    *config = resolved;
    return 0;
}

int rm_config_load(struct rm_config *config, enum rm_daemon daemon, int argc, char *const *argv,
                   char *const *environment, struct rm_complaint *complaint)
{
    struct rm_config_flags flags;
    struct rm_options options;
    int error;

    rm_config_flags_init(&flags, daemon);
    error = rm_options_parse(&options, flags.table, flags.n, argc, argv, complaint);
    if (error != 0) {
        return error;
    }
    if (options.n_words > 0) {
        error = rm_complain(complaint, RM_EINVAL, "unexpected argument %s", options.words[0]);
    } else {
        error = rm_config_resolve(config, daemon, &options, environment, complaint);
    }
    rm_options_done(&options);
    if (error == 0 && (error = rm_config_check(config, complaint)) != 0) {
        rm_config_done(config);
    }
    return error;
}

void rm_config_done(struct rm_config *config)
{
    struct rm_worker_list workers = {config->workers, config->n_workers};
    struct rm_token_list tokens = {config->tokens, config->n_tokens};
    struct rm_bounds_list bounds = {config->bounds, config->n_bounds};
    struct rm_retention_list retention = {config->retention, config->n_retention};
    struct rm_exposition_list exposition = {config->exposition, config->n_exposition};

    for (size_t i = 0; i < rm_config_n_keys; i++) {
        if (rm_config_keys[i].type == RM_CONFIG_TEXT) {
            free(*(char **)(void *)((char *)config + rm_config_keys[i].offset));
        }
        free(config->sources[i].where);
    }
    rm_worker_list_done(&workers);
    rm_token_list_done(&tokens);
    rm_bounds_list_done(&bounds);
    rm_exposition_list_done(&exposition);
    rm_retention_list_done(&retention);
    *config = (struct rm_config){0};
}
