/* raftmetrics control: one control daemon, on as many loops as `threads` says. The loops share the
 * port and the counters; the first runs on the main thread and hears the signals. */
#include "raftmetrics/api/control.h"

#include <pthread.h>
#include <stdlib.h>

#include "commands.h"
#include "daemon.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/base/version.h"
#include "raftmetrics/cmd/config.h"
#include "raftmetrics/cmd/options.h"

struct member {
    struct rm_loop *loop;
    struct rm_control *control;
    pthread_t thread; /* not of the first */
    bool has_thread;
};

struct running {
    struct member *members;
    size_t n_members; /* that were created */
    struct rm_control_stats *stats;
};

static void on_drained(void *data)
{
    struct member *member = data;

    rm_loop_stop(member->loop);
}

static void drain(void *data)
{
    struct member *member = data;

    rm_control_drain(member->control, RM_DAEMON_DRAIN_MS, on_drained, member);
}

static void on_stop(void *data)
{
    struct running *running = data;

    for (size_t i = 0; i < running->n_members; i++) {
        if (rm_loop_post(running->members[i].loop, drain, &running->members[i]) != 0) {
            /* No memory for a clean end: the process ends as by a kill, which it must survive. */
            abort();
        }
    }
}

static int add_member(struct running *running, const struct rm_config *config, uint16_t port)
{
    struct member *member = &running->members[running->n_members];
    struct rm_control_options options = {
        .n_loops = (unsigned)config->threads,
        .sharing = config->threads == 1      ? RM_PORT_ALONE
                   : running->n_members == 0 ? RM_PORT_FIRST
                                             : RM_PORT_NEXT,
        .forward_timeout_ms = (uint64_t)config->forward_timeout_ms,
        .status_poll_ms = (uint64_t)config->status_poll_ms,
        .max_queue_bytes = (size_t)(config->max_queue_bytes / config->threads),
    };
    int rv;

    rm_daemon_api_options(config, &options.api);
    options.api.port = port;
    options.api.limits.max_answers_bytes /= (size_t)config->threads;
    member->loop = rm_loop_new();
    rv = member->loop == NULL
             ? RM_ENOMEM
             : rm_control_new(member->loop, &options, running->stats, &member->control);
    if (rv != 0) {
        rm_loop_free(member->loop);
        return rv;
    }
    running->n_members++;
    return 0;
}

static int create(struct running *running, const struct rm_config *config)
{
    uint16_t port = (uint16_t)config->port;
    int rv = 0;

    running->stats = rm_control_stats_new();
    running->members = calloc((size_t)config->threads, sizeof *running->members);
    if (running->stats == NULL || running->members == NULL) {
        return RM_ENOMEM;
    }
    for (int64_t i = 0; rv == 0 && i < config->threads; i++) {
        rv = add_member(running, config, port);
        if (rv == 0) {
            port = rm_control_port(running->members[0].control);
        }
    }
    return rv;
}

static void destroy(struct running *running)
{
    for (size_t i = 0; i < running->n_members; i++) {
        rm_control_free(running->members[i].control);
        rm_loop_free(running->members[i].loop);
    }
    free(running->members);
    rm_control_stats_free(running->stats);
}

static void *run_loop(void *data)
{
    rm_loop_run(data);
    return NULL;
}

/* Runs every loop until all are stopped. */
static int run_loops(struct running *running)
{
    int rv = 0;

    for (size_t i = 1; rv == 0 && i < running->n_members; i++) {
        struct member *member = &running->members[i];

        rv = pthread_create(&member->thread, NULL, run_loop, member->loop) == 0 ? 0 : RM_EIO;
        member->has_thread = rv == 0;
    }
    if (rv != 0) {
        on_stop(running);
    }
    rm_loop_run(running->members[0].loop);
    for (size_t i = 1; i < running->n_members; i++) {
        if (running->members[i].has_thread) {
            pthread_join(running->members[i].thread, NULL);
        }
    }
    return rv;
}

static int run(const struct rm_config *config, int argc, char **argv)
{
    struct running running = {0};
    struct rm_daemon_signals signals;
    int rv = create(&running, config);

    if (rv == 0) {
        rv = rm_daemon_signals_init(&signals, running.members[0].loop, RM_DAEMON_CONTROL, argc,
                                    argv, on_stop, &running);
    }
    if (rv == 0) {
        rm_log(RM_LOG_INFO, "control listens", rm_field_text("listen", config->listen),
               rm_field_int("port", rm_control_port(running.members[0].control)),
               rm_field_int("threads", config->threads), rm_field_text("version", RM_VERSION));
        rv = run_loops(&running);
        rm_daemon_signals_done(&signals);
    }
    destroy(&running);
    return rv == 0 ? RM_EXIT_OK : rm_daemon_explain(config, rv);
}

int rm_cmd_control(int argc, char **argv)
{
    return rm_daemon_main(RM_DAEMON_CONTROL, argc, argv, run);
}
