/* Pages of an exposition: their form, how they are built out of stores, how they become one text
 * again however they were cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/exposition_text.h"
#include "../../src/api/exposition_wire.h"
#include "../../src/api/worker/exposition_build.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/partitioning/jump_hash.h"
#include "random.h"

enum { N_SHARDS = 8, STREAMS_MAX = 64, NAME_MAX_LEN = 64, TEXT_MAX = 64 << 20 };

/* More than 32 bits. */
#define LARGE_NUMBER (UINT64_C(70000) << 32 | 5)

static const struct rm_exposition_style text_style = {RM_EXPOSITION_TEXT, false};
static const struct rm_exposition_style openmetrics_utf8 = {RM_EXPOSITION_OPENMETRICS, true};

/* ---- their form ---- */

static struct rm__exposition_cursor cursor_of(const char *metric, uint32_t family, uint64_t series)
{
    struct rm__exposition_cursor cursor = {
        .metric_len = (uint32_t)strlen(metric), .family = family, .series = series};

    memcpy(cursor.metric, metric, cursor.metric_len);
    return cursor;
}

static void add_piece(struct rm_buffer *pieces, const char *metric, enum rm__exposed_family family,
                      bool begins, const char *text)
{
    size_t mark;

    assert_int_equal(rm__exposition_piece_begin(pieces, rm_slice_of(metric), family, begins, &mark),
                     0);
    assert_int_equal(rm_buffer_append_text(pieces, text), 0);
    rm__exposition_piece_end(pieces, mark);
}

static void write_page(struct rm_buffer *buffer)
{
    struct rm__exposition_page page = {.is_last = true,
                                       .next = cursor_of("cpu.usage", 1, LARGE_NUMBER)};
    struct rm_buffer pieces;

    rm_buffer_init(&pieces, TEXT_MAX);
    add_piece(&pieces, "a", RM__FAMILY_HISTOGRAM, true, "first\n");
    add_piece(&pieces, "a", RM__FAMILY_LAST, false, "");
    add_piece(&pieces, "b/c", RM__FAMILY_COUNTER, true, "third\n");
    rm__shard_set_add(&page.shards, 0);
    rm__shard_set_add(&page.shards, 9);
    page.pieces = rm_buffer_peek(&pieces);
    rm_buffer_init(buffer, TEXT_MAX);
    assert_int_equal(rm__exposition_page_write(&page, 10, buffer), 0);
    rm_buffer_done(&pieces);
}

static void check_piece(struct rm_slice *pieces, const char *metric, enum rm__exposed_family family,
                        bool begins, const char *text)
{
    struct rm__exposition_piece piece;

    assert_true(rm__exposition_piece_next(pieces, &piece));
    assert_true(rm_slice_is(piece.metric, metric));
    assert_int_equal(piece.family, family);
    assert_int_equal(piece.begins, begins);
    assert_true(rm_slice_is(piece.text, text));
}

static void a_page_is_read_as_it_was_written(void **state)
{
    struct rm__exposition_page page;
    struct rm__exposition_piece piece;
    struct rm_buffer buffer;

    (void)state;
    write_page(&buffer);
    assert_int_equal(rm__exposition_page_read(rm_buffer_peek(&buffer), &page), 0);
    assert_true(page.is_last);
    assert_true(rm__shard_set_has(&page.shards, 0) && rm__shard_set_has(&page.shards, 9));
    assert_false(rm__shard_set_has(&page.shards, 1) || rm__shard_set_has(&page.shards, 8));
    assert_true(rm_slice_is(rm_slice_make(page.next.metric, page.next.metric_len), "cpu.usage"));
    assert_int_equal(page.next.family, 1);
    assert_int_equal(page.next.series, LARGE_NUMBER);
    check_piece(&page.pieces, "a", RM__FAMILY_HISTOGRAM, true, "first\n");
    check_piece(&page.pieces, "a", RM__FAMILY_LAST, false, "");
    check_piece(&page.pieces, "b/c", RM__FAMILY_COUNTER, true, "third\n");
    assert_false(rm__exposition_piece_next(&page.pieces, &piece));
    rm_buffer_done(&buffer);
}

/* Reads every piece, so that a sanitizer sees what is not in the page. */
static void read_hostile(const char *bytes, size_t len)
{
    struct rm__exposition_page page;
    struct rm__exposition_piece piece;
    char *copy = malloc(len + 1); /* the end of the block is the end of the bytes */
    size_t sum = 0;

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    if (rm__exposition_page_read(rm_slice_make(copy, len), &page) == 0) {
        assert_true(page.next.metric_len <= RM_METRIC_NAME_MAX);
        while (rm__exposition_piece_next(&page.pieces, &piece)) {
            assert_true(piece.metric.len > 0 && piece.metric.len <= RM_METRIC_NAME_MAX);
            sum += piece.text.len + (piece.text.len > 0 ? (size_t)piece.text.data[0] & 1 : 0);
        }
        assert_true(sum <= 2 * len);
    }
    free(copy);
}

