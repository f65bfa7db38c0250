/* A worker daemon: the shards it holds, and its HTTP face towards control and clients. */
#ifndef RAFTMETRICS_API_WORKER_H
#define RAFTMETRICS_API_WORKER_H

#include "raftmetrics/api/exposition_rule.h"
#include "raftmetrics/api/options.h"
#include "raftmetrics/base/bucket_rule.h"
#include "raftmetrics/base/retention.h"
#include "raftmetrics/net/loop.h"

struct rm_worker;

struct rm_worker_options {
    struct rm_api_options api;
    uint32_t worker_id; /* among api.workers */
    uint32_t n_shards;
    uint32_t n_replicas;          /* of each shard: at most as many as there are workers */
    const char *data_dir;         /* exists, and is locked against other processes */
    uint64_t min_free_disk_bytes; /* below it nothing is recorded */
    uint64_t max_log_bytes;       /* of all shards, in memory and on disk */
    uint64_t max_shard_bytes;     /* of a shard's state; past it nothing is recorded in it */
    uint64_t max_series;          /* of a shard; past it none begins */
    uint64_t max_memory_bytes;    /* of the states of all shards; past it no series begins */
    uint64_t idempotency_ttl_ms;
    size_t max_idempotency_keys;               /* a shard */
    const struct rm_bucket_rule *bucket_rules; /* valid: rm_bucket_rules_are_valid */
    size_t n_bucket_rules;
    struct rm_retention retention; /* valid: rm_retention_is_valid */
    uint64_t expire_interval_ms;   /* how often a leader looks for what is too old */
    const struct rm_exposition_rule *exposition_rules; /* valid patterns */
    size_t n_exposition_rules;
};

/* Loads its shards and listens. @options is copied, what it points to is borrowed.
 * Errors: RM_EBUSY (port taken), RM_EINVAL (address, ids), RM_EIO, RM_ENOMEM. */
int rm_worker_new(struct rm_loop *loop, const struct rm_worker_options *options,
                  struct rm_worker **ret_worker);

uint16_t rm_worker_port(const struct rm_worker *worker);

/* As rm_control_drain. */
void rm_worker_drain(struct rm_worker *worker, uint64_t timeout_ms, rm_loop_cb cb, void *data);

/* Takes NULL. */
void rm_worker_free(struct rm_worker *worker);

#endif
