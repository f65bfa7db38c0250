/* A long answer of a worker on its way through control: taken as it comes, passed on as the client
 * takes it, never parsed, and never whole in memory. What the worker does not finish is cut off. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_RELAY_H
#define RAFTMETRICS_SRC_API_CONTROL_RELAY_H

#include "../exchange.h"
#include "raftmetrics/net/http_client.h"

struct rm__relay {
    struct rm_loop *loop;
    struct rm__exchange *exchange;     /* NULL: it has not begun */
    struct rm_http_transfer *transfer; /* NULL: it is over */
    struct rm_buffer bytes;            /* on their way */
    size_t n_passed;                   /* of those */
    uint64_t end_by_ms;                /* of the loop's clock */
    bool has_enough;                   /* the worker waits */
    bool is_taking;
    bool has_failed;
    bool is_gone; /* the client is */
    void (*over)(void *data);
    void *data;
};

/* From within the first taking of @transfer, whose further takings and whose end are told below:
 * answers @exchange. @over is called when client and worker are both done; @relay is the caller's
 * to free there, not before. False: there is no room for one more long answer; nothing was done. */
bool rm__relay_begin(struct rm__relay *relay, struct rm_loop *loop, struct rm__exchange *exchange,
                     const char *content_type, struct rm_http_transfer *transfer,
                     void (*over)(void *data), void *data);

/* As rm_http_take_cb. */
bool rm__relay_take(struct rm__relay *relay, struct rm_slice bytes);

/* The transfer is over: whole, where @error is 0. */
void rm__relay_end(struct rm__relay *relay, int error);

#endif
