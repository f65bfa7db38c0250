#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "raftmetrics/base/slice.h"

static const struct rm_slice EMPTY = {NULL, 0};

static void tells_equal_from_different(void **state)
{
    (void)state;
    assert_true(rm_slice_equal(rm_slice_of("abc"), rm_slice_make("abcd", 3)));
    assert_false(rm_slice_equal(rm_slice_of("abc"), rm_slice_of("abd")));
    assert_false(rm_slice_equal(rm_slice_of("abc"), rm_slice_of("ab")));
    assert_false(rm_slice_equal(rm_slice_make("a\0b", 3), rm_slice_make("a\0c", 3)));
    assert_true(rm_slice_equal(EMPTY, rm_slice_of("")));
    assert_true(rm_slice_is(rm_slice_make("abcd", 3), "abc"));
    assert_false(rm_slice_is(rm_slice_make("abcd", 3), "abcd"));
    assert_true(rm_slice_is(EMPTY, ""));
}

static void compares_in_byte_order(void **state)
{
    /* Ascending; the bytes are unsigned. */
    static const struct rm_slice ordered[] = {
        {NULL, 0}, {"\0", 1}, {"A", 1}, {"a", 1}, {"a\0", 2}, {"aa", 2}, {"b", 1}, {"\xc3\xbc", 2},
    };
    const int n = sizeof ordered / sizeof ordered[0];

    (void)state;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++) {
            int order = rm_slice_compare(ordered[i], ordered[k]);

            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
    }
}

static void compares_without_case(void **state)
{
    (void)state;
    assert_true(rm_slice_equal_nocase(rm_slice_of("Bearer"), rm_slice_of("bEARER")));
    assert_true(rm_slice_equal_nocase(EMPTY, rm_slice_of("")));
    assert_false(rm_slice_equal_nocase(rm_slice_of("Bearer"), rm_slice_of("Bearer ")));
    assert_false(rm_slice_equal_nocase(rm_slice_of("a["), rm_slice_of("a{")));
    assert_false(rm_slice_equal_nocase(rm_slice_of("\xc3\x9c"), rm_slice_of("\xc3\xbc")));
}

static void knows_prefixes(void **state)
{
    (void)state;
    assert_true(rm_slice_has_prefix(rm_slice_of("metrics"), rm_slice_of("met")));
    assert_true(rm_slice_has_prefix(rm_slice_of("met"), rm_slice_of("met")));
    assert_true(rm_slice_has_prefix(rm_slice_of("met"), EMPTY));
    assert_true(rm_slice_has_prefix(EMPTY, EMPTY));
    assert_false(rm_slice_has_prefix(rm_slice_of("me"), rm_slice_of("met")));
    assert_false(rm_slice_has_prefix(rm_slice_of("mat"), rm_slice_of("met")));
    assert_false(rm_slice_has_prefix(EMPTY, rm_slice_of("m")));
}

static void duplicates_with_a_terminator(void **state)
{
    char *copy = rm_slice_dup(rm_slice_make("abcd", 3));
    char *empty = rm_slice_dup(EMPTY);

    (void)state;
    assert_string_equal(copy, "abc");
    assert_string_equal(empty, "");
    free(copy);
    free(empty);
}

static void cuts_at_separators(void **state)
{
    struct rm_slice rest = rm_slice_of("a,,bc,");
    struct rm_slice head;

    (void)state;
    assert_true(rm_slice_next(&rest, ',', &head));
    assert_true(rm_slice_is(head, "a"));
    assert_true(rm_slice_next(&rest, ',', &head));
    assert_true(rm_slice_is(head, ""));
    assert_true(rm_slice_is(rest, "bc,"));
    assert_true(rm_slice_next(&rest, ',', &head));
    assert_true(rm_slice_is(head, "bc"));
    assert_true(rm_slice_next(&rest, ',', &head));
    assert_true(rm_slice_is(head, ""));
    assert_false(rm_slice_next(&rest, ',', &head));
    assert_null(rest.data);
}

static void cuts_once_without_a_separator(void **state)
{
    struct rm_slice rest = rm_slice_of("whole");
    struct rm_slice empty = rm_slice_of("");
    struct rm_slice nothing = EMPTY;
    struct rm_slice head;

    (void)state;
    assert_true(rm_slice_next(&rest, ',', &head));
    assert_true(rm_slice_is(head, "whole"));
    assert_false(rm_slice_next(&rest, ',', &head));
    assert_true(rm_slice_next(&empty, ',', &head));
    assert_int_equal(head.len, 0);
    assert_false(rm_slice_next(&empty, ',', &head));
    assert_false(rm_slice_next(&nothing, ',', &head));
}

static void checks_ranges_of_bytes(void **state)
{
    (void)state;
    assert_true(rm_slice_all_between(rm_slice_of("!a~"), 0x21, 0x7e));
    assert_false(rm_slice_all_between(rm_slice_of("a b"), 0x21, 0x7e));
    assert_false(rm_slice_all_between(rm_slice_of("a\x7f"), 0x21, 0x7e));
    assert_false(rm_slice_all_between(rm_slice_of("\xc3\xbc"), 0x21, 0x7e));
    assert_true(rm_slice_all_between(rm_slice_of("\xff"), 0xff, 0xff));
    assert_true(rm_slice_all_between(EMPTY, 'a', 'z'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_equal_from_different),    cmocka_unit_test(compares_in_byte_order),
        cmocka_unit_test(compares_without_case),         cmocka_unit_test(knows_prefixes),
        cmocka_unit_test(duplicates_with_a_terminator),  cmocka_unit_test(cuts_at_separators),
        cmocka_unit_test(cuts_once_without_a_separator), cmocka_unit_test(checks_ranges_of_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
