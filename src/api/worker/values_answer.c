/* GET /metrics/{name}. */
#include "answer.h"

#include <stdlib.h>

#include "answer_json.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/metrics/values_run.h"
#include "values_body.h"

enum {
    /* What is longer, or more work, streams. Below, it is written at once, with its length. */
    WHOLE_BYTES_MAX = 256 << 10,
    WHOLE_WRITTEN_MAX = 32 << 10,
    /* No reader keeps what is frozen for longer. */
    LONGEST_MS = 15 * 60 * 1000,
};

/* An answer that streams. */
struct long_answer {
    struct rm__exchange *exchange;
    struct rm__read_query query;
    struct rm__values_body body;
    size_t n_passed; /* of the body's bytes */
    uint64_t end_by_us;
};

static void answer_free(void *data)
{
    struct long_answer *answer = data;

    rm__values_body_done(&answer->body);
    free(answer);
}

static enum rm_http_read fail(const struct long_answer *answer, const char *why)
{
    rm_log(RM_LOG_WARN, "a long answer broke off",
           rm_field_text("request_id", answer->exchange->request_id), rm_field_text("error", why));
    return RM_HTTP_READ_ABORT;
}

static size_t n_left(const struct long_answer *answer)
{
    return answer->body.bytes.len - answer->n_passed;
}

static void drop_passed(struct long_answer *answer)
{
    struct rm_buffer *bytes = &answer->body.bytes;

    memmove(bytes->data, bytes->data + answer->n_passed, n_left(answer));
    bytes->len = n_left(answer);
    answer->n_passed = 0;
}

/* Makes @n bytes ready, or all that are left. */
static int write_more(struct long_answer *answer, size_t n)
{
    int rv = 0;

    if (n_left(answer) < n) {
        drop_passed(answer);
    }
    while (rv == 0 && n_left(answer) < n && !rm__values_body_is_written(&answer->body)) {
        rv = rm__values_body_write(&answer->body);
    }
    return rv;
}

static enum rm_http_read on_read(char *buffer, size_t size, size_t *ret_len, void *data)
{
    struct long_answer *answer = data;
    int rv = write_more(answer, size);

    if (rv != 0) {
        return fail(answer, rm_strerror(rv));
    }
    if (rm_clock_mono_us() >= answer->end_by_us) {
        return fail(answer, "the client takes too long");
    }
    if (n_left(answer) == 0) {
        return RM_HTTP_READ_END;
    }
    *ret_len = n_left(answer) < size ? n_left(answer) : size;
    memcpy(buffer, answer->body.bytes.data + answer->n_passed, *ret_len);
    answer->n_passed += *ret_len;
    return RM_HTTP_READ_BYTES;
}

static void stream(struct long_answer *answer)
{
    struct rm_http_source source = {on_read, answer_free, answer};

    answer->end_by_us = rm_clock_mono_us() + (uint64_t)LONGEST_MS * 1000;
    rm__reply_stream(answer->exchange, 200, "application/json", NULL, &source);
}

/* Writes as much as may be written at once. */
static int begin(struct rm__values_body *body)
{
    int rv = 0;

    while (rv == 0 && !rm__values_body_is_written(body) && body->bytes.len < WHOLE_BYTES_MAX &&
           body->n_written < WHOLE_WRITTEN_MAX) {
        rv = rm__values_body_write(body);
    }
    return rv;
}

static void answer_begun(struct long_answer *answer)
{
    struct rm__exchange *exchange = answer->exchange;
    struct rm__values_body *body = &answer->body;

    if (rm__values_body_is_written(body)) {
        rm__reply_json(exchange, 200, &body->bytes);
    } else if (rm__exchange_hold(exchange, rm__values_body_size(body) + body->bytes.capacity)) {
        stream(answer);
        return;
    } else {
        rm__reply_error(exchange, RM__OVERLOADED,
                        "Too many clients are reading long answers; try again later, or ask for "
                        "less");
    }
    answer_free(answer);
}

/* Takes @values over. */
static void answer(struct rm__exchange *exchange, const struct rm__read_query *query,
                   struct rm_frozen_values *values)
{
    struct long_answer *answer = malloc(sizeof *answer);
    int rv;

    if (answer == NULL) {
        rm_frozen_values_free(values);
        rm__answer_failure(exchange, RM_ENOMEM);
        return;
    }
    answer->exchange = exchange;
    answer->query = *query;
    answer->n_passed = 0;
    rv = rm__values_body_init(&answer->body, values, &answer->query);
    if (rv == 0) {
        rv = begin(&answer->body);
    }
    if (rv != 0) {
        answer_free(answer);
        rm__answer_failure(exchange, rv);
        return;
    }
    answer_begun(answer);
}

/* ---- on the way to it ---- */

struct freezing {
    struct rm__slow_read read;
    struct rm__read_query query;
    struct rm_values_run *run;
};

/* True: it has answered. */
static bool work(struct rm__slow_read *read)
{
    struct freezing *freezing = RM_LIST_ENTRY(read, struct freezing, read);
    bool is_done;
    int rv = rm_values_run_work(freezing->run, RM__SLICE_VALUES, &is_done);

    if (rv != 0) {
        rm__answer_failure(read->exchange, rv);
        return true;
    }
    if (is_done) {
        answer(read->exchange, &freezing->query, rm_values_run_take(freezing->run));
    }
    read->n_bytes = sizeof *freezing + rm_values_run_bytes(freezing->run);
    return is_done;
}

static bool close_read(struct rm__slow_read *read)
{
    struct freezing *freezing = RM_LIST_ENTRY(read, struct freezing, read);

    return rm_values_run_close(freezing->run, RM__SLICE_VALUES);
}

static void free_read(struct rm__slow_read *read)
{
    struct freezing *freezing = RM_LIST_ENTRY(read, struct freezing, read);

    rm_values_run_free(freezing->run);
    free(freezing);
}

void rm__answer_values(struct rm__exchange *exchange, struct rm_store *store,
                       const struct rm__read_query *query, struct rm__slow_reads *slow_reads)
{
    struct freezing *freezing = malloc(sizeof *freezing);
    int rv;

    if (freezing == NULL) {
        rm__answer_failure(exchange, RM_ENOMEM);
        return;
    }
    *freezing = (struct freezing){
        .read = {.exchange = exchange, .work = work, .close = close_read, .free = free_read},
        .query = *query};
    rv = rm_values_run_begin(
        store, &query->selection, query->limit, query->has_cursor ? &query->before : NULL,
        query->by_series ? RM_VALUES_BY_SERIES : RM_VALUES_BY_TIME, &freezing->run);
    if (rv != 0) {
        rm__answer_failure(exchange, rv);
        free_read(&freezing->read);
        return;
    }
    rm__slow_reads_begin(slow_reads, &freezing->read);
}