static void any_bytes_are_safe(void **state)
{
    struct random random = random_start(__func__);
    struct rm__exposition_page page;
    struct rm_buffer buffer;

    (void)state;
    write_page(&buffer);
    for (size_t len = 0; len < buffer.len; len++) {
        read_hostile(buffer.data, len);
    }
    assert_int_equal(rm__exposition_page_read(rm_slice_make(buffer.data, buffer.len - 1), &page),
                     RM_EPROTO);
    for (int i = 0; i < 20000; i++) {
        size_t at = (size_t)random_below(&random, buffer.len);
        char was = buffer.data[at];

        buffer.data[at] = (char)random_next(&random);
        read_hostile(buffer.data, buffer.len);
        buffer.data[at] = random_below(&random, 2) == 0 ? was : buffer.data[at];
    }
    rm_buffer_done(&buffer);
}

static void append_word(struct rm_buffer *buffer, uint32_t word)
{
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rm_buffer_append_byte(buffer, (char)(word >> 8 * i)), 0);
    }
}

static void append_zeros(struct rm_buffer *buffer, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rm_buffer_append_byte(buffer, '\0'), 0);
    }
}

/* A page of one piece, whole but for sizes that may not be. */
static int read_made_page(uint32_t version, uint32_t n_shards, uint32_t cursor_len, uint32_t family,
                          uint32_t name_len)
{
    const uint32_t header[] = {version, 1, n_shards, 0, 0, 0, cursor_len};
    const uint32_t piece[] = {family, 1, name_len, 0};
    struct rm__exposition_page page;
    struct rm_buffer buffer;
    int rv;

    rm_buffer_init(&buffer, TEXT_MAX);
    for (size_t i = 0; i < sizeof header / sizeof header[0]; i++) {
        append_word(&buffer, header[i]);
    }
    append_zeros(&buffer, cursor_len + (n_shards + 7) / 8);
    for (size_t i = 0; i < 4; i++) {
        append_word(&buffer, piece[i]);
    }
    append_zeros(&buffer, name_len);
    rv = rm__exposition_page_read(rm_buffer_peek(&buffer), &page);
    rm_buffer_done(&buffer);
    return rv;
}

static void sizes_have_bounds(void **state)
{
    (void)state;
    assert_int_equal(read_made_page(2, RM_SHARDS_MAX, 255, 3, 255), 0);
    assert_int_equal(read_made_page(3, RM_SHARDS_MAX, 255, 3, 255), RM_EPROTO);
    assert_int_equal(read_made_page(2, RM_SHARDS_MAX + 1, 255, 3, 255), RM_EPROTO);
    assert_int_equal(read_made_page(2, RM_SHARDS_MAX, 256, 3, 255), RM_EPROTO);
    assert_int_equal(read_made_page(2, RM_SHARDS_MAX, 255, 4, 255), RM_EPROTO);
    assert_int_equal(read_made_page(2, RM_SHARDS_MAX, 255, 3, 256), RM_EPROTO);
    assert_int_equal(read_made_page(2, RM_SHARDS_MAX, 255, 3, 0), RM_EPROTO);
}

static void check_query(const char *metric, struct rm_exposition_style style)
{
    struct rm__page_query query = {
        .style = style, .from = cursor_of(metric, 1, LARGE_NUMBER), .max_bytes = 262144};
    struct rm__page_query read;
    struct rm__params params;
    struct rm_buffer target;
    struct rm_slice rest;
    struct rm_slice path;

    rm__shard_set_add(&query.shards, 5);
    rm__shard_set_add(&query.shards, RM_SHARDS_MAX - 1);
    rm_buffer_init(&target, TEXT_MAX);
    assert_int_equal(rm__page_query_format(&query, &target), 0);
    rest = rm_buffer_peek(&target);
    assert_true(rm_slice_next(&rest, '?', &path));
    assert_true(rm_slice_is(path, "/internal/exposition"));
    assert_int_equal(rm__params_init(&params, rest), 0);
    assert_int_equal(rm__page_query_parse(&params, &read), 0);
    assert_memory_equal(&read.shards, &query.shards, sizeof read.shards);
    assert_int_equal(read.style.syntax, style.syntax);
    assert_int_equal(read.style.keeps_names, style.keeps_names);
    assert_true(rm_slice_is(rm_slice_make(read.from.metric, read.from.metric_len), metric));
    if (metric[0] != '\0') {
        assert_int_equal(read.from.family, 1);
        assert_int_equal(read.from.series, LARGE_NUMBER);
    }
    assert_int_equal(read.max_bytes, 262144);
    rm__params_done(&params);
    rm_buffer_done(&target);
}

static void what_is_asked_for_is_understood(void **state)
{
    (void)state;
    check_query("", text_style);
    check_query("a:b.c/d-e_1", openmetrics_utf8);
}

