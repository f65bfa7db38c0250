#include "exposition_wire.h"

#include <inttypes.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "wire.h"

static int append_name(struct rm_buffer *target, const struct rm__exposition_cursor *cursor)
{
    int rv = 0;

    /* Of what a name may hold, '/' alone has a meaning in a target, and none behind the '?'. */
    if (cursor->metric_len > 0) {
        rv = rm_buffer_printf(target, "&after=%.*s&family=%" PRIu32 "&series=%" PRIu64,
                              (int)cursor->metric_len, cursor->metric, cursor->family,
                              cursor->series);
    }
    return rv;
}

int rm__page_query_format(const struct rm__page_query *query, struct rm_buffer *target)
{
    char shards[RM__SHARD_SET_TEXT_MAX];
    int rv;

    rm__shard_set_format(&query->shards, shards);
    rv = rm_buffer_printf(
        target, RM__WIRE_EXPOSITION_PATH "?shards=%s&syntax=%s&names=%s&max_bytes=%" PRIu32, shards,
        query->style.syntax == RM_EXPOSITION_OPENMETRICS ? "openmetrics" : "text",
        query->style.keeps_names ? "kept" : "escaped", query->max_bytes);
    return rv == 0 ? append_name(target, &query->from) : rv;
}

static bool parse_choice(const struct rm__params *params, const char *name, const char *no,
                         const char *yes, bool *ret_is_yes)
{
    struct rm_slice text = rm__params_get(params, name);

    *ret_is_yes = rm_slice_is(text, yes);
    return *ret_is_yes || rm_slice_is(text, no);
}

static bool parse_count(const struct rm__params *params, const char *name, uint32_t max,
                        uint32_t *ret_count)
{
    int64_t count;

    if (rm_int_parse(rm__params_get(params, name), 0, max, &count) != 0) {
        return false;
    }
    *ret_count = (uint32_t)count;
    return true;
}

static bool parse_number(const struct rm__params *params, const char *name, uint64_t *ret_number)
{
    int64_t number;

    if (rm_int_parse(rm__params_get(params, name), 0, INT64_MAX, &number) != 0) {
        return false;
    }
    *ret_number = (uint64_t)number;
    return true;
}

static bool parse_cursor(const struct rm__params *params, struct rm__exposition_cursor *ret_cursor)
{
    struct rm_slice after = rm__params_get(params, "after");

    *ret_cursor = (struct rm__exposition_cursor){0};
    if (after.data == NULL) {
        return true;
    }
    if (!rm_metric_name_is_valid(after)) {
        return false;
    }
    memcpy(ret_cursor->metric, after.data, after.len);
    ret_cursor->metric_len = (uint32_t)after.len;
    return parse_count(params, "family", RM__EXPOSED_FAMILIES, &ret_cursor->family) &&
           parse_number(params, "series", &ret_cursor->series);
}

int rm__page_query_parse(const struct rm__params *params, struct rm__page_query *ret_query)
{
    bool is_openmetrics;

    if (rm__shard_set_parse(rm__params_get(params, "shards"), &ret_query->shards) != 0 ||
        !parse_choice(params, "syntax", "text", "openmetrics", &is_openmetrics) ||
        !parse_choice(params, "names", "escaped", "kept", &ret_query->style.keeps_names) ||
        !parse_cursor(params, &ret_query->from) ||
        !parse_count(params, "max_bytes", UINT32_MAX, &ret_query->max_bytes)) {
        return RM_ESYNTAX;
    }
    ret_query->style.syntax = is_openmetrics ? RM_EXPOSITION_OPENMETRICS : RM_EXPOSITION_TEXT;
    return 0;
}
