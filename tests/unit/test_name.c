#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/name.h"
#include "random.h"

static void test_metric_names(void **state)
{
    static const char *const VALID[] = {"a",         "Z",         "_",   ":",
                                        "cpu_usage", "batch",     "a:b", "http.get",
                                        "a-b/c",     "aggregate", "x9",  "_:.-/0"};
    static const char *const INVALID[] = {"",  "9a",  ".a",  "-a",    "/a",        "a b", "a\n",
                                          "é", "a{b", "a=b", "a\x7f", "a\xc3\xa9", "a,b", "a%2F"};

    (void)state;
    for (size_t i = 0; i < sizeof VALID / sizeof *VALID; i++) {
        assert_true(rm_metric_name_is_valid(rm_slice_of(VALID[i])));
    }
    for (size_t i = 0; i < sizeof INVALID / sizeof *INVALID; i++) {
        assert_false(rm_metric_name_is_valid(rm_slice_of(INVALID[i])));
    }
    assert_false(rm_metric_name_is_valid(rm_slice_make("a\0b", 3)));
    assert_false(rm_metric_name_is_valid(rm_slice_make("\0", 1)));
    assert_false(rm_metric_name_is_valid(rm_slice_make(NULL, 0)));
}

static void test_metric_name_length(void **state)
{
    char name[256];

    (void)state;
    memset(name, 'a', sizeof name);
    assert_true(rm_metric_name_is_valid(rm_slice_make(name, 255)));
    assert_false(rm_metric_name_is_valid(rm_slice_make(name, 256)));
}

/* Every byte, as the first and as a later one. */
static void test_bytes_of_names(void **state)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[2] = {'a', (char)byte};
        bool is_letter = byte != 0 && strchr(LETTERS, byte) != NULL;
        bool is_later = is_letter || (byte >= '0' && byte <= '9') ||
                        (byte != 0 && strchr("_./-", byte) != NULL);

        assert_int_equal(rm_metric_name_is_valid(rm_slice_make(text + 1, 1)),
                         is_letter || byte == '_' || byte == ':');
        assert_int_equal(rm_metric_name_is_valid(rm_slice_make(text, 2)), is_later || byte == ':');
        assert_int_equal(rm_label_name_is_valid(rm_slice_make(text + 1, 1)),
                         is_letter || byte == '_');
        assert_int_equal(rm_label_name_is_valid(rm_slice_make(text, 2)), is_later);
    }
}

static void test_label_names(void **state)
{
    static const char *const VALID[] = {"host", "_x", "l", "lee", "LE", "k8s.io/name", "a__b", "_"};
    static const char *const INVALID[] = {"", "le", "__name__", "__", "a:b", "1a", "-a", "a b"};

    (void)state;
    for (size_t i = 0; i < sizeof VALID / sizeof *VALID; i++) {
        assert_true(rm_label_name_is_valid(rm_slice_of(VALID[i])));
    }
    for (size_t i = 0; i < sizeof INVALID / sizeof *INVALID; i++) {
        assert_false(rm_label_name_is_valid(rm_slice_of(INVALID[i])));
    }
    assert_false(rm_label_name_is_valid(rm_slice_make("a\0", 2)));
}

static void test_label_values(void **state)
{
    (void)state;
    assert_true(rm_label_value_is_valid(rm_slice_of("")));
    assert_true(rm_label_value_is_valid(rm_slice_of("web-1 \"q\" \\ {}")));
    assert_true(rm_label_value_is_valid(rm_slice_of("Z\xc3\xbcrich \xf0\x9f\x98\x80")));
    assert_false(rm_label_value_is_valid(rm_slice_of("a\nb")));
    assert_false(rm_label_value_is_valid(rm_slice_of("\x7f")));
    assert_false(rm_label_value_is_valid(rm_slice_of("\xc2\x85")));     /* U+0085 */
    assert_false(rm_label_value_is_valid(rm_slice_of("\xc3")));         /* cut off */
    assert_false(rm_label_value_is_valid(rm_slice_of("\xed\xa0\x80"))); /* a surrogate */
    assert_false(rm_label_value_is_valid(rm_slice_make("a\0b", 3)));
}

static struct rm_label label(const char *name, const char *value)
{
    return (struct rm_label){rm_slice_of(name), rm_slice_of(value)};
}

static void test_labels_are_sorted_and_empty_ones_dropped(void **state)
{
    struct rm_label labels[] = {label("b", "1"), label("a.b", "2"), label("c", ""),
                                label("a", "3"), label("aa", "4"),  label("B", "5")};
    static const char *const NAMES[] = {"B", "a", "a.b", "aa", "b"};
    size_t n = 6;
    struct rm_slice culprit = rm_slice_of("untouched");

    (void)state;
    assert_int_equal(rm_labels_canonicalize(labels, &n, &culprit), 0);
    assert_int_equal(n, 5);
    for (size_t i = 0; i < n; i++) {
        assert_true(rm_slice_is(labels[i].name, NAMES[i]));
    }
    assert_true(rm_slice_is(labels[1].value, "3"));
    assert_true(rm_slice_is(culprit, "untouched"));
}