static void check_bad_query(const char *text)
{
    struct rm__page_query query;
    struct rm__params params;

    assert_int_equal(rm__params_init(&params, rm_slice_of(text)), 0);
    assert_int_equal(rm__page_query_parse(&params, &query), RM_ESYNTAX);
    rm__params_done(&params);
}

static void what_is_no_question_is_refused(void **state)
{
    (void)state;
    check_bad_query("");
    check_bad_query("shards=x&syntax=text&names=kept&max_bytes=1");
    check_bad_query("shards=1&syntax=html&names=kept&max_bytes=1");
    check_bad_query("shards=1&syntax=text&max_bytes=1");
    check_bad_query("shards=1&syntax=text&names=kept");
    check_bad_query("shards=1&syntax=text&names=kept&max_bytes=-1");
    check_bad_query("shards=1&syntax=text&names=kept&max_bytes=1&after=1a&family=0&series=0");
    check_bad_query("shards=1&syntax=text&names=kept&max_bytes=1&after=a&family=0");
    check_bad_query("shards=1&syntax=text&names=kept&max_bytes=1&after=a&family=5&series=0");
    check_bad_query("shards=1&syntax=text&names=kept&max_bytes=1&after=a&family=0&series=-1");
}

/* ---- stores and streams ---- */

struct cluster {
    struct rm_store *stores[N_SHARDS];
};

static void cluster_open(struct cluster *cluster)
{
    for (uint32_t i = 0; i < N_SHARDS; i++) {
        cluster->stores[i] = rm_store_new(i);
        assert_non_null(cluster->stores[i]);
    }
}

static void cluster_close(struct cluster *cluster)
{
    for (uint32_t i = 0; i < N_SHARDS; i++) {
        rm_store_free(cluster->stores[i]);
    }
}

static void record_at(struct cluster *cluster, const char *metric, uint64_t host, double value,
                      int64_t timestamp_ms)
{
    char text[32];
    struct rm_label label = {.name = rm_slice_of("host.name")};
    const struct rm_sample sample = {.metric_name = rm_slice_of(metric),
                                     .labels = &label,
                                     .n_labels = 1,
                                     .value = value,
                                     .timestamp_ms = timestamp_ms};
    uint32_t shard = rm_shard_of(sample.metric_name, N_SHARDS);

    snprintf(text, sizeof text, "%" PRIu64, host);
    label.value = rm_slice_of(text);
    assert_int_equal(rm_store_record(cluster->stores[shard], &sample), 0);
}

static void record(struct cluster *cluster, const char *metric, uint64_t host, double value)
{
    record_at(cluster, metric, host, value, 0);
}

/* One stream of some shards, as a worker would answer it. */
struct stream {
    struct rm__page_stream pages;
    struct rm__shard_set shards;
    struct rm__exposition_cursor next;
};

struct flow {
    struct cluster *cluster;
    struct random *random;
    size_t max_bytes;
    bool splits; /* now and then a stream becomes two */
    const struct rm_exposition_rule *rules;
    size_t n_rules;
    struct rm_exposition_rule *changing_rule; /* before each page; NULL: none */
    struct rm__exposition_merge merge;
    struct stream streams[STREAMS_MAX];
    size_t n_streams;
    size_t n_pages;
};

static struct stream *add_stream(struct flow *flow, struct rm__exposition_cursor next)
{
    struct stream *stream = &flow->streams[flow->n_streams++];

    rm__merge_add(&flow->merge, &stream->pages);
    stream->shards = (struct rm__shard_set){0};
    stream->next = next;
    return stream;
}

static void feed(struct flow *flow, struct stream *stream)
{
    struct rm__exposition_limits limits = {.max_bytes = flow->max_bytes, .until_us = UINT64_MAX};
    struct rm__exposition_page page = {.shards = stream->shards};
    struct rm__exposition_page read;
    struct rm_store *stores[N_SHARDS];
    struct rm__exposition_source source = {.stores = stores,
                                           .style = flow->merge.style,
                                           .rules = flow->rules,
                                           .n_rules = flow->n_rules};
    struct rm_buffer pieces;
    struct rm_buffer buffer;
    size_t n = 0;
    char *bytes;
    size_t len;

    for (uint32_t i = 0; i < N_SHARDS; i++) {
        if (rm__shard_set_has(&stream->shards, i)) {
            stores[n++] = flow->cluster->stores[i];
        }
    }
    rm_buffer_init(&pieces, TEXT_MAX);
    rm_buffer_init(&buffer, TEXT_MAX);
    source.n_stores = n;
    if (flow->changing_rule != NULL) {
        flow->changing_rule->as =
            (enum rm_exposed_as)random_below(flow->random, RM_EXPOSED_AS_COUNTER + 1);
    }
    assert_int_equal(
        rm__exposition_build(&source, &stream->next, &limits, &pieces, &page.next, &page.is_last),
        0);
    page.pieces = rm_buffer_peek(&pieces);
    assert_int_equal(rm__exposition_page_write(&page, N_SHARDS, &buffer), 0);
    rm_buffer_done(&pieces);
    len = buffer.len;
    bytes = rm_buffer_take(&buffer);
    assert_int_equal(rm__exposition_page_read(rm_slice_make(bytes, len), &read), 0);
    stream->next = read.next;
    rm__page_stream_feed(&stream->pages, bytes, &read);
    flow->n_pages++;
}

