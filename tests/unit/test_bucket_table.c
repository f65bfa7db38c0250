#include "../../src/metrics/bucket_table.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/bucket_rules.h"

static const double SHORT[] = {1, 2};
static const double LONG[] = {-1, 0, 0.5, 1e9};

static struct rm_bucket_rule rule(const char *pattern, const double *bounds, size_t n)
{
    return (struct rm_bucket_rule){rm_slice_of(pattern), bounds, n};
}

/* ---- rules ---- */

static bool is_valid(size_t n, const double *bounds)
{
    return rm_bucket_bounds_are_valid((struct rm_bucket_bounds){bounds, n});
}

static void test_valid_bounds(void **state)
{
    double many[RM_BUCKET_BOUNDS_MAX + 1];

    (void)state;
    for (int i = 0; i <= RM_BUCKET_BOUNDS_MAX; i++) {
        many[i] = i;
    }
    assert_true(is_valid(0, NULL));
    assert_true(is_valid(4, LONG));
    assert_true(is_valid(2, (const double[]){-DBL_MAX, DBL_TRUE_MIN}));
    assert_true(is_valid(RM_BUCKET_BOUNDS_MAX, many));
    assert_false(is_valid(RM_BUCKET_BOUNDS_MAX + 1, many));
    assert_false(is_valid(2, (const double[]){1, 1}));
    assert_false(is_valid(3, (const double[]){1, 3, 2}));
    assert_false(is_valid(2, (const double[]){1, INFINITY}));
    assert_false(is_valid(1, (const double[]){NAN}));
    assert_false(is_valid(1, (const double[]){-0.0}));
    assert_true(rm_bucket_bounds_are_valid(rm_bucket_bounds_default()));
}

static void test_valid_rules(void **state)
{
    struct rm_bucket_rule rules[RM_BUCKET_RULES_MAX + 1];

    (void)state;
    for (int i = 0; i <= RM_BUCKET_RULES_MAX; i++) {
        rules[i] = rule("a*", SHORT, 2);
    }
    assert_true(rm_bucket_rules_are_valid(NULL, 0));
    assert_true(rm_bucket_rules_are_valid(rules, RM_BUCKET_RULES_MAX));
    assert_false(rm_bucket_rules_are_valid(rules, RM_BUCKET_RULES_MAX + 1));
    rules[1] = rule("a b", SHORT, 2);
    assert_true(rm_bucket_rules_are_valid(rules, 1));
    assert_false(rm_bucket_rules_are_valid(rules, 2));
    rules[1] = rule("ab", (const double[]){2, 1}, 2);
    assert_false(rm_bucket_rules_are_valid(rules, 2));
}

static void test_equal_rules(void **state)
{
    const struct rm_bucket_rule rules[] = {rule("a", SHORT, 2), rule("b", LONG, 4)};
    const struct rm_bucket_rule copies[] = {rule("a", (const double[]){1, 2}, 2),
                                            rule("b", LONG, 4)};
    const struct rm_bucket_rule others[] = {rule("a", SHORT, 2), rule("c", LONG, 4)};
    const struct rm_bucket_rule shorter[] = {rule("a", SHORT, 2), rule("b", LONG, 3)};

    (void)state;
    assert_true(rm_bucket_rules_are_equal(NULL, 0, NULL, 0));
    assert_true(rm_bucket_rules_are_equal(rules, 2, copies, 2));
    assert_false(rm_bucket_rules_are_equal(rules, 2, rules, 1));
    assert_false(rm_bucket_rules_are_equal(rules, 2, others, 2));
    assert_false(rm_bucket_rules_are_equal(rules, 2, shorter, 2));
}

/* ---- the table ---- */

static bool is_chosen(const struct rm_bucket_table *table, const char *name,
                      struct rm_bucket_bounds expected)
{
    struct rm_shared_bounds *chosen = rm__bucket_table_choose(table, rm_slice_of(name));

    return rm_bucket_bounds_are_equal(rm__shared_bounds_peek(chosen), expected);
}

static void test_the_first_rule_that_matches_decides(void **state)
{
    const struct rm_bucket_rule rules[] = {rule("http.size", LONG, 4), rule("http.*", SHORT, 2),
                                           rule("*e", NULL, 0)};
    struct rm_bucket_table table = {0};

    (void)state;
    assert_true(is_chosen(&table, "http.size", rm_bucket_bounds_default()));
    assert_int_equal(rm__bucket_table_set(&table, rules, 3), 0);
    assert_true(is_chosen(&table, "http.size", (struct rm_bucket_bounds){LONG, 4}));
    assert_true(is_chosen(&table, "http.time", (struct rm_bucket_bounds){SHORT, 2}));
    assert_true(is_chosen(&table, "time", (struct rm_bucket_bounds){NULL, 0}));
    assert_true(is_chosen(&table, "cpu", rm_bucket_bounds_default()));
    assert_true(rm_bucket_rules_are_equal(table.rules, table.n_rules, rules, 3));
    rm__bucket_table_done(&table);
}

