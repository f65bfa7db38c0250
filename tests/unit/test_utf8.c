#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raftmetrics/base/utf8.h"

/* The definition, the other way round than the decoder: RFC 3629 section 3. */
static size_t encode(uint32_t code_point, char *ret_text)
{
    if (code_point < 0x80) {
        ret_text[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        ret_text[0] = (char)(0xc0 | code_point >> 6);
        ret_text[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        ret_text[0] = (char)(0xe0 | code_point >> 12);
        ret_text[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
        ret_text[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    ret_text[0] = (char)(0xf0 | code_point >> 18);
    ret_text[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
    ret_text[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
    ret_text[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}

static void decodes_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code_point = 0; code_point < 0x120000; code_point++) {
        bool is_valid = code_point <= 0x10ffff && !(code_point >= 0xd800 && code_point <= 0xdfff);
        bool is_control = code_point <= 0x1f || (code_point >= 0x7f && code_point <= 0x9f);
        char text[5] = "xxxxx";
        size_t len = encode(code_point, text);
        uint32_t decoded = 7;

        assert_int_equal(rm_utf8_decode(rm_slice_make(text, 5), &decoded), is_valid ? len : 0);
        assert_int_equal(decoded, is_valid ? code_point : 7);
        assert_int_equal(rm_utf8_is_valid(rm_slice_make(text, len)), is_valid);
        assert_int_equal(rm_utf8_is_control(code_point), is_control);
        if (is_valid) {
            assert_int_equal(rm_utf8_has_control(rm_slice_make(text, len)), is_control);
        }
        for (size_t cut = 1; cut < len; cut++) {
            assert_false(rm_utf8_is_valid(rm_slice_make(text, cut)));
        }
    }
}

static void refuses_what_is_not_utf8(void **state)
{
    static const char *const invalid[] = {
        "\x80",             /* continues nothing */
        "\xbf",             /* likewise */
        "\xc0\x80",         /* U+0000, overlong */
        "\xc1\xbf",         /* U+007F, overlong */
        "\xe0\x9f\xbf",     /* U+07FF, overlong */
        "\xf0\x8f\xbf\xbf", /* U+FFFF, overlong */
        "\xed\xa0\x80",     /* U+D800 */
        "\xed\xbf\xbf",     /* U+DFFF */
        "\xf4\x90\x80\x80", /* U+110000 */
        "\xf5\x80\x80\x80",
        "\xfe",
        "\xff",
        "ab\xc3", /* ends too early */
        "\xc3(",  /* no continuation */
        "\xe2\x82(",
        "\xf0\x9f\x98(",
        "\xe4\xbd\xa0\xe5", /* the second character is not whole */
    };

    (void)state;
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        assert_false(rm_utf8_is_valid(rm_slice_of(invalid[i])));
    }
}

static void takes_texts(void **state)
{
    uint32_t code_point = 7;

    (void)state;
    assert_true(rm_utf8_is_valid(rm_slice_make(NULL, 0)));
    assert_true(rm_utf8_is_valid(rm_slice_of("")));
    assert_true(rm_utf8_is_valid(rm_slice_of("plain")));
    assert_true(rm_utf8_is_valid(rm_slice_of("Gr\xc3\xbc\xc3\x9f"
                                             "e \xe4\xbd\xa0\xf0\x9f\x98\x80.")));
    assert_true(rm_utf8_is_valid(rm_slice_make("a\0b", 3)));
    assert_int_equal(rm_utf8_decode(rm_slice_make(NULL, 0), &code_point), 0);
    assert_int_equal(code_point, 7);
}

static void finds_controls(void **state)
{
    (void)state;
    assert_false(rm_utf8_has_control(rm_slice_make(NULL, 0)));
    assert_false(rm_utf8_has_control(rm_slice_of("a b~\xc2\xa0\xc3\x80\xe2\x80\xa8")));
    assert_true(rm_utf8_has_control(rm_slice_make("a\0b", 3)));
    assert_true(rm_utf8_has_control(rm_slice_of("line\n")));
    assert_true(rm_utf8_has_control(rm_slice_of("\x1b[1m")));
    assert_true(rm_utf8_has_control(rm_slice_of("abc\x7f")));
    assert_true(rm_utf8_has_control(rm_slice_of("abc\xc2\x9b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_code_point),
        cmocka_unit_test(refuses_what_is_not_utf8),
        cmocka_unit_test(takes_texts),
        cmocka_unit_test(finds_controls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
