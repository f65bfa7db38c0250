#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raftmetrics/metrics/name.h"
#include "raftmetrics/metrics/name_pattern.h"
#include "random.h"

static bool matches(const char *pattern, const char *name)
{
    return rm_name_pattern_matches(rm_slice_of(pattern), rm_slice_of(name));
}

static void test_what_matches(void **state)
{
    (void)state;
    assert_true(matches("cpu_usage", "cpu_usage"));
    assert_true(matches("*", "cpu_usage"));
    assert_true(matches("*", ""));
    assert_true(matches("http.*", "http.server/requests:rate"));
    assert_true(matches("http.*", "http."));
    assert_true(matches("*_seconds", "request_seconds"));
    assert_true(matches("*_seconds", "_seconds_seconds"));
    assert_true(matches("a*b*c", "a_b_b_c_c"));
    assert_true(matches("a**c", "abc"));
    assert_true(matches("cpu?", "cpu0"));
    assert_true(matches("?*?", "ab"));
}

static void test_what_does_not_match(void **state)
{
    (void)state;
    assert_false(matches("cpu_usage", "cpu_usage2"));
    assert_false(matches("cpu_usage", "cpu_usag"));
    assert_false(matches("cpu", "CPU"));
    assert_false(matches("", "a"));
    assert_false(matches("http.*", "httpx"));
    assert_false(matches("*_seconds", "request_seconds_"));
    assert_false(matches("a*b*c", "a_c_b"));
    assert_false(matches("cpu?", "cpu"));
    assert_false(matches("cpu?", "cpu10"));
    assert_false(matches("?*?", "a"));
    assert_false(matches("a.c", "abc"));
}

static void test_what_is_a_pattern(void **state)
{
    char long_one[RM_METRIC_NAME_MAX + 2];

    (void)state;
    memset(long_one, '*', sizeof long_one);
    assert_true(rm_name_pattern_is_valid(rm_slice_of("a-z/A:Z.0_9*?")));
    assert_true(rm_name_pattern_is_valid(rm_slice_make(long_one, RM_METRIC_NAME_MAX)));
    assert_false(rm_name_pattern_is_valid(rm_slice_make(long_one, RM_METRIC_NAME_MAX + 1)));
    assert_false(rm_name_pattern_is_valid(rm_slice_of("")));
    assert_false(rm_name_pattern_is_valid(rm_slice_of("a b")));
    assert_false(rm_name_pattern_is_valid(rm_slice_of("a[bc]")));
    assert_false(rm_name_pattern_is_valid(rm_slice_of("caf\xc3\xa9")));
    assert_false(rm_name_pattern_is_valid(rm_slice_make("a\0b", 3)));
}

/* The definition, which tries everything. */
static bool model(struct rm_slice pattern, struct rm_slice name)
{
    if (pattern.len == 0) {
        return name.len == 0;
    }
    if (pattern.data[0] == '*') {
        return model(rm_slice_make(pattern.data + 1, pattern.len - 1), name) ||
               (name.len > 0 && model(pattern, rm_slice_make(name.data + 1, name.len - 1)));
    }
    return name.len > 0 && (pattern.data[0] == '?' || pattern.data[0] == name.data[0]) &&
           model(rm_slice_make(pattern.data + 1, pattern.len - 1),
                 rm_slice_make(name.data + 1, name.len - 1));
}

static struct rm_slice make_text(struct random *random, const char *alphabet, char text[8])
{
    size_t len = random_below(random, 9);

    for (size_t i = 0; i < len; i++) {
        text[i] = alphabet[random_below(random, strlen(alphabet))];
    }
    return rm_slice_make(text, len);
}

static void test_against_the_definition(void **state)
{
    struct random random = random_start("name_pattern");
    int n_matches = 0;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        char pattern_text[8];
        char name_text[8];
        struct rm_slice pattern = make_text(&random, "ab*?", pattern_text);
        struct rm_slice name = make_text(&random, "ab", name_text);
        bool expected = model(pattern, name);

        n_matches += expected ? 1 : 0;
        assert_int_equal(rm_name_pattern_matches(pattern, name), expected);
    }
    assert_true(n_matches > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_matches),
        cmocka_unit_test(test_what_does_not_match),
        cmocka_unit_test(test_what_is_a_pattern),
        cmocka_unit_test(test_against_the_definition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
