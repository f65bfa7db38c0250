#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/worker/batch_check.h"
#include "../../src/api/worker/shard_state.h"
#include "../../src/api/write.h"
#include "image_blob.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/timestamp.h"
#include "raftmetrics/metrics/bucket_rules.h"
#include "raftmetrics/partitioning/shard_map.h"
#include "raftmetrics/proto/write_batch.h"

enum { BATCH_MAX = 8 << 20, OUTCOMES_MAX = 8, TTL_MS = 1000, KEYS_MAX = 2 };

/* A shard's state, and how many entries it was given. */
struct shard {
    uint32_t shard;
    uint32_t n_shards;
    struct rm__shard_state *state;
    unsigned n_applied;
};

static void configure(struct shard *shard, const struct rm_shard_config *config)
{
    struct rm_buffer bytes;
    struct rm_buffer result;

    rm_buffer_init(&bytes, BATCH_MAX);
    rm_buffer_init(&result, BATCH_MAX);
    assert_int_equal(rm_write_batch_append_config(&bytes, config), 0);
    rm__shard_state_apply(shard->state, INT64_MIN, rm_buffer_peek(&bytes), &result);
    rm_buffer_done(&bytes);
    rm_buffer_done(&result);
}

static struct shard start_as(uint32_t id, uint32_t n_shards)
{
    static const struct rm_shard_config config = {.idempotency_ttl_ms = TTL_MS,
                                                  .max_idempotency_keys = KEYS_MAX};
    struct shard shard = {id, n_shards, rm__shard_state_new(3), 0};

    assert_non_null(shard.state);
    configure(&shard, &config);
    return shard;
}

static struct shard start(void)
{
    return start_as(0, 1);
}

static void end(struct shard *shard)
{
    rm__shard_state_free(shard->state);
}

struct told {
    size_t n_outcomes; /* expected */
    enum rm_outcome outcomes[OUTCOMES_MAX];
};

static void apply_bytes(struct shard *shard, int64_t now_ms, struct rm_slice bytes,
                        struct told *told)
{
    struct rm_buffer result;

    rm_buffer_init(&result, BATCH_MAX);
    rm__shard_state_apply(shard->state, now_ms, bytes, &result);
    shard->n_applied++;
    assert_int_equal(
        rm_write_reply_decode(rm_buffer_peek(&result), told->outcomes, told->n_outcomes), 0);
    rm_buffer_done(&result);
}

/* As a leader: what passes the check is applied. */
static int propose_bytes(struct shard *shard, int64_t now_ms, struct rm_slice bytes,
                         struct told *told)
{
    bool has_samples;
    int rv = rm__batch_check(bytes, shard->shard, shard->n_shards, &has_samples);

    if (rv == 0) {
        apply_bytes(shard, now_ms, bytes, told);
    }
    return rv;
}

/* Proposes the writes as one batch; they must be taken. */
static struct told propose(struct shard *shard, int64_t now_ms, const struct rm_write *writes,
                           size_t n_writes)
{
    struct told told = {.n_outcomes = n_writes};
    struct rm_buffer bytes;

    rm_buffer_init(&bytes, BATCH_MAX);
    for (size_t i = 0; i < n_writes; i++) {
        assert_int_equal(rm_write_batch_append(&bytes, &writes[i]), 0);
    }
    assert_int_equal(propose_bytes(shard, now_ms, rm_buffer_peek(&bytes), &told), 0);
    rm_buffer_done(&bytes);
    return told;
}

static enum rm_outcome propose_one(struct shard *shard, int64_t now_ms,
                                   const struct rm_write *write)
{
    return propose(shard, now_ms, write, 1).outcomes[0];
}

