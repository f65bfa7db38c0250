#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/metrics/bits.h"
#include "../../src/metrics/packed_ints.h"
#include "raftmetrics/base/error.h"
#include "random.h"

enum { N_PACKINGS = 4 };

/* Decodes from memory that ends where the bytes end, for the sanitizers to watch. */
static int decode(const uint8_t *bytes, size_t len, uint32_t n, uint64_t *ret_numbers)
{
    uint8_t *exact = malloc(len + 1);
    int rv;

    assert_non_null(exact);
    memcpy(exact + 1, bytes, len);
    rv = rm__packed_ints_decode(rm_slice_make(exact + 1, len), n, ret_numbers);
    free(exact);
    return rv;
}

/* There and back, and no byte fewer or more; how many bytes. */
static size_t check(const uint64_t *numbers, uint32_t n, enum rm_packing one, enum rm_packing other)
{
    uint8_t bytes[RM_PACKED_INTS_BYTES_MAX + 1];
    uint64_t decoded[RM_PACKED_INTS_MAX];
    size_t len = rm__packed_ints_encode(numbers, n, one, other, bytes);

    assert_in_range(len, 3, RM_PACKED_INTS_BYTES_MAX);
    assert_int_equal(decode(bytes, len, n, decoded), 0);
    assert_memory_equal(numbers, decoded, n * sizeof *numbers);
    assert_int_equal(decode(bytes, len - 1, n, decoded), RM_ECORRUPT);
    bytes[len] = 0;
    assert_int_equal(decode(bytes, len + 1, n, decoded), RM_ECORRUPT);
    return len;
}

/* Numbers whose differences of @order have at most @width bits, but for those that have more. */
static void make(struct random *random, unsigned order, unsigned width, uint64_t one_more_in,
                 uint32_t n, uint64_t *ret_numbers)
{
    for (uint32_t i = 0; i < n; i++) {
        bool is_longer = one_more_in > 0 && random_below(random, one_more_in) == 0;

        ret_numbers[i] = rm__low_bits(random_next(random), is_longer ? 64 : width);
    }
    for (; order > 0; order--) {
        for (uint32_t i = 1; i < n; i++) {
            ret_numbers[i] += ret_numbers[i - 1];
        }
    }
}

static void test_every_width_comes_back(void **state)
{
    struct random random = random_start(__func__);

    (void)state;
    for (unsigned width = 0; width <= 64; width++) {
        for (unsigned i = 0; i < 100; i++) {
            uint64_t numbers[RM_PACKED_INTS_MAX];
            uint32_t n = 1 + (uint32_t)random_below(&random, RM_PACKED_INTS_MAX);

            make(&random, i % 3, width, random_below(&random, 3) * 20, n, numbers);
            for (unsigned packing = 0; packing < N_PACKINGS; packing++) {
                check(numbers, n, packing, packing);
                check(numbers, n, packing, (packing + 1 + i) % N_PACKINGS);
            }
        }
    }
}

static void test_the_largest_differences_wrap(void **state)
{
    static const uint64_t ENDS[] = {0, UINT64_MAX, (uint64_t)INT64_MAX, (uint64_t)INT64_MIN, 1};
    struct random random = random_start(__func__);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t numbers[RM_PACKED_INTS_MAX];
        uint32_t n = 1 + (uint32_t)random_below(&random, RM_PACKED_INTS_MAX);

        for (uint32_t j = 0; j < n; j++) {
            numbers[j] = ENDS[random_below(&random, sizeof ENDS / sizeof *ENDS)];
        }
        for (unsigned packing = 0; packing < N_PACKINGS; packing++) {
            check(numbers, n, packing, packing);
        }
    }
}

