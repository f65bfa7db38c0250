#include "shard.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/timestamp.h"
#include "raftmetrics/metrics/key_table.h"
#include "raftmetrics/metrics/name.h"
#include "raftmetrics/partitioning/shard_map.h"
#include "raftmetrics/proto/write_batch.h"
#include "write.h"

struct rm__shard {
    struct rm__shard_options options;
    struct rm_store *store;
    struct rm_key_table *keys;
    struct rm_replica *replica;
};

/* ---- applying ---- */

/* A committed entry must be applied: one that is skipped here and not elsewhere would let replicas
 * diverge. The process ends, and starts again from its log. */
static void must_have_memory(int rv)
{
    if (rv == RM_ENOMEM) {
        fputs("raftmetrics: out of memory while applying a committed write; give this worker more "
              "memory or less data, and start it again\n",
              stderr);
        abort();
    }
}

static struct rm_request_hash hash_of(const struct rm_write_key *key)
{
    return (struct rm_request_hash){key->hash_low, key->hash_high};
}

/* RM_OUTCOME_DONE with *@ret_is_new false: done before, under the same key. */
static enum rm_outcome check_key(const struct rm__shard *shard, const struct rm_write_key *key,
                                 bool *ret_is_new)
{
    *ret_is_new = true;
    if (key->key.data == NULL) {
        return RM_OUTCOME_DONE;
    }
    switch (rm_key_table_check(shard->keys, key->scope, key->key, hash_of(key))) {
    case RM_EEXIST:
        *ret_is_new = false;
        return RM_OUTCOME_DONE;
    case RM_ECONFLICT:
        return RM_OUTCOME_KEY_CONFLICT;
    default:
        return rm_key_table_count(shard->keys) < shard->options.max_idempotency_keys
                   ? RM_OUTCOME_DONE
                   : RM_OUTCOME_KEYS_FULL;
    }
}

static void remember_key(struct rm__shard *shard, const struct rm_write_key *key, int64_t time_ms)
{
    if (key->key.data != NULL) {
        must_have_memory(rm_key_table_add(shard->keys, key->scope, key->key, hash_of(key),
                                          time_ms + (int64_t)shard->options.idempotency_ttl_ms));
    }
}

static enum rm_outcome apply_write(struct rm__shard *shard, int64_t time_ms,
                                   const struct rm_write *write)
{
    bool is_new;
    enum rm_outcome outcome = check_key(shard, &write->key, &is_new);

    if (outcome != RM_OUTCOME_DONE || !is_new) {
        return outcome;
    }
    if (write->delete_metric.data != NULL &&
        rm_store_delete(shard->store, write->delete_metric) == RM_ENOTFOUND) {
        return RM_OUTCOME_UNKNOWN_METRIC;
    }
    for (size_t i = 0; i < write->n_samples; i++) {
        must_have_memory(rm_store_record(shard->store, &write->samples[i]));
    }
    remember_key(shard, &write->key, time_ms);
    return RM_OUTCOME_DONE;
}

static void apply(void *data, int64_t time_ms, struct rm_slice body, struct rm_buffer *result)
{
    struct rm__shard *shard = data;
    struct rm_write_batch batch;
    enum rm_outcome *outcomes;
    int rv = rm_write_batch_decode(body, &batch);

    must_have_memory(rv);
    assert(rv == 0); /* it was decoded before it was proposed */
    rm_key_table_expire(shard->keys, time_ms);
    outcomes = malloc((batch.n_writes + 1) * sizeof *outcomes);
    must_have_memory(outcomes == NULL ? RM_ENOMEM : 0);
    for (size_t i = 0; i < batch.n_writes; i++) {
        outcomes[i] = apply_write(shard, time_ms, &batch.writes[i]);
    }
    rv = rm_write_reply_encode(outcomes, batch.n_writes, result);
    must_have_memory(rv);
    assert(rv == 0);
    free(outcomes);
    rm_write_batch_done(&batch);
}

/* ---- checking what comes from outside ---- */