/* How many values of @name the store holds; -1 where it does not know it. */
static int count_of(struct shard *shard, const char *name)
{
    struct rm_selection selection = {
        .metric_name = rm_slice_of(name), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct rm_aggregate aggregate;

    return rm_store_aggregate(rm__shard_state_store(shard->state), &selection, &aggregate) == 0
               ? (int)aggregate.count
               : -1;
}

static const struct rm_sample cpu = {{"cpu", 3}, NULL, 0, 1.5, 1000};
static const struct rm_sample mem = {{"mem", 3}, NULL, 0, 2.5, 1000};

static struct rm_write write_of(const struct rm_sample *sample)
{
    return (struct rm_write){.samples = sample, .n_samples = 1};
}

static struct rm_write keyed(struct rm_write write, const char *scope, const char *key,
                             uint64_t hash)
{
    write.key = (struct rm_write_key){rm_slice_of(scope), rm_slice_of(key), hash, ~hash};
    return write;
}

static void test_writes_are_in_the_store_when_they_are_answered(void **state)
{
    struct shard shard = start();
    const struct rm_sample both[] = {cpu, mem};
    const struct rm_write writes[] = {{.samples = both, .n_samples = 2}, write_of(&cpu)};
    struct told told = propose(&shard, 0, writes, 2);

    (void)state;
    assert_int_equal(told.outcomes[0], RM_OUTCOME_DONE);
    assert_int_equal(told.outcomes[1], RM_OUTCOME_DONE);
    assert_int_equal(count_of(&shard, "cpu"), 2);
    assert_int_equal(count_of(&shard, "mem"), 1);
    assert_int_equal(shard.n_applied, 1);
    end(&shard);
    rm__shard_state_free(NULL);
}

static void test_deletes_stand_in_the_order_of_the_batch(void **state)
{
    struct shard shard = start();
    const struct rm_write delete = {.delete_metric = {"cpu", 3}};
    const struct rm_write writes[] = {delete, write_of(&cpu), delete, delete, write_of(&cpu)};
    struct told told = propose(&shard, 0, writes, 5);

    (void)state;
    assert_int_equal(told.outcomes[0], RM_OUTCOME_UNKNOWN_METRIC);
    assert_int_equal(told.outcomes[1], RM_OUTCOME_DONE);
    assert_int_equal(told.outcomes[2], RM_OUTCOME_DONE);
    assert_int_equal(told.outcomes[3], RM_OUTCOME_UNKNOWN_METRIC);
    assert_int_equal(told.outcomes[4], RM_OUTCOME_DONE);
    assert_int_equal(count_of(&shard, "cpu"), 1);
    assert_int_equal(propose_one(&shard, 0, &delete), RM_OUTCOME_DONE);
    assert_int_equal(count_of(&shard, "cpu"), -1);
    end(&shard);
}

static void test_a_limit_refuses_what_would_begin_a_series(void **state)
{
    struct shard shard = start();
    const struct rm_sample both[] = {cpu, mem};
    const struct rm_write writes[] = {write_of(&cpu),
                                      write_of(&mem),
                                      {.samples = both, .n_samples = 2},
                                      keyed(write_of(&cpu), "token", "k", 1)};
    struct told told = {.n_outcomes = 4};
    struct rm_buffer bytes;

    (void)state;
    propose_one(&shard, 0, &writes[3]);
    rm_buffer_init(&bytes, SIZE_MAX);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(rm_write_batch_append(&bytes, &writes[i]), 0);
    }
    assert_int_equal(rm_write_batch_append_new_series(&bytes, RM_OUTCOME_TOO_MANY_SERIES), 0);
    assert_int_equal(propose_bytes(&shard, 0, rm_buffer_peek(&bytes), &told), RM_EINVAL);
    apply_bytes(&shard, 0, rm_buffer_peek(&bytes), &told);
    rm_buffer_done(&bytes);
    assert_int_equal(told.outcomes[0], RM_OUTCOME_DONE);
    assert_int_equal(told.outcomes[1], RM_OUTCOME_TOO_MANY_SERIES);
    assert_int_equal(told.outcomes[2], RM_OUTCOME_TOO_MANY_SERIES);
    assert_int_equal(told.outcomes[3], RM_OUTCOME_DONE);
    assert_int_equal(count_of(&shard, "cpu"), 2);
    assert_int_equal(count_of(&shard, "mem"), -1);
    end(&shard);
}

