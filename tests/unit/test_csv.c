/* The CSV reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/cmd/csv.h"
#include "raftmetrics/base/error.h"

static FILE *open_text(const char *text)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    rewind(file);
    return file;
}

/* Fields as "a|b|c", records as lines; "!" and a line number for what is malformed. */
static void assert_reads(const char *text, const char *expected)
{
    FILE *file = open_text(text);
    char got[4096] = "";
    size_t len = 0;
    struct rm_csv csv;
    int error;

    rm_csv_init(&csv, file);
    while ((error = rm_csv_next(&csv)) != RM_ENOTFOUND) {
        if (error == RM_ESYNTAX) {
            len +=
                (size_t)snprintf(got + len, sizeof got - len, "!%u\n", (unsigned)csv.record_line);
            assert_int_equal(rm_csv_skip_bad_line(&csv), 0);
            continue;
        }
        assert_int_equal(error, 0);
        for (size_t i = 0; i < csv.n_fields; i++) {
            struct rm_slice field = rm_csv_field(&csv, i);

            len += (size_t)snprintf(got + len, sizeof got - len, "%s%.*s", i == 0 ? "" : "|",
                                    (int)field.len, field.data);
        }
        len += (size_t)snprintf(got + len, sizeof got - len, "\n");
    }
    assert_string_equal(got, expected);
    assert_int_equal(csv.offset, strlen(text));
    rm_csv_done(&csv);
    fclose(file);
}

static void test_records_and_fields(void **state)
{
    (void)state;
    assert_reads("", "");
    assert_reads("a,b\n1,2\n", "a|b\n1|2\n");
    assert_reads("a,b\r\n1,2\r\n", "a|b\n1|2\n");
    assert_reads("no newline,at the end", "no newline|at the end\n");
    assert_reads("cr at the end\r", "cr at the end\n");
    assert_reads(",\n,,\n", "|\n||\n");
    assert_reads("a\rb\n", "a\rb\n");
    assert_reads(" a , b \n", " a | b \n");
}

static void test_empty_lines_and_the_mark_are_skipped(void **state)
{
    (void)state;
    assert_reads("\n\r\na\n\n\nb\n\n", "a\nb\n");
    assert_reads("\xef\xbb\xbf"
                 "a,b\n",
                 "a|b\n");
    assert_reads("\xef\xbb,b\n", "\xef\xbb|b\n");
    assert_reads("\"\"\n", "\n");
}

static void test_quotes(void **state)
{
    (void)state;
    assert_reads("\"a,b\",c\n", "a,b|c\n");
    assert_reads("\"say \"\"hi\"\"\",\"\"\n", "say \"hi\"|\n");
    assert_reads("\"two\nlines\",x\n", "two\nlines|x\n");
    assert_reads("\"two\r\nlines\"\r\n", "two\r\nlines\n");
    assert_reads("5\" pipe,6\"\n", "5\" pipe|6\"\n");
    assert_reads("\"end\"", "end\n");
}

static void test_what_is_malformed(void **state)
{
    (void)state;
    assert_reads("\"a\"b,c\nd\n", "!1\nd\n");
    assert_reads("x\n\"open,1\ny,2\nz,3\n", "x\n!2\ny|2\nz|3\n");
    assert_reads("\"", "!1\n");
    assert_reads("a\n\"b\nc", "a\n!2\nc\n");
}

static void test_lines_are_counted_through_quotes(void **state)
{
    FILE *file = open_text("a\n\"1\n2\n3\"\n\nb\n");
    struct rm_csv csv;

    (void)state;
    rm_csv_init(&csv, file);
    assert_int_equal(rm_csv_next(&csv), 0);
    assert_int_equal(csv.record_line, 1);
    assert_int_equal(rm_csv_next(&csv), 0);
    assert_int_equal(csv.record_line, 2);
    assert_int_equal(rm_csv_next(&csv), 0);
    assert_int_equal(csv.record_line, 6);
    assert_int_equal(csv.record_offset, 11);
    rm_csv_done(&csv);
    fclose(file);
}

static void test_seeking(void **state)
{
    FILE *file = open_text("a\nb\nc\n");
    struct rm_csv csv;
    uint64_t offset;

    (void)state;
    rm_csv_init(&csv, file);
    assert_int_equal(rm_csv_next(&csv), 0);
    offset = csv.offset;
    assert_int_equal(rm_csv_next(&csv), 0);
    assert_int_equal(rm_csv_next(&csv), 0);
    assert_int_equal(rm_csv_next(&csv), RM_ENOTFOUND);
    assert_int_equal(rm_csv_seek(&csv, offset, 2), 0);
    assert_int_equal(rm_csv_next(&csv), 0);
    assert_int_equal(rm_csv_field(&csv, 0).data[0], 'b');
    assert_int_equal(csv.record_line, 2);
    rm_csv_done(&csv);
    fclose(file);
}

static void assert_refused(char *text, size_t len)
{
    FILE *file = tmpfile();
    struct rm_csv csv;

    assert_int_equal(fwrite(text, 1, len, file), len);
    rewind(file);
    rm_csv_init(&csv, file);
    assert_int_equal(rm_csv_next(&csv), RM_ESYNTAX);
    assert_non_null(csv.problem);
    rm_csv_done(&csv);
    fclose(file);
    free(text);
}

static void test_records_have_bounds(void **state)
{
    size_t len = RM_CSV_RECORD_MAX + 2;
    char *text = malloc(len);

    (void)state;
    memset(text, 'a', len);
    assert_refused(text, len);
    text = malloc(RM_CSV_FIELDS_MAX + 1);
    memset(text, ',', RM_CSV_FIELDS_MAX + 1);
    assert_refused(text, RM_CSV_FIELDS_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_and_fields),
        cmocka_unit_test(test_empty_lines_and_the_mark_are_skipped),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_what_is_malformed),
        cmocka_unit_test(test_lines_are_counted_through_quotes),
        cmocka_unit_test(test_seeking),
        cmocka_unit_test(test_records_have_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
