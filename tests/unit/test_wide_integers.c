#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/wide_integers.h"

static void check(const char *text, const char *expected)
{
    size_t len = strlen(text);
    char *exact = malloc(len + 1); /* for the address sanitizer: nothing behind its end is read */
    struct rm_buffer marked;

    assert_non_null(exact);
    memcpy(exact, text, len);
    exact = realloc(exact, len == 0 ? 1 : len);
    rm_buffer_init(&marked, 1000);
    assert_int_equal(rm__wide_integers_mark(rm_slice_make(exact, len), &marked), 0);
    assert_int_equal(marked.len, strlen(expected));
    assert_memory_equal(marked.len == 0 ? "" : marked.data, expected, marked.len);
    rm_buffer_done(&marked);
    free(exact);
}

static void same(const char *text)
{
    check(text, text);
}

static void test_what_fits_stays(void **state)
{
    (void)state;
    same("");
    same("0");
    same("[1,-2, 3]");
    same("9223372036854775807");
    same("-9223372036854775808");
    same("1732568363377000000");
    same("{\"a\":-0.0,\"b\":-0e1,\"c\":1e400,\"d\":99999999999999999999.5}");
}

static void test_what_does_not_is_marked(void **state)
{
    (void)state;
    check("-0", "-0.0");
    check("[-0,0]", "[-0.0,0]");
    check("9223372036854775808", "9223372036854775808.0");
    check("-9223372036854775809", "-9223372036854775809.0");
    check("{\"value\":100000000000000000000,\"timestamp\":1732568363377000000}",
          "{\"value\":100000000000000000000.0,\"timestamp\":1732568363377000000}");
    check("[10000000000000000000 ,\n-10000000000000000000]",
          "[10000000000000000000.0 ,\n-10000000000000000000.0]");
}

static void test_texts_are_left_alone(void **state)
{
    (void)state;
    same("\"-0\"");
    same("\"\\\"-0\"");
    same("{\"-0\":\"100000000000000000000\\\\\"}");
    check("{\"\\\\\":-0}", "{\"\\\\\":-0.0}");
}

static void test_what_is_no_json_stays_so(void **state)
{
    (void)state;
    same("\"");
    same("\"\\");
    same("\"-0");
    same("-");
    same("--0");
    same("1-0");
    same("-0-");
    check("x-0", "x-0.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits_stays),
        cmocka_unit_test(test_what_does_not_is_marked),
        cmocka_unit_test(test_texts_are_left_alone),
        cmocka_unit_test(test_what_is_no_json_stays_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
