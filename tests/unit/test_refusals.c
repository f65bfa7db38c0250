#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../src/raft/refusals.h"

enum { TEXT_MAX = 32 };

static const char *address_of(int i)
{
    static char text[TEXT_MAX];

    snprintf(text, sizeof text, "10.0.%d.%d", i / 256, i % 256);
    return text;
}

static void test_once(void **state)
{
    struct rm__refusals refusals = {.n_refusals = 0};

    (void)state;
    assert_true(rm__refusals_add(&refusals, "10.0.0.1", "noise", 0));
    assert_false(rm__refusals_add(&refusals, "10.0.0.1", "noise", 1000000));
    assert_true(rm__refusals_add(&refusals, "10.0.0.1", "late", 1));
    assert_true(rm__refusals_add(&refusals, "10.0.0.2", "noise", 1));
    rm__refusals_forget(&refusals, "10.0.0.1");
    assert_false(rm__refusals_add(&refusals, "10.0.0.2", "noise", 2));
    assert_true(rm__refusals_add(&refusals, "10.0.0.1", "late", 2));
    assert_true(rm__refusals_add(&refusals, "10.0.0.1", "noise", 2));
}

static void test_full(void **state)
{
    struct rm__refusals refusals = {.n_refusals = 0};

    (void)state;
    for (int i = 0; i < RM__REFUSALS_MAX; i++) {
        assert_true(rm__refusals_add(&refusals, address_of(i), "noise", (uint64_t)i));
    }
    assert_false(rm__refusals_add(&refusals, "::1", "noise", RM__REFUSAL_KEEP_MS - 1));
    assert_true(rm__refusals_add(&refusals, "::1", "noise", RM__REFUSAL_KEEP_MS));
    assert_false(rm__refusals_add(&refusals, "::2", "noise", RM__REFUSAL_KEEP_MS));
    assert_int_equal(refusals.n_refusals, RM__REFUSALS_MAX);
    assert_false(rm__refusals_add(&refusals, address_of(1), "noise", RM__REFUSAL_KEEP_MS));
    assert_true(rm__refusals_add(&refusals, address_of(0), "noise", RM__REFUSAL_KEEP_MS + 1));
    rm__refusals_forget(&refusals, "::1");
    assert_true(rm__refusals_add(&refusals, "::2", "noise", RM__REFUSAL_KEEP_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
