/* raftmetrics worker: one worker daemon on one loop. */
#include "raftmetrics/api/worker.h"

#include <stdlib.h>
#include <unistd.h>

#include "commands.h"
#include "daemon.h"
#include "directory.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/base/version.h"
#include "raftmetrics/cmd/config.h"
#include "raftmetrics/cmd/options.h"

enum { DATA_DIR_MODE = 0700 };

struct running {
    struct rm_loop *loop;
    struct rm_worker *worker;
};

static void on_drained(void *data)
{
    struct running *running = data;

    rm_loop_stop(running->loop);
}

static void on_stop(void *data)
{
    struct running *running = data;

    rm_worker_drain(running->worker, RM_DAEMON_DRAIN_MS, on_drained, running);
}

static int start(struct running *running, const struct rm_config *config)
{
    struct rm_worker_options options;

    rm_daemon_worker_options(config, &options);
    return rm_worker_new(running->loop, &options, &running->worker);
}

static void warn_of_few_replicas(const struct rm_config *config)
{
    uint32_t n_replicas = rm_daemon_n_replicas(config);

    if (n_replicas == 1) {
        rm_log(RM_LOG_WARN,
               "one replica of each shard: what is acknowledged is on one disk, and lost with it",
               rm_field_int("workers", (int64_t)config->n_workers),
               rm_field_int("replicas", config->replicas));
    } else if (n_replicas == 2) {
        rm_log(RM_LOG_WARN,
               "two replicas of each shard tolerate no loss: both must be up for every write; "
               "three workers tolerate the loss of one",
               rm_field_int("workers", (int64_t)config->n_workers),
               rm_field_int("replicas", config->replicas));
    }
}

static int run_loop(const struct rm_config *config, int argc, char **argv)
{
    struct running running = {.loop = rm_loop_new()};
    struct rm_daemon_signals signals;
    int rv = running.loop == NULL ? RM_ENOMEM : start(&running, config);

    if (rv != 0) {
        rm_loop_free(running.loop);
        return rm_daemon_explain(config, rv);
    }
    rv = rm_daemon_signals_init(&signals, running.loop, RM_DAEMON_WORKER, argc, argv, on_stop,
                                &running);
    if (rv == 0) {
        rm_log(RM_LOG_INFO, "worker listens", rm_field_int("worker", config->node_id),
               rm_field_text("listen", config->listen),
               rm_field_int("port", rm_worker_port(running.worker)),
               rm_field_text("version", RM_VERSION));
        rm_loop_run(running.loop);
        rm_daemon_signals_done(&signals);
    }
    rm_worker_free(running.worker);
    rm_loop_free(running.loop);
    return rv == 0 ? RM_EXIT_OK : rm_daemon_explain(config, rv);
}

/* Two processes on the same logs would destroy them. The kernel lets go of the lock when the
 * process has ended, and not before. */
static int hold_data_dir(const struct rm_config *config, int *ret_fd)
{
    struct rm_complaint complaint;
    int rv = rm_directory_make(config->data_dir, DATA_DIR_MODE, &complaint);

    if (rv == 0) {
        rv = rm_directory_lock(config->data_dir, ret_fd, &complaint);
    }
    if (rv == RM_EBUSY) {
        rm_log(RM_LOG_ERROR,
               "the data directory is in use by another process: stop that one, or give each "
               "worker a data_dir of its own",
               rm_field_text("data_dir", config->data_dir));
    } else if (rv != 0) {
        rm_log(RM_LOG_ERROR, "cannot use the data directory",
               rm_field_text("error", complaint.text));
    }
    return rv;
}

static int run(const struct rm_config *config, int argc, char **argv)
{
    int lock_fd;
    int exit_code;

    /* All replicas write through libuv's pool, whose four threads would have one slow disk
     * operation of a shard hold up the others. It is read at the loop's first use of the pool. */
    setenv("UV_THREADPOOL_SIZE", "16", 0);
    warn_of_few_replicas(config);
    if (hold_data_dir(config, &lock_fd) != 0) {
        return RM_EXIT_FAILED;
    }
    exit_code = run_loop(config, argc, argv);
    close(lock_fd);
    return exit_code;
}

int rm_cmd_worker(int argc, char **argv)
{
    return rm_daemon_main(RM_DAEMON_WORKER, argc, argv, run);
}
