#include "control_scrape.h"

#include <stdlib.h>

#include "../accept.h"
#include "../exposition_body.h"
#include "../exposition_wire.h"
#include "pace.h"
#include "raftmetrics/base/error.h"

enum {
    SCRAPES_MAX = 8,
    /* A leader that hangs is another's shards' leader soon. */
    TRY_TIMEOUT_MS = 2000,
    PAGE_BYTES = 256 << 10,
    PAGE_BYTES_MIN = 8 << 10,
    ALL_PAGES_BYTES = 8 << 20,   /* of a scrape, at once */
    ANSWER_BYTES_MAX = 64 << 20, /* a page ends behind a series, however large that is */
    TARGET_MAX = 8 << 10,
    /* Once it has begun, it waits for a page as long as for the first ones. */
    PAGE_WAIT_MS = 8000,
    /* Nobody holds one of few places longer. */
    STREAM_MS_MAX = 5 * 60 * 1000,
};

struct scrape {
    struct rm_list link;
    struct rm__scrapes *scrapes;
    struct rm__exchange *exchange;
    uint64_t answer_by_ms; /* until it has begun */
    struct rm__exposition_merge merge;
    struct rm__exposition_body body;
    size_t n_streams;
    bool has_begun;   /* the body is read by the client's connection */
    bool has_failed;  /* after that: there will be no more of it */
    bool is_awaiting; /* a page, since since_ms */
    uint64_t since_ms;
    uint64_t end_by_ms;
};

/* The pages of some shards, which the same worker leads as far as is known. */
struct stream {
    struct rm__page_stream pages;
    struct scrape *scrape;
    struct rm__shard_set shards;
    struct rm__exposition_cursor next; /* of the page to ask for */
    struct rm__peer *peer;             /* that was asked last */
    struct rm_http_transfer *transfer; /* NULL: none is asked now */
    struct rm__pace pace;
};

static struct rm__cluster_view *view_of(const struct scrape *scrape)
{
    return scrape->scrapes->view;
}

static uint64_t now_of(const struct scrape *scrape)
{
    return rm_loop_now_ms(view_of(scrape)->loop);
}

static struct stream *stream_of(struct rm_list *link)
{
    return (struct stream *)RM_LIST_ENTRY(link, struct rm__page_stream, link);
}

/* ---- the end ---- */

static void cancel_all(struct scrape *scrape)
{
    struct rm_list *streams = &scrape->merge.streams;

    for (struct rm_list *link = streams->next; link != streams; link = link->next) {
        struct stream *stream = stream_of(link);

        if (stream->transfer != NULL) {
            (void)rm_http_transfer_cancel(stream->transfer);
            stream->transfer = NULL;
        }
    }
}

static void scrape_free(struct scrape *scrape)
{
    struct rm_list *streams = &scrape->merge.streams;

    cancel_all(scrape);
    while (!rm_list_is_empty(streams)) {
        struct stream *stream = stream_of(streams->next);

        rm__page_stream_done(&stream->pages);
        free(stream);
    }
    rm_counter_add(&scrape->exchange->meter->n_clashes, scrape->merge.clashes.n_refused);
    rm__merge_done(&scrape->merge);
    rm__exposition_body_done(&scrape->body);
    rm_list_remove(&scrape->link);
    scrape->scrapes->n--;
    free(scrape);
}

static struct rm__exchange *end(struct scrape *scrape)
{
    struct rm__exchange *exchange = scrape->exchange;

    scrape_free(scrape);
    return exchange;
}

/* Before it has begun, says why; then its connection is cut, and frees it. */
static void fail(struct scrape *scrape, enum rm__problem_kind kind)
{
    if (scrape->has_begun) {
        scrape->has_failed = true;
        cancel_all(scrape);
        rm_http_request_wake(scrape->exchange->http);
    } else if (kind == RM__NO_LEADER) {
        rm__reply_error(end(scrape), kind,
                        "Some shard has no leader that can be reached; try again soon");
    } else {
        rm__reply_out_of_memory(end(scrape));
    }
}

/* ---- streams ---- */

/* A stream of @shards that goes on at @next; NULL when out of memory. */
static struct stream *add_stream(struct scrape *scrape, const struct rm__shard_set *shards,
                                 const struct rm__exposition_cursor *next)
{
    struct stream *stream = calloc(1, sizeof *stream);

    if (stream != NULL) {
        rm__merge_add(&scrape->merge, &stream->pages);
        stream->scrape = scrape;
        stream->shards = *shards;
        stream->next = *next;
        scrape->n_streams++;
    }
    return stream;
}