static void test_a_key_records_once(void **state)
{
    struct shard shard = start();
    const struct rm_write write = keyed(write_of(&cpu), "token", "k", 1);
    const struct rm_write other_body = keyed(write_of(&mem), "token", "k", 2);
    const struct rm_write other_scope = keyed(write_of(&mem), "other", "k", 2);
    const struct rm_write twice[] = {write, write};
    struct told told;

    (void)state;
    told = propose(&shard, 0, twice, 2);
    assert_int_equal(told.outcomes[0], RM_OUTCOME_DONE);
    assert_int_equal(told.outcomes[1], RM_OUTCOME_DONE);
    assert_int_equal(propose_one(&shard, 1, &write), RM_OUTCOME_DONE);
    assert_int_equal(count_of(&shard, "cpu"), 1);
    assert_int_equal(propose_one(&shard, 1, &other_body), RM_OUTCOME_KEY_CONFLICT);
    assert_int_equal(count_of(&shard, "mem"), -1);
    assert_int_equal(propose_one(&shard, 1, &other_scope), RM_OUTCOME_DONE);
    assert_int_equal(count_of(&shard, "mem"), 1);
    end(&shard);
}

static void test_a_key_is_forgotten_by_the_time_of_the_entries(void **state)
{
    struct shard shard = start();
    const struct rm_write write = keyed(write_of(&cpu), "token", "k", 1);

    (void)state;
    propose_one(&shard, 5000, &write);
    propose_one(&shard, 5000 + TTL_MS - 1, &write);
    assert_int_equal(count_of(&shard, "cpu"), 1);
    propose_one(&shard, 5000 + TTL_MS, &write);
    assert_int_equal(count_of(&shard, "cpu"), 2);
    end(&shard);
}

static void test_a_full_table_refuses_new_keys_only(void **state)
{
    struct shard shard = start();
    const struct rm_write writes[] = {keyed(write_of(&cpu), "token", "1", 1),
                                      keyed(write_of(&cpu), "token", "2", 1),
                                      keyed(write_of(&cpu), "token", "3", 1),
                                      keyed(write_of(&cpu), "token", "2", 1), write_of(&cpu)};
    struct told told = propose(&shard, 0, writes, 5);

    (void)state;
    assert_int_equal(told.outcomes[1], RM_OUTCOME_DONE);
    assert_int_equal(told.outcomes[2], RM_OUTCOME_KEYS_FULL);
    assert_int_equal(told.outcomes[3], RM_OUTCOME_DONE);
    assert_int_equal(told.outcomes[4], RM_OUTCOME_DONE);
    assert_int_equal(count_of(&shard, "cpu"), 3);
    assert_int_equal(propose_one(&shard, TTL_MS, &writes[2]), RM_OUTCOME_DONE);
    assert_int_equal(count_of(&shard, "cpu"), 4);
    end(&shard);
}

static void test_what_was_refused_is_not_remembered(void **state)
{
    struct shard shard = start();
    const struct rm_write delete =
        keyed((struct rm_write){.delete_metric = {"cpu", 3}}, "token", "k", 1);
    const struct rm_write record = write_of(&cpu);

    (void)state;
    assert_int_equal(propose_one(&shard, 0, &delete), RM_OUTCOME_UNKNOWN_METRIC);
    propose_one(&shard, 0, &record);
    assert_int_equal(propose_one(&shard, 0, &delete), RM_OUTCOME_DONE);
    propose_one(&shard, 0, &record);
    assert_int_equal(propose_one(&shard, 0, &delete), RM_OUTCOME_DONE);
    assert_int_equal(count_of(&shard, "cpu"), 1);
    end(&shard);
}

