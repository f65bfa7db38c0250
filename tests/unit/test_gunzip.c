#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "../../src/net/gunzip.h"
#include "raftmetrics/base/error.h"
#include "random.h"

enum { PACKED_MAX = 4 << 20, GZIP = 16, ZLIB = 0, RAW = -2 * MAX_WBITS };

/* Appends @plain, compressed in the @format, to @packed. */
static void pack(struct rm_buffer *packed, struct rm_slice plain, int format)
{
    z_stream stream = {0};

    assert_int_equal(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + format, 8,
                                  Z_DEFAULT_STRATEGY),
                     Z_OK);
    assert_int_equal(rm_buffer_reserve(packed, deflateBound(&stream, plain.len)), 0);
    stream.next_in = (z_const Bytef *)(uintptr_t)plain.data;
    stream.avail_in = (uInt)plain.len;
    stream.next_out = (Bytef *)packed->data + packed->len;
    stream.avail_out = (uInt)(packed->capacity - packed->len);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed->len = packed->capacity - stream.avail_out;
    deflateEnd(&stream);
}

static void check(struct rm_slice packed, size_t max, int expected, struct rm_slice plain)
{
    struct rm_buffer unpacked;

    rm_buffer_init(&unpacked, max);
    assert_int_equal(rm__gunzip(packed, &unpacked), expected);
    if (expected == 0) {
        assert_int_equal(unpacked.len, plain.len);
        assert_true(rm_slice_equal(rm_buffer_peek(&unpacked), plain));
    }
    assert_true(unpacked.len <= max);
    rm_buffer_done(&unpacked);
}

static void test_what_was_packed_comes_back(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 16383, 16384, 16385, 100000};
    struct random random = random_start("what_was_packed_comes_back");
    static char plain[100000];

    (void)state;
    for (size_t i = 0; i < sizeof plain; i++) {
        plain[i] = (char)random_below(&random, 8);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct rm_slice slice = rm_slice_make(plain, sizes[i]);
        struct rm_buffer packed;

        rm_buffer_init(&packed, PACKED_MAX);
        pack(&packed, slice, GZIP);
        check(rm_buffer_peek(&packed), sizeof plain, 0, slice);
        rm_buffer_done(&packed);
    }
}

static void test_members_one_behind_the_other(void **state)
{
    struct rm_buffer packed;

    (void)state;
    rm_buffer_init(&packed, PACKED_MAX);
    pack(&packed, rm_slice_of("{\"metrics\":"), GZIP);
    pack(&packed, rm_slice_of(""), GZIP);
    pack(&packed, rm_slice_of("[]}"), GZIP);
    check(rm_buffer_peek(&packed), 100, 0, rm_slice_of("{\"metrics\":[]}"));
    assert_int_equal(rm_buffer_append_byte(&packed, 'x'), 0);
    check(rm_buffer_peek(&packed), 100, RM_ESYNTAX, rm_slice_of(""));
    rm_buffer_done(&packed);
}

static void test_the_bound_is_exact_and_stops_bombs(void **state)
{
    static char zeros[1 << 20];
    struct rm_buffer packed;

    (void)state;
    rm_buffer_init(&packed, PACKED_MAX);
    pack(&packed, rm_slice_make(zeros, sizeof zeros), GZIP);
    assert_true(packed.len < sizeof zeros / 100);
    check(rm_buffer_peek(&packed), sizeof zeros, 0, rm_slice_make(zeros, sizeof zeros));
    check(rm_buffer_peek(&packed), sizeof zeros - 1, RM_ETOOBIG, rm_slice_of(""));
    check(rm_buffer_peek(&packed), 0, RM_ETOOBIG, rm_slice_of(""));
    rm_buffer_done(&packed);
}

static void test_every_cut_is_refused(void **state)
{
    struct rm_buffer packed;

    (void)state;
    rm_buffer_init(&packed, PACKED_MAX);
    pack(&packed, rm_slice_of("{\"metric_name\": \"cpu\", \"value\": 75.5}"), GZIP);
    for (size_t len = 0; len < packed.len; len++) {
        char *copy = rm_slice_dup(rm_slice_make(packed.data, len));

        check(rm_slice_make(copy, len), 1000, RM_ESYNTAX, rm_slice_of(""));
        free(copy);
    }
    rm_buffer_done(&packed);
}

static void test_damage_is_noticed(void **state)
{
    struct rm_slice plain = rm_slice_of("{\"metric_name\": \"cpu\", \"value\": 75.5}");
    struct rm_buffer packed;

    (void)state;
    rm_buffer_init(&packed, PACKED_MAX);
    pack(&packed, plain, GZIP);
    for (size_t i = 10; i < packed.len; i++) { /* behind the header, whose time may be any */
        packed.data[i] ^= 0x10;
        check(rm_buffer_peek(&packed), 1000, RM_ESYNTAX, plain);
        packed.data[i] ^= 0x10;
    }
    check(rm_buffer_peek(&packed), 1000, 0, plain);
    rm_buffer_done(&packed);
}

static void test_other_formats_are_refused(void **state)
{
    struct rm_slice plain = rm_slice_of("{\"metric_name\": \"cpu\", \"value\": 75.5}");
    struct rm_buffer packed;

    (void)state;
    check(plain, 1000, RM_ESYNTAX, plain);
    rm_buffer_init(&packed, PACKED_MAX);
    pack(&packed, plain, ZLIB);
    check(rm_buffer_peek(&packed), 1000, RM_ESYNTAX, plain);
    rm_buffer_clear(&packed);
    pack(&packed, plain, RAW);
    check(rm_buffer_peek(&packed), 1000, RM_ESYNTAX, plain);
    rm_buffer_done(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_packed_comes_back),
        cmocka_unit_test(test_members_one_behind_the_other),
        cmocka_unit_test(test_the_bound_is_exact_and_stops_bombs),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_damage_is_noticed),
        cmocka_unit_test(test_other_formats_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
