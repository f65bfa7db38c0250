#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/raft/hello.h"
#include "raftmetrics/base/error.h"

static const struct rm__hello hello = {.cluster = UINT64_C(0x0123456789abcdef),
                                       .shard = 7,
                                       .sender = {1, 1},
                                       .receiver = {2, UINT32_C(0xfedcba98)},
                                       .nonce = "0123456789abcdef0123456789abcde"};

static void test_bytes(void **state)
{
    static const uint8_t front[] = {'R',  'M',  'P',  'E',  'E', 'R', 1, 0, 0xef, 0xcd, 0xab, 0x89,
                                    0x67, 0x45, 0x23, 0x01, 7,   0,   0, 0, 1,    0,    0,    0,
                                    1,    0,    0,    0,    2,   0,   0, 0, 0x98, 0xba, 0xdc, 0xfe};
    uint8_t bytes[RM__HELLO_BYTES];
    struct rm__hello read;

    (void)state;
    rm__hello_encode(&hello, bytes);
    assert_memory_equal(bytes, front, sizeof front);
    assert_memory_equal(bytes + sizeof front, hello.nonce, sizeof hello.nonce);
    assert_int_equal(rm__hello_decode(bytes, &read), 0);
    assert_true(read.cluster == hello.cluster);
    assert_int_equal(read.shard, 7);
    assert_int_equal(read.sender.worker, 1);
    assert_int_equal(read.sender.incarnation, 1);
    assert_int_equal(read.receiver.worker, 2);
    assert_true(read.receiver.incarnation == hello.receiver.incarnation);
    assert_memory_equal(read.nonce, hello.nonce, sizeof hello.nonce);
}

static void test_preamble(void **state)
{
    uint8_t bytes[RM__HELLO_BYTES];
    struct rm__hello read;

    (void)state;
    for (int i = 0; i < RM__HELLO_PREAMBLE_BYTES; i++) {
        rm__hello_encode(&hello, bytes);
        bytes[i] ^= 2;
        assert_int_equal(rm__hello_decode(bytes, &read), i < 6 ? RM_ESYNTAX : RM_EPROTO);
    }
}

/* Computed with Python's hmac. */
static void test_proofs(void **state)
{
    static const uint8_t nonce[RM__NONCE_BYTES] = "fedcba9876543210fedcba987654321";
    static const uint8_t expected[2][RM__PROOF_BYTES] = {
        {0xf3, 0x8c, 0xe8, 0x62, 0x16, 0x53, 0x29, 0x8d, 0x2f, 0xbf, 0x54,
         0x20, 0xcc, 0x6c, 0xf6, 0x6b, 0x9c, 0xd8, 0xe3, 0x01, 0xe1, 0x0b,
         0xbd, 0xdf, 0x4d, 0x9e, 0x43, 0x5f, 0xad, 0xb3, 0x73, 0xf6},
        {0xe7, 0xdb, 0x5f, 0xc7, 0x00, 0x30, 0xe7, 0x60, 0x7d, 0x1f, 0xc0,
         0x6c, 0x9f, 0x51, 0x23, 0x24, 0x0b, 0xad, 0xa0, 0xbb, 0x47, 0xb1,
         0x3a, 0x58, 0x82, 0x56, 0x2d, 0x1b, 0x3c, 0x9d, 0x4f, 0x46}};
    uint8_t bytes[RM__HELLO_BYTES];
    uint8_t proof[RM__PROOF_BYTES];

    (void)state;
    rm__hello_encode(&hello, bytes);
    assert_int_equal(rm__hello_prove("secret", RM__SIDE_LISTENER, bytes, nonce, proof), 0);
    assert_memory_equal(proof, expected[0], sizeof proof);
    assert_int_equal(rm__hello_prove("secret", RM__SIDE_DIALLER, bytes, nonce, proof), 0);
    assert_memory_equal(proof, expected[1], sizeof proof);
}

/* Every bit of what is proved counts. */
static void test_proof_binds(void **state)
{
    uint8_t text[RM__HELLO_BYTES + RM__NONCE_BYTES];
    uint8_t proof[RM__PROOF_BYTES];
    uint8_t other[RM__PROOF_BYTES];

    (void)state;
    memset(text, 'n', sizeof text);
    rm__hello_encode(&hello, text);
    assert_int_equal(
        rm__hello_prove("secret", RM__SIDE_DIALLER, text, text + RM__HELLO_BYTES, proof), 0);
    for (size_t i = 0; i < 8 * sizeof text; i++) {
        text[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_int_equal(
            rm__hello_prove("secret", RM__SIDE_DIALLER, text, text + RM__HELLO_BYTES, other), 0);
        assert_false(rm__proof_is_equal(proof, other));
        text[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    assert_int_equal(
        rm__hello_prove("Secret", RM__SIDE_DIALLER, text, text + RM__HELLO_BYTES, other), 0);
    assert_false(rm__proof_is_equal(proof, other));
    assert_true(rm__proof_is_equal(proof, proof));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_preamble),
        cmocka_unit_test(test_proofs),
        cmocka_unit_test(test_proof_binds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