/* The write, behind one that is good, must not be proposed, and neither must the good one. */
static void check_refused(const struct rm_write *write)
{
    struct shard shard = start();
    const struct rm_write good = write_of(&cpu);
    struct told told = {0};
    struct rm_buffer bytes;

    rm_buffer_init(&bytes, BATCH_MAX);
    assert_int_equal(rm_write_batch_append(&bytes, &good), 0);
    assert_int_equal(rm_write_batch_append(&bytes, write), 0);
    assert_int_equal(propose_bytes(&shard, 0, rm_buffer_peek(&bytes), &told), RM_EINVAL);
    assert_int_equal(shard.n_applied, 0);
    assert_int_equal(count_of(&shard, "cpu"), -1);
    rm_buffer_done(&bytes);
    end(&shard);
}

static void check_sample_refused(struct rm_sample sample)
{
    const struct rm_sample both[] = {cpu, sample};
    const struct rm_write write = {.samples = both, .n_samples = 2};

    check_refused(&write);
}

static void check_labels_refused(const struct rm_label *labels, size_t n)
{
    struct rm_sample sample = cpu;

    sample.labels = labels;
    sample.n_labels = n;
    check_sample_refused(sample);
}

static void test_samples_that_no_front_would_send(void **state)
{
    struct rm_sample sample = cpu;

    (void)state;
    sample.metric_name = rm_slice_of("1cpu");
    check_sample_refused(sample);
    sample.metric_name = rm_slice_of("");
    check_sample_refused(sample);
    sample = cpu;
    sample.value = NAN;
    check_sample_refused(sample);
    sample.value = -INFINITY;
    check_sample_refused(sample);
    sample = cpu;
    sample.timestamp_ms = RM_TIMESTAMP_MIN_MS - 1;
    check_sample_refused(sample);
    sample.timestamp_ms = RM_TIMESTAMP_MAX_MS + 1;
    check_sample_refused(sample);
}

static void test_labels_that_no_front_would_send(void **state)
{
    static const struct rm_label bad_name[] = {{{"le", 2}, {"1", 1}}};
    static const struct rm_label empty_value[] = {{{"a", 1}, {"", 0}}};
    static const struct rm_label control[] = {{{"a", 1}, {"\n", 1}}};
    static const struct rm_label not_utf8[] = {{{"a", 1}, {"\xff", 1}}};
    static const struct rm_label unsorted[] = {{{"b", 1}, {"1", 1}}, {{"a", 1}, {"1", 1}}};
    static const struct rm_label twice[] = {{{"a", 1}, {"1", 1}}, {{"a", 1}, {"2", 1}}};

    (void)state;
    check_labels_refused(bad_name, 1);
    check_labels_refused(empty_value, 1);
    check_labels_refused(control, 1);
    check_labels_refused(not_utf8, 1);
    check_labels_refused(unsorted, 2);
    check_labels_refused(twice, 2);
}

static void test_batches_that_no_front_would_send(void **state)
{
    const struct rm_write bad_delete = {.delete_metric = {"a b", 3}};
    struct shard shard = start();
    struct told told = {0};

    (void)state;
    check_refused(&bad_delete);
    assert_int_equal(propose_bytes(&shard, 0, rm_slice_of(""), &told), RM_EINVAL);
    assert_int_equal(propose_bytes(&shard, 0, rm_slice_of("{}"), &told), RM_EINVAL);
    assert_int_equal(propose_bytes(&shard, 0, rm_slice_of("\x0a\x05"), &told), RM_EINVAL);
    assert_int_equal(shard.n_applied, 0);
    end(&shard);
}

/* More deletes than their reply has room for would be refused only once they are applied. */
static void test_as_many_writes_as_a_reply_takes(void **state)
{
    const struct rm_write delete = {.delete_metric = {"a", 1}};
    bool has_samples = true;
    struct rm_buffer one;
    struct rm_buffer bytes;

    (void)state;
    rm_buffer_init(&one, BATCH_MAX);
    rm_buffer_init(&bytes, BATCH_MAX);
    assert_int_equal(rm_write_batch_append(&one, &delete), 0);
    for (size_t i = 0; i < RM__APPEND_WRITES_MAX; i++) {
        assert_int_equal(rm_buffer_append_slice(&bytes, rm_buffer_peek(&one)), 0);
    }
    assert_int_equal(rm__batch_check(rm_buffer_peek(&bytes), 0, 1, &has_samples), 0);
    assert_false(has_samples);
    assert_int_equal(rm_buffer_append_slice(&bytes, rm_buffer_peek(&one)), 0);
    assert_int_equal(rm__batch_check(rm_buffer_peek(&bytes), 0, 1, &has_samples), RM_EINVAL);
    rm_buffer_done(&one);
    rm_buffer_done(&bytes);
}

