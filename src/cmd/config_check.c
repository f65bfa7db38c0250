#include "config_check.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "config_table.h"
#include "raftmetrics/base/error.h"

static const char *source_of(const struct rm_config *config, const char *name)
{
    return config->sources[rm_config_index(rm_config_find(name))].where;
}

static int check_listen(const struct rm_config *config, struct rm_complaint *complaint)
{
    struct in6_addr address;

    if (strcmp(config->listen, "localhost") == 0 ||
        inet_pton(AF_INET, config->listen, &address) == 1 ||
        inet_pton(AF_INET6, config->listen, &address) == 1) {
        return 0;
    }
    return rm_complain(complaint, RM_EINVAL,
                       "listen: \"%s\" is neither a numeric IPv4 or IPv6 address nor localhost "
                       "(%s)",
                       config->listen, source_of(config, "listen"));
}

static int check_secrets(const struct rm_config *config, struct rm_complaint *complaint)
{
    if (config->n_tokens == 0) {
        return rm_complain(complaint, RM_EINVAL,
                           "auth_token: no token is configured: set AUTH_TOKEN, AUTH_TOKEN_FILE, "
                           "or auth_token or tokens in the file");
    }
    if (config->cluster_secret[0] == '\0') {
        return rm_complain(complaint, RM_EINVAL,
                           "cluster_secret: required: set CLUSTER_SECRET, CLUSTER_SECRET_FILE, or "
                           "cluster_secret in the file");
    }
    return 0;
}

static int check_workers(const struct rm_config *config, struct rm_complaint *complaint)
{
    if (config->n_workers == 0) {
        return rm_complain(complaint, RM_EINVAL,
                           "worker_hosts: required: set WORKER_HOSTS=host:port,host:port or "
                           "worker_hosts in the file");
    }
    if (config->daemon == RM_DAEMON_CONTROL) {
        return 0;
    }
    if (config->node_id == 0) {
        return rm_complain(complaint, RM_EINVAL,
                           "node_id: required: set NODE_ID to this worker's id in worker_hosts");
    }
    for (size_t i = 0; i < config->n_workers; i++) {
        if (config->workers[i].id == config->node_id) {
            return 0;
        }
    }
    return rm_complain(complaint, RM_EINVAL,
                       "node_id: %" PRId64
                       " (%s) is not among the %zu workers of worker_hosts (%s)",
                       config->node_id, source_of(config, "node_id"), config->n_workers,
                       source_of(config, "worker_hosts"));
}

/* @smaller must be below @larger, or not above it where @or_equal. */
static int check_order(const struct rm_config *config, const char *smaller, int64_t a,
                       const char *larger, int64_t b, bool or_equal, struct rm_complaint *complaint)
{
    if (a < b || (or_equal && a == b)) {
        return 0;
    }
    return rm_complain(complaint, RM_EINVAL, "%s: %" PRId64 " (%s) must %s %s, %" PRId64 " (%s)",
                       smaller, a, source_of(config, smaller),
                       or_equal ? "not be above" : "be less than", larger, b,
                       source_of(config, larger));
}

int rm_config_check(const struct rm_config *config, struct rm_complaint *complaint)
{
    int error = check_listen(config, complaint);

    if (error == 0) {
        error = check_secrets(config, complaint);
    }
    if (error == 0) {
        error = check_workers(config, complaint);
    }
    if (error == 0 && config->daemon == RM_DAEMON_CONTROL) {
        error = check_order(config, "forward_timeout_ms", config->forward_timeout_ms,
                            "client_deadline_ms", config->client_deadline_ms, false, complaint);
    }
    if (error == 0 && config->daemon == RM_DAEMON_CONTROL) {
        error = check_order(config, "max_batch_bytes", config->max_batch_bytes, "max_queue_bytes",
                            config->max_queue_bytes, true, complaint);
    }
    if (error == 0 && config->daemon == RM_DAEMON_CONTROL &&
        config->max_queue_bytes / config->threads < config->max_batch_bytes) {
        error = rm_complain(complaint, RM_EINVAL,
                            "max_queue_bytes: %" PRId64 " (%s) leaves each of %" PRId64
                            " threads (%s) less than one batch of max_batch_bytes",
                            config->max_queue_bytes, source_of(config, "max_queue_bytes"),
                            config->threads, source_of(config, "threads"));
    }
    return error;
}
