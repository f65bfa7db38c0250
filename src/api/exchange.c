#include "exchange.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"

enum {
    ERROR_BODY_MAX = 4 << 20,
    HEADERS_MAX = 2,
    /* A whole answer that is shorter is as much as its connection has to itself. */
    UNCOUNTED_BYTES_MAX = 64 << 10,
};

static const char json_type[] = "application/json";

struct rm_slice rm__exchange_name(const struct rm__exchange *exchange)
{
    return rm_slice_make(exchange->name.text, exchange->name.len);
}

bool rm__exchange_hold(struct rm__exchange *exchange, size_t n_bytes)
{
    if (exchange->answers == NULL) {
        return true;
    }
    if (!rm__answer_budget_take(exchange->answers, n_bytes)) {
        return false;
    }
    exchange->n_held += n_bytes;
    return true;
}

void rm__exchange_release(struct rm__exchange *exchange)
{
    if (exchange->answers != NULL) {
        rm__answer_budget_release(exchange->answers, exchange->n_held);
        exchange->n_held = 0;
    }
}

/* The field that the contract wants with a status, whatever the body is. */
static const struct rm_http_header *header_of_status(unsigned status)
{
    static const struct rm_http_header authenticate = {"WWW-Authenticate", "Bearer"};
    static const struct rm_http_header retry_after = {"Retry-After", "1"};

    switch (status) {
    case 401:
        return &authenticate;
    case 429:
    case 503:
        return &retry_after;
    default:
        return NULL;
    }
}

/* A node's request carries the ids of all the clients' requests in its batch; it is logged by
 * those, so that an id can be followed from control to the worker. */
static struct rm_slice id_for_log(const struct rm__exchange *exchange)
{
    struct rm_slice given = {NULL, 0};

    if (exchange->is_internal) {
        given = rm_http_request_header(exchange->http, "X-Request-Id");
    }
    return given.data != NULL ? given : rm_slice_of(exchange->request_id);
}

static void log_answer(const struct rm__exchange *exchange, unsigned status)
{
    if (rm_log_enabled(RM_LOG_DEBUG)) {
        rm_log(RM_LOG_DEBUG, "answered", rm_field_slice("request_id", id_for_log(exchange)),
               rm_field_slice("method", rm_http_request_method(exchange->http)),
               rm_field_slice("path", rm_http_request_path(exchange->http)),
               rm_field_int("status", status));
    }
}

static void count_answer(const struct rm__exchange *exchange, unsigned status)
{
    struct rm__meter *meter = exchange->meter;

    if (meter == NULL) {
        return;
    }
    rm__meter_count(meter, exchange->route, exchange->is_internal, status);
    if (exchange->since_us != 0) {
        rm__meter_time(meter, exchange->route, exchange->is_internal,
                       rm_clock_mono_us() - exchange->since_us);
    }
}

static void count_problem(const struct rm__exchange *exchange, enum rm__problem_kind kind)
{
    if (exchange->meter != NULL) {
        rm__meter_count_problem(exchange->meter, kind);
    }
}

/* Fills in the fields of an answer: the request's id, and @extra or what its status wants. */
static size_t make_headers(const struct rm__exchange *exchange, unsigned status,
                           const struct rm_http_header *extra,
                           struct rm_http_header ret_headers[HEADERS_MAX])
{
    size_t n = 0;

    if (exchange->request_id[0] != '\0') {
        ret_headers[n++] = (struct rm_http_header){"X-Request-Id", exchange->request_id};
    }
    if (extra == NULL) {
        extra = header_of_status(status);
    }
    if (extra != NULL) {
        ret_headers[n++] = *extra;
    }
    return n;
}

static void respond(struct rm__exchange *exchange, unsigned status, const char *content_type,
                    const struct rm_http_header *extra, char *body, size_t body_len)
{
    struct rm_http_header headers[HEADERS_MAX];
    size_t n;

    if (body_len > UNCOUNTED_BYTES_MAX && !rm__exchange_hold(exchange, body_len)) {
        free(body);
        rm__reply_out_of_memory(exchange);
        return;
    }
    n = make_headers(exchange, status, extra, headers);
    log_answer(exchange, status);
    count_answer(exchange, status);
    rm_http_request_respond(exchange->http, status, content_type, headers, n, body, body_len);
}

void rm__reply_stream(struct rm__exchange *exchange, unsigned status, const char *content_type,
                      const char *encoding, const struct rm_http_source *source)
{
    const struct rm_http_header encoded = {"Content-Encoding", encoding};
    struct rm_http_header headers[HEADERS_MAX];
    size_t n = make_headers(exchange, status, encoding == NULL ? NULL : &encoded, headers);

    log_answer(exchange, status);
    count_answer(exchange, status);
    rm_http_request_stream(exchange->http, status, content_type, headers, n, source);
}

