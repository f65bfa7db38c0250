/* libcurl's multi interface on libuv. libcurl says which sockets and which timeout it wants
 * watched; we watch them and call curl_multi_socket_action.
 *
 * A watch lives as long as its socket, not as long as a transfer: to start and stop a uv_poll
 * costs five calls of epoll_ctl, a third of what a small request costs on a kept connection. An
 * idle connection stays watched for reading, as does that of a paused transfer; once there is
 * something to read, the watch rests until libcurl wants it again. That holds for the sockets that
 * rm__client_open_socket opened, which rm__client_close_socket closes; those that libcurl makes for
 * itself (the resolver's) it closes without a word as soon as it has said that it needs no watch
 * any more. So does libcurl 7.88 with those that it had not seen connected yet: their watches rest
 * until the descriptor is given out anew, or to the client's end. */
#include "raftmetrics/net/http_client.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_client_internal.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/net/loop.h"

struct rm__watch {
    uv_poll_t poll;
    curl_socket_t socket;
    struct rm_http_client *client;
    int events;         /* of libuv, that are watched; 0: it rests */
    bool is_connection; /* opened and closed by us */
    bool is_idle;       /* no transfer uses the socket */
};

static void drain_messages(struct rm_http_client *client)
{
    CURLMsg *message;
    int n_left;

    while ((message = curl_multi_info_read(client->multi, &n_left)) != NULL) {
        struct rm_http_transfer *transfer = NULL;
        CURLcode code;

        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        /* The message dies with the handle's removal: take what it says first. */
        code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        rm__transfer_finish(transfer, rm__transfer_error(transfer, code));
        rm__transfer_release(transfer);
    }
}

static int watch_events(struct rm__watch *watch, int events);

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct rm__watch *watch = poll->data;
    struct rm_http_client *client = watch->client;
    int actions = status < 0 ? CURL_CSELECT_ERR : 0;
    int n_running;

    if (watch->is_idle) {
        /* The peer closed it, or sends what nobody asked for: libcurl finds out on reuse. */
        (void)watch_events(watch, 0);
        return;
    }
    actions |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    actions |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    curl_multi_socket_action(client->multi, watch->socket, actions, &n_running);
    drain_messages(client);
}

static int watch_events(struct rm__watch *watch, int events)
{
    int rv = 0;

    if (events != watch->events) {
        rv =
            events == 0 ? uv_poll_stop(&watch->poll) : uv_poll_start(&watch->poll, events, on_poll);
        watch->events = events;
    }
    return rv;
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void watch_close(struct rm__watch *watch)
{
    watch->client->watches[watch->socket] = NULL;
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static struct rm__watch *watch_find(const struct rm_http_client *client, curl_socket_t socket)
{
    return (size_t)socket < client->n_watches ? client->watches[socket] : NULL;
}

/* Makes a place for @socket among the watches. */
static int reserve_place(struct rm_http_client *client, curl_socket_t socket)
{
    size_t n = client->n_watches;
    struct rm__watch **watches;

    if ((size_t)socket < n) {
        return 0;
    }
    n = (size_t)socket * 2 + 1;
    watches = realloc(client->watches, n * sizeof(struct rm__watch *));
    if (watches == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = client->n_watches; i < n; i++) {
        watches[i] = NULL;
    }
    client->watches = watches;
    client->n_watches = n;
    return 0;
}

/* A watch that rests. NULL when out of memory. */
static struct rm__watch *watch_new(struct rm_http_client *client, curl_socket_t socket)
{
    struct rm__watch *watch;

    if (reserve_place(client, socket) != 0) {
        return NULL;
    }
    watch = watch_find(client, socket);
    if (watch != NULL) {
        watch_close(watch); /* of a socket that is no more */
    }
    watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        return NULL;
    }
    watch->socket = socket;
    watch->client = client;
    if (uv_poll_init_socket(client->uv, &watch->poll, socket) != 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    client->watches[socket] = watch;
    return watch;
}

/* The watch of @socket is not wanted until libcurl says so again. */
static void watch_rest(struct rm__watch *watch)
{
    if (watch->is_connection) {
        watch->is_idle = true;
        (void)watch_events(watch, watch->events & UV_READABLE);
    } else {
        watch_close(watch);
    }
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *client_data,
                     void *watch_data)
{
    struct rm_http_client *client = client_data;
    struct rm__watch *watch = watch_find(client, socket);
    int events = 0;

    (void)easy;
    (void)watch_data;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) {
            watch_rest(watch);
        }
        return 0;
    }
    if (watch == NULL) {
        watch = watch_new(client, socket);
    }
    if (watch == NULL) {
        return -1;
    }
    watch->is_idle = false;
    events |= what != CURL_POLL_OUT ? UV_READABLE : 0;
    events |= what != CURL_POLL_IN ? UV_WRITABLE : 0;
    return watch_events(watch, events) == 0 ? 0 : -1;
}

