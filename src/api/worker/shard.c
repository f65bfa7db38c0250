#include "shard.h"

#include <stdlib.h>

#include "batch_check.h"
#include "expiry.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/bucket_rules.h"
#include "raftmetrics/metrics/name.h"
#include "raftmetrics/metrics/retention_rules.h"
#include "shard_state.h"

/* The most that rules take as bytes, and what stands around them. */
enum {
    RULE_BYTES_MAX = RM_METRIC_NAME_MAX + RM_BUCKET_BOUNDS_MAX * 8 + 16,
    AGE_BYTES_MAX = RM_METRIC_NAME_MAX + 32,
    CONFIG_BYTES_MAX =
        RM_BUCKET_RULES_MAX * RULE_BYTES_MAX + RM_RETENTION_RULES_MAX * AGE_BYTES_MAX + 128,
};

struct rm__shard {
    struct rm__shard_options options;
    struct rm__shard_state *state;
    struct rm_replica *replica;
    struct rm__expiry expiry;
    bool is_expiring; /* an entry of ours that says what is to go is under way */
    void (*close_cb)(void *data);
    void *close_data;
};

/* ---- the state machine ---- */

static void apply(void *data, int64_t time_ms, struct rm_slice body, struct rm_buffer *result)
{
    struct rm__shard *shard = data;

    rm__shard_state_apply(shard->state, time_ms, body, result);
}

static struct rm_image *freeze(void *data)
{
    struct rm__shard *shard = data;

    return rm__shard_state_freeze(shard->state);
}

static int restore(void *data, struct rm_blob *blob, struct rm_slice bytes)
{
    struct rm__shard *shard = data;

    return rm__shard_state_restore(shard->state, blob, bytes);
}

static uint64_t hash(const void *data)
{
    const struct rm__shard *shard = data;

    return rm__shard_state_hash(shard->state);
}

static uint64_t size(const void *data)
{
    const struct rm__shard *shard = data;

    return rm__shard_state_size(shard->state);
}

static void on_config_proposed(int status, struct rm_slice result, void *data)
{
    (void)status; /* whoever leads next proposes its own */
    (void)result;
    (void)data;
}

static bool is_agreed(const struct rm__shard *shard)
{
    const struct rm_shard_config *ours = &shard->options.config;
    struct rm_shard_config agreed;

    rm__shard_state_config(shard->state, &agreed);
    return ours->idempotency_ttl_ms == agreed.idempotency_ttl_ms &&
           ours->max_idempotency_keys == agreed.max_idempotency_keys &&
           rm_bucket_rules_are_equal(ours->bucket_rules, ours->n_bucket_rules, agreed.bucket_rules,
                                     agreed.n_bucket_rules) &&
           rm_retention_is_equal(&ours->retention, &agreed.retention);
}

/* A leader whose configuration differs from the replicated one proposes its own. */
static void lead(void *data)
{
    struct rm__shard *shard = data;
    struct rm_buffer bytes;

    if (is_agreed(shard)) {
        return;
    }
    rm_buffer_init(&bytes, CONFIG_BYTES_MAX);
    if (rm_write_batch_append_config(&bytes, &shard->options.config) == 0) {
        (void)rm_replica_propose(shard->replica, rm_clock_wall_ms(), (struct rm_session){0}, 0,
                                 rm_buffer_peek(&bytes), on_config_proposed, NULL);
    }
    rm_buffer_done(&bytes);
}

/* ---- proposals ---- */

/* So much of what the state may hold is left to the series that there are. */
enum { GROWTH_SHARE = 8 };

/* What becomes of a write that would begin a series. */
static enum rm_outcome outcome_of_new_series(const struct rm__shard *shard)
{
    const struct rm__shard_options *options = &shard->options;
    struct rm_store_stats stats;

    rm_store_stats(rm__shard_state_store(shard->state), &stats);
    if (stats.n_series >= options->max_series) {
        return RM_OUTCOME_TOO_MANY_SERIES;
    }
    if (rm__shard_bytes(shard) > options->max_bytes - options->max_bytes / GROWTH_SHARE) {
        return RM_OUTCOME_SHARD_FULL;
    }
    return options->memory_bytes(options->memory_data) > options->max_memory_bytes
               ? RM_OUTCOME_MEMORY_FULL
               : RM_OUTCOME_DONE;
}

/* Whether a write begins a series shows when it is applied; whether it may is decided here, where
 * the limits are known, and stands in the entry, for all replicas alike. */
