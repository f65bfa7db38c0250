/* raftmetrics worker: one worker daemon on one loop. */
#include "raftmetrics/api/worker.h"

#include "commands.h"
#include "daemon.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/base/version.h"
#include "raftmetrics/cmd/config.h"
#include "raftmetrics/cmd/options.h"

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
    struct rm_worker_options options = {
        .worker_id = (uint32_t)config->node_id,
        .n_shards = (uint32_t)config->n_shards,
        .idempotency_ttl_ms = (uint64_t)config->idempotency_ttl_ms,
        .max_idempotency_keys = (size_t)config->max_idempotency_keys,
    };

    rm_daemon_api_options(config, &options.api);
    return rm_worker_new(running->loop, &options, &running->worker);
}

static int run(const struct rm_config *config, int argc, char **argv)
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

int rm_cmd_worker(int argc, char **argv)
{
    return rm_daemon_main(RM_DAEMON_WORKER, argc, argv, run);
}
