/* raftmetrics status: the cluster as it is now. */
#include <stdio.h>

#include "client_command.h"
#include "commands.h"
#include "show.h"
#include "target.h"

static const char usage[] = "usage: raftmetrics status\n\n"
                            "Shows the workers and the shards of the cluster.\n\n";

static const struct rm_option table[] = {RM_REMOTE_OPTIONS, RM_JSON_OPTION};

static int run(struct rm_remote *remote, const struct rm_options *options)
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
        rm_show_rows(stdout, json_object_get(root, "workers"));
        puts("");
        rm_show_rows(stdout, json_object_get(root, "shards"));
        json_decref(root);
    }
    return exit_code;
}

int rm_cmd_status(int argc, char **argv)
{
    static const struct rm_client_command command = {
        "status", usage, table, sizeof table / sizeof table[0], 0, 0, run,
    };

    return rm_client_command_run(&command, argc, argv);
}
