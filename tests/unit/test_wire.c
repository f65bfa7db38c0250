#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/api/wire.h"
#include "raftmetrics/base/error.h"

static void test_a_session_is_32_hex_digits(void **state)
{
    struct rm_session session = {0};

    (void)state;
    assert_int_equal(rm__session_parse(rm_slice_of("0123456789abcdef00000000000000ff"), &session),
                     0);
    assert_true(session.high == UINT64_C(0x0123456789abcdef));
    assert_true(session.low == 0xff);
    assert_int_equal(rm__session_parse(rm_slice_of("00000000000000000000000000000001"), &session),
                     0);
    assert_true(session.high == 0 && session.low == 1);
}

static void test_what_is_no_session(void **state)
{
    static const char *const texts[] = {
        "",
        "1",
        "00000000000000000000000000000000",
        "0123456789abcdef00000000000000f",
        "0123456789abcdef00000000000000fff",
        "0123456789ABCDEF00000000000000ff",
        "0123456789abcdef0000000000000 ff",
        "0x23456789abcdef00000000000000ff",
    };
    struct rm_session session = {1, 2};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(rm__session_parse(rm_slice_of(texts[i]), &session), RM_ESYNTAX);
    }
    assert_int_equal(rm__session_parse((struct rm_slice){NULL, 0}, &session), RM_ESYNTAX);
    assert_true(session.low == 1 && session.high == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_session_is_32_hex_digits),
        cmocka_unit_test(test_what_is_no_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
