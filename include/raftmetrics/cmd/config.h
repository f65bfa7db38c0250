/* What a daemon is told: defaults, then a JSON file, then the environment, then flags, all driven
 * by one table of keys (src/cmd/config_table.c), as are --help, `raftmetrics config` and the
 * reference in config/README.md. */
#ifndef RAFTMETRICS_CMD_CONFIG_H
#define RAFTMETRICS_CMD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "raftmetrics/api/exposition_rule.h"
#include "raftmetrics/api/options.h"
#include "raftmetrics/base/bucket_rule.h"
#include "raftmetrics/base/retention.h"
#include "raftmetrics/cmd/complaint.h"

/* The token of `make run` and of docker-compose.yml: known to everybody. */
#define RM_LOCAL_DEV_TOKEN "local-dev-token-123"

/* From a worker's HTTP port to its peer port, where worker_hosts names none. */
enum { RM_PEER_PORT_DISTANCE = 100 };

enum rm_daemon { RM_DAEMON_CONTROL = 1, RM_DAEMON_WORKER = 2 };

enum rm_config_origin {
    RM_CONFIG_DEFAULT,
    RM_CONFIG_FILE,
    RM_CONFIG_ENVIRONMENT,
    RM_CONFIG_FLAG,
};

enum { RM_CONFIG_KEYS_MAX = 48 };

/* Resolved. Texts are never NULL and owned by this struct, as are the lists. */
struct rm_config {
    enum rm_daemon daemon;

    char *listen;
    int64_t port;
    int64_t node_id; /* 0 on control */
    char *auth_token;
    struct rm_token *tokens; /* all that are valid: those of the key `tokens`, and auth_token */
    size_t n_tokens;
    char *cluster_name;
    char *cluster_secret;
    struct rm_worker_address *workers; /* ids distinct, in the order given */
    size_t n_workers;
    int64_t n_shards;
    int64_t replicas; /* as configured: may be more than there are workers */
    char *data_dir;
    int64_t min_free_disk_bytes;
    int64_t max_log_bytes;
    int64_t max_shard_bytes;
    int64_t max_series;
    int64_t max_memory_bytes;
    char *pid_file; /* "": none */
    int64_t threads;
    int64_t log_level;  /* enum rm_log_level */
    int64_t log_format; /* enum rm_log_format */

    int64_t max_connections;
    int64_t max_target_bytes;
    int64_t max_headers;
    int64_t max_header_bytes;
    int64_t max_body_bytes;
    int64_t max_batch_bytes;
    int64_t max_batch_items;
    int64_t max_labels;
    int64_t max_label_name_bytes;
    int64_t max_label_value_bytes;
    int64_t request_timeout_ms;
    int64_t idle_timeout_ms;
    int64_t client_deadline_ms;
    int64_t max_answers_bytes;
    int64_t forward_timeout_ms;
    int64_t max_queue_bytes;
    int64_t idempotency_ttl_ms;
    int64_t max_idempotency_keys;
    struct rm_bucket_rule *bounds; /* of histograms, the first that matches decides */
    size_t n_bounds;
    struct rm_exposition_rule *exposition; /* likewise */
    size_t n_exposition;
    struct rm_retention_rule *retention; /* likewise */
    size_t n_retention;
    int64_t expire_interval_ms;
    int64_t max_samples_per_series; /* 0: all that come */
    int64_t samples_full;           /* enum rm_samples_full */
    int64_t status_poll_ms;

    /* Where each key came from, by its place in the table: "default", "file control.json",
     * "environment PORT", "flag --port". */
    struct {
        enum rm_config_origin origin;
        char *where;
    } sources[RM_CONFIG_KEYS_MAX];
};

/* Reads @argv (from index 1 on, with --config FILE among the flags) and @environment
 * ("NAME=value", ends with NULL), and checks that the result makes sense as a whole.
 * On failure @config needs no rm_config_done. Errors: RM_EINVAL with a sentence; RM_ENOMEM. */
int rm_config_load(struct rm_config *config, enum rm_daemon daemon, int argc, char *const *argv,
                   char *const *environment, struct rm_complaint *complaint);

/* Harmless on a zeroed one. */
void rm_config_done(struct rm_config *config);

/* For a daemon's main: as rm_config_load with the process's environment, answers --help, prints
 * what is wrong. True: start. False: end with *@ret_exit_code, nothing is to be freed. */
bool rm_config_start(struct rm_config *config, enum rm_daemon daemon, int argc, char *const *argv,
                     int *ret_exit_code);

/* Prints every key with its value and where it came from, secrets as ***. */
void rm_config_print_table(FILE *out, const struct rm_config *config);
void rm_config_print_json(FILE *out, const struct rm_config *config);

/* The reference of all keys as a Markdown table. */
void rm_config_print_reference(FILE *out);

#endif
