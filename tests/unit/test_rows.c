/* The rows of an import, and the chunks that are made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/cmd/chunk.h"
#include "raftmetrics/base/error.h"

static const struct rm_rows_options plain_csv = {
    .metric_name = "file", .timestamp_column = "timestamp", .value_column = "value"};
static const struct rm_rows_options json_lines = {.is_json_lines = true};

static FILE *open_text(const char *text)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    rewind(file);
    return file;
}

/* Each row as the JSON that is sent, or the sentence about it, one a line. */
static void assert_rows(const struct rm_rows_options *options, const char *text,
                        const char *expected)
{
    FILE *file = open_text(text);
    struct rm_row *row = malloc(sizeof *row);
    struct rm_buffer got;
    struct rm_rows *rows;
    struct rm_complaint complaint;
    int error;

    rm_buffer_init(&got, 1 << 20);
    assert_int_equal(rm_rows_new(file, options, &rows, &complaint), 0);
    while ((error = rm_rows_next(rows, row, &complaint)) != RM_ENOTFOUND) {
        if (error == 0) {
            assert_int_equal(rm_row_write(row, &got), 0);
        } else {
            assert_int_equal(error, RM_EINVAL);
            assert_int_equal(rm_buffer_append_text(&got, complaint.text), 0);
        }
        assert_int_equal(rm_buffer_append_byte(&got, '\n'), 0);
    }
    assert_int_equal(rm_buffer_append_byte(&got, '\0'), 0);
    assert_string_equal(got.data, expected);
    rm_rows_free(rows);
    rm_buffer_done(&got);
    free(row);
    fclose(file);
}

