#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"

static void assert_content(const struct rm_buffer *buffer, const char *expected)
{
    struct rm_slice content = rm_buffer_peek(buffer);

    assert_int_equal(content.len, strlen(expected));
    assert_true(rm_slice_is(content, expected));
}

static void starts_empty(void **state)
{
    struct rm_buffer buffer;

    (void)state;
    rm_buffer_init(&buffer, 100);
    assert_null(buffer.data);
    assert_int_equal(rm_buffer_peek(&buffer).len, 0);
    assert_null(rm_buffer_take(&buffer));
    rm_buffer_done(&buffer);
}

static void appends_in_order(void **state)
{
    struct rm_buffer buffer;

    (void)state;
    rm_buffer_init(&buffer, 1000);
    assert_int_equal(rm_buffer_append(&buffer, "abc", 2), 0);
    assert_int_equal(rm_buffer_append_text(&buffer, "cd"), 0);
    assert_int_equal(rm_buffer_append_slice(&buffer, rm_slice_make("efg", 1)), 0);
    assert_int_equal(rm_buffer_append_byte(&buffer, 'f'), 0);
    assert_int_equal(rm_buffer_printf(&buffer, "-%s-%d", "g", 7), 0);
    assert_int_equal(rm_buffer_append(&buffer, NULL, 0), 0);
    assert_int_equal(rm_buffer_append_slice(&buffer, rm_slice_make(NULL, 0)), 0);
    assert_content(&buffer, "abcdef-g-7");
    rm_buffer_done(&buffer);
}

static void grows_to_its_maximum_and_no_further(void **state)
{
    struct rm_buffer buffer;

    (void)state;
    rm_buffer_init(&buffer, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(rm_buffer_append_byte(&buffer, (char)i), 0);
    }
    assert_int_equal(rm_buffer_append_byte(&buffer, 'x'), RM_ETOOBIG);
    assert_int_equal(buffer.len, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(buffer.data[i], (char)i);
    }
    rm_buffer_done(&buffer);
}

static void is_unchanged_by_what_does_not_fit(void **state)
{
    struct rm_buffer buffer;

    (void)state;
    rm_buffer_init(&buffer, 10);
    assert_int_equal(rm_buffer_append_text(&buffer, "12345678"), 0);
    assert_int_equal(rm_buffer_append_text(&buffer, "abc"), RM_ETOOBIG);
    assert_int_equal(rm_buffer_printf(&buffer, "%s", "abc"), RM_ETOOBIG);
    assert_int_equal(rm_buffer_reserve(&buffer, 3), RM_ETOOBIG);
    assert_int_equal(rm_buffer_reserve(&buffer, SIZE_MAX), RM_ETOOBIG);
    assert_content(&buffer, "12345678");
    assert_int_equal(rm_buffer_append_text(&buffer, "90"), 0);
    assert_content(&buffer, "1234567890");
    rm_buffer_done(&buffer);
}

static void reserves_room_to_write_into(void **state)
{
    struct rm_buffer buffer;

    (void)state;
    rm_buffer_init(&buffer, 100000);
    assert_int_equal(rm_buffer_append_text(&buffer, "ab"), 0);
    assert_int_equal(rm_buffer_reserve(&buffer, 70000), 0);
    assert_true(buffer.capacity - buffer.len >= 70000);
    memset(buffer.data + buffer.len, 'c', 70000);
    assert_content(&buffer, "ab");
    buffer.len += 2;
    assert_content(&buffer, "abcc");
    rm_buffer_done(&buffer);
}

static void is_usable_after_done_clear_and_take(void **state)
{
    struct rm_buffer buffer;
    char *taken;

    (void)state;
    rm_buffer_init(&buffer, 5);
    assert_int_equal(rm_buffer_append_text(&buffer, "first"), 0);
    rm_buffer_clear(&buffer);
    assert_content(&buffer, "");
    assert_int_equal(rm_buffer_append_text(&buffer, "again"), 0);
    taken = rm_buffer_take(&buffer);
    assert_memory_equal(taken, "again", 5);
    assert_content(&buffer, "");
    assert_int_equal(rm_buffer_append_text(&buffer, "third"), 0);
    assert_memory_equal(taken, "again", 5);
    free(taken);
    rm_buffer_done(&buffer);
    assert_content(&buffer, "");
    assert_int_equal(rm_buffer_append_text(&buffer, "fourth"), RM_ETOOBIG);
    assert_int_equal(rm_buffer_append_text(&buffer, "last"), 0);
    assert_content(&buffer, "last");
    rm_buffer_done(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_empty),
        cmocka_unit_test(appends_in_order),
        cmocka_unit_test(grows_to_its_maximum_and_no_further),
        cmocka_unit_test(is_unchanged_by_what_does_not_fit),
        cmocka_unit_test(reserves_room_to_write_into),
        cmocka_unit_test(is_usable_after_done_clear_and_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
