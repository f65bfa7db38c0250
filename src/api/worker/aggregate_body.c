#include "aggregate_body.h"

#include <math.h>

#include "answer_json.h"
#include "raftmetrics/base/timestamp.h"

/* In the time that a value of a store takes to be read: some 5 ns. */
enum {
    GROUP_COST = 32, /* to look at one: it is waited for */
    BYTE_COST = 4,   /* of JSON */
};

/* What is likely written, in bytes. */
enum {
    GROUP_BYTES = 32, /* without its labels */
    STEP_BYTES = 48,  /* without its fields */
    TEXT_BYTES = 32,  /* of a number, or of a label's value, without its key */
};

/* ---- a bucket ---- */

/* What is infinite has overflowed: values are finite, and what does not exist is NAN. */
static void write_field(struct rm__aggregate_body *body, const struct rm_query_bucket *bucket,
                        const struct rm__agg_field *field)
{
    const struct rm__read_query *query = body->query;
    double value;

    rm_json_key_slice(&body->json, field->name);
    if (field->agg == RM__AGG_COUNT) {
        rm_json_uint(&body->json, bucket->aggregate.count);
        return;
    }
    value = rm__agg_value(field, &query->aggregate, &query->selection, bucket);
    body->has_overflow = body->has_overflow || isinf(value);
    rm__answer_number(&body->json, query, value);
}

static void write_fields(struct rm__aggregate_body *body, const struct rm_query_bucket *bucket)
{
    const struct rm__aggregate_query *aggregate = &body->query->aggregate;

    body->has_overflow = false;
    for (size_t i = 0; i < aggregate->n_aggs; i++) {
        write_field(body, bucket, &aggregate->aggs[i]);
    }
    if (body->has_overflow) {
        rm_json_member_bool(&body->json, "overflow", true);
    }
}

/* The first step there is may begin before the first instant that can be written. */
static int64_t shown_start(const struct rm_query_bucket *bucket)
{
    return bucket->start_ms > RM_TIMESTAMP_MIN_MS ? bucket->start_ms : RM_TIMESTAMP_MIN_MS;
}

static bool has_steps(const struct rm__aggregate_body *body)
{
    return body->query->aggregate.step_ms > 0;
}

static void write_bucket(struct rm__aggregate_body *body, const struct rm_query_bucket *bucket)
{
    if (!has_steps(body)) {
        write_fields(body, bucket);
        return;
    }
    rm_json_object_begin(&body->json);
    rm_json_key(&body->json, "timestamp");
    rm_json_timestamp(&body->json, shown_start(bucket));
    write_fields(body, bucket);
    rm_json_object_end(&body->json);
}

/* ---- a group ---- */

static bool has_groups(const struct rm__aggregate_body *body)
{
    return body->query->aggregate.n_group_by > 0;
}

static const struct rm_query_group *group_of(const struct rm__aggregate_body *body)
{
    return &body->result->groups[rm__group_order_at(body->order, body->group)];
}

/* An empty value is the same as no label. */
static void write_labels(struct rm__aggregate_body *body, const struct rm_query_group *group)
{
    const struct rm__aggregate_query *aggregate = &body->query->aggregate;

    rm_json_key(&body->json, "labels");
    rm_json_object_begin(&body->json);
    for (size_t i = 0; i < aggregate->n_group_by; i++) {
        if (group->labels[i].len > 0) {
            rm_json_key_slice(&body->json, aggregate->group_by[i]);
            rm_json_text(&body->json, group->labels[i]);
        }
    }
    rm_json_object_end(&body->json);
}

static void begin_group(struct rm__aggregate_body *body)
{
    body->is_begun = true;
    body->bucket = 0;
    if (has_groups(body)) {
        rm_json_object_begin(&body->json);
        write_labels(body, group_of(body));
    }
    if (has_steps(body)) {
        rm_json_key(&body->json, "series");
        rm_json_array_begin(&body->json);
    }
}

