/* One binary: the first argument says which part of it runs. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "raftmetrics/base/version.h"
#include "raftmetrics/cmd/options.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"control", rm_cmd_control, "run a control daemon: the front door of a cluster"},
    {"worker", rm_cmd_worker, "run a worker daemon: it holds a part of the metrics"},
    {"dev", rm_cmd_dev, "run a whole cluster on this machine"},
    {"record", rm_cmd_record, "record one value"},
    {"get", rm_cmd_get, "show the values of a metric"},
    {"aggregate", rm_cmd_aggregate, "show count, sum, mean, min, max, … of a metric"},
    {"list", rm_cmd_list, "list the metrics"},
    {"status", rm_cmd_status, "show workers and shards"},
    {"import", rm_cmd_import, "record the values of a CSV or JSON lines file"},
    {"rebuild", rm_cmd_rebuild, "decide what counts of shards that lost most of their replicas"},
    {"config", rm_cmd_config, "show the configuration and where each value came from"},
};

static void print_usage(FILE *out)
{
    fputs("usage: raftmetrics COMMAND [OPTION]...\n\n", out);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        fprintf(out, "  %-12s%s\n", commands[i].name, commands[i].help);
    }
    fputs(
        "\n`raftmetrics COMMAND --help` says more. Exit codes: 0 done, 1 failed, 2 wrong usage or "
        "configuration.\n",
        out);
}

int main(int argc, char **argv)
{
    /* A reader of our output, or a peer, that went away is an error of write, not our end. */
    signal(SIGPIPE, SIG_IGN);
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_usage(stdout);
        return RM_EXIT_OK;
    }
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        puts("raftmetrics " RM_VERSION);
        return RM_EXIT_OK;
    }
    for (size_t i = 0; argc >= 2 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (argc >= 2) {
        fprintf(stderr, "raftmetrics: unknown command %s\n\n", argv[1]);
    }
    print_usage(stderr);
    return RM_EXIT_USAGE;
}