static void test_bounds_outlive_their_rule(void **state)
{
    const struct rm_bucket_rule before[] = {rule("a", LONG, 4), rule("b", SHORT, 2)};
    const struct rm_bucket_rule after[] = {rule("a", SHORT, 2)};
    struct rm_bucket_table table = {0};
    struct rm_shared_bounds *chosen;

    (void)state;
    assert_int_equal(rm__bucket_table_set(&table, before, 2), 0);
    chosen = rm__shared_bounds_ref(rm__bucket_table_choose(&table, rm_slice_of("a")));
    assert_int_equal(rm__bucket_table_set(&table, after, 1), 0);
    assert_int_equal(table.known.n, 2);
    assert_true(rm_bucket_bounds_are_equal(rm__shared_bounds_peek(chosen),
                                           (struct rm_bucket_bounds){LONG, 4}));
    assert_true(is_chosen(&table, "a", (struct rm_bucket_bounds){SHORT, 2}));
    rm__shared_bounds_unref(chosen);
    rm__bucket_table_trim(&table);
    assert_int_equal(table.known.n, 1);
    assert_int_equal(rm__bucket_table_set(&table, NULL, 0), 0);
    assert_int_equal(table.known.n, 0);
    assert_true(is_chosen(&table, "a", rm_bucket_bounds_default()));
    rm__bucket_table_done(&table);
}

static void test_equal_bounds_are_shared(void **state)
{
    const double copy[] = {1, 2};
    const struct rm_bucket_rule rules[] = {rule("a", SHORT, 2), rule("b", copy, 2)};
    struct rm_bucket_table table = {0};
    struct rm_shared_bounds *a;
    struct rm_shared_bounds *b;

    (void)state;
    assert_int_equal(rm__bucket_table_set(&table, rules, 2), 0);
    a = rm__bucket_table_choose(&table, rm_slice_of("a"));
    b = rm__bucket_table_choose(&table, rm_slice_of("b"));
    assert_ptr_equal(a, b);
    assert_int_equal(rm__bucket_table_share(&table, (struct rm_bucket_bounds){copy, 2}, &b), 0);
    assert_ptr_equal(a, b);
    rm__bucket_table_done(&table);
}

static void test_default_bounds_are_nobodys(void **state)
{
    struct rm_bucket_bounds bounds = rm_bucket_bounds_default();
    const struct rm_bucket_rule rules[] = {rule("a", bounds.bounds, bounds.n), rule("*", SHORT, 2)};
    struct rm_bucket_table table = {0};

    (void)state;
    assert_int_equal(rm__bucket_table_set(&table, rules, 2), 0);
    assert_int_equal(table.known.n, 1);
    assert_null(rm__bucket_table_choose(&table, rm_slice_of("a")));
    assert_true(is_chosen(&table, "b", (struct rm_bucket_bounds){SHORT, 2}));
    rm__bucket_table_done(&table);
}

static void test_the_hash_is_that_of_the_rules(void **state)
{
    const struct rm_bucket_rule rules[] = {rule("a", SHORT, 2), rule("b", LONG, 4)};
    const struct rm_bucket_rule turned[] = {rule("b", LONG, 4), rule("a", SHORT, 2)};
    struct rm_bucket_table a = {0};
    struct rm_bucket_table b = {0};

    (void)state;
    assert_true(rm__bucket_table_hash(&a) == 0);
    assert_int_equal(rm__bucket_table_set(&a, rules, 2), 0);
    assert_int_equal(rm__bucket_table_set(&b, turned, 2), 0);
    assert_true(rm__bucket_table_hash(&a) != 0);
    assert_true(rm__bucket_table_hash(&a) != rm__bucket_table_hash(&b));
    assert_int_equal(rm__bucket_table_set(&b, rules, 2), 0);
    assert_true(rm__bucket_table_hash(&a) == rm__bucket_table_hash(&b));
    assert_true(rm__bucket_table_bytes(&a) >= sizeof rules + sizeof SHORT + sizeof LONG);
    rm__bucket_table_done(&a);
    rm__bucket_table_done(&b);
}

#if FAILING_MALLOC
static void test_without_memory_the_table_is_unchanged(void **state)
{
    const struct rm_bucket_rule before[] = {rule("*", SHORT, 2)};
    const struct rm_bucket_rule after[] = {rule("a", LONG, 4), rule("b", LONG, 3),
                                           rule("c", LONG, 2)};
    long n_live = failing_malloc_n_live;
    bool failed = true;

    (void)state;
    for (long n = 1; failed; n++) {
        struct rm_bucket_table table = {0};
        int rv;

        assert_int_equal(rm__bucket_table_set(&table, before, 1), 0);
        failing_malloc_arm(n);
        rv = rm__bucket_table_set(&table, after, 3);
        failed = failing_malloc_disarm();
        assert_int_equal(rv, failed ? RM_ENOMEM : 0);
        assert_true(rm_bucket_rules_are_equal(table.rules, table.n_rules, failed ? before : after,
                                              failed ? 1 : 3));
        assert_int_equal(table.known.n, failed ? 1 : 3);
        rm__bucket_table_done(&table);
    }
    assert_int_equal(failing_malloc_n_live, n_live);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_bounds),
        cmocka_unit_test(test_valid_rules),
        cmocka_unit_test(test_equal_rules),
        cmocka_unit_test(test_the_first_rule_that_matches_decides),
        cmocka_unit_test(test_bounds_outlive_their_rule),
        cmocka_unit_test(test_equal_bounds_are_shared),
        cmocka_unit_test(test_default_bounds_are_nobodys),
        cmocka_unit_test(test_the_hash_is_that_of_the_rules),
#if FAILING_MALLOC
        cmocka_unit_test(test_without_memory_the_table_is_unchanged),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