/* Moves @shards out of @stream to one of their own; NULL when out of memory. */
static struct stream *split(struct stream *stream, const struct rm__shard_set *shards)
{
    struct stream *other = add_stream(stream->scrape, shards, &stream->next);

    if (other != NULL) {
        rm__shard_set_subtract(&stream->shards, shards);
    }
    return other;
}

/* The leader of the first of its shards that has one, and *@ret_others: shards that it does not
 * lead. */
static struct rm__peer *find_leader(const struct stream *stream, struct rm__shard_set *ret_others)
{
    const struct rm__cluster_view *view = view_of(stream->scrape);
    struct rm__peer *leader = NULL;

    *ret_others = (struct rm__shard_set){0};
    for (uint32_t i = 0; i < view->n_shards; i++) {
        struct rm__peer *peer;

        if (!rm__shard_set_has(&stream->shards, i)) {
            continue;
        }
        peer = rm__cluster_view_leader(view, i);
        leader = leader == NULL ? peer : leader;
        if (peer == NULL || peer != leader) {
            rm__shard_set_add(ret_others, i);
        }
    }
    return leader;
}

/* ---- pages ---- */

/* What is not of the page goes on as a stream of its own, from where the page begins. */
static int take_page(struct stream *stream, const struct rm__exposition_page *page, char *bytes,
                     const struct rm__shard_set *missing)
{
    if (!rm__shard_set_is_empty(missing)) {
        struct stream *other = split(stream, missing);

        if (other == NULL) {
            free(bytes);
            return RM_ENOMEM;
        }
        rm__pace_failed(&other->pace, now_of(stream->scrape));
    }
    stream->next = page->next;
    rm__page_stream_feed(&stream->pages, bytes, page);
    return 0;
}

/* *@ret_missing: shards that it does not lead, though they were asked for. */
static int take_answer(struct stream *stream, struct rm_slice body,
                       struct rm__shard_set *ret_missing)
{
    struct rm__exposition_page page;
    char *bytes = rm_slice_dup(body);
    int rv =
        bytes == NULL ? RM_ENOMEM : rm__exposition_page_read(rm_slice_make(bytes, body.len), &page);

    if (rv != 0) {
        free(bytes);
        return rv;
    }
    *ret_missing = stream->shards;
    rm__shard_set_subtract(ret_missing, &page.shards);
    if (rm__shard_set_covers(ret_missing, &stream->shards)) {
        free(bytes);
        rm__pace_failed(&stream->pace, now_of(stream->scrape));
        return 0;
    }
    return take_page(stream, &page, bytes, ret_missing);
}

static void step(struct scrape *scrape);

/* @missing were not led there; others may take them over by now. */
static void learn(struct rm__peer *peer, const struct rm__shard_set *missing)
{
    for (uint32_t i = 0; i < peer->view->n_shards; i++) {
        if (rm__shard_set_has(missing, i)) {
            rm__cluster_view_learn(peer, i, RM__VERDICT_ELSEWHERE, rm_slice_of(""));
        }
    }
}

static void on_page(const struct rm_http_answer *answer, void *data)
{
    struct stream *stream = data;
    struct scrape *scrape = stream->scrape;
    struct rm__peer *peer = stream->peer;
    struct rm__shard_set missing = {0};
    enum rm__verdict verdict = rm__verdict_of(answer);
    int rv;

    stream->transfer = NULL;
    if (verdict == RM__VERDICT_CANCELED) {
        fail(scrape, RM__NO_LEADER);
        return;
    }
    rv = verdict == RM__VERDICT_DONE ? take_answer(stream, answer->body, &missing) : RM_EPROTO;
    if (rv == RM_EPROTO) {
        rm__pace_failed(&stream->pace, now_of(scrape)); /* no page: it is asked for again */
    } else if (rv != 0) {
        fail(scrape, RM__OVERLOADED);
        return;
    }
    step(scrape); /* may end it */
    learn(peer, &missing);
    if (verdict != RM__VERDICT_DONE) {
        rm__cluster_view_learn(peer, 0, verdict, rm_slice_of(""));
    }
}

/* ---- asking ---- */

static uint32_t page_bytes(const struct scrape *scrape)
{
    size_t bytes = ALL_PAGES_BYTES / scrape->n_streams;

    return (uint32_t)(bytes > PAGE_BYTES       ? PAGE_BYTES
                      : bytes < PAGE_BYTES_MIN ? PAGE_BYTES_MIN
                                               : bytes);
}

