#include "shard_state.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/key_table.h"

/* Until the shard's first leader has proposed its own. */
enum { INITIAL_TTL_MS = 600000, INITIAL_MAX_KEYS = 100000 };

struct rm__shard_state {
    uint64_t hash_seed;
    struct rm_store *store;
    struct rm_key_table *keys;
    uint64_t idempotency_ttl_ms;
    uint64_t max_idempotency_keys;
    uint64_t n_dropped; /* of stores before the present one: struct rm_store_stats */
    uint64_t n_expired;
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
static enum rm_outcome check_key(const struct rm__shard_state *state,
                                 const struct rm_write_key *key, bool *ret_is_new)
{
    *ret_is_new = true;
    if (key->key.data == NULL) {
        return RM_OUTCOME_DONE;
    }
    switch (rm_key_table_check(state->keys, key->scope, key->key, hash_of(key))) {
    case RM_EEXIST:
        *ret_is_new = false;
        return RM_OUTCOME_DONE;
    case RM_ECONFLICT:
        return RM_OUTCOME_KEY_CONFLICT;
    default:
        return rm_key_table_count(state->keys) < state->max_idempotency_keys ? RM_OUTCOME_DONE
                                                                             : RM_OUTCOME_KEYS_FULL;
    }
}

static void remember_key(struct rm__shard_state *state, const struct rm_write_key *key,
                         int64_t time_ms)
{
    if (key->key.data != NULL) {
        must_have_memory(rm_key_table_add(state->keys, key->scope, key->key, hash_of(key),
                                          time_ms + (int64_t)state->idempotency_ttl_ms));
    }
}

static bool begins_series(const struct rm__shard_state *state, const struct rm_write *write)
{
    for (size_t i = 0; i < write->n_samples; i++) {
        if (!rm_store_has_series(state->store, &write->samples[i])) {
            return true;
        }
    }
    return false;
}

/* Samples of writes that are applied but for recording them: many writes have one each, and many
 * samples are recorded quicker together. */
enum { GATHERED_MAX = 64 };

struct gathered {
    struct rm_sample samples[GATHERED_MAX];
    size_t n;
};

static void record_gathered(struct rm__shard_state *state, struct gathered *gathered)
{
    must_have_memory(rm_store_record_batch(state->store, gathered->samples, gathered->n));
    gathered->n = 0;
}

static void record(struct rm__shard_state *state, const struct rm_write *write,
                   struct gathered *gathered)
{
    if (write->n_samples > GATHERED_MAX - gathered->n) {
        record_gathered(state, gathered);
    }
    if (write->n_samples > GATHERED_MAX) {
        must_have_memory(rm_store_record_batch(state->store, write->samples, write->n_samples));
        return;
    }
    for (size_t i = 0; i < write->n_samples; i++) {
        gathered->samples[gathered->n++] = write->samples[i];
    }
}

/* Is there room for the samples of @write, were those that are gathered recorded? Only where limits
 * refuse does it matter what was. */
static bool has_room(struct rm__shard_state *state, const struct rm_write *write,
                     struct gathered *gathered)
{
    const struct rm_retention *retention = rm_store_retention(state->store);
    bool has = true;

    if (retention->max_samples != 0 && retention->when_full == RM_SAMPLES_REFUSE) {
        record_gathered(state, gathered);
        must_have_memory(rm_store_has_room(state->store, write->samples, write->n_samples, &has));
    }
    return has;
}

/* @new_series: what becomes of it where it would begin one; then none that was gathered does. */
static enum rm_outcome apply_write(struct rm__shard_state *state, int64_t time_ms,
                                   const struct rm_write *write, enum rm_outcome new_series,
                                   struct gathered *gathered)
{
    bool is_new;
    enum rm_outcome outcome = check_key(state, &write->key, &is_new);

