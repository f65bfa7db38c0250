#include "read_query.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "accept.h"
#include "raftmetrics/base/duration.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/base/timestamp.h"
#include "raftmetrics/metrics/name.h"

enum {
    VALUES_LIMIT = 10000,
    VALUES_LIMIT_MAX = 1000000,
    LIST_LIMIT = 1000,
    LIST_LIMIT_MAX = 10000,
    DECIMALS_MAX = 17,
    TIME_TEXT_MAX = 64,
    DATE_LEN = 10,
};

struct reader {
    struct rm__read_query *query;
    const struct rm__params *params;
    struct rm__problem *problem;
    int64_t now_ms;
    enum rm_precision precision;
};

#define REFUSE(reader, ...)                                                                        \
    (rm__problem_set((reader)->problem, RM__INVALID_PARAMETER, __VA_ARGS__), RM_EINVAL)
#define NOT_YET(reader, what)                                                                      \
    (rm__problem_set((reader)->problem, RM__NOT_IMPLEMENTED, "%s is not implemented yet", what),   \
     RM_EINVAL)

static bool is_given(struct rm_slice value)
{
    return value.data != NULL;
}

static int read_int(struct reader *reader, const char *name, int64_t min, int64_t max,
                    int64_t otherwise, int64_t *ret_value)
{
    struct rm_slice text = rm__params_get(reader->params, name);

    if (!is_given(text)) {
        *ret_value = otherwise;
        return 0;
    }
    if (rm_int_parse(text, min, max, ret_value) != 0) {
        return REFUSE(reader, "%s must be an integer from %" PRId64 " to %" PRId64, name, min, max);
    }
    return 0;
}

static int read_limit(struct reader *reader, int64_t otherwise, int64_t max)
{
    int64_t limit;
    int rv = read_int(reader, "limit", 1, max, otherwise, &limit);

    if (rv == 0) {
        reader->query->limit = (size_t)limit;
    }
    return rv;
}

static int read_decimals(struct reader *reader)
{
    int64_t decimals;
    int rv = read_int(reader, "decimals", 0, DECIMALS_MAX, -1, &decimals);

    if (rv == 0) {
        reader->query->decimals = (int)decimals;
    }
    return rv;
}

/* Between "true" and "false". */
static int read_bool(struct reader *reader, const char *name, bool *ret_value)
{
    struct rm_slice text = rm__params_get(reader->params, name);

    if (is_given(text) && !rm_slice_is(text, "true") && !rm_slice_is(text, "false")) {
        return REFUSE(reader, "%s must be true or false", name);
    }
    *ret_value = is_given(text) && rm_slice_is(text, "true");
    return 0;
}

static int read_level(struct reader *reader)
{
    struct rm_slice text = rm__params_get(reader->params, "level");

    reader->query->level = RM_READ_WEAK;
    if (!is_given(text) || rm_slice_is(text, "weak")) {
        return 0;
    }
    if (rm_slice_is(text, "none")) {
        reader->query->level = RM_READ_NONE;
    } else if (rm_slice_is(text, "linearizable")) {
        reader->query->level = RM_READ_LINEARIZABLE;
    } else {
        return REFUSE(reader, "level must be none, weak or linearizable");
    }
    return 0;
}

