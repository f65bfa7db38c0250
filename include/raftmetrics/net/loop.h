/* The event loop of a thread: libuv behind our own names, so that api and cmd need not know it.
 * A loop and everything on it is used from its own thread only; rm_loop_post alone may be called
 * from another. Handles follow libuv's rule: after close, the memory must live until the loop has
 * run again; those below are freed by the loop itself. */
#ifndef RAFTMETRICS_NET_LOOP_H
#define RAFTMETRICS_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct uv_loop_s;
struct rm_loop;
struct rm_timer;
struct rm_idle;
struct rm_signal;

typedef void (*rm_loop_cb)(void *data);

/* NULL when the system gives no loop. */
struct rm_loop *rm_loop_new(void);

/* Runs the loop dry and frees it; timers, signals, servers and clients on it were freed before.
 * Takes NULL. */
void rm_loop_free(struct rm_loop *loop);

/* Runs until rm_loop_stop. */
void rm_loop_run(struct rm_loop *loop);
void rm_loop_stop(struct rm_loop *loop);

/* Runs @cb(@data) on the loop's thread soon. Any thread. Errors: RM_ENOMEM. */
int rm_loop_post(struct rm_loop *loop, rm_loop_cb cb, void *data);

/* Milliseconds of the monotonic clock as of this turn of the loop. */
uint64_t rm_loop_now_ms(const struct rm_loop *loop);

/* A timer that is not running. NULL when out of memory. */
struct rm_timer *rm_timer_new(struct rm_loop *loop, rm_loop_cb cb, void *data);
/* First after @delay_ms, then every @repeat_ms (0: once). Restarts a running timer. One that its
 * own callback starts without a delay may be called again before anything else has its turn: what
 * goes on for long takes an rm_idle. */
void rm_timer_start(struct rm_timer *timer, uint64_t delay_ms, uint64_t repeat_ms);
void rm_timer_stop(struct rm_timer *timer);
/* Takes NULL. */
void rm_timer_free(struct rm_timer *timer);

/* Work for every turn of the loop, which does not sleep while it is started. It is not at first.
 * NULL when out of memory. */
struct rm_idle *rm_idle_new(struct rm_loop *loop, rm_loop_cb cb, void *data);
void rm_idle_start(struct rm_idle *idle);
void rm_idle_stop(struct rm_idle *idle);
/* Takes NULL. */
void rm_idle_free(struct rm_idle *idle);

/* libuv's own loop, borrowed, for the layer that brings handles of its own. */
struct uv_loop_s *rm_loop_uv(struct rm_loop *loop);

typedef void (*rm_signal_cb)(int signum, void *data);

/* Calls @cb on each @signum of the process, until freed; after that the process ignores it, for it
 * is on its way out and not to be killed there. NULL on failure. */
struct rm_signal *rm_signal_new(struct rm_loop *loop, int signum, rm_signal_cb cb, void *data);
void rm_signal_free(struct rm_signal *signal);

#endif
