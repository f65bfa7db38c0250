/* Which of the families that have a name in common is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/family_clashes.h"
#include "random.h"

enum { METRICS_MAX = 400, NAME_MAX_LEN = 48, NAMES_MAX = 4 };

static const struct rm_exposition_style escaped = {RM_EXPOSITION_TEXT, false};
static const struct rm_exposition_style kept = {RM_EXPOSITION_TEXT, true};

struct metric {
    char name[NAME_MAX_LEN];
    enum rm_exposed_as as;
};

static const struct rm_exposition_style *sorted_by;

static int compare(const void *a, const void *b)
{
    return rm_exposition_compare_names(*sorted_by, rm_slice_of(((const struct metric *)a)->name),
                                       rm_slice_of(((const struct metric *)b)->name));
}

/* Writes to @ret_text what is admitted of @metrics, which it sorts: the letters of the families in
 * upper case are those that are. */
static void admit(struct rm_exposition_style style, struct metric *metrics, size_t n,
                  char *ret_text, uint64_t *ret_n_refused)
{
    struct rm__family_clashes clashes = {.style = style};

    sorted_by = &style;
    qsort(metrics, n, sizeof *metrics, compare);
    ret_text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        enum rm__exposed_family families[RM__FAMILIES_OF_ONE_MAX];
        size_t n_families = rm__exposed_families(metrics[i].as, families);

        for (size_t k = 0; k < n_families; k++) {
            static const char letters[] = "hlgc";
            bool is_admitted;
            char letter;

            assert_int_equal(rm__family_clashes_admit(&clashes, rm_slice_of(metrics[i].name),
                                                      families[k], &is_admitted),
                             0);
            letter = letters[families[k]];
            sprintf(ret_text + strlen(ret_text), "%s%c:%s", ret_text[0] == '\0' ? "" : " ",
                    is_admitted ? letter - 'a' + 'A' : letter, metrics[i].name);
        }
    }
    *ret_n_refused = clashes.n_refused;
    rm__family_clashes_done(&clashes);
}

static void check(struct rm_exposition_style style, const char *const *names, size_t n,
                  const char *expected)
{
    struct metric metrics[8];
    uint64_t n_refused;
    uint64_t n_expected = 0;
    char text[1024];

    for (size_t i = 0; i < n; i++) {
        static const char modes[] = "bhgc"; /* in front of the name: how it is exposed */

        metrics[i].as = (enum rm_exposed_as)(strchr(modes, names[i][0]) - modes);
        snprintf(metrics[i].name, sizeof metrics[i].name, "%s", names[i] + 2);
    }
    admit(style, metrics, n, text, &n_refused);
    assert_string_equal(text, expected);
    for (const char *c = text; *c != '\0'; c++) {
        n_expected += c[1] == ':' && *c >= 'a' && *c <= 'z' && (c == text || c[-1] == ' ');
    }
    assert_int_equal(n_refused, n_expected);
}

#define CHECK(style, expected, ...)                                                                \
    check(style, (const char *const[]){__VA_ARGS__},                                               \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), expected)

static void names_apart_are_all_written(void **state)
{
    (void)state;
    CHECK(escaped, "H:a L:a H:ab L:ab H:b L:b", "b a", "b b", "b ab");
    CHECK(kept, "H:a-b L:a-b H:a.b L:a.b H:a_b L:a_b", "b a_b", "b a.b", "b a-b");
    CHECK(escaped, "H:x L:x H:x_sums L:x_sums H:x_total L:x_total", "b x_sums", "b x", "b x_total");
}

static void of_names_that_are_written_the_same_the_first_stays(void **state)
{
    (void)state;
    CHECK(escaped, "H:a-b L:a-b h:a.b l:a.b h:a_b l:a_b", "b a_b", "b a.b", "b a-b");
    CHECK(escaped, "G:a-b h:a.b L:a.b h:a_b l:a_b", "b a_b", "b a.b", "g a-b");
}

static void samples_of_a_histogram_are_names_too(void **state)
{
    (void)state;
    CHECK(escaped, "H:x L:x h:x_bucket L:x_bucket h:x_count L:x_count h:x_sum L:x_sum", "b x_sum",
          "b x", "b x_count", "b x_bucket");
    CHECK(escaped, "H:x L:x h:x_last L:x_last", "b x_last", "b x");
    CHECK(escaped, "H:x H:x_last", "h x_last", "h x");
    CHECK(escaped, "G:x G:x_count G:x_last", "g x_last", "g x", "g x_count");
    CHECK(escaped, "H:x.y L:x.y h:x_y_sum L:x_y_sum", "b x_y_sum", "b x.y");
}

static void who_is_left_out_leaves_nobody_out(void **state)
{
    (void)state;
    /* x_sum's histogram is not there, so x_sum_sum is no sample of it. */
    CHECK(escaped, "H:x h:x_sum H:x_sum_sum", "h x", "h x_sum", "h x_sum_sum");
    /* Others stand between. */
    CHECK(escaped, "H:x H:x_a H:x_b_count h:x_sum", "h x", "h x_a", "h x_sum", "h x_b_count");
}

