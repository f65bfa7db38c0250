#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/proto/write_batch.h"
#include "random.h"

enum { BATCH_MAX = 1 << 20, N_RANDOM_WRITES = 200 };

static const struct rm_label labels[] = {
    {{"dc", 2}, {"eu\0x", 4}},
    {{"host", 4}, {"web-1", 5}},
};

static const struct rm_sample samples[] = {
    {{"cpu", 3}, labels, 2, 75.5, 1732568363376},
    {{"mem", 3}, NULL, 0, -0.0, -1},
    {{"disk", 4}, labels + 1, 1, 5e-324, INT64_MIN},
    {{"net", 3}, NULL, 0, -1.7976931348623157e308, INT64_MAX},
};

enum { N_SAMPLES = sizeof samples / sizeof samples[0] };

static const struct rm_write_key key = {
    {"token", 5}, {"key-1", 5}, UINT64_C(0xfedcba9876543210), UINT64_MAX};

static void check_slices(struct rm_slice is, struct rm_slice should)
{
    assert_int_equal(is.len, should.len);
    assert_true(rm_slice_equal(is, should));
}

static void check_samples(const struct rm_sample *is, const struct rm_sample *should)
{
    check_slices(is->metric_name, should->metric_name);
    assert_memory_equal(&is->value, &should->value, sizeof is->value);
    assert_int_equal(is->timestamp_ms, should->timestamp_ms);
    assert_int_equal(is->n_labels, should->n_labels);
    for (size_t i = 0; i < is->n_labels; i++) {
        check_slices(is->labels[i].name, should->labels[i].name);
        check_slices(is->labels[i].value, should->labels[i].value);
    }
}

static void check_writes(const struct rm_write *is, const struct rm_write *should)
{
    assert_int_equal(is->key.key.data == NULL, should->key.key.data == NULL);
    check_slices(is->key.scope, should->key.scope);
    check_slices(is->key.key, should->key.key);
    assert_true(is->key.hash_low == should->key.hash_low);
    assert_true(is->key.hash_high == should->key.hash_high);
    assert_int_equal(is->delete_metric.data == NULL, should->delete_metric.data == NULL);
    check_slices(is->delete_metric, should->delete_metric);
    assert_int_equal(is->n_samples, should->n_samples);
    for (size_t i = 0; i < is->n_samples; i++) {
        check_samples(&is->samples[i], &should->samples[i]);
    }
}

static void test_round_trip(void **state)
{
    const struct rm_write writes[] = {
        {.key = key, .samples = samples, .n_samples = N_SAMPLES},
        {.samples = samples, .n_samples = 1},
        {.delete_metric = {"cpu", 3}},
        {.key = key, .delete_metric = {"mem", 3}},
    };
    size_t n_writes = sizeof writes / sizeof writes[0];
    struct rm_buffer bytes;
    struct rm_write_batch batch;

    (void)state;
    rm_buffer_init(&bytes, BATCH_MAX);
    for (size_t i = 0; i < n_writes; i++) {
        assert_int_equal(rm_write_batch_append(&bytes, &writes[i]), 0);
    }
    assert_int_equal(rm_write_batch_decode(rm_buffer_peek(&bytes), &batch), 0);
    assert_int_equal(batch.n_writes, n_writes);
    for (size_t i = 0; i < n_writes; i++) {
        check_writes(&batch.writes[i], &writes[i]);
    }
    rm_write_batch_done(&batch);
    rm_buffer_done(&bytes);
}

static void check_configs(const struct rm_shard_config *is, const struct rm_shard_config *should)
{
    assert_true(is->idempotency_ttl_ms == should->idempotency_ttl_ms);
    assert_true(is->max_idempotency_keys == should->max_idempotency_keys);
    assert_int_equal(is->n_bucket_rules, should->n_bucket_rules);
    for (size_t i = 0; i < is->n_bucket_rules; i++) {
        const struct rm_bucket_rule *a = &is->bucket_rules[i];
        const struct rm_bucket_rule *b = &should->bucket_rules[i];

        check_slices(a->pattern, b->pattern);
        assert_int_equal(a->n_bounds, b->n_bounds);
        for (size_t j = 0; j < a->n_bounds; j++) {
            assert_memory_equal(&a->bounds[j], &b->bounds[j], sizeof(double));
        }
    }
}

