/* Reads of what this worker holds. */
#include <stdlib.h>

#include "answer.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "worker_internal.h"

enum { LIST_BYTES_MAX = 1 << 30 };

/* A read of one metric that waits for its level. */
struct pending_read {
    struct rm_worker *worker;
    struct rm__exchange *exchange;
    struct rm__shard *shard;
};

static int query_of(struct rm__exchange *exchange, struct rm__read_query *ret_query)
{
    struct rm__problem problem;
    int rv = rm__read_query_init(
        ret_query, exchange->route->action, rm__exchange_name(exchange), &exchange->params,
        rm_http_request_header(exchange->http, "Accept"), rm_clock_wall_ms(), &problem);

    if (rv != 0) {
        rm__reply_problem(exchange, &problem);
    }
    return rv;
}

static void reply_unreadable(struct rm__exchange *exchange, int error)
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
        rm__answer_values(exchange, store, query);
        break;
    }
}

static void on_readable(int status, void *data)
{
    struct pending_read read = *(struct pending_read *)data;
    struct rm__read_query query;

    free(data);
    if (status != 0) {
        reply_unreadable(read.exchange, status);
        return;
    }
    if (query_of(read.exchange, &query) != 0) {
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

    if (query_of(exchange, &query) != 0) {
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

static int compare_infos(const void *a, const void *b)
{
    return rm_slice_compare(((const struct rm_metric_info *)a)->name,
                            ((const struct rm_metric_info *)b)->name);
}

/* Appends to @infos the metrics of one shard, at most the query's limit. */
static int list_shard(struct rm__shard *shard, const struct rm__read_query *query,
                      struct rm_buffer *infos, bool *has_more)
{
    struct rm_metric_info *room;
    size_t n;
    bool more;
    int rv = rm_buffer_reserve(infos, query->limit * sizeof *room);

    if (rv != 0) {
        return rv;
    }
    room = (struct rm_metric_info *)(void *)(infos->data + infos->len);
    rv = rm_store_list(rm__shard_store(shard), query->prefix, query->after, query->limit, room, &n,
                       &more);
    if (rv == 0) {
        infos->len += n * sizeof *room;
        *has_more = *has_more || more;
    }
    return rv;
}

static void write_infos(struct rm_json_writer *json, const struct rm_metric_info *infos, size_t n,
                        uint32_t worker_id)
{
    rm_json_key(json, "metrics");
    rm_json_array_begin(json);
    for (size_t i = 0; i < n; i++) {
        rm_json_object_begin(json);
        rm_json_member_text(json, "metric_name", infos[i].name);
        rm_json_member_uint(json, "series", infos[i].n_series);
        rm_json_member_uint(json, "count", infos[i].n_samples);
        rm_json_member_double(json, "last", infos[i].last);
        rm_json_member_uint(json, "worker", worker_id);
        rm_json_object_end(json);
    }
    rm_json_array_end(json);
}

/* Control must know that each shard is listed once, while leaders may change. */
static void write_listed_shards(struct rm_json_writer *json, const struct rm_worker *worker)
{
    rm_json_key(json, "shards");
    rm_json_array_begin(json);
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        uint32_t leader;

        if (rm__worker_led_shard(worker, i, &leader) != NULL) {
            rm_json_uint(json, i);
        }
    }
    rm_json_array_end(json);
}

static void reply_list(struct rm_worker *worker, struct rm__exchange *exchange,
                       struct rm_buffer *infos, const struct rm__read_query *query, bool has_more)
{
    struct rm_metric_info *sorted = (struct rm_metric_info *)(void *)infos->data;
    size_t n = infos->len / sizeof *sorted;
    struct rm_buffer body;
    struct rm_json_writer json;

    if (n > 0) {
        qsort(sorted, n, sizeof *sorted, compare_infos);
    }
    if (n > query->limit) {
        n = query->limit;
        has_more = true;
    }
    rm_buffer_init(&body, RM__ANSWER_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    write_infos(&json, sorted, n, worker->options.worker_id);
    rm_json_key(&json, "next");
    if (has_more && n > 0) {
        rm_json_text(&json, sorted[n - 1].name);
    } else {
        rm_json_null(&json);
    }
    if (exchange->is_internal) {
        write_listed_shards(&json, worker);
    }
    rm_json_object_end(&json);
    rm__reply_written(exchange, 200, &json, &body);
}

/* Lists what this worker leads. */
static void list_led(struct rm_worker *worker, struct rm__exchange *exchange)
{
    struct rm__read_query query;
    struct rm_buffer infos;
    bool has_more = false;
    int rv = 0;

    if (query_of(exchange, &query) != 0) {
        return;
    }
    rm_buffer_init(&infos, LIST_BYTES_MAX);
    for (uint32_t i = 0; rv == 0 && i < worker->options.n_shards; i++) {
        uint32_t leader;
        struct rm__shard *shard = rm__worker_led_shard(worker, i, &leader);

        if (shard != NULL) {
            rv = list_shard(shard, &query, &infos, &has_more);
        }
    }
    if (rv == 0) {
        reply_list(worker, exchange, &infos, &query, has_more);
    } else {
        rm__reply_error(exchange, RM__OVERLOADED, "Out of memory for this answer; ask for less");
    }
    rm_buffer_done(&infos);
}

/* A linearizable listing: each shard that was led when it came is to say that it still is. One that
 * is led only since then has had a barrier since then. */
struct pending_list {
    struct rm_worker *worker;
    struct rm__exchange *exchange;
    size_t n_pending;
    int status; /* the first that was none of success */
};

static void on_shard_listable(int status, void *data)
{
    struct pending_list *list = data;

    if (list->status == 0) {
        list->status = status;
    }
    if (--list->n_pending > 0) {
        return;
    }
    if (list->status == 0) {
        list_led(list->worker, list->exchange);
    } else {
        reply_unreadable(list->exchange, list->status);
    }
    free(list);
}

static void list_linearizable(struct rm_worker *worker, struct rm__exchange *exchange)
{
    struct pending_list *list = malloc(sizeof *list);

    if (list == NULL) {
        reply_unreadable(exchange, RM_ENOMEM);
        return;
    }
    *list = (struct pending_list){.worker = worker, .exchange = exchange, .n_pending = 1};
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        uint32_t leader;
        struct rm__shard *shard = rm__worker_led_shard(worker, i, &leader);

        if (shard != NULL) {
            list->n_pending++;
            rm_replica_read(rm__shard_replica(shard), RM_READ_LINEARIZABLE, on_shard_listable,
                            list);
        }
    }
    on_shard_listable(0, list); /* for this function itself */
}

void rm__worker_list(void *data, struct rm__exchange *exchange)
{
    struct rm__read_query query;

    if (query_of(exchange, &query) != 0) {
        return;
    }
    if (query.level == RM_READ_LINEARIZABLE) {
        list_linearizable(data, exchange);
    } else {
        list_led(data, exchange);
    }
}
