/* The guard's part of a snapshot that Raft takes: its bytes are gathered on the loop, a little each
 * turn, and sealed on another thread, before they are written. */
#include <string.h>

#include "io_guard_internal.h"

static _Noreturn void out_of_memory(struct rm__io_guard *guard)
{
    rm__guard_fatal(guard, "Out of memory for a snapshot of the replica in %s", guard->dir);
}

static void on_sealed(uv_work_t *work, int status)
{
    struct rm__io_guard *guard = work->data;
    struct rm__guard_put *put = &guard->state->put;

    (void)status; /* nobody cancels it */
    put->is_sealing = false;
    if (guard->state->is_closing) {
        rm__guard_finish_put(guard, RAFT_CANCELED);
        rm__guard_one_closed(guard);
    } else if (put->status != 0) {
        out_of_memory(guard);
    } else {
        rm__guard_write_snapshot(guard);
    }
}

static void seal(uv_work_t *work)
{
    struct rm__io_guard *guard = work->data;
    struct rm__guard_put *put = &guard->state->put;

    put->status = guard->maker.seal(guard->data, &put->snapshot.bufs, &put->snapshot.n_bufs);
}

static void on_turn(uv_idle_t *idle)
{
    struct rm__io_guard *guard = idle->data;
    struct rm__guard_put *put = &guard->state->put;
    bool is_whole;

    if (guard->maker.gather(guard->data, &is_whole) != 0) {
        out_of_memory(guard);
    }
    if (!is_whole) {
        return;
    }
    uv_idle_stop(idle);
    put->sealing.data = guard;
    put->is_sealing = true;
    uv_queue_work(guard->state->loop, &put->sealing, seal, on_sealed);
}

void rm__guard_gather(struct rm__io_guard *guard)
{
    struct rm__guard_put *put = &guard->state->put;

    if (!put->is_gathering_open) {
        uv_idle_init(guard->state->loop, &put->gathering);
        put->gathering.data = guard;
        put->is_gathering_open = true;
    }
    uv_idle_start(&put->gathering, on_turn);
}

static void on_gathering_closed(uv_handle_t *idle)
{
    rm__guard_one_closed(idle->data);
}

/* Closing: what has begun on the other thread is waited for. */
void rm__guard_stop_gathering(struct rm__io_guard *guard)
{
    struct rm__guard_put *put = &guard->state->put;

    if (put->is_gathering_open) {
        guard->state->n_open++;
        uv_close((uv_handle_t *)&put->gathering, on_gathering_closed);
    }
    if (put->is_sealing) {
        guard->state->n_open++;
    }
}