/* Has the request perhaps been recorded by now? */
static bool may_have_written(const struct rm__exchange *exchange)
{
    if (exchange->route == NULL) {
        return false;
    }
    switch (exchange->route->action) {
    case RM__ACTION_RECORD:
    case RM__ACTION_RECORD_BATCH:
    case RM__ACTION_DELETE:
    case RM__ACTION_APPEND:
        return true;
    default:
        return false;
    }
}

void rm__reply_out_of_memory(struct rm__exchange *exchange)
{
    static const char overloaded[] = "{\"success\": false, \"error\": \"overloaded\", \"message\": "
                                     "\"The daemon is out of memory; try again later\"}";
    static const char unknown[] =
        "{\"success\": false, \"error\": \"outcome_unknown\", \"message\": \"The daemon is out of "
        "memory for its answer, and this may or may not be recorded; send the same request with "
        "the "
        "same Idempotency-Key\"}";
    const char *text = may_have_written(exchange) ? unknown : overloaded;
    char *body = strdup(text);

    count_problem(exchange, may_have_written(exchange) ? RM__OUTCOME_UNKNOWN : RM__OVERLOADED);
    respond(exchange, rm__problem_status(RM__OVERLOADED), json_type, NULL, body,
            body == NULL ? 0 : strlen(text));
}

void rm__reply_json(struct rm__exchange *exchange, unsigned status, struct rm_buffer *body)
{
    size_t len = body->len;

    respond(exchange, status, json_type, NULL, rm_buffer_take(body), len);
}

void rm__reply_written(struct rm__exchange *exchange, unsigned status,
                       const struct rm_json_writer *json, struct rm_buffer *body)
{
    if (rm_json_finish(json) != 0) {
        rm_buffer_done(body);
        rm__reply_out_of_memory(exchange);
        return;
    }
    rm__reply_json(exchange, status, body);
}

void rm__reply_bytes(struct rm__exchange *exchange, unsigned status, const char *content_type,
                     struct rm_slice bytes)
{
    char *copy = rm_slice_dup(bytes);

    if (copy == NULL) {
        rm__reply_out_of_memory(exchange);
        return;
    }
    respond(exchange, status, content_type, NULL, copy, bytes.len);
}

static void reply(struct rm__exchange *exchange, const struct rm__problem *problem,
                  const struct rm_http_header *header, rm__members_cb more, void *data)
{
    struct rm_buffer body;
    struct rm_json_writer json;
    size_t len;

    rm_buffer_init(&body, ERROR_BODY_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    rm_json_member_bool(&json, "success", false);
    rm_json_member_text(&json, "error", rm_slice_of(rm__problem_code(problem->kind)));
    rm_json_member_text(&json, "message", rm_slice_of(problem->message));
    if (more != NULL) {
        more(&json, data);
    }
    rm_json_object_end(&json);
    if (rm_json_finish(&json) != 0) {
        rm_buffer_done(&body);
        rm__reply_out_of_memory(exchange);
        return;
    }
    len = body.len;
    count_problem(exchange, problem->kind);
    respond(exchange, rm__problem_status(problem->kind), json_type, header, rm_buffer_take(&body),
            len);
}

void rm__reply_problem_with(struct rm__exchange *exchange, const struct rm__problem *problem,
                            rm__members_cb more, void *data)
{
    reply(exchange, problem, NULL, more, data);
}

void rm__reply_problem(struct rm__exchange *exchange, const struct rm__problem *problem)
{
    rm__reply_problem_with(exchange, problem, NULL, NULL);
}

void rm__reply_error(struct rm__exchange *exchange, enum rm__problem_kind kind, const char *format,
                     ...)
{
    struct rm__problem problem;
    va_list args;

    va_start(args, format);
    rm__problem_vset(&problem, kind, format, args);
    va_end(args);
    rm__reply_problem(exchange, &problem);
}

static void write_leader(struct rm_json_writer *json, void *data)
{
    const char *address = data;

    if (address != NULL) {
        rm_json_member_text(json, "leader", rm_slice_of(address));
    }
}

void rm__reply_not_leader(struct rm__exchange *exchange, uint32_t leader, const char *address)
{
    struct rm__problem problem;

    rm__problem_set(&problem, RM__NOT_LEADER, "Worker %" PRIu32 " leads this shard; send it there",
                    leader);
    rm__reply_problem_with(exchange, &problem, write_leader, (void *)(uintptr_t)address);
}

void rm__reply_not_allowed(struct rm__exchange *exchange, const char *allow)
{
    struct rm_http_header header = {"Allow", allow};
    struct rm__problem problem;

    rm__problem_set(&problem, RM__METHOD_NOT_ALLOWED, "This path takes %s", allow);
    reply(exchange, &problem, &header, NULL, NULL);
}
