/* One request as it passes through this layer, and the ways to answer it. Lives from the header
 * section until the connection is done with it; what waits for an answer may hold a pointer. */
#ifndef RAFTMETRICS_SRC_API_EXCHANGE_H
#define RAFTMETRICS_SRC_API_EXCHANGE_H

#include "answer_budget.h"
#include "meter.h"
#include "params.h"
#include "problem.h"
#include "raftmetrics/api/options.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/json_writer.h"
#include "raftmetrics/net/http_server.h"
#include "route.h"

enum { RM__REQUEST_ID_MAX = 128 };

enum {
    /* A million values with their timestamps and labels; past it the client must ask for less. */
    RM__ANSWER_BYTES_MAX = 256 << 20,
};

struct rm__front;

struct rm__exchange {
    struct rm_http_request *http;
    struct rm__front *front;
    const struct rm__route *route;
    struct rm__route_name name;
    struct rm__params params;
    const struct rm_token *token; /* NULL for nodes of the cluster, and where none is needed */
    bool is_internal;
    struct rm__meter *meter; /* NULL: it is not counted */
    uint64_t since_us;       /* of rm_clock_mono_us: when all of it was in; 0: before */
    uint64_t deadline_ms;    /* of the loop's clock: answered by then, once it is all in */
    struct rm__answer_budget *answers; /* NULL: nothing is counted */
    size_t n_held;                     /* of the bytes there */
    char request_id[RM__REQUEST_ID_MAX + 1];
};

/* A path's metric name, borrowed. */
struct rm_slice rm__exchange_name(const struct rm__exchange *exchange);

/* The answer will hold @n_bytes more until the request is over. False where all answers together
 * hold too much already. A whole answer that is long is counted where it is given. */
bool rm__exchange_hold(struct rm__exchange *exchange, size_t n_bytes);

/* The request is over. */
void rm__exchange_release(struct rm__exchange *exchange);

/* Answers with JSON; takes the bytes out of @body. */
void rm__reply_json(struct rm__exchange *exchange, unsigned status, struct rm_buffer *body);

/* Answers with what @json wrote into @body, or says that memory is short. Ends @body. */
void rm__reply_written(struct rm__exchange *exchange, unsigned status,
                       const struct rm_json_writer *json, struct rm_buffer *body);

/* Where there is no memory for the answer itself: a constant one, 503. Of a write it says that the
 * outcome is unknown, for the answer that is lost may be that of a success. */
void rm__reply_out_of_memory(struct rm__exchange *exchange);

/* Answers with bytes of any type, copied. */
void rm__reply_bytes(struct rm__exchange *exchange, unsigned status, const char *content_type,
                     struct rm_slice bytes);

/* Answers with what @source gives, of Content-Encoding @encoding (NULL: as it is). Copies @source,
 * which may be freed before this returns. */
void rm__reply_stream(struct rm__exchange *exchange, unsigned status, const char *content_type,
                      const char *encoding, const struct rm_http_source *source);

/* Answers with an error body. */
void rm__reply_problem(struct rm__exchange *exchange, const struct rm__problem *problem);
void rm__reply_error(struct rm__exchange *exchange, enum rm__problem_kind kind, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));

/* An error body whose object gets more members from @more (NULL: none). */
typedef void (*rm__members_cb)(struct rm_json_writer *json, void *data);
void rm__reply_problem_with(struct rm__exchange *exchange, const struct rm__problem *problem,
                            rm__members_cb more, void *data);

/* 421: worker @leader leads the shard; at @address, NULL where that is not known. */
void rm__reply_not_leader(struct rm__exchange *exchange, uint32_t leader, const char *address);

/* 405 with its Allow field. */
void rm__reply_not_allowed(struct rm__exchange *exchange, const char *allow);

#endif