static int send(struct stream *stream, const char *url)
{
    struct rm__cluster_view *view = view_of(stream->scrape);
    const char *headers[] = {view->headers[0], view->headers[1]};
    struct rm_http_call call = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .n_headers = sizeof headers / sizeof headers[0],
        .timeout_ms = TRY_TIMEOUT_MS,
        .max_answer_bytes = ANSWER_BYTES_MAX,
    };

    return rm_http_client_start(view->client, &call, on_page, stream, &stream->transfer);
}

static int ask(struct stream *stream, struct rm__peer *leader)
{
    const struct rm__page_query query = {.shards = stream->shards,
                                         .style = stream->scrape->merge.style,
                                         .from = stream->next,
                                         .max_bytes = page_bytes(stream->scrape)};
    struct rm_buffer url;
    int rv;

    stream->peer = leader;
    rm_buffer_init(&url, TARGET_MAX);
    rv = rm_buffer_printf(&url, "http://%s", leader->address);
    if (rv == 0) {
        rv = rm__page_query_format(&query, &url);
    }
    if (rv == 0) {
        rv = rm_buffer_append_byte(&url, '\0');
    }
    if (rv == 0) {
        rv = send(stream, url.data);
    }
    rm_buffer_done(&url);
    return rv;
}

/* Asks for the next page, if it is wanted and there is a leader to ask. */
static int go_on(struct stream *stream)
{
    struct rm__shard_set others;
    struct rm__peer *leader;

    if (!rm__page_stream_wants(&stream->pages) || stream->transfer != NULL) {
        return 0;
    }
    leader = find_leader(stream, &others);
    if (leader == NULL ||
        !rm__pace_allows(&stream->pace, now_of(stream->scrape), leader != stream->peer)) {
        return 0;
    }
    if (!rm__shard_set_is_empty(&others) && split(stream, &others) == NULL) {
        return RM_ENOMEM;
    }
    return ask(stream, leader);
}

/* Streams that are split off stand behind, and are met as well. */
static int go_on_all(struct scrape *scrape)
{
    struct rm_list *streams = &scrape->merge.streams;
    int rv = 0;

    for (struct rm_list *link = streams->next; rv == 0 && link != streams; link = link->next) {
        rv = go_on(stream_of(link));
    }
    return rv;
}

/* ---- the answer ---- */

static bool is_any_awaited(const struct scrape *scrape)
{
    const struct rm_list *streams = &scrape->merge.streams;

    for (struct rm_list *link = streams->next; link != streams; link = link->next) {
        if (rm__page_stream_is_awaited(&stream_of(link)->pages)) {
            return true;
        }
    }
    return false;
}

static enum rm_http_read read_body(char *buffer, size_t size, size_t *ret_len, void *data)
{
    struct scrape *scrape = data;
    int rv = scrape->has_failed ? RM_EUNKNOWN
                                : rm__exposition_body_read(&scrape->body, buffer, size, ret_len);

    if ((rv == 0 || rv == RM_EBUSY) && go_on_all(scrape) != 0) {
        return RM_HTTP_READ_ABORT;
    }
    if (rv == RM_EBUSY) {
        scrape->since_ms = scrape->is_awaiting ? scrape->since_ms : now_of(scrape);
        scrape->is_awaiting = true;
        return RM_HTTP_READ_LATER;
    }
    scrape->is_awaiting = false;
    return rv == 0              ? RM_HTTP_READ_BYTES
           : rv == RM_ENOTFOUND ? RM_HTTP_READ_END
                                : RM_HTTP_READ_ABORT;
}

static void free_body(void *data)
{
    scrape_free(data);
}

/* May free it. */
static void begin(struct scrape *scrape)
{
    const struct rm_http_source source = {read_body, free_body, scrape};

    scrape->has_begun = true;
    scrape->end_by_ms = now_of(scrape) + STREAM_MS_MAX;
    rm__reply_stream(scrape->exchange, 200, rm_exposition_content_type(scrape->merge.style),
                     scrape->body.gzip == NULL ? NULL : "gzip", &source);
}

static bool is_hopeless(const struct scrape *scrape)
{
    const struct rm__cluster_view *view = view_of(scrape);

    for (uint32_t i = 0; i < view->n_shards; i++) {
        if (rm__cluster_view_is_hopeless(view, i)) {
            return true;
        }
    }
    return view->n_shards == 0;
}

