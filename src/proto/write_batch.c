#include "raftmetrics/proto/write_batch.h"

#include <stdint.h>

#include "arena.h"
#include "raftmetrics.pb-c.h"
#include "raftmetrics/base/error.h"

enum {
    /* Bytes of decoded structs a byte on the wire, about: a sample of 30 bytes takes 200. */
    DECODED_FACTOR = 8,
};

static ProtobufCBinaryData data_of(struct rm_slice slice)
{
    /* protobuf-c only reads what it packs. */
    return (ProtobufCBinaryData){slice.len, (uint8_t *)(uintptr_t)slice.data};
}

static struct rm_slice slice_of(ProtobufCBinaryData data)
{
    return rm_slice_make(data.data == NULL ? (const uint8_t *)"" : data.data, data.len);
}

/* ---- encoding ---- */

static size_t count_labels(const struct rm_write *write)
{
    size_t n = 0;

    for (size_t i = 0; i < write->n_samples; i++) {
        n += write->samples[i].n_labels;
    }
    return n;
}

/* The four arrays that protobuf-c wants for the samples of a write. */
struct sample_messages {
    Raftmetrics__Sample *samples;
    Raftmetrics__Sample **sample_pointers;
    Raftmetrics__Label *labels;
    Raftmetrics__Label **label_pointers;
};

static bool sample_messages_alloc(struct sample_messages *messages, struct rm_arena *arena,
                                  size_t n_samples, size_t n_labels)
{
    messages->samples = rm__arena_alloc(arena, n_samples * sizeof *messages->samples);
    messages->sample_pointers =
        rm__arena_alloc(arena, n_samples * sizeof *messages->sample_pointers);
    messages->labels = rm__arena_alloc(arena, n_labels * sizeof *messages->labels);
    messages->label_pointers = rm__arena_alloc(arena, n_labels * sizeof *messages->label_pointers);
    return messages->samples != NULL && messages->sample_pointers != NULL &&
           messages->labels != NULL && messages->label_pointers != NULL;
}

static void sample_messages_fill(struct sample_messages *messages, const struct rm_write *write)
{
    size_t n_labels = 0;

    for (size_t i = 0; i < write->n_samples; i++) {
        const struct rm_sample *sample = &write->samples[i];
        Raftmetrics__Sample *message = &messages->samples[i];

        raftmetrics__sample__init(message);
        message->metric_name = data_of(sample->metric_name);
        message->value = sample->value;
        message->timestamp_ms = sample->timestamp_ms;
        message->n_labels = sample->n_labels;
        message->labels = messages->label_pointers + n_labels;
        for (size_t j = 0; j < sample->n_labels; j++) {
            Raftmetrics__Label *label = &messages->labels[n_labels];

            raftmetrics__label__init(label);
            label->name = data_of(sample->labels[j].name);
            label->value = data_of(sample->labels[j].value);
            messages->label_pointers[n_labels++] = label;
        }
        messages->sample_pointers[i] = message;
    }
}

static int pack_write(struct rm_buffer *batch, Raftmetrics__Write *message)
{
    Raftmetrics__Write *pointers[] = {message};
    Raftmetrics__WriteBatch batch_message = RAFTMETRICS__WRITE_BATCH__INIT;
    size_t size;
    int rv;

    batch_message.writes = pointers;
    batch_message.n_writes = 1;
    size = raftmetrics__write_batch__get_packed_size(&batch_message);
    rv = rm_buffer_reserve(batch, size);
    if (rv != 0) {
        return rv;
    }
    raftmetrics__write_batch__pack(&batch_message, (uint8_t *)batch->data + batch->len);
    batch->len += size;
    return 0;
}

int rm_write_batch_append(struct rm_buffer *batch, const struct rm_write *write)
{
    Raftmetrics__Write message = RAFTMETRICS__WRITE__INIT;
    Raftmetrics__IdempotencyKey key = RAFTMETRICS__IDEMPOTENCY_KEY__INIT;
    struct sample_messages samples;
    size_t n_labels = count_labels(write);
    struct rm_arena *arena;
    int rv = RM_ENOMEM;

    arena = rm__arena_new(write->n_samples * (sizeof *samples.samples + sizeof(void *)) +
                          n_labels * (sizeof *samples.labels + sizeof(void *)) + 64);
    if (arena == NULL || !sample_messages_alloc(&samples, arena, write->n_samples, n_labels)) {
        goto out;
    }
    sample_messages_fill(&samples, write);
    message.samples = samples.sample_pointers;
    message.n_samples = write->n_samples;
    if (write->key.key.data != NULL) {
        key.scope = data_of(write->key.scope);
        key.key = data_of(write->key.key);
        key.hash_low = write->key.hash_low;
        key.hash_high = write->key.hash_high;
        message.key = &key;
    }
    if (write->delete_metric.data != NULL) {
        message.has_delete_metric = true;
        message.delete_metric = data_of(write->delete_metric);
    }
    rv = pack_write(batch, &message);
out:
    rm__arena_free(arena);
    return rv;
}

