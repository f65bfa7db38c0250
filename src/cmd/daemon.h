/* What the two daemons have in common around their loops. */
#ifndef RAFTMETRICS_SRC_CMD_DAEMON_H
#define RAFTMETRICS_SRC_CMD_DAEMON_H

#include "raftmetrics/api/options.h"
#include "raftmetrics/api/worker.h"
#include "raftmetrics/cmd/config.h"
#include "raftmetrics/net/loop.h"

enum {
    /* A stop takes at most this long for what is under way; all of it is over within 5 s. */
    RM_DAEMON_DRAIN_MS = 3000,
};

/* The signals of a running daemon: SIGTERM and SIGINT stop it, SIGHUP makes it read its
 * configuration again, of which the log level takes effect. */
struct rm_daemon_signals {
    struct rm_signal *handles[3];
    rm_loop_cb stop_cb;
    void *data;
    enum rm_daemon daemon;
    int argc;
    char **argv;
    bool is_stopping;
};

/* The part of a daemon's main that is its own: runs until it is stopped, returns the exit code. */
typedef int (*rm_daemon_run_cb)(const struct rm_config *config, int argc, char **argv);

/* Reads the configuration, sets up logging and the limit of open files, warns about a token that
 * everybody knows, holds the pid file, and calls @run. */
int rm_daemon_main(enum rm_daemon daemon, int argc, char **argv, rm_daemon_run_cb run);

/* Texts are borrowed from @config. */
void rm_daemon_api_options(const struct rm_config *config, struct rm_api_options *ret_options);

/* Of each shard: as many as configured, where there are as many workers. */
uint32_t rm_daemon_n_replicas(const struct rm_config *config);

/* Likewise, of a worker's configuration. */
void rm_daemon_worker_options(const struct rm_config *config,
                              struct rm_worker_options *ret_options);

/* Calls @stop_cb once, at the first signal to stop. Errors: RM_ENOMEM. */
int rm_daemon_signals_init(struct rm_daemon_signals *signals, struct rm_loop *loop,
                           enum rm_daemon daemon, int argc, char **argv, rm_loop_cb stop_cb,
                           void *data);
void rm_daemon_signals_done(struct rm_daemon_signals *signals);

/* Logs in a sentence why the daemon could not start; returns the exit code. */
int rm_daemon_explain(const struct rm_config *config, int error);

#endif
