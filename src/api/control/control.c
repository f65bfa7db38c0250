#include "raftmetrics/api/control.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../exchange.h"
#include "../front.h"
#include "../self.h"
#include "../wire.h"
#include "control_list.h"
#include "control_meter.h"
#include "control_scrape.h"
#include "control_status.h"
#include "forward.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/partitioning/shard_map.h"
#include "shard_queue.h"

enum {
    EXPIRE_PERIOD_MS = 50,
    STATUS_TIMEOUT_MS = 1000,
    /* What is waited for is given up so long before the client's deadline that the answer still
     * arrives in time. */
    ANSWER_MARGIN_MS = 500,
    ID_TEXT_MAX = 16,
};

struct rm_control_stats {
    struct rm__control_meter **meters; /* one a loop; all are made before any loop runs */
    size_t n_meters;
    atomic_uint_fast64_t n_requests;
    atomic_uint_fast64_t n_queued_bytes;
    atomic_uint_fast64_t n_inflight;
    atomic_uint_fast64_t n_ready;     /* loops that reach a leader */
    atomic_uint_fast64_t n_all_ready; /* loops that reach every shard's leader */
};

struct rm_control {
    struct rm_control_options options;
    struct rm_control_stats *stats;
    struct rm_loop *loop;
    struct rm_http_client *client;
    struct rm__cluster_view view;
    struct rm__queue_budget budget;
    struct rm__shard_queue *queues; /* one a shard of the view, once that is known */
    uint32_t n_queues;
    struct rm__forwards forwards;
    struct rm__lists lists;
    struct rm__scrapes scrapes;
    struct rm_timer *expire_timer;
    uint64_t started_ms;
    uint64_t n_requests_counted; /* how much of ours is in the stats */
    uint64_t n_bytes_counted;
    uint64_t n_inflight_counted;
    uint64_t ready_counted;
    uint64_t all_ready_counted;
    struct rm__front front;
};

static uint64_t answer_margin_ms(const struct rm_control *control)
{
    uint64_t deadline_ms = control->options.api.limits.client_deadline_ms;

    return deadline_ms > 2 * (uint64_t)ANSWER_MARGIN_MS ? ANSWER_MARGIN_MS : deadline_ms / 2;
}

/* ---- writes ---- */

/* Not known either between the arrival of a map with another number and its queues: a name would
 * go to a shard that is not its own. */
static uint32_t backend_n_shards(void *data)
{
    const struct rm_control *control = data;

    return control->n_queues == control->view.n_shards ? control->n_queues : 0;
}

static enum rm__fate backend_check(void *data, uint32_t shard, uint32_t *ret_worker)
{
    const struct rm_control *control = data;

    *ret_worker = 0;
    return rm__cluster_view_is_hopeless(&control->view, shard) ? RM__FATE_NO_LEADER : RM__FATE_DONE;
}

static void backend_write(void *data, struct rm__part *part)
{
    struct rm_control *control = data;

    part->deadline_ms -= answer_margin_ms(control);
    rm__shard_queue_add(&control->queues[part->shard], part);
}

static const char *backend_address(void *data, uint32_t worker)
{
    (void)data;
    (void)worker;
    return NULL;
}

static void flush_queues(struct rm_control *control)
{
    for (uint32_t i = 0; i < control->n_queues; i++) {
        rm__shard_queue_flush(&control->queues[i]);
    }
}

/* Adds to a counter that all loops share what this one has more, or less, than it told before. */
static void publish(atomic_uint_fast64_t *total, uint64_t now, uint64_t *counted)
{
    if (now != *counted) {
        atomic_fetch_add_explicit(total, now - *counted, memory_order_relaxed);
        *counted = now;
    }
}

static void backend_pass(void *data)
{
    struct rm_control *control = data;

    flush_queues(control);
    publish(&control->stats->n_requests, control->front.n_requests, &control->n_requests_counted);
    publish(&control->stats->n_queued_bytes, control->budget.n_bytes, &control->n_bytes_counted);
    publish(&control->stats->n_inflight, rm_http_server_waiting(control->front.server),
            &control->n_inflight_counted);
}

