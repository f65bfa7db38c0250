/* The sessions of a shard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/raft/session_table.h"
#include "failing_malloc.h"
#include "raftmetrics/base/error.h"
#include "random.h"

enum { T0 = 1000000, BUFFER_MAX = 1 << 24 };

static const struct rm_session a = {1, 2};
static const struct rm_session b = {2, 1}; /* of the same bucket */

static struct rm__session_table *table;

#if FAILING_MALLOC
static long n_live;
#endif

static int set_up(void **state)
{
    (void)state;
#if FAILING_MALLOC
    n_live = failing_malloc_n_live;
#endif
    table = rm__session_table_new();
    return table == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    rm__session_table_free(table);
#if FAILING_MALLOC
    assert_int_equal(failing_malloc_n_live, n_live);
#endif
    return 0;
}

static struct rm_session numbered(uint64_t i)
{
    return (struct rm_session){.low = i, .high = 0};
}

static int check(struct rm_session session, uint64_t sequence)
{
    struct rm_slice result;

    return rm__session_check(table, session, sequence, &result);
}

static void assert_done_with(struct rm_session session, uint64_t sequence, const char *result)
{
    struct rm_slice stored;

    assert_int_equal(rm__session_check(table, session, sequence, &stored), RM_EEXIST);
    assert_true(rm_slice_is(stored, result));
}

static void record(struct rm_session session, uint64_t sequence, const char *result, int64_t time)
{
    assert_int_equal(check(session, sequence), 0);
    assert_int_equal(rm__session_record(table, session, sequence, rm_slice_of(result), time), 0);
}

static struct rm_buffer encoded(const struct rm__session_table *what)
{
    struct rm_buffer bytes;

    rm_buffer_init(&bytes, BUFFER_MAX);
    assert_int_equal(rm__session_table_encode(what, &bytes), 0);
    assert_int_equal(bytes.len % 8, 0);
    return bytes;
}

static int decode(const void *data, size_t len)
{
    struct rm_slice rest = rm_slice_make(data, len);
    struct rm__session_table *read = NULL;
    int rv = rm__session_table_decode(&rest, &read);

    if (rv != 0) {
        assert_null(read);
        assert_ptr_equal(rest.data, data);
        assert_int_equal(rest.len, len);
    }
    rm__session_table_free(read);
    return rv;
}

static void test_a_batch_is_new_once(void **state)
{
    (void)state;
    assert_int_equal(check(a, 1), RM_ESESSION);
    assert_int_equal(rm__session_open(table, a, T0), 0);
    assert_int_equal(check(b, 1), RM_ESESSION);
    assert_int_equal(rm__session_open(table, b, T0), 0);
    assert_int_equal(check(a, 0), RM_ESTALE);
    record(a, 5, "five", T0);
    assert_done_with(a, 5, "five");
    assert_int_equal(check(a, 4), RM_ESTALE);
    assert_int_equal(check(b, 4), 0);
    record(a, 6, "", T0);
    assert_done_with(a, 6, "");
    assert_int_equal(check(a, 5), RM_ESTALE);
    record(a, UINT64_MAX, "last", T0);
    assert_done_with(a, UINT64_MAX, "last");
}

static void test_opening_again_keeps_the_session(void **state)
{
    (void)state;
    rm__session_open(table, a, T0);
    record(a, 1, "one", T0);
    assert_int_equal(rm__session_open(table, a, T0), 0);
    assert_done_with(a, 1, "one");
    assert_int_equal(rm__session_count(table), 1);
}

