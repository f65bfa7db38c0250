#include "raftmetrics/base/merge_sort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random.h"

enum { N_MAX = 3000, COST = 3 };

struct item {
    uint32_t key;
    uint32_t place; /* before it was sorted */
    char rest[5];
};

static int compare_items(const void *a, const void *b)
{
    const struct item *left = a;
    const struct item *right = b;

    return (left->key > right->key) - (left->key < right->key);
}

/* Of many different keys or few, in disorder or not. */
static void make_items(struct random *random, struct item *items, size_t n)
{
    uint64_t kind = random_below(random, 4);

    for (uint32_t i = 0; i < n; i++) {
        uint64_t key = kind == 0   ? random_below(random, 1 << 30)
                       : kind == 1 ? random_below(random, 5)
                       : kind == 2 ? i
                                   : n - i;

        items[i] = (struct item){(uint32_t)key, i, {(char)i, 1, 2, 3, 4}};
    }
}

/* Each came from another place, and what is equal stays in its order. */
static void check_sorted(const struct item *items, size_t n)
{
    static unsigned seen[N_MAX];
    static unsigned round;

    round++;
    for (size_t i = 0; i < n; i++) {
        assert_true(items[i].place < n && seen[items[i].place] != round);
        seen[items[i].place] = round;
        assert_int_equal(items[i].rest[0], (char)items[i].place);
        if (i > 0) {
            assert_true(items[i - 1].key <= items[i].key);
            assert_true(items[i - 1].key < items[i].key || items[i - 1].place < items[i].place);
        }
    }
}

/* How many are moved in all: in each round every one, in an even number of rounds. */
static size_t n_moves_of(size_t n)
{
    size_t n_rounds = 0;

    for (size_t width = 1; width < n; width *= 2) {
        n_rounds++;
    }
    return n * (n_rounds + n_rounds % 2);
}

static void sort_piece_by_piece(struct random *random, struct item *items, size_t n)
{
    struct rm_merge_sort sort;
    size_t n_moves = 0;
    bool is_done = false;

    assert_int_equal(rm_merge_sort_begin(&sort, items, n, sizeof *items, compare_items, COST), 0);
    while (!is_done) {
        int64_t n_asked = 1 + (int64_t)random_below(random, 2 * n + 2);
        int64_t budget = n_asked * COST;

        is_done = rm_merge_sort_work(&sort, &budget);
        assert_true(budget >= 0 && (budget == 0 || is_done));
        n_moves += (size_t)(n_asked - budget / COST);
    }
    rm_merge_sort_done(&sort);
    assert_int_equal(n_moves, n_moves_of(n));
}

static void test_sorts(void **state)
{
    static struct item items[N_MAX];
    struct random random = random_start("test_sorts");

    (void)state;
    for (size_t n = 0; n < N_MAX; n += n < 70 ? 1 : 1 + random_below(&random, 100)) {
        make_items(&random, items, n);
        sort_piece_by_piece(&random, items, n);
        check_sorted(items, n);
    }
}

static void test_ends_half_done(void **state)
{
    struct item items[100];
    struct random random = random_start("test_ends_half_done");

    (void)state;
    for (int64_t n_moves = 0; n_moves < 800; n_moves++) {
        struct rm_merge_sort sort = {0};
        int64_t budget = n_moves;

        rm_merge_sort_done(&sort);
        make_items(&random, items, 100);
        assert_int_equal(rm_merge_sort_begin(&sort, items, 100, sizeof *items, compare_items, 1),
                         0);
        assert_false(rm_merge_sort_work(&sort, &budget));
        rm_merge_sort_done(&sort);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorts),
        cmocka_unit_test(test_ends_half_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
