#include "write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <xxhash.h>

#include "items.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/partitioning/shard_map.h"
#include "raftmetrics/proto/write_batch.h"
#include "refusal.h"

enum { KEY_MAX = 128, SUCCESS_BYTES_MAX = 256 };

/* A write under way: one part a shard that it touches. */
struct job {
    struct rm__front *front;
    struct rm__exchange *exchange;
    bool has_key;            /* an Idempotency-Key came with it */
    uint32_t *shard_of_item; /* by index of the item; what the answer names its items by */
    size_t n_items;
    size_t n_parts;
    size_t n_pending;
    struct rm__part parts[]; /* shard_of_item stands behind them */
};

static void job_free(struct job *job)
{
    for (size_t i = 0; i < job->n_parts; i++) {
        rm_buffer_done(&job->parts[i].bytes);
    }
    free(job);
}

/* ---- answers ---- */

enum standing { RECORDED, NOT_RECORDED, UNKNOWN };

static enum standing standing_of(enum rm__fate fate)
{
    switch (fate) {
    case RM__FATE_DONE:
        return RECORDED;
    case RM__FATE_UNKNOWN:
        return UNKNOWN;
    default:
        return NOT_RECORDED;
    }
}

static void reply_fate(struct rm__front *front, struct rm__exchange *exchange, enum rm__fate fate,
                       uint32_t worker, bool has_key)
{
    struct rm__problem problem;

    if (fate == RM__FATE_NOT_LEADER) {
        rm__reply_not_leader(exchange, worker, front->backend->address(front->data, worker));
        return;
    }
    rm__refusal_of(fate, has_key, &problem);
    rm__reply_problem(exchange, &problem);
}

/* By shard: the part that went to it. */
static void find_parts(const struct job *job, const struct rm__part *part_of[RM_SHARDS_MAX])
{
    for (size_t i = 0; i < job->n_parts; i++) {
        part_of[job->parts[i].shard] = &job->parts[i];
    }
}

/* The indexes of the items whose shards stand as @standing. */
static void write_indexes(struct rm_json_writer *json, const struct job *job,
                          const struct rm__part *const part_of[RM_SHARDS_MAX],
                          enum standing standing, const char *key)
{
    rm_json_key(json, key);
    rm_json_array_begin(json);
    for (size_t i = 0; i < job->n_items; i++) {
        if (standing_of(part_of[job->shard_of_item[i]]->fate) == standing) {
            rm_json_uint(json, i);
        }
    }
    rm_json_array_end(json);
}

/* Why the items of @fate were not recorded, and which they are; nothing where there are none. */
static void write_refusal(struct rm_json_writer *json, const struct job *job,
                          const struct rm__part *const part_of[RM_SHARDS_MAX], enum rm__fate fate)
{
    struct rm__problem problem;
    bool is_there = false;

    for (size_t i = 0; i < job->n_items; i++) {
        if (part_of[job->shard_of_item[i]]->fate != fate) {
            continue;
        }
        if (!is_there) {
            rm__refusal_of_items(fate, &problem);
            rm_json_object_begin(json);
            rm_json_member_text(json, "error", rm_slice_of(rm__problem_code(problem.kind)));
            rm_json_member_text(json, "message", rm_slice_of(problem.message));
            rm_json_key(json, "metrics");
            rm_json_array_begin(json);
            is_there = true;
        }
        rm_json_uint(json, i);
    }
    if (is_there) {
        rm_json_array_end(json);
        rm_json_object_end(json);
    }
}

static void write_partial(struct rm_json_writer *json, void *data)
{
    const struct rm__part *part_of[RM_SHARDS_MAX];
    const struct job *job = data;

    find_parts(job, part_of);
    write_indexes(json, job, part_of, RECORDED, "recorded");
    write_indexes(json, job, part_of, NOT_RECORDED, "not_recorded");
    write_indexes(json, job, part_of, UNKNOWN, "unknown");
    rm_json_key(json, "refused");
    rm_json_array_begin(json);
    for (int i = 0; i < RM__FATES; i++) {
        enum rm__fate fate = (enum rm__fate)i;

        if (standing_of(fate) == NOT_RECORDED) {
            write_refusal(json, job, part_of, fate);
        }
    }
    rm_json_array_end(json);
}