static void test_the_unused_expire(void **state)
{
    (void)state;
    rm__session_open(table, a, T0);
    rm__session_open(table, b, T0);
    rm__session_open(table, numbered(9), T0);
    rm__session_expire(table, T0 + RM__SESSION_TTL_MS - 1);
    assert_int_equal(rm__session_count(table), 3);
    record(a, 1, "", T0 + 1);
    rm__session_open(table, b, T0 + 2);
    rm__session_expire(table, T0 + RM__SESSION_TTL_MS);
    assert_int_equal(check(numbered(9), 1), RM_ESESSION);
    assert_int_equal(rm__session_count(table), 2);
    rm__session_expire(table, T0 + RM__SESSION_TTL_MS + 1);
    assert_int_equal(check(a, 2), RM_ESESSION);
    assert_int_equal(check(b, 1), 0);
    rm__session_expire(table, INT64_MAX);
    assert_int_equal(rm__session_count(table), 0);
}

static void test_a_clock_that_goes_back_expires_nothing(void **state)
{
    struct rm_buffer bytes;

    (void)state;
    rm__session_open(table, a, INT64_MAX);
    rm__session_open(table, b, INT64_MIN);
    rm__session_expire(table, INT64_MIN);
    rm__session_expire(table, 0);
    assert_int_equal(rm__session_count(table), 2);
    bytes = encoded(table);
    assert_int_equal(decode(bytes.data, bytes.len), 0);
    rm_buffer_done(&bytes);
}

static void test_the_one_idle_longest_makes_room(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= RM__SESSIONS_MAX; i++) {
        assert_int_equal(rm__session_open(table, numbered(i), T0), 0);
    }
    assert_int_equal(rm__session_count(table), RM__SESSIONS_MAX);
    record(numbered(1), 1, "", T0);
    assert_int_equal(rm__session_open(table, numbered(5000), T0), 0);
    assert_int_equal(rm__session_count(table), RM__SESSIONS_MAX);
    assert_int_equal(check(numbered(2), 1), RM_ESESSION);
    assert_int_equal(check(numbered(1), 2), 0);
    assert_int_equal(check(numbered(3), 2), 0);
    assert_int_equal(check(numbered(5000), 1), 0);
}

/* Any change that a sender would notice. */
static void test_the_hash_tells_tables_apart(void **state)
{
    uint64_t hashes[8];
    size_t n = 0;

    (void)state;
    hashes[n++] = rm__session_table_hash(table);
    rm__session_open(table, a, T0);
    hashes[n++] = rm__session_table_hash(table);
    rm__session_open(table, a, T0 + 1);
    hashes[n++] = rm__session_table_hash(table);
    rm__session_record(table, a, 1, rm_slice_of("x"), T0 + 1);
    hashes[n++] = rm__session_table_hash(table);
    rm__session_record(table, a, 2, rm_slice_of("x"), T0 + 1);
    hashes[n++] = rm__session_table_hash(table);
    rm__session_record(table, a, 3, rm_slice_of("y"), T0 + 1);
    hashes[n++] = rm__session_table_hash(table);
    rm__session_open(table, b, T0 + 1);
    hashes[n++] = rm__session_table_hash(table);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(hashes[i] != hashes[j]);
        }
    }
    rm__session_expire(table, INT64_MAX);
    assert_true(rm__session_table_hash(table) == hashes[0]);
}

static void test_the_hash_tells_results_apart(void **state)
{
    struct rm__session_table *other = rm__session_table_new();

    (void)state;
    rm__session_open(table, a, T0);
    rm__session_open(other, a, T0);
    rm__session_record(table, a, 1, rm_slice_of("x"), T0);
    rm__session_record(other, a, 1, rm_slice_of("y"), T0);
    assert_true(rm__session_table_hash(table) != rm__session_table_hash(other));
    rm__session_record(table, a, 2, rm_slice_of("z"), T0);
    rm__session_record(other, a, 2, rm_slice_of("z"), T0);
    assert_true(rm__session_table_hash(table) == rm__session_table_hash(other));
    rm__session_table_free(other);
}