static int propose(struct rm__shard *shard, int64_t now_ms, struct rm_session session,
                   uint64_t sequence, struct rm_slice batch, rm_propose_cb cb, void *data)
{
    enum rm_outcome new_series = outcome_of_new_series(shard);
    struct rm_buffer limited;
    int rv;

    if (new_series == RM_OUTCOME_DONE) {
        return rm_replica_propose(shard->replica, now_ms, session, sequence, batch, cb, data);
    }
    rm_buffer_init(&limited, RM_ENTRY_BYTES_MAX);
    rv = rm_buffer_append(&limited, batch.data, batch.len);
    if (rv == 0) {
        rv = rm_write_batch_append_new_series(&limited, new_series);
    }
    if (rv == 0) {
        rv = rm_replica_propose(shard->replica, now_ms, session, sequence, rm_buffer_peek(&limited),
                                cb, data);
    }
    rm_buffer_done(&limited);
    return rv;
}

int rm__shard_propose(struct rm__shard *shard, int64_t now_ms, struct rm_session session,
                      uint64_t sequence, struct rm_slice batch, rm_propose_cb cb, void *data)
{
    bool has_samples = false;
    int rv =
        rm__batch_check(batch, shard->options.replica.shard, shard->options.n_shards, &has_samples);

    if (rv != 0) {
        return rv;
    }
    if (has_samples && rm__shard_bytes(shard) > shard->options.max_bytes) {
        return RM_EFULL;
    }
    return propose(shard, now_ms, session, sequence, batch, cb, data);
}

/* ---- expiry ---- */

static void on_expired(int status, struct rm_slice result, void *data)
{
    struct rm__shard *shard = data;

    (void)status; /* what is left is found again */
    (void)result;
    shard->is_expiring = false;
}

static void propose_expiry(struct rm__shard *shard, int64_t wall_ms, struct rm_slice batch)
{
    shard->is_expiring = true;
    if (rm_replica_propose(shard->replica, wall_ms, (struct rm_session){0}, 0, batch, on_expired,
                           shard) != 0) {
        shard->is_expiring = false;
    }
}

void rm__shard_expire(struct rm__shard *shard, uint64_t now_ms, int64_t wall_ms)
{
    struct rm_replica_status status;
    struct rm_buffer batch;

    rm_replica_status(shard->replica, &status);
    if (!status.is_leader) {
        shard->expiry = (struct rm__expiry){0};
        return;
    }
    if (shard->is_expiring) {
        return;
    }
    rm_buffer_init(&batch, RM_ENTRY_BYTES_MAX);
    if (rm__expiry_step(&shard->expiry, rm__shard_state_store(shard->state), now_ms,
                        rm_replica_entry_time(shard->replica, wall_ms),
                        shard->options.expire_interval_ms, &batch) == 0 &&
        batch.len > 0) {
        propose_expiry(shard, wall_ms, rm_buffer_peek(&batch));
    }
    rm_buffer_done(&batch);
}

/* ---- life ---- */

int rm__shard_new(const struct rm__shard_options *options, struct rm__shard **ret_shard)
{
    struct rm_state_machine machine = {.apply = apply,
                                       .freeze = freeze,
                                       .restore = restore,
                                       .hash = hash,
                                       .size = size,
                                       .lead = lead};
    struct rm__shard *shard = calloc(1, sizeof *shard);
    int rv;

    if (shard == NULL) {
        return RM_ENOMEM;
    }
    shard->options = *options;
    machine.data = shard;
    shard->state = rm__shard_state_new(options->hash_seed);
    rv = shard->state == NULL ? RM_ENOMEM
                              : rm_replica_new(&options->replica, &machine, &shard->replica);
    if (rv != 0) {
        rm__shard_state_free(shard->state);
        free(shard);
        return rv;
    }
    *ret_shard = shard;
    return 0;
}

int rm__shard_start(struct rm__shard *shard)
{
    return rm_replica_start(shard->replica);
}

static void on_replica_closed(void *data)
{
    struct rm__shard *shard = data;
    void (*cb)(void *data) = shard->close_cb;
    void *close_data = shard->close_data;

    rm__shard_state_free(shard->state);
    free(shard);
    cb(close_data);
}

void rm__shard_close(struct rm__shard *shard, void (*cb)(void *data), void *data)
{
    shard->close_cb = cb;
    shard->close_data = data;
    rm_replica_close(shard->replica, on_replica_closed, shard);
}

void rm__shard_stats(const struct rm__shard *shard, struct rm_store_stats *ret_stats)
{
    rm__shard_state_stats(shard->state, ret_stats);
}

uint64_t rm__shard_bytes(const struct rm__shard *shard)
{
    return rm__shard_state_size(shard->state);
}

struct rm_replica *rm__shard_replica(struct rm__shard *shard)
{
    return shard->replica;
}

struct rm_store *rm__shard_store(struct rm__shard *shard)
{
    return rm__shard_state_store(shard->state);
}
