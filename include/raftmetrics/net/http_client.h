/* An HTTP client on a loop: libcurl's multi interface. Connections are kept and reused. http and
 * https only, no redirects, no proxy from the environment, answers bounded. */
#ifndef RAFTMETRICS_NET_HTTP_CLIENT_H
#define RAFTMETRICS_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/slice.h"
#include "raftmetrics/net/loop.h"

struct rm_http_client;
struct rm_http_transfer; /* a request under way */

/* Borrowed for the callback. */
struct rm_http_answer {
    int error;  /* 0: an answer came. RM_ECONNECT: nothing was sent. RM_EUNKNOWN: sent, or partly,
                   and no whole answer (RM_ETIMEDOUT likewise). RM_ETOOBIG: answer past its bound */
    int status; /* HTTP status, when error is 0 */
    struct rm_slice content_type;
    struct rm_slice retry_after; /* header, empty where absent */
    struct rm_slice body;        /* empty where it was taken as it came */
};

/* Called exactly once a request that is not canceled by itself, from the loop, never from within
 * rm_http_client_send. */
typedef void (*rm_http_answer_cb)(const struct rm_http_answer *answer, void *data);

/* Takes the next bytes of an answer, all of them. False: no more of them for now, until
 * rm_http_transfer_resume; the end may come all the same. Is called from within libcurl: it must
 * not use the client or any transfer. */
typedef bool (*rm_http_take_cb)(struct rm_slice bytes, void *data);

struct rm_http_call {
    const char *method; /* "GET", "POST", "DELETE" */
    const char *url;
    const char *const *headers; /* n_headers of "Name: value" */
    size_t n_headers;
    struct rm_slice body; /* borrowed until the callback or the cancel; data NULL: none */
    uint64_t timeout_ms;
    size_t max_answer_bytes;
    /* NULL, or what takes an answer of status 200 that has more than max_answer_bytes. It is given
     * what has come until then, and from then on what comes, until the callback says whether that
     * was all. timeout_ms is from then on the longest time without a byte, of which the time in
     * which no more is taken does not count. It is looked at four times a second. */
    rm_http_take_cb take;
};

/* NULL when out of memory. */
struct rm_http_client *rm_http_client_new(struct rm_loop *loop);

/* Ends what is under way: each callback still to come is called with RM_ECANCELED. */
void rm_http_client_cancel(struct rm_http_client *client);

/* As rm_http_client_cancel, and frees the client. Takes NULL. */
void rm_http_client_free(struct rm_http_client *client);

/* Starts a request. Url and headers are copied. Errors: RM_ENOMEM; the callback is then not
 * called. A url that is none is told there, as RM_EUNKNOWN. */
int rm_http_client_send(struct rm_http_client *client, const struct rm_http_call *call,
                        rm_http_answer_cb cb, void *data);

/* As rm_http_client_send, with a handle by which the request can be canceled until its callback is
 * called. */
int rm_http_client_start(struct rm_http_client *client, const struct rm_http_call *call,
                         rm_http_answer_cb cb, void *data, struct rm_http_transfer **ret_transfer);

/* Ends a request without its callback; what it borrowed is free again, its connection is closed.
 * False: nothing of it was sent. May be called from the callback of another request. */
bool rm_http_transfer_cancel(struct rm_http_transfer *transfer);

/* What take declined may come again; not before this returns. */
void rm_http_transfer_resume(struct rm_http_transfer *transfer);

#endif