static void test_what_belongs_to_another_shard_is_refused(void **state)
{
    enum { N_SHARDS = 4 };
    struct rm_sample sample = {.metric_name = rm_slice_of("mine"), .value = 1};
    struct rm_write writes[] = {{.samples = &sample, .n_samples = 1},
                                {.delete_metric = sample.metric_name}};
    uint32_t home = rm_shard_of(sample.metric_name, N_SHARDS);

    (void)state;
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        for (uint32_t id = 0; id < N_SHARDS; id++) {
            struct shard shard = start_as(id, N_SHARDS);
            struct told told = {.n_outcomes = 1};
            struct rm_buffer bytes;

            rm_buffer_init(&bytes, BATCH_MAX);
            assert_int_equal(rm_write_batch_append(&bytes, &writes[i]), 0);
            assert_int_equal(propose_bytes(&shard, 1, rm_buffer_peek(&bytes), &told),
                             id == home ? 0 : RM_EINVAL);
            rm_buffer_done(&bytes);
            end(&shard);
        }
    }
}

/* What is frozen now, as one blob. */
static struct rm_blob *image_of(struct shard *shard)
{
    struct rm_image *image = rm__shard_state_freeze(shard->state);
    struct rm_blob *blob;

    assert_non_null(image);
    blob = image_blob(image);
    assert_non_null(blob);
    rm_image_release(image);
    return blob;
}

/* Values, keys and configuration come back, and go on as they would have. */
static void test_an_image_is_the_whole_state(void **state)
{
    const struct rm_write write = keyed(write_of(&cpu), "app", "k1", 1);
    const struct rm_write other = keyed(write_of(&cpu), "app", "k2", 2);
    const struct rm_write third = keyed(write_of(&cpu), "app", "k3", 3);
    struct shard shard = start();
    struct shard copy = {0, 1, rm__shard_state_new(99), 0};
    struct rm_blob *blob;

    (void)state;
    propose_one(&shard, 1, &write);
    blob = image_of(&shard);
    propose_one(&shard, 2, &other);
    assert_int_equal(rm__shard_state_restore(copy.state, blob, rm_blob_peek(blob)), 0);
    rm_blob_unref(blob);
    assert_int_equal(count_of(&copy, "cpu"), 1);
    assert_int_not_equal(rm__shard_state_hash(copy.state), rm__shard_state_hash(shard.state));
    propose_one(&copy, 2, &write); /* known */
    assert_int_equal(count_of(&copy, "cpu"), 1);
    propose_one(&copy, 2, &other);
    assert_int_equal(rm__shard_state_hash(copy.state), rm__shard_state_hash(shard.state));
    assert_int_equal(propose_one(&copy, 3, &third), RM_OUTCOME_KEYS_FULL);
    end(&copy);
    end(&shard);
}

static void test_an_image_that_is_none_is_refused(void **state)
{
    const struct rm_write write = keyed(write_of(&cpu), "app", "k1", 1);
    struct shard shard = start();
    struct rm_blob *blob;
    uint64_t hash;

    (void)state;
    propose_one(&shard, 1, &write);
    hash = rm__shard_state_hash(shard.state);
    blob = image_of(&shard);
    for (size_t len = 0; len < rm_blob_peek(blob).len; len += 8) {
        assert_int_equal(
            rm__shard_state_restore(shard.state, blob, rm_slice_make(rm_blob_peek(blob).data, len)),
            RM_ECORRUPT);
    }
    *(char *)(uintptr_t)rm_blob_peek(blob).data ^= 2; /* the format */
    assert_int_equal(rm__shard_state_restore(shard.state, blob, rm_blob_peek(blob)), RM_ECORRUPT);
    assert_int_equal(rm__shard_state_hash(shard.state), hash);
    rm_blob_unref(blob);
    end(&shard);
}

