#include "front.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "accept.h"
#include "admission.h"
#include "exchange.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/random.h"
#include "raftmetrics/partitioning/shard_map.h"
#include "read_query.h"
#include "wire.h"
#include "write.h"

enum { DRAIN_LOOK_MS = 10, ABANDON_MS = 500, READY_LINES_MAX = 64 << 10, HEALTH_MESSAGE_MAX = 128 };

/* ---- the header section ---- */

static bool is_visible_ascii(struct rm_slice text)
{
    return rm_slice_all_between(text, 0x21, 0x7e);
}

static void set_request_id(struct rm__front *front, struct rm__exchange *exchange)
{
    struct rm_slice given = rm_http_request_header(exchange->http, "X-Request-Id");

    if (given.len > 0 && given.len <= RM__REQUEST_ID_MAX && is_visible_ascii(given)) {
        memcpy(exchange->request_id, given.data, given.len);
        exchange->request_id[given.len] = '\0';
        return;
    }
    snprintf(exchange->request_id, sizeof exchange->request_id, "%s-%" PRIx64, front->id_prefix,
             front->n_requests);
}

static struct rm__exchange *exchange_new(struct rm__front *front, struct rm_http_request *http)
{
    struct rm__exchange *exchange = malloc(sizeof *exchange);

    if (exchange == NULL) {
        return NULL;
    }
    front->n_requests++;
    exchange->http = http;
    exchange->front = front;
    exchange->route = NULL;
    exchange->name.len = 0;
    exchange->params = (struct rm__params){0};
    exchange->token = NULL;
    exchange->is_internal = false;
    exchange->meter = front->meter;
    exchange->since_us = 0;
    exchange->deadline_ms = UINT64_MAX;
    exchange->answers = &front->answers;
    exchange->n_held = 0;
    set_request_id(front, exchange);
    rm_http_request_set_context(http, exchange);
    return exchange;
}

static void reply_without_exchange(const struct rm__front *front, struct rm_http_request *http,
                                   enum rm__problem_kind kind, const char *message)
{
    struct rm__exchange exchange = {.http = http, .meter = front->meter};

    rm__reply_error(&exchange, kind, "%s", message);
}

static void on_fault(struct rm_http_request *http, enum rm_http_fault fault, void *data)
{
    static const struct {
        enum rm__problem_kind kind;
        const char *message;
    } answers[] = {
        [RM_HTTP_BAD_FRAMING] = {RM__BAD_REQUEST,
                                 "The request is not well-formed HTTP/1.1; check its target, its "
                                 "header fields and how its length is given"},
        [RM_HTTP_TARGET_TOO_LONG] = {RM__TARGET_TOO_LONG,
                                     "The request target is longer than this daemon takes"},
        [RM_HTTP_HEADERS_TOO_LARGE] = {RM__HEADERS_TOO_LARGE,
                                       "The header fields are more or larger than this daemon "
                                       "takes"},
        [RM_HTTP_BAD_VERSION] = {RM__BAD_VERSION, "Speak HTTP/1.1"},
        [RM_HTTP_BODY_TOO_LARGE] = {RM__BODY_TOO_LARGE,
                                    "The body, decompressed, is larger than this path takes; send "
                                    "less at a time"},
        [RM_HTTP_BAD_ENCODING] = {RM__INVALID_ENCODING,
                                  "The body is not the gzip that Content-Encoding announces"},
        [RM_HTTP_OUT_OF_MEMORY] = {RM__OVERLOADED, "Out of memory; try again later"},
    };
    struct rm__exchange *exchange = rm_http_request_context(http);

    if (exchange == NULL) {
        reply_without_exchange(data, http, answers[fault].kind, answers[fault].message);
    } else {
        rm__reply_error(exchange, answers[fault].kind, "%s", answers[fault].message);
    }
}

static void on_headers(struct rm_http_request *http, void *data)
{
    struct rm__front *front = data;
    struct rm__exchange *exchange = exchange_new(front, http);
    struct rm_slice path = rm_http_request_path(http);

    if (exchange == NULL) {
        reply_without_exchange(front, http, RM__OVERLOADED, "Out of memory; try again later");
        return;
    }
    exchange->is_internal = rm__route_strip_internal(&path);
    if (!exchange->is_internal &&
        rm_http_request_target(http).len > front->options->limits.max_target_bytes) {
        on_fault(http, RM_HTTP_TARGET_TOO_LONG, front);
        return;
    }
    rm__admission_check(exchange, front->options, path);
}

/* ---- the whole request ---- */

