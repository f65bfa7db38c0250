#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/net/gunzip.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/net/gzip.h"
#include "random.h"

enum { PLAIN_MAX = 300000, PACKED_MAX = 4 << 20 };

/* Packs @plain, given and taken in random portions; unpacks it and compares. */
static size_t check(struct random *random, struct rm_slice plain)
{
    struct rm_gzip *gzip = rm_gzip_new();
    struct rm_buffer packed;
    struct rm_buffer unpacked;
    struct rm_slice given = {plain.data, 0};
    size_t n_given = 0;
    size_t packed_len;
    bool has_ended = false;

    assert_non_null(gzip);
    rm_buffer_init(&packed, PACKED_MAX);
    while (!has_ended) {
        char out[5000];
        size_t n;

        if (given.len == 0 && n_given < plain.len) {
            given.len = (size_t)random_below(random, plain.len - n_given + 1);
            given.data = plain.data + n_given;
            n_given += given.len;
        }
        has_ended = rm_gzip_write(gzip, &given, n_given == plain.len, out,
                                  (size_t)random_below(random, sizeof out + 1), &n);
        assert_int_equal(rm_buffer_append(&packed, out, n), 0);
    }
    rm_gzip_free(gzip);
    rm_buffer_init(&unpacked, PLAIN_MAX + 1);
    assert_int_equal(rm__gunzip(rm_buffer_peek(&packed), &unpacked), 0);
    assert_true(rm_slice_equal(rm_buffer_peek(&unpacked), plain));
    packed_len = packed.len;
    rm_buffer_done(&packed);
    rm_buffer_done(&unpacked);
    return packed_len;
}

static void what_is_packed_comes_back(void **state)
{
    static const size_t sizes[] = {0, 1, 5000, PLAIN_MAX};
    static char plain[PLAIN_MAX];
    struct random random = random_start(__func__);

    (void)state;
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < sizeof plain; i++) {
            plain[i] = (char)random_below(&random, round % 2 == 0 ? 256 : 4);
        }
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            (void)check(&random, rm_slice_make(plain, sizes[i]));
        }
    }
}

static void text_becomes_smaller(void **state)
{
    struct random random = random_start(__func__);
    static char text[PLAIN_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = "requests_total{code=\"200\"} 1\n"[i % 29];
    }
    assert_true(check(&random, rm_slice_make(text, sizeof text)) < sizeof text / 20);
}

static void one_that_is_not_ended_is_freed(void **state)
{
    struct rm_gzip *gzip = rm_gzip_new();
    struct rm_slice plain = rm_slice_of("text");
    char out[100];
    size_t n;

    (void)state;
    assert_false(rm_gzip_write(gzip, &plain, false, out, sizeof out, &n));
    assert_int_equal(plain.len, 0);
    rm_gzip_free(gzip);
    rm_gzip_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_comes_back),
        cmocka_unit_test(text_becomes_smaller),
        cmocka_unit_test(one_that_is_not_ended_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
