/* raftmetrics aggregate: count, sum, mean and the like of a metric. */
#include <stdio.h>

#include "client_command.h"
#include "commands.h"
#include "show.h"
#include "target.h"

static const char usage[] = "usage: raftmetrics aggregate NAME [--window D | --from T --to T] "
                            "[--label K:V]... [--agg A]\n\n"
                            "Prints aggregates of a metric, one a line. T is RFC 3339 or integer "
                            "milliseconds, D a duration\n"
                            "such as 5m or 1h30m.\n\n";

static const struct rm_option table[] = {
    RM_REMOTE_OPTIONS,
    RM_JSON_OPTION,
    {"from", "T", "not before this instant", false},
    {"to", "T", "before this instant", false},
    {"window", "D", "only the last such duration", false},
    {"label", "K:V", "only series with this label; repeatable, all must match", true},
    {"agg", "A,A,...", "which: count sum mean avg min max first last stddev variance", false},
    {"level", "LEVEL", "consistency: none, weak (default) or linearizable", false},
    {"decimals", "N", "round what is shown", false},
};

static const char *const parameters[] = {"from", "to",    "window",   "label",
                                         "agg",  "level", "decimals", NULL};

static int run(struct rm_remote *remote, const struct rm_options *options)
{
    struct rm_buffer target;
    json_t *root;
    int exit_code;

    rm_buffer_init(&target, RM_TARGET_MAX);
    if (rm_target_append(&target, "/metrics/") != 0 ||
        rm_target_append_segment(&target, options->words[0]) != 0 ||
        rm_target_append(&target, "/aggregate") != 0 ||
        rm_target_append_options(&target, options, parameters) != 0) {
        rm_buffer_done(&target);
        return rm_client_fail("aggregate", RM_EXIT_USAGE, "the arguments are too long");
    }
    exit_code = rm_client_get(remote, options, "aggregate", &target, &root);
    if (exit_code == RM_EXIT_OK && root != NULL) {
        rm_show_members(stdout, root);
        json_decref(root);
    }
    return exit_code;
}

int rm_cmd_aggregate(int argc, char **argv)
{
    static const struct rm_client_command command = {
        "aggregate", usage, table, sizeof table / sizeof table[0], 1, 1, run,
    };

    return rm_client_command_run(&command, argc, argv);
}