    if (outcome != RM_OUTCOME_DONE || !is_new) {
        return outcome;
    }
    if (new_series != RM_OUTCOME_DONE && begins_series(state, write)) {
        return new_series;
    }
    if (!has_room(state, write, gathered)) {
        return RM_OUTCOME_TOO_MANY_SAMPLES;
    }
    if (write->delete_metric.data != NULL) {
        record_gathered(state, gathered);
        if (rm_store_delete(state->store, write->delete_metric) == RM_ENOTFOUND) {
            return RM_OUTCOME_UNKNOWN_METRIC;
        }
    }
    record(state, write, gathered);
    remember_key(state, &write->key, time_ms);
    return RM_OUTCOME_DONE;
}

/* What a leader says may have expired. It says no more at once than the store takes. */
static void apply_expiries(struct rm__shard_state *state, int64_t time_ms,
                           const struct rm_write_batch *batch)
{
    struct rm_expiry expiries[RM_EXPIRIES_MAX];
    size_t n = batch->n_expiries < RM_EXPIRIES_MAX ? batch->n_expiries : RM_EXPIRIES_MAX;

    for (size_t i = 0; i < n; i++) {
        const struct rm_batch_expiry *expiry = &batch->expiries[i];

        expiries[i] =
            (struct rm_expiry){expiry->metric_name, expiry->first_series, expiry->n_series};
    }
    if (n > 0) {
        must_have_memory(rm_store_expire(state->store, time_ms, expiries, n));
    }
}

/* The rules are kept by the store. */
static void apply_config(struct rm__shard_state *state, const struct rm_shard_config *config)
{
    must_have_memory(
        rm_store_set_bucket_rules(state->store, config->bucket_rules, config->n_bucket_rules));
    must_have_memory(rm_store_set_retention(state->store, &config->retention));
    state->idempotency_ttl_ms = config->idempotency_ttl_ms;
    state->max_idempotency_keys = config->max_idempotency_keys;
}

void rm__shard_state_apply(struct rm__shard_state *state, int64_t time_ms, struct rm_slice body,
                           struct rm_buffer *result)
{
    struct gathered gathered;
    struct rm_write_batch batch;
    enum rm_outcome *outcomes;
    int rv = rm_write_batch_decode(body, &batch);

    must_have_memory(rv);
    assert(rv == 0); /* it was decoded before it was proposed */
    rm_key_table_expire(state->keys, time_ms);
    if (batch.has_config) {
        apply_config(state, &batch.config);
    }
    gathered.n = 0;
    outcomes = malloc((batch.n_writes + 1) * sizeof *outcomes);
    must_have_memory(outcomes == NULL ? RM_ENOMEM : 0);
    for (size_t i = 0; i < batch.n_writes; i++) {
        outcomes[i] = apply_write(state, time_ms, &batch.writes[i], batch.new_series, &gathered);
    }
    record_gathered(state, &gathered);
    apply_expiries(state, time_ms, &batch);
    rv = rm_write_reply_encode(outcomes, batch.n_writes, result);
    must_have_memory(rv);
    assert(rv == 0);
    free(outcomes);
    rm_write_batch_done(&batch);
}

/* ---- images ----
 *
 * Little-endian, 8 bytes each: format | idempotency_ttl_ms | max_idempotency_keys, then the image
 * of the key table, then that of the store. */

enum { IMAGE_FORMAT = 1, IMAGE_HEADER_WORDS = 3, FRONT_BYTES_MAX = 1 << 30 };

struct state_image {
    struct rm_image image;
    struct rm_buffer front; /* all but the store */
    struct rm_image *store;
    struct rm_slice *pieces;
};

static void release(struct rm_image *image)
{
    struct state_image *self = (struct state_image *)(void *)image;

    rm_image_release(self->store);
    rm_buffer_done(&self->front);
    free(self->pieces);
    free(self);
}

static int freeze_front(const struct rm__shard_state *state, struct rm_buffer *front)
{
    const uint64_t header[IMAGE_HEADER_WORDS] = {
        htole64(IMAGE_FORMAT),
        htole64(state->idempotency_ttl_ms),
        htole64(state->max_idempotency_keys),
    };
    int rv = rm_buffer_append(front, header, sizeof header);

    return rv != 0 ? rv : rm_key_table_encode(state->keys, front);
}

static int list_pieces(struct state_image *self)
{
    size_t n = self->store->n_pieces + 1;

    self->pieces = malloc(n * sizeof *self->pieces);
    if (self->pieces == NULL) {
        return RM_ENOMEM;
    }
    self->pieces[0] = rm_buffer_peek(&self->front);
    memcpy(self->pieces + 1, self->store->pieces, (n - 1) * sizeof *self->pieces);
    self->image.pieces = self->pieces;
    self->image.n_pieces = n;
    self->image.n_bytes = self->front.len + self->store->n_bytes;
    return 0;
}

static int gather(struct rm_image *image, size_t n_steps, bool *ret_is_whole)
{
    struct state_image *self = (struct state_image *)(void *)image;
    int rv = rm_image_gather(self->store, n_steps, ret_is_whole);

    return rv == 0 && *ret_is_whole && self->pieces == NULL ? list_pieces(self) : rv;
}

struct rm_image *rm__shard_state_freeze(struct rm__shard_state *state)
{
    struct state_image *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return NULL;
    }
    self->image.gather = gather;
    self->image.release = release;
    rm_buffer_init(&self->front, FRONT_BYTES_MAX);
    self->store = rm_store_freeze(state->store);
    if (self->store == NULL || freeze_front(state, &self->front) != 0) {
        release(&self->image);
        return NULL;
    }
    return &self->image;
}

