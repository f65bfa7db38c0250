#include "config_table.h"

#include <assert.h>
#include <string.h>

#include "ascii.h"
#include "raftmetrics/metrics/bucket_rules.h"
#include "raftmetrics/metrics/retention_rules.h"
#include "raftmetrics/partitioning/shard_map.h"

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const log_formats[] = {"logfmt", "json", NULL};
static const char *const samples_full[] = {
    [RM_SAMPLES_DROP_OLDEST] = "drop_oldest", [RM_SAMPLES_REFUSE] = "refuse", NULL};

#define AT(member) offsetof(struct rm_config, member)
#define CONTROL RM_DAEMON_CONTROL
#define WORKER RM_DAEMON_WORKER
#define BOTH RM_CONFIG_BOTH
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define HOUR_MS INT64_C(3600000)

const struct rm_config_key rm_config_keys[] = {
    {"listen", RM_CONFIG_TEXT, BOTH, "127.0.0.1", NULL, 1, 64, NULL, AT(listen), false,
     "address to bind: numeric IPv4 or IPv6, or localhost"},
    {"port", RM_CONFIG_INT, BOTH, "8080", "8081", 0, 65535, NULL, AT(port), false,
     "TCP port of the HTTP interface; 0: the kernel picks a free one"},
    {"node_id", RM_CONFIG_INT, WORKER, "", NULL, 1, 65535, NULL, AT(node_id), false,
     "required: the worker's own id among worker_hosts"},
    {"auth_token", RM_CONFIG_TEXT, BOTH, "", NULL, 1, 256, NULL, AT(auth_token), true,
     "one token with all scopes, named default; visible ASCII without spaces"},
    {"tokens", RM_CONFIG_TOKENS, BOTH, "", NULL, 0, 64, NULL, AT(tokens), true,
     "further tokens: an array of {\"name\", \"token\", \"scopes\": [\"read\", \"write\", "
     "\"admin\"]}"},
    {"cluster_secret", RM_CONFIG_TEXT, BOTH, "", NULL, 8, 1024, NULL, AT(cluster_secret), true,
     "required: shared by all nodes of the cluster, at least 8 visible ASCII characters"},
    {"cluster_name", RM_CONFIG_TEXT, BOTH, "raftmetrics", NULL, 1, 64, NULL, AT(cluster_name),
     false, "name of the cluster, the same on every node"},
    {"worker_hosts", RM_CONFIG_WORKERS, BOTH, "", NULL, 0, RM_WORKERS_MAX, NULL, AT(workers), false,
     "required: all workers as host:port,host:port (ids 1, 2, … in order) or 2=host:port, each "
     "with "
     "/peer_port behind it where that is not port + 100; in the file also an array of such texts "
     "or "
     "of {\"id\", \"address\", \"peer_port\"}"},
    {"n_shards", RM_CONFIG_INT, WORKER, "6", NULL, 1, RM_SHARDS_MAX, NULL, AT(n_shards), false,
     "shards of the cluster, fixed when it is created; control takes it from the workers"},
    {"replicas", RM_CONFIG_INT, WORKER, "3", NULL, 1, RM_REPLICAS_MAX, NULL, AT(replicas), false,
     "workers that hold each shard, at most all of them, the same on every worker; three survive "
     "the loss of one, five of two"},
    {"data_dir", RM_CONFIG_TEXT, WORKER, "data", NULL, 1, 4095, NULL, AT(data_dir), false,
     "directory of the worker's data"},
    {"min_free_disk_bytes", RM_CONFIG_INT, WORKER, "268435456", NULL, 0, 1024 * GIB, NULL,
     AT(min_free_disk_bytes), false,
     "while less than this is free in data_dir, the worker records nothing and clients get 503"},
    {"max_log_bytes", RM_CONFIG_INT, WORKER, "134217728", NULL, MIB, 64 * GIB, NULL,
     AT(max_log_bytes), false,
     "log of all shards together, kept in memory and on disk; past it the longest is cut by a "
     "snapshot"},
    {"max_shard_bytes", RM_CONFIG_INT, WORKER, "268435456", NULL, 64 * KIB, GIB, NULL,
     AT(max_shard_bytes), false,
     "data of one shard in memory; past it the shard records nothing and clients get 429, past "
     "seven eighths of it no new series"},
    {"max_series", RM_CONFIG_INT, WORKER, "1000000", NULL, 1, 1000000000, NULL, AT(max_series),
     false, "series of one shard; past it what would begin one gets 429"},
    {"max_memory_bytes", RM_CONFIG_INT, WORKER, "2147483648", NULL, MIB, 1024 * GIB, NULL,
     AT(max_memory_bytes), false,
     "data of all shards of the worker in memory; past it what would begin a series gets 429; "
     "reads that take long may hold an eighth of it beside that"},
    {"pid_file", RM_CONFIG_TEXT, BOTH, "", NULL, 1, 4095, NULL, AT(pid_file), false,
     "file that holds the daemon's pid, locked while it runs; empty: none"},
    {"threads", RM_CONFIG_INT, CONTROL, "1", NULL, 1, 64, NULL, AT(threads), false,
     "event loops, each on a thread of its own"},
    {"log_level", RM_CONFIG_CHOICE, BOTH, "info", NULL, 0, 0, log_levels, AT(log_level), false,
     "the least severe level that is logged"},
    {"log_format", RM_CONFIG_CHOICE, BOTH, "logfmt", NULL, 0, 0, log_formats, AT(log_format), false,
     "form of a log line"},
    {"max_connections", RM_CONFIG_INT, BOTH, "4096", NULL, 1, 1000000, NULL, AT(max_connections),
     false, "open connections from clients"},
    {"max_target_bytes", RM_CONFIG_INT, BOTH, "8192", NULL, 64, MIB, NULL, AT(max_target_bytes),
     false, "length of a request's path and query"},
    {"max_headers", RM_CONFIG_INT, BOTH, "64", NULL, 8, 1024, NULL, AT(max_headers), false,
     "header fields of a request"},
    {"max_header_bytes", RM_CONFIG_INT, BOTH, "16384", NULL, KIB, MIB, NULL, AT(max_header_bytes),
     false, "bytes of a request's header section"},
    {"max_body_bytes", RM_CONFIG_INT, BOTH, "262144", NULL, 64, 64 * MIB, NULL, AT(max_body_bytes),
     false, "body of a request that is not a batch, decompressed"},
    {"max_batch_bytes", RM_CONFIG_INT, BOTH, "4194304", NULL, 64, 64 * MIB, NULL,
     AT(max_batch_bytes), false, "body of a batch, decompressed"},
    {"max_batch_items", RM_CONFIG_INT, BOTH, "10000", NULL, 1, 1000000, NULL, AT(max_batch_items),
     false, "items of a batch"},
    {"request_timeout_ms", RM_CONFIG_INT, BOTH, "10000", NULL, 10, HOUR_MS, NULL,
     AT(request_timeout_ms), false,
     "a whole request must arrive within this time of its first byte"},
    {"idle_timeout_ms", RM_CONFIG_INT, BOTH, "60000", NULL, 10, HOUR_MS, NULL, AT(idle_timeout_ms),
     false, "a connection without a request is closed after this time"},
    {"max_labels", RM_CONFIG_INT, BOTH, "32", NULL, 0, 1024, NULL, AT(max_labels), false,
     "labels of a series"},
    {"max_label_name_bytes", RM_CONFIG_INT, BOTH, "128", NULL, 1, 64 * KIB, NULL,
     AT(max_label_name_bytes), false, "length of a label's name"},
    {"max_label_value_bytes", RM_CONFIG_INT, BOTH, "1024", NULL, 1, 64 * KIB, NULL,
     AT(max_label_value_bytes), false, "length of a label's value"},
    {"client_deadline_ms", RM_CONFIG_INT, BOTH, "8000", NULL, 10, HOUR_MS, NULL,
     AT(client_deadline_ms), false, "a client is answered within this time"},
    {"max_answers_bytes", RM_CONFIG_INT, BOTH, "134217728", NULL, 64 * KIB, 64 * GIB, NULL,
     AT(max_answers_bytes), false,
     "answers that clients have not taken yet, over all threads; past it clients get 503"},
    {"forward_timeout_ms", RM_CONFIG_INT, CONTROL, "5000", NULL, 1, HOUR_MS, NULL,
     AT(forward_timeout_ms), false,
     "a worker must answer within this time; less than client_deadline_ms"},
    {"max_queue_bytes", RM_CONFIG_INT, CONTROL, "67108864", NULL, 64 * KIB, 64 * GIB, NULL,
     AT(max_queue_bytes), false,
     "writes that wait for workers, over all threads; past it clients get 503"},
    {"status_poll_ms", RM_CONFIG_INT, CONTROL, "500", NULL, 10, HOUR_MS, NULL, AT(status_poll_ms),
     false, "how often control asks the workers for their state"},
    {"idempotency_ttl_ms", RM_CONFIG_INT, WORKER, "600000", NULL, 1000, 168 * HOUR_MS, NULL,
     AT(idempotency_ttl_ms), false, "how long an Idempotency-Key is remembered"},
    {"max_idempotency_keys", RM_CONFIG_INT, WORKER, "100000", NULL, 1, 1000000, NULL,
     AT(max_idempotency_keys), false,
     "Idempotency-Keys that a shard remembers; past it clients get 429"},
    {"histogram_bounds", RM_CONFIG_BOUNDS, WORKER, "", NULL, 0, RM_BUCKET_RULES_MAX, NULL,
     AT(bounds), false,
     "upper bounds of the histograms of metrics whose name matches a pattern, for metrics that "
     "are new: {\"http.*\": [0.1, 0.5, 2.5], …}; the first that matches decides"},
    {"retention", RM_CONFIG_RETENTION, WORKER, "", NULL, 0, RM_RETENTION_RULES_MAX, NULL,
     AT(retention), false,
     "how old values of metrics whose name matches a pattern may become: an array of {\"pattern\", "
     "\"max_age\"}, where max_age is such as 12h or 30d; the first that matches decides, and what "
     "none matches is kept"},
    {"expire_interval_ms", RM_CONFIG_INT, WORKER, "60000", NULL, 10, HOUR_MS, NULL,
     AT(expire_interval_ms), false, "how often the leader of a shard looks for what is too old"},
    {"max_samples_per_series", RM_CONFIG_INT, WORKER, "0", NULL, 0, 1000000000000, NULL,
     AT(max_samples_per_series), false,
     "samples that a series always keeps the newest of; 0: all that come"},
    {"samples_full", RM_CONFIG_CHOICE, WORKER, "drop_oldest", NULL, 0, 0, samples_full,
     AT(samples_full), false,
     "what becomes of a sample of a series that has that many: its oldest are dropped for it, or "
     "clients get 429"},
    {"exposition", RM_CONFIG_EXPOSITION, WORKER, "", NULL, 0, RM_EXPOSITION_RULES_MAX, NULL,
     AT(exposition), false,
     "as what GET /metrics shows scrapers the metrics whose name matches a pattern: an array of "
     "{\"pattern\", \"as\"}, where as is both (the default), histogram, gauge or counter; the "
     "first "
     "that matches decides"},
};

