/* How a worker stops, in time for the 5 s that it is given: what is under way is answered, what it
 * leads is handed on, its replicas let go of their files. */
#include <stdlib.h>

#include "raftmetrics/base/error.h"
#include "worker_internal.h"

enum {
    LOOK_MS = 10,
    ANSWER_MS = 500,   /* what is under way has this long before leadership is handed on */
    HAND_ON_MS = 1000, /* and the others this long to take it */
    STOP_MS = 4500,    /* all of it */
};

enum phase { ANSWERING, HANDING_ON, CLOSING };

struct rm__worker_stop {
    struct rm_worker *worker;
    struct rm_timer *timer;
    enum phase phase;
    uint64_t until_ms;   /* the phase's end */
    uint64_t at_last_ms; /* the end of it all */
    bool is_drained;
    rm_loop_cb cb;
    void *data;
};

static void enter(struct rm__worker_stop *stop, enum phase phase, uint64_t until_ms)
{
    stop->phase = phase;
    stop->until_ms = until_ms < stop->at_last_ms ? until_ms : stop->at_last_ms;
}

static void hand_on(struct rm_worker *worker)
{
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        if (worker->seats[i].shard != NULL) {
            (void)rm_replica_transfer(rm__shard_replica(worker->seats[i].shard), 0);
        }
    }
}

static bool leads_any(const struct rm_worker *worker)
{
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        uint32_t leader;

        if (rm__worker_led_shard(worker, i, &leader) != NULL) {
            return true;
        }
    }
    return false;
}

void rm__worker_abandon(void *data)
{
    struct rm_worker *worker = data;

    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        rm__seat_close(&worker->seats[i]);
    }
}

static bool is_any_closing(const struct rm_worker *worker)
{
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        if (worker->seats[i].is_closing) {
            return true;
        }
    }
    return false;
}

static void finish(struct rm__worker_stop *stop)
{
    rm_timer_free(stop->timer);
    stop->timer = NULL;
    stop->cb(stop->data);
}

static bool is_over(const struct rm__worker_stop *stop, uint64_t now_ms)
{
    const struct rm_worker *worker = stop->worker;

    return now_ms >= stop->until_ms || worker->options.n_replicas == 1 || !leads_any(worker);
}

static void look(void *data)
{
    struct rm__worker_stop *stop = data;
    struct rm_worker *worker = stop->worker;
    uint64_t now_ms = rm_loop_now_ms(worker->loop);

    switch (stop->phase) {
    case ANSWERING:
        if (now_ms >= stop->until_ms || rm_http_server_waiting(worker->front.server) == 0) {
            hand_on(worker);
            enter(stop, HANDING_ON, now_ms + HAND_ON_MS);
        }
        break;
    case HANDING_ON:
        if (stop->is_drained && is_over(stop, now_ms)) {
            rm__worker_abandon(worker);
            enter(stop, CLOSING, stop->at_last_ms);
        }
        break;
    case CLOSING:
        if (!is_any_closing(worker)) {
            finish(stop);
        } else if (now_ms >= stop->until_ms) {
            rm__worker_fatal(worker, "A replica did not let go of its files in time; it is ended "
                                     "as by a crash, which its log survives");
        }
        break;
    }
}

static void on_drained(void *data)
{
    struct rm__worker_stop *stop = data;

    stop->is_drained = true;
}

void rm_worker_drain(struct rm_worker *worker, uint64_t timeout_ms, rm_loop_cb cb, void *data)
{
    struct rm__worker_stop *stop = calloc(1, sizeof *stop);

    rm_timer_stop(worker->timer);
    if (stop != NULL) {
        *stop = (struct rm__worker_stop){.worker = worker, .cb = cb, .data = data};
        stop->timer = rm_timer_new(worker->loop, look, stop);
    }
    worker->stop = stop;
    if (stop == NULL || stop->timer == NULL) {
        rm__front_drain(&worker->front, timeout_ms, cb, data);
        return;
    }
    stop->at_last_ms = rm_loop_now_ms(worker->loop) + STOP_MS;
    enter(stop, ANSWERING, rm_loop_now_ms(worker->loop) + ANSWER_MS);
    rm_timer_start(stop->timer, 0, LOOK_MS);
    rm__front_drain(&worker->front, timeout_ms, on_drained, stop);
}

void rm__worker_stop_free(struct rm__worker_stop *stop)
{
    if (stop != NULL) {
        rm_timer_free(stop->timer);
        free(stop);
    }
}
