#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../src/api/worker/upkeep.h"

enum { STILL_MS = 30000 };

static enum rm__stillness judge(struct rm__upkeep *upkeep, uint64_t applied, uint64_t commit,
                                uint64_t now_ms)
{
    return rm__upkeep_judge(upkeep, applied, commit, now_ms);
}

static void test_who_has_caught_up_may_stand_still(void **state)
{
    struct rm__upkeep upkeep = {0};

    (void)state;
    for (uint64_t now_ms = 1; now_ms < 10 * STILL_MS; now_ms += STILL_MS) {
        assert_int_equal(judge(&upkeep, 5, 5, now_ms), RM__STILL_FINE);
    }
    /* Only from now on is it behind. */
    assert_int_equal(judge(&upkeep, 5, 6, 10 * STILL_MS), RM__STILL_FINE);
}

static void test_who_is_behind_may_move(void **state)
{
    struct rm__upkeep upkeep = {0};

    (void)state;
    for (uint64_t i = 1; i < 10; i++) {
        assert_int_equal(judge(&upkeep, i, 1000, i * STILL_MS), RM__STILL_FINE);
    }
}

static void test_who_is_behind_and_stands_still_is_restarted_then_replaced(void **state)
{
    struct rm__upkeep upkeep = {0};

    (void)state;
    assert_int_equal(judge(&upkeep, 5, 9, 1000), RM__STILL_FINE);
    assert_int_equal(judge(&upkeep, 5, 9, 1000 + STILL_MS - 1), RM__STILL_FINE);
    assert_int_equal(judge(&upkeep, 5, 9, 1000 + STILL_MS), RM__STILL_RESTART);
    assert_int_equal(judge(&upkeep, 5, 9, 1000 + STILL_MS + 1), RM__STILL_FINE);
    assert_int_equal(judge(&upkeep, 5, 9, 1000 + 2 * STILL_MS), RM__STILL_CONDEMN);
}

static void test_what_was_not_seen_is_not_held_against_it(void **state)
{
    struct rm__upkeep upkeep = {0};

    (void)state;
    judge(&upkeep, 5, 9, 1000);
    rm__upkeep_look_away(&upkeep);
    assert_int_equal(judge(&upkeep, 5, 9, 1000 + STILL_MS), RM__STILL_FINE);
    assert_int_equal(judge(&upkeep, 5, 9, 1000 + 2 * STILL_MS - 1), RM__STILL_FINE);
    assert_int_equal(judge(&upkeep, 5, 9, 1000 + 2 * STILL_MS), RM__STILL_RESTART);
    rm__upkeep_look_away(&upkeep);
    assert_int_equal(judge(&upkeep, 5, 9, 1000 + 3 * STILL_MS), RM__STILL_FINE);
    assert_int_equal(judge(&upkeep, 5, 9, 1000 + 4 * STILL_MS), RM__STILL_CONDEMN);
}

/* A restart that moved it but did not bring it to the end was no cure; one that did was. */
static void test_only_who_caught_up_is_cured(void **state)
{
    struct rm__upkeep upkeep = {0};

    (void)state;
    judge(&upkeep, 5, 9, 1000);
    assert_int_equal(judge(&upkeep, 5, 9, 1000 + STILL_MS), RM__STILL_RESTART);
    assert_int_equal(judge(&upkeep, 6, 9, 2000 + STILL_MS), RM__STILL_FINE);
    assert_int_equal(judge(&upkeep, 6, 9, 2000 + 2 * STILL_MS), RM__STILL_CONDEMN);

    upkeep = (struct rm__upkeep){0};
    judge(&upkeep, 5, 9, 1000);
    assert_int_equal(judge(&upkeep, 5, 9, 1000 + STILL_MS), RM__STILL_RESTART);
    assert_int_equal(judge(&upkeep, 9, 9, 2000 + STILL_MS), RM__STILL_FINE);
    assert_int_equal(judge(&upkeep, 9, 20, 3000 + STILL_MS), RM__STILL_FINE);
    assert_int_equal(judge(&upkeep, 9, 20, 3000 + 2 * STILL_MS), RM__STILL_RESTART);
}

static uint64_t difference(const char *text)
{
    static const struct rm_state_hash ours[RM_HASHES] = {{1024, 0xa1}, {512, 0xffffffffffffff02}};
    json_t *hashes = json_loads(text, JSON_DECODE_ANY, NULL);
    uint64_t index = rm__upkeep_difference(ours, hashes);

    json_decref(hashes);
    return index;
}

static void test_only_states_at_equal_indexes_are_compared(void **state)
{
    (void)state;
    assert_int_equal(difference("[]"), 0);
    assert_int_equal(difference("[{\"index\": 1024, \"hash\": \"00000000000000a1\"}]"), 0);
    assert_int_equal(difference("[{\"index\": 1536, \"hash\": \"00000000000000a2\"},"
                                " {\"index\": 1024, \"hash\": \"00000000000000a1\"},"
                                " {\"index\": 512, \"hash\": \"ffffffffffffff02\"}]"),
                     0);
    assert_int_equal(difference("[{\"index\": 1024, \"hash\": \"00000000000000a2\"}]"), 1024);
    assert_int_equal(difference("[{\"index\": 1024, \"hash\": \"00000000000000a1\"},"
                                " {\"index\": 512, \"hash\": \"7fffffffffffff02\"}]"),
                     512);
}

static void test_what_is_no_list_of_hashes_says_nothing(void **state)
{
    (void)state;
    assert_int_equal(rm__upkeep_difference((struct rm_state_hash[RM_HASHES]){{0}}, NULL), 0);
    assert_int_equal(difference("{\"index\": 1024}"), 0);
    assert_int_equal(difference("[7, null, {\"index\": 1024}, {\"index\": 0, \"hash\": \"1\"},"
                                " {\"index\": \"1024\", \"hash\": \"2\"}]"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_has_caught_up_may_stand_still),
        cmocka_unit_test(test_who_is_behind_may_move),
        cmocka_unit_test(test_who_is_behind_and_stands_still_is_restarted_then_replaced),
        cmocka_unit_test(test_what_was_not_seen_is_not_held_against_it),
        cmocka_unit_test(test_only_who_caught_up_is_cured),
        cmocka_unit_test(test_only_states_at_equal_indexes_are_compared),
        cmocka_unit_test(test_what_is_no_list_of_hashes_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