/* The number of shards is fixed for a cluster, but the map may be of another cluster now. Not from
 * within what a queue calls, for it frees them. */
static void resize_queues(struct rm_control *control)
{
    struct rm__shard_queue *queues;

    if (control->view.n_shards == control->n_queues) {
        return;
    }
    queues = calloc(control->view.n_shards, sizeof *queues);
    if (queues == NULL) {
        return; /* on_expire tries again */
    }
    for (uint32_t i = 0; i < control->n_queues; i++) {
        rm__shard_queue_done(&control->queues[i]);
    }
    free(control->queues);
    control->queues = queues;
    control->n_queues = control->view.n_shards;
    for (uint32_t i = 0; i < control->n_queues; i++) {
        rm__shard_queue_init(&queues[i], i, &control->view, &control->budget,
                             control->options.forward_timeout_ms);
    }
}

static uint32_t count_leaders(const struct rm_control *control)
{
    uint32_t n_shards = backend_n_shards((void *)(uintptr_t)control);

    return n_shards == 0 ? 0 : n_shards - rm__cluster_view_count_leaderless(&control->view);
}

static void publish_readiness(struct rm_control *control)
{
    uint32_t n_leaders = count_leaders(control);

    publish(&control->stats->n_ready, n_leaders > 0, &control->ready_counted);
    publish(&control->stats->n_all_ready, n_leaders > 0 && n_leaders == backend_n_shards(control),
            &control->all_ready_counted);
}

static void backend_abandon(void *data)
{
    struct rm_control *control = data;

    for (uint32_t i = 0; i < control->n_queues; i++) {
        rm__shard_queue_done(&control->queues[i]);
    }
    rm__forwards_done(&control->forwards);
    rm__lists_done(&control->lists);
    rm__scrapes_done(&control->scrapes);
    rm_http_client_cancel(control->client);
}

static void on_expire(void *data)
{
    struct rm_control *control = data;
    uint64_t now_ms = rm_loop_now_ms(control->loop);

    resize_queues(control);
    publish_readiness(control);
    for (uint32_t i = 0; control->budget.n_parts > 0 && i < control->n_queues; i++) {
        rm__shard_queue_expire(&control->queues[i], now_ms);
    }
    rm__forwards_flush(&control->forwards);
    rm__lists_flush(&control->lists);
    rm__scrapes_flush(&control->scrapes);
}

/* ---- reads ---- */

static void backend_read(void *data, struct rm__exchange *exchange, uint32_t shard)
{
    struct rm_control *control = data;

    rm__forward_read(&control->forwards, exchange, shard,
                     exchange->deadline_ms - answer_margin_ms(control));
}

static void backend_list(void *data, struct rm__exchange *exchange)
{
    struct rm_control *control = data;

    rm__list_start(&control->lists, exchange, exchange->deadline_ms - answer_margin_ms(control));
}

static void backend_expose(void *data, struct rm__exchange *exchange,
                           struct rm_exposition_style style)
{
    struct rm_control *control = data;

    rm__scrape_start(&control->scrapes, exchange, style,
                     exchange->deadline_ms - answer_margin_ms(control));
}

static void on_statuses(struct rm__exchange *exchange, const struct rm__fanout_answer *answers,
                        size_t n_answers, void *data)
{
    const struct rm_control *control = data;
    struct rm__control_figures figures = {
        .view = &control->view,
        .cluster_name = control->options.api.cluster_name,
        .n_requests = atomic_load(&control->stats->n_requests),
        .n_queued_bytes = atomic_load(&control->stats->n_queued_bytes),
        .n_inflight = atomic_load(&control->stats->n_inflight),
        .uptime_seconds = (rm_loop_now_ms(control->loop) - control->started_ms) / 1000,
        .n_loops = control->options.n_loops,
    };

    rm__control_status_reply(exchange, answers, n_answers, &figures);
}

static void backend_status(void *data, struct rm__exchange *exchange)
{
    struct rm_control *control = data;

    if (rm__fanout_start(&control->view, exchange, RM__FANOUT_ALL, RM__WIRE_STATUS_PATH,
                         STATUS_TIMEOUT_MS, on_statuses, control) != 0) {
        rm__reply_out_of_memory(exchange);
    }
}