static void reply_partial(const struct job *job)
{
    struct rm__partial partial = {.has_key = job->has_key};
    struct rm__problem problem;

    for (size_t i = 0; i < job->n_parts; i++) {
        enum rm__fate fate = job->parts[i].fate;

        partial.stays = partial.stays || rm__refusal_stays(fate);
        partial.has_unknown = partial.has_unknown || fate == RM__FATE_UNKNOWN;
    }
    rm__refusal_of_some(&partial, &problem);
    rm__reply_problem_with(job->exchange, &problem, write_partial, (void *)(uintptr_t)job);
}

/* All that varies is a number: no need for a JSON writer on the way of every write. */
static void reply_success(struct rm__exchange *exchange, size_t n_items, uint32_t worker)
{
    struct rm_buffer body;
    int rv;

    rm_buffer_init(&body, SUCCESS_BYTES_MAX);
    switch (exchange->route->action) {
    case RM__ACTION_RECORD:
        rv = rm_buffer_printf(
            &body, "{\"success\":true,\"message\":\"Metric recorded on worker %" PRIu32 "\"}",
            worker);
        break;
    case RM__ACTION_DELETE:
        rv = rm_buffer_printf(
            &body, "{\"success\":true,\"message\":\"Metric deleted from worker %" PRIu32 "\"}",
            worker);
        break;
    default:
        rv = rm_buffer_printf(
            &body, "{\"success\":true,\"message\":\"%zu metrics recorded\",\"recorded\":%zu}",
            n_items, n_items);
        break;
    }
    if (rv == 0) {
        rm__reply_json(exchange, 200, &body);
    } else {
        rm__reply_out_of_memory(exchange);
    }
}

/* One answer for all parts: the success of all; or the first refusal, where nothing at all was
 * recorded; or what stands where. */
static void job_reply(const struct job *job)
{
    size_t n_of[3] = {0};
    const struct rm__part *refused = NULL;

    for (size_t i = 0; i < job->n_parts; i++) {
        enum standing standing = standing_of(job->parts[i].fate);

        n_of[standing]++;
        if (standing == NOT_RECORDED && refused == NULL) {
            refused = &job->parts[i];
        }
    }
    if (n_of[RECORDED] == job->n_parts) {
        reply_success(job->exchange, job->n_items, job->parts[0].worker);
    } else if (n_of[NOT_RECORDED] == job->n_parts) {
        reply_fate(job->front, job->exchange, refused->fate, refused->worker, job->has_key);
    } else if (n_of[UNKNOWN] == job->n_parts) {
        reply_fate(job->front, job->exchange, RM__FATE_UNKNOWN, 0, job->has_key);
    } else {
        reply_partial(job);
    }
}

static void on_part_done(struct rm__part *part)
{
    struct job *job = part->data;

    if (--job->n_pending == 0) {
        job_reply(job);
        job_free(job);
    }
}

/* ---- parts ---- */

/* A hash of method, target and body: of their hashes, so that no two ways to cut the same bytes
 * agree. In canonical byte order, for control daemons of any kind must agree. */
static XXH128_hash_t hash_of_request(const struct rm_http_request *http)
{
    struct rm_slice hashed[] = {rm_http_request_method(http), rm_http_request_target(http),
                                rm_http_request_raw_body(http)};
    XXH128_canonical_t hashes[sizeof hashed / sizeof hashed[0]];

    for (size_t i = 0; i < sizeof hashed / sizeof hashed[0]; i++) {
        XXH128_canonicalFromHash(&hashes[i], XXH3_128bits(hashed[i].data, hashed[i].len));
    }
    return XXH3_128bits(hashes, sizeof hashes);
}

/* The request's Idempotency-Key, with the hash of what was sent. False: answered. */
static bool read_key(struct rm__exchange *exchange, struct rm_write_key *ret_key)
{
    struct rm_slice key = rm_http_request_header(exchange->http, "Idempotency-Key");
    XXH128_hash_t hash;

    *ret_key = (struct rm_write_key){0};
    if (key.data == NULL) {
        return true;
    }
    if (key.len == 0 || key.len > KEY_MAX || !rm_slice_all_between(key, 0x21, 0x7e)) {
        rm__reply_error(exchange, RM__INVALID_HEADER,
                        "Idempotency-Key must be 1 to %d visible ASCII characters", KEY_MAX);
        return false;
    }
    hash = hash_of_request(exchange->http);
    ret_key->scope = rm_slice_of(exchange->token->name);
    ret_key->key = key;
    ret_key->hash_low = hash.low64;
    ret_key->hash_high = hash.high64;
    return true;
}

