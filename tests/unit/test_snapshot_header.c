/* The front of a snapshot. */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <xxhash.h>

#include "../../src/raft/snapshot_header.h"
#include "raftmetrics/base/error.h"

enum { BYTES_MAX = 256 };

static const struct rm__snapshot_header header = {.time_ms = INT64_C(0x1112131415161718)};

/* A snapshot whose rest comes from three pieces; returns its length. */
static size_t a_snapshot(char *ret_bytes)
{
    const struct rm_slice pieces[] = {rm_slice_of("sessions"), {NULL, 0}, rm_slice_of("an image")};

    rm__snapshot_header_encode(&header, pieces, 3, ret_bytes);
    memcpy(ret_bytes + RM__SNAPSHOT_HEADER_BYTES, "sessionsan image", 16);
    return RM__SNAPSHOT_HEADER_BYTES + 16;
}

/* Writes the checksum that the snapshot should have. */
static void seal(char *bytes, size_t len)
{
    uint64_t checksum;

    memset(bytes + 32, 0, sizeof checksum);
    checksum = htole64(XXH3_64bits(bytes, len));
    memcpy(bytes + 32, &checksum, sizeof checksum);
}

static void test_a_header_reads_back(void **state)
{
    char bytes[BYTES_MAX];
    size_t len = a_snapshot(bytes);
    struct rm__snapshot_header read;

    (void)state;
    assert_int_equal(rm__snapshot_header_decode(rm_slice_make(bytes, len), &read), 0);
    assert_int_equal(read.time_ms, header.time_ms);
}

static void test_nothing_may_follow(void **state)
{
    char bytes[BYTES_MAX];
    struct rm__snapshot_header read;

    (void)state;
    rm__snapshot_header_encode(&header, NULL, 0, bytes);
    assert_int_equal(
        rm__snapshot_header_decode(rm_slice_make(bytes, RM__SNAPSHOT_HEADER_BYTES), &read), 0);
    assert_int_equal(read.time_ms, header.time_ms);
}

static void test_the_form_is_the_one_described(void **state)
{
    static const char start[] = "RMSNAPSH\1\0\0\0\0\0\0\0"
                                "\x10\0\0\0\0\0\0\0"
                                "\x18\x17\x16\x15\x14\x13\x12\x11";
    char bytes[BYTES_MAX];
    char sealed[BYTES_MAX];
    size_t len = a_snapshot(bytes);

    (void)state;
    assert_memory_equal(bytes, start, 32);
    memcpy(sealed, bytes, len);
    seal(sealed, len);
    assert_memory_equal(bytes, sealed, len);
}

/* Magic, the zero, and the length mean something of their own. */
static void test_a_right_checksum_is_not_all(void **state)
{
    static const size_t places[] = {0, 12, 16};
    char bytes[BYTES_MAX];
    size_t len = a_snapshot(bytes);
    struct rm__snapshot_header read;

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        bytes[places[i]] ^= 1;
        seal(bytes, len);
        assert_int_equal(rm__snapshot_header_decode(rm_slice_make(bytes, len), &read), RM_ECORRUPT);
        bytes[places[i]] ^= 1;
    }
}

static void test_another_format_is_told_from_damage(void **state)
{
    char bytes[BYTES_MAX];
    size_t len = a_snapshot(bytes);
    struct rm__snapshot_header read;

    (void)state;
    bytes[8] ^= 2;
    seal(bytes, len);
    assert_int_equal(rm__snapshot_header_decode(rm_slice_make(bytes, len), &read), RM_EPROTO);
}

static void test_every_flipped_bit_is_found(void **state)
{
    char bytes[BYTES_MAX];
    size_t len = a_snapshot(bytes);
    struct rm__snapshot_header read = {.time_ms = 7};

    (void)state;
    for (size_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(rm__snapshot_header_decode(rm_slice_make(bytes, len), &read), RM_ECORRUPT);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_int_equal(read.time_ms, 7);
}

static void test_every_other_length_is_found(void **state)
{
    char bytes[BYTES_MAX] = {0};
    size_t len = a_snapshot(bytes);
    struct rm__snapshot_header read;

    (void)state;
    for (size_t other = 0; other < sizeof bytes; other++) {
        if (other != len) {
            assert_int_equal(rm__snapshot_header_decode(rm_slice_make(bytes, other), &read),
                             RM_ECORRUPT);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_header_reads_back),
        cmocka_unit_test(test_nothing_may_follow),
        cmocka_unit_test(test_the_form_is_the_one_described),
        cmocka_unit_test(test_a_right_checksum_is_not_all),
        cmocka_unit_test(test_another_format_is_told_from_damage),
        cmocka_unit_test(test_every_flipped_bit_is_found),
        cmocka_unit_test(test_every_other_length_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
