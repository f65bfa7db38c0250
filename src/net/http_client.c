/* libcurl's multi interface on libuv. libcurl says which sockets and which timeout it wants
 * watched; we watch them and call curl_multi_socket_action.
 *
 * A watch lives as long as its socket, not as long as a transfer: to start and stop a uv_poll
 * costs five calls of epoll_ctl, a third of what a small request costs on a kept connection. An
 * idle connection stays watched for reading; if its peer closes it, the watch rests until libcurl
 * wants it again. That holds for the sockets that on_open_socket opened, which on_close_socket
 * closes; those that libcurl makes for itself (the resolver's) it closes without a word as soon as
 * it has said that it needs no watch any more. */
#include "raftmetrics/net/http_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/list.h"
#include "raftmetrics/net/loop.h"

enum {
    IDLE_EASIES_MAX = 64,
    /* Below the server's idle timeout, so that a kept connection is not used as it closes. */
    IDLE_CONNECTION_SECONDS = 30,
    ANSWER_KEPT_BYTES = 65536,
};

struct rm_http_client {
    CURLM *multi;
    uv_loop_t *uv;
    uv_timer_t *timer;
    struct rm_list active; /* transfers */
    struct rm_list idle;   /* transfers to reuse */
    unsigned n_idle;
    struct watch **watches; /* by socket; NULL where there is none */
    size_t n_watches;       /* places in it */
};

struct rm_http_transfer {
    struct rm_list link;
    struct rm_http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    bool must_send_once;
    unsigned n_sent;  /* how often the request was begun */
    bool has_headers; /* the answer's header section is whole */
    struct rm_buffer answer;
    int answer_error; /* why receiving was stopped */
    char *retry_after;
    rm_http_answer_cb cb;
    void *data;
};

struct watch {
    uv_poll_t poll;
    curl_socket_t socket;
    struct rm_http_client *client;
    int events;         /* of libuv, that are watched; 0: it rests */
    bool is_connection; /* opened and closed by us */
    bool is_idle;       /* no transfer uses the socket */
};

/* libcurl sends a request again by itself where a kept connection turns out to be closed before
 * any answer. A write that was read there before the connection died would be recorded twice:
 * refuse, and let the caller know that the outcome is unknown. */
static int on_begin(void *data, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct rm_http_transfer *transfer = data;

    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    transfer->n_sent++;
    return transfer->must_send_once && transfer->n_sent > 1 ? CURL_PREREQFUNC_ABORT
                                                            : CURL_PREREQFUNC_OK;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *data)
{
    struct rm_http_transfer *transfer = data;

    transfer->answer_error = rm_buffer_append(&transfer->answer, bytes, size * n);
    return transfer->answer_error == 0 ? size * n : 0;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *data)
{
    static const char name[] = "retry-after:";
    struct rm_http_transfer *transfer = data;
    struct rm_slice line = rm_slice_make(bytes, size * n);
    struct rm_slice value;

    transfer->has_headers = transfer->has_headers || rm_slice_is(line, "\r\n");
    if (line.len < sizeof name - 1 ||
        !rm_slice_equal_nocase(rm_slice_make(bytes, sizeof name - 1), rm_slice_of(name))) {
        return size * n;
    }
    value = rm_slice_make(bytes + sizeof name - 1, line.len - (sizeof name - 1));
    while (value.len > 0 && value.data[0] == ' ') {
        value = rm_slice_make(value.data + 1, value.len - 1);
    }
    while (value.len > 0 && (unsigned char)value.data[value.len - 1] <= ' ') {
        value.len--;
    }
    free(transfer->retry_after);
    transfer->retry_after = rm_slice_dup(value);
    return size * n;
}

static void transfer_free(struct rm_http_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    rm_buffer_done(&transfer->answer);
    free(transfer->retry_after);
    free(transfer);
}

static struct rm_http_transfer *transfer_new(struct rm_http_client *client)
{
    struct rm_http_transfer *transfer = calloc(1, sizeof *transfer);

    if (transfer == NULL) {
        return NULL;
    }
    transfer->client = client;
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL) {
        free(transfer);
        return NULL;
    }
    rm_list_init(&transfer->link);
    rm_buffer_init(&transfer->answer, 0);
    return transfer;
}

