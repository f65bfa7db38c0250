/* The HTTP client from inside: http_client.c brings libcurl and the loop together and owns the
 * rest, http_transfer.c makes requests and takes answers. */
#ifndef RAFTMETRICS_SRC_NET_HTTP_CLIENT_INTERNAL_H
#define RAFTMETRICS_SRC_NET_HTTP_CLIENT_INTERNAL_H

#include <curl/curl.h>
#include <uv.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/list.h"
#include "raftmetrics/net/http_client.h"

struct rm__watch;

struct rm_http_client {
    CURLM *multi;
    uv_loop_t *uv;
    uv_timer_t *timer;
    uv_timer_t *reaper;
    uv_idle_t *resumer;
    struct rm_list active; /* transfers */
    struct rm_list idle;   /* transfers to reuse */
    unsigned n_idle;
    unsigned n_takers;          /* active transfers whose answer may be taken as it comes */
    struct rm_list resuming;    /* transfers that go on at the next turn of the loop */
    struct rm__watch **watches; /* by socket; NULL where there is none */
    size_t n_watches;           /* places in it */
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
    struct rm_list resume_link;
    rm_http_take_cb take;
    bool is_taken;   /* the answer is too long to be gathered */
    bool has_enough; /* take said so */
    bool is_paused;  /* libcurl knows it */
    uint64_t timeout_ms;
    uint64_t moved_at_ms; /* or begun */
    rm_http_answer_cb cb;
    void *data;
};

/* What the end of a transfer with @code is to its caller: 0 or RM_E…. */
int rm__transfer_error(const struct rm_http_transfer *transfer, CURLcode code);

/* Takes it from what is under way and calls back. It is the caller's to release or to free. */
void rm__transfer_finish(struct rm_http_transfer *transfer, int error);

/* Keeps it for a request to come, or frees it. */
void rm__transfer_release(struct rm_http_transfer *transfer);
void rm__transfer_free(struct rm_http_transfer *transfer);

/* libcurl's callbacks about sockets; their data is the client. */
curl_socket_t rm__client_open_socket(void *data, curlsocktype purpose,
                                     struct curl_sockaddr *address);
int rm__client_close_socket(void *data, curl_socket_t socket);

#endif