static int read_header(struct rm_slice *bytes, uint64_t ret_header[IMAGE_HEADER_WORDS])
{
    if (bytes->len < IMAGE_HEADER_WORDS * sizeof *ret_header) {
        return RM_ECORRUPT;
    }
    for (size_t i = 0; i < IMAGE_HEADER_WORDS; i++) {
        uint64_t word;

        memcpy(&word, bytes->data, sizeof word);
        ret_header[i] = le64toh(word);
        *bytes = rm_slice_make(bytes->data + sizeof word, bytes->len - sizeof word);
    }
    return ret_header[0] == IMAGE_FORMAT ? 0 : RM_ECORRUPT;
}

/* What the present store has dropped outlives it. */
static void count_drops(struct rm__shard_state *state)
{
    struct rm_store_stats stats;

    rm_store_stats(state->store, &stats);
    state->n_dropped += stats.n_dropped;
    state->n_expired += stats.n_expired;
}

int rm__shard_state_restore(struct rm__shard_state *state, struct rm_blob *blob,
                            struct rm_slice bytes)
{
    uint64_t header[IMAGE_HEADER_WORDS];
    struct rm_key_table *keys = NULL;
    struct rm_store *store = NULL;
    int rv = read_header(&bytes, header);

    if (rv == 0) {
        rv = rm_key_table_decode(&bytes, state->hash_seed, &keys);
    }
    if (rv == 0) {
        rv = rm_store_restore(blob, &bytes, state->hash_seed, &store);
    }
    if (rv == 0 && bytes.len != 0) {
        rv = RM_ECORRUPT;
    }
    if (rv != 0) {
        rm_store_free(store);
        rm_key_table_free(keys);
        return rv;
    }
    count_drops(state);
    rm_store_free(state->store);
    rm_key_table_free(state->keys);
    state->store = store;
    state->keys = keys;
    state->idempotency_ttl_ms = header[1];
    state->max_idempotency_keys = header[2];
    return 0;
}

uint64_t rm__shard_state_hash(const struct rm__shard_state *state)
{
    const uint64_t parts[] = {state->idempotency_ttl_ms, state->max_idempotency_keys,
                              rm_key_table_hash(state->keys), rm_store_hash(state->store)};

    return XXH3_64bits(parts, sizeof parts);
}

uint64_t rm__shard_state_size(const struct rm__shard_state *state)
{
    struct rm_store_stats stats;

    rm_store_stats(state->store, &stats);
    return stats.n_bytes;
}

/* ---- life ---- */

struct rm__shard_state *rm__shard_state_new(uint64_t hash_seed)
{
    struct rm__shard_state *state = calloc(1, sizeof *state);

    if (state == NULL) {
        return NULL;
    }
    state->hash_seed = hash_seed;
    state->idempotency_ttl_ms = INITIAL_TTL_MS;
    state->max_idempotency_keys = INITIAL_MAX_KEYS;
    state->store = rm_store_new(hash_seed);
    state->keys = rm_key_table_new(hash_seed);
    if (state->store == NULL || state->keys == NULL) {
        rm__shard_state_free(state);
        return NULL;
    }
    return state;
}

void rm__shard_state_free(struct rm__shard_state *state)
{
    if (state != NULL) {
        rm_key_table_free(state->keys);
        rm_store_free(state->store);
        free(state);
    }
}

void rm__shard_state_stats(const struct rm__shard_state *state, struct rm_store_stats *ret_stats)
{
    rm_store_stats(state->store, ret_stats);
    ret_stats->n_dropped += state->n_dropped;
    ret_stats->n_expired += state->n_expired;
}

struct rm_store *rm__shard_state_store(struct rm__shard_state *state)
{
    return state->store;
}

void rm__shard_state_config(const struct rm__shard_state *state, struct rm_shard_config *ret_config)
{
    *ret_config = (struct rm_shard_config){.idempotency_ttl_ms = state->idempotency_ttl_ms,
                                           .max_idempotency_keys = state->max_idempotency_keys,
                                           .retention = *rm_store_retention(state->store)};
    ret_config->bucket_rules = rm_store_bucket_rules(state->store, &ret_config->n_bucket_rules);
}