static struct rm_http_transfer *transfer_acquire(struct rm_http_client *client)
{
    struct rm_http_transfer *transfer;

    if (rm_list_is_empty(&client->idle)) {
        return transfer_new(client);
    }
    transfer = RM_LIST_ENTRY(client->idle.next, struct rm_http_transfer, link);
    rm_list_remove(&transfer->link);
    client->n_idle--;
    return transfer;
}

static void transfer_release(struct rm_http_transfer *transfer)
{
    struct rm_http_client *client = transfer->client;

    if (client->n_idle >= IDLE_EASIES_MAX) {
        transfer_free(transfer);
        return;
    }
    curl_easy_reset(transfer->easy);
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    free(transfer->retry_after);
    transfer->retry_after = NULL;
    if (transfer->answer.capacity > ANSWER_KEPT_BYTES) {
        rm_buffer_done(&transfer->answer);
    }
    rm_list_push_back(&client->idle, &transfer->link);
    client->n_idle++;
}

/* Only a request that was never begun is known not to have been sent: after a kept connection died
 * under it, libcurl's next attempt may fail to connect, and says no more than that. */
static int error_of(const struct rm_http_transfer *transfer, CURLcode code)
{
    bool was_begun = transfer->n_sent > 0;

    switch (code) {
    case CURLE_OK:
        /* libcurl takes a header section that is cut off for one whose body is empty. */
        return transfer->has_headers ? 0 : RM_EUNKNOWN;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return was_begun ? RM_EUNKNOWN : RM_ECONNECT;
    case CURLE_WRITE_ERROR:
        return transfer->answer_error != 0 ? transfer->answer_error : RM_EUNKNOWN;
    case CURLE_OPERATION_TIMEDOUT:
        return was_begun ? RM_ETIMEDOUT : RM_ECONNECT;
    default:
        return RM_EUNKNOWN;
    }
}

static void transfer_finish(struct rm_http_transfer *transfer, int error)
{
    struct rm_http_answer answer = {.error = error};
    const char *content_type = NULL;
    long status = 0;

    if (error == 0) {
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &content_type);
        answer.status = (int)status;
        answer.content_type = rm_slice_of(content_type == NULL ? "" : content_type);
        answer.retry_after =
            rm_slice_of(transfer->retry_after == NULL ? "" : transfer->retry_after);
        answer.body = rm_buffer_peek(&transfer->answer);
    }
    curl_multi_remove_handle(transfer->client->multi, transfer->easy);
    rm_list_remove(&transfer->link);
    transfer->cb(&answer, transfer->data);
}

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
        transfer_finish(transfer, error_of(transfer, code));
        transfer_release(transfer);
    }
}

static int watch_events(struct watch *watch, int events);

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
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

static int watch_events(struct watch *watch, int events)
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