static void backend_internal(void *data, struct rm__exchange *exchange)
{
    (void)data;
    rm__reply_error(exchange, RM__NOT_FOUND, "There is nothing at this path on control");
}

static bool backend_admits(void *data, struct rm__exchange *exchange,
                           struct rm__problem *ret_problem)
{
    (void)data;
    (void)exchange;
    rm__problem_set(ret_problem, RM__NOT_FOUND, "There is nothing at this path on control");
    return false;
}

static void write_workers(const struct rm__cluster_view *view, struct rm_exposition *exposition)
{
    rm__self_gauge(exposition, "raftmetrics_control_worker_is_up",
                   "1 where the worker's last answer came in time.");
    for (size_t i = 0; i < view->n_peers; i++) {
        char id[ID_TEXT_MAX];

        snprintf(id, sizeof id, "%" PRIu32, view->peers[i].id);
        rm__self_labels(exposition, "worker", id, "address", view->peers[i].address, NULL);
        rm_exposition_value(exposition, view->peers[i].is_up);
    }
    rm__self_gauge_of(exposition, "raftmetrics_control_shards", "Shards of the cluster.",
                      view->n_shards);
    rm__self_gauge_of(exposition, "raftmetrics_control_leaderless_shards",
                      "Shards without a leader that can be reached.",
                      rm__cluster_view_count_leaderless(view));
}

static void backend_self_metrics(void *data, struct rm_exposition *exposition)
{
    const struct rm_control *control = data;
    const struct rm_control_stats *stats = control->stats;

    rm__self_write_process(exposition, "control");
    write_workers(&control->view, exposition);
    rm__self_gauge_of(exposition, "raftmetrics_control_loops", "Event loops of this process.",
                      control->options.n_loops);
    rm__self_gauge_of(exposition, "raftmetrics_control_inflight_requests",
                      "Requests that are in and not answered yet.",
                      (double)atomic_load(&control->stats->n_inflight));
    rm__control_meter_write(exposition,
                            (const struct rm__control_meter *const *)(const void *)stats->meters,
                            stats->n_meters, control->view.n_shards);
}

/* ---- health ---- */

static bool backend_health(void *data, char *ret_message, size_t size)
{
    const struct rm_control *control = data;
    uint32_t n_leaderless = rm__cluster_view_count_leaderless(&control->view);
    uint32_t n_shards = backend_n_shards(data);

    if (n_shards == 0) {
        snprintf(ret_message, size, "No worker has told the shard map yet");
    } else if (n_leaderless > 0) {
        snprintf(ret_message, size, "%" PRIu32 " of %" PRIu32 " shards have no reachable leader",
                 n_leaderless, n_shards);
    } else {
        snprintf(ret_message, size, "Control node is operational");
        return true;
    }
    return false;
}

/* The next request may come to any loop: each must be ready. */
static bool backend_ready(void *data, bool all, struct rm_buffer *lines)
{
    struct rm_control *control = data;
    uint32_t n_shards = backend_n_shards(data);
    uint32_t n_leaders = count_leaders(control);
    uint64_t n_ready = all ? control->stats->n_all_ready : control->stats->n_ready;
    bool has_map = n_shards > 0;
    bool is_ready = n_ready == control->options.n_loops;

    (void)rm_buffer_printf(lines, "[%c] shard map: %s\n", has_map ? '+' : '-',
                           has_map ? "known" : "no worker has told it yet");
    (void)rm_buffer_printf(lines, "[%c] leaders: %" PRIu32 " of %" PRIu32 " reachable\n",
                           n_leaders == n_shards || (n_leaders > 0 && !all) ? '+' : '-', n_leaders,
                           n_shards);
    (void)rm_buffer_printf(lines, "[%c] loops: %" PRIu64 " of %u ready\n", is_ready ? '+' : '-',
                           n_ready, control->options.n_loops);
    return is_ready;
}

/* ---- life ---- */