static void assert_no_rows(const struct rm_rows_options *options, const char *text,
                           const char *part)
{
    FILE *file = open_text(text);
    struct rm_rows *rows;
    struct rm_complaint complaint;

    assert_int_equal(rm_rows_new(file, options, &rows, &complaint), RM_EINVAL);
    if (strstr(complaint.text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", complaint.text, part);
    }
    fclose(file);
}

static void test_csv_rows(void **state)
{
    (void)state;
    assert_rows(&plain_csv,
                "timestamp,value\n"
                "2014-04-10 00:04:00,91.958\n"
                "2014-04-10T00:04:00.5+02:00,-0.0\n"
                "1700000000000,1e300\n",
                "{\"metric_name\":\"file\",\"value\":91.958,"
                "\"timestamp\":\"2014-04-10T00:04:00.000Z\"}\n"
                "{\"metric_name\":\"file\",\"value\":-0.0,"
                "\"timestamp\":\"2014-04-09T22:04:00.500Z\"}\n"
                "{\"metric_name\":\"file\",\"value\":1e+300,"
                "\"timestamp\":\"2023-11-14T22:13:20.000Z\"}\n");
}

static void test_csv_names_and_labels(void **state)
{
    static const char *const columns[] = {"host", "dc"};
    static const struct rm_label fixed[] = {{{"source", 6}, {"nab", 3}}};
    struct rm_rows_options options = plain_csv;

    (void)state;
    options.label_columns = columns;
    options.n_label_columns = 2;
    options.labels = fixed;
    options.n_labels = 1;
    assert_rows(&options,
                "value,host,metric_name,timestamp,ignored,dc\n"
                "1,\"web \"\"1\"\"\",cpu,2020-01-01,x,eu\n"
                "2,,,2020-01-01T10:00,x,\n",
                "{\"metric_name\":\"cpu\",\"value\":1,\"timestamp\":\"2020-01-01T00:00:00.000Z\","
                "\"labels\":{\"dc\":\"eu\",\"host\":\"web \\\"1\\\"\",\"source\":\"nab\"}}\n"
                "{\"metric_name\":\"file\",\"value\":2,\"timestamp\":\"2020-01-01T10:00:00.000Z\","
                "\"labels\":{\"source\":\"nab\"}}\n");
}

static void test_bad_csv_rows_name_their_line(void **state)
{
    (void)state;
    assert_rows(&plain_csv,
                "timestamp,value\n"
                "2020-01-01,1,2\n"
                "yesterday,1\n"
                "2020-13-01,1\n"
                "12,1\n"
                "2020-01-01,NaN\n"
                "2020-01-01,1e999\n"
                "2020-01-01,\n"
                ",1\n"
                "\"2020-01-01\"x,1\n"
                "2020-01-01,0x10\n",
                "line 2: 3 fields where the header has 2\n"
                "line 3: \"yesterday\" is not a timestamp\n"
                "line 4: \"2020-13-01\" is not a timestamp\n"
                "line 5: the timestamp \"12\" may be seconds or milliseconds; --precision says "
                "which\n"
                "line 6: the value \"NaN\" is not a finite number\n"
                "line 7: the value \"1e999\" is not a finite number\n"
                "line 8: the value \"\" is not a finite number\n"
                "line 9: \"\" is not a timestamp\n"
                "line 10: something stands behind a closing quote\n"
                "line 11: the value \"0x10\" is not a finite number\n");
}

static void test_names_are_checked_where_they_are_used(void **state)
{
    struct rm_rows_options options = plain_csv;

    (void)state;
    options.metric_name = "2 files";
    assert_rows(
        &options, "timestamp,value,metric_name\n2020-01-01,1,\n2020-01-01,1,a b\n2020-01-01,1,ok\n",
        "line 2: \"2 files\" is not a metric name\n"
        "line 3: \"a b\" is not a metric name\n"
        "{\"metric_name\":\"ok\",\"value\":1,\"timestamp\":\"2020-01-01T00:00:00.000Z\"}\n");
}

static void test_bad_headers(void **state)
{
    struct rm_rows_options options = plain_csv;

    (void)state;
    assert_no_rows(&plain_csv, "", "empty");
    assert_no_rows(&plain_csv, "time,value\n", "no column \"timestamp\"");
    assert_no_rows(&plain_csv, "timestamp,v\n", "no column \"value\"");
    options.label_columns = (const char *const[]){"host"};
    options.n_label_columns = 1;
    assert_no_rows(&options, "timestamp,value\n", "no column \"host\"");
}

static void test_precision(void **state)
{
    struct rm_rows_options options = plain_csv;

    (void)state;
    options.precision = RM_PRECISION_S;
    assert_rows(&options, "timestamp,value\n12,1\n",
                "{\"metric_name\":\"file\",\"value\":1,"
                "\"timestamp\":\"1970-01-01T00:00:12.000Z\"}\n");
}

static void test_json_lines(void **state)
{
    (void)state;
    assert_rows(&json_lines,
                "\xef\xbb\xbf{\"metric_name\":\"a\",\"value\":123456789012345678901}\n"
                "\n"
                "  {\"value\":-0,\"metric_name\":\"a\",\"timestamp\":\"2020-01-01T00:00:00Z\","
                "\"labels\":{\"z\":\"1\",\"b\":\"\",\"a\":\"\\u00e9\"}} \r\n"
                "{\"metric_name\":\"a\",\"value\":1,\"timestamp\":1700000000000}",
                "{\"metric_name\":\"a\",\"value\":123456789012345680000}\n"
                "{\"metric_name\":\"a\",\"value\":-0.0,"
                "\"timestamp\":\"2020-01-01T00:00:00.000Z\",\"labels\":{\"a\":\"\xc3\xa9\","
                "\"z\":\"1\"}}\n"
                "{\"metric_name\":\"a\",\"value\":1,"
                "\"timestamp\":\"2023-11-14T22:13:20.000Z\"}\n");
}

static void test_bad_json_lines_name_their_line(void **state)
{
    (void)state;
    assert_rows(
        &json_lines,
        "{\"metric_name\":\"a\"}\n"
        "{\"value\":1}\n"
        "7\n"
        "\n"
        "{\"metric_name\":\"a\",\"value\":\"1\"}\n"
        "{\"metric_name\":\"a\",\"value\":1,\"unit\":\"s\"}\n"
        "{\"metric_name\":\"a\",\"value\":1,\"timestamp\":12}\n"
        "{\"metric_name\":\"a\",\"value\":1,\"timestamp\":1.5}\n"
        "{\"metric_name\":\"a\",\"value\":1,\"labels\":{\"le\":\"1\"}}\n"
        "{\"metric_name\":\"a\",\"value\":1,\"labels\":{\"a.b\":\"1\",\"a/b\":\"2\"}}\n"
        "{\"metric_name\":\"a\",\"value\":1,\"labels\":{\"a\":1}}\n",
        "line 1: no value\n"
        "line 2: no metric_name; --name gives one to the items without\n"
        "line 3: not a JSON object\n"
        "line 5: value has the wrong type\n"
        "line 6: unknown field \"unit\"\n"
        "line 7: the timestamp is not clearly milliseconds, it may be seconds; --precision says "
        "which\n"
        "line 8: the timestamp is not an RFC 3339 text or integer milliseconds\n"
        "line 9: \"le\" is not a label name\n"
        "line 10: the label a/b stands there twice\n"
        "line 11: the label a must be a text\n");
}

static char *many_rows(size_t n)
{
    char *text = malloc(32 + n * 32);
    size_t len = (size_t)sprintf(text, "timestamp,value\n");

    for (size_t i = 0; i < n; i++) {
        len += (size_t)sprintf(text + len, "%s,%zu\n", i % 10 == 9 ? "bad" : "2020-01-01", i);
    }
    return text;
}

/* Chunks read in one go, and each read anew from where the one before it ended, are the same: what
 * a resumed import sends is what the killed one would have sent. */
static void test_chunks_do_not_depend_on_where_reading_began(void **state)
{
    char *text = many_rows(95);
    FILE *file = open_text(text);
    struct rm_chunk *whole = calloc(1, sizeof *whole);
    struct rm_chunk *again = calloc(1, sizeof *again);
    struct rm_rows *rows;
    struct rm_complaint complaint;
    uint64_t offset;
    uint64_t line;
    uint64_t n_items = 0;
    uint64_t n_skipped = 0;

    (void)state;
    assert_int_equal(rm_rows_new(file, &plain_csv, &rows, &complaint), 0);
    rm_rows_tell(rows, &offset, &line);
    rm_chunk_init(whole, rows, 20, true);
    do {
        struct rm_rows *fresh;
        FILE *same = open_text(text);

        assert_int_equal(rm_chunk_next(whole, &complaint), 0);
        assert_int_equal(rm_rows_new(same, &plain_csv, &fresh, &complaint), 0);
        assert_int_equal(rm_rows_seek(fresh, offset, line), 0);
        rm_chunk_init(again, fresh, 20, true);
        assert_int_equal(rm_chunk_next(again, &complaint), 0);
        assert_int_equal(again->body.len, whole->body.len);
        assert_memory_equal(again->body.data, whole->body.data, whole->body.len);
        assert_int_equal(again->offset, whole->offset);
        assert_int_equal(again->line, whole->line);
        offset = whole->offset;
        line = whole->line;
        n_items += whole->n_items;
        n_skipped += again->n_skipped;
        rm_chunk_done(again);
        rm_rows_free(fresh);
        fclose(same);
    } while (!whole->is_last);
    assert_int_equal(n_items, 86);
    assert_int_equal(n_skipped, 9);
    assert_int_equal(offset, strlen(text));
    rm_chunk_done(whole);
    rm_rows_free(rows);
    fclose(file);
    free(whole);
    free(again);
    free(text);
}

/* 100 rows with labels of 100 KB are more than a body of 4 MiB holds. */
static void test_a_chunk_stays_below_the_size_of_a_batch(void **state)
{
    enum { N = 100, LABEL_LEN = 100000 };
    static const char *const columns[] = {"big"};
    struct rm_rows_options options = plain_csv;
    FILE *file = tmpfile();
    char *label = malloc(LABEL_LEN + 1);
    struct rm_chunk *chunk = calloc(1, sizeof *chunk);
    struct rm_rows *rows;
    struct rm_complaint complaint;
    uint64_t n_items = 0;
    unsigned n_chunks = 0;

    (void)state;
    memset(label, 'x', LABEL_LEN);
    label[LABEL_LEN] = '\0';
    fprintf(file, "timestamp,value,big\n");
    for (int i = 0; i < N; i++) {
        fprintf(file, "2020-01-01,%d,%s\n", i, label);
    }
    rewind(file);
    options.label_columns = columns;
    options.n_label_columns = 1;
    assert_int_equal(rm_rows_new(file, &options, &rows, &complaint), 0);
    rm_chunk_init(chunk, rows, 1000, false);
    do {
        assert_int_equal(rm_chunk_next(chunk, &complaint), 0);
        assert_true(chunk->body.len <= 4194304);
        n_items += chunk->n_items;
        n_chunks++;
    } while (!chunk->is_last);
    assert_int_equal(n_items, N);
    assert_int_equal(n_chunks, 3);
    rm_chunk_done(chunk);
    rm_rows_free(rows);
    fclose(file);
    free(chunk);
    free(label);
}

static void test_a_bad_row_ends_a_strict_import(void **state)
{
    FILE *file = open_text("timestamp,value\n2020-01-01,1\nbad,2\n");
    struct rm_chunk *chunk = calloc(1, sizeof *chunk);
    struct rm_rows *rows;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(rm_rows_new(file, &plain_csv, &rows, &complaint), 0);
    rm_chunk_init(chunk, rows, 10, false);
    assert_int_equal(rm_chunk_next(chunk, &complaint), RM_EINVAL);
    assert_non_null(strstr(complaint.text, "line 3"));
    rm_chunk_done(chunk);
    rm_rows_free(rows);
    fclose(file);
    free(chunk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_rows),
        cmocka_unit_test(test_csv_names_and_labels),
        cmocka_unit_test(test_bad_csv_rows_name_their_line),
        cmocka_unit_test(test_names_are_checked_where_they_are_used),
        cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_precision),
        cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_bad_json_lines_name_their_line),
        cmocka_unit_test(test_chunks_do_not_depend_on_where_reading_began),
        cmocka_unit_test(test_a_chunk_stays_below_the_size_of_a_batch),
        cmocka_unit_test(test_a_bad_row_ends_a_strict_import),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
