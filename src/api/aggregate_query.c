#include "aggregate_query.h"

#include <math.h>

#include "raftmetrics/base/duration.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/metrics/name.h"

enum { GROUPS_MAX = 1000000 };

struct reader {
    struct rm__aggregate_query *query;
    const struct rm__params *params;
    struct rm__problem *problem;
};

#define REFUSE(reader, ...)                                                                        \
    (rm__problem_set((reader)->problem, RM__INVALID_PARAMETER, __VA_ARGS__), RM_EINVAL)

static struct rm_slice get(const struct reader *reader, const char *name)
{
    return rm__params_get(reader->params, name);
}

static bool is_given(const struct reader *reader, const char *name)
{
    return get(reader, name).data != NULL;
}

/* ---- fields ---- */

/* "median", or "p" and a percentage from 0 to 100, as p99 or p99.9. */
static bool parse_quantile(struct rm_slice name, double *ret_quantile)
{
    struct rm_slice digits;
    double percent;

    if (rm_slice_is(name, "median")) {
        *ret_quantile = 0.5;
        return true;
    }
    if (name.len < 2 || name.len >= RM__AGG_NAME_MAX || name.data[0] != 'p') {
        return false;
    }
    digits = rm_slice_make(name.data + 1, name.len - 1);
    if (!rm_slice_all_between(digits, '.', '9') || rm_double_parse(digits, &percent) != 0 ||
        percent > 100) {
        return false;
    }
    *ret_quantile = percent / 100;
    return true;
}

/* The index among the query's quantiles; those that are asked under two names stand there once. */
static int add_quantile(struct reader *reader, double quantile, size_t *ret_index)
{
    struct rm__aggregate_query *query = reader->query;

    for (size_t i = 0; i < query->n_quantiles; i++) {
        if (query->quantiles[i] == quantile) {
            *ret_index = i;
            return 0;
        }
    }
    if (query->n_quantiles == RM_QUANTILES_MAX) {
        return REFUSE(reader, "at most %d percentiles may be asked for", RM_QUANTILES_MAX);
    }
    *ret_index = query->n_quantiles;
    query->quantiles[query->n_quantiles++] = quantile;
    return 0;
}

static int read_field(struct reader *reader, const char *param, struct rm_slice name,
                      struct rm__agg_field *ret_field)
{
    static const struct {
        const char *name;
        enum rm__agg agg;
    } known[] = {
        {"count", RM__AGG_COUNT},
        {"sum", RM__AGG_SUM},
        {"mean", RM__AGG_MEAN},
        {"avg", RM__AGG_MEAN},
        {"min", RM__AGG_MIN},
        {"max", RM__AGG_MAX},
        {"first", RM__AGG_FIRST},
        {"last", RM__AGG_LAST},
        {"stddev", RM__AGG_STDDEV},
        {"variance", RM__AGG_VARIANCE},
        {"increase", RM__AGG_INCREASE},
        {"rate", RM__AGG_RATE},
        {"count_rate", RM__AGG_COUNT_RATE},
    };
    double quantile;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (rm_slice_is(name, known[i].name)) {
            *ret_field = (struct rm__agg_field){.agg = known[i].agg, .name = name};
            return 0;
        }
    }
    if (!parse_quantile(name, &quantile)) {
        return REFUSE(reader,
                      "%s knows count, sum, mean, avg, min, max, first, last, stddev, variance, "
                      "median, pNN, count_rate, increase and rate, not \"%.*s\"",
                      param, RM__QUOTE(name));
    }
    *ret_field = (struct rm__agg_field){.agg = RM__AGG_QUANTILE, .name = name};
    return add_quantile(reader, quantile, &ret_field->quantile);
}

static int add_agg(struct reader *reader, struct rm_slice name)
{
    struct rm__aggregate_query *query = reader->query;
    int rv;

    for (size_t i = 0; i < query->n_aggs; i++) {
        if (rm_slice_equal(query->aggs[i].name, name)) {
            return REFUSE(reader, "agg names %.*s twice", RM__QUOTE(name));
        }
    }
    if (query->n_aggs == RM__AGGS_MAX) {
        return REFUSE(reader, "agg may name at most %d fields", RM__AGGS_MAX);
    }
    rv = read_field(reader, "agg", name, &query->aggs[query->n_aggs]);
    if (rv == 0) {
        query->n_aggs++;
    }
    return rv;
}

static int read_aggs(struct reader *reader)
{
    struct rm_slice rest =
        is_given(reader, "agg") ? get(reader, "agg") : rm_slice_of("count,sum,mean,min,max");
    struct rm_slice name;
    int rv = 0;

    while (rv == 0 && rm_slice_next(&rest, ',', &name)) {
        rv = add_agg(reader, name);
    }
    return rv;
}

/* ---- groups and steps ---- */

