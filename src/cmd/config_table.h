/* The table of configuration keys. Everything else about configuration is driven by it. */
#ifndef RAFTMETRICS_SRC_CMD_CONFIG_TABLE_H
#define RAFTMETRICS_SRC_CMD_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/cmd/config.h"

enum rm_config_type {
    RM_CONFIG_TEXT,
    RM_CONFIG_INT,
    RM_CONFIG_CHOICE,     /* one of a few words, stored as its place among them */
    RM_CONFIG_WORKERS,    /* host:port,… or 2=host:port,… or a JSON array */
    RM_CONFIG_TOKENS,     /* a JSON array; in the file only */
    RM_CONFIG_BOUNDS,     /* a JSON object of patterns and bounds; in the file only */
    RM_CONFIG_EXPOSITION, /* a JSON array of patterns and words; in the file only */
    RM_CONFIG_RETENTION,  /* a JSON array of patterns and ages; in the file only */
};

enum { RM_CONFIG_BOTH = RM_DAEMON_CONTROL | RM_DAEMON_WORKER };

/* The longest name of a key, of its environment variable with _FILE, and of its flag. */
enum { RM_CONFIG_NAME_MAX = 40 };

struct rm_config_key {
    const char *name;
    enum rm_config_type type;
    unsigned daemons;           /* RM_DAEMON_… or'ed */
    const char *initial;        /* default, as in the environment; "": none */
    const char *initial_worker; /* where it differs on a worker, else NULL */
    int64_t min;                /* of an integer; of the length of a text that is not "" */
    int64_t max;
    const char *const *choices; /* NULL-terminated */
    size_t offset;              /* in struct rm_config */
    bool is_secret;
    const char *help;
};

extern const struct rm_config_key rm_config_keys[];
extern const size_t rm_config_n_keys;

/* NULL where no daemon has such a key. */
const struct rm_config_key *rm_config_find(const char *name);

/* The place of @key in the table, and in sources of struct rm_config. */
size_t rm_config_index(const struct rm_config_key *key);

const char *rm_config_initial(const struct rm_config_key *key, enum rm_daemon daemon);

/* log_level -> LOG_LEVEL, and log-level. */
void rm_config_environment_name(const struct rm_config_key *key, char ret_name[RM_CONFIG_NAME_MAX]);
void rm_config_flag_name(const struct rm_config_key *key, char ret_name[RM_CONFIG_NAME_MAX]);

/* Has it no text form, and so no environment variable and no flag? */
bool rm_config_is_file_only(const struct rm_config_key *key);

/* "int", "text", "debug|info|warn|error", … */
const char *rm_config_type_name(enum rm_config_type type);

/* "control" or "worker". */
const char *rm_daemon_name(enum rm_daemon daemon);

#endif
