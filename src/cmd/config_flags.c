#include "config_flags.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

static const char *placeholder(const struct rm_config_key *key)
{
    switch (key->type) {
    case RM_CONFIG_INT:
        return "N";
    case RM_CONFIG_CHOICE:
        return "WORD";
    case RM_CONFIG_WORKERS:
        return "LIST";
    case RM_CONFIG_TEXT:
    case RM_CONFIG_TOKENS:
    case RM_CONFIG_BOUNDS:
    case RM_CONFIG_EXPOSITION:
    case RM_CONFIG_RETENTION:
        break;
    }
    return "TEXT";
}

static void add_key(struct rm_config_flags *flags, const struct rm_config_key *key,
                    enum rm_daemon daemon)
{
    size_t i = rm_config_index(key);
    const char *initial = rm_config_initial(key, daemon);
    char variable[RM_CONFIG_NAME_MAX];

    rm_config_environment_name(key, variable);
    rm_config_flag_name(key, flags->texts[i].name);
    snprintf(flags->texts[i].help, sizeof flags->texts[i].help, "%s (%s%s%s)", key->help, variable,
             initial[0] == '\0' ? "" : "; default ", initial);
    rm_config_flags_add(flags, (struct rm_option){flags->texts[i].name, placeholder(key),
                                                  flags->texts[i].help, false});
}

void rm_config_flags_add(struct rm_config_flags *flags, struct rm_option option)
{
    assert(flags->n < sizeof flags->table / sizeof flags->table[0]);
    flags->table[flags->n++] = option;
}

void rm_config_flags_init(struct rm_config_flags *flags, enum rm_daemon daemon)
{
    flags->n = 0;
    rm_config_flags_add(flags, (struct rm_option){"config", "FILE", "read this JSON file", false});
    for (size_t i = 0; i < rm_config_n_keys; i++) {
        const struct rm_config_key *key = &rm_config_keys[i];

        if ((key->daemons & daemon) != 0 && !rm_config_is_file_only(key)) {
            add_key(flags, key, daemon);
        }
    }
}

static void print_help(enum rm_daemon daemon, const struct rm_config_flags *flags)
{
    printf("usage: raftmetrics %s [--config FILE] [--KEY VALUE]...\n\n"
           "Runs a %s daemon until SIGTERM. Each key may stand in the file, in the environment\n"
           "(upper-case, or NAME_FILE for a file that holds it) and among the flags; the later\n"
           "wins. `raftmetrics config %s` shows the result.\n\n",
           rm_daemon_name(daemon), rm_daemon_name(daemon), rm_daemon_name(daemon));
    rm_options_print(stdout, flags->table, flags->n);
}

bool rm_config_start(struct rm_config *config, enum rm_daemon daemon, int argc, char *const *argv,
                     int *ret_exit_code)
{
    struct rm_config_flags flags;
    struct rm_options options;
    struct rm_complaint complaint;
    bool wants_help;
    int error;

    rm_config_flags_init(&flags, daemon);
    error = rm_options_parse(&options, flags.table, flags.n, argc, argv, &complaint);
    if (error == 0) {
        wants_help = options.wants_help;
        rm_options_done(&options);
        if (wants_help) {
            print_help(daemon, &flags);
            *ret_exit_code = RM_EXIT_OK;
            return false;
        }
        error = rm_config_load(config, daemon, argc, argv, environ, &complaint);
    }
    if (error != 0) {
        fprintf(stderr, "raftmetrics %s: %s\n", rm_daemon_name(daemon), complaint.text);
        *ret_exit_code = RM_EXIT_USAGE;
        return false;
    }
    return true;
}
