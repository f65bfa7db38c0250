#include "route.h"

#include <assert.h>

#include "params.h"
#include "raftmetrics/api/options.h"
#include "raftmetrics/base/error.h"

#define SELECTION "from to window labels precision level "

/* A path of literal segments, with "*" for a metric's name. Of rows with the same path the first
 * one's @allow speaks for all. */
struct row {
    const char *path;
    const char *method;
    bool is_internal;
    const char *allow;
    struct rm__route route;
};

static const struct row rows[] = {
    {"/livez", "GET", false, "GET, HEAD", {RM__ACTION_LIVEZ, 0, "verbose", ""}},
    {"/readyz", "GET", false, "GET, HEAD", {RM__ACTION_READYZ, 0, "verbose all", ""}},
    {"/health", "GET", false, "GET, HEAD", {RM__ACTION_HEALTH, 0, "", ""}},
    {"/status", "GET", false, "GET, HEAD", {RM__ACTION_STATUS, RM_SCOPE_READ, "", ""}},
    {"/status/metrics",
     "GET",
     false,
     "GET, HEAD",
     {RM__ACTION_STATUS_METRICS, RM_SCOPE_READ, "", ""}},
    {"/metrics",
     "GET",
     false,
     "GET, HEAD, POST",
     {RM__ACTION_LIST, RM_SCOPE_READ, "format prefix limit cursor level", ""}},
    {"/metrics", "POST", false, NULL, {RM__ACTION_RECORD, RM_SCOPE_WRITE, "precision", ""}},
    {"/metrics/batch",
     "POST",
     false,
     "GET, HEAD, POST, DELETE",
     {RM__ACTION_RECORD_BATCH, RM_SCOPE_WRITE, "precision", ""}},
    {"/metrics/*",
     "GET",
     false,
     "GET, HEAD, DELETE",
     {RM__ACTION_VALUES, RM_SCOPE_READ, SELECTION "limit timestamps by cursor decimals", "label"}},
    {"/metrics/*", "DELETE", false, NULL, {RM__ACTION_DELETE, RM_SCOPE_ADMIN, "", ""}},
    {"/metrics/*/aggregate",
     "GET",
     false,
     "GET, HEAD",
     {RM__ACTION_AGGREGATE, RM_SCOPE_READ, SELECTION "agg decimals group_by order_by limit step",
      "label"}},
    {"/metrics/*/series",
     "GET",
     false,
     "GET, HEAD",
     {RM__ACTION_SERIES, RM_SCOPE_READ, "limit cursor level", ""}},
    {"/metrics/*/histogram",
     "GET",
     false,
     "GET, HEAD",
     {RM__ACTION_HISTOGRAM, RM_SCOPE_READ, "labels level native decimals", "label"}},
    {"/cluster", "GET", true, "GET, HEAD", {RM__ACTION_CLUSTER, 0, "", ""}},
    {"/append", "POST", true, "POST", {RM__ACTION_APPEND, 0, "shard session sequence", ""}},
    {"/session", "POST", true, "POST", {RM__ACTION_SESSION, 0, "shard session", ""}},
    {"/admit",
     "POST",
     true,
     "POST",
     {RM__ACTION_ADMIT, 0, "shard worker incarnation last_index", ""}},
    {"/lead", "POST", true, "POST", {RM__ACTION_LEAD, 0, "shard worker", ""}},
    {"/hashes", "GET", true, "GET, HEAD", {RM__ACTION_HASHES, 0, "shard", ""}},
    {"/members", "GET", true, "GET, HEAD", {RM__ACTION_MEMBERS, 0, "shard", ""}},
    {"/exposition",
     "GET",
     true,
     "GET, HEAD",
     {RM__ACTION_EXPOSITION, 0, "shards syntax names after family series max_bytes", ""}},
};

bool rm__route_strip_internal(struct rm_slice *path)
{
    struct rm_slice prefix = rm_slice_of("/internal/");

    if (!rm_slice_has_prefix(*path, prefix)) {
        return false;
    }
    *path = rm_slice_make(path->data + prefix.len - 1, path->len - prefix.len + 1);
    return true;
}

/* Compares segment by segment; *@ret_name is what stood in the place of "*". */
static bool is_match(const char *pattern, struct rm_slice path, struct rm_slice *ret_name)
{
    struct rm_slice rest = rm_slice_of(pattern);
    struct rm_slice want;
    struct rm_slice have;

    while (rm_slice_next(&rest, '/', &want)) {
        if (!rm_slice_next(&path, '/', &have)) {
            return false;
        }
        if (rm_slice_is(want, "*")) {
            if (have.len == 0) {
                return false;
            }
            *ret_name = have;
        } else if (!rm_slice_equal(want, have)) {
            return false;
        }
    }
    return path.data == NULL;
}

static bool is_method(const char *wanted, struct rm_slice method)
{
    return rm_slice_is(method, wanted) ||
           (rm_slice_is(method, "HEAD") && strcmp(wanted, "GET") == 0);
}

static int decode_name(struct rm_slice text, struct rm__route_name *ret_name)
{
    char decoded[3 * RM_METRIC_NAME_MAX];
    size_t len = 0;

    if (text.len > sizeof decoded || rm__percent_decode(text, false, decoded, &len) != 0 ||
        !rm_metric_name_is_valid(rm_slice_make(decoded, len))) {
        return RM_ESYNTAX;
    }
    memcpy(ret_name->text, decoded, len);
    ret_name->len = len;
    return 0;
}

int rm__route_find(struct rm_slice method, struct rm_slice path, bool is_internal,
                   const struct rm__route **ret_route, struct rm__route_name *ret_name,
                   const char **ret_allow)
{
    const char *allow = NULL;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rm_slice name = {NULL, 0};

        /* Nodes may ask each other whatever a client may, never the other way round. */
        if ((rows[i].is_internal && !is_internal) || !is_match(rows[i].path, path, &name)) {
            continue;
        }
        if (!is_method(rows[i].method, method)) {
            allow = allow == NULL ? rows[i].allow : allow;
            continue;
        }
        *ret_route = &rows[i].route;
        return name.data == NULL ? 0 : decode_name(name, ret_name);
    }
    if (allow == NULL) {
        return RM_ENOTFOUND;
    }
    *ret_allow = allow;
    return RM_EINVAL;
}

void rm__route_describe(enum rm__action action, const char **ret_method, const char **ret_path,
                        bool *ret_is_internal)
{
    size_t i = 0;

    while (rows[i].route.action != action) {
        i++;
        assert(i < sizeof rows / sizeof rows[0]); /* every action has its row */
    }
    *ret_method = rows[i].method;
    *ret_path = rows[i].path;
    *ret_is_internal = rows[i].is_internal;
}
