/* What this worker leads, as an exposition: page by page for control, or all of it. */
#include <stdlib.h>

#include "exposition_build.h"
#include "exposition_text.h"
#include "exposition_wire.h"
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
    struct rm__exposition_page built;
    struct rm_store **stores;
    struct rm_buffer pieces;
    size_t n;
    int rv = find_stores(worker, &query->shards, &stores, &n, &built.shards);

    if (rv != 0) {
        return rv;
    }
    rm_buffer_init(&pieces, PAGE_BYTES_MAX);
    rv = rm__exposition_build(stores, n, query->style, &query->from, &limits, &pieces, &built.next,
                              &built.is_last);
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

/* Pages of what was led at the start, one after the other. RM_ENOTLEADER: some of that is led no
 * more. */
static int next_page(const struct rm_worker *worker, struct rm__page_query *query,
                     struct rm__page_stream *pages)
{
    struct rm__exposition_page page;
    struct rm_buffer buffer;
    size_t len;
    char *bytes;
    int rv;

    rm_buffer_init(&buffer, PAGE_BYTES_MAX);
    rv = build_page(worker, query, &buffer);
    if (rv != 0) {
        rm_buffer_done(&buffer);
        return rv;
    }
    len = buffer.len;
    bytes = rm_buffer_take(&buffer);
    rv = rm__exposition_page_read(rm_slice_make(bytes, len), &page);
    if (rv == 0 && !rm__shard_set_covers(&page.shards, &query->shards)) {
        rv = RM_ENOTLEADER;
    }
    if (rv != 0) {
        free(bytes);
        return rv;
    }
    query->from = page.next;
    rm__page_stream_feed(pages, bytes, &page);
    return 0;
}

static struct rm__shard_set led_shards(const struct rm_worker *worker)
{
    struct rm__shard_set shards = {0};

    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        uint32_t leader;

        if (rm__worker_led_shard(worker, i, &leader) != NULL) {
            rm__shard_set_add(&shards, i);
        }
    }
    return shards;
}

static int write_all(struct rm_worker *worker, struct rm_exposition_style style,
                     struct rm_buffer *body)
{
    struct rm__page_query query = {
        .shards = led_shards(worker), .style = style, .max_bytes = 256 << 10};
    struct rm__exposition_merge merge;
    struct rm__exposition_text text;
    struct rm__page_stream pages;
    char bytes[16 << 10];
    int rv;

    rm__merge_init(&merge, style);
    rm__merge_add(&merge, &pages);
    rm__exposition_text_init(&text, &merge);
    do {
        size_t n;

        rv = rm__exposition_text_read(&text, bytes, sizeof bytes, &n);
        if (rv == RM_EBUSY) {
            rv = next_page(worker, &query, &pages);
        } else if (rv == 0) {
            rv = rm_buffer_append(body, bytes, n);
        }
    } while (rv == 0);
    rm__page_stream_done(&pages);
    rm_counter_add(&worker->meter.n_clashes, merge.clashes.n_refused);
    rm__merge_done(&merge);
    return rv == RM_ENOTFOUND ? 0 : rv;
}

void rm__worker_expose(void *data, struct rm__exchange *exchange, struct rm_exposition_style style)
{
    struct rm_buffer body;

    rm_buffer_init(&body, 256 << 20);
    if (write_all(data, style, &body) == 0) {
        rm__reply_bytes(exchange, 200, rm_exposition_content_type(style), rm_buffer_peek(&body));
    } else {
        rm__reply_out_of_memory(exchange);
    }
    rm_buffer_done(&body);
}
