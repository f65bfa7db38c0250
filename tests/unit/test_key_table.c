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

/* The table out of its own image. */
static struct rm_key_table *decoded(struct rm_key_table *table, uint64_t hash_seed)
{
    struct rm_key_table *copy = NULL;
    struct rm_buffer image;
    struct rm_slice bytes;

    rm_buffer_init(&image, SIZE_MAX);
    assert_int_equal(rm_key_table_encode(table, &image), 0);
    assert_int_equal(image.len % 8, 0);
    bytes = rm_buffer_peek(&image);
    assert_int_equal(rm_key_table_decode(&bytes, hash_seed, &copy), 0);
    assert_int_equal(bytes.len, 0);
    assert_int_equal(rm_key_table_hash(copy), rm_key_table_hash(table));
    assert_int_equal(rm_key_table_count(copy), rm_key_table_count(table));
    rm_buffer_done(&image);
    rm_key_table_free(table);
    return copy;
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
        if (random_below(&random, 1000) == 0) {
            table = decoded(table, random_next(&random));
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

static uint64_t hash_of(const char *scope, const char *key, struct rm_request_hash request,
                        int64_t expires_ms)
{
    struct rm_key_table *table = rm_key_table_new(7);
    uint64_t hash;

    add(table, "", "other", 100);
    assert_int_equal(
        rm_key_table_add(table, rm_slice_of(scope), rm_slice_of(key), request, expires_ms), 0);
    hash = rm_key_table_hash(table);
    rm_key_table_free(table);
    return hash;
}

static void test_the_hash_knows_all_of_a_key(void **state)
{
    const uint64_t hashes[] = {
        hash_of("ab", "c", (struct rm_request_hash){1, 2}, 3),
        hash_of("a", "bc", (struct rm_request_hash){1, 2}, 3),
        hash_of("ab", "d", (struct rm_request_hash){1, 2}, 3),
        hash_of("ab", "c", (struct rm_request_hash){2, 2}, 3),
        hash_of("ab", "c", (struct rm_request_hash){1, 1}, 3),
        hash_of("ab", "c", (struct rm_request_hash){1, 2}, 4),
    };

    (void)state;
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(hashes[i] != hashes[j]);
        }
    }
}

static void test_the_hash_forgets_with_the_table(void **state)
{
    struct rm_key_table *table = rm_key_table_new(1);
    struct rm_key_table *other = rm_key_table_new(2);

    (void)state;
    assert_int_equal(rm_key_table_hash(table), 0);
    add(table, "", "a", 1);
    add(table, "", "b", 2);
    add(other, "", "b", 2);
    assert_true(rm_key_table_hash(table) != rm_key_table_hash(other));
    rm_key_table_expire(table, 1);
    assert_int_equal(rm_key_table_hash(table), rm_key_table_hash(other));
    rm_key_table_expire(table, 2);
    assert_int_equal(rm_key_table_hash(table), 0);
    rm_key_table_free(table);
    rm_key_table_free(other);
}

/* A small image, with a part of a snapshot in front and one behind. */
static void encode(struct rm_buffer *ret_image)
{
    struct rm_key_table *table = rm_key_table_new(1);

    rm_buffer_init(ret_image, SIZE_MAX);
    assert_int_equal(rm_buffer_append(ret_image, "in front", 8), 0);
    add(table, "scope", "key", 200);
    add(table, "", "a longer key", 100);
    add(table, "scope", "", 300);
    assert_int_equal(rm_key_table_encode(table, ret_image), 0);
    assert_int_equal(rm_buffer_append(ret_image, "and more", 8), 0);
    rm_key_table_free(table);
}

static void test_decoded_in_the_order_of_adding(void **state)
{
    struct rm_key_table *table = NULL;
    struct rm_buffer image;
    struct rm_slice bytes;

    (void)state;
    encode(&image);
    bytes = rm_slice_make(image.data + 8, image.len - 8);
    assert_int_equal(rm_key_table_decode(&bytes, 1, &table), 0);
    assert_true(rm_slice_is(bytes, "and more"));
    rm_key_table_expire(table, 199);
    assert_int_equal(rm_key_table_count(table), 3);
    rm_key_table_expire(table, 200);
    assert_int_equal(rm_key_table_count(table), 1);
    assert_int_equal(check(table, "scope", ""), RM_EEXIST);
    rm_key_table_free(table);
    rm_buffer_done(&image);
}

/* A copy of exactly its length, for the sanitizer to watch. */
static int decode_damaged(const struct rm_buffer *image, size_t len, size_t at, unsigned char mask)
{
    char *copy = malloc(len + 1);
    struct rm_slice bytes = {copy, len};
    struct rm_key_table *table = NULL;
    int rv;

    assert_non_null(copy);
    memcpy(copy, image->data + 8, len);
    copy[at] = (char)(copy[at] ^ mask);
    rv = rm_key_table_decode(&bytes, 1, &table);
    if (rv != 0) {
        assert_ptr_equal(bytes.data, copy);
    }
    rm_key_table_free(table);
    free(copy);
    return rv;
}

static void test_damage_is_seen(void **state)
{
    struct rm_buffer image;
    size_t len;

    (void)state;
    encode(&image);
    len = image.len - 16;
    assert_int_equal(decode_damaged(&image, len, 0, 0), 0);
    for (size_t at = 0; at < len; at++) {
        assert_int_equal(decode_damaged(&image, at, 0, 0), RM_ECORRUPT);
        for (unsigned bit = 0; bit < 8; bit++) {
            assert_int_equal(decode_damaged(&image, len, at, (unsigned char)(1U << bit)),
                             RM_ECORRUPT);
        }
    }
    rm_buffer_done(&image);
}

/* Only what was not in the table may be added. */
static void test_a_key_twice_is_seen(void **state)
{
    struct rm_key_table *table = rm_key_table_new(1);
    struct rm_buffer image;

    (void)state;
    rm_buffer_init(&image, SIZE_MAX);
    assert_int_equal(rm_buffer_append(&image, "in front", 8), 0);
    add(table, "scope", "key 1", 100);
    add(table, "scope", "key 2", 100);
    assert_int_equal(rm_key_table_encode(table, &image), 0);
    image.data[image.len - 7] = '1'; /* "scope" and "key 2" end 6 bytes before the image does */
    assert_int_equal(decode_damaged(&image, image.len - 8, 0, 0), RM_ECORRUPT);
    rm_key_table_free(table);
    rm_buffer_done(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_known_by_scope_and_hash),
        cmocka_unit_test(test_names_are_copied),
        cmocka_unit_test(test_a_key_is_forgotten_when_its_time_has_come),
        cmocka_unit_test(test_an_earlier_time_waits_for_the_keys_before),
        cmocka_unit_test(test_random_adding_and_expiring),
        cmocka_unit_test(test_the_hash_knows_all_of_a_key),
        cmocka_unit_test(test_the_hash_forgets_with_the_table),
        cmocka_unit_test(test_decoded_in_the_order_of_adding),
        cmocka_unit_test(test_damage_is_seen),
        cmocka_unit_test(test_a_key_twice_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