/* Some of its shards go on elsewhere. */
static void maybe_split(struct flow *flow, struct stream *stream)
{
    struct rm__shard_set moved = {0};
    struct rm__shard_set stays = stream->shards;
    struct stream *other;

    if (!flow->splits || flow->n_streams == STREAMS_MAX || random_below(flow->random, 5) > 0) {
        return;
    }
    for (uint32_t i = 0; i < N_SHARDS; i++) {
        if (rm__shard_set_has(&stream->shards, i) && random_below(flow->random, 2) == 0) {
            rm__shard_set_add(&moved, i);
        }
    }
    rm__shard_set_subtract(&stays, &moved);
    if (rm__shard_set_is_empty(&moved) || rm__shard_set_is_empty(&stays)) {
        return;
    }
    other = add_stream(flow, stream->next);
    other->shards = moved;
    stream->shards = stays;
}

static void feed_all(struct flow *flow)
{
    for (size_t i = 0; i < flow->n_streams; i++) {
        struct stream *stream = &flow->streams[i];

        if (rm__page_stream_wants(&stream->pages) &&
            (rm__page_stream_is_awaited(&stream->pages) || random_below(flow->random, 2) == 0)) {
            maybe_split(flow, stream);
            feed(flow, stream);
        }
    }
}

/* The whole text by way of @n_streams streams. The caller frees it. */
static char *flow_run(struct flow *flow, struct rm_exposition_style style, size_t n_streams)
{
    struct rm__exposition_cursor start = {0};
    struct rm__exposition_text text;
    struct rm_buffer whole;
    int rv;

    rm__merge_init(&flow->merge, style);
    rm__exposition_text_init(&text, &flow->merge);
    for (size_t i = 0; i < n_streams; i++) {
        (void)add_stream(flow, start);
    }
    for (uint32_t i = 0; i < N_SHARDS; i++) {
        rm__shard_set_add(&flow->streams[i % n_streams].shards, i);
    }
    rm_buffer_init(&whole, TEXT_MAX);
    do {
        char bytes[777];
        size_t n;

        rv = rm__exposition_text_read(&text, bytes, 1 + random_below(flow->random, sizeof bytes),
                                      &n);
        if (rv == 0) {
            assert_int_equal(rm_buffer_append(&whole, bytes, n), 0);
        } else if (rv == RM_EBUSY) {
            feed_all(flow);
            rv = 0;
        }
    } while (rv == 0);
    assert_int_equal(rv, RM_ENOTFOUND);
    for (size_t i = 0; i < flow->n_streams; i++) {
        rm__page_stream_done(&flow->streams[i].pages);
    }
    rm__merge_done(&flow->merge);
    assert_int_equal(rm_buffer_append_byte(&whole, '\0'), 0);
    return rm_buffer_take(&whole);
}

static char *whole_text(struct cluster *cluster, struct random *random,
                        struct rm_exposition_style style)
{
    struct flow flow = {.cluster = cluster, .random = random, .max_bytes = TEXT_MAX / 2};

    return flow_run(&flow, style, 1);
}

static char *text_by_rules(struct cluster *cluster, struct random *random,
                           struct rm_exposition_style style, const struct rm_exposition_rule *rules,
                           size_t n_rules)
{
    struct flow flow = {.cluster = cluster,
                        .random = random,
                        .max_bytes = TEXT_MAX / 2,
                        .rules = rules,
                        .n_rules = n_rules};

    return flow_run(&flow, style, 1);
}

static void what_few_metrics_look_like(void **state)
{
    struct random random = random_start(__func__);
    struct cluster cluster;
    char *text;
    const char *at;

    (void)state;
    cluster_open(&cluster);
    record(&cluster, "cpu.usage", 1, 75.5);
    record(&cluster, "cpu.usage", 2, -1);
    record(&cluster, "cpu_usage", 1, 1);
    text = whole_text(&cluster, &random, text_style);
    at = strstr(text, "cpu_usage_bucket{host_name=\"1\",le=\"50\"} 0\n"
                      "cpu_usage_bucket{host_name=\"1\",le=\"100\"} 1\n");
    assert_non_null(at);
    at = strstr(at, "cpu_usage_bucket{host_name=\"1\",le=\"+Inf\"} 1\n"
                    "cpu_usage_sum{host_name=\"1\"} 75.5\n"
                    "cpu_usage_count{host_name=\"1\"} 1\n"
                    "cpu_usage_bucket{host_name=\"2\",le=\"0\"} 1\n");
    assert_non_null(at);
    /* No sum where a value was negative; the metric that would clash is not there. */
    at = strstr(at, "cpu_usage_bucket{host_name=\"2\",le=\"+Inf\"} 1\n"
                    "cpu_usage_count{host_name=\"2\"} 1\n"
                    "# HELP cpu_usage_last The newest value of each series of cpu.usage.\n"
                    "# TYPE cpu_usage_last gauge\n"
                    "cpu_usage_last{host_name=\"1\"} 75.5\n"
                    "cpu_usage_last{host_name=\"2\"} -1\n");
    assert_non_null(at);
    assert_string_equal(at + strlen(at) - strlen("cpu_usage_last{host_name=\"2\"} -1\n"),
                        "cpu_usage_last{host_name=\"2\"} -1\n");
    assert_true(rm_slice_has_prefix(rm_slice_of(text),
                                    rm_slice_of("# HELP cpu_usage All values that were recorded as "
                                                "cpu.usage.\n# TYPE cpu_usage histogram\n")));
    free(text);
    cluster_close(&cluster);
}