static bool are_labels_valid(const struct rm_sample *sample)
{
    for (size_t i = 0; i < sample->n_labels; i++) {
        const struct rm_label *label = &sample->labels[i];

        if (!rm_label_name_is_valid(label->name) || label->value.len == 0 ||
            !rm_label_value_is_valid(label->value) ||
            (i > 0 && rm_slice_compare(sample->labels[i - 1].name, label->name) >= 0)) {
            return false;
        }
    }
    return true;
}

static bool is_sample_valid(const struct rm_sample *sample)
{
    return rm_metric_name_is_valid(sample->metric_name) && isfinite(sample->value) &&
           sample->timestamp_ms >= RM_TIMESTAMP_MIN_MS &&
           sample->timestamp_ms <= RM_TIMESTAMP_MAX_MS && are_labels_valid(sample);
}

/* What landed in the wrong shard would be recorded and never read. */
static bool is_ours(const struct rm__shard *shard, struct rm_slice metric_name)
{
    return rm_shard_of(metric_name, shard->options.n_shards) == shard->options.shard;
}

static bool is_write_valid(const struct rm__shard *shard, const struct rm_write *write)
{
    if (write->delete_metric.data != NULL &&
        !(rm_metric_name_is_valid(write->delete_metric) && is_ours(shard, write->delete_metric))) {
        return false;
    }
    for (size_t i = 0; i < write->n_samples; i++) {
        if (!is_sample_valid(&write->samples[i]) ||
            !is_ours(shard, write->samples[i].metric_name)) {
            return false;
        }
    }
    return true;
}

static bool is_batch_valid(const struct rm__shard *shard, const struct rm_write_batch *batch)
{
    for (size_t i = 0; i < batch->n_writes; i++) {
        if (!is_write_valid(shard, &batch->writes[i])) {
            return false;
        }
    }
    return batch->n_writes > 0 && batch->n_writes <= RM__APPEND_WRITES_MAX;
}

static int check_batch(const struct rm__shard *shard, struct rm_slice bytes)
{
    struct rm_write_batch batch;
    int rv = rm_write_batch_decode(bytes, &batch);

    if (rv != 0) {
        return rv == RM_ENOMEM ? RM_ENOMEM : RM_EINVAL;
    }
    rv = is_batch_valid(shard, &batch) ? 0 : RM_EINVAL;
    rm_write_batch_done(&batch);
    return rv;
}

int rm__shard_propose(struct rm__shard *shard, int64_t now_ms, struct rm_slice batch,
                      rm_propose_cb cb, void *data)
{
    int rv = check_batch(shard, batch);

    if (rv != 0) {
        return rv;
    }
    return rm_replica_propose(shard->replica, now_ms, batch, cb, data);
}

/* ---- life ---- */

struct rm__shard *rm__shard_new(const struct rm__shard_options *options)
{
    struct rm_replica_options replica_options = {.shard = options->shard,
                                                 .worker_id = options->worker_id};
    struct rm_state_machine machine = {.apply = apply};
    struct rm__shard *shard = calloc(1, sizeof *shard);

    if (shard == NULL) {
        return NULL;
    }
    shard->options = *options;
    machine.data = shard;
    shard->store = rm_store_new(options->hash_seed);
    shard->keys = rm_key_table_new(options->hash_seed);
    shard->replica = rm_replica_new(&replica_options, &machine);
    if (shard->store == NULL || shard->keys == NULL || shard->replica == NULL) {
        rm__shard_free(shard);
        return NULL;
    }
    return shard;
}

void rm__shard_free(struct rm__shard *shard)
{
    if (shard == NULL) {
        return;
    }
    rm_replica_free(shard->replica);
    rm_key_table_free(shard->keys);
    rm_store_free(shard->store);
    free(shard);
}

struct rm_replica *rm__shard_replica(struct rm__shard *shard)
{
    return shard->replica;
}

struct rm_store *rm__shard_store(struct rm__shard *shard)
{
    return shard->store;
}
