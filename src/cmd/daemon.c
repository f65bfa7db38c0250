#include "daemon.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pidfile.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/cmd/options.h"

enum {
    /* Beside the clients' connections: peers, workers, files, libraries. */
    FILES_EXTRA = 1024,
    /* A replica's segments, and a connection to and from each of the shard's other replicas. */
    FILES_PER_SHARD = 16,
};

static int64_t wanted_files(const struct rm_config *config)
{
    int64_t n_clients = config->max_connections;

    return config->daemon == RM_DAEMON_CONTROL
               ? n_clients * config->threads + FILES_EXTRA
               : n_clients + FILES_EXTRA + config->n_shards * FILES_PER_SHARD;
}

static void raise_file_limit(const struct rm_config *config)
{
    rlim_t wanted = (rlim_t)wanted_files(config);
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return;
    }
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) {
        rm_log(RM_LOG_WARN,
               "few open files are allowed: raise the limit (ulimit -n) or lower max_connections",
               rm_field_int("allowed", (int64_t)limit.rlim_cur),
               rm_field_int("wanted", (int64_t)wanted));
    }
}

/* A name is looked up in a thread that nobody can call back, and no process ends before its
 * threads. The resolver's own 5 s a try keep a daemon that was told to stop for 10 s where the
 * server of names has stopped before it, which is longer than who stops it waits. */
static void limit_lookups(void)
{
    (void)setenv("RES_OPTIONS", "timeout:1 attempts:2", 0);
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
           strcmp(address, "localhost") == 0;
}

static void warn_of_known_token(const struct rm_config *config)
{
    for (size_t i = 0; i < config->n_tokens; i++) {
        if (strcmp(config->tokens[i].secret, RM_LOCAL_DEV_TOKEN) == 0 &&
            !is_loopback(config->listen)) {
            rm_log(RM_LOG_WARN,
                   "the token of local development is valid here, and everybody knows it: set "
                   "AUTH_TOKEN",
                   rm_field_text("listen", config->listen));
        }
    }
}

static int run_with_pidfile(const struct rm_config *config, int argc, char **argv,
                            rm_daemon_run_cb run)
{
    struct rm_pidfile pidfile;
    struct rm_complaint complaint;
    int exit_code;

    if (rm_pidfile_acquire(config->pid_file, &pidfile, &complaint) != 0) {
        rm_log(RM_LOG_ERROR, "cannot start", rm_field_text("error", complaint.text));
        return RM_EXIT_FAILED;
    }
    exit_code = run(config, argc, argv);
    rm_pidfile_release(&pidfile);
    return exit_code;
}

int rm_daemon_main(enum rm_daemon daemon, int argc, char **argv, rm_daemon_run_cb run)
{
    struct rm_config config;
    int exit_code;

    if (!rm_config_start(&config, daemon, argc, argv, &exit_code)) {
        return exit_code;
    }
    rm_log_set_level((enum rm_log_level)config.log_level);
    rm_log_set_format((enum rm_log_format)config.log_format);
    raise_file_limit(&config);
    limit_lookups();
    warn_of_known_token(&config);
    exit_code = run_with_pidfile(&config, argc, argv, run);
    rm_config_done(&config);
    return exit_code;
}

void rm_daemon_api_options(const struct rm_config *config, struct rm_api_options *ret_options)
{
    *ret_options = (struct rm_api_options){
        .listen = config->listen,
        .port = (uint16_t)config->port,
        .tokens = config->tokens,
        .n_tokens = config->n_tokens,
        .cluster_name = config->cluster_name,
        .cluster_secret = config->cluster_secret,
        .workers = config->workers,
        .n_workers = config->n_workers,
        .limits =
            {
                .max_connections = (unsigned)config->max_connections,
                .max_headers = (unsigned)config->max_headers,
                .max_target_bytes = (size_t)config->max_target_bytes,
                .max_header_bytes = (size_t)config->max_header_bytes,
                .max_body_bytes = (size_t)config->max_body_bytes,
                .max_batch_bytes = (size_t)config->max_batch_bytes,
                .max_batch_items = (size_t)config->max_batch_items,
                .max_labels = (unsigned)config->max_labels,
                .max_label_name_bytes = (size_t)config->max_label_name_bytes,
                .max_label_value_bytes = (size_t)config->max_label_value_bytes,
                .request_timeout_ms = (uint64_t)config->request_timeout_ms,
                .idle_timeout_ms = (uint64_t)config->idle_timeout_ms,
                .client_deadline_ms = (uint64_t)config->client_deadline_ms,
                .max_answers_bytes = (size_t)config->max_answers_bytes,
            },
    };
}

uint32_t rm_daemon_n_replicas(const struct rm_config *config)
{
    return config->replicas < (int64_t)config->n_workers ? (uint32_t)config->replicas
                                                         : (uint32_t)config->n_workers;
}

