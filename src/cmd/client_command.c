#include "client_command.h"

#include <stdio.h>

#include "raftmetrics/base/error.h"
#include "target.h"

int rm_client_fail(const char *name, int exit_code, const char *text)
{
    fprintf(stderr, "raftmetrics %s: %s\n", name, text);
    return exit_code;
}

static int run(const struct rm_client_command *command, const struct rm_options *options)
{
    struct rm_complaint complaint;
    struct rm_remote *remote;
    int exit_code;

    if (options->wants_help) {
        fputs(command->usage, stdout);
        rm_options_print(stdout, command->table, command->n_table);
        return RM_EXIT_OK;
    }
    if (options->n_words < command->min_words) {
        fputs(command->usage, stderr);
        return RM_EXIT_USAGE;
    }
    if (options->n_words > command->max_words) {
        rm_complain(&complaint, RM_EINVAL, "unexpected argument %s",
                    options->words[command->max_words]);
        return rm_client_fail(command->name, RM_EXIT_USAGE, complaint.text);
    }
    if (rm_remote_new(options, &remote, &complaint) != 0) {
        return rm_client_fail(command->name, RM_EXIT_USAGE, complaint.text);
    }
    exit_code = command->run(remote, options);
    rm_remote_free(remote);
    if (fflush(stdout) != 0 && exit_code == RM_EXIT_OK) {
        exit_code = rm_client_fail(command->name, RM_EXIT_FAILED, "cannot write the output");
    }
    return exit_code;
}

int rm_client_command_run(const struct rm_client_command *command, int argc, char **argv)
{
    struct rm_options options;
    struct rm_complaint complaint;
    int exit_code;

    if (rm_options_parse(&options, command->table, command->n_table, argc, argv, &complaint) != 0) {
        return rm_client_fail(command->name, RM_EXIT_USAGE, complaint.text);
    }
    exit_code = run(command, &options);
    rm_options_done(&options);
    return exit_code;
}

/* Integers may be of any size; as reals they all have the daemon's own meaning. */
static int parse_or_print(const struct rm_options *options, const char *name,
                          const struct rm_answer *answer, json_t **ret_root)
{
    if (rm_options_has(options, "json")) {
        rm_answer_print(answer);
        *ret_root = NULL;
        return RM_EXIT_OK;
    }
    *ret_root = json_loadb(answer->body, answer->body_len, JSON_DECODE_INT_AS_REAL, NULL);
    if (*ret_root == NULL) {
        return rm_client_fail(name, RM_EXIT_FAILED, "the daemon's answer is not JSON");
    }
    return RM_EXIT_OK;
}

int rm_client_get(struct rm_remote *remote, const struct rm_options *options, const char *name,
                  struct rm_buffer *target, json_t **ret_root)
{
    const char *text;
    struct rm_answer answer;
    int exit_code;

    if (rm_target_finish(target, &text) != 0) {
        exit_code = rm_client_fail(name, RM_EXIT_FAILED, "out of memory");
    } else {
        exit_code =
            rm_remote_ask(remote, name, "GET", text, (struct rm_slice){NULL, 0}, NULL, &answer);
    }
    rm_buffer_done(target);
    if (exit_code == RM_EXIT_OK) {
        exit_code = parse_or_print(options, name, &answer, ret_root);
        rm_answer_done(&answer);
    }
    return exit_code;
}
