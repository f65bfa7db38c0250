/* Turns a loop until something has happened. A test that waits in vain fails after TURN_MAX_MS,
 * which is no measure of anything. */
#ifndef RAFTMETRICS_TESTS_UNIT_TURN_H
#define RAFTMETRICS_TESTS_UNIT_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/net/loop.h"

enum { TURN_MAX_MS = 20000, TURN_LOOK_MS = 1 };

struct turn {
    struct rm_loop *loop;
    bool (*has_happened)(void *data);
    void *data;
    uint64_t end_ms;
    bool is_over;
};

static void turn_look(void *data)
{
    struct turn *turn = data;

    turn->is_over = turn->has_happened(turn->data);
    if (turn->is_over || rm_loop_now_ms(turn->loop) >= turn->end_ms) {
        rm_loop_stop(turn->loop);
    }
}

/* False where it did not happen. */
static inline bool turn_until(struct rm_loop *loop, bool (*has_happened)(void *data), void *data)
{
    struct turn turn = {.loop = loop, .has_happened = has_happened, .data = data};
    struct rm_timer *timer = rm_timer_new(loop, turn_look, &turn);

    turn.end_ms = rm_loop_now_ms(loop) + TURN_MAX_MS;
    rm_timer_start(timer, 0, TURN_LOOK_MS);
    rm_loop_run(loop);
    rm_timer_free(timer);
    return turn.is_over;
}

struct turn_count {
    const int *counter;
    int n;
};

static inline bool turn_has_counted(void *data)
{
    const struct turn_count *count = data;

    return *count->counter >= count->n;
}

/* Until *@counter is at least @n. */
static inline bool turn_until_count(struct rm_loop *loop, const int *counter, int n)
{
    struct turn_count count = {counter, n};

    return turn_until(loop, turn_has_counted, &count);
}

static bool turn_has_run_out(void *data)
{
    return --*(int *)data <= 0;
}

/* A few looks: what was going to happen at once has happened then. */
static inline void turn_a_little(struct rm_loop *loop)
{
    int n = 30;

    (void)turn_until(loop, turn_has_run_out, &n);
}

#endif
