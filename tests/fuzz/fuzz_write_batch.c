/* Batches and replies out of bytes: what is taken is written and read again as the same. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/proto/write_batch.h"

enum { BATCH_MAX = 1 << 20, OUTCOMES_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_samples(const struct rm_sample *a, const struct rm_sample *b)
{
    assert(rm_slice_equal(a->metric_name, b->metric_name));
    assert(memcmp(&a->value, &b->value, sizeof a->value) == 0);
    assert(a->timestamp_ms == b->timestamp_ms && a->n_labels == b->n_labels);
    for (size_t i = 0; i < a->n_labels; i++) {
        assert(rm_slice_equal(a->labels[i].name, b->labels[i].name));
        assert(rm_slice_equal(a->labels[i].value, b->labels[i].value));
    }
}

static void check_writes(const struct rm_write *a, const struct rm_write *b)
{
    assert((a->key.key.data == NULL) == (b->key.key.data == NULL));
    assert(rm_slice_equal(a->key.key, b->key.key) && rm_slice_equal(a->key.scope, b->key.scope));
    assert(a->key.hash_low == b->key.hash_low && a->key.hash_high == b->key.hash_high);
    assert((a->delete_metric.data == NULL) == (b->delete_metric.data == NULL));
    assert(rm_slice_equal(a->delete_metric, b->delete_metric));
    assert((a->delete_metric.data == NULL) == (a->n_samples > 0));
    assert(a->n_samples == b->n_samples);
    for (size_t i = 0; i < a->n_samples; i++) {
        check_samples(&a->samples[i], &b->samples[i]);
    }
}

static void check_configs(const struct rm_shard_config *a, const struct rm_shard_config *b)
{
    assert(a->idempotency_ttl_ms == b->idempotency_ttl_ms);
    assert(a->max_idempotency_keys == b->max_idempotency_keys);
    assert(a->n_bucket_rules == b->n_bucket_rules);
    for (size_t i = 0; i < a->n_bucket_rules; i++) {
        const struct rm_bucket_rule *rule_a = &a->bucket_rules[i];
        const struct rm_bucket_rule *rule_b = &b->bucket_rules[i];

        assert(rm_slice_equal(rule_a->pattern, rule_b->pattern));
        assert(rule_a->n_bounds == rule_b->n_bounds);
        for (size_t j = 0; j < rule_a->n_bounds; j++) {
            assert(memcmp(&rule_a->bounds[j], &rule_b->bounds[j], sizeof(double)) == 0);
        }
    }
}

static void check_retentions(const struct rm_retention *a, const struct rm_retention *b)
{
    assert(a->max_samples == b->max_samples && a->when_full == b->when_full);
    assert(a->n_rules == b->n_rules);
    for (size_t i = 0; i < a->n_rules; i++) {
        assert(rm_slice_equal(a->rules[i].pattern, b->rules[i].pattern));
        assert(a->rules[i].max_age_ms == b->rules[i].max_age_ms);
    }
}

static void check_expiries(const struct rm_write_batch *a, const struct rm_write_batch *b)
{
    assert(a->n_expiries == b->n_expiries);
    for (size_t i = 0; i < a->n_expiries; i++) {
        assert(rm_slice_equal(a->expiries[i].metric_name, b->expiries[i].metric_name));
        assert(a->expiries[i].first_series == b->expiries[i].first_series);
        assert(a->expiries[i].n_series == b->expiries[i].n_series);
    }
}

static void check_batch(struct rm_slice bytes)
{
    struct rm_write_batch batch;
    struct rm_write_batch again;
    struct rm_buffer encoded;
    int rv = rm_write_batch_decode(bytes, &batch);

    if (rv != 0) {
        assert(rv == RM_ESYNTAX || rv == RM_ENOMEM);
        return;
    }
    rm_buffer_init(&encoded, BATCH_MAX);
    for (size_t i = 0; i < batch.n_writes; i++) {
        assert(rm_write_batch_append(&encoded, &batch.writes[i]) == 0);
    }
    if (batch.has_config) {
        assert(rm_write_batch_append_config(&encoded, &batch.config) == 0);
    }
    for (size_t i = 0; i < batch.n_expiries; i++) {
        assert(rm_write_batch_append_expiry(&encoded, &batch.expiries[i]) == 0);
    }
    assert(rm_write_batch_decode(rm_buffer_peek(&encoded), &again) == 0);
    check_expiries(&batch, &again);
    assert(again.n_writes == batch.n_writes);
    for (size_t i = 0; i < batch.n_writes; i++) {
        check_writes(&batch.writes[i], &again.writes[i]);
    }
    assert(batch.has_config == again.has_config);
    if (batch.has_config) {
        check_configs(&batch.config, &again.config);
        check_retentions(&batch.config.retention, &again.config.retention);
    }
    rm_write_batch_done(&again);
    rm_write_batch_done(&batch);
    rm_buffer_done(&encoded);
}

static void check_reply(struct rm_slice bytes)
{
    enum rm_outcome outcomes[OUTCOMES_MAX];

    for (size_t n = 0; n <= OUTCOMES_MAX; n++) {
        if (rm_write_reply_decode(bytes, outcomes, n) != 0) {
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            assert(outcomes[i] >= RM_OUTCOME_DONE && outcomes[i] <= (int)RM_OUTCOME_LAST);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_batch(rm_slice_make(data, size));
    check_reply(rm_slice_make(data, size));
    return 0;
}