static void watch_close(struct watch *watch)
{
    watch->client->watches[watch->socket] = NULL;
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static struct watch *watch_find(const struct rm_http_client *client, curl_socket_t socket)
{
    return (size_t)socket < client->n_watches ? client->watches[socket] : NULL;
}

/* Makes a place for @socket among the watches. */
static int reserve_place(struct rm_http_client *client, curl_socket_t socket)
{
    size_t n = client->n_watches;
    struct watch **watches;

    if ((size_t)socket < n) {
        return 0;
    }
    n = (size_t)socket * 2 + 1;
    watches = realloc(client->watches, n * sizeof(struct watch *));
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
static struct watch *watch_new(struct rm_http_client *client, curl_socket_t socket)
{
    struct watch *watch;

    if (reserve_place(client, socket) != 0) {
        return NULL;
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
static void watch_rest(struct watch *watch)
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
    struct watch *watch = watch_find(client, socket);
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

static curl_socket_t on_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct watch *watch;
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
static int on_close_socket(void *data, curl_socket_t socket)
{
    struct watch *watch = watch_find(data, socket);

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

struct rm_http_client *rm_http_client_new(struct rm_loop *loop)
{
    struct rm_http_client *client = calloc(1, sizeof *client);

    if (client == NULL) {
        return NULL;
    }
    rm_list_init(&client->active);
    rm_list_init(&client->idle);
    client->uv = rm_loop_uv(loop);
    client->timer = malloc(sizeof *client->timer);
    client->multi = curl_multi_init();
    if (client->timer == NULL || client->multi == NULL) {
        curl_multi_cleanup(client->multi);
        free(client->timer);
        free(client);
        return NULL;
    }
    uv_timer_init(client->uv, client->timer);
    client->timer->data = client;
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    return client;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
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

        transfer_finish(transfer, RM_ECANCELED);
        transfer_free(transfer);
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
        transfer_free(transfer);
    }
    curl_multi_cleanup(client->multi);
    uv_close((uv_handle_t *)client->timer, on_timer_closed);
    free(client->watches);
    free(client);
}

static int append_header(struct rm_http_transfer *transfer, const char *header)
{
    struct curl_slist *headers = curl_slist_append(transfer->headers, header);

    if (headers == NULL) {
        return RM_ENOMEM;
    }
    transfer->headers = headers;
    return 0;
}

static int set_headers(struct rm_http_transfer *transfer, const struct rm_http_call *call)
{
    int rv = append_header(transfer, "Expect:"); /* no pause before a body */

    for (size_t i = 0; rv == 0 && i < call->n_headers; i++) {
        rv = append_header(transfer, call->headers[i]);
    }
    if (rv == 0) {
        curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
    }
    return rv;
}

static void set_body(struct rm_http_transfer *transfer, const struct rm_http_call *call)
{
    if (call->body.data == NULL) {
        return;
    }
    curl_easy_setopt(transfer->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, call->body.data);
}

/* Only what changes nothing may be sent twice. */
static void set_once(struct rm_http_transfer *transfer, const struct rm_http_call *call)
{
    transfer->must_send_once = strcmp(call->method, "GET") != 0;
    transfer->n_sent = 0;
    curl_easy_setopt(transfer->easy, CURLOPT_PREREQFUNCTION, on_begin);
    curl_easy_setopt(transfer->easy, CURLOPT_PREREQDATA, transfer);
}

static void set_answer(struct rm_http_transfer *transfer, const struct rm_http_call *call)
{
    rm_buffer_clear(&transfer->answer);
    transfer->has_headers = false;
    transfer->answer.max = call->max_answer_bytes;
    transfer->answer_error = 0;
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERDATA, transfer);
}

static int set_options(struct rm_http_transfer *transfer, const struct rm_http_call *call)
{
    CURL *easy = transfer->easy;

    if (curl_easy_setopt(easy, CURLOPT_URL, call->url) != CURLE_OK) {
        return RM_ENOMEM;
    }
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A name whose server is silent: do not wait for the resolver's thread, it ends by itself. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_CONNECTION_SECONDS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer->client);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->client);
    set_body(transfer, call);
    set_once(transfer, call);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    set_answer(transfer, call);
    return set_headers(transfer, call);
}

int rm_http_client_start(struct rm_http_client *client, const struct rm_http_call *call,
                         rm_http_answer_cb cb, void *data, struct rm_http_transfer **ret_transfer)
{
    struct rm_http_transfer *transfer = transfer_acquire(client);
    int rv;

    if (transfer == NULL) {
        return RM_ENOMEM;
    }
    transfer->cb = cb;
    transfer->data = data;
    rv = set_options(transfer, call);
    if (rv == 0 && curl_multi_add_handle(client->multi, transfer->easy) != CURLM_OK) {
        rv = RM_ENOMEM;
    }
    if (rv != 0) {
        transfer_release(transfer);
        return rv;
    }
    rm_list_push_back(&client->active, &transfer->link);
    *ret_transfer = transfer;
    return 0;
}

int rm_http_client_send(struct rm_http_client *client, const struct rm_http_call *call,
                        rm_http_answer_cb cb, void *data)
{
    struct rm_http_transfer *transfer;

    return rm_http_client_start(client, call, cb, data, &transfer);
}

bool rm_http_transfer_cancel(struct rm_http_transfer *transfer)
{
    bool was_begun = transfer->n_sent > 0;

    /* This closes the connection, and takes back the message of one that is done already. */
    curl_multi_remove_handle(transfer->client->multi, transfer->easy);
    rm_list_remove(&transfer->link);
    transfer_release(transfer);
    return was_begun;
}
