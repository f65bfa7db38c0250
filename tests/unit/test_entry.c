/* The form of a log entry. */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <xxhash.h>

#include "../../src/raft/entry.h"
#include "raftmetrics/base/error.h"

enum { BYTES_MAX = 512 };

static const struct rm__entry untouched = {.sequence = 77};

/* The fields that differ in every byte. */
static struct rm__entry an_entry(struct rm_slice body)
{
    return (struct rm__entry){.kind = RM__ENTRY_COMMAND,
                              .index = UINT64_C(0x0102030405060708),
                              .time_ms = INT64_C(0x1112131415161718),
                              .session = {UINT64_C(0x2122232425262728), UINT64_C(0x31323334)},
                              .sequence = UINT64_C(0x4142434445464748),
                              .body = body};
}

/* Writes the checksum that the first @len bytes should have. */
static void seal(char *bytes, size_t len)
{
    uint64_t checksum;

    memset(bytes + 56, 0, sizeof checksum);
    checksum = htole64(XXH3_64bits(bytes, len));
    memcpy(bytes + 56, &checksum, sizeof checksum);
}

static void test_an_entry_reads_back(void **state)
{
    char body[BYTES_MAX];
    char bytes[BYTES_MAX];

    (void)state;
    memset(body, 'b', sizeof body);
    for (size_t len = 0; len < 100; len++) {
        struct rm__entry entry = an_entry(rm_slice_make(body, len));
        struct rm__entry read;
        size_t size = rm__entry_size(len);

        assert_int_equal(size % 8, 0);
        assert_in_range(size, 64 + len, 64 + len + 7);
        memset(bytes, 'x', sizeof bytes);
        rm__entry_encode(&entry, bytes);
        assert_int_equal(bytes[size], 'x');
        assert_int_equal(rm__entry_decode(rm_slice_make(bytes, size), &read), 0);
        assert_int_equal(read.kind, RM__ENTRY_COMMAND);
        assert_int_equal(read.index, entry.index);
        assert_int_equal(read.time_ms, entry.time_ms);
        assert_int_equal(read.session.low, entry.session.low);
        assert_int_equal(read.session.high, entry.session.high);
        assert_int_equal(read.sequence, entry.sequence);
        assert_true(rm_slice_equal(read.body, entry.body));
    }
}

static void test_the_form_is_the_one_described(void **state)
{
    struct rm__entry entry = an_entry(rm_slice_of("body"));
    static const char start[] = "\1\0\0\0\1\0\0\0"
                                "\4\0\0\0\0\0\0\0"
                                "\x8\7\6\5\4\3\2\1"
                                "\x18\x17\x16\x15\x14\x13\x12\x11"
                                "\x28\x27\x26\x25\x24\x23\x22\x21"
                                "\x34\x33\x32\x31\0\0\0\0"
                                "\x48\x47\x46\x45\x44\x43\x42\x41";
    char bytes[BYTES_MAX];
    char sealed[BYTES_MAX];

    (void)state;
    rm__entry_encode(&entry, bytes);
    assert_memory_equal(bytes, start, 56);
    assert_memory_equal(bytes + 64, "body\0\0\0\0", 8);
    memcpy(sealed, bytes, 72);
    seal(sealed, 68);
    assert_memory_equal(bytes, sealed, 72);
}

static void test_an_opening_of_a_session_has_no_body(void **state)
{
    struct rm__entry entry = {.kind = RM__ENTRY_OPEN_SESSION, .session = {1, 2}};
    struct rm__entry read;
    char bytes[BYTES_MAX];

    (void)state;
    rm__entry_encode(&entry, bytes);
    assert_int_equal(rm__entry_decode(rm_slice_make(bytes, 64), &read), 0);
    assert_int_equal(read.kind, RM__ENTRY_OPEN_SESSION);
    assert_int_equal(read.body.len, 0);
    entry = an_entry(rm_slice_of("body"));
    rm__entry_encode(&entry, bytes);
    bytes[4] = RM__ENTRY_OPEN_SESSION;
    seal(bytes, 68);
    assert_int_equal(rm__entry_decode(rm_slice_make(bytes, 72), &read), RM_ECORRUPT);
    bytes[4] = RM__ENTRY_COMMAND;
    seal(bytes, 68);
    assert_int_equal(rm__entry_decode(rm_slice_make(bytes, 72), &read), 0);
}

static void test_every_flipped_bit_is_found(void **state)
{
    struct rm__entry entry = an_entry(rm_slice_of("thirteen byte"));
    size_t size = rm__entry_size(entry.body.len);
    struct rm__entry read = untouched;
    char bytes[BYTES_MAX];

    (void)state;
    rm__entry_encode(&entry, bytes);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(rm__entry_decode(rm_slice_make(bytes, size), &read),
                         bit < 32 ? RM_EPROTO : RM_ECORRUPT);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_int_equal(read.sequence, untouched.sequence);
}

static void test_every_other_length_is_found(void **state)
{
    struct rm__entry entry = an_entry(rm_slice_of("body"));
    struct rm__entry read;
    char bytes[BYTES_MAX] = {0};

    (void)state;
    rm__entry_encode(&entry, bytes);
    for (size_t len = 0; len < sizeof bytes; len++) {
        if (len != rm__entry_size(entry.body.len)) {
            assert_int_equal(rm__entry_decode(rm_slice_make(bytes, len), &read), RM_ECORRUPT);
        }
    }
}

static void test_an_unknown_kind_is_not_damage(void **state)
{
    struct rm__entry entry = an_entry(rm_slice_of("body"));
    struct rm__entry read;
    char bytes[BYTES_MAX];

    (void)state;
    entry.kind = (enum rm__entry_kind)3;
    rm__entry_encode(&entry, bytes);
    assert_int_equal(rm__entry_decode(rm_slice_make(bytes, rm__entry_size(4)), &read), RM_EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_entry_reads_back),
        cmocka_unit_test(test_the_form_is_the_one_described),
        cmocka_unit_test(test_an_opening_of_a_session_has_no_body),
        cmocka_unit_test(test_every_flipped_bit_is_found),
        cmocka_unit_test(test_every_other_length_is_found),
        cmocka_unit_test(test_an_unknown_kind_is_not_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
