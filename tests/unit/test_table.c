#include "../../src/metrics/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "random.h"

struct item {
    uint64_t hash;
    int number;
    bool is_in;
};

static bool has_number(const void *item, const void *key)
{
    return ((const struct item *)item)->number == *(const int *)key;
}

static void check_all(const struct rm_table *table, struct item *items, int n)
{
    size_t n_in = 0;

    for (int i = 0; i < n; i++) {
        void *found = rm__table_find(table, items[i].hash, has_number, &items[i].number);

        assert_ptr_equal(found, items[i].is_in ? &items[i] : NULL);
        n_in += items[i].is_in ? 1 : 0;
    }
    assert_int_equal(table->n_items, n_in);
}

/* With few different hashes every kind of run and gap comes up, also round the end. */
static void check_random_use(struct random *random, uint64_t n_hashes)
{
    enum { N = 200 };
    struct item items[N];
    struct rm_table table = {0};

    for (int i = 0; i < N; i++) {
        items[i] = (struct item){UINT64_MAX - random_below(random, n_hashes), i, false};
    }
    for (int round = 0; round < 2000; round++) {
        struct item *item = &items[random_below(random, N)];

        if (item->is_in) {
            rm__table_remove(&table, item->hash, item);
        } else {
            assert_int_equal(rm__table_add(&table, item->hash, item), 0);
        }
        item->is_in = !item->is_in;
        if (round % 20 == 0) {
            check_all(&table, items, N);
        }
    }
    rm__table_done(&table);
    assert_int_equal(table.n_items, 0);
}

static void test_random_use(void **state)
{
    struct random random = random_start("table");

    (void)state;
    check_random_use(&random, 1);
    check_random_use(&random, 5);
    check_random_use(&random, 60);
    check_random_use(&random, UINT64_MAX);
}

static void test_an_empty_table(void **state)
{
    struct rm_table table = {0};
    int key = 1;

    (void)state;
    assert_null(rm__table_find(&table, 7, has_number, &key));
    assert_int_equal(rm__table_bytes(&table), 0);
    rm__table_done(&table);
}

static void test_seed_and_bytes_change_the_hash(void **state)
{
    uint64_t hash = rm__table_hash(rm_slice_of("cpu"), 1);

    (void)state;
    assert_int_equal(rm__table_hash(rm_slice_make("cpux", 3), 1), hash);
    assert_int_not_equal(rm__table_hash(rm_slice_of("cpu"), 2), hash);
    assert_int_not_equal(rm__table_hash(rm_slice_of("cpv"), 1), hash);
    assert_int_not_equal(rm__table_hash(rm_slice_make(NULL, 0), 1),
                         rm__table_hash(rm_slice_make(NULL, 0), 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_use),
        cmocka_unit_test(test_an_empty_table),
        cmocka_unit_test(test_seed_and_bytes_change_the_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
