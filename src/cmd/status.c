/* raftmetrics status: the cluster as it is now. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client_command.h"
#include "commands.h"
#include "raftmetrics/base/error.h"
#include "screen.h"
#include "status_table.h"
#include "target.h"

enum { WATCH_EVERY_S = 1 };

static const char usage[] =
    "usage: raftmetrics status [--watch]\n\n"
    "Shows the workers, and the replicas of each shard: up to which entry each has the log "
    "(MATCH)\n"
    "and has applied it (APPLIED), and by how many entries it lags behind.\n\n";

static const struct rm_option table[] = {
    RM_REMOTE_OPTIONS,
    RM_JSON_OPTION,
    {"watch", NULL, "show it again every second, until Ctrl-C", false},
};

static int show_once(struct rm_remote *remote, const struct rm_options *options)
{
    struct rm_buffer target;
    json_t *root;
    int exit_code;

    rm_buffer_init(&target, RM_TARGET_MAX);
    if (rm_target_append(&target, "/status") != 0) {
        return rm_client_fail("status", RM_EXIT_FAILED, "out of memory");
    }
    exit_code = rm_client_get(remote, options, "status", &target, &root);
    if (exit_code == RM_EXIT_OK && root != NULL) {
        rm_status_print(stdout, root);
        json_decref(root);
    }
    return exit_code;
}

static void print_table(FILE *out, const struct rm_answer *answer)
{
    json_t *root = json_loadb(answer->body, answer->body_len, JSON_DECODE_INT_AS_REAL, NULL);

    if (root == NULL) {
        fputs("the daemon's answer is not JSON\n", out);
        return;
    }
    rm_status_print(out, root);
    json_decref(root);
}

/* A daemon that is away for a while is what somebody watches for, and no reason to end. Tables have
 * an empty line behind them, which parts one from the next where they are not drawn in place. */
static void print_answer(FILE *out, const struct rm_remote *remote, const struct rm_answer *answer,
                         bool as_json)
{
    struct rm_complaint complaint;

    if (answer->error != 0 || answer->status != 200) {
        rm_answer_explain(remote, answer, &complaint);
        fprintf(as_json ? stderr : out, "%s\n", complaint.text);
    } else if (as_json) {
        fprintf(out, "%.*s\n", (int)strcspn(answer->body, "\n"), answer->body);
    } else {
        print_table(out, answer);
    }
    if (!as_json) {
        fputc('\n', out);
    }
}

static int show(const struct rm_remote *remote, const struct rm_answer *answer, bool as_json)
{
    char *text = NULL;
    size_t len;
    FILE *stream = open_memstream(&text, &len);
    int error = RM_ENOMEM;

    if (stream != NULL) {
        print_answer(stream, remote, answer, as_json);
        error = fclose(stream) == 0 ? rm_screen_show(rm_slice_make(text, len)) : RM_ENOMEM;
        free(text);
    }
    return error == 0 ? RM_EXIT_OK
                      : rm_client_fail("status", RM_EXIT_FAILED, "cannot write the output");
}

/* Ends only by Ctrl-C or where nothing can be shown. */
static int watch(struct rm_remote *remote, bool as_json)
{
    static const struct timespec pause = {WATCH_EVERY_S, 0};
    struct rm_slice no_body = {NULL, 0};
    struct rm_answer answer;
    int exit_code;

    rm_screen_start(!as_json);
    exit_code = rm_remote_ask(remote, "status", "GET", "/status", no_body, NULL, &answer);
    while (exit_code == RM_EXIT_OK) {
        exit_code = show(remote, &answer, as_json);
        rm_answer_done(&answer);
        if (exit_code == RM_EXIT_OK) {
            nanosleep(&pause, NULL);
            rm_remote_call(remote, "GET", "/status", no_body, NULL, &answer);
        }
    }
    return exit_code;
}

static int run(struct rm_remote *remote, const struct rm_options *options)
{
    return rm_options_has(options, "watch") ? watch(remote, rm_options_has(options, "json"))
                                            : show_once(remote, options);
}

int rm_cmd_status(int argc, char **argv)
{
    static const struct rm_client_command command = {
        "status", usage, table, sizeof table / sizeof table[0], 0, 0, run,
    };

    return rm_client_command_run(&command, argc, argv);
}