/* Concatenating two batches gives the batch of both. */
static int append_whole(struct rm_buffer *batch, const Raftmetrics__WriteBatch *whole)
{
    size_t size = raftmetrics__write_batch__get_packed_size(whole);
    int rv = rm_buffer_reserve(batch, size);

    if (rv == 0) {
        raftmetrics__write_batch__pack(whole, (uint8_t *)batch->data + batch->len);
        batch->len += size;
    }
    return rv;
}

/* The bucket rules of @config into @message; what that then points to is in @arena. */
static bool fill_rules(Raftmetrics__ShardConfig *message, const struct rm_shard_config *config,
                       struct rm_arena *arena)
{
    size_t n = config->n_bucket_rules;
    Raftmetrics__BucketRule *rules = rm__arena_alloc(arena, n * sizeof *rules);
    Raftmetrics__BucketRule **pointers = rm__arena_alloc(arena, n * sizeof *pointers);

    if (rules == NULL || pointers == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct rm_bucket_rule *rule = &config->bucket_rules[i];

        raftmetrics__bucket_rule__init(&rules[i]);
        rules[i].pattern = data_of(rule->pattern);
        rules[i].n_bounds = rule->n_bounds;
        rules[i].bounds = (double *)(uintptr_t)rule->bounds;
        pointers[i] = &rules[i];
    }
    message->bucket_rules = pointers;
    message->n_bucket_rules = n;
    return true;
}

static bool fill_retention(Raftmetrics__ShardConfig *message, const struct rm_retention *retention,
                           struct rm_arena *arena)
{
    size_t n = retention->n_rules;
    Raftmetrics__RetentionRule *rules = rm__arena_alloc(arena, n * sizeof *rules);
    Raftmetrics__RetentionRule **pointers = rm__arena_alloc(arena, n * sizeof *pointers);

    if (rules == NULL || pointers == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        raftmetrics__retention_rule__init(&rules[i]);
        rules[i].pattern = data_of(retention->rules[i].pattern);
        rules[i].max_age_ms = (uint64_t)retention->rules[i].max_age_ms;
        pointers[i] = &rules[i];
    }
    message->retention_rules = pointers;
    message->n_retention_rules = n;
    message->has_max_samples = retention->max_samples != 0;
    message->max_samples = retention->max_samples;
    message->has_refuses_samples = retention->when_full == RM_SAMPLES_REFUSE;
    message->refuses_samples = message->has_refuses_samples;
    return true;
}

int rm_write_batch_append_config(struct rm_buffer *batch, const struct rm_shard_config *config)
{
    Raftmetrics__ShardConfig message = RAFTMETRICS__SHARD_CONFIG__INIT;
    Raftmetrics__WriteBatch whole = RAFTMETRICS__WRITE_BATCH__INIT;
    struct rm_arena *arena = rm__arena_new(
        config->n_bucket_rules * (sizeof(Raftmetrics__BucketRule) + sizeof(void *)) +
        config->retention.n_rules * (sizeof(Raftmetrics__RetentionRule) + sizeof(void *)) + 128);
    int rv = RM_ENOMEM;

    if (arena == NULL || !fill_rules(&message, config, arena) ||
        !fill_retention(&message, &config->retention, arena)) {
        goto out;
    }
    message.idempotency_ttl_ms = config->idempotency_ttl_ms;
    message.max_idempotency_keys = config->max_idempotency_keys;
    whole.config = &message;
    rv = append_whole(batch, &whole);
out:
    rm__arena_free(arena);
    return rv;
}

int rm_write_batch_append_new_series(struct rm_buffer *batch, enum rm_outcome outcome)
{
    Raftmetrics__WriteBatch whole = RAFTMETRICS__WRITE_BATCH__INIT;

    whole.has_new_series = true;
    whole.new_series = (int32_t)outcome;
    return append_whole(batch, &whole);
}

