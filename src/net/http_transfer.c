/* A request on its way through libcurl, and its answer: gathered, or taken as it comes. */
#include <stdlib.h>
#include <string.h>

#include "http_client_internal.h"
#include "raftmetrics/base/error.h"

enum {
    IDLE_EASIES_MAX = 64,
    /* Below the server's idle timeout, so that a kept connection is not used as it closes. */
    IDLE_CONNECTION_SECONDS = 30,
    ANSWER_KEPT_BYTES = 65536,
    REAPER_PERIOD_MS = 250,
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

static bool is_too_long_to_gather(const struct rm_http_transfer *transfer, size_t n_more)
{
    long status = 0;

    if (transfer->take == NULL || n_more <= transfer->answer.max - transfer->answer.len) {
        return false;
    }
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status == 200;
}

static void hand_over(struct rm_http_transfer *transfer, struct rm_slice bytes)
{
    if (bytes.len > 0 && !transfer->take(bytes, transfer->data)) {
        transfer->has_enough = true;
    }
}

/* libcurl keeps what comes while the transfer is paused, and shows it again: that is what one
 * receiving gave, for its socket is not watched then. */
static size_t take(struct rm_http_transfer *transfer, char *bytes, size_t len)
{
    if (transfer->has_enough) {
        transfer->is_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    transfer->moved_at_ms = uv_now(transfer->client->uv);
    hand_over(transfer, rm_slice_make(bytes, len));
    return len;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *data)
{
    struct rm_http_transfer *transfer = data;

    if (!transfer->is_taken && is_too_long_to_gather(transfer, size * n)) {
        transfer->is_taken = true;
        hand_over(transfer, rm_buffer_peek(&transfer->answer));
        rm_buffer_clear(&transfer->answer);
    }
    if (transfer->is_taken) {
        return take(transfer, bytes, size * n);
    }
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

void rm__transfer_free(struct rm_http_transfer *transfer)
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
    rm_list_init(&transfer->resume_link);
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

void rm__transfer_release(struct rm_http_transfer *transfer)
{
    struct rm_http_client *client = transfer->client;

    if (client->n_idle >= IDLE_EASIES_MAX) {
        rm__transfer_free(transfer);
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
int rm__transfer_error(const struct rm_http_transfer *transfer, CURLcode code)
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

/* It is under way no more. */
static void transfer_remove(struct rm_http_transfer *transfer)
{
    curl_multi_remove_handle(transfer->client->multi, transfer->easy);
    rm_list_remove(&transfer->link);
    rm_list_remove(&transfer->resume_link);
    transfer->client->n_takers -= transfer->take != NULL;
}

void rm__transfer_finish(struct rm_http_transfer *transfer, int error)
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
    transfer_remove(transfer);
    transfer->cb(&answer, transfer->data);
}

/* ---- answers that are taken as they come ---- */

static bool is_late(const struct rm_http_transfer *transfer)
{
    return transfer->take != NULL && !transfer->has_enough &&
           uv_now(transfer->client->uv) - transfer->moved_at_ms > transfer->timeout_ms;
}

/* NULL: none is. */
static struct rm_http_transfer *find_late(const struct rm_http_client *client)
{
    const struct rm_list *link;

    for (link = client->active.next; link != &client->active; link = link->next) {
        struct rm_http_transfer *transfer = RM_LIST_ENTRY(link, struct rm_http_transfer, link);

        if (is_late(transfer)) {
            return transfer;
        }
    }
    return NULL;
}

/* libcurl's own timeout is of the whole transfer, pauses and all. */
static void on_reaper(uv_timer_t *timer)
{
    struct rm_http_client *client = timer->data;
    struct rm_http_transfer *transfer;

    while ((transfer = find_late(client)) != NULL) {
        rm__transfer_finish(transfer, rm__transfer_error(transfer, CURLE_OPERATION_TIMEDOUT));
        rm__transfer_release(transfer);
    }
    if (client->n_takers == 0) {
        uv_timer_stop(timer);
    }
}

static void go_on(struct rm_http_transfer *transfer)
{
    if (!transfer->is_paused) {
        return;
    }
    transfer->is_paused = false;
    /* Shows what was kept; a failure is told only here, and the transfer would wait for ever. */
    if (curl_easy_pause(transfer->easy, CURLPAUSE_CONT) != CURLE_OK) {
        rm__transfer_finish(transfer, RM_ENOMEM);
        rm__transfer_release(transfer);
    }
}

static void on_resumer(uv_idle_t *resumer)
{
    struct rm_http_client *client = resumer->data;
    struct rm_list going;

    uv_idle_stop(resumer);
    rm_list_init(&going);
    rm_list_splice(&going, &client->resuming);
    while (!rm_list_is_empty(&going)) {
        struct rm_http_transfer *transfer =
            RM_LIST_ENTRY(going.next, struct rm_http_transfer, resume_link);

        rm_list_remove(&transfer->resume_link);
        go_on(transfer);
    }
}

void rm_http_transfer_resume(struct rm_http_transfer *transfer)
{
    struct rm_http_client *client = transfer->client;

    if (!transfer->has_enough) {
        return;
    }
    transfer->has_enough = false;
    transfer->moved_at_ms = uv_now(client->uv);
    rm_list_push_back(&client->resuming, &transfer->resume_link);
    uv_idle_start(client->resumer, on_resumer);
}

/* ---- requests ---- */

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
    transfer->take = call->take;
    transfer->is_taken = false;
    transfer->has_enough = false;
    transfer->is_paused = false;
    transfer->timeout_ms = call->timeout_ms;
    transfer->moved_at_ms = uv_now(transfer->client->uv);
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
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, call->take == NULL ? (long)call->timeout_ms : 0L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, rm__client_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer->client);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, rm__client_close_socket);
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
        rm__transfer_release(transfer);
        return rv;
    }
    rm_list_push_back(&client->active, &transfer->link);
    if (transfer->take != NULL && client->n_takers++ == 0) {
        uv_timer_start(client->reaper, on_reaper, REAPER_PERIOD_MS, REAPER_PERIOD_MS);
    }
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
    transfer_remove(transfer);
    rm__transfer_release(transfer);
    return was_begun;
}