static struct rm_bucket_bounds bounds_of(struct shard *shard, const char *name)
{
    struct rm_selection selection = {.metric_name = rm_slice_of(name)};
    struct rm_histograms histograms;

    assert_int_equal(
        rm_store_histogram(rm__shard_state_store(shard->state), &selection, &histograms), 0);
    rm_histograms_done(&histograms);
    return histograms.bounds;
}

/* ---- what goes ---- */

static const struct rm_retention_rule age = {{"c*", 2}, 1000};

static void retain(struct shard *shard, const struct rm_retention *retention)
{
    const struct rm_shard_config config = {
        .idempotency_ttl_ms = TTL_MS, .max_idempotency_keys = KEYS_MAX, .retention = *retention};

    configure(shard, &config);
}

/* It goes by the time of the entry; only a leader says it. */
static void test_what_is_too_old_goes(void **state)
{
    static const struct rm_retention RETENTION = {.rules = &age, .n_rules = 1};
    static const struct rm_batch_expiry EXPIRIES[] = {{{"cpu", 3}, 0, 1}, {{"mem", 3}, 0, 1}};
    const struct rm_write writes[] = {write_of(&cpu), write_of(&mem)};
    struct shard shard = start();
    struct told told = {.n_outcomes = 0};
    struct rm_store_stats stats;
    struct rm_buffer bytes;
    struct rm_blob *blob;

    (void)state;
    retain(&shard, &RETENTION);
    propose(&shard, 1000, writes, 2);
    rm_buffer_init(&bytes, BATCH_MAX);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rm_write_batch_append_expiry(&bytes, &EXPIRIES[i]), 0);
    }
    apply_bytes(&shard, 2000, rm_buffer_peek(&bytes), &told);
    assert_int_equal(count_of(&shard, "cpu"), 1);
    apply_bytes(&shard, 2001, rm_buffer_peek(&bytes), &told);
    assert_int_equal(count_of(&shard, "cpu"), -1);
    assert_int_equal(count_of(&shard, "mem"), 1);
    assert_int_equal(rm_write_batch_append(&bytes, &writes[0]), 0);
    told.n_outcomes = 1;
    assert_int_equal(propose_bytes(&shard, 2002, rm_buffer_peek(&bytes), &told), RM_EINVAL);
    rm_buffer_done(&bytes);
    /* What was dropped is counted on over a restore. */
    blob = image_of(&shard);
    assert_int_equal(rm__shard_state_restore(shard.state, blob, rm_blob_peek(blob)), 0);
    rm_blob_unref(blob);
    rm__shard_state_stats(shard.state, &stats);
    assert_int_equal(stats.n_dropped, 1);
    assert_int_equal(stats.n_expired, 1);
    end(&shard);
}

static void test_a_full_series_refuses(void **state)
{
    static const struct rm_retention RETENTION = {.max_samples = 2, .when_full = RM_SAMPLES_REFUSE};
    const struct rm_sample both[] = {mem, cpu};
    const struct rm_write writes[] = {write_of(&cpu),
                                      write_of(&cpu),
                                      {.samples = both, .n_samples = 2},
                                      {.delete_metric = {"cpu", 3}},
                                      {.samples = both, .n_samples = 2}};
    struct shard shard = start();
    struct shard copy = {0, 1, rm__shard_state_new(99), 0};
    struct rm_shard_config agreed;
    struct rm_blob *blob;
    struct told told;

    (void)state;
    retain(&shard, &RETENTION);
    told = propose(&shard, 0, writes, 5);
    assert_int_equal(told.outcomes[1], RM_OUTCOME_DONE);
    assert_int_equal(told.outcomes[2], RM_OUTCOME_TOO_MANY_SAMPLES);
    assert_int_equal(told.outcomes[4], RM_OUTCOME_DONE);
    assert_int_equal(count_of(&shard, "mem"), 1);
    assert_int_equal(count_of(&shard, "cpu"), 1);
    propose_one(&shard, 0, &writes[0]);
    blob = image_of(&shard);
    assert_int_equal(rm__shard_state_restore(copy.state, blob, rm_blob_peek(blob)), 0);
    rm_blob_unref(blob);
    rm__shard_state_config(copy.state, &agreed);
    assert_int_equal(agreed.retention.max_samples, 2);
    assert_int_equal(propose_one(&copy, 0, &writes[0]), RM_OUTCOME_TOO_MANY_SAMPLES);
    end(&copy);
    end(&shard);
}