static void test_no_labels(void **state)
{
    struct rm_label labels[] = {label("a", "")};
    struct rm_slice culprit;
    size_t n = 0;

    (void)state;
    assert_int_equal(rm_labels_canonicalize(NULL, &n, &culprit), 0);
    assert_int_equal(n, 0);
    n = 1;
    assert_int_equal(rm_labels_canonicalize(labels, &n, &culprit), 0);
    assert_int_equal(n, 0);
}

static void assert_conflict(const char *a, const char *b, const char *value)
{
    struct rm_label labels[] = {label(a, value), label("other", "1"), label(b, "1")};
    struct rm_slice culprit = {NULL, 0};
    size_t n = 3;

    assert_int_equal(rm_labels_canonicalize(labels, &n, &culprit), RM_ECONFLICT);
    assert_true(rm_slice_is(culprit, a) || rm_slice_is(culprit, b));
}

static void test_names_that_fold_alike_conflict(void **state)
{
    struct rm_label apart[] = {label("a_b", "1"), label("a_bc", "1"), label("a_", "1"),
                               label("A_b", "1"), label("ab", "1")};
    struct rm_slice culprit;
    size_t n = 5;

    (void)state;
    assert_conflict("a", "a", "1");
    assert_conflict("a.b", "a_b", "1");
    assert_conflict("a.b", "a/b", "1");
    assert_conflict("a-b", "a/b", "1");
    assert_conflict("a.b-c", "a_b_c", "");
    assert_int_equal(rm_labels_canonicalize(apart, &n, &culprit), 0);
    assert_int_equal(n, 5);
}

/* Against a comparison of every pair. */
static void test_random_labels(void **state)
{
    static const char BYTES[] = "ab._-/";
    struct random random = random_start("labels");

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char texts[8][4] = {{0}};
        char folded[8][4] = {{0}};
        struct rm_label labels[8];
        struct rm_slice culprit;
        size_t n = random_below(&random, 9);
        size_t n_given = n;
        size_t n_kept = 0;
        bool conflict = false;

        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < 1 + random_below(&random, 3); j++) {
                texts[i][j] = BYTES[random_below(&random, sizeof BYTES - 1)];
                folded[i][j] = texts[i][j];
                if (strchr(".-/", texts[i][j]) != NULL) {
                    folded[i][j] = '_';
                }
            }
            labels[i] = label(texts[i], random_below(&random, 3) == 0 ? "" : "v");
            n_kept += labels[i].value.len;
            for (size_t j = 0; j < i; j++) {
                conflict = conflict || strcmp(folded[i], folded[j]) == 0;
            }
        }
        assert_int_equal(rm_labels_canonicalize(labels, &n, &culprit), conflict ? RM_ECONFLICT : 0);
        assert_int_equal(n, conflict ? n_given : n_kept);
        for (size_t i = 1; !conflict && i < n; i++) {
            assert_true(rm_slice_compare(labels[i - 1].name, labels[i].name) < 0);
        }
    }
}

static bool is_canonical(const char *name, const char *value, const char *next_name)
{
    const struct rm_label labels[] = {{rm_slice_of(name), rm_slice_of(value)},
                                      {rm_slice_of(next_name), rm_slice_of("x")}};

    return rm_labels_are_canonical(labels, 2);
}

static void test_canonical_labels(void **state)
{
    (void)state;
    assert_true(rm_labels_are_canonical(NULL, 0));
    assert_true(is_canonical("a", "1", "b"));
    assert_false(is_canonical("b", "1", "a"));
    assert_false(is_canonical("a", "1", "a"));
    assert_false(is_canonical("a", "", "b"));
    assert_false(is_canonical("a", "\n", "b"));
    assert_false(is_canonical("1", "1", "b"));
    assert_false(is_canonical("a", "1", "le"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metric_names),
        cmocka_unit_test(test_metric_name_length),
        cmocka_unit_test(test_bytes_of_names),
        cmocka_unit_test(test_label_names),
        cmocka_unit_test(test_label_values),
        cmocka_unit_test(test_labels_are_sorted_and_empty_ones_dropped),
        cmocka_unit_test(test_no_labels),
        cmocka_unit_test(test_names_that_fold_alike_conflict),
        cmocka_unit_test(test_random_labels),
        cmocka_unit_test(test_canonical_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
