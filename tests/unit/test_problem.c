#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/problem.h"
#include "raftmetrics/base/utf8.h"

enum { QUOTED_MAX = 80 };

static void test_every_problem_has_a_status_and_a_code(void **state)
{
    (void)state;
#define CHECK(name, status, code)                                                                  \
    assert_int_equal(rm__problem_status(name), status);                                            \
    assert_string_equal(rm__problem_code(name), code);
    RM__PROBLEMS(CHECK)
#undef CHECK
}

/* What a client, a peer or a full disk can cause is never a 500 or 502. */
static void test_no_problem_is_our_fault(void **state)
{
    (void)state;
#define CHECK(name, status, code)                                                                  \
    assert_true((status) >= 400 && (status) <= 505 && (status) != 500 && (status) != 502);         \
    assert_int_equal(strspn(code, "abcdefghijklmnopqrstuvwxyz_"), strlen(code));
    RM__PROBLEMS(CHECK)
#undef CHECK
}

static void test_set_formats(void **state)
{
    struct rm__problem problem;

    (void)state;
    rm__problem_set(&problem, RM__NOT_FOUND, "no %s at %d", "thing", 7);
    assert_int_equal(problem.kind, RM__NOT_FOUND);
    assert_string_equal(problem.message, "no thing at 7");
}

static void test_a_long_message_is_cut_and_stays_utf8(void **state)
{
    struct rm__problem problem;
    char text[2 * RM__PROBLEM_TEXT_MAX];

    (void)state;
    for (size_t offset = 0; offset < 4; offset++) {
        memset(text, 'x', offset);
        for (size_t i = offset; i + 3 < sizeof text; i += 3) {
            memcpy(text + i, "\xe2\x82\xac", 4);
        }
        rm__problem_set(&problem, RM__INVALID_BODY, "%s", text);
        assert_int_equal(strlen(problem.message), RM__PROBLEM_TEXT_MAX - 1);
        assert_true(rm_utf8_is_valid(rm_slice_of(problem.message)));
    }
}

static void test_what_is_not_utf8_is_made_so(void **state)
{
    struct rm__problem problem;

    (void)state;
    rm__problem_set(&problem, RM__INVALID_BODY,
                    "a\xff"
                    "b\xc3");
    assert_string_equal(problem.message, "a?b?");
    rm__problem_set(&problem, RM__INVALID_BODY, "caf\xc3\xa9");
    assert_string_equal(problem.message, "caf\xc3\xa9");
}

static void test_quotes_are_short_and_end_with_a_character(void **state)
{
    struct rm__problem problem;
    char text[QUOTED_MAX * 2 + 1];
    struct rm_slice quote;

    (void)state;
    memset(text, 'q', sizeof text);
    assert_int_equal(rm__problem_quote(rm_slice_make(text, QUOTED_MAX)).len, QUOTED_MAX);
    assert_int_equal(rm__problem_quote(rm_slice_make(text, QUOTED_MAX + 1)).len, QUOTED_MAX);
    memcpy(text + QUOTED_MAX - 1, "\xe2\x82\xac", 3);
    quote = rm__problem_quote(rm_slice_make(text, sizeof text));
    assert_int_equal(quote.len, QUOTED_MAX - 1);
    assert_ptr_equal(quote.data, text);
    rm__problem_set(&problem, RM__INVALID_BODY, "\"%.*s\"",
                    RM__QUOTE(((struct rm_slice){NULL, 0})));
    assert_string_equal(problem.message, "\"\"");
    rm__problem_set(&problem, RM__INVALID_BODY, "\"%.*s\"", RM__QUOTE(rm_slice_make("name", 2)));
    assert_string_equal(problem.message, "\"na\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_problem_has_a_status_and_a_code),
        cmocka_unit_test(test_no_problem_is_our_fault),
        cmocka_unit_test(test_set_formats),
        cmocka_unit_test(test_a_long_message_is_cut_and_stays_utf8),
        cmocka_unit_test(test_what_is_not_utf8_is_made_so),
        cmocka_unit_test(test_quotes_are_short_and_end_with_a_character),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
