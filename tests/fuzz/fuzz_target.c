/* A request line, "GET /metrics/cpu?from=1": its route, its parameters, what it asks. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../src/api/read_query.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/utf8.h"

#define NOW_MS INT64_C(1732568363376)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_query(const struct rm__read_query *query)
{
    assert(query->selection.n_matchers <= RM_MATCHERS_MAX);
    assert(query->aggregate.n_aggs <= RM__AGGS_MAX);
    assert(query->decimals >= -1 && query->decimals <= 17);
    for (size_t i = 0; i < query->selection.n_matchers; i++) {
        assert(rm_label_name_is_valid(query->selection.matchers[i].name));
    }
}

static void check_cursor(const struct rm__read_query *query)
{
    char text[RM__CURSOR_TEXT_MAX];

    if (query->has_cursor) {
        rm__cursor_format(&query->before, text);
        assert(strlen(text) > 2);
    }
}

static void read_query(const struct rm__route *route, struct rm_slice name,
                       const struct rm__params *params, struct rm_slice accept)
{
    static struct rm__read_query query;
    struct rm__problem problem = {.message = ""};
    int rv = rm__read_query_init(&query, route->action, name, params, accept, NOW_MS, &problem);

    if (rv != 0) {
        assert(rv == RM_EINVAL && problem.message[0] != '\0');
        assert(rm_utf8_is_valid(rm_slice_of(problem.message)));
        return;
    }
    check_query(&query);
    if (route->action == RM__ACTION_VALUES) {
        assert(query.limit >= 1 && query.selection.from_ms <= query.selection.to_ms);
        check_cursor(&query);
    }
}

/* @accept: any text. */
static void read_params(const struct rm__route *route, struct rm_slice name, struct rm_slice text,
                        struct rm_slice accept)
{
    struct rm__params params;
    struct rm_slice culprit;
    bool is_repeated;

    if (rm__params_init(&params, text) != 0) {
        return;
    }
    if (rm__params_check(&params, route->params, route->repeated, &culprit, &is_repeated)) {
        read_query(route, name, &params, accept);
    }
    rm__params_done(&params);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rm_slice query = rm_slice_make(data, size);
    struct rm_slice method = {NULL, 0};
    struct rm_slice path = {NULL, 0};
    const struct rm__route *route;
    struct rm__route_name name = {.len = 0};
    const char *allow = NULL;
    bool is_internal;
    int rv;

    rm_slice_next(&query, ' ', &method);
    rm_slice_next(&query, '?', &path);
    if (path.data == NULL) {
        return 0;
    }
    is_internal = rm__route_strip_internal(&path);
    rv = rm__route_find(method, path, is_internal, &route, &name, &allow);
    assert((rv == RM_EINVAL) == (allow != NULL));
    if (rv != 0) {
        assert(rv == RM_EINVAL || rv == RM_ENOTFOUND || rv == RM_ESYNTAX);
        return 0;
    }
    assert(name.len == 0 || rm_metric_name_is_valid(rm_slice_make(name.text, name.len)));
    read_params(route, rm_slice_make(name.text, name.len), query, path);
    return 0;
}