static void check_retentions(const struct rm_retention *is, const struct rm_retention *should)
{
    assert_true(is->max_samples == should->max_samples);
    assert_int_equal(is->when_full, should->when_full);
    assert_int_equal(is->n_rules, should->n_rules);
    for (size_t i = 0; i < is->n_rules; i++) {
        check_slices(is->rules[i].pattern, should->rules[i].pattern);
        assert_true(is->rules[i].max_age_ms == should->rules[i].max_age_ms);
    }
}

static const struct rm_retention_rule ages[] = {{{"cpu_*", 5}, 1}, {{"*", 1}, INT64_MAX}};

static const double bounds[] = {-1.5, 0, 5e-324, 0.1, 1.7976931348623157e308};

static const struct rm_bucket_rule rules[] = {
    {{"http.*", 6}, bounds, 5}, {{"*", 1}, NULL, 0}, {{"a?", 2}, bounds + 1, 1}};

static void test_configs(void **state)
{
    const struct rm_shard_config configs[] = {
        {.idempotency_ttl_ms = 1, .max_idempotency_keys = UINT64_MAX},
        {.idempotency_ttl_ms = UINT64_MAX, .bucket_rules = rules, .n_bucket_rules = 3},
        {.retention = {.rules = ages, .n_rules = 2, .max_samples = UINT64_MAX}},
        {.retention = {.max_samples = 1, .when_full = RM_SAMPLES_REFUSE}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        struct rm_buffer bytes;
        struct rm_write_batch batch;

        rm_buffer_init(&bytes, BATCH_MAX);
        assert_int_equal(rm_write_batch_append_config(&bytes, &configs[i]), 0);
        assert_int_equal(rm_write_batch_decode(rm_buffer_peek(&bytes), &batch), 0);
        assert_int_equal(batch.n_writes, 0);
        assert_true(batch.has_config);
        check_configs(&batch.config, &configs[i]);
        check_retentions(&batch.config.retention, &configs[i].retention);
        rm_write_batch_done(&batch);
        rm_buffer_done(&bytes);
    }
}

static void test_expiries(void **state)
{
    static const struct rm_batch_expiry EXPIRIES[] = {
        {{"cpu", 3}, 0, 1}, {{"mem", 3}, UINT64_MAX, UINT64_MAX}, {{"", 0}, 7, 0}};
    struct rm_write_batch batch;
    struct rm_buffer bytes;

    (void)state;
    rm_buffer_init(&bytes, BATCH_MAX);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rm_write_batch_append_expiry(&bytes, &EXPIRIES[i]), 0);
    }
    assert_int_equal(rm_write_batch_decode(rm_buffer_peek(&bytes), &batch), 0);
    assert_int_equal(batch.n_writes, 0);
    assert_int_equal(batch.n_expiries, 3);
    for (size_t i = 0; i < 3; i++) {
        check_slices(batch.expiries[i].metric_name, EXPIRIES[i].metric_name);
        assert_true(batch.expiries[i].first_series == EXPIRIES[i].first_series);
        assert_true(batch.expiries[i].n_series == EXPIRIES[i].n_series);
    }
    rm_write_batch_done(&batch);
    rm_buffer_done(&bytes);
}

/* 2^63 ms. */
static void test_an_age_past_all_is_no_batch(void **state)
{
    static const char BYTES[] = "\x12\x14\x08\x01\x10\x01\x22\x0e\x0a\x01"
                                "a\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01";
    struct rm_write_batch batch;

    (void)state;
    assert_int_equal(rm_write_batch_decode(rm_slice_make(BYTES, sizeof BYTES - 1), &batch),
                     RM_ESYNTAX);
}