static void rules_decide_the_families(void **state)
{
    static const struct rm_exposition_rule rules[] = {
        {{"a*", 2}, RM_EXPOSED_AS_COUNTER},  {{"ab", 2}, RM_EXPOSED_AS_GAUGE}, /* decides nothing */
        {{"b", 1}, RM_EXPOSED_AS_HISTOGRAM}, {{"c", 1}, RM_EXPOSED_AS_GAUGE},
        {{"*", 1}, RM_EXPOSED_AS_BOTH},
    };
    struct random random = random_start(__func__);
    struct cluster cluster;
    char *text;

    (void)state;
    cluster_open(&cluster);
    record(&cluster, "ab", 1, 3);
    record(&cluster, "ab", 2, -1); /* no count */
    record(&cluster, "b", 1, 2);
    record(&cluster, "c", 1, -2);
    record(&cluster, "d", 1, 5);
    text = text_by_rules(&cluster, &random, text_style, rules, sizeof rules / sizeof rules[0]);
    assert_true(rm_slice_has_prefix(rm_slice_of(text),
                                    rm_slice_of("# HELP ab The newest value of each series of ab.\n"
                                                "# TYPE ab counter\n"
                                                "ab{host_name=\"1\"} 3\n"
                                                "# HELP b All values that were recorded as b.\n"
                                                "# TYPE b histogram\n")));
    assert_non_null(strstr(text, "\nb_count{host_name=\"1\"} 1\n"
                                 "# HELP c The newest value of each series of c.\n"
                                 "# TYPE c gauge\n"
                                 "c{host_name=\"1\"} -2\n"
                                 "# HELP d All values that were recorded as d.\n"));
    assert_non_null(strstr(text, "# TYPE d_last gauge\n"));
    free(text);
    cluster_close(&cluster);
}

static void no_metrics_are_no_text(void **state)
{
    struct random random = random_start(__func__);
    struct cluster cluster;
    char *text;

    (void)state;
    cluster_open(&cluster);
    text = whole_text(&cluster, &random, text_style);
    assert_string_equal(text, "");
    free(text);
    text = whole_text(&cluster, &random, openmetrics_utf8);
    assert_string_equal(text, "# EOF\n");
    free(text);
    cluster_close(&cluster);
}

static void fill(struct cluster *cluster, struct random *random)
{
    static const char separators[] = "._-/:";

    for (int i = 0; i < 400; i++) {
        char metric[NAME_MAX_LEN];
        uint64_t n_series = random_below(random, 10) == 0 ? 30 : 2;

        snprintf(metric, sizeof metric, "m%d%c%d%s", (int)random_below(random, 30),
                 separators[random_below(random, 5)], (int)random_below(random, 30),
                 random_below(random, 8) == 0 ? "_sum" : "");
        for (uint64_t k = random_below(random, n_series) + 1; k > 0; k--) {
            record(cluster, metric, k, (double)random_below(random, 1000) - 10);
        }
    }
}

static void check_flow(struct cluster *cluster, struct random *random,
                       struct rm_exposition_style style, size_t n_streams, size_t max_bytes,
                       const char *expected)
{
    static struct flow flow;
    char *text;

    flow = (struct flow){
        .cluster = cluster, .random = random, .max_bytes = max_bytes, .splits = n_streams > 1};
    text = flow_run(&flow, style, n_streams);
    assert_true(flow.n_pages > n_streams);
    assert_true(strcmp(text, expected) == 0);
    free(text);
}

static void the_text_is_the_same_however_it_is_cut(void **state)
{
    static const size_t page_bytes[] = {1, 500, 5000, 100000};
    struct random random = random_start(__func__);
    struct cluster cluster;

    (void)state;
    cluster_open(&cluster);
    fill(&cluster, &random);
    for (int s = 0; s < 2; s++) {
        struct rm_exposition_style style = s == 0 ? text_style : openmetrics_utf8;
        char *whole = whole_text(&cluster, &random, style);

        assert_true(strlen(whole) > 1000000);
        for (size_t i = 0; i < sizeof page_bytes / sizeof page_bytes[0]; i++) {
            check_flow(&cluster, &random, style, 1, page_bytes[i], whole);
            check_flow(&cluster, &random, style, 3, page_bytes[i], whole);
            check_flow(&cluster, &random, style, N_SHARDS, page_bytes[i], whole);
        }
        free(whole);
    }
    cluster_close(&cluster);
}

