#include "values_body.h"

#include "answer.h"
#include "answer_json.h"

/* ---- the ways through the values ---- */

/* *@ret_point is NULL behind the last. Errors: RM_ENOMEM. */
static int peek(struct rm__values_walk *walk, const struct rm_point **ret_point)
{
    if (walk->at == walk->n) {
        int rv =
            rm_frozen_values_next(walk->frozen, walk->points, RM__VALUES_PIECE_POINTS, &walk->n);

        walk->at = 0;
        if (rv != 0) {
            walk->n = 0;
            return rv;
        }
    }
    *ret_point = walk->at < walk->n ? &walk->points[walk->at] : NULL;
    return 0;
}

/* The next points of the array that is written now: none where it has ended. Until the next peek.
 * Errors: RM_ENOMEM. */
static int take_points(const struct rm__values_body *body, struct rm__values_walk *walk,
                       const struct rm_point **ret_points, size_t *ret_n)
{
    const struct rm_point *first;
    size_t n = 0;
    int rv = peek(walk, &first);

    if (rv != 0) {
        return rv;
    }
    while (walk->at < walk->n &&
           (!body->query->by_series || walk->points[walk->at].series == body->series)) {
        walk->at++;
        n++;
    }
    *ret_points = first;
    *ret_n = n;
    return 0;
}

/* ---- the pieces ---- */

static void enter(struct rm__values_body *body, const char *key, enum rm__values_stage stage)
{
    rm_json_key(&body->json, key);
    rm_json_array_begin(&body->json);
    body->stage = stage;
}

static void write_head(struct rm__values_body *body)
{
    rm_json_object_begin(&body->json);
    rm_json_member_text(&body->json, "metric_name", body->query->selection.metric_name);
    if (body->query->by_series) {
        enter(body, "series", RM__VALUES_SERIES);
    } else {
        enter(body, "values", RM__VALUES_VALUES);
    }
}

static int write_series(struct rm__values_body *body)
{
    const struct rm_values_series *series;
    const struct rm_point *next;
    int rv = peek(&body->values, &next);

    if (rv != 0) {
        return rv;
    }
    if (next == NULL) {
        rm_json_array_end(&body->json);
        body->stage = RM__VALUES_TAIL;
        return 0;
    }
    body->series = next->series;
    series = &body->values.frozen->series[next->series];
    rm_json_object_begin(&body->json);
    rm__answer_labels(&body->json, series->labels, series->n_labels);
    body->n_written += series->n_labels;
    enter(body, "values", RM__VALUES_VALUES);
    return 0;
}

static void end_values(struct rm__values_body *body)
{
    rm_json_array_end(&body->json);
    if (body->timestamps.frozen != NULL) {
        enter(body, "timestamps", RM__VALUES_TIMESTAMPS);
    } else {
        body->stage = RM__VALUES_TAIL;
    }
}

static void note_oldest(struct rm__values_body *body, const struct rm_position *position)
{
    if (!body->has_oldest || position->timestamp_ms < body->oldest.timestamp_ms ||
        (position->timestamp_ms == body->oldest.timestamp_ms &&
         position->ordinal < body->oldest.ordinal)) {
        body->oldest = *position;
        body->has_oldest = true;
    }
}

static int write_values(struct rm__values_body *body)
{
    const struct rm_point *points;
    size_t n;
    int rv = take_points(body, &body->values, &points, &n);

    if (rv != 0) {
        return rv;
    }
    for (size_t i = 0; i < n; i++) {
        rm__answer_number(&body->json, body->query, points[i].value);
        note_oldest(body, &points[i].position);
    }
    body->n_written += n;
    if (n == 0) {
        end_values(body);
    }
    return 0;
}

static void end_timestamps(struct rm__values_body *body)
{
    rm_json_array_end(&body->json);
    if (body->query->by_series) {
        rm_json_object_end(&body->json);
        body->stage = RM__VALUES_SERIES;
    } else {
        body->stage = RM__VALUES_TAIL;
    }
}

static int write_timestamps(struct rm__values_body *body)
{
    const struct rm_point *points;
    size_t n;
    int rv = take_points(body, &body->timestamps, &points, &n);

    if (rv != 0) {
        return rv;
    }
    for (size_t i = 0; i < n; i++) {
        rm_json_timestamp(&body->json, points[i].position.timestamp_ms);
    }
    body->n_written += n;
    if (n == 0) {
        end_timestamps(body);
    }
    return 0;
}

static void write_next(struct rm__values_body *body)
{
    char cursor[RM__CURSOR_TEXT_MAX];

    rm__cursor_format(&body->oldest, cursor);
    rm_json_member_bool(&body->json, "truncated", true);
    rm_json_member_uint(&body->json, "total", body->values.frozen->n_total);
    rm_json_member_text(&body->json, "next", rm_slice_of(cursor));
}

static void write_tail(struct rm__values_body *body)
{
    if (body->values.frozen->has_older) {
        write_next(body);
    }
    rm_json_key(&body->json, "timestamp");
    rm_json_timestamp(&body->json, body->query->now_ms);
    rm_json_object_end(&body->json);
    body->stage = RM__VALUES_DONE;
}

int rm__values_body_write(struct rm__values_body *body)
{
    int rv = 0;

    switch (body->stage) {
    case RM__VALUES_HEAD:
        write_head(body);
        break;
    case RM__VALUES_SERIES:
        rv = write_series(body);
        break;
    case RM__VALUES_VALUES:
        rv = write_values(body);
        break;
    case RM__VALUES_TIMESTAMPS:
        rv = write_timestamps(body);
        break;
    case RM__VALUES_TAIL:
        write_tail(body);
        break;
    case RM__VALUES_DONE:
        break;
    }
    return rv != 0 ? rv : body->json.error;
}

/* ---- life ---- */

int rm__values_body_init(struct rm__values_body *body, struct rm_frozen_values *values,
                         const struct rm__read_query *query)
{
    body->query = query;
    body->values = (struct rm__values_walk){.frozen = values};
    body->timestamps = (struct rm__values_walk){0};
    body->stage = RM__VALUES_HEAD;
    body->has_oldest = false;
    body->n_written = 0;
    rm_buffer_init(&body->bytes, RM__ANSWER_BYTES_MAX);
    rm_json_init(&body->json, &body->bytes);
    return query->by_series || query->has_timestamps
               ? rm_frozen_values_twin(values, &body->timestamps.frozen)
               : 0;
}

void rm__values_body_done(struct rm__values_body *body)
{
    rm_frozen_values_free(body->values.frozen);
    rm_frozen_values_free(body->timestamps.frozen);
    rm_buffer_done(&body->bytes);
}

size_t rm__values_body_size(const struct rm__values_body *body)
{
    size_t n_bytes = sizeof *body + body->values.frozen->n_bytes;

    return body->timestamps.frozen == NULL ? n_bytes : n_bytes + body->timestamps.frozen->n_bytes;
}