/* A '+' that was typed as it is stands for a space in a query; before an offset it was meant. */
static int parse_time(struct rm_slice text, int64_t *ret_ms)
{
    char copy[TIME_TEXT_MAX];
    char *space;

    if (text.len >= sizeof copy) {
        return RM_ESYNTAX;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    space = strrchr(copy, ' ');
    if (space != NULL && space - copy > DATE_LEN) {
        *space = '+';
    }
    return rm_timestamp_parse(rm_slice_make(copy, text.len), ret_ms);
}

static int read_time(struct reader *reader, const char *name, int64_t otherwise, int64_t *ret_ms)
{
    struct rm_slice text = rm__params_get(reader->params, name);
    int64_t count;
    int rv;

    if (!is_given(text)) {
        *ret_ms = otherwise;
        return 0;
    }
    rv = rm_int_parse(text, INT64_MIN, INT64_MAX, &count);
    if (rv == 0) {
        rv = rm_timestamp_from_int(count, reader->precision, ret_ms);
    } else {
        rv = parse_time(text, ret_ms);
    }
    if (rv == RM_EAMBIGUOUS) {
        rm__problem_set(reader->problem, RM__AMBIGUOUS_TIMESTAMP,
                        "%s looks like seconds; send milliseconds, or say what it is with "
                        "precision=s, ms, us or ns",
                        name);
        return RM_EINVAL;
    }
    if (rv != 0) {
        return REFUSE(reader,
                      "%s must be RFC 3339, as 2024-11-25T20:59:23.376Z, or an integer of "
                      "milliseconds since the epoch",
                      name);
    }
    return 0;
}

static int read_window(struct reader *reader, struct rm_slice text)
{
    struct rm_selection *selection = &reader->query->selection;
    int64_t window_ms;

    if (is_given(rm__params_get(reader->params, "from")) ||
        is_given(rm__params_get(reader->params, "to"))) {
        return REFUSE(reader, "window stands instead of from and to, not beside them");
    }
    if (rm_duration_parse(text, &window_ms) != 0) {
        return REFUSE(reader, "window must be a duration, as 500ms, 30s, 5m, 1h, 7d or 1h30m");
    }
    selection->from_ms = reader->now_ms + 1 - window_ms;
    selection->to_ms = reader->now_ms + 1; /* what was recorded in this millisecond is in it */
    return 0;
}

static int read_range(struct reader *reader)
{
    struct rm_selection *selection = &reader->query->selection;
    struct rm_slice precision = rm__params_get(reader->params, "precision");
    struct rm_slice window = rm__params_get(reader->params, "window");
    int rv;

    if (is_given(precision) && rm_precision_parse(precision, &reader->precision) != 0) {
        return REFUSE(reader, "precision must be s, ms, us or ns");
    }
    if (is_given(window)) {
        return read_window(reader, window);
    }
    rv = read_time(reader, "from", INT64_MIN, &selection->from_ms);
    if (rv == 0) {
        rv = read_time(reader, "to", INT64_MAX, &selection->to_ms);
    }
    if (rv == 0 && selection->from_ms > selection->to_ms) {
        return REFUSE(reader, "from must not be later than to");
    }
    return rv;
}

static int add_matcher(struct reader *reader, const char *param, struct rm_slice text)
{
    struct rm_selection *selection = &reader->query->selection;
    struct rm_slice name;
    struct rm_slice value = text;

    rm_slice_next(&value, ':', &name);
    if (!is_given(value) || !rm_label_name_is_valid(name)) {
        return REFUSE(reader, "%s must be written NAME:VALUE, not \"%.*s\"", param,
                      RM__QUOTE(text));
    }
    if (selection->n_matchers == RM_MATCHERS_MAX) {
        return REFUSE(reader, "at most %d labels may be asked for", RM_MATCHERS_MAX);
    }
    selection->matchers[selection->n_matchers++] = (struct rm_label){name, value};
    return 0;
}

static int read_matchers(struct reader *reader)
{
    struct rm_slice rest = rm__params_get(reader->params, "labels");
    struct rm_slice pair;
    int rv = 0;

    while (rv == 0 && rm_slice_next(&rest, ',', &pair)) {
        rv = add_matcher(reader, "labels", pair);
    }
    for (size_t i = 0; rv == 0 && i < reader->params->n_items; i++) {
        if (rm_slice_is(reader->params->items[i].name, "label")) {
            rv = add_matcher(reader, "label", reader->params->items[i].value);
        }
    }
    return rv;
}

static int read_selection(struct reader *reader)
{
    int rv = read_range(reader);

    if (rv == 0) {
        rv = read_matchers(reader);
    }
    if (rv == 0) {
        rv = read_decimals(reader);
    }
    return rv;
}

void rm__cursor_format(const struct rm_position *position, char ret_text[RM__CURSOR_TEXT_MAX])
{
    snprintf(ret_text, RM__CURSOR_TEXT_MAX, "%" PRId64 ".%" PRIu64, position->timestamp_ms,
             position->ordinal);
}

static int read_cursor(struct reader *reader)
{
    struct rm_slice ordinal = rm__params_get(reader->params, "cursor");
    struct rm_slice timestamp;
    int64_t n;

    if (!rm_slice_next(&ordinal, '.', &timestamp)) {
        return 0;
    }
    if (!is_given(ordinal) || rm_int_parse(ordinal, 0, INT64_MAX, &n) != 0 ||
        rm_int_parse(timestamp, INT64_MIN, INT64_MAX, &reader->query->before.timestamp_ms) != 0) {
        return REFUSE(reader, "cursor must be the \"next\" of an earlier answer");
    }
    reader->query->before.ordinal = (uint64_t)n;
    reader->query->has_cursor = true;
    return 0;
}

static int read_by(struct reader *reader)
{
    struct rm_slice text = rm__params_get(reader->params, "by");

    if (is_given(text) && !rm_slice_is(text, "series")) {
        return REFUSE(reader, "by must be series");
    }
    reader->query->by_series = is_given(text);
    return 0;
}

static int read_values(struct reader *reader)
{
    int rv = read_selection(reader);

    if (rv == 0) {
        rv = read_limit(reader, VALUES_LIMIT, VALUES_LIMIT_MAX);
    }
    if (rv == 0) {
        rv = read_cursor(reader);
    }
    if (rv == 0) {
        rv = read_by(reader);
    }
    if (rv == 0) {
        rv = read_bool(reader, "timestamps", &reader->query->has_timestamps);
    }
    return rv;
}

static int read_aggregate(struct reader *reader)
{
    int rv = read_selection(reader);

    return rv != 0 ? rv
                   : rm__aggregate_query_init(&reader->query->aggregate, reader->params,
                                              reader->problem);
}

void rm__series_cursor_format(uint64_t n, char ret_text[RM__CURSOR_TEXT_MAX])
{
    snprintf(ret_text, RM__CURSOR_TEXT_MAX, "%" PRIu64, n);
}

static int read_series(struct reader *reader)
{
    struct rm_slice cursor = rm__params_get(reader->params, "cursor");
    int64_t n = 0;

    if (is_given(cursor) && rm_int_parse(cursor, 1, INT64_MAX, &n) != 0) {
        return REFUSE(reader, "cursor must be the \"next\" of an earlier answer");
    }
    reader->query->after_series = (uint64_t)n;
    return read_limit(reader, LIST_LIMIT, LIST_LIMIT_MAX);
}

/* Over all that was recorded: a range of time would be ignored, and no route takes one. */
static int read_histogram(struct reader *reader)
{
    int rv = read_matchers(reader);

    if (rv == 0) {
        rv = read_decimals(reader);
    }
    return rv != 0 ? rv : read_bool(reader, "native", &reader->query->wants_native);
}

static int read_format(struct reader *reader, struct rm_slice accept)
{
    struct rm_slice format = rm__params_get(reader->params, "format");
    struct rm__read_query *query = reader->query;

    query->wants_json =
        is_given(format) ? rm_slice_is(format, "json") : rm__accept_prefers_json(accept);
    if (!is_given(format)) {
        query->style = rm__accept_style(accept);
    } else if (rm_slice_is(format, "prometheus")) {
        query->style = rm__accept_style_of(accept, RM_EXPOSITION_TEXT);
    } else if (rm_slice_is(format, "openmetrics")) {
        query->style = rm__accept_style_of(accept, RM_EXPOSITION_OPENMETRICS);
    } else if (!query->wants_json) {
        return REFUSE(reader, "format must be json, prometheus or openmetrics");
    }
    return 0;
}

/* An exposition is always whole, and of what leaders have applied. */
static int check_exposition(struct reader *reader)
{
    static const char *const of_listings[] = {"prefix", "limit", "cursor", "level"};

    for (size_t i = 0; i < sizeof of_listings / sizeof of_listings[0]; i++) {
        if (is_given(rm__params_get(reader->params, of_listings[i]))) {
            return REFUSE(reader, "%s is for the listing; ask for that with format=json",
                          of_listings[i]);
        }
    }
    return 0;
}

static int read_list(struct reader *reader, struct rm_slice accept)
{
    int rv = read_limit(reader, LIST_LIMIT, LIST_LIMIT_MAX);

    reader->query->prefix = rm__params_get(reader->params, "prefix");
    reader->query->after = rm__params_get(reader->params, "cursor");
    if (rv == 0 && is_given(reader->query->after) &&
        !rm_metric_name_is_valid(reader->query->after)) {
        return REFUSE(reader, "cursor must be the \"next\" of an earlier answer");
    }
    if (rv == 0) {
        rv = read_format(reader, accept);
    }
    return rv == 0 && !reader->query->wants_json ? check_exposition(reader) : rv;
}

int rm__read_query_init(struct rm__read_query *query, enum rm__action action, struct rm_slice name,
                        const struct rm__params *params, struct rm_slice accept, int64_t now_ms,
                        struct rm__problem *ret_problem)
{
    struct reader reader = {
        .query = query, .params = params, .problem = ret_problem, .now_ms = now_ms};
    int rv;

    query->selection.metric_name = name;
    query->selection.n_matchers = 0;
    query->now_ms = now_ms;
    query->has_cursor = false;
    query->wants_json = false;
    query->decimals = -1;
    rv = read_level(&reader);
    if (rv != 0) {
        return rv;
    }
    switch (action) {
    case RM__ACTION_LIST:
        return read_list(&reader, accept);
    case RM__ACTION_VALUES:
        return read_values(&reader);
    case RM__ACTION_AGGREGATE:
        return read_aggregate(&reader);
    case RM__ACTION_SERIES:
        return read_series(&reader);
    case RM__ACTION_HISTOGRAM:
        return read_histogram(&reader);
    default:
        return NOT_YET(&reader, "this");
    }
}