/* A metric that goes while it is being written, at any place, spoils nothing but itself. */
static void metrics_may_go_between_pages(void **state)
{
    struct random random = random_start(__func__);

    (void)state;
    for (int round = 0; round < 20; round++) {
        static struct flow flow;
        struct rm__exposition_text text;
        struct rm_slice piece;
        struct cluster cluster;
        size_t n_families = 0;
        int rv;

        cluster_open(&cluster);
        for (uint64_t i = 0; i < 40; i++) {
            record(&cluster, "a", i, 1);
            record(&cluster, "b", i, 1);
            record(&cluster, "c", i, 1);
        }
        flow = (struct flow){.cluster = &cluster, .random = &random, .max_bytes = 1};
        rm__merge_init(&flow.merge, text_style);
        rm__exposition_text_init(&text, &flow.merge);
        for (uint32_t i = 0; i < N_SHARDS; i++) {
            rm__shard_set_add(&add_stream(&flow, (struct rm__exposition_cursor){0})->shards, i);
        }
        while ((rv = rm__merge_next(&flow.merge, &piece)) != RM_ENOTFOUND) {
            if (rv == RM_EBUSY) {
                feed_all(&flow);
                if (flow.n_pages > random_below(&random, 300)) {
                    uint32_t shard = rm_shard_of(rm_slice_of("b"), N_SHARDS);

                    (void)rm_store_delete(cluster.stores[shard], rm_slice_of("b"));
                }
                continue;
            }
            assert_int_equal(rv, 0);
            n_families += rm_slice_has_prefix(piece, rm_slice_of("# HELP a ")) ||
                          rm_slice_has_prefix(piece, rm_slice_of("# HELP a_last ")) ||
                          rm_slice_has_prefix(piece, rm_slice_of("# HELP c ")) ||
                          rm_slice_has_prefix(piece, rm_slice_of("# HELP c_last "));
        }
        assert_int_equal(n_families, 4);
        for (size_t i = 0; i < flow.n_streams; i++) {
            rm__page_stream_done(&flow.streams[i].pages);
        }
        rm__merge_done(&flow.merge);
        cluster_close(&cluster);
    }
}

/* How many lines of @text begin with @start? */
static size_t count_lines(const char *text, const char *start)
{
    size_t n = 0;

    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1) {
        n += strncmp(line, start, strlen(start)) == 0;
    }
    return n;
}

/* Each series once, or none at all. */
static void check_whole(const char *text, const char *type, const char *sample, size_t n_series)
{
    assert_true(count_lines(text, type) <= 1);
    assert_int_equal(count_lines(text, sample), count_lines(text, type) * n_series);
}

/* The next page may come from a worker whose rules are others. */
static void a_family_goes_on_under_other_rules(void **state)
{
    static struct rm_exposition_rule rules[] = {{{"m", 1}, RM_EXPOSED_AS_BOTH}};
    struct random random = random_start(__func__);
    struct cluster cluster;

    (void)state;
    cluster_open(&cluster);
    for (uint64_t i = 0; i < 40; i++) {
        record(&cluster, "m", i, 1);
    }
    for (int round = 0; round < 100; round++) {
        static struct flow flow;
        char *text;

        flow = (struct flow){.cluster = &cluster,
                             .random = &random,
                             .max_bytes = 1 + random_below(&random, 9000),
                             .rules = rules,
                             .n_rules = 1,
                             .changing_rule = &rules[0]};
        text = flow_run(&flow, text_style, N_SHARDS);
        assert_true(count_lines(text, "# TYPE m ") + count_lines(text, "# TYPE m_last ") > 0);
        check_whole(text, "# TYPE m histogram", "m_count{", 40);
        check_whole(text, "# TYPE m_last gauge", "m_last{", 40);
        assert_true(count_lines(text, "# TYPE m ") <= 1);
        if (count_lines(text, "# TYPE m histogram") == 0) {
            check_whole(text, "# TYPE m ", "m{", 40);
        }
        free(text);
    }
    cluster_close(&cluster);
}

/* ---- series that go between two pages ---- */

enum { N_HOSTS = 60, MAX_AGE_MS = 100, ROUND_MS = 400 };

static void let_expire(struct cluster *cluster)
{
    static const struct rm_retention_rule rule = {{"*", 1}, MAX_AGE_MS};
    static const struct rm_retention retention = {.rules = &rule, .n_rules = 1};

    for (uint32_t i = 0; i < N_SHARDS; i++) {
        assert_int_equal(rm_store_set_retention(cluster->stores[i], &retention), 0);
    }
}