static void test_what_is_even_costs_nothing_each(void **state)
{
    uint64_t numbers[RM_PACKED_INTS_MAX];

    (void)state;
    for (uint64_t i = 0; i < RM_PACKED_INTS_MAX; i++) {
        numbers[i] = 7;
    }
    assert_int_equal(check(numbers, RM_PACKED_INTS_MAX, RM_PACKING_PLAIN, RM_PACKING_ZIGZAG),
                     3 + 1);
    for (uint64_t i = 0; i < RM_PACKED_INTS_MAX; i++) {
        numbers[i] = 5 + 3 * i;
    }
    assert_int_equal(check(numbers, RM_PACKED_INTS_MAX, RM_PACKING_DELTA_2, RM_PACKING_DELTA),
                     3 + 1 + 1);
}

/* Either may be the smaller one. */
static void test_the_smaller_of_two_ways_is_taken(void **state)
{
    struct random random = random_start(__func__);
    uint64_t numbers[RM_PACKED_INTS_MAX];

    (void)state;
    for (unsigned order = 0; order <= 2; order++) {
        make(&random, order, 4, 0, RM_PACKED_INTS_MAX, numbers);
        for (unsigned one = 0; one < N_PACKINGS; one++) {
            for (unsigned other = 0; other < N_PACKINGS; other++) {
                size_t of_one = check(numbers, RM_PACKED_INTS_MAX, one, one);
                size_t of_other = check(numbers, RM_PACKED_INTS_MAX, other, other);
                size_t of_both = check(numbers, RM_PACKED_INTS_MAX, one, other);

                /* What stands in front of the numbers is not compared. */
                assert_in_range(of_both, 1, (of_one < of_other ? of_one : of_other) + 20);
            }
        }
    }
}

static void test_a_far_number_is_patched(void **state)
{
    uint64_t numbers[RM_PACKED_INTS_MAX];
    size_t n_bytes;

    (void)state;
    for (uint64_t i = 0; i < RM_PACKED_INTS_MAX; i++) {
        numbers[i] = i % 8;
    }
    n_bytes = check(numbers, RM_PACKED_INTS_MAX, RM_PACKING_PLAIN, RM_PACKING_PLAIN);
    numbers[200] = UINT64_C(1) << 40;
    assert_int_equal(check(numbers, RM_PACKED_INTS_MAX, RM_PACKING_PLAIN, RM_PACKING_PLAIN),
                     n_bytes + 1 + 6);
}

static void test_what_no_encoder_writes_is_refused(void **state)
{
    /* packing, width, patches, base 0, then the numbers: one of 64 bits */
    uint8_t bytes[3 + 1 + 8 + 2] = {RM_PACKING_PLAIN, 64, 0, 0};
    uint64_t decoded[1];

    (void)state;
    assert_int_equal(decode(bytes, 12, 1, decoded), 0);
    bytes[1] = 65;
    assert_int_equal(decode(bytes, 13, 1, decoded), RM_ECORRUPT);
    bytes[1] = 64;
    bytes[2] = 1; /* of a number that has all its bits */
    assert_int_equal(decode(bytes, 14, 1, decoded), RM_ECORRUPT);
    bytes[1] = 56;
    assert_int_equal(decode(bytes, 13, 1, decoded), 0);
    bytes[11] = 1; /* behind the last */
    assert_int_equal(decode(bytes, 13, 1, decoded), RM_ECORRUPT);
    bytes[11] = 0;
    bytes[0] = N_PACKINGS; /* were it one, it would be a start */
    assert_int_equal(decode(bytes, 13, 1, decoded), RM_ECORRUPT);
    memset(bytes, 0, sizeof bytes);
    bytes[0] = N_PACKINGS;
    for (size_t len = 0; len <= sizeof bytes; len++) {
        assert_int_equal(decode(bytes, len, 1, decoded), RM_ECORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_width_comes_back),
        cmocka_unit_test(test_the_largest_differences_wrap),
        cmocka_unit_test(test_what_is_even_costs_nothing_each),
        cmocka_unit_test(test_the_smaller_of_two_ways_is_taken),
        cmocka_unit_test(test_a_far_number_is_patched),
        cmocka_unit_test(test_what_no_encoder_writes_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