static void end_group(struct rm__aggregate_body *body)
{
    if (has_steps(body)) {
        rm_json_array_end(&body->json);
    }
    if (has_groups(body)) {
        rm_json_object_end(&body->json);
    }
    body->is_begun = false;
    body->group++;
}

/* The next bucket, or what stands before or behind all of a group. */
static void write_next(struct rm__aggregate_body *body)
{
    if (!body->is_begun) {
        begin_group(body);
    } else if (body->bucket < group_of(body)->n_buckets) {
        write_bucket(body, &group_of(body)->buckets[body->bucket]);
        body->bucket++;
    } else {
        end_group(body);
    }
}

/* ---- the body ---- */

static size_t n_buckets_of(const struct rm__aggregate_body *body)
{
    size_t n = 0;

    if (!has_steps(body)) {
        return body->n_groups;
    }
    for (size_t i = 0; i < body->n_groups; i++) {
        n += body->result->groups[rm__group_order_at(body->order, i)].n_buckets;
    }
    return n;
}

static size_t expected_bytes(const struct rm__aggregate_body *body)
{
    const struct rm__aggregate_query *aggregate = &body->query->aggregate;
    size_t group = GROUP_BYTES;
    size_t bucket = has_steps(body) ? STEP_BYTES : 0;

    for (size_t i = 0; i < aggregate->n_group_by; i++) {
        group += aggregate->group_by[i].len + TEXT_BYTES;
    }
    for (size_t i = 0; i < aggregate->n_aggs; i++) {
        bucket += aggregate->aggs[i].name.len + TEXT_BYTES;
    }
    return body->n_groups * group + n_buckets_of(body) * bucket;
}

/* To grow where there are many MiB already would take longer than all that is done at a time. Where
 * there is no room the body grows as it may. */
static void make_room(struct rm__aggregate_body *body)
{
    size_t n_bytes = expected_bytes(body);
    size_t n_most = body->bytes.max - body->bytes.len;

    (void)rm_buffer_reserve(&body->bytes, n_bytes < n_most ? n_bytes : n_most);
}

void rm__aggregate_body_begin(struct rm__aggregate_body *body, struct rm__exchange *exchange,
                              const struct rm__read_query *query,
                              const struct rm_query_result *result,
                              const struct rm__group_order *order)
{
    size_t limit = query->aggregate.limit;

    *body = (struct rm__aggregate_body){.query = query,
                                        .result = result,
                                        .order = order,
                                        .n_groups =
                                            result->n_groups < limit ? result->n_groups : limit};
    rm__answer_begin(exchange, &body->json, &body->bytes);
    make_room(body);
    if (has_groups(body)) {
        rm_json_key(&body->json, "groups");
        rm_json_array_begin(&body->json);
    }
}

bool rm__aggregate_body_write(struct rm__aggregate_body *body, int64_t *budget)
{
    while (body->group < body->n_groups && body->json.error == 0) {
        size_t len = body->bytes.len;

        if (*budget <= 0) {
            return false;
        }
        *budget -= body->is_begun ? 0 : GROUP_COST;
        write_next(body);
        *budget -= BYTE_COST * (int64_t)(body->bytes.len - len);
    }
    return true;
}

void rm__aggregate_body_reply(struct rm__aggregate_body *body, struct rm__exchange *exchange)
{
    if (body->is_begun) {
        end_group(body); /* it could not be written */
    }
    if (has_groups(body)) {
        rm_json_array_end(&body->json);
    }
    if (body->query->aggregate.n_quantiles > 0) {
        rm_json_member_double(&body->json, "quantile_error", body->result->quantile_error);
    }
    rm__answer_end(exchange, body->query, &body->json, &body->bytes);
}

void rm__aggregate_body_done(struct rm__aggregate_body *body)
{
    rm_buffer_done(&body->bytes);
}
