/* What the client commands have in common: options, help, a connection, an exit code. */
#ifndef RAFTMETRICS_SRC_CMD_CLIENT_COMMAND_H
#define RAFTMETRICS_SRC_CMD_CLIENT_COMMAND_H

#include <jansson.h>

#include "raftmetrics/cmd/options.h"
#include "remote.h"

enum { RM_TARGET_MAX = 65536 };

struct rm_client_command {
    const char *name;
    const char *usage; /* printed before the options */
    const struct rm_option *table;
    size_t n_table;
    size_t min_words;
    size_t max_words;
    /* Returns an exit code. */
    int (*run)(struct rm_remote *remote, const struct rm_options *options);
};

int rm_client_command_run(const struct rm_client_command *command, int argc, char **argv);

/* Prints "raftmetrics NAME: TEXT" on stderr and returns @exit_code. */
int rm_client_fail(const char *name, int exit_code, const char *text);

/* GETs the target that @target holds and frees it. With --json the body is printed and
 * *@ret_root is NULL; else it is the parsed body, to be json_decref'ed, with every number a real.
 * Returns an exit code. */
int rm_client_get(struct rm_remote *remote, const struct rm_options *options, const char *name,
                  struct rm_buffer *target, json_t **ret_root);

#endif
