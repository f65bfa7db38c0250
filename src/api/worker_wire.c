/* What control says to a worker, below /internal. */
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "worker_internal.h"

bool rm__worker_admits(void *data, struct rm__exchange *exchange, struct rm__problem *ret_problem)
{
    const struct rm_worker *worker = data;
    struct rm_slice field = rm_http_request_header(exchange->http, RM__WIRE_CLUSTER_FIELD);

    /* Who asks for the map does not know it yet. */
    if (exchange->route->action == RM__ACTION_CLUSTER || rm_slice_is(field, worker->fingerprint)) {
        return true;
    }
    rm__problem_set(ret_problem, RM__WRONG_CLUSTER,
                    "This worker belongs to cluster \"%s\" with fingerprint %s; the sender has "
                    "another map",
                    worker->options.api.cluster_name, worker->fingerprint);
    return false;
}

/* The shard map as this worker sees it, and which shards it leads. */
static void reply_cluster(struct rm_worker *worker, struct rm__exchange *exchange)
{
    struct rm_buffer body;
    struct rm_json_writer json;

    rm_buffer_init(&body, RM__STATUS_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    rm__worker_write_cluster(worker, &json);
    rm_json_member_uint(&json, "worker", worker->options.worker_id);
    rm_json_key(&json, "leads");
    rm_json_array_begin(&json);
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        uint32_t leader;

        if (rm__worker_led_shard(worker, i, &leader) != NULL) {
            rm_json_uint(&json, i);
        }
    }
    rm_json_array_end(&json);
    rm_json_object_end(&json);
    rm__reply_written(exchange, 200, &json, &body);
}

static void on_appended(int status, struct rm_slice result, void *data)
{
    struct rm__exchange *exchange = data;

    switch (status) {
    case 0:
        rm__reply_bytes(exchange, 200, RM__WIRE_PROTOBUF, result);
        break;
    case RM_ENOTLEADER:
        rm__reply_error(exchange, RM__NO_LEADER, "The shard's leader was lost");
        break;
    default:
        rm__reply_error(exchange, RM__OUTCOME_UNKNOWN, "The shard's leader was lost");
        break;
    }
}

static void append(struct rm_worker *worker, struct rm__exchange *exchange)
{
    struct rm__shard *shard;
    uint32_t leader;
    int64_t id;
    int rv;

    if (rm_int_parse(rm__params_get(&exchange->params, "shard"), 0,
                     (int64_t)worker->options.n_shards - 1, &id) != 0) {
        rm__reply_error(exchange, RM__INVALID_PARAMETER, "shard is not one of this cluster");
        return;
    }
    if (worker->front.is_draining) {
        rm__reply_error(exchange, RM__SHUTTING_DOWN, "This worker is shutting down");
        return;
    }
    shard = rm__worker_led_shard(worker, (uint32_t)id, &leader);
    if (shard == NULL) {
        rm__reply_not_leader(exchange, leader, rm__worker_address(worker, leader));
        return;
    }
    rv = rm__shard_propose(shard, rm_clock_wall_ms(), (struct rm_session){0}, 0,
                           rm_http_request_body(exchange->http), on_appended, exchange);
    if (rv == RM_EINVAL) {
        rm__reply_error(exchange, RM__INVALID_BODY, "The body is not a valid WriteBatch");
    } else if (rv != 0) {
        rm__reply_error(exchange, RM__OVERLOADED, "%s", rm_strerror(rv));
    }
}

void rm__worker_internal(void *data, struct rm__exchange *exchange)
{
    if (exchange->route->action == RM__ACTION_CLUSTER) {
        reply_cluster(data, exchange);
    } else {
        append(data, exchange);
    }
}