void rm_daemon_worker_options(const struct rm_config *config, struct rm_worker_options *ret_options)
{
    *ret_options = (struct rm_worker_options){
        .worker_id = (uint32_t)config->node_id,
        .n_shards = (uint32_t)config->n_shards,
        .n_replicas = rm_daemon_n_replicas(config),
        .data_dir = config->data_dir,
        .min_free_disk_bytes = (uint64_t)config->min_free_disk_bytes,
        .max_log_bytes = (uint64_t)config->max_log_bytes,
        .max_shard_bytes = (uint64_t)config->max_shard_bytes,
        .max_series = (uint64_t)config->max_series,
        .max_memory_bytes = (uint64_t)config->max_memory_bytes,
        .idempotency_ttl_ms = (uint64_t)config->idempotency_ttl_ms,
        .max_idempotency_keys = (size_t)config->max_idempotency_keys,
        .bucket_rules = config->bounds,
        .n_bucket_rules = config->n_bounds,
        .retention = {.rules = config->retention,
                      .n_rules = config->n_retention,
                      .max_samples = (uint64_t)config->max_samples_per_series,
                      .when_full = (enum rm_samples_full)config->samples_full},
        .expire_interval_ms = (uint64_t)config->expire_interval_ms,
        .exposition_rules = config->exposition,
        .n_exposition_rules = config->n_exposition,
    };
    rm_daemon_api_options(config, &ret_options->api);
}

static void reload(const struct rm_daemon_signals *signals)
{
    struct rm_config config;
    struct rm_complaint complaint;

    if (rm_config_load(&config, signals->daemon, signals->argc, signals->argv, environ,
                       &complaint) != 0) {
        rm_log(RM_LOG_ERROR, "configuration not read again: it has an error",
               rm_field_text("error", complaint.text));
        return;
    }
    rm_log_set_level((enum rm_log_level)config.log_level);
    rm_log(RM_LOG_INFO, "configuration read again: the log level is in effect",
           rm_field_int("level", config.log_level));
    rm_config_done(&config);
}

static void on_signal(int signum, void *data)
{
    struct rm_daemon_signals *signals = data;

    if (signum == SIGHUP) {
        reload(signals);
        return;
    }
    if (!signals->is_stopping) {
        signals->is_stopping = true;
        rm_log(RM_LOG_INFO, "stopping", rm_field_int("signal", signum));
        signals->stop_cb(signals->data);
    }
}

int rm_daemon_signals_init(struct rm_daemon_signals *signals, struct rm_loop *loop,
                           enum rm_daemon daemon, int argc, char **argv, rm_loop_cb stop_cb,
                           void *data)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

    *signals = (struct rm_daemon_signals){
        .stop_cb = stop_cb, .data = data, .daemon = daemon, .argc = argc, .argv = argv};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        signals->handles[i] = rm_signal_new(loop, numbers[i], on_signal, signals);
        if (signals->handles[i] == NULL) {
            rm_daemon_signals_done(signals);
            return RM_ENOMEM;
        }
    }
    return 0;
}

void rm_daemon_signals_done(struct rm_daemon_signals *signals)
{
    for (size_t i = 0; i < sizeof signals->handles / sizeof signals->handles[0]; i++) {
        rm_signal_free(signals->handles[i]);
        signals->handles[i] = NULL;
    }
}

/* Of its two ports. */
static void explain_busy_worker(const struct rm_config *config)
{
    const struct rm_worker_address *self = config->workers;

    while (self->id != config->node_id) { /* it is among them, rm_config_check has seen to it */
        self++;
    }
    rm_log(RM_LOG_ERROR,
           "the port or the peer port is in use: stop what listens there or choose another port",
           rm_field_text("listen", config->listen), rm_field_int("port", config->port),
           rm_field_int("peer_port", self->peer_port));
}

int rm_daemon_explain(const struct rm_config *config, int error)
{
    switch (error) {
    case RM_EBUSY:
        if (config->daemon == RM_DAEMON_WORKER) {
            explain_busy_worker(config);
            break;
        }
        rm_log(RM_LOG_ERROR, "the port is in use: stop what listens there or choose another port",
               rm_field_text("listen", config->listen), rm_field_int("port", config->port));
        break;
    case RM_EINVAL:
        rm_log(RM_LOG_ERROR,
               "cannot bind: listen must be a numeric address of this machine or localhost",
               rm_field_text("listen", config->listen), rm_field_int("port", config->port));
        break;
    default:
        rm_log(RM_LOG_ERROR, "cannot start", rm_field_text("error", rm_strerror(error)),
               rm_field_text("listen", config->listen), rm_field_int("port", config->port));
        break;
    }
    return RM_EXIT_FAILED;
}
