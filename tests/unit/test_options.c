/* The option parser of the subcommands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/cmd/options.h"

static const struct rm_option table[] = {
    {"url", "URL", "where", false},
    {"label", "K=V", "a label", true},
    {"json", NULL, "JSON", false},
};

#define PARSE(options, complaint, ...)                                                             \
    parse(options, complaint, (char *[]){"cmd", __VA_ARGS__, NULL})

static int parse(struct rm_options *options, struct rm_complaint *complaint, char **argv)
{
    int argc = 0;

    while (argv[argc] != NULL) {
        argc++;
    }
    return rm_options_parse(options, table, 3, argc, argv, complaint);
}

static void test_values_switches_and_words(void **state)
{
    struct rm_options options;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(PARSE(&options, &complaint, "cpu", "--url", "http://a", "--label=a=b",
                           "--label", "c=d", "--json", "-5.5"),
                     0);
    assert_string_equal(rm_options_value(&options, "url"), "http://a");
    assert_string_equal(rm_options_nth(&options, "label", 0), "a=b");
    assert_string_equal(rm_options_nth(&options, "label", 1), "c=d");
    assert_null(rm_options_nth(&options, "label", 2));
    assert_true(rm_options_has(&options, "json"));
    assert_int_equal(options.n_words, 2);
    assert_string_equal(options.words[0], "cpu");
    assert_string_equal(options.words[1], "-5.5");
    rm_options_done(&options);
}

static void test_two_dashes_end_the_options(void **state)
{
    struct rm_options options;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(PARSE(&options, &complaint, "--", "--json", "--help", "-"), 0);
    assert_false(rm_options_has(&options, "json"));
    assert_false(options.wants_help);
    assert_int_equal(options.n_words, 3);
    rm_options_done(&options);
}

static void test_help_wins_over_mistakes(void **state)
{
    struct rm_options options;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(PARSE(&options, &complaint, "--nonsense", "--help"), 0);
    assert_true(options.wants_help);
    rm_options_done(&options);
    assert_int_equal(PARSE(&options, &complaint, "-h"), 0);
    assert_true(options.wants_help);
    rm_options_done(&options);
}

static void test_mistakes_are_named(void **state)
{
    static char *const cases[][4] = {
        {"--nonsense", NULL, NULL, "unknown option --nonsense"},
        {"-x", NULL, NULL, "unknown option -x"},
        {"--url", NULL, NULL, "--url needs a value"},
        {"--json=1", NULL, NULL, "--json takes no value"},
        {"--url=a", "--url=b", NULL, "--url is given twice"},
        {"--ur=a", NULL, NULL, "unknown option --ur=a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rm_options options;
        struct rm_complaint complaint;

        assert_int_equal(PARSE(&options, &complaint, cases[i][0], cases[i][1]), RM_EINVAL);
        assert_string_equal(complaint.text, cases[i][3]);
    }
}

static void test_integers_have_bounds(void **state)
{
    struct rm_options options;
    struct rm_complaint complaint;
    long long value = 7;

    (void)state;
    assert_int_equal(PARSE(&options, &complaint, "--url=12"), 0);
    assert_int_equal(rm_options_int(&options, "url", 1, 12, &value, &complaint), 0);
    assert_int_equal(value, 12);
    assert_int_equal(rm_options_int(&options, "url", 1, 11, &value, &complaint), RM_EINVAL);
    assert_string_equal(complaint.text,
                        "--url must be a whole number between 1 and 11, not \"12\"");
    assert_int_equal(rm_options_int(&options, "json", 1, 11, &value, &complaint), 0);
    assert_int_equal(value, 12);
    rm_options_done(&options);
}

static void test_a_sentence_stays_on_one_line(void **state)
{
    struct rm_options options;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(PARSE(&options, &complaint, "--a\nb\x7f"), RM_EINVAL);
    assert_string_equal(complaint.text, "unknown option --a?b?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_switches_and_words),
        cmocka_unit_test(test_two_dashes_end_the_options),
        cmocka_unit_test(test_help_wins_over_mistakes),
        cmocka_unit_test(test_mistakes_are_named),
        cmocka_unit_test(test_integers_have_bounds),
        cmocka_unit_test(test_a_sentence_stays_on_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