/* Whose only value is too old at @time_ms. */
static void expire(struct cluster *cluster, const char *metric, int64_t time_ms)
{
    const struct rm_expiry all = {rm_slice_of(metric), 0, UINT64_MAX};
    struct rm_store *store = cluster->stores[rm_shard_of(all.metric_name, N_SHARDS)];

    assert_int_equal(rm_store_expire(store, time_ms, &all, 1), 0);
}

static size_t count_host(const char *text, const char *family, uint64_t host)
{
    char sample[64];

    snprintf(sample, sizeof sample, "%s{host_name=\"%" PRIu64 "\"}", family, host);
    return count_lines(text, sample);
}

/* All of @first stands in front of what there is of @second. */
static void check_in_front(const char *text, const char *first, const char *second)
{
    const char *a = strstr(text, first);
    const char *b = strstr(text, second);

    assert_true(a != NULL && b != NULL && a < b);
}

struct churn {
    struct flow flow;
    int64_t times_ms[2 * N_HOSTS]; /* of each host's value */
    uint64_t n_hosts;
    int64_t now_ms;
};

static void add_host(struct churn *churn, int64_t timestamp_ms)
{
    record_at(churn->flow.cluster, "m", churn->n_hosts, 1, timestamp_ms);
    churn->times_ms[churn->n_hosts++] = timestamp_ms;
}

/* Some go, some come. */
static void churn_on(struct churn *churn)
{
    struct random *random = churn->flow.random;

    churn->now_ms += (int64_t)random_below(random, 20);
    expire(churn->flow.cluster, "m", churn->now_ms);
    if (churn->n_hosts < 2 * N_HOSTS && random_below(random, 4) == 0) {
        add_host(churn, churn->now_ms + (int64_t)random_below(random, MAX_AGE_MS));
    }
}

/* The whole text, page by page, of a metric that changes before each of them. */
static void churn_run(struct churn *churn, struct rm_buffer *ret_text)
{
    struct flow *flow = &churn->flow;
    struct rm_slice piece;
    struct stream *stream;
    int rv;

    rm_buffer_init(ret_text, TEXT_MAX);
    rm__merge_init(&flow->merge, text_style);
    stream = add_stream(flow, (struct rm__exposition_cursor){0});
    for (uint32_t i = 0; i < N_SHARDS; i++) {
        rm__shard_set_add(&stream->shards, i);
    }
    while ((rv = rm__merge_next(&flow->merge, &piece)) != RM_ENOTFOUND) {
        if (rv == RM_EBUSY) {
            churn_on(churn);
            feed(flow, stream);
            continue;
        }
        assert_int_equal(rv, 0);
        assert_int_equal(rm_buffer_append_slice(ret_text, piece), 0);
    }
    assert_int_equal(rm_buffer_append_byte(ret_text, '\0'), 0);
    rm__page_stream_done(&stream->pages);
    rm__merge_done(&flow->merge);
}

/* Whoever lived all the while is there once in each family; the others once at most. */
static void check_churn(const struct churn *churn, const char *text)
{
    for (uint64_t host = 0; host < churn->n_hosts; host++) {
        size_t n_counts = count_host(text, "m_count", host);
        size_t n_lasts = count_host(text, "m_last", host);

        assert_true(n_counts <= 1 && n_lasts <= 1);
        if (host < N_HOSTS && churn->times_ms[host] >= churn->now_ms - MAX_AGE_MS) {
            assert_int_equal(n_counts, 1);
            assert_int_equal(n_lasts, 1);
        }
    }
    assert_int_equal(count_lines(text, "# TYPE m histogram"), 1);
    assert_int_equal(count_lines(text, "# TYPE m_last gauge"), 1);
    check_in_front(text, "# TYPE m histogram", "\nm_count{");
    check_in_front(text, "# TYPE m_last gauge", "\nm_last{");
}

static void series_may_come_and_go_between_pages(void **state)
{
    struct random random = random_start(__func__);

    (void)state;
    for (int round = 0; round < 100; round++) {
        static struct churn churn;
        struct cluster cluster;
        struct rm_buffer text;

        cluster_open(&cluster);
        let_expire(&cluster);
        churn = (struct churn){.flow = {.cluster = &cluster,
                                        .random = &random,
                                        .max_bytes = 1 + random_below(&random, 9000)}};
        for (int i = 0; i < N_HOSTS - 1; i++) {
            add_host(&churn, (int64_t)random_below(&random, ROUND_MS));
        }
        add_host(&churn, INT32_MAX); /* one stays whatever comes */
        churn_run(&churn, &text);
        check_churn(&churn, text.data);
        rm_buffer_done(&text);
        cluster_close(&cluster);
    }
}

