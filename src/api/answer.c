#include "answer.h"

#include <math.h>
#include <stdlib.h>

#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"

static void reply_failure(struct rm__exchange *exchange, int error)
{
    if (error == RM_ENOTFOUND) {
        rm__reply_error(exchange, RM__UNKNOWN_METRIC, "No metric named %.*s has any values",
                        (int)exchange->name.len, exchange->name.text);
    } else {
        rm__reply_error(exchange, RM__OVERLOADED,
                        "Out of memory for this answer; ask for less (limit, from, to)");
    }
}

static void write_number(struct rm_json_writer *json, const struct rm__read_query *query,
                         double value)
{
    if (query->decimals >= 0 && isfinite(value)) {
        value = rm_double_round(value, query->decimals);
    }
    rm_json_double(json, value);
}

/* ---- values ---- */

static void write_values(struct rm_json_writer *json, const struct rm__read_query *query,
                         const struct rm_point *points, size_t n_points)
{
    rm_json_key(json, "values");
    rm_json_array_begin(json);
    for (size_t i = 0; i < n_points; i++) {
        write_number(json, query, points[i].value);
    }
    rm_json_array_end(json);
}

static void write_timestamps(struct rm_json_writer *json, const struct rm_point *points,
                             size_t n_points)
{
    rm_json_key(json, "timestamps");
    rm_json_array_begin(json);
    for (size_t i = 0; i < n_points; i++) {
        rm_json_timestamp(json, points[i].position.timestamp_ms);
    }
    rm_json_array_end(json);
}

static void write_labels(struct rm_json_writer *json, const struct rm_values_series *series)
{
    rm_json_key(json, "labels");
    rm_json_object_begin(json);
    for (size_t i = 0; i < series->n_labels; i++) {
        rm_json_key_slice(json, series->labels[i].name);
        rm_json_text(json, series->labels[i].value);
    }
    rm_json_object_end(json);
}

static int compare_by_series(const void *a, const void *b)
{
    const struct rm_point *left = a;
    const struct rm_point *right = b;

    if (left->series != right->series) {
        return left->series < right->series ? -1 : 1;
    }
    if (left->position.timestamp_ms != right->position.timestamp_ms) {
        return left->position.timestamp_ms < right->position.timestamp_ms ? -1 : 1;
    }
    return (left->position.ordinal > right->position.ordinal) -
           (left->position.ordinal < right->position.ordinal);
}

/* Reorders the points: those of a series stand together then. */
static void write_series(struct rm_json_writer *json, const struct rm__read_query *query,
                         struct rm_values *values)
{
    size_t begin = 0;

    if (values->n_points > 0) {
        qsort(values->points, values->n_points, sizeof *values->points, compare_by_series);
    }
    rm_json_key(json, "series");
    rm_json_array_begin(json);
    while (begin < values->n_points) {
        const struct rm_point *points = values->points + begin;
        size_t n = 1;

        while (begin + n < values->n_points && points[n].series == points[0].series) {
            n++;
        }
        rm_json_object_begin(json);
        write_labels(json, &values->series[points[0].series]);
        write_values(json, query, points, n);
        write_timestamps(json, points, n);
        rm_json_object_end(json);
        begin += n;
    }
    rm_json_array_end(json);
}

/* @oldest: of the values that are shown. */
static void write_next(struct rm_json_writer *json, uint64_t n_total,
                       const struct rm_position *oldest)
{
    char cursor[RM__CURSOR_TEXT_MAX];

    rm__cursor_format(oldest, cursor);
    rm_json_member_bool(json, "truncated", true);
    rm_json_member_uint(json, "total", n_total);
    rm_json_member_text(json, "next", rm_slice_of(cursor));
}

