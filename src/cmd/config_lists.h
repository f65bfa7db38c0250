/* The lists of a configuration: workers, tokens, and what patterns of names decide. Reasons are
 * sentences without the key and its source, which the caller knows. */
#ifndef RAFTMETRICS_SRC_CMD_CONFIG_LISTS_H
#define RAFTMETRICS_SRC_CMD_CONFIG_LISTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "raftmetrics/api/exposition_rule.h"
#include "raftmetrics/api/options.h"
#include "raftmetrics/base/bucket_rule.h"
#include "raftmetrics/base/retention.h"
#include "raftmetrics/base/slice.h"
#include "raftmetrics/cmd/complaint.h"

struct rm_worker_list {
    struct rm_worker_address *items;
    size_t n;
};

/* "worker-1:8081,[::1]:8082" or "2=worker-2:8082", each with "/9182" behind it for a peer port
 * other than port + 100; one without an id has its place, from 1.
 * Errors: RM_EINVAL with a reason; RM_ENOMEM. */
int rm_worker_list_parse(struct rm_slice text, struct rm_worker_list *ret_list,
                         struct rm_complaint *reason);

/* An array of such texts or of {"id": 2, "address": "host:port", "peer_port": 9182}, the last not
 * required, or one text as above. */
int rm_worker_list_from_json(const json_t *value, struct rm_worker_list *ret_list,
                             struct rm_complaint *reason);
void rm_worker_list_done(struct rm_worker_list *list);

struct rm_token_list {
    struct rm_token *items;
    size_t n;
};

/* An array of {"name", "token", "scopes"}. Errors: RM_EINVAL with a reason; RM_ENOMEM. */
int rm_token_list_from_json(const json_t *value, struct rm_token_list *ret_list,
                            struct rm_complaint *reason);
/* Copies the texts. Errors: RM_EINVAL with a reason where name or secret stands there already or
 * is not visible ASCII; RM_ENOMEM. */
int rm_token_list_add(struct rm_token_list *list, struct rm_slice name, struct rm_slice secret,
                      unsigned scopes, struct rm_complaint *reason);
void rm_token_list_done(struct rm_token_list *list);

struct rm_bounds_list {
    struct rm_bucket_rule *items; /* valid; patterns are NUL-terminated */
    size_t n;
};

/* An object whose keys are patterns of names and whose values are arrays of bounds, in its order.
 * Errors: RM_EINVAL with a reason; RM_ENOMEM. */
int rm_bounds_list_from_json(const json_t *value, struct rm_bounds_list *ret_list,
                             struct rm_complaint *reason);
json_t *rm_bounds_list_to_json(const struct rm_bounds_list *list);
/* http.*=0.1,1,2.5;*_bytes=1000,1000000 */
void rm_bounds_list_show(FILE *out, const struct rm_bounds_list *list);
void rm_bounds_list_done(struct rm_bounds_list *list);

struct rm_exposition_list {
    struct rm_exposition_rule *items; /* valid; patterns are NUL-terminated */
    size_t n;
};

/* An array of {"pattern", "as"}. Errors: RM_EINVAL with a reason; RM_ENOMEM. */
int rm_exposition_list_from_json(const json_t *value, struct rm_exposition_list *ret_list,
                                 struct rm_complaint *reason);
json_t *rm_exposition_list_to_json(const struct rm_exposition_list *list);
/* *_total=counter;http.*=histogram */
void rm_exposition_list_show(FILE *out, const struct rm_exposition_list *list);
void rm_exposition_list_done(struct rm_exposition_list *list);

struct rm_retention_list {
    struct rm_retention_rule *items; /* valid; patterns are NUL-terminated */
    size_t n;
};

/* An array of {"pattern", "max_age"}. Errors: RM_EINVAL with a reason; RM_ENOMEM. */
int rm_retention_list_from_json(const json_t *value, struct rm_retention_list *ret_list,
                                struct rm_complaint *reason);
json_t *rm_retention_list_to_json(const struct rm_retention_list *list);
/* cpu_*=30d;*=90m */
void rm_retention_list_show(FILE *out, const struct rm_retention_list *list);
void rm_retention_list_done(struct rm_retention_list *list);

#endif