/* What happens to a shard, in short. */
static void happen(struct rm__session_table *to, struct random *random, int64_t *time_ms)
{
    struct rm_session session = numbered(1 + random_below(random, 300));
    uint64_t sequence = 1 + random_below(random, 50);
    char text[32];
    struct rm_slice result = rm_slice_make(text, random_below(random, sizeof text));
    struct rm_slice stored;

    memset(text, (int)random_below(random, 256), sizeof text);
    *time_ms += (int64_t)random_below(random, RM__SESSION_TTL_MS / 100);
    rm__session_expire(to, *time_ms);
    if (random_below(random, 3) == 0) {
        assert_int_equal(rm__session_open(to, session, *time_ms), 0);
    } else if (rm__session_check(to, session, sequence, &stored) == 0) {
        assert_int_equal(rm__session_record(to, session, sequence, result, *time_ms), 0);
    }
}

static void assert_same(const struct rm__session_table *left, const struct rm__session_table *right)
{
    struct rm_buffer left_bytes = encoded(left);
    struct rm_buffer right_bytes = encoded(right);

    assert_true(rm_slice_equal(rm_buffer_peek(&left_bytes), rm_buffer_peek(&right_bytes)));
    assert_true(rm__session_table_hash(left) == rm__session_table_hash(right));
    assert_int_equal(rm__session_count(left), rm__session_count(right));
    rm_buffer_done(&left_bytes);
    rm_buffer_done(&right_bytes);
}

/* One replica lives through everything, the other is restored from a snapshot now and then. */
static void test_a_restored_table_goes_on_as_the_first(void **state)
{
    struct random random = random_start("test_a_restored_table_goes_on_as_the_first");
    struct rm__session_table *other = rm__session_table_new();
    int64_t time_ms = T0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct random same = random;
        int64_t same_time_ms = time_ms;

        happen(table, &random, &time_ms);
        happen(other, &same, &same_time_ms);
        if (i % 500 == 0) {
            struct rm_buffer bytes = encoded(other);
            struct rm_slice rest;

            assert_int_equal(rm_buffer_append_text(&bytes, "what follows"), 0);
            rest = rm_buffer_peek(&bytes);
            rm__session_table_free(other);
            assert_int_equal(rm__session_table_decode(&rest, &other), 0);
            assert_true(rm_slice_is(rest, "what follows"));
            rm_buffer_done(&bytes);
            assert_same(table, other);
        }
    }
    assert_same(table, other);
    rm__session_table_free(other);
}

static void test_the_form_is_the_one_described(void **state)
{
    static const char expected[] = "\2\0\0\0\0\0\0\0"
                                   "\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"
                                   "\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"
                                   "\0\0\0\0\0\0\0\0"
                                   "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"
                                   "\7\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0"
                                   "\3\0\0\0\0\0\0\0yes\0\0\0\0";
    struct rm_buffer bytes;

    (void)state;
    rm__session_open(table, a, -2);
    rm__session_open(table, b, -1);
    record(a, 7, "yes", 5);
    bytes = encoded(table);
    assert_int_equal(bytes.len, sizeof expected);
    assert_memory_equal(bytes.data, expected, sizeof expected);
    rm_buffer_done(&bytes);
}

static void test_what_is_no_table_is_refused(void **state)
{
    struct rm_buffer bytes;

    (void)state;
    rm__session_open(table, a, 1);
    rm__session_open(table, b, 2);
    record(a, 7, "yes", 3);
    bytes = encoded(table);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(decode(bytes.data, len), RM_ECORRUPT);
    }
    bytes.data[bytes.len - 1] = 1; /* in the padding */
    assert_int_equal(decode(bytes.data, bytes.len), RM_ECORRUPT);
    bytes.data[bytes.len - 1] = 0;
    bytes.data[8 + 24] = 4; /* b, the older, used after a */
    assert_int_equal(decode(bytes.data, bytes.len), RM_ECORRUPT);
    bytes.data[8 + 24] = 2;
    bytes.data[8 + 40 + 16] = 0; /* a result of no batch */
    assert_int_equal(decode(bytes.data, bytes.len), RM_ECORRUPT);
    bytes.data[8 + 40 + 16] = 7;
    bytes.data[8] = 1; /* twice the same: b becomes a */
    bytes.data[8 + 8] = 2;
    assert_int_equal(decode(bytes.data, bytes.len), RM_ECORRUPT);
    bytes.data[8] = 0; /* none */
    bytes.data[8 + 8] = 0;
    assert_int_equal(decode(bytes.data, bytes.len), RM_ECORRUPT);
    bytes.data[8] = 3;
    assert_int_equal(decode(bytes.data, bytes.len), 0);
    memset(bytes.data + 8 + 40 + 32, 0xff, 8); /* a length that wraps around when padded */
    assert_int_equal(decode(bytes.data, bytes.len), RM_ECORRUPT);
    rm_buffer_done(&bytes);
}