int rm_write_batch_append_expiry(struct rm_buffer *batch, const struct rm_batch_expiry *expiry)
{
    Raftmetrics__Expiry message = RAFTMETRICS__EXPIRY__INIT;
    Raftmetrics__Expiry *pointers[] = {&message};
    Raftmetrics__WriteBatch whole = RAFTMETRICS__WRITE_BATCH__INIT;

    message.metric_name = data_of(expiry->metric_name);
    message.first_series = expiry->first_series;
    message.n_series = expiry->n_series;
    whole.expiries = pointers;
    whole.n_expiries = 1;
    return append_whole(batch, &whole);
}

/* ---- decoding ---- */

static bool is_outcome(int32_t number)
{
    return number >= RM_OUTCOME_DONE && number <= (int32_t)RM_OUTCOME_LAST;
}

static const struct rm_label *labels_of(struct rm_arena *arena, const Raftmetrics__Sample *message)
{
    struct rm_label *labels = rm__arena_alloc(arena, message->n_labels * sizeof *labels);

    for (size_t i = 0; labels != NULL && i < message->n_labels; i++) {
        labels[i].name = slice_of(message->labels[i]->name);
        labels[i].value = slice_of(message->labels[i]->value);
    }
    return labels;
}

static int read_samples(struct rm_arena *arena, const Raftmetrics__Write *message,
                        struct rm_write *write)
{
    struct rm_sample *samples = rm__arena_alloc(arena, message->n_samples * sizeof *samples);

    if (samples == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < message->n_samples; i++) {
        const Raftmetrics__Sample *from = message->samples[i];

        samples[i] = (struct rm_sample){.metric_name = slice_of(from->metric_name),
                                        .n_labels = from->n_labels,
                                        .value = from->value,
                                        .timestamp_ms = from->timestamp_ms};
        if (from->n_labels > 0) {
            samples[i].labels = labels_of(arena, from);
            if (samples[i].labels == NULL) {
                return RM_ENOMEM;
            }
        }
    }
    write->samples = samples;
    write->n_samples = message->n_samples;
    return 0;
}

static int read_write(struct rm_arena *arena, const Raftmetrics__Write *message,
                      struct rm_write *write)
{
    *write = (struct rm_write){0};
    if (message->key != NULL) {
        write->key.scope = slice_of(message->key->scope);
        write->key.key = slice_of(message->key->key);
        write->key.hash_low = message->key->hash_low;
        write->key.hash_high = message->key->hash_high;
    }
    if (message->has_delete_metric) {
        write->delete_metric = slice_of(message->delete_metric);
    }
    if ((message->n_samples > 0) == (message->has_delete_metric != 0)) {
        return RM_ESYNTAX; /* neither, or both */
    }
    return read_samples(arena, message, write);
}

/* Errors: RM_ENOMEM, RM_ESYNTAX. */
static int read_retention(struct rm_arena *arena, const Raftmetrics__ShardConfig *message,
                          struct rm_retention *ret_retention)
{
    struct rm_retention_rule *rules =
        rm__arena_alloc(arena, message->n_retention_rules * sizeof *rules);

    if (rules == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < message->n_retention_rules; i++) {
        const Raftmetrics__RetentionRule *from = message->retention_rules[i];

        if (from->max_age_ms > INT64_MAX) {
            return RM_ESYNTAX;
        }
        rules[i] = (struct rm_retention_rule){slice_of(from->pattern), (int64_t)from->max_age_ms};
    }
    *ret_retention = (struct rm_retention){
        .rules = rules,
        .n_rules = message->n_retention_rules,
        .max_samples = message->max_samples,
        .when_full = message->refuses_samples ? RM_SAMPLES_REFUSE : RM_SAMPLES_DROP_OLDEST};
    return 0;
}

static int read_config(struct rm_arena *arena, const Raftmetrics__ShardConfig *message,
                       struct rm_shard_config *ret_config)
{
    struct rm_bucket_rule *rules = rm__arena_alloc(arena, message->n_bucket_rules * sizeof *rules);

    if (rules == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < message->n_bucket_rules; i++) {
        const Raftmetrics__BucketRule *from = message->bucket_rules[i];

        rules[i] = (struct rm_bucket_rule){slice_of(from->pattern), from->bounds, from->n_bounds};
    }
    *ret_config = (struct rm_shard_config){.idempotency_ttl_ms = message->idempotency_ttl_ms,
                                           .max_idempotency_keys = message->max_idempotency_keys,
                                           .bucket_rules = rules,
                                           .n_bucket_rules = message->n_bucket_rules};
    return read_retention(arena, message, &ret_config->retention);
}

