/* Reads of what this worker holds. */
#include <stdlib.h>

#include "../wire.h"
#include "answer.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/base/timestamp.h"
#include "worker_internal.h"

/* A read of one metric that waits for its level. */
struct pending_read {
    struct rm_worker *worker;
    struct rm__exchange *exchange;
    struct rm__shard *shard;
};

/* What time it is to who stamps values, for that is when a window ends: control's clock, or ours
 * where a client asks us. */
static int64_t now_of(const struct rm__exchange *exchange)
{
    struct rm_slice text = rm_http_request_header(exchange->http, RM__WIRE_NOW_FIELD);
    int64_t now_ms;

    return exchange->is_internal && text.data != NULL &&
                   rm_int_parse(text, RM_TIMESTAMP_MIN_MS, RM_TIMESTAMP_MAX_MS, &now_ms) == 0
               ? now_ms
               : rm_clock_wall_ms();
}

int rm__worker_query(struct rm__exchange *exchange, struct rm__read_query *ret_query)
{
    struct rm__problem problem;
    int rv = rm__read_query_init(
        ret_query, exchange->route->action, rm__exchange_name(exchange), &exchange->params,
        rm_http_request_header(exchange->http, "Accept"), now_of(exchange), &problem);

    if (rv != 0) {
        rm__reply_problem(exchange, &problem);
    }
    return rv;
}

void rm__worker_reply_unreadable(struct rm__exchange *exchange, int error)
{
    switch (error) {
    case RM_ENOSPACE:
        rm__reply_error(exchange, RM__DISK_LOW,
                        "A linearizable read writes an entry, and the leader's disk has less free "
                        "space than min_free_disk_bytes");
        break;
    case RM_ENOMEM:
        rm__reply_error(exchange, RM__OVERLOADED, "Out of memory; try again later");
        break;
    default:
        rm__reply_error(exchange, RM__NO_LEADER, "The shard's leader was lost; try again");
        break;
    }
}

static void answer(const struct pending_read *read, const struct rm__read_query *query)
{
    struct rm__exchange *exchange = read->exchange;
    struct rm_store *store = rm__shard_store(read->shard);

    switch (exchange->route->action) {
    case RM__ACTION_AGGREGATE:
        rm__answer_aggregate(exchange, store, query, &read->worker->slow_reads);
        break;
    case RM__ACTION_HISTOGRAM:
        rm__answer_histogram(exchange, store, query, &read->worker->slow_reads);
        break;
    case RM__ACTION_SERIES:
        rm__answer_series(exchange, store, query);
        break;
    default:
        rm__answer_values(exchange, store, query, &read->worker->slow_reads);
        break;
    }
}

static void on_readable(int status, void *data)
{
    struct pending_read read = *(struct pending_read *)data;
    struct rm__read_query query;

    free(data);
    if (status != 0) {
        rm__worker_reply_unreadable(read.exchange, status);
        return;
    }
    if (rm__worker_query(read.exchange, &query) != 0) {
        return;
    }
    answer(&read, &query);
}

/* Any replica answers for level none. NULL: answered. */
static struct rm__shard *find_readable(const struct rm_worker *worker,
                                       struct rm__exchange *exchange, uint32_t id,
                                       enum rm_read_level level)
{
    uint32_t leader;
    struct rm__shard *shard = rm__worker_led_shard(worker, id, &leader);

    if (shard == NULL && level == RM_READ_NONE) {
        shard = rm__worker_shard(worker, id);
    }
    if (shard == NULL) {
        rm__worker_reply_not_leader(worker, exchange, leader);
    }
    return shard;
}

void rm__worker_read(void *data, struct rm__exchange *exchange, uint32_t shard)
{
    struct pending_read read = {.worker = data, .exchange = exchange};
    struct pending_read *pending;
    struct rm__read_query query;

    if (rm__worker_query(exchange, &query) != 0) {
        return;
    }
    read.shard = find_readable(data, exchange, shard, query.level);
    if (read.shard == NULL) {
        return;
    }
    pending = malloc(sizeof *pending);
    if (pending == NULL) {
        rm__reply_error(exchange, RM__OVERLOADED, "Out of memory; try again later");
        return;
    }
    *pending = read;
    rm_replica_read(rm__shard_replica(read.shard), query.level, on_readable, pending);
}