curl_socket_t rm__client_open_socket(void *data, curlsocktype purpose,
                                     struct curl_sockaddr *address)
{
    struct rm__watch *watch;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    (void)purpose;
    if (fd < 0) {
        return CURL_SOCKET_BAD;
    }
    watch = watch_new(data, fd);
    if (watch == NULL) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    watch->is_connection = true;
    return fd;
}

/* libuv must let go of a descriptor before it is closed and given out anew. */
int rm__client_close_socket(void *data, curl_socket_t socket)
{
    struct rm__watch *watch = watch_find(data, socket);

    if (watch != NULL) {
        watch_close(watch);
    }
    return close(socket);
}

static void on_timeout(uv_timer_t *timer)
{
    struct rm_http_client *client = timer->data;
    int n_running;

    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
    drain_messages(client);
}

/* A timeout of 0 means soon, and must not be served from within this callback. */
static int on_timer_wanted(CURLM *multi, long timeout_ms, void *data)
{
    struct rm_http_client *client = data;

    (void)multi;
    if (timeout_ms < 0) {
        uv_timer_stop(client->timer);
    } else {
        uv_timer_start(client->timer, on_timeout, (uint64_t)timeout_ms, 0);
    }
    return 0;
}

/* ---- the client's life ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    free(handle);
}

/* False when out of memory; what was opened is. */
static bool open_handles(struct rm_http_client *client)
{
    client->timer = malloc(sizeof *client->timer);
    client->reaper = malloc(sizeof *client->reaper);
    client->resumer = malloc(sizeof *client->resumer);
    if (client->timer == NULL || client->reaper == NULL || client->resumer == NULL) {
        free(client->timer);
        free(client->reaper);
        free(client->resumer);
        return false;
    }
    uv_timer_init(client->uv, client->timer);
    uv_timer_init(client->uv, client->reaper);
    uv_idle_init(client->uv, client->resumer);
    client->timer->data = client;
    client->reaper->data = client;
    client->resumer->data = client;
    return true;
}

struct rm_http_client *rm_http_client_new(struct rm_loop *loop)
{
    struct rm_http_client *client = calloc(1, sizeof *client);

    if (client == NULL) {
        return NULL;
    }
    rm_list_init(&client->active);
    rm_list_init(&client->idle);
    rm_list_init(&client->resuming);
    client->uv = rm_loop_uv(loop);
    client->multi = curl_multi_init();
    if (client->multi == NULL || !open_handles(client)) {
        curl_multi_cleanup(client->multi);
        free(client);
        return NULL;
    }
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    return client;
}

void rm_http_client_cancel(struct rm_http_client *client)
{
    struct rm_list ending;

    /* What the callbacks begin goes on. */
    rm_list_init(&ending);
    rm_list_splice(&ending, &client->active);
    while (!rm_list_is_empty(&ending)) {
        struct rm_http_transfer *transfer =
            RM_LIST_ENTRY(ending.next, struct rm_http_transfer, link);

        rm__transfer_finish(transfer, RM_ECANCELED);
        rm__transfer_free(transfer);
    }
}

void rm_http_client_free(struct rm_http_client *client)
{
    if (client == NULL) {
        return;
    }
    while (!rm_list_is_empty(&client->active)) {
        rm_http_client_cancel(client);
    }
    while (!rm_list_is_empty(&client->idle)) {
        struct rm_http_transfer *transfer =
            RM_LIST_ENTRY(client->idle.next, struct rm_http_transfer, link);

        rm_list_remove(&transfer->link);
        rm__transfer_free(transfer);
    }
    curl_multi_cleanup(client->multi);
    for (size_t i = 0; i < client->n_watches; i++) {
        if (client->watches[i] != NULL) {
            watch_close(client->watches[i]);
        }
    }
    uv_close((uv_handle_t *)client->timer, on_handle_closed);
    uv_close((uv_handle_t *)client->reaper, on_handle_closed);
    uv_close((uv_handle_t *)client->resumer, on_handle_closed);
    free(client->watches);
    free(client);
}