/* What a page has that goes on at (@family, @number) of "m". The caller frees it. */
static char *page_from(struct cluster *cluster, uint32_t family, uint64_t number,
                       struct rm__exposition_piece *ret_piece)
{
    struct rm__exposition_limits limits = {.max_bytes = 1, .until_us = UINT64_MAX};
    struct rm__exposition_cursor from = cursor_of("m", family, number);
    struct rm__exposition_cursor next;
    const struct rm__exposition_source source = {
        .stores = cluster->stores, .n_stores = N_SHARDS, .style = text_style};
    struct rm_buffer pieces;
    struct rm_slice left;
    bool is_last;

    rm_buffer_init(&pieces, TEXT_MAX);
    assert_int_equal(rm__exposition_build(&source, &from, &limits, &pieces, &next, &is_last), 0);
    left = rm_buffer_peek(&pieces);
    *ret_piece = (struct rm__exposition_piece){0};
    (void)rm__exposition_piece_next(&left, ret_piece);
    return rm_buffer_take(&pieces);
}

static void check_page(struct cluster *cluster, uint32_t family, uint64_t number, bool begins,
                       enum rm__exposed_family goes_on, const char *sample)
{
    struct rm__exposition_piece piece;
    char *bytes = page_from(cluster, family, number, &piece);
    char *text = rm_slice_dup(piece.text);

    assert_non_null(text);
    assert_int_equal(piece.begins, begins);
    assert_int_equal(piece.family, goes_on);
    assert_int_equal(count_lines(text, "# TYPE "), begins);
    assert_int_equal(count_lines(text, sample), 1);
    free(text);
    free(bytes);
}

static void a_family_begins_once_whoever_has_gone(void **state)
{
    struct rm__exposition_piece piece;
    struct cluster cluster;

    (void)state;
    cluster_open(&cluster);
    let_expire(&cluster);
    for (uint64_t i = 1; i <= 6; i++) {
        record_at(&cluster, "m", i, 1, i == 3 || i == 4 ? 1000 : 0);
    }
    expire(&cluster, "m", 1000); /* 3 and 4 are left */
    check_page(&cluster, RM__FAMILY_HISTOGRAM, 0, true, RM__FAMILY_HISTOGRAM,
               "m_count{host_name=\"3\"}");
    check_page(&cluster, RM__FAMILY_HISTOGRAM, 1, false, RM__FAMILY_HISTOGRAM,
               "m_count{host_name=\"3\"}");
    check_page(&cluster, RM__FAMILY_HISTOGRAM, 3, false, RM__FAMILY_HISTOGRAM,
               "m_count{host_name=\"4\"}");
    /* All that were to come have gone. */
    check_page(&cluster, RM__FAMILY_HISTOGRAM, 4, true, RM__FAMILY_LAST, "m_last{host_name=\"3\"}");
    free(page_from(&cluster, RM__FAMILY_LAST, 5, &piece));
    assert_null(piece.text.data);
    /* The metric has begun anew. */
    assert_int_equal(
        rm_store_delete(cluster.stores[rm_shard_of(rm_slice_of("m"), N_SHARDS)], rm_slice_of("m")),
        0);
    record(&cluster, "m", 7, 1);
    check_page(&cluster, RM__FAMILY_HISTOGRAM, 4, true, RM__FAMILY_LAST, "m_last{host_name=\"7\"}");
    cluster_close(&cluster);
}

static void a_page_ends_when_its_time_is_over(void **state)
{
    struct rm__exposition_limits limits = {.max_bytes = TEXT_MAX / 2, .until_us = 0};
    struct rm__exposition_cursor start = {0};
    struct rm__exposition_cursor next;
    struct cluster cluster;
    const struct rm__exposition_source source = {
        .stores = cluster.stores, .n_stores = N_SHARDS, .style = text_style};
    struct rm_buffer pieces;
    bool is_last;

    (void)state;
    cluster_open(&cluster);
    record(&cluster, "a", 1, 1);
    record(&cluster, "a", 2, 1);
    rm_buffer_init(&pieces, TEXT_MAX);
    assert_int_equal(rm__exposition_build(&source, &start, &limits, &pieces, &next, &is_last), 0);
    assert_false(is_last);
    assert_int_equal(next.family, 0);
    assert_int_equal(next.series, 1); /* one there is at least */
    rm_buffer_done(&pieces);
    cluster_close(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_read_as_it_was_written),
        cmocka_unit_test(any_bytes_are_safe),
        cmocka_unit_test(sizes_have_bounds),
        cmocka_unit_test(what_is_asked_for_is_understood),
        cmocka_unit_test(what_is_no_question_is_refused),
        cmocka_unit_test(what_few_metrics_look_like),
        cmocka_unit_test(rules_decide_the_families),
        cmocka_unit_test(no_metrics_are_no_text),
        cmocka_unit_test(the_text_is_the_same_however_it_is_cut),
        cmocka_unit_test(metrics_may_go_between_pages),
        cmocka_unit_test(a_family_goes_on_under_other_rules),
        cmocka_unit_test(series_may_come_and_go_between_pages),
        cmocka_unit_test(a_family_begins_once_whoever_has_gone),
        cmocka_unit_test(a_page_ends_when_its_time_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