const size_t rm_config_n_keys = sizeof rm_config_keys / sizeof rm_config_keys[0];

static_assert(sizeof rm_config_keys / sizeof rm_config_keys[0] <= RM_CONFIG_KEYS_MAX,
              "each key has a source in struct rm_config");

const struct rm_config_key *rm_config_find(const char *name)
{
    for (size_t i = 0; i < rm_config_n_keys; i++) {
        if (strcmp(rm_config_keys[i].name, name) == 0) {
            return &rm_config_keys[i];
        }
    }
    return NULL;
}

size_t rm_config_index(const struct rm_config_key *key)
{
    return (size_t)(key - rm_config_keys);
}

const char *rm_config_initial(const struct rm_config_key *key, enum rm_daemon daemon)
{
    return daemon == RM_DAEMON_WORKER && key->initial_worker != NULL ? key->initial_worker
                                                                     : key->initial;
}

void rm_config_environment_name(const struct rm_config_key *key, char ret_name[RM_CONFIG_NAME_MAX])
{
    size_t i = 0;

    for (; key->name[i] != '\0'; i++) {
        ret_name[i] = rm_ascii_upper(key->name[i]);
    }
    ret_name[i] = '\0';
}

void rm_config_flag_name(const struct rm_config_key *key, char ret_name[RM_CONFIG_NAME_MAX])
{
    size_t i = 0;

    for (; key->name[i] != '\0'; i++) {
        ret_name[i] = rm_ascii_replace(key->name[i], '_', '-');
    }
    ret_name[i] = '\0';
}

bool rm_config_is_file_only(const struct rm_config_key *key)
{
    return key->type == RM_CONFIG_TOKENS || key->type == RM_CONFIG_BOUNDS ||
           key->type == RM_CONFIG_EXPOSITION || key->type == RM_CONFIG_RETENTION;
}

const char *rm_config_type_name(enum rm_config_type type)
{
    switch (type) {
    case RM_CONFIG_TEXT:
        return "text";
    case RM_CONFIG_INT:
        return "int";
    case RM_CONFIG_CHOICE:
        return "word";
    case RM_CONFIG_WORKERS:
        return "list";
    case RM_CONFIG_BOUNDS:
        return "object";
    case RM_CONFIG_TOKENS:
    case RM_CONFIG_EXPOSITION:
    case RM_CONFIG_RETENTION:
        break;
    }
    return "array";
}

const char *rm_daemon_name(enum rm_daemon daemon)
{
    return daemon == RM_DAEMON_CONTROL ? "control" : "worker";
}
