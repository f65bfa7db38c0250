#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/shard_set.h"
#include "raftmetrics/base/error.h"

static struct rm__shard_set set_of(const uint32_t *shards, size_t n)
{
    struct rm__shard_set set = {0};

    for (size_t i = 0; i < n; i++) {
        rm__shard_set_add(&set, shards[i]);
    }
    return set;
}

#define SET(...)                                                                                   \
    set_of((const uint32_t[]){__VA_ARGS__},                                                        \
           sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void check_text(struct rm__shard_set set, const char *expected)
{
    struct rm__shard_set parsed;
    char text[RM__SHARD_SET_TEXT_MAX];

    rm__shard_set_format(&set, text);
    assert_string_equal(text, expected);
    assert_int_equal(rm__shard_set_parse(rm_slice_of(text), &parsed), 0);
    assert_memory_equal(&parsed, &set, sizeof set);
}

static void sets_are_written_and_read(void **state)
{
    char last[RM__SHARD_SET_TEXT_MAX];

    (void)state;
    check_text((struct rm__shard_set){0}, "0");
    check_text(SET(0), "1");
    check_text(SET(0, 1, 2, 3), "f");
    check_text(SET(1, 4, 7), "29");
    check_text(SET(64), "00000000000000001");
    memset(last, '0', sizeof last);
    last[sizeof last - 2] = '8';
    last[sizeof last - 1] = '\0';
    check_text(SET(RM_SHARDS_MAX - 1), last);
}

static void what_is_no_set_is_refused(void **state)
{
    static char long_text[RM__SHARD_SET_TEXT_MAX + 1];
    struct rm__shard_set set;

    (void)state;
    memset(long_text, '0', sizeof long_text - 1);
    assert_int_equal(rm__shard_set_parse(rm_slice_of(""), &set), RM_ESYNTAX);
    assert_int_equal(rm__shard_set_parse((struct rm_slice){NULL, 0}, &set), RM_ESYNTAX);
    assert_int_equal(rm__shard_set_parse(rm_slice_of("g"), &set), RM_ESYNTAX);
    assert_int_equal(rm__shard_set_parse(rm_slice_of("F"), &set), RM_ESYNTAX);
    assert_int_equal(rm__shard_set_parse(rm_slice_make("1\0", 2), &set), RM_ESYNTAX);
    assert_int_equal(rm__shard_set_parse(rm_slice_of(long_text), &set), RM_ESYNTAX);
}

static void sets_are_compared(void **state)
{
    struct rm__shard_set some = SET(1, 70);
    struct rm__shard_set all = SET(1, 2, 70);

    (void)state;
    assert_true(rm__shard_set_covers(&all, &some));
    assert_false(rm__shard_set_covers(&some, &all));
    assert_true(rm__shard_set_covers(&some, &(struct rm__shard_set){0}));
    assert_false(rm__shard_set_is_empty(&some));
    assert_true(rm__shard_set_has(&all, 2));
    rm__shard_set_subtract(&all, &some);
    assert_true(rm__shard_set_has(&all, 2));
    assert_false(rm__shard_set_has(&all, 70));
    rm__shard_set_subtract(&all, &all);
    assert_true(rm__shard_set_is_empty(&all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_written_and_read),
        cmocka_unit_test(what_is_no_set_is_refused),
        cmocka_unit_test(sets_are_compared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
