/* What this worker leads, as an exposition: page by page for control, or all of it. */
#include <stdlib.h>

#include "../accept.h"
#include "../exposition_body.h"
#include "../exposition_wire.h"
#include "exposition_build.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "worker_internal.h"

enum {
    PAGE_US_MAX = 4000, /* other requests wait that long */
    PAGE_BYTES_MAX = 64 << 20,
};

/* Of @wanted the shards that are led here; *@ret_stores is the caller's to free. */
static int find_stores(const struct rm_worker *worker, const struct rm__shard_set *wanted,
                       struct rm_store ***ret_stores, size_t *ret_n,
                       struct rm__shard_set *ret_shards)
{
    struct rm_store **stores = calloc(worker->options.n_shards, sizeof *stores);
    size_t n = 0;

    if (stores == NULL) {
        return RM_ENOMEM;
    }
    *ret_shards = (struct rm__shard_set){0};
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        uint32_t leader;
        struct rm__shard *shard =
            rm__shard_set_has(wanted, i) ? rm__worker_led_shard(worker, i, &leader) : NULL;

        if (shard != NULL) {
            stores[n++] = rm__shard_store(shard);
            rm__shard_set_add(ret_shards, i);
        }
    }
    *ret_stores = stores;
    *ret_n = n;
    return 0;
}

static int build_page(const struct rm_worker *worker, const struct rm__page_query *query,
                      struct rm_buffer *page)
{
    struct rm__exposition_limits limits = {.max_bytes = query->max_bytes,
                                           .until_us = rm_clock_mono_us() + PAGE_US_MAX};
    struct rm__exposition_source source = {.style = query->style,
                                           .rules = worker->options.exposition_rules,
                                           .n_rules = worker->options.n_exposition_rules};
    struct rm__exposition_page built;
    struct rm_store **stores;
    struct rm_buffer pieces;
    int rv = find_stores(worker, &query->shards, &stores, &source.n_stores, &built.shards);

    if (rv != 0) {
        return rv;
    }
    rm_buffer_init(&pieces, PAGE_BYTES_MAX);
    source.stores = stores;
    rv = rm__exposition_build(&source, &query->from, &limits, &pieces, &built.next, &built.is_last);
    if (rv == 0) {
        built.pieces = rm_buffer_peek(&pieces);
        rv = rm__exposition_page_write(&built, worker->options.n_shards, page);
    }
    rm_buffer_done(&pieces);
    free(stores);
    return rv;
}

void rm__worker_reply_page(struct rm_worker *worker, struct rm__exchange *exchange)
{
    struct rm__page_query query;
    struct rm_buffer page;

    if (rm__page_query_parse(&exchange->params, &query) != 0) {
        rm__reply_error(exchange, RM__INVALID_PARAMETER, "This is no request for a page");
        return;
    }
    rm_buffer_init(&page, PAGE_BYTES_MAX);
    if (build_page(worker, &query, &page) == 0) {
        rm__reply_bytes(exchange, 200, "application/octet-stream", rm_buffer_peek(&page));
    } else {
        rm__reply_out_of_memory(exchange);
    }
    rm_buffer_done(&page);
}

/* ---- all of it ---- */

enum {
    EXPOSURE_PAGE_BYTES = 64 << 10,
    /* Before a store that is not in order yet is asked again: others have their turn. */
    ORDERING_PAUSE_MS = 1,
};

/* An answer under way: pages of what was led at its beginning, as the client takes them. */
struct exposure {
    struct rm_worker *worker;
    struct rm__exchange *exchange;
    struct rm__page_query query; /* of the next page */
    struct rm__exposition_merge merge;
    struct rm__page_stream pages;
    struct rm__exposition_body body;
    struct rm_timer *timer;
};

static void exposure_free(void *data)
{
    struct exposure *exposure = data;

    rm_timer_free(exposure->timer);
    rm__page_stream_done(&exposure->pages);
    rm_counter_add(&exposure->worker->meter.n_clashes, exposure->merge.clashes.n_refused);
    rm__merge_done(&exposure->merge);
    rm__exposition_body_done(&exposure->body);
    free(exposure);
}

/* RM_ENOTLEADER: some of what was led is led no more. */
static int next_page(struct exposure *exposure)
{
    struct rm__exposition_page page;
    struct rm_buffer buffer;
    size_t len;
    char *bytes;
    int rv;

    rm_buffer_init(&buffer, PAGE_BYTES_MAX);
    rv = build_page(exposure->worker, &exposure->query, &buffer);
    if (rv != 0) {
        rm_buffer_done(&buffer);
        return rv;
    }
    len = buffer.len;
    bytes = rm_buffer_take(&buffer);
    rv = rm__exposition_page_read(rm_slice_make(bytes, len), &page);
    if (rv == 0 && !rm__shard_set_covers(&page.shards, &exposure->query.shards)) {
        rv = RM_ENOTLEADER;
    }
    if (rv != 0) {
        free(bytes);
        return rv;
    }
    exposure->query.from = page.next;
    rm__page_stream_feed(&exposure->pages, bytes, &page);
    return 0;
}

static enum rm_http_read read_body(char *buffer, size_t size, size_t *ret_len, void *data)
{
    struct exposure *exposure = data;
    int rv = rm__exposition_body_read(&exposure->body, buffer, size, ret_len);

    if (rv == RM_EBUSY) {
        rv = next_page(exposure);
        if (rv == 0) {
            rv = rm__exposition_body_read(&exposure->body, buffer, size, ret_len);
        }
    }
    if (rv == RM_EBUSY) {
        rm_timer_start(exposure->timer, ORDERING_PAUSE_MS, 0);
        return RM_HTTP_READ_LATER;
    }
    return rv == 0              ? RM_HTTP_READ_BYTES
           : rv == RM_ENOTFOUND ? RM_HTTP_READ_END
                                : RM_HTTP_READ_ABORT;
}

static void on_pause_over(void *data)
{
    const struct exposure *exposure = data;

    rm_http_request_wake(exposure->exchange->http);
}

/* NULL when out of memory. */
static struct exposure *exposure_new(struct rm_worker *worker, struct rm__exchange *exchange,
                                     struct rm_exposition_style style)
{
    bool is_gzip = rm__accept_gzip(rm_http_request_header(exchange->http, "Accept-Encoding"));
    struct exposure *exposure = calloc(1, sizeof *exposure);

    if (exposure == NULL) {
        return NULL;
    }
    exposure->worker = worker;
    exposure->exchange = exchange;
    exposure->query = (struct rm__page_query){
        .shards = rm__worker_led_shards(worker), .style = style, .max_bytes = EXPOSURE_PAGE_BYTES};
    rm__merge_init(&exposure->merge, style);
    rm__merge_add(&exposure->merge, &exposure->pages);
    exposure->timer = rm_timer_new(worker->loop, on_pause_over, exposure);
    if (rm__exposition_body_init(&exposure->body, &exposure->merge, is_gzip) != 0 ||
        exposure->timer == NULL) {
        exposure_free(exposure);
        return NULL;
    }
    return exposure;
}

void rm__worker_expose(void *data, struct rm__exchange *exchange, struct rm_exposition_style style)
{
    struct exposure *exposure = exposure_new(data, exchange, style);
    struct rm_http_source source = {read_body, exposure_free, exposure};

    if (exposure == NULL) {
        rm__reply_out_of_memory(exchange);
        return;
    }
    rm__reply_stream(exchange, 200, rm_exposition_content_type(style),
                     exposure->body.gzip == NULL ? NULL : "gzip", &source);
}