static void test_concatenated_batches_are_one(void **state)
{
    const struct rm_write writes[] = {{.samples = samples, .n_samples = 2},
                                      {.key = key, .samples = samples + 2, .n_samples = 2}};
    struct rm_buffer both;
    struct rm_buffer apart[2];

    (void)state;
    rm_buffer_init(&both, BATCH_MAX);
    for (size_t i = 0; i < 2; i++) {
        rm_buffer_init(&apart[i], BATCH_MAX);
        assert_int_equal(rm_write_batch_append(&both, &writes[i]), 0);
        assert_int_equal(rm_write_batch_append(&apart[i], &writes[i]), 0);
    }
    assert_int_equal(rm_buffer_append_slice(&apart[0], rm_buffer_peek(&apart[1])), 0);
    assert_true(rm_slice_equal(rm_buffer_peek(&apart[0]), rm_buffer_peek(&both)));
    rm_buffer_done(&both);
    rm_buffer_done(&apart[0]);
    rm_buffer_done(&apart[1]);
}

static struct rm_write random_write(struct random *random, struct rm_sample *room)
{
    struct rm_write write = {.samples = room, .n_samples = 1 + random_below(random, 5)};

    for (size_t i = 0; i < write.n_samples; i++) {
        room[i] = samples[random_below(random, N_SAMPLES)];
        room[i].value = random_double(random);
        room[i].timestamp_ms = (int64_t)random_next(random);
    }
    if (random_below(random, 2) == 0) {
        write.key = key;
        write.key.hash_low = random_next(random);
    }
    return write;
}

static void test_random_writes(void **state)
{
    struct random random = random_start("random_writes");
    struct rm_sample room[N_RANDOM_WRITES][5];
    struct rm_write writes[N_RANDOM_WRITES];
    struct rm_buffer bytes;
    struct rm_write_batch batch;

    (void)state;
    rm_buffer_init(&bytes, BATCH_MAX);
    for (size_t i = 0; i < N_RANDOM_WRITES; i++) {
        writes[i] = random_write(&random, room[i]);
        assert_int_equal(rm_write_batch_append(&bytes, &writes[i]), 0);
    }
    assert_int_equal(rm_write_batch_decode(rm_buffer_peek(&bytes), &batch), 0);
    assert_int_equal(batch.n_writes, N_RANDOM_WRITES);
    for (size_t i = 0; i < N_RANDOM_WRITES; i++) {
        check_writes(&batch.writes[i], &writes[i]);
    }
    rm_write_batch_done(&batch);
    rm_buffer_done(&bytes);
}

static void check_decode(const char *bytes, size_t len, int expected)
{
    struct rm_write_batch batch = {.n_writes = 77};

    assert_int_equal(rm_write_batch_decode(rm_slice_make(bytes, len), &batch), expected);
    if (expected != 0) {
        assert_int_equal(batch.n_writes, 77);
    } else {
        rm_write_batch_done(&batch);
    }
}

#define CHECK_DECODE(bytes, expected) check_decode(bytes, sizeof(bytes) - 1, expected)

/* Bytes by hand: a tag is the field's number times 8, plus 2 where a length follows. */
static void test_what_is_no_batch(void **state)
{
    (void)state;
    CHECK_DECODE("", 0);
    CHECK_DECODE("\x0a", RM_ESYNTAX);                      /* cut behind a tag */
    CHECK_DECODE("\x0a\x05", RM_ESYNTAX);                  /* cut behind a length */
    CHECK_DECODE("\x0a\xff\xff\xff\xff\x7f", RM_ESYNTAX);  /* longer than all */
    CHECK_DECODE("\x0a\x00", RM_ESYNTAX);                  /* neither samples nor delete */
    CHECK_DECODE("\x0a\x03\x1a\x01x", 0);                  /* delete "x" */
    CHECK_DECODE("\x0a\x02\x1a\x00", 0);                   /* delete "": for others to refuse */
    CHECK_DECODE("\x0a\x02\x12\x00", RM_ESYNTAX);          /* a sample without its fields */
    CHECK_DECODE("\x0a\x05\x0a\x00\x1a\x01x", RM_ESYNTAX); /* a key without its fields */
    CHECK_DECODE("\x0a\x03\x1a\x01x\x50\x07", 0);          /* an unknown field is let be */
    CHECK_DECODE("not a batch at all", RM_ESYNTAX);
}

