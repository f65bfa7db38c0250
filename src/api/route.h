/* From method and path to what is asked. One table for both daemons. */
#ifndef RAFTMETRICS_SRC_API_ROUTE_H
#define RAFTMETRICS_SRC_API_ROUTE_H

#include <stdbool.h>

#include "raftmetrics/base/slice.h"
#include "raftmetrics/metrics/name.h"

enum rm__action {
    RM__ACTION_LIVEZ,
    RM__ACTION_READYZ,
    RM__ACTION_HEALTH,
    RM__ACTION_STATUS,
    RM__ACTION_STATUS_METRICS,
    RM__ACTION_RECORD,
    RM__ACTION_RECORD_BATCH,
    RM__ACTION_LIST,
    RM__ACTION_VALUES,
    RM__ACTION_SERIES,
    RM__ACTION_AGGREGATE,
    RM__ACTION_HISTOGRAM,
    RM__ACTION_DELETE,
    /* Between the nodes of a cluster, on workers only. */
    RM__ACTION_CLUSTER,
    RM__ACTION_APPEND,
    RM__ACTION_SESSION,
    RM__ACTION_ADMIT,
    RM__ACTION_LEAD,
    RM__ACTION_HASHES,
    RM__ACTION_MEMBERS,
    RM__ACTION_EXPOSITION,
};

enum { RM__ACTIONS = RM__ACTION_EXPOSITION + 1 };

struct rm__route {
    enum rm__action action;
    unsigned scope;       /* RM_SCOPE_…; 0: any token will do */
    const char *params;   /* single-valued query parameters, space-separated */
    const char *repeated; /* those that may stand more than once */
};

/* The metric's name out of the path, decoded. */
struct rm__route_name {
    char text[RM_METRIC_NAME_MAX];
    size_t len;
};

/* Paths below /internal are the cluster's own; the rest of the path is what stands behind it. */
bool rm__route_strip_internal(struct rm_slice *path);

/* 0: *@ret_route is found, and *@ret_name where the path has one. RM_ENOTFOUND: no such path.
 * RM_EINVAL: the path is known, the method is not; *@ret_allow gets the text for Allow.
 * RM_ESYNTAX: a bad escape in the name, or not a metric name. */
int rm__route_find(struct rm_slice method, struct rm_slice path, bool is_internal,
                   const struct rm__route **ret_route, struct rm__route_name *ret_name,
                   const char **ret_allow);

/* Method and path of the route to @action, "*" in the place of a metric's name. */
void rm__route_describe(enum rm__action action, const char **ret_method, const char **ret_path,
                        bool *ret_is_internal);

#endif