/* False: answered. */
static bool read_params(struct rm__exchange *exchange)
{
    struct rm_slice culprit;
    bool is_repeated;
    int rv = rm__params_init(&exchange->params, rm_http_request_query(exchange->http));

    switch (rv) {
    case 0:
        break;
    case RM_ETOOBIG:
        rm__reply_error(exchange, RM__INVALID_PARAMETER, "The query has more than %d parameters",
                        RM__PARAMS_MAX);
        return false;
    case RM_ENOMEM:
        rm__reply_error(exchange, RM__OVERLOADED, "Out of memory; try again later");
        return false;
    default:
        rm__reply_error(exchange, RM__INVALID_PARAMETER,
                        "The query is not percent-encoded UTF-8, or holds %%00");
        return false;
    }
    if (rm__params_check(&exchange->params, exchange->route->params, exchange->route->repeated,
                         &culprit, &is_repeated)) {
        return true;
    }
    rm__reply_error(exchange, RM__INVALID_PARAMETER,
                    is_repeated ? "The query parameter \"%.*s\" stands more than once"
                                : "There is no query parameter \"%.*s\" here",
                    RM__QUOTE(culprit));
    return false;
}

/* As Kubernetes has them: there, unless it says that it is not. */
static bool has_flag(const struct rm__exchange *exchange, const char *name)
{
    struct rm_slice text = rm__params_get(&exchange->params, name);

    return text.data != NULL && !rm_slice_is(text, "false");
}

static void reply_plain(struct rm__exchange *exchange, bool is_ok, struct rm_buffer *lines)
{
    bool is_verbose = has_flag(exchange, "verbose");
    struct rm_slice text =
        is_verbose ? rm_buffer_peek(lines) : rm_slice_of(is_ok ? "ok\n" : "not ready\n");

    rm__reply_bytes(exchange, is_ok ? 200 : 503, "text/plain; charset=utf-8", text);
    rm_buffer_done(lines);
}

static void reply_live(struct rm__exchange *exchange)
{
    struct rm_buffer lines;

    rm_buffer_init(&lines, READY_LINES_MAX);
    (void)rm_buffer_append_text(&lines, "[+] event loop: turns\n");
    reply_plain(exchange, true, &lines);
}

static void reply_ready(struct rm__front *front, struct rm__exchange *exchange)
{
    bool all = has_flag(exchange, "all");
    struct rm_buffer lines;
    bool is_ready;

    rm_buffer_init(&lines, READY_LINES_MAX);
    is_ready = front->backend->ready(front->data, all, &lines);
    if (front->is_draining) {
        is_ready = false;
        (void)rm_buffer_append_text(&lines, "[-] shutting down\n");
    }
    reply_plain(exchange, is_ready, &lines);
}

static void reply_health(struct rm__front *front, struct rm__exchange *exchange)
{
    char message[HEALTH_MESSAGE_MAX];
    bool is_healthy = front->backend->health(front->data, message, sizeof message);
    struct rm_buffer body;
    struct rm_json_writer json;

    rm_buffer_init(&body, sizeof message * 2);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    rm_json_member_text(&json, "status", rm_slice_of(is_healthy ? "healthy" : "unhealthy"));
    rm_json_member_text(&json, "message", rm_slice_of(message));
    rm_json_object_end(&json);
    rm__reply_written(exchange, is_healthy ? 200 : 503, &json, &body);
}

static void reply_self_metrics(struct rm__front *front, struct rm__exchange *exchange)
{
    struct rm_exposition_style style =
        rm__accept_style(rm_http_request_header(exchange->http, "Accept"));
    struct rm_exposition exposition;
    struct rm_buffer body;

    rm_buffer_init(&body, RM__ANSWER_BYTES_MAX);
    rm_exposition_init(&exposition, style, &body);
    front->backend->self_metrics(front->data, &exposition);
    rm_exposition_end(&exposition);
    if (rm_exposition_finish(&exposition) == 0) {
        rm__reply_bytes(exchange, 200, rm_exposition_content_type(style), rm_buffer_peek(&body));
    } else {
        rm__reply_out_of_memory(exchange);
    }
    rm_exposition_done(&exposition);
    rm_buffer_done(&body);
}

/* Refuses bad parameters here, on control as on a worker, then hands over. */
static void read_metric(struct rm__front *front, struct rm__exchange *exchange)
{
    struct rm_slice name = rm__exchange_name(exchange);
    uint32_t n_shards = front->backend->n_shards(front->data);
    struct rm__read_query query;
    struct rm__problem problem;

    if (rm__read_query_init(&query, exchange->route->action, name, &exchange->params,
                            rm_http_request_header(exchange->http, "Accept"), rm_clock_wall_ms(),
                            &problem) != 0) {
        rm__reply_problem(exchange, &problem);
        return;
    }
    if (exchange->route->action == RM__ACTION_LIST) {
        if (query.wants_json) {
            front->backend->list(front->data, exchange);
        } else {
            front->backend->expose(front->data, exchange, query.style);
        }
        return;
    }
    if (n_shards == 0) {
        rm__reply_error(exchange, RM__NO_LEADER, "No worker has answered yet; try again soon");
        return;
    }
    front->backend->read(front->data, exchange, rm_shard_of(name, n_shards));
}

