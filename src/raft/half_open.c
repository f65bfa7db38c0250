#include "half_open.h"

#include <assert.h>
#include <raft.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/raft/peer_port.h"

static struct rm__half_open *oldest_of(const struct rm__half_open_set *set)
{
    return RM_LIST_ENTRY(set->members.next, struct rm__half_open, link);
}

static void let_go(struct rm__half_open_set *set)
{
    set->n_handles--;
    if (set->n_handles == 0 && set->closed != NULL) {
        set->closed(set);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct rm__half_open_set *set = timer->data;
    uint64_t now_ms = uv_now(timer->loop);

    while (set->n_members > 0 && oldest_of(set)->deadline_ms <= now_ms) {
        rm__half_open_end(oldest_of(set), RM_ETIMEDOUT);
    }
    if (set->n_members > 0) {
        uv_timer_start(timer, on_timer, oldest_of(set)->deadline_ms - now_ms, 0);
    }
}

void rm__half_open_set_init(struct rm__half_open_set *set, uv_loop_t *loop)
{
    *set = (struct rm__half_open_set){.n_handles = 1};
    rm_list_init(&set->members);
    uv_timer_init(loop, &set->timer);
    set->timer.data = set;
}

static void on_timer_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

void rm__half_open_set_close(struct rm__half_open_set *set,
                             void (*closed)(struct rm__half_open_set *set))
{
    assert(set->closed == NULL);
    set->closed = closed;
    while (set->n_members > 0) {
        rm__half_open_end(oldest_of(set), RM_ECANCELED);
    }
    uv_close((uv_handle_t *)&set->timer, on_timer_closed);
}

int rm__half_open_start(struct rm__half_open *half_open, struct rm__half_open_set *set)
{
    uv_tcp_t *tcp = raft_malloc(sizeof *tcp);

    assert(set->closed == NULL);
    if (tcp == NULL) {
        return RM_ENOMEM;
    }
    uv_tcp_init(set->timer.loop, tcp);
    tcp->data = half_open;
    half_open->set = set;
    half_open->tcp = tcp;
    half_open->deadline_ms = uv_now(set->timer.loop) + RM_HANDSHAKE_MS;
    rm_list_push_back(&set->members, &half_open->link);
    set->n_members++;
    set->n_handles++;
    if (set->n_members == 1) {
        uv_timer_start(&set->timer, on_timer, RM_HANDSHAKE_MS, 0);
    }
    return 0;
}

/* Room for what is still missing, so that nothing behind it is taken from the kernel. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct rm__half_open *half_open = handle->data;

    (void)suggested;
    *ret_buf = uv_buf_init((char *)half_open->input + half_open->input_len,
                           (unsigned)(half_open->input_want - half_open->input_len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct rm__half_open *half_open = stream->data;

    (void)buf;
    if (n < 0) {
        rm__half_open_end(half_open, RM_ECONNECT);
        return;
    }
    half_open->input_len += (size_t)n;
    if (half_open->input_len == half_open->input_want) {
        uv_read_stop(stream);
        half_open->received(half_open);
    }
}

void rm__half_open_receive(struct rm__half_open *half_open, void *bytes, size_t len,
                           void (*received)(struct rm__half_open *half_open))
{
    half_open->input = bytes;
    half_open->input_len = 0;
    half_open->input_want = len;
    half_open->received = received;
    if (uv_read_start((uv_stream_t *)half_open->tcp, on_alloc, on_read) != 0) {
        rm__half_open_end(half_open, RM_ECONNECT);
    }
}

bool rm__half_open_send(struct rm__half_open *half_open, const void *bytes, size_t len)
{
    uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)len);

    return uv_try_write((uv_stream_t *)half_open->tcp, &buf, 1) == (int)len;
}

static void leave(struct rm__half_open *half_open)
{
    rm_list_remove(&half_open->link);
    half_open->set->n_members--;
    if (half_open->set->n_members == 0) {
        uv_timer_stop(&half_open->set->timer);
    }
}

static void on_tcp_closed(uv_handle_t *handle)
{
    struct rm__half_open *half_open = handle->data;
    struct rm__half_open_set *set = half_open->set;

    raft_free(half_open->tcp);
    half_open->tcp = NULL;
    half_open->ended(half_open, half_open->status);
    let_go(set);
}

bool rm__half_open_has_ended(const struct rm__half_open *half_open)
{
    return uv_is_closing((const uv_handle_t *)half_open->tcp);
}

void rm__half_open_end(struct rm__half_open *half_open, int status)
{
    if (rm__half_open_has_ended(half_open)) {
        return;
    }
    leave(half_open);
    half_open->status = status;
    uv_close((uv_handle_t *)half_open->tcp, on_tcp_closed);
}

uv_tcp_t *rm__half_open_release(struct rm__half_open *half_open)
{
    uv_tcp_t *tcp = half_open->tcp;

    leave(half_open);
    half_open->tcp = NULL;
    tcp->data = NULL;
    half_open->set->n_handles--; /* not the last: the timer is not closed before the members end */
    return tcp;
}