static void counters_have_their_name_with_total(void **state)
{
    (void)state;
    CHECK(escaped, "C:jobs g:jobs_total", "c jobs", "g jobs_total");
    CHECK(escaped, "G:jobs c:jobs_total", "g jobs", "c jobs_total");
    CHECK(escaped, "C:jobs_total H:work", "c jobs_total", "h work");
}

static void only_beginnings_of_the_present_name_are_remembered(void **state)
{
    struct rm__family_clashes clashes = {.style = escaped};

    (void)state;
    for (int i = 10000; i < 20000; i++) {
        char name[NAME_MAX_LEN];
        bool is_admitted;

        snprintf(name, sizeof name, "m%d", i);
        assert_int_equal(rm__family_clashes_admit(&clashes, rm_slice_of(name), RM__FAMILY_HISTOGRAM,
                                                  &is_admitted),
                         0);
        assert_true(is_admitted);
        assert_int_equal(clashes.n_admitted, 1);
    }
    rm__family_clashes_done(&clashes);
}

/* ---- against a list of all names ---- */

static size_t names_of(const struct metric *metric, enum rm__exposed_family family,
                       char ret_names[NAMES_MAX][NAME_MAX_LEN + 8])
{
    static const char *const suffixes[RM__EXPOSED_FAMILIES][NAMES_MAX] = {
        {"", "_bucket", "_sum", "_count"}, {"_last"}, {""}, {"", "_total"}};
    size_t n = 0;

    for (; n < NAMES_MAX && suffixes[family][n] != NULL; n++) {
        sprintf(ret_names[n], "%s%s", metric->name, suffixes[family][n]);
        for (char *c = ret_names[n]; *c != '\0'; c++) {
            *c = rm_exposition_escape_char(*c);
        }
    }
    return n;
}

static void random_name(struct random *random, char *ret_name)
{
    static const char *const parts[] = {"a",     ".b",     "_b",      "_sum",  ".sum",
                                        "_last", "-count", "_bucket", "_last", "/b"};

    strcpy(ret_name, "x");
    for (size_t n = (size_t)random_below(random, 4); n > 0; n--) {
        strcat(ret_name, parts[random_below(random, sizeof parts / sizeof parts[0])]);
    }
}

static bool is_taken(char (*taken)[NAME_MAX_LEN + 8], size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(taken[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void no_name_is_written_twice(void **state)
{
    static struct metric metrics[METRICS_MAX];
    static char taken[METRICS_MAX * 2 * NAMES_MAX][NAME_MAX_LEN + 8];
    struct random random = random_start(__func__);
    struct rm__family_clashes clashes = {.style = escaped};
    uint64_t n_refused = 0;
    size_t n = 0;
    size_t n_taken = 0;

    (void)state;
    for (int tries = 0; tries < 10 * METRICS_MAX && n < METRICS_MAX; tries++) {
        bool is_known = false;

        random_name(&random, metrics[n].name);
        metrics[n].as = (enum rm_exposed_as)random_below(&random, 3);
        for (size_t i = 0; i < n; i++) {
            is_known = is_known || strcmp(metrics[i].name, metrics[n].name) == 0;
        }
        n += !is_known;
    }
    sorted_by = &escaped;
    qsort(metrics, n, sizeof *metrics, compare);
    for (size_t i = 0; i < n; i++) {
        enum rm__exposed_family families[RM__FAMILIES_OF_ONE_MAX];
        size_t n_families = rm__exposed_families(metrics[i].as, families);

        for (size_t k = 0; k < n_families; k++) {
            char names[NAMES_MAX][NAME_MAX_LEN + 8];
            size_t n_names = names_of(&metrics[i], families[k], names);
            bool is_free = true;
            bool is_admitted;

            for (size_t m = 0; m < n_names; m++) {
                is_free = is_free && !is_taken(taken, n_taken, names[m]);
            }
            assert_int_equal(rm__family_clashes_admit(&clashes, rm_slice_of(metrics[i].name),
                                                      families[k], &is_admitted),
                             0);
            assert_int_equal(is_admitted, is_free);
            n_refused += !is_free;
            for (size_t m = 0; is_free && m < n_names; m++) {
                strcpy(taken[n_taken++], names[m]);
            }
        }
    }
    assert_true(n_refused > 10);
    assert_int_equal(clashes.n_refused, n_refused);
    rm__family_clashes_done(&clashes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_apart_are_all_written),
        cmocka_unit_test(of_names_that_are_written_the_same_the_first_stays),
        cmocka_unit_test(samples_of_a_histogram_are_names_too),
        cmocka_unit_test(who_is_left_out_leaves_nobody_out),
        cmocka_unit_test(counters_have_their_name_with_total),
        cmocka_unit_test(only_beginnings_of_the_present_name_are_remembered),
        cmocka_unit_test(no_name_is_written_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