static void begin(struct rm__exchange *exchange, struct rm_json_writer *json,
                  struct rm_buffer *body)
{
    rm_buffer_init(body, RM__ANSWER_BYTES_MAX);
    rm_json_init(json, body);
    rm_json_object_begin(json);
    rm_json_member_text(json, "metric_name", rm__exchange_name(exchange));
}

static void end(struct rm__exchange *exchange, struct rm_json_writer *json, struct rm_buffer *body)
{
    rm_json_key(json, "timestamp");
    rm_json_timestamp(json, rm_clock_wall_ms());
    rm_json_object_end(json);
    rm__reply_written(exchange, 200, json, body);
}

void rm__answer_values(struct rm__exchange *exchange, struct rm_store *store,
                       const struct rm__read_query *query)
{
    struct rm_values values;
    struct rm_position oldest = {0};
    struct rm_json_writer json;
    struct rm_buffer body;
    int rv = rm_store_values(store, &query->selection, query->limit,
                             query->has_cursor ? &query->before : NULL, &values);

    if (rv != 0) {
        reply_failure(exchange, rv);
        return;
    }
    begin(exchange, &json, &body);
    if (values.n_points > 0) {
        oldest = values.points[0].position;
    }
    if (query->by_series) {
        write_series(&json, query, &values);
    } else {
        write_values(&json, query, values.points, values.n_points);
        if (query->has_timestamps) {
            write_timestamps(&json, values.points, values.n_points);
        }
    }
    if (values.has_older) {
        write_next(&json, values.n_total, &oldest);
    }
    end(exchange, &json, &body);
    rm_values_done(&values);
}

/* ---- aggregates ---- */

static double field_of(const struct rm_aggregate *aggregate, enum rm__agg agg)
{
    switch (agg) {
    case RM__AGG_COUNT:
        return (double)aggregate->count;
    case RM__AGG_SUM:
        return aggregate->sum;
    case RM__AGG_MEAN:
        return aggregate->mean;
    case RM__AGG_MIN:
        return aggregate->min;
    case RM__AGG_MAX:
        return aggregate->max;
    case RM__AGG_FIRST:
        return aggregate->first;
    case RM__AGG_LAST:
        return aggregate->last;
    case RM__AGG_STDDEV:
        return aggregate->stddev;
    case RM__AGG_VARIANCE:
        return aggregate->variance;
    }
    return NAN;
}

static void write_field(struct rm_json_writer *json, const struct rm__read_query *query,
                        const struct rm_aggregate *aggregate, const struct rm__agg_field *field)
{
    char name[32];

    /* The names are out of a table: they fit. */
    memcpy(name, field->name.data, field->name.len);
    name[field->name.len] = '\0';
    rm_json_key(json, name);
    if (field->agg == RM__AGG_COUNT) {
        rm_json_uint(json, aggregate->count);
    } else if (field->agg == RM__AGG_SUM && aggregate->sum_overflows) {
        rm_json_null(json);
    } else {
        write_number(json, query, field_of(aggregate, field->agg));
    }
}

static bool asks_for(const struct rm__read_query *query, enum rm__agg agg)
{
    for (size_t i = 0; i < query->n_aggs; i++) {
        if (query->aggs[i].agg == agg) {
            return true;
        }
    }
    return false;
}

void rm__answer_aggregate(struct rm__exchange *exchange, struct rm_store *store,
                          const struct rm__read_query *query)
{
    struct rm_aggregate aggregate;
    struct rm_json_writer json;
    struct rm_buffer body;
    int rv = rm_store_aggregate(store, &query->selection, &aggregate);

    if (rv != 0) {
        reply_failure(exchange, rv);
        return;
    }
    begin(exchange, &json, &body);
    for (size_t i = 0; i < query->n_aggs; i++) {
        write_field(&json, query, &aggregate, &query->aggs[i]);
    }
    if (aggregate.sum_overflows && asks_for(query, RM__AGG_SUM)) {
        rm_json_member_bool(&json, "overflow", true);
    }
    end(exchange, &json, &body);
}