static void dispatch(struct rm__front *front, struct rm__exchange *exchange)
{
    switch (exchange->route->action) {
    case RM__ACTION_LIVEZ:
        reply_live(exchange);
        break;
    case RM__ACTION_READYZ:
        reply_ready(front, exchange);
        break;
    case RM__ACTION_HEALTH:
        reply_health(front, exchange);
        break;
    case RM__ACTION_STATUS:
        front->backend->status(front->data, exchange);
        break;
    case RM__ACTION_STATUS_METRICS:
        reply_self_metrics(front, exchange);
        break;
    case RM__ACTION_RECORD:
    case RM__ACTION_RECORD_BATCH:
    case RM__ACTION_DELETE:
        rm__write_request(front, exchange);
        break;
    case RM__ACTION_LIST:
    case RM__ACTION_VALUES:
    case RM__ACTION_SERIES:
    case RM__ACTION_AGGREGATE:
    case RM__ACTION_HISTOGRAM:
        read_metric(front, exchange);
        break;
    case RM__ACTION_CLUSTER:
    case RM__ACTION_APPEND:
    case RM__ACTION_SESSION:
    case RM__ACTION_ADMIT:
    case RM__ACTION_LEAD:
    case RM__ACTION_HASHES:
    case RM__ACTION_MEMBERS:
    case RM__ACTION_EXPOSITION:
        front->backend->internal(front->data, exchange);
        break;
    }
}

static void on_complete(struct rm_http_request *http, void *data)
{
    struct rm__front *front = data;
    struct rm__exchange *exchange = rm_http_request_context(http);
    struct rm__problem problem;

    /* From here on: how long the client took to send its body is its own time. */
    exchange->deadline_ms = rm_loop_now_ms(front->loop) + front->options->limits.client_deadline_ms;
    exchange->since_us = rm_clock_mono_us();
    if (!read_params(exchange)) {
        return;
    }
    if (exchange->is_internal && !front->backend->admits(front->data, exchange, &problem)) {
        rm__reply_problem(exchange, &problem);
        return;
    }
    dispatch(front, exchange);
}

static void on_gone(struct rm_http_request *http, void *data)
{
    struct rm__exchange *exchange = rm_http_request_context(http);

    (void)data;
    if (exchange != NULL) {
        rm__exchange_release(exchange);
        rm__params_done(&exchange->params);
        free(exchange);
    }
}

static void on_pass(void *data)
{
    struct rm__front *front = data;

    front->backend->pass(front->data);
}

/* ---- life ---- */

int rm__front_init(struct rm__front *front, struct rm_loop *loop,
                   const struct rm_api_options *options, enum rm_port_sharing sharing,
                   const struct rm__backend *backend, void *data, struct rm__meter *meter)
{
    static const struct rm_http_service service = {on_headers, on_complete, on_fault, on_gone,
                                                   on_pass};
    const struct rm_api_limits *limits = &options->limits;
    struct rm_http_server_options server_options = {
        .address = options->listen,
        .port = options->port,
        .sharing = sharing,
        .max_connections = limits->max_connections,
        .max_headers = limits->max_headers,
        .max_header_bytes = limits->max_header_bytes,
        /* What control forwards has the prefix of the cluster's own paths. */
        .max_target_bytes = limits->max_target_bytes + sizeof RM__WIRE_PREFIX,
        .request_timeout_ms = limits->request_timeout_ms,
        .idle_timeout_ms = limits->idle_timeout_ms,
    };

    *front = (struct rm__front){.loop = loop,
                                .options = options,
                                .backend = backend,
                                .data = data,
                                .meter = meter,
                                .answers = {.max_bytes = limits->max_answers_bytes}};
    rm_random_hex(front->id_prefix, RM__ID_PREFIX_BYTES);
    return rm_http_server_new(loop, &server_options, &service, front, &front->server);
}

/* The time is over: who still waits is told so, and has a moment to hear it. */
static void abandon(struct rm__front *front)
{
    front->has_abandoned = true;
    front->drain_until_ms += ABANDON_MS;
    if (front->backend->abandon != NULL) {
        front->backend->abandon(front->data);
    }
}

/* An answer that was given at the last look may still be on its way into its socket: two looks
 * without anything waiting, then it is out. */
static void look_whether_drained(void *data)
{
    struct rm__front *front = data;
    bool is_late = rm_loop_now_ms(front->loop) >= front->drain_until_ms;

    front->n_quiet_looks =
        rm_http_server_waiting(front->server) == 0 ? front->n_quiet_looks + 1 : 0;
    if (front->n_quiet_looks >= 2 || (is_late && front->has_abandoned)) {
        rm_timer_stop(front->drain_timer);
        front->drained_cb(front->drained_data);
    } else if (is_late) {
        abandon(front);
    }
}

void rm__front_drain(struct rm__front *front, uint64_t timeout_ms, rm_loop_cb cb, void *data)
{
    front->is_draining = true;
    rm_http_server_quiesce(front->server);
    front->drained_cb = cb;
    front->drained_data = data;
    front->drain_until_ms = rm_loop_now_ms(front->loop) + timeout_ms;
    front->drain_timer = rm_timer_new(front->loop, look_whether_drained, front);
    if (front->drain_timer == NULL) {
        cb(data);
        return;
    }
    rm_timer_start(front->drain_timer, 0, DRAIN_LOOK_MS);
}

void rm__front_done(struct rm__front *front)
{
    rm_timer_free(front->drain_timer);
    rm_http_server_free(front->server);
    front->server = NULL;
}