static int read_expiries(struct rm_write_batch *batch, const Raftmetrics__WriteBatch *message)
{
    batch->n_expiries = message->n_expiries;
    batch->expiries = rm__arena_alloc(batch->arena, message->n_expiries * sizeof *batch->expiries);
    if (batch->expiries == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < message->n_expiries; i++) {
        const Raftmetrics__Expiry *from = message->expiries[i];

        batch->expiries[i] = (struct rm_batch_expiry){slice_of(from->metric_name),
                                                      from->first_series, from->n_series};
    }
    return 0;
}

int rm_write_batch_decode(struct rm_slice bytes, struct rm_write_batch *ret_batch)
{
    struct rm_write_batch batch = {0};
    Raftmetrics__WriteBatch *message;
    int rv = 0;

    batch.arena = rm__arena_new(bytes.len * DECODED_FACTOR);
    if (batch.arena == NULL) {
        return RM_ENOMEM;
    }
    message = raftmetrics__write_batch__unpack(rm__arena_allocator(batch.arena), bytes.len,
                                               (const uint8_t *)bytes.data);
    if (message == NULL) {
        rv = rm__arena_has_failed(batch.arena) ? RM_ENOMEM : RM_ESYNTAX;
        goto err_arena;
    }
    batch.n_writes = message->n_writes;
    batch.writes = rm__arena_alloc(batch.arena, message->n_writes * sizeof *batch.writes);
    if (batch.writes == NULL) {
        rv = RM_ENOMEM;
        goto err_arena;
    }
    for (size_t i = 0; i < message->n_writes; i++) {
        rv = read_write(batch.arena, message->writes[i], &batch.writes[i]);
        if (rv != 0) {
            goto err_arena;
        }
    }
    if (!is_outcome(message->new_series)) {
        rv = RM_ESYNTAX;
        goto err_arena;
    }
    batch.new_series = (enum rm_outcome)message->new_series;
    rv = read_expiries(&batch, message);
    if (rv != 0) {
        goto err_arena;
    }
    if (message->config != NULL) {
        batch.has_config = true;
        rv = read_config(batch.arena, message->config, &batch.config);
        if (rv != 0) {
            goto err_arena;
        }
    }
    *ret_batch = batch;
    return 0;

err_arena:
    rm__arena_free(batch.arena);
    return rv;
}

void rm_write_batch_done(struct rm_write_batch *batch)
{
    rm__arena_free(batch->arena);
    *batch = (struct rm_write_batch){0};
}

/* ---- replies ---- */

int rm_write_reply_encode(const enum rm_outcome *outcomes, size_t n_outcomes,
                          struct rm_buffer *ret_bytes)
{
    Raftmetrics__WriteReply message = RAFTMETRICS__WRITE_REPLY__INIT;
    size_t size;
    int rv;

    /* enum rm_outcome has the size of the int32 that the message wants. */
    _Static_assert(sizeof(enum rm_outcome) == sizeof(int32_t), "outcomes are not int32");
    message.outcomes = (int32_t *)(uintptr_t)outcomes;
    message.n_outcomes = n_outcomes;
    size = raftmetrics__write_reply__get_packed_size(&message);
    rv = rm_buffer_reserve(ret_bytes, size);
    if (rv != 0) {
        return rv;
    }
    raftmetrics__write_reply__pack(&message, (uint8_t *)ret_bytes->data + ret_bytes->len);
    ret_bytes->len += size;
    return 0;
}

int rm_write_reply_decode(struct rm_slice bytes, enum rm_outcome *ret_outcomes, size_t n_outcomes)
{
    Raftmetrics__WriteReply *message =
        raftmetrics__write_reply__unpack(NULL, bytes.len, (const uint8_t *)bytes.data);
    int rv = 0;

    if (message == NULL) {
        return RM_ESYNTAX;
    }
    if (message->n_outcomes != n_outcomes) {
        rv = RM_ESYNTAX;
    }
    for (size_t i = 0; rv == 0 && i < n_outcomes; i++) {
        if (!is_outcome(message->outcomes[i])) {
            rv = RM_ESYNTAX;
        }
    }
    for (size_t i = 0; rv == 0 && i < n_outcomes; i++) {
        ret_outcomes[i] = (enum rm_outcome)message->outcomes[i];
    }
    raftmetrics__write_reply__free_unpacked(message, NULL);
    return rv;
}
