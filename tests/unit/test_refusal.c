#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/refusal.h"

static const char *text_of(enum rm__fate fate, bool has_key)
{
    static struct rm__problem problem;

    rm__refusal_of(fate, has_key, &problem);
    return problem.message;
}

static void test_every_fate_has_a_sentence(void **state)
{
    (void)state;
    for (int fate = RM__FATE_DONE + 1; fate < RM__FATES; fate++) {
        assert_true(strlen(text_of(fate, true)) > 20);
        assert_true(strlen(text_of(fate, false)) > 20);
    }
}

static const char *text_of_some(bool stays, bool has_unknown, bool has_key)
{
    const struct rm__partial partial = {stays, has_unknown, has_key};
    static struct rm__problem problem;

    rm__refusal_of_some(&partial, &problem);
    assert_int_equal(problem.kind, RM__PARTIALLY_RECORDED);
    return problem.message;
}

/* A key that comes with the second attempt only does not know the first. */
static void test_only_who_sent_a_key_is_told_to_send_it_again(void **state)
{
    static const char AGAIN[] = "send the same request with the same Idempotency-Key";

    (void)state;
    assert_non_null(strstr(text_of(RM__FATE_UNKNOWN, true), AGAIN));
    assert_null(strstr(text_of(RM__FATE_UNKNOWN, false), AGAIN));
    assert_non_null(strstr(text_of(RM__FATE_UNKNOWN, false), "may count twice"));
    for (int unknown = 0; unknown < 2; unknown++) {
        assert_non_null(strstr(text_of_some(false, unknown, true), AGAIN));
        assert_null(strstr(text_of_some(false, unknown, false), AGAIN));
    }
}

/* Only the same request with the same key settles what became of it. */
static void test_what_is_unknown_is_not_sent_as_something_else(void **state)
{
    static const char OR_ONLY[] = "or only what was not recorded";

    (void)state;
    for (int stays = 0; stays < 2; stays++) {
        const char *text = text_of_some(stays, true, true);

        assert_non_null(strstr(text, "send the same request with the same Idempotency-Key"));
        assert_null(strstr(text, OR_ONLY));
        assert_non_null(strstr(text_of_some(stays, true, false), "may count twice"));
        assert_null(strstr(text_of_some(stays, false, false), "may count twice"));
    }
    assert_non_null(strstr(text_of_some(false, false, true), OR_ONLY));
    assert_non_null(strstr(text_of_some(true, true, true), "with another Idempotency-Key"));
}

/* Others of its batch were. */
static void test_nothing_was_recorded_is_said_of_whole_requests_only(void **state)
{
    static const char NOTHING[] = "nothing was recorded";
    struct rm__problem problem;

    (void)state;
    rm__refusal_of_items(RM__FATE_NO_LEADER, &problem);
    assert_int_equal(problem.kind, RM__NO_LEADER);
    assert_null(strstr(problem.message, NOTHING));
    assert_non_null(strstr(problem.message, "try again soon"));
    assert_non_null(strstr(text_of(RM__FATE_NO_LEADER, false), NOTHING));
    assert_non_null(strstr(text_of(RM__FATE_NO_LEADER, false), "try again soon"));
    assert_null(strstr(text_of(RM__FATE_UNKNOWN, false), NOTHING));
}

/* It would be refused again, and the key is taken. */
static void test_what_stays_refused_is_not_sent_again(void **state)
{
    (void)state;
    assert_null(strstr(text_of_some(true, false, true), "the same request"));
    assert_non_null(strstr(text_of_some(true, false, true), "with another Idempotency-Key"));
    assert_null(strstr(text_of_some(true, false, false), "Idempotency-Key"));
    assert_true(rm__refusal_stays(RM__FATE_KEY_CONFLICT));
    assert_true(rm__refusal_stays(RM__FATE_SHARD_FULL));
    assert_false(rm__refusal_stays(RM__FATE_DONE));
    assert_false(rm__refusal_stays(RM__FATE_NO_LEADER));
    assert_false(rm__refusal_stays(RM__FATE_UNKNOWN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_fate_has_a_sentence),
        cmocka_unit_test(test_only_who_sent_a_key_is_told_to_send_it_again),
        cmocka_unit_test(test_what_is_unknown_is_not_sent_as_something_else),
        cmocka_unit_test(test_nothing_was_recorded_is_said_of_whole_requests_only),
        cmocka_unit_test(test_what_stays_refused_is_not_sent_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
