/* raftmetrics rebuild: what only a person can decide of a shard that lost most of its replicas. */
#include "raftmetrics/api/rebuild.h"

#include <stdlib.h>
#include <unistd.h>

#include "commands.h"
#include "config_check.h"
#include "config_flags.h"
#include "daemon.h"
#include "directory.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/base/number.h"

static const char usage[] =
    "usage: raftmetrics rebuild --config FILE [--shard N]... [--discard] [--yes]\n\n"
    "Run on a worker that is stopped, with its configuration. A shard whose replicas are lost for\n"
    "good, but for a minority, waits for them for ever: nobody can know that they will not come\n"
    "back. This command says so. Never use it while the lost ones might return: start those "
    "first.\n"
    "\n"
    "Without --yes it changes nothing, and shows of each shard how far the replica here reaches.\n"
    "Where more than one worker has a sound replica, run it on each, and rebuild only where the\n"
    "last entry has the highest term, and of those the highest index: what another has beyond\n"
    "that is lost.\n\n"
    "With --yes the replica here becomes the shard's only voter. Start this worker, then the\n"
    "others: they give up by themselves what they have of the shard, and are filled from here.\n"
    "Damaged and incomplete replicas are refused; those in doubt are taken where --shard names\n"
    "them. A shard that another worker leads is left alone.\n\n"
    "With --discard a shard that --shard names, and whose replica here is not sound, begins "
    "empty:\n"
    "only where none is left that is sound. The files stay, in shard-N.damaged below the data\n"
    "directory.\n\n"
    "Exit codes: 0 done, or shown; 1 something was refused; 2 wrong usage or configuration.\n\n";

static int complain(const char *sentence)
{
    fprintf(stderr, "raftmetrics rebuild: %s\n", sentence);
    return RM_EXIT_USAGE;
}

/* ---- the command ---- */

static int run_on(const struct rm_config *config, struct rm_rebuild_options *options)
{
    struct rm_loop *loop = rm_loop_new();
    int rv = loop == NULL ? RM_ENOMEM : 0;

    rm_daemon_worker_options(config, &options->worker);
    if (rv == 0) {
        rv = rm_rebuild(loop, options, stdout);
    }
    rm_loop_free(loop);
    if (rv == RM_ENOMEM) {
        fputs("raftmetrics rebuild: out of memory\n", stderr);
    }
    return rv == 0 ? RM_EXIT_OK : RM_EXIT_FAILED;
}

/* The worker must not run: it holds the same lock. */
static int hold_and_run(const struct rm_config *config, struct rm_rebuild_options *options)
{
    struct rm_complaint complaint;
    int lock_fd;
    int exit_code;
    int rv = rm_directory_lock(config->data_dir, &lock_fd, &complaint);

    if (rv != 0) {
        fprintf(stderr, "raftmetrics rebuild: %s%s\n", complaint.text,
                rv == RM_EBUSY ? ": stop this worker first" : "");
        return RM_EXIT_FAILED;
    }
    exit_code = run_on(config, options);
    close(lock_fd);
    return exit_code;
}

/* The caller frees *@ret_shards. */
static int read_shards(const struct rm_options *given, uint32_t **ret_shards, size_t *ret_n,
                       struct rm_complaint *complaint)
{
    uint32_t *shards = calloc(given->n_given + 1, sizeof *shards);
    const char *text;
    size_t n = 0;

    if (shards == NULL) {
        return rm_complain(complaint, RM_ENOMEM, "out of memory");
    }
    for (; (text = rm_options_nth(given, "shard", n)) != NULL; n++) {
        int64_t id;

        if (rm_int_parse(rm_slice_of(text), 0, UINT32_MAX, &id) != 0) {
            free(shards);
            return rm_complain(complaint, RM_EINVAL, "--shard: %s is no number of a shard", text);
        }
        shards[n] = (uint32_t)id;
    }
    *ret_shards = shards;
    *ret_n = n;
    return 0;
}

static int configure_and_run(const struct rm_options *given)
{
    struct rm_rebuild_options options = {.discards = rm_options_has(given, "discard"),
                                         .acts = rm_options_has(given, "yes")};
    struct rm_complaint complaint;
    struct rm_config config;
    uint32_t *shards = NULL;
    int exit_code;

    if (read_shards(given, &shards, &options.n_shards, &complaint) != 0) {
        return complain(complaint.text);
    }
    options.shards = shards;
    if (options.discards && options.n_shards == 0) {
        free(shards);
        return complain("--discard gives up data for good: name each shard with --shard");
    }
    if (rm_config_resolve(&config, RM_DAEMON_WORKER, given, environ, &complaint) != 0) {
        free(shards);
        return complain(complaint.text);
    }
    rm_log_set_level((enum rm_log_level)config.log_level);
    exit_code = rm_config_check(&config, &complaint) != 0 ? complain(complaint.text)
                                                          : hold_and_run(&config, &options);
    rm_config_done(&config);
    free(shards);
    return exit_code;
}

int rm_cmd_rebuild(int argc, char **argv)
{
    struct rm_config_flags flags;
    struct rm_options given;
    struct rm_complaint complaint;
    int exit_code = RM_EXIT_OK;

    rm_config_flags_init(&flags, RM_DAEMON_WORKER);
    rm_config_flags_add(&flags,
                        (struct rm_option){"shard", "N", "only this shard; may be repeated", true});
    rm_config_flags_add(
        &flags,
        (struct rm_option){"discard", NULL, "let what is not sound here begin empty", false});
    rm_config_flags_add(&flags,
                        (struct rm_option){"yes", NULL, "do it, instead of showing it", false});
    if (rm_options_parse(&given, flags.table, flags.n, argc, argv, &complaint) != 0) {
        return complain(complaint.text);
    }
    if (given.wants_help) {
        fputs(usage, stdout);
        rm_options_print(stdout, flags.table, flags.n);
    } else if (given.n_words > 0) {
        snprintf(complaint.text, sizeof complaint.text, "unexpected argument %s", given.words[0]);
        exit_code = complain(complaint.text);
    } else {
        exit_code = configure_and_run(&given);
    }
    rm_options_done(&given);
    return exit_code;
}