static struct job *job_new(struct rm__front *front, struct rm__exchange *exchange, bool has_key,
                           size_t n_items, size_t n_parts)
{
    struct job *job = calloc(1, sizeof *job + n_parts * sizeof job->parts[0] +
                                    n_items * sizeof *job->shard_of_item);

    if (job == NULL) {
        return NULL;
    }
    job->front = front;
    job->exchange = exchange;
    job->has_key = has_key;
    job->n_items = n_items;
    job->shard_of_item = (uint32_t *)(void *)&job->parts[n_parts];
    return job;
}

static int add_part(struct job *job, uint32_t shard, const struct rm_write *write)
{
    struct rm__part *part = &job->parts[job->n_parts];

    rm_list_init(&part->link);
    rm_buffer_init(&part->bytes, RM__APPEND_BYTES_MAX);
    part->shard = shard;
    part->deadline_ms = job->exchange->deadline_ms;
    part->request_id = job->exchange->request_id;
    part->done = on_part_done;
    part->data = job;
    job->n_parts++;
    return rm_write_batch_append(&part->bytes, write);
}

/* Orders the samples by shard, in their own order within each (a counting sort), and makes a part
 * of each shard's. *@samples is scratch for the ordered ones. */
static int add_parts_of_items(struct job *job, const struct rm__items *items,
                              const struct rm_write_key *key, uint32_t n_shards,
                              struct rm_sample *samples)
{
    size_t ends[RM_SHARDS_MAX + 1] = {0};
    int rv = 0;

    for (size_t i = 0; i < items->n_samples; i++) {
        job->shard_of_item[i] = rm_shard_of(items->samples[i].metric_name, n_shards);
        ends[job->shard_of_item[i] + 1]++;
    }
    for (uint32_t shard = 0; shard < n_shards; shard++) {
        ends[shard + 1] += ends[shard];
    }
    /* ends[shard] is now where the shard begins, and moves to where it ends. */
    for (size_t i = 0; i < items->n_samples; i++) {
        samples[ends[job->shard_of_item[i]]++] = items->samples[i];
    }
    for (uint32_t shard = 0; rv == 0 && shard < n_shards; shard++) {
        size_t begin = shard == 0 ? 0 : ends[shard - 1];
        struct rm_write write = {
            .key = *key, .samples = samples + begin, .n_samples = ends[shard] - begin};

        if (write.n_samples > 0) {
            rv = add_part(job, shard, &write);
        }
    }
    return rv;
}

static int add_parts(struct job *job, const struct rm__items *items, const struct rm_write_key *key,
                     uint32_t n_shards)
{
    struct rm_write write = {.key = *key, .samples = items->samples, .n_samples = 1};
    struct rm_sample *samples;
    int rv;

    if (items->n_samples == 1) {
        job->shard_of_item[0] = rm_shard_of(items->samples[0].metric_name, n_shards);
        return add_part(job, job->shard_of_item[0], &write);
    }
    samples = malloc(items->n_samples * sizeof *samples);
    if (samples == NULL) {
        return RM_ENOMEM;
    }
    rv = add_parts_of_items(job, items, key, n_shards, samples);
    free(samples);
    return rv;
}

/* Refuses while nothing is recorded yet, if one of the shards cannot take its part. */
static bool check_parts(struct rm__front *front, const struct job *job)
{
    for (size_t i = 0; i < job->n_parts; i++) {
        uint32_t worker = 0;
        enum rm__fate fate = front->backend->check(front->data, job->parts[i].shard, &worker);

        if (fate != RM__FATE_DONE) {
            reply_fate(front, job->exchange, fate, worker, job->has_key);
            return false;
        }
    }
    return true;
}

/* Takes @job. */
static void job_start(struct rm__front *front, struct job *job)
{
    size_t n_parts = job->n_parts;

    if (!check_parts(front, job)) {
        job_free(job);
        return;
    }
    job->n_pending = n_parts;
    /* The last part to be done frees the job, so the job is not looked at after its write. */
    for (size_t i = 0; i < n_parts; i++) {
        struct rm__part *part = &job->parts[i];

        front->backend->write(front->data, part);
    }
}

