#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/listing.h"
#include "raftmetrics/base/error.h"
#include "random.h"

enum { N_PAGES_MAX = 5, N_METRICS_MAX = 40, NAME_SIZE = 32, PAGE_MAX = 1 << 16 };

static struct rm_slice peek(const struct rm_buffer *buffer)
{
    return rm_slice_make(buffer->data, buffer->len);
}

/* ---- many pages ---- */

struct made {
    char names[N_METRICS_MAX][NAME_SIZE]; /* in order */
    size_t n;
    size_t page_of[N_METRICS_MAX];
    struct rm_buffer bytes[N_PAGES_MAX];
    size_t n_pages;
};

static struct rm_metric_info info_of(const struct made *made, size_t i)
{
    return (struct rm_metric_info){
        .name = rm_slice_of(made->names[i]), .n_series = i + 1, .n_samples = 2 * i + 1, .last = -1};
}

/* Each page as a worker makes it that is asked for @limit metrics. */
static void make(struct made *made, struct random *random, size_t limit)
{
    made->n = random_below(random, N_METRICS_MAX + 1);
    made->n_pages = 1 + random_below(random, N_PAGES_MAX);
    for (size_t i = 0; i < made->n; i++) {
        snprintf(made->names[i], NAME_SIZE, "m%02zu%s", i / 2, i % 2 == 0 ? "" : ".x");
        made->page_of[i] = random_below(random, made->n_pages);
    }
    for (size_t page = 0; page < made->n_pages; page++) {
        const struct rm__shard_set shards = {.words = {UINT64_C(1) << page}};
        size_t n = 0;

        rm_buffer_init(&made->bytes[page], PAGE_MAX);
        for (size_t i = 0; i < made->n; i++) {
            const struct rm_metric_info info = info_of(made, i);

            if (made->page_of[i] == page && n++ < limit) {
                assert_int_equal(rm__listing_add(&made->bytes[page], &info, page), 0);
            }
        }
        assert_int_equal(rm__listing_end(&made->bytes[page], &shards, n > limit), 0);
    }
}

static void expect(const struct made *made, size_t limit, struct rm_buffer *body)
{
    size_t n = made->n < limit ? made->n : limit;

    assert_int_equal(rm_buffer_append_text(body, "{\"metrics\":["), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rm_buffer_printf(body,
                                          "%s{\"metric_name\":\"%s\",\"series\":%zu,\"count\":%zu,"
                                          "\"last\":-1,\"worker\":%zu}",
                                          i == 0 ? "" : ",", made->names[i], i + 1, 2 * i + 1,
                                          made->page_of[i]),
                         0);
    }
    if (n < made->n) {
        assert_int_equal(rm_buffer_printf(body, "],\"next\":\"%s\"}", made->names[n - 1]), 0);
    } else {
        assert_int_equal(rm_buffer_append_text(body, "],\"next\":null}"), 0);
    }
}

static void read_all(const struct made *made, struct rm__listing_page *pages)
{
    for (size_t i = 0; i < made->n_pages; i++) {
        assert_int_equal(rm__listing_read(peek(&made->bytes[i]), &pages[i]), 0);
        assert_int_equal(pages[i].shards.words[0], UINT64_C(1) << i);
    }
}

static void test_pages_make_one_listing(void **state)
{
    struct random random = random_start("listing");
    struct rm__listing_page pages[N_PAGES_MAX];

    (void)state;
    for (int round = 0; round < 2000; round++) {
        size_t limit = 1 + random_below(&random, N_METRICS_MAX + 1);
        struct made made;
        struct rm_buffer body;
        struct rm_buffer expected;

        make(&made, &random, limit);
        read_all(&made, pages);
        rm_buffer_init(&body, PAGE_MAX);
        rm_buffer_init(&expected, PAGE_MAX);
        assert_int_equal(rm__listing_merge(pages, made.n_pages, limit, &body), 0);
        expect(&made, limit, &expected);
        assert_int_equal(body.len, expected.len);
        assert_memory_equal(body.data, expected.data, body.len);
        rm_buffer_done(&body);
        rm_buffer_done(&expected);
        for (size_t i = 0; i < made.n_pages; i++) {
            rm_buffer_done(&made.bytes[i]);
        }
    }
}

/* ---- what is none ---- */

static int merge(const char *one, const char *other, size_t limit)
{
    struct rm__listing_page pages[2];
    struct rm_buffer body;
    int rv;

    assert_int_equal(rm__listing_read(rm_slice_of(one), &pages[0]), 0);
    assert_int_equal(rm__listing_read(rm_slice_of(other), &pages[1]), 0);
    rm_buffer_init(&body, PAGE_MAX);
    rv = rm__listing_merge(pages, 2, limit, &body);
    rm_buffer_done(&body);
    return rv;
}

static void test_what_is_no_page_is_not_read(void **state)
{
    static const char *const broken[] = {
        "",      "\n",       "1",         "1\n",        "1 \n",    "1 2\n",        "g 0\n",  "1 0",
        "1 1\n", "a\n1 0\n", "a \n1 0\n", " {}\n1 0\n", "\n1 0\n", "a {}\n1 00\n", "a {}\n",
    };
    struct rm__listing_page page;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        assert_int_equal(rm__listing_read(rm_slice_of(broken[i]), &page), RM_EPROTO);
    }
    assert_int_equal(rm__listing_read(rm_slice_of("0 0\n"), &page), 0);
    assert_int_equal(page.name.len, 0);
}

static void test_what_cannot_be_is_not_merged(void **state)
{
    (void)state;
    assert_int_equal(merge("a 1\nc 1\n1 0\n", "b 1\n2 0\n", 9), 0);
    assert_int_equal(merge("a 1\n1 0\n", "a 1\n2 0\n", 9), RM_EPROTO); /* one name twice */
    assert_int_equal(merge("b 1\na 1\n1 0\n", "2 0\n", 9), RM_EPROTO); /* no order */
    assert_int_equal(merge("a 1\nb\n1 0\n", "2 0\n", 9), RM_EPROTO);   /* no metric */
    assert_int_equal(merge("a 1\n1 1\n", "b 1\n2 0\n", 9), RM_EPROTO); /* ended too early */
    assert_int_equal(merge("a 1\n1 1\n", "b 1\n2 0\n", 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_make_one_listing),
        cmocka_unit_test(test_what_is_no_page_is_not_read),
        cmocka_unit_test(test_what_cannot_be_is_not_merged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