static void on_view_changed(void *data)
{
    struct rm_control *control = data;

    if (control->n_queues == 0) {
        resize_queues(control); /* there is none to free */
    }
    publish_readiness(control);
    flush_queues(control);
    rm__forwards_flush(&control->forwards);
    rm__lists_flush(&control->lists);
    rm__scrapes_flush(&control->scrapes);
}

struct rm_control_stats *rm_control_stats_new(void)
{
    return calloc(1, sizeof(struct rm_control_stats));
}

void rm_control_stats_free(struct rm_control_stats *stats)
{
    if (stats == NULL) {
        return;
    }
    for (size_t i = 0; i < stats->n_meters; i++) {
        free(stats->meters[i]);
    }
    free(stats->meters);
    free(stats);
}

/* A meter for one more loop; NULL when out of memory. */
static struct rm__control_meter *add_meter(struct rm_control_stats *stats)
{
    struct rm__control_meter **meters =
        realloc(stats->meters, (stats->n_meters + 1) * sizeof *meters);
    struct rm__control_meter *meter = calloc(1, sizeof *meter);

    if (meters != NULL) {
        stats->meters = meters;
    }
    if (meters == NULL || meter == NULL) {
        free(meter);
        return NULL;
    }
    stats->meters[stats->n_meters++] = meter;
    return meter;
}

static void free_state(struct rm_control *control)
{
    for (uint32_t i = 0; i < control->n_queues; i++) {
        rm__shard_queue_done(&control->queues[i]);
    }
    rm__forwards_done(&control->forwards);
    rm__lists_done(&control->lists);
    rm__scrapes_done(&control->scrapes);
    rm_timer_free(control->expire_timer);
    rm_http_client_free(control->client);
    rm__cluster_view_done(&control->view);
    free(control->queues);
}

int rm_control_new(struct rm_loop *loop, const struct rm_control_options *options,
                   struct rm_control_stats *stats, struct rm_control **ret_control)
{
    static const struct rm__backend backend = {
        .n_shards = backend_n_shards,
        .check = backend_check,
        .write = backend_write,
        .read = backend_read,
        .list = backend_list,
        .expose = backend_expose,
        .status = backend_status,
        .internal = backend_internal,
        .self_metrics = backend_self_metrics,
        .health = backend_health,
        .ready = backend_ready,
        .admits = backend_admits,
        .address = backend_address,
        .pass = backend_pass,
        .abandon = backend_abandon,
    };
    struct rm_control *control = calloc(1, sizeof *control);
    int rv = RM_ENOMEM;

    if (control == NULL) {
        return RM_ENOMEM;
    }
    control->options = *options;
    control->stats = stats;
    control->loop = loop;
    control->budget.max_bytes = options->max_queue_bytes;
    control->budget.meter = add_meter(stats);
    control->started_ms = rm_loop_now_ms(loop);
    rm__forwards_init(&control->forwards, &control->view);
    rm__lists_init(&control->lists, &control->view);
    rm__scrapes_init(&control->scrapes, &control->view);
    control->client = rm_http_client_new(loop);
    control->expire_timer = rm_timer_new(loop, on_expire, control);
    if (control->client != NULL && control->expire_timer != NULL && control->budget.meter != NULL) {
        rv = rm__cluster_view_init(&control->view, loop, control->client, &control->options.api,
                                   options->status_poll_ms, on_view_changed, control);
    }
    if (rv == 0) {
        rv = rm__front_init(&control->front, loop, &control->options.api, options->sharing,
                            &backend, control, &control->budget.meter->http);
    }
    if (rv != 0) {
        free_state(control);
        free(control);
        return rv;
    }
    rm_timer_start(control->expire_timer, EXPIRE_PERIOD_MS, EXPIRE_PERIOD_MS);
    *ret_control = control;
    return 0;
}

uint16_t rm_control_port(const struct rm_control *control)
{
    return rm_http_server_port(control->front.server);
}

void rm_control_drain(struct rm_control *control, uint64_t timeout_ms, rm_loop_cb cb, void *data)
{
    rm__front_drain(&control->front, timeout_ms, cb, data);
}

void rm_control_free(struct rm_control *control)
{
    if (control == NULL) {
        return;
    }
    free_state(control); /* answers what still waits */
    rm__front_done(&control->front);
    free(control);
}
