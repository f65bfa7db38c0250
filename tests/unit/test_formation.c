#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/api/worker/formation.h"

static const struct rm__formation_word silent = {false, false};
static const struct rm__formation_word stranger = {true, false};
static const struct rm__formation_word acquainted = {true, true};

static enum rm__formation decide(struct rm__formation_word a, struct rm__formation_word b)
{
    const struct rm__formation_word words[] = {a, b};

    return rm__formation_decide(words, 2);
}

static void test_a_worker_alone_begins(void **state)
{
    (void)state;
    assert_int_equal(rm__formation_decide(NULL, 0), RM__FORMATION_BEGIN);
}

static void test_all_must_have_answered(void **state)
{
    (void)state;
    assert_int_equal(decide(silent, silent), RM__FORMATION_WAIT);
    assert_int_equal(decide(silent, stranger), RM__FORMATION_WAIT);
    assert_int_equal(decide(stranger, silent), RM__FORMATION_WAIT);
    assert_int_equal(decide(stranger, stranger), RM__FORMATION_BEGIN);
}

/* One who knows us is enough: it need not be waited for the others. */
static void test_whoever_was_met_has_lost_its_data(void **state)
{
    (void)state;
    assert_int_equal(decide(acquainted, stranger), RM__FORMATION_REJOIN);
    assert_int_equal(decide(stranger, acquainted), RM__FORMATION_REJOIN);
    assert_int_equal(decide(silent, acquainted), RM__FORMATION_REJOIN);
    assert_int_equal(decide(acquainted, silent), RM__FORMATION_REJOIN);
    assert_int_equal(decide(acquainted, acquainted), RM__FORMATION_REJOIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_worker_alone_begins),
        cmocka_unit_test(test_all_must_have_answered),
        cmocka_unit_test(test_whoever_was_met_has_lost_its_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
