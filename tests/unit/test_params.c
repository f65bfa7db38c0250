#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/params.h"
#include "failing_malloc.h"
#include "raftmetrics/base/error.h"

static void check_decode(const char *text, bool plus_is_space, const char *expected)
{
    char decoded[64];
    size_t len = 99;
    int rv = rm__percent_decode(rm_slice_of(text), plus_is_space, decoded, &len);

    if (expected == NULL) {
        assert_int_equal(rv, RM_ESYNTAX);
        return;
    }
    assert_int_equal(rv, 0);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(decoded, expected, len);
}

static void test_percent_decode(void **state)
{
    (void)state;
    check_decode("", false, "");
    check_decode("cpu_usage", false, "cpu_usage");
    check_decode("a%2Fb%2fc", false, "a/b/c");
    check_decode("%C3%A4", false, "\xc3\xa4");
    check_decode("a+b", false, "a+b");
    check_decode("a+b", true, "a b");
    check_decode("a%2Bb", true, "a+b");
    check_decode("%2525", false, "%25"); /* one round */
    check_decode("%7f", false, "\x7f");
}

static void test_percent_decode_refuses(void **state)
{
    static const char *const bad[] = {"%",    "%4",        "a%",     "%zz", "%4g",   "%g4",
                                      "%00",  "a%00b",     "%+1",    "% 1", "%C3",   "%ff",
                                      "%C3(", "%ED%A0%80", "%C0%AF", "%-1", "%0x41", "\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        check_decode(bad[i], false, NULL);
        check_decode(bad[i], true, NULL);
    }
}

static void check_value(const struct rm__params *params, const char *name, const char *expected)
{
    struct rm_slice value = rm__params_get(params, name);

    if (expected == NULL) {
        assert_null(value.data);
        return;
    }
    assert_non_null(value.data);
    assert_true(rm_slice_is(value, expected));
}

static void test_names_and_values(void **state)
{
    struct rm__params params;

    (void)state;
    assert_int_equal(rm__params_init(&params, rm_slice_of("from=1&&label=a%3Ab&label=c:d&verbose&"
                                                          "x=&y=a=b&%66oo=b+r&")),
                     0);
    assert_int_equal(params.n_items, 7);
    check_value(&params, "from", "1");
    check_value(&params, "label", "a:b");
    check_value(&params, "verbose", "");
    check_value(&params, "x", "");
    check_value(&params, "y", "a=b");
    check_value(&params, "foo", "b r");
    check_value(&params, "bar", NULL);
    check_value(&params, "fro", NULL);
    assert_true(rm_slice_is(params.items[2].value, "c:d"));
    rm__params_done(&params);
    check_value(&params, "from", NULL);
    rm__params_done(&params);
}

static void test_no_query(void **state)
{
    struct rm__params params;

    (void)state;
    assert_int_equal(rm__params_init(&params, (struct rm_slice){NULL, 0}), 0);
    assert_int_equal(params.n_items, 0);
    rm__params_done(&params);
    assert_int_equal(rm__params_init(&params, rm_slice_of("")), 0);
    assert_int_equal(params.n_items, 0);
    rm__params_done(&params);
    assert_int_equal(rm__params_init(&params, rm_slice_of("&&&")), 0);
    assert_int_equal(params.n_items, 0);
    rm__params_done(&params);
}

static void test_bad_queries(void **state)
{
    static const char *const bad[] = {"a=%", "%=a", "a=1&b=%zz", "a=%00", "%ff=1", "a=1&%C3"};
    struct rm__params params;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(rm__params_init(&params, rm_slice_of(bad[i])), RM_ESYNTAX);
        assert_null(params.items);
        assert_null(params.text);
    }
}

static void test_at_most_so_many(void **state)
{
    char query[2 * (RM__PARAMS_MAX + 1)];
    struct rm__params params;

    (void)state;
    for (size_t i = 0; i <= RM__PARAMS_MAX; i++) {
        memcpy(query + 2 * i, "a&", 2);
    }
    assert_int_equal(rm__params_init(&params, rm_slice_make(query, (size_t)2 * RM__PARAMS_MAX - 1)),
                     0);
    assert_int_equal(params.n_items, RM__PARAMS_MAX);
    rm__params_done(&params);
    assert_int_equal(rm__params_init(&params, rm_slice_make(query, sizeof query - 1)), RM_ETOOBIG);
}

static void check_check(const char *query, const char *culprit, bool is_repeated)
{
    struct rm__params params;
    struct rm_slice named = {NULL, 0};
    bool repeated = !is_repeated;
    bool is_good;

    assert_int_equal(rm__params_init(&params, rm_slice_of(query)), 0);
    is_good = rm__params_check(&params, "from to limit", "label", &named, &repeated);
    assert_int_equal(is_good, culprit == NULL);
    if (culprit != NULL) {
        assert_true(rm_slice_is(named, culprit));
        assert_int_equal(repeated, is_repeated);
    }
    rm__params_done(&params);
}

static void test_unknown_and_repeated_names(void **state)
{
    (void)state;
    check_check("", NULL, false);
    check_check("from=1&to=2&limit=3", NULL, false);
    check_check("label=a&from=1&label=b&label=c", NULL, false);
    check_check("from=1&form=2", "form", false);
    check_check("from=1&from=1", "from", true);
    check_check("label=a&to=1&limit=2&to=3", "to", true);
    check_check("From=1", "From", false);
    check_check("=1", "", false);
    check_check("fro=1", "fro", false);
    check_check("from+to=1", "from to", false);
    check_check("%66rom=1&from=2", "from", true);
    check_check("limits=1", "limits", false);
}

static void test_nothing_is_allowed_where_nothing_is_listed(void **state)
{
    struct rm__params params;
    struct rm_slice culprit;
    bool is_repeated;

    (void)state;
    assert_int_equal(rm__params_init(&params, rm_slice_of("a=1")), 0);
    assert_false(rm__params_check(&params, "", "", &culprit, &is_repeated));
    rm__params_done(&params);
}

#if FAILING_MALLOC
static void test_out_of_memory(void **state)
{
    struct rm__params params;
    long n_live = failing_malloc_n_live;

    (void)state;
    for (long n = 1; n <= 2; n++) {
        failing_malloc_arm(n);
        assert_int_equal(rm__params_init(&params, rm_slice_of("a=1&b=2")), RM_ENOMEM);
        assert_true(failing_malloc_disarm());
        assert_int_equal(failing_malloc_n_live, n_live);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percent_decode),
        cmocka_unit_test(test_percent_decode_refuses),
        cmocka_unit_test(test_names_and_values),
        cmocka_unit_test(test_no_query),
        cmocka_unit_test(test_bad_queries),
        cmocka_unit_test(test_at_most_so_many),
        cmocka_unit_test(test_unknown_and_repeated_names),
        cmocka_unit_test(test_nothing_is_allowed_where_nothing_is_listed),
#if FAILING_MALLOC
        cmocka_unit_test(test_out_of_memory),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