static int add_group_label(struct reader *reader, struct rm_slice name)
{
    struct rm__aggregate_query *query = reader->query;

    if (!rm_label_name_is_valid(name)) {
        return REFUSE(reader, "group_by must be names of labels, as host,dc, not \"%.*s\"",
                      RM__QUOTE(name));
    }
    for (size_t i = 0; i < query->n_group_by; i++) {
        if (rm_slice_equal(query->group_by[i], name)) {
            return REFUSE(reader, "group_by names %.*s twice", RM__QUOTE(name));
        }
    }
    if (query->n_group_by == RM_GROUP_LABELS_MAX) {
        return REFUSE(reader, "group_by may name at most %d labels", RM_GROUP_LABELS_MAX);
    }
    query->group_by[query->n_group_by++] = name;
    return 0;
}

static int read_group_by(struct reader *reader)
{
    struct rm_slice rest = get(reader, "group_by");
    struct rm_slice name;
    int rv = 0;

    while (rv == 0 && rm_slice_next(&rest, ',', &name)) {
        rv = add_group_label(reader, name);
    }
    return rv;
}

static int read_step(struct reader *reader)
{
    if (is_given(reader, "step") &&
        rm_duration_parse(get(reader, "step"), &reader->query->step_ms) != 0) {
        return REFUSE(reader, "step must be a duration, as 500ms, 30s, 5m, 1h, 7d or 1h30m");
    }
    return 0;
}

static int read_order(struct reader *reader)
{
    struct rm__aggregate_query *query = reader->query;
    struct rm_slice direction = get(reader, "order_by");
    struct rm_slice name;

    if (!rm_slice_next(&direction, ':', &name)) {
        return 0;
    }
    if (direction.data != NULL && !rm_slice_is(direction, "asc") &&
        !rm_slice_is(direction, "desc")) {
        return REFUSE(reader, "order_by must be written FIELD, FIELD:asc or FIELD:desc");
    }
    query->is_ordered = true;
    query->is_descending = direction.data != NULL && rm_slice_is(direction, "desc");
    return read_field(reader, "order_by", name, &query->order_by);
}

static int read_limit(struct reader *reader)
{
    int64_t limit;

    if (!is_given(reader, "limit")) {
        return 0;
    }
    if (rm_int_parse(get(reader, "limit"), 1, GROUPS_MAX, &limit) != 0) {
        return REFUSE(reader, "limit must be an integer from 1 to %d", GROUPS_MAX);
    }
    reader->query->limit = (size_t)limit;
    return 0;
}

/* Both say something of groups. */
static int check_groups(struct reader *reader)
{
    static const char *const names[] = {"order_by", "limit"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (is_given(reader, names[i]) && reader->query->n_group_by == 0) {
            return REFUSE(reader, "%s orders or cuts groups: say group_by too", names[i]);
        }
    }
    return 0;
}

int rm__aggregate_query_init(struct rm__aggregate_query *query, const struct rm__params *params,
                             struct rm__problem *ret_problem)
{
    static int (*const steps[])(struct reader * reader) = {read_aggs,  read_group_by, read_step,
                                                           read_order, read_limit,    check_groups};
    struct reader reader = {.query = query, .params = params, .problem = ret_problem};
    int rv = 0;

    query->n_aggs = 0;
    query->n_group_by = 0;
    query->n_quantiles = 0;
    query->step_ms = 0;
    query->is_ordered = false;
    query->is_descending = false;
    query->limit = SIZE_MAX;
    for (size_t i = 0; rv == 0 && i < sizeof steps / sizeof steps[0]; i++) {
        rv = steps[i](&reader);
    }
    return rv;
}

bool rm__aggregate_query_needs(const struct rm__aggregate_query *query, enum rm__agg agg)
{
    for (size_t i = 0; i < query->n_aggs; i++) {
        if (query->aggs[i].agg == agg) {
            return true;
        }
    }
    return query->is_ordered && query->order_by.agg == agg;
}

/* ---- values ---- */

/* Of the step, or of the range, a missing bound of which is the first or the last timestamp. */
static double seconds_of(const struct rm__aggregate_query *query,
                         const struct rm_selection *selection, const struct rm_query_bucket *bucket)
{
    int64_t from_ms = selection->from_ms == INT64_MIN ? bucket->first_ms : selection->from_ms;
    int64_t to_ms = selection->to_ms == INT64_MAX ? bucket->last_ms : selection->to_ms;

    if (query->step_ms > 0) {
        return (double)query->step_ms / 1000;
    }
    return ((double)to_ms - (double)from_ms) / 1000;
}

static double per_second(double amount, double seconds)
{
    return seconds > 0 ? amount / seconds : NAN;
}

double rm__agg_value(const struct rm__agg_field *field, const struct rm__aggregate_query *query,
                     const struct rm_selection *selection, const struct rm_query_bucket *bucket)
{
    const struct rm_aggregate *aggregate = &bucket->aggregate;

    switch (field->agg) {
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
    case RM__AGG_QUANTILE:
        return bucket->quantiles[field->quantile];
    case RM__AGG_COUNT_RATE:
        return aggregate->count == 0
                   ? NAN
                   : per_second((double)aggregate->count, seconds_of(query, selection, bucket));
    case RM__AGG_INCREASE:
        return bucket->increase;
    case RM__AGG_RATE:
        return per_second(bucket->increase, seconds_of(query, selection, bucket));
    }
    return NAN;
}