/* Who does not read is not waited for longer than the server does. */
static bool is_late(const struct scrape *scrape)
{
    uint64_t now_ms = now_of(scrape);

    if (!scrape->has_begun) {
        return now_ms >= scrape->answer_by_ms;
    }
    return now_ms >= scrape->end_by_ms ||
           (scrape->is_awaiting && now_ms >= scrape->since_ms + PAGE_WAIT_MS);
}

/* Some shard's page does not come. May end it. */
static void check_hope(struct scrape *scrape)
{
    if (is_late(scrape) || is_hopeless(scrape)) {
        fail(scrape, RM__NO_LEADER);
    }
}

/* Does what is to be done now. May end it. */
static void step(struct scrape *scrape)
{
    if (scrape->has_failed) {
        return;
    }
    if (go_on_all(scrape) != 0) {
        fail(scrape, RM__OVERLOADED);
    } else if (is_any_awaited(scrape)) {
        check_hope(scrape);
    } else if (!scrape->has_begun) {
        begin(scrape);
    } else if (is_late(scrape)) {
        fail(scrape, RM__NO_LEADER);
    } else if (scrape->is_awaiting) {
        rm_http_request_wake(scrape->exchange->http);
    }
}

/* ---- the scrapes under way ---- */

void rm__scrapes_init(struct rm__scrapes *scrapes, struct rm__cluster_view *view)
{
    *scrapes = (struct rm__scrapes){.view = view};
    rm_list_init(&scrapes->scrapes);
}

/* NULL when out of memory. */
static struct scrape *scrape_new(struct rm__scrapes *scrapes, struct rm__exchange *exchange,
                                 struct rm_exposition_style style, uint64_t answer_by_ms)
{
    bool is_gzip = rm__accept_gzip(rm_http_request_header(exchange->http, "Accept-Encoding"));
    struct scrape *scrape = calloc(1, sizeof *scrape);

    if (scrape == NULL) {
        return NULL;
    }
    rm__merge_init(&scrape->merge, style);
    if (rm__exposition_body_init(&scrape->body, &scrape->merge, is_gzip) != 0) {
        free(scrape);
        return NULL;
    }
    scrape->scrapes = scrapes;
    scrape->exchange = exchange;
    scrape->answer_by_ms = answer_by_ms;
    rm_list_push_back(&scrapes->scrapes, &scrape->link);
    scrapes->n++;
    return scrape;
}

/* Begins with one stream of all shards, which is split by their leaders. */
static bool add_all(struct scrape *scrape)
{
    struct rm__exposition_cursor start = {0};
    struct rm__shard_set all = {0};

    for (uint32_t i = 0; i < view_of(scrape)->n_shards; i++) {
        rm__shard_set_add(&all, i);
    }
    return add_stream(scrape, &all, &start) != NULL;
}

void rm__scrape_start(struct rm__scrapes *scrapes, struct rm__exchange *exchange,
                      struct rm_exposition_style style, uint64_t answer_by_ms)
{
    struct scrape *scrape;

    if (scrapes->n == SCRAPES_MAX) {
        rm__reply_error(exchange, RM__OVERLOADED, "%d scrapes are under way; try again later",
                        SCRAPES_MAX);
        return;
    }
    scrape = scrape_new(scrapes, exchange, style, answer_by_ms);
    if (scrape == NULL) {
        rm__reply_out_of_memory(exchange);
    } else if (scrapes->view->n_shards == 0) {
        fail(scrape, RM__NO_LEADER);
    } else if (!add_all(scrape)) {
        fail(scrape, RM__OVERLOADED);
    } else {
        step(scrape);
    }
}

void rm__scrapes_flush(struct rm__scrapes *scrapes)
{
    struct rm_list looking;

    rm_list_init(&looking);
    rm_list_splice(&looking, &scrapes->scrapes);
    while (!rm_list_is_empty(&looking)) {
        struct scrape *scrape = RM_LIST_ENTRY(looking.next, struct scrape, link);

        rm_list_remove(&scrape->link);
        rm_list_push_back(&scrapes->scrapes, &scrape->link);
        step(scrape);
    }
}

void rm__scrapes_done(struct rm__scrapes *scrapes)
{
    struct rm_list ending;

    rm_list_init(&ending);
    rm_list_splice(&ending, &scrapes->scrapes);
    while (!rm_list_is_empty(&ending)) {
        struct scrape *scrape = RM_LIST_ENTRY(ending.next, struct scrape, link);

        rm_list_remove(&scrape->link);
        rm_list_push_back(&scrapes->scrapes, &scrape->link);
        fail(scrape, RM__NO_LEADER);
    }
}