/* The rules of a configuration are for metrics that come after it, also in a copy of the state. */
static void test_a_configuration_decides_bounds(void **state)
{
    static const double BOUNDS[] = {1, 2};
    const struct rm_bucket_rule rules[] = {{rm_slice_of("m*"), BOUNDS, 2}};
    const struct rm_shard_config config = {.idempotency_ttl_ms = TTL_MS,
                                           .max_idempotency_keys = KEYS_MAX,
                                           .bucket_rules = rules,
                                           .n_bucket_rules = 1};
    const struct rm_write write_mem = write_of(&mem);
    const struct rm_write write_cpu = write_of(&cpu);
    struct shard shard = start();
    struct shard copy = {0, 1, rm__shard_state_new(99), 0};
    struct rm_shard_config agreed;
    struct rm_blob *blob;
    uint64_t hash = rm__shard_state_hash(shard.state);

    (void)state;
    propose_one(&shard, 1, &write_cpu);
    configure(&shard, &config);
    assert_int_not_equal(rm__shard_state_hash(shard.state), hash);
    blob = image_of(&shard);
    assert_int_equal(rm__shard_state_restore(copy.state, blob, rm_blob_peek(blob)), 0);
    rm_blob_unref(blob);
    rm__shard_state_config(copy.state, &agreed);
    assert_true(rm_bucket_rules_are_equal(agreed.bucket_rules, agreed.n_bucket_rules, rules, 1));
    assert_true(agreed.idempotency_ttl_ms == TTL_MS && agreed.max_idempotency_keys == KEYS_MAX);
    propose_one(&copy, 2, &write_mem);
    assert_true(
        rm_bucket_bounds_are_equal(bounds_of(&copy, "mem"), (struct rm_bucket_bounds){BOUNDS, 2}));
    assert_true(rm_bucket_bounds_are_equal(bounds_of(&copy, "cpu"), rm_bucket_bounds_default()));
    end(&copy);
    end(&shard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_belongs_to_another_shard_is_refused),
        cmocka_unit_test(test_writes_are_in_the_store_when_they_are_answered),
        cmocka_unit_test(test_deletes_stand_in_the_order_of_the_batch),
        cmocka_unit_test(test_a_limit_refuses_what_would_begin_a_series),
        cmocka_unit_test(test_a_key_records_once),
        cmocka_unit_test(test_a_key_is_forgotten_by_the_time_of_the_entries),
        cmocka_unit_test(test_a_full_table_refuses_new_keys_only),
        cmocka_unit_test(test_what_was_refused_is_not_remembered),
        cmocka_unit_test(test_samples_that_no_front_would_send),
        cmocka_unit_test(test_labels_that_no_front_would_send),
        cmocka_unit_test(test_batches_that_no_front_would_send),
        cmocka_unit_test(test_an_image_is_the_whole_state),
        cmocka_unit_test(test_what_is_too_old_goes),
        cmocka_unit_test(test_a_full_series_refuses),
        cmocka_unit_test(test_a_configuration_decides_bounds),
        cmocka_unit_test(test_an_image_that_is_none_is_refused),
        cmocka_unit_test(test_as_many_writes_as_a_reply_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