static void test_a_table_past_its_maximum_is_refused(void **state)
{
    struct rm_buffer bytes;
    char one_more[40];

    (void)state;
    for (uint64_t i = 1; i <= RM__SESSIONS_MAX; i++) {
        rm__session_open(table, numbered(i), T0);
    }
    bytes = encoded(table);
    assert_int_equal(decode(bytes.data, bytes.len), 0);
    bytes.data[0] = 1; /* 4097, low byte first */
    memcpy(one_more, bytes.data + bytes.len - sizeof one_more, sizeof one_more);
    one_more[8] = 1;
    assert_int_equal(rm_buffer_append(&bytes, one_more, sizeof one_more), 0);
    assert_int_equal(decode(bytes.data, bytes.len), RM_ECORRUPT);
    rm_buffer_done(&bytes);
}

static void test_a_full_buffer_is_left_as_it_was(void **state)
{
    struct rm_buffer bytes;

    (void)state;
    rm_buffer_init(&bytes, 47);
    rm__session_open(table, a, 1);
    assert_int_equal(rm__session_table_encode(table, &bytes), RM_ETOOBIG);
    assert_int_equal(bytes.len, 0);
    rm_buffer_done(&bytes);
}

#if FAILING_MALLOC
static void test_out_of_memory_changes_nothing(void **state)
{
    struct rm_buffer bytes;
    uint64_t hash;
    int rv = RM_ENOMEM;

    (void)state;
    failing_malloc_arm(1);
    assert_int_equal(rm__session_open(table, a, 1), RM_ENOMEM);
    failing_malloc_disarm();
    assert_int_equal(rm__session_count(table), 0);
    rm__session_open(table, a, 1);
    record(a, 1, "one", 1);
    hash = rm__session_table_hash(table);
    failing_malloc_arm(1);
    assert_int_equal(rm__session_record(table, a, 2, rm_slice_of("two"), 2), RM_ENOMEM);
    failing_malloc_disarm();
    assert_done_with(a, 1, "one");
    assert_true(rm__session_table_hash(table) == hash);
    bytes = encoded(table);
    for (long n = 1; rv == RM_ENOMEM; n++) {
        long before = failing_malloc_n_live;

        failing_malloc_arm(n);
        rv = decode(bytes.data, bytes.len);
        assert_int_equal(failing_malloc_disarm(), rv == RM_ENOMEM);
        assert_int_equal(failing_malloc_n_live, before);
    }
    assert_int_equal(rv, 0);
    rm_buffer_done(&bytes);
}
#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_batch_is_new_once),
        TEST(test_opening_again_keeps_the_session),
        TEST(test_the_unused_expire),
        TEST(test_a_clock_that_goes_back_expires_nothing),
        TEST(test_the_one_idle_longest_makes_room),
        TEST(test_the_hash_tells_tables_apart),
        TEST(test_the_hash_tells_results_apart),
        TEST(test_a_restored_table_goes_on_as_the_first),
        TEST(test_the_form_is_the_one_described),
        TEST(test_what_is_no_table_is_refused),
        TEST(test_a_table_past_its_maximum_is_refused),
        TEST(test_a_full_buffer_is_left_as_it_was),
#if FAILING_MALLOC
        TEST(test_out_of_memory_changes_nothing),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
