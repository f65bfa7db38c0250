/* GET /metrics/{name}. */
#include <stdlib.h>

#include "answer.h"
#include "answer_json.h"

/* ---- values ---- */

static void write_values(struct rm_json_writer *json, const struct rm__read_query *query,
                         const struct rm_point *points, size_t n_points)
{
    rm_json_key(json, "values");
    rm_json_array_begin(json);
    for (size_t i = 0; i < n_points; i++) {
        rm__answer_number(json, query, points[i].value);
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
        const struct rm_values_series *series = &values->series[points[0].series];
        size_t n = 1;

        while (begin + n < values->n_points && points[n].series == points[0].series) {
            n++;
        }
        rm_json_object_begin(json);
        rm__answer_labels(json, series->labels, series->n_labels);
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
        rm__answer_failure(exchange, rv);
        return;
    }
    rm__answer_begin(exchange, &json, &body);
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
    rm__answer_end(exchange, &json, &body);
    rm_values_done(&values);
}
