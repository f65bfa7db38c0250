#include "raftmetrics/net/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#include "raftmetrics/base/error.h"

/* Work handed over by another thread. */
struct post {
    rm_loop_cb cb;
    void *data;
    struct post *next;
};

struct rm_loop {
    uv_loop_t uv;
    uv_async_t wakeup;
    uv_mutex_t mutex;   /* guards the two below */
    struct post *posts; /* in the order of posting */
    struct post **posts_tail;
};

struct rm_timer {
    uv_timer_t uv;
    rm_loop_cb cb;
    void *data;
};

struct rm_idle {
    uv_idle_t uv;
    rm_loop_cb cb;
    void *data;
};

struct rm_signal {
    uv_signal_t uv;
    rm_signal_cb cb;
    void *data;
};

struct uv_loop_s *rm_loop_uv(struct rm_loop *loop)
{
    return &loop->uv;
}

static struct post *take_posts(struct rm_loop *loop)
{
    struct post *posts;

    uv_mutex_lock(&loop->mutex);
    posts = loop->posts;
    loop->posts = NULL;
    loop->posts_tail = &loop->posts;
    uv_mutex_unlock(&loop->mutex);
    return posts;
}

static void on_wakeup(uv_async_t *wakeup)
{
    struct rm_loop *loop = wakeup->data;
    struct post *post = take_posts(loop);

    while (post != NULL) {
        struct post *next = post->next;

        post->cb(post->data);
        free(post);
        post = next;
    }
}

struct rm_loop *rm_loop_new(void)
{
    struct rm_loop *loop = calloc(1, sizeof *loop);

    if (loop == NULL) {
        return NULL;
    }
    loop->posts_tail = &loop->posts;
    if (uv_mutex_init(&loop->mutex) != 0) {
        goto err_loop;
    }
    if (uv_loop_init(&loop->uv) != 0) {
        goto err_mutex;
    }
    if (uv_async_init(&loop->uv, &loop->wakeup, on_wakeup) != 0) {
        goto err_uv;
    }
    loop->wakeup.data = loop;
    return loop;

err_uv:
    uv_loop_close(&loop->uv);
err_mutex:
    uv_mutex_destroy(&loop->mutex);
err_loop:
    free(loop);
    return NULL;
}

void rm_loop_free(struct rm_loop *loop)
{
    struct post *post;
    int rv;

    if (loop == NULL) {
        return;
    }
    uv_close((uv_handle_t *)&loop->wakeup, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    rv = uv_loop_close(&loop->uv);
    assert(rv == 0);
    (void)rv;
    post = take_posts(loop);
    while (post != NULL) {
        struct post *next = post->next;

        free(post);
        post = next;
    }
    uv_mutex_destroy(&loop->mutex);
    free(loop);
}

void rm_loop_run(struct rm_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void rm_loop_stop(struct rm_loop *loop)
{
    uv_stop(&loop->uv);
}

int rm_loop_post(struct rm_loop *loop, rm_loop_cb cb, void *data)
{
    struct post *post = malloc(sizeof *post);

    if (post == NULL) {
        return RM_ENOMEM;
    }
    *post = (struct post){.cb = cb, .data = data};
    uv_mutex_lock(&loop->mutex);
    *loop->posts_tail = post;
    loop->posts_tail = &post->next;
    uv_mutex_unlock(&loop->mutex);
    uv_async_send(&loop->wakeup);
    return 0;
}

uint64_t rm_loop_now_ms(const struct rm_loop *loop)
{
    return uv_now(&loop->uv);
}

static void on_timer(uv_timer_t *uv)
{
    struct rm_timer *timer = uv->data;

    timer->cb(timer->data);
}

struct rm_timer *rm_timer_new(struct rm_loop *loop, rm_loop_cb cb, void *data)
{
    struct rm_timer *timer = calloc(1, sizeof *timer);

    if (timer == NULL) {
        return NULL;
    }
    timer->cb = cb;
    timer->data = data;
    uv_timer_init(&loop->uv, &timer->uv);
    timer->uv.data = timer;
    return timer;
}

void rm_timer_start(struct rm_timer *timer, uint64_t delay_ms, uint64_t repeat_ms)
{
    uv_timer_start(&timer->uv, on_timer, delay_ms, repeat_ms);
}

void rm_timer_stop(struct rm_timer *timer)
{
    uv_timer_stop(&timer->uv);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void rm_timer_free(struct rm_timer *timer)
{
    if (timer != NULL) {
        uv_close((uv_handle_t *)&timer->uv, on_timer_closed);
    }
}

static void on_idle(uv_idle_t *uv)
{
    struct rm_idle *idle = uv->data;

    idle->cb(idle->data);
}

struct rm_idle *rm_idle_new(struct rm_loop *loop, rm_loop_cb cb, void *data)
{
    struct rm_idle *idle = calloc(1, sizeof *idle);

    if (idle == NULL) {
        return NULL;
    }
    idle->cb = cb;
    idle->data = data;
    uv_idle_init(&loop->uv, &idle->uv);
    idle->uv.data = idle;
    return idle;
}

void rm_idle_start(struct rm_idle *idle)
{
    uv_idle_start(&idle->uv, on_idle);
}

void rm_idle_stop(struct rm_idle *idle)
{
    uv_idle_stop(&idle->uv);
}

static void on_idle_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void rm_idle_free(struct rm_idle *idle)
{
    if (idle != NULL) {
        uv_close((uv_handle_t *)&idle->uv, on_idle_closed);
    }
}

static void on_signal(uv_signal_t *uv, int signum)
{
    struct rm_signal *handle = uv->data;

    handle->cb(signum, handle->data);
}

static void on_signal_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct rm_signal *rm_signal_new(struct rm_loop *loop, int signum, rm_signal_cb cb, void *data)
{
    struct rm_signal *handle = calloc(1, sizeof *handle);

    if (handle == NULL) {
        return NULL;
    }
    handle->cb = cb;
    handle->data = data;
    if (uv_signal_init(&loop->uv, &handle->uv) != 0) {
        free(handle);
        return NULL;
    }
    handle->uv.data = handle;
    if (uv_signal_start(&handle->uv, on_signal, signum) != 0) {
        rm_signal_free(handle);
        return NULL;
    }
    return handle;
}

void rm_signal_free(struct rm_signal *handle)
{
    int signum;

    if (handle == NULL) {
        return;
    }
    signum = handle->uv.signum;
    uv_close((uv_handle_t *)&handle->uv, on_signal_closed);
    if (signum != 0) {
        signal(signum, SIG_IGN); /* libuv has given it its default, to kill the process */
    }
}
