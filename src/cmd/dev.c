#include "dev.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/cmd/options.h"

enum { WORKERS_DEFAULT = 3, PORT_DEFAULT = 8080, TOKEN_MAX = 256 };

static const char usage[] =
    "usage: raftmetrics dev [--workers N] [--port P] [--data-dir D] [--token T] [--log-level L]\n\n"
    "Runs a cluster on 127.0.0.1: control on port P, worker i on P+i, until Ctrl-C. Each shard "
    "has\n"
    "three replicas where there are three workers; the workers speak to each other on P+100+i, or\n"
    "on other ports where those are taken. Prints a line `ready http://127.0.0.1:P` once every "
    "shard\n"
    "can be written. D/control.json, D/worker-1.json, … are written anew at each start; each "
    "starts\n"
    "its node by hand.\n\n";

static const struct rm_option table[] = {
    {"workers", "N", "how many workers (default 3)", false},
    {"port", "P", "port of control; those behind it are the workers' (default 8080)", false},
    {"data-dir", "D", "configurations, pid files and data (default ./data)", false},
    {"token", "T", "token of the clients (default " RM_LOCAL_DEV_TOKEN ")", false},
    {"log-level", "L", "debug, info (default), warn or error", false},
};

static const char *value_or(const struct rm_options *options, const char *name,
                            const char *otherwise)
{
    const char *value = rm_options_value(options, name);

    return value == NULL ? otherwise : value;
}

static int check_texts(const struct rm_dev_plan *plan, struct rm_complaint *complaint)
{
    struct rm_slice token = rm_slice_of(plan->token);
    enum rm_log_level level;

    if (token.len == 0 || token.len > TOKEN_MAX || !rm_slice_all_between(token, 0x21, 0x7e)) {
        return rm_complain(complaint, RM_EINVAL,
                           "--token must be 1 to %d visible ASCII characters without spaces",
                           TOKEN_MAX);
    }
    if (rm_log_level_parse(rm_slice_of(plan->log_level), &level) != 0) {
        return rm_complain(complaint, RM_EINVAL,
                           "--log-level must be debug, info, warn or error, not \"%s\"",
                           plan->log_level);
    }
    if (plan->given_directory[0] == '\0') {
        return rm_complain(complaint, RM_EINVAL, "--data-dir is empty");
    }
    return 0;
}

static int read_plan(const struct rm_options *options, struct rm_dev_plan *plan,
                     struct rm_complaint *complaint)
{
    long long n_workers = WORKERS_DEFAULT;
    long long port = PORT_DEFAULT;
    int error;

    if (options->n_words > 0) {
        return rm_complain(complaint, RM_EINVAL, "unexpected argument %s", options->words[0]);
    }
    error = rm_options_int(options, "workers", 1, RM_DEV_WORKERS_MAX, &n_workers, complaint);
    if (error == 0) {
        error = rm_options_int(options, "port", 1, UINT16_MAX - n_workers, &port, complaint);
    }
    if (error != 0) {
        return error;
    }
    plan->n_workers = (unsigned)n_workers;
    plan->port = (uint16_t)port;
    plan->given_directory = value_or(options, "data-dir", "./data");
    plan->token = value_or(options, "token", RM_LOCAL_DEV_TOKEN);
    plan->log_level = value_or(options, "log-level", "info");
    return check_texts(plan, complaint);
}

static int run(const struct rm_options *options)
{
    struct rm_dev_plan plan = {.lock_fd = -1};
    struct rm_complaint complaint;
    int exit_code;

    if (options->wants_help) {
        fputs(usage, stdout);
        rm_options_print(stdout, table, sizeof table / sizeof table[0]);
        return RM_EXIT_OK;
    }
    if (read_plan(options, &plan, &complaint) != 0) {
        fprintf(stderr, "raftmetrics dev: %s\n", complaint.text);
        return RM_EXIT_USAGE;
    }
    if (rm_dev_prepare(&plan, &complaint) == 0) {
        exit_code = rm_dev_run(&plan);
    } else {
        fprintf(stderr, "raftmetrics dev: %s\n", complaint.text);
        exit_code = RM_EXIT_FAILED;
    }
    rm_dev_plan_done(&plan);
    return exit_code;
}

int rm_cmd_dev(int argc, char **argv)
{
    struct rm_options options;
    struct rm_complaint complaint;
    int exit_code;

    if (rm_options_parse(&options, table, sizeof table / sizeof table[0], argc, argv, &complaint) !=
        0) {
        fprintf(stderr, "raftmetrics dev: %s\n", complaint.text);
        return RM_EXIT_USAGE;
    }
    exit_code = run(&options);
    rm_options_done(&options);
    return exit_code;
}