static void test_samples_and_delete_in_one(void **state)
{
    const struct rm_write both = {.samples = samples, .n_samples = 1, .delete_metric = {"cpu", 3}};
    struct rm_buffer bytes;

    (void)state;
    rm_buffer_init(&bytes, BATCH_MAX);
    assert_int_equal(rm_write_batch_append(&bytes, &both), 0);
    check_decode(bytes.data, bytes.len, RM_ESYNTAX);
    rm_buffer_done(&bytes);
}

static void test_every_cut_is_refused_or_a_shorter_batch(void **state)
{
    const struct rm_write write = {.key = key, .samples = samples, .n_samples = N_SAMPLES};
    struct rm_buffer bytes;
    char *copy;

    (void)state;
    rm_buffer_init(&bytes, BATCH_MAX);
    assert_int_equal(rm_write_batch_append(&bytes, &write), 0);
    for (size_t len = 1; len < bytes.len; len++) {
        copy = rm_slice_dup(rm_slice_make(bytes.data, len));
        check_decode(copy, len, RM_ESYNTAX);
        free(copy);
    }
    rm_buffer_done(&bytes);
}

static void test_append_leaves_a_full_buffer_alone(void **state)
{
    const struct rm_write write = {.samples = samples, .n_samples = N_SAMPLES};
    struct rm_buffer bytes;
    size_t len;

    (void)state;
    rm_buffer_init(&bytes, 150);
    assert_int_equal(rm_write_batch_append(&bytes, &write), 0);
    len = bytes.len;
    assert_true(len > 75);
    assert_int_equal(rm_write_batch_append(&bytes, &write), RM_ETOOBIG);
    assert_int_equal(bytes.len, len);
    check_decode(bytes.data, bytes.len, 0);
    rm_buffer_done(&bytes);
}

static void check_new_series(enum rm_outcome outcome, int rv)
{
    const struct rm_write write = {.samples = samples, .n_samples = N_SAMPLES};
    struct rm_write_batch batch;
    struct rm_buffer bytes;

    rm_buffer_init(&bytes, 4096);
    assert_int_equal(rm_write_batch_append(&bytes, &write), 0);
    assert_int_equal(rm_write_batch_append_new_series(&bytes, outcome), 0);
    assert_int_equal(rm_write_batch_decode(rm_buffer_peek(&bytes), &batch), rv);
    if (rv == 0) {
        assert_int_equal(batch.n_writes, 1);
        assert_int_equal(batch.new_series, outcome);
        rm_write_batch_done(&batch);
    }
    rm_buffer_done(&bytes);
}

static void test_what_becomes_of_new_series(void **state)
{
    (void)state;
    check_new_series(RM_OUTCOME_DONE, 0);
    check_new_series(RM_OUTCOME_TOO_MANY_SERIES, 0);
    check_new_series(RM_OUTCOME_MEMORY_FULL, 0);
    check_new_series((enum rm_outcome)(RM_OUTCOME_LAST + 1), RM_ESYNTAX);
}

static void test_replies(void **state)
{
    const enum rm_outcome outcomes[] = {RM_OUTCOME_DONE, RM_OUTCOME_KEY_CONFLICT,
                                        RM_OUTCOME_UNKNOWN_METRIC, RM_OUTCOME_KEYS_FULL,
                                        RM_OUTCOME_DONE};
    enum { N = sizeof outcomes / sizeof outcomes[0] };
    enum rm_outcome decoded[N];
    struct rm_buffer bytes;

    (void)state;
    rm_buffer_init(&bytes, 64);
    assert_int_equal(rm_write_reply_encode(outcomes, N, &bytes), 0);
    assert_int_equal(rm_write_reply_decode(rm_buffer_peek(&bytes), decoded, N), 0);
    assert_memory_equal(decoded, outcomes, sizeof outcomes);
    rm_buffer_done(&bytes);
    rm_buffer_init(&bytes, 3);
    assert_int_equal(rm_write_reply_encode(outcomes, N, &bytes), RM_ETOOBIG);
    assert_int_equal(bytes.len, 0);
    rm_buffer_done(&bytes);
}

