#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raftmetrics/partitioning/jump_hash.h"
#include "random.h"

/* Made with a Python transcription of the paper's figure 1:
 *     b, j = -1, 0
 *     while j < n:
 *         b = j
 *         key = (key * 2862933555777941757 + 1) % 2**64
 *         j = int((b + 1) * (float(1 << 31) / float((key >> 33) + 1)))
 * (42, 57), (0xdead10cc, 666) and (256, 1024) are also in the tests of other implementations. */
static const struct {
    uint64_t key;
    uint32_t n_buckets;
    uint32_t bucket;
} VECTORS[] = {
    {UINT64_C(0x0000000000000000), 1, 0},
    {UINT64_C(0x0000000000000000), 2, 0},
    {UINT64_C(0x0000000000000000), 1000, 0},
    {UINT64_C(0x0000000000000001), 1, 0},
    {UINT64_C(0x0000000000000001), 8, 6},
    {UINT64_C(0x000000000000002a), 57, 43},
    {UINT64_C(0x00000000dead10cc), 1, 0},
    {UINT64_C(0x00000000dead10cc), 666, 361},
    {UINT64_C(0x0000000000000100), 1024, 520},
    {UINT64_C(0xffffffffffffffff), 2, 1},
    {UINT64_C(0xffffffffffffffff), 1024, 313},
    {UINT64_C(0x8000000000000000), 8, 5},
    {UINT64_C(0x000000000000000a), 3, 2},
    {UINT64_C(0x000000000000000a), 4, 2},
    {UINT64_C(0x2ebb200dee58502e), 2, 1},
    {UINT64_C(0xa9bd192c880f9901), 3, 2},
    {UINT64_C(0x602a041979cc2105), 5, 0},
    {UINT64_C(0x1014700e79c8081c), 8, 6},
    {UINT64_C(0x1f85e9de50ebafdc), 8, 3},
    {UINT64_C(0xa6a84e66f4bbeed4), 13, 0},
    {UINT64_C(0x65d254f50e2316cf), 64, 14},
    {UINT64_C(0xbf1402fcec0b441b), 100, 49},
    {UINT64_C(0x67284eb2a9233d23), 1024, 449},
    {UINT64_C(0xb06b45c9a818080c), 4096, 1430},
    {UINT64_C(0x6892d89de0d28c3a), 65536, 4890},
    {UINT64_C(0xd04fc59466b72e76), 1000003, 330937},
    {UINT64_C(0x5df2baaeb49ea648), 2147483647, 481527729},
    {UINT64_C(0xf2abb0068b2ffc89), UINT32_C(2147483648), 1070903675},
    {UINT64_C(0x0bbf7b4675257132), UINT32_C(4294967295), 1093416427},
};

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof VECTORS / sizeof *VECTORS; i++) {
        assert_int_equal(rm_jump_hash(VECTORS[i].key, VECTORS[i].n_buckets), VECTORS[i].bucket);
    }
}

static void test_growth_moves_keys_into_the_new_bucket_only(void **state)
{
    struct random random = random_start("growth");

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t key = random_next(&random);
        uint32_t before = rm_jump_hash(key, 1);

        assert_int_equal(before, 0);
        for (uint32_t n = 2; n <= 200; n++) {
            uint32_t after = rm_jump_hash(key, n);

            assert_true(after == before || after == n - 1);
            before = after;
        }
    }
}

/* Six standard deviations of a binomial count: a fair hash fails once in 10^7 runs. */
static void test_buckets_are_balanced(void **state)
{
    enum { N_KEYS = 200000, N_BUCKETS = 40 };
    struct random random = random_start("balance");
    int counts[N_BUCKETS] = {0};

    (void)state;
    for (int i = 0; i < N_KEYS; i++) {
        counts[rm_jump_hash(random_next(&random), N_BUCKETS)]++;
    }
    for (int i = 0; i < N_BUCKETS; i++) {
        assert_in_range(counts[i], 5000 - 6 * 70, 5000 + 6 * 70);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_growth_moves_keys_into_the_new_bucket_only),
        cmocka_unit_test(test_buckets_are_balanced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