static void start_or_refuse(struct rm__front *front, struct rm__exchange *exchange, struct job *job,
                            int rv)
{
    if (job != NULL && rv == 0) {
        job_start(front, job);
        return;
    }
    if (job != NULL) {
        job_free(job);
    }
    if (rv == RM_ETOOBIG) {
        rm__reply_error(exchange, RM__BODY_TOO_LARGE,
                        "The batch is larger than a shard takes at once; send less at a time");
    } else {
        rm__reply_error(exchange, RM__OVERLOADED, "Out of memory; nothing was recorded");
    }
}

/* ---- requests ---- */

static void record_items(struct rm__front *front, struct rm__exchange *exchange,
                         const struct rm__items *items, const struct rm_write_key *key,
                         uint32_t n_shards)
{
    size_t n_parts = items->n_samples < n_shards ? items->n_samples : n_shards;
    struct job *job;
    int rv = RM_ENOMEM;

    if (items->n_samples == 0) {
        reply_success(exchange, 0, 0);
        return;
    }
    job = job_new(front, exchange, key->key.len > 0, items->n_samples, n_parts);
    if (job != NULL) {
        rv = add_parts(job, items, key, n_shards);
    }
    start_or_refuse(front, exchange, job, rv);
}

/* False: answered. */
static bool read_precision(struct rm__exchange *exchange, enum rm_precision *ret_precision)
{
    struct rm_slice text = rm__params_get(&exchange->params, "precision");

    *ret_precision = RM_PRECISION_NONE;
    if (text.data == NULL || rm_precision_parse(text, ret_precision) == 0) {
        return true;
    }
    rm__reply_error(exchange, RM__INVALID_PARAMETER, "precision must be s, ms, us or ns");
    return false;
}

static void record(struct rm__front *front, struct rm__exchange *exchange,
                   const struct rm_write_key *key, uint32_t n_shards)
{
    bool is_batch = exchange->route->action == RM__ACTION_RECORD_BATCH;
    struct rm__items_context context = {.limits = &front->options->limits,
                                        .now_ms = rm_clock_wall_ms()};
    struct rm__items items;
    struct rm__problem problem;
    int rv;

    if (!read_precision(exchange, &context.precision)) {
        return;
    }
    rv = rm__items_read(&items, rm_http_request_body(exchange->http), is_batch, &context, &problem);
    if (rv == RM_EINVAL) {
        rm__reply_problem(exchange, &problem);
        return;
    }
    if (rv != 0) {
        rm__reply_error(exchange, RM__OVERLOADED, "Out of memory; nothing was recorded");
        return;
    }
    if (n_shards == 0) {
        reply_fate(front, exchange, RM__FATE_NO_LEADER, 0, key->key.len > 0);
    } else {
        record_items(front, exchange, &items, key, n_shards);
    }
    rm__items_done(&items);
}

static void delete_metric(struct rm__front *front, struct rm__exchange *exchange,
                          const struct rm_write_key *key, uint32_t n_shards)
{
    struct rm_slice name = rm__exchange_name(exchange);
    struct rm_write write = {.key = *key, .delete_metric = name};
    struct job *job;
    int rv = RM_ENOMEM;

    if (n_shards == 0) {
        reply_fate(front, exchange, RM__FATE_NO_LEADER, 0, key->key.len > 0);
        return;
    }
    job = job_new(front, exchange, key->key.len > 0, 1, 1);
    if (job != NULL) {
        rv = add_part(job, rm_shard_of(name, n_shards), &write);
    }
    start_or_refuse(front, exchange, job, rv);
}

void rm__write_request(struct rm__front *front, struct rm__exchange *exchange)
{
    uint32_t n_shards = front->backend->n_shards(front->data);
    struct rm_write_key key;

    if (exchange->is_internal) {
        rm__reply_error(exchange, RM__FORBIDDEN, "Nodes write through /internal/append");
        return;
    }
    if (!read_key(exchange, &key)) {
        return;
    }
    if (front->is_draining) {
        rm__reply_error(exchange, RM__SHUTTING_DOWN,
                        "This daemon is shutting down; nothing was recorded, send it to another");
    } else if (exchange->route->action == RM__ACTION_DELETE) {
        delete_metric(front, exchange, &key, n_shards);
    } else {
        record(front, exchange, &key, n_shards);
    }
}
