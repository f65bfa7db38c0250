#include "admission.h"

#include "auth.h"
#include "media_type.h"
#include "raftmetrics/base/error.h"
#include "write.h"

/* False: answered. */
static bool authenticate(struct rm__exchange *exchange, const struct rm_api_options *options,
                         struct rm_slice path)
{
    struct rm_slice field = rm_http_request_header(exchange->http, "Authorization");

    if (!exchange->is_internal && (rm_slice_is(path, "/livez") || rm_slice_is(path, "/readyz"))) {
        return true;
    }
    if (exchange->is_internal) {
        if (rm__auth_is_cluster(options->cluster_secret, field)) {
            return true;
        }
        rm__reply_error(exchange, RM__UNAUTHORIZED,
                        "This path is for the nodes of the cluster, with the cluster's secret");
        return false;
    }
    exchange->token = rm__auth_token(options->tokens, options->n_tokens, field);
    if (exchange->token != NULL) {
        return true;
    }
    rm__reply_error(exchange, RM__UNAUTHORIZED,
                    field.data == NULL
                        ? "Send a token: the header Authorization: Bearer TOKEN is missing"
                        : "The token is not valid here; send Authorization: Bearer TOKEN");
    return false;
}

/* False: answered. */
static bool find_route(struct rm__exchange *exchange, struct rm_slice path)
{
    const char *allow = NULL;
    int rv = rm__route_find(rm_http_request_method(exchange->http), path, exchange->is_internal,
                            &exchange->route, &exchange->name, &allow);

    switch (rv) {
    case 0:
        return true;
    case RM_EINVAL:
        rm__reply_not_allowed(exchange, allow);
        return false;
    case RM_ESYNTAX:
        rm__reply_error(exchange, RM__INVALID_METRIC_NAME_IN_PATH,
                        "The metric name in the path is not one: percent-encode it once, with '/' "
                        "as %%2F");
        return false;
    default:
        rm__reply_error(exchange, RM__NOT_FOUND,
                        "There is nothing at this path; see /metrics, /status and /health");
        return false;
    }
}

/* False: answered. */
static bool check_scope(struct rm__exchange *exchange)
{
    unsigned scope = exchange->route->scope;

    if (scope == 0 || exchange->is_internal || (exchange->token->scopes & scope) != 0) {
        return true;
    }
    rm__reply_error(exchange, RM__FORBIDDEN, "The token \"%s\" lacks the scope %s",
                    exchange->token->name,
                    scope == RM_SCOPE_READ    ? "read"
                    : scope == RM_SCOPE_WRITE ? "write"
                                              : "admin");
    return false;
}

/* JSON is UTF-8; who names another charset would be misread. */
static bool is_json(const struct rm__media_type *type)
{
    struct rm_slice charset = rm__media_type_param(type, "charset");

    return (charset.data == NULL || rm_slice_equal_nocase(charset, rm_slice_of("utf-8"))) &&
           (rm__media_type_is(type, "application/json") ||
            rm__media_type_is(type, "application/x-www-form-urlencoded"));
}

/* False: answered. */
static bool check_media_type(struct rm__exchange *exchange)
{
    struct rm__media_type type =
        rm__media_type_read(rm_http_request_header(exchange->http, "Content-Type"));

    if (type.name.data == NULL || is_json(&type)) {
        return true;
    }
    if (exchange->route->action == RM__ACTION_RECORD_BATCH &&
        (rm__media_type_is(&type, "text/plain") ||
         rm__media_type_is(&type, "application/openmetrics-text"))) {
        rm__reply_error(exchange, RM__NOT_IMPLEMENTED, "A batch as text is not implemented yet");
        return false;
    }
    rm__reply_error(exchange, RM__UNSUPPORTED_MEDIA_TYPE,
                    "Send the body as Content-Type: application/json, in UTF-8");
    return false;
}

/* False: answered. */
static bool check_encoding(struct rm__exchange *exchange)
{
    struct rm_slice encoding = rm_http_request_header(exchange->http, "Content-Encoding");

    if (encoding.len == 0 || rm_slice_equal_nocase(encoding, rm_slice_of("gzip")) ||
        rm_slice_equal_nocase(encoding, rm_slice_of("identity"))) {
        return true;
    }
    rm__reply_error(exchange, RM__UNSUPPORTED_ENCODING,
                    "The body may be sent as it is or with Content-Encoding: gzip");
    return false;
}

/* False: answered. */
static bool check_body(struct rm__exchange *exchange, const struct rm_api_options *options)
{
    const struct rm_api_limits *limits = &options->limits;
    enum rm__action action = exchange->route->action;
    bool wants_json = action == RM__ACTION_RECORD || action == RM__ACTION_RECORD_BATCH;

    if (wants_json && !(check_media_type(exchange) && check_encoding(exchange))) {
        return false;
    }
    if ((wants_json || action == RM__ACTION_APPEND) &&
        !rm_http_request_has_length(exchange->http)) {
        rm__reply_error(exchange, RM__LENGTH_REQUIRED,
                        "Send a body, with Content-Length or in chunks");
        return false;
    }
    rm_http_request_expect_body(exchange->http, action == RM__ACTION_APPEND ? RM__APPEND_BYTES_MAX
                                                : action == RM__ACTION_RECORD_BATCH
                                                    ? limits->max_batch_bytes
                                                    : limits->max_body_bytes);
    return true;
}

void rm__admission_check(struct rm__exchange *exchange, const struct rm_api_options *options,
                         struct rm_slice path)
{
    /* Each check answers where it fails; the first that does ends the request. */
    (void)(authenticate(exchange, options, path) && find_route(exchange, path) &&
           check_scope(exchange) && check_body(exchange, options));
}
