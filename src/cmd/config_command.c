/* raftmetrics config: the resolved configuration, or the reference of all keys. */
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "config_check.h"
#include "config_flags.h"

static const char usage[] =
    "usage: raftmetrics config [control|worker] [--config FILE] [--KEY VALUE]... [--json]\n"
    "       raftmetrics config --reference\n\n"
    "Prints the configuration with which that daemon (default: control) would start here, and\n"
    "where each value came from; secrets are shown as ***. What is wrong goes to stderr, and the\n"
    "exit code is 2.\n\n";

/* Also one that no daemon would start with is shown: that is when it is looked at. */
static int print_config(enum rm_daemon daemon, const struct rm_options *options)
{
    struct rm_config config;
    struct rm_complaint complaint;
    int error = rm_config_resolve(&config, daemon, options, environ, &complaint);

    if (error == 0) {
        if (rm_options_has(options, "json")) {
            rm_config_print_json(stdout, &config);
        } else {
            rm_config_print_table(stdout, &config);
        }
        error = rm_config_check(&config, &complaint);
        rm_config_done(&config);
    }
    if (error != 0) {
        fflush(stdout);
        fprintf(stderr, "raftmetrics config: %s\n", complaint.text);
        return RM_EXIT_USAGE;
    }
    return RM_EXIT_OK;
}

static int run(enum rm_daemon daemon, const struct rm_config_flags *flags, int argc, char **argv)
{
    struct rm_options options;
    struct rm_complaint complaint;
    int exit_code = RM_EXIT_OK;

    if (rm_options_parse(&options, flags->table, flags->n, argc, argv, &complaint) != 0) {
        fprintf(stderr, "raftmetrics config: %s\n", complaint.text);
        return RM_EXIT_USAGE;
    }
    if (options.wants_help) {
        fputs(usage, stdout);
        rm_options_print(stdout, flags->table, flags->n);
    } else if (options.n_words > 0) {
        fprintf(stderr, "raftmetrics config: unexpected argument %s\n", options.words[0]);
        exit_code = RM_EXIT_USAGE;
    } else if (rm_options_has(&options, "reference")) {
        rm_config_print_reference(stdout);
    } else {
        exit_code = print_config(daemon, &options);
    }
    rm_options_done(&options);
    return exit_code;
}

int rm_cmd_config(int argc, char **argv)
{
    enum rm_daemon daemon = RM_DAEMON_CONTROL;
    struct rm_config_flags flags;

    if (argc >= 2 && (strcmp(argv[1], "control") == 0 || strcmp(argv[1], "worker") == 0)) {
        daemon = strcmp(argv[1], "worker") == 0 ? RM_DAEMON_WORKER : RM_DAEMON_CONTROL;
        argc--;
        argv++;
    }
    rm_config_flags_init(&flags, daemon);
    rm_config_flags_add(&flags,
                        (struct rm_option){"json", NULL, "print JSON instead of a table", false});
    rm_config_flags_add(&flags,
                        (struct rm_option){"reference", NULL,
                                           "print the reference of all keys as Markdown", false});
    return run(daemon, &flags, argc, argv);
}