static void check_reply(const char *bytes, size_t len, size_t n_outcomes)
{
    enum rm_outcome decoded[4] = {RM_OUTCOME_KEYS_FULL, RM_OUTCOME_KEYS_FULL, RM_OUTCOME_KEYS_FULL,
                                  RM_OUTCOME_KEYS_FULL};

    assert_int_equal(rm_write_reply_decode(rm_slice_make(bytes, len), decoded, n_outcomes),
                     RM_ESYNTAX);
    assert_int_equal(decoded[0], RM_OUTCOME_KEYS_FULL);
}

static void test_replies_to_another_batch(void **state)
{
    (void)state;
    check_reply("\x0a\x02\x00\x00", 4, 1);
    check_reply("\x0a\x02\x00\x00", 4, 3);
    check_reply("", 0, 1);
    check_reply("\x0a\x02\x00\x08", 4, 2); /* an outcome that nobody knows */
    check_reply("\x0a\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, 1); /* -1 */
    check_reply("\x0a\x03\x00", 3, 1);
    check_reply("{\"success\":true}", 16, 1);
}

#if FAILING_MALLOC
static void test_out_of_memory(void **state)
{
    const struct rm_write write = {.key = key, .samples = samples, .n_samples = N_SAMPLES};
    const struct rm_write delete = {.delete_metric = {"cpu", 3}};
    const struct rm_shard_config config = {
        .bucket_rules = rules, .n_bucket_rules = 3, .retention = {.rules = ages, .n_rules = 2}};
    const struct rm_batch_expiry expiry = {{"cpu", 3}, 0, 1};
    struct rm_buffer bytes;
    struct rm_write_batch batch;
    long n_live;
    int rv;

    (void)state;
    rm_buffer_init(&bytes, BATCH_MAX);
    for (long n = 1;; n++) {
        failing_malloc_arm(n);
        rv = rm_write_batch_append(&bytes, &write);
        if (!failing_malloc_disarm()) {
            break;
        }
        assert_int_equal(rv, RM_ENOMEM);
        assert_int_equal(bytes.len, 0);
    }
    assert_int_equal(rv, 0);
    rm_buffer_done(&bytes);
    for (long n = 1;; n++) {
        failing_malloc_arm(n);
        rv = rm_write_batch_append_config(&bytes, &config);
        if (!failing_malloc_disarm()) {
            break;
        }
        assert_int_equal(rv, RM_ENOMEM);
        assert_int_equal(bytes.len, 0);
    }
    assert_int_equal(rv, 0);
    assert_int_equal(rm_write_batch_append_expiry(&bytes, &expiry), 0);
    /* Deletes take more room decoded than their bytes let guess. */
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(rm_write_batch_append(&bytes, &delete), 0);
    }
    n_live = failing_malloc_n_live;
    for (long n = 1;; n++) {
        failing_malloc_arm(n);
        rv = rm_write_batch_decode(rm_buffer_peek(&bytes), &batch);
        if (!failing_malloc_disarm()) {
            break;
        }
        assert_int_equal(rv, RM_ENOMEM);
        assert_int_equal(failing_malloc_n_live, n_live);
    }
    assert_int_equal(rv, 0);
    rm_write_batch_done(&batch);
    assert_int_equal(failing_malloc_n_live, n_live);
    rm_buffer_done(&bytes);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_configs),
        cmocka_unit_test(test_expiries),
        cmocka_unit_test(test_an_age_past_all_is_no_batch),
        cmocka_unit_test(test_concatenated_batches_are_one),
        cmocka_unit_test(test_random_writes),
        cmocka_unit_test(test_what_is_no_batch),
        cmocka_unit_test(test_samples_and_delete_in_one),
        cmocka_unit_test(test_every_cut_is_refused_or_a_shorter_batch),
        cmocka_unit_test(test_append_leaves_a_full_buffer_alone),
        cmocka_unit_test(test_what_becomes_of_new_series),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_replies_to_another_batch),
#if FAILING_MALLOC
        cmocka_unit_test(test_out_of_memory),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
