#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/key_table.h"
#include "random.h"

static const struct rm_request_hash HASH = {1, 2};

static int check(const struct rm_key_table *table, const char *scope, const char *key)
{
    return rm_key_table_check(table, rm_slice_of(scope), rm_slice_of(key), HASH);
}

static void add(struct rm_key_table *table, const char *scope, const char *key, int64_t expires_ms)
{
    assert_int_equal(
        rm_key_table_add(table, rm_slice_of(scope), rm_slice_of(key), HASH, expires_ms), 0);
}

static void test_a_key_is_known_by_scope_and_hash(void **state)
{
    struct rm_key_table *table = rm_key_table_new(1);
    struct rm_slice scope = rm_slice_of("ab");
    struct rm_slice key = rm_slice_of("c");

    (void)state;
    assert_int_equal(check(table, "ab", "c"), 0);
    add(table, "ab", "c", 1000);
    assert_int_equal(check(table, "ab", "c"), RM_EEXIST);
    assert_int_equal(rm_key_table_check(table, scope, key, (struct rm_request_hash){1, 3}),
                     RM_ECONFLICT);
    assert_int_equal(rm_key_table_check(table, scope, key, (struct rm_request_hash){0, 2}),
                     RM_ECONFLICT);
    assert_int_equal(check(table, "a", "bc"), 0);
    assert_int_equal(check(table, "", "abc"), 0);
    assert_int_equal(check(table, "ab", "cd"), 0);
    assert_int_equal(rm_key_table_count(table), 1);
    rm_key_table_free(table);
    rm_key_table_free(NULL);
}

static void test_names_are_copied(void **state)
{
    struct rm_key_table *table = rm_key_table_new(1);
    char text[] = "key";

    (void)state;
    add(table, text, text, 5);
    text[0] = 'K';
    assert_int_equal(check(table, "key", "key"), RM_EEXIST);
    assert_int_equal(check(table, "Key", "Key"), 0);
    rm_key_table_free(table);
}

static void test_a_key_is_forgotten_when_its_time_has_come(void **state)
{
    struct rm_key_table *table = rm_key_table_new(1);

    (void)state;
    add(table, "", "a", 100);
    add(table, "", "b", 100);
    add(table, "", "c", 200);
    rm_key_table_expire(table, 99);
    assert_int_equal(rm_key_table_count(table), 3);
    rm_key_table_expire(table, 100);
    assert_int_equal(rm_key_table_count(table), 1);
    assert_int_equal(check(table, "", "a"), 0);
    assert_int_equal(check(table, "", "b"), 0);
    assert_int_equal(check(table, "", "c"), RM_EEXIST);
    rm_key_table_expire(table, INT64_MAX);
    assert_int_equal(rm_key_table_count(table), 0);
    add(table, "", "a", INT64_MAX);
    rm_key_table_expire(table, INT64_MIN);
    assert_int_equal(check(table, "", "a"), RM_EEXIST);
    rm_key_table_free(table);
}

/* A clock that went back must not make a key expire early. */
static void test_an_earlier_time_waits_for_the_keys_before(void **state)
{
    struct rm_key_table *table = rm_key_table_new(1);

    (void)state;
    add(table, "", "a", 200);
    add(table, "", "b", 100);
    rm_key_table_expire(table, 150);
    assert_int_equal(rm_key_table_count(table), 2);
    rm_key_table_expire(table, 200);
    assert_int_equal(rm_key_table_count(table), 0);
    rm_key_table_free(table);
}

/* Keys 0 to N - 1; those from first on are live, each until its number. Goes round the hash table
 * many times, so that removals close gaps of every kind. */
static void test_random_adding_and_expiring(void **state)
{
    enum { N = 20000 };
    struct random random = random_start("keys");
    struct rm_key_table *table = rm_key_table_new(random_next(&random));
    int64_t first = 0;
    int64_t next = 0;

    (void)state;
    while (next < N) {
        int64_t n_live = next - first;
        char key[16];

        if (random_below(&random, 400) >= (uint64_t)n_live) {
            snprintf(key, sizeof key, "%d", (int)next);
            add(table, "token", key, next);
            next++;
        } else {
            first += (int64_t)random_below(&random, (uint64_t)n_live + 1);
            rm_key_table_expire(table, first - 1);
        }
        assert_int_equal(rm_key_table_count(table), next - first);
        for (int i = 0; i < 10; i++) {
            int64_t number = (int64_t)random_below(&random, (uint64_t)next + 1);

            snprintf(key, sizeof key, "%d", (int)number);
            assert_int_equal(check(table, "token", key),
                             number >= first && number < next ? RM_EEXIST : 0);
        }
    }
    rm_key_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_known_by_scope_and_hash),
        cmocka_unit_test(test_names_are_copied),
        cmocka_unit_test(test_a_key_is_forgotten_when_its_time_has_come),
        cmocka_unit_test(test_an_earlier_time_waits_for_the_keys_before),
        cmocka_unit_test(test_random_adding_and_expiring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
