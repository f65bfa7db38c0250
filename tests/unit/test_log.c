#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/base/timestamp.h"

enum { CAPTURE_MAX = 64 * 1024, N_THREADS = 4, N_LINES = 200 };

/* What stderr was given since capture_begin. */
struct capture {
    FILE *file;
    int saved_stderr;
    char text[CAPTURE_MAX];
};

static void capture_begin(struct capture *capture)
{
    capture->file = tmpfile();
    assert_non_null(capture->file);
    capture->saved_stderr = dup(STDERR_FILENO);
    assert_true(capture->saved_stderr >= 0);
    assert_true(dup2(fileno(capture->file), STDERR_FILENO) >= 0);
}

static void capture_end(struct capture *capture)
{
    size_t len;

    assert_true(dup2(capture->saved_stderr, STDERR_FILENO) >= 0);
    close(capture->saved_stderr);
    rewind(capture->file);
    len = fread(capture->text, 1, sizeof capture->text - 1, capture->file);
    capture->text[len] = '\0';
    fclose(capture->file);
}

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct capture));
    assert_non_null(*state);
    rm_log_set_level(RM_LOG_INFO);
    rm_log_set_format(RM_LOG_LOGFMT);
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

/* @line is @prefix, a timestamp, and @rest. */
static void assert_line(const char *line, const char *prefix, const char *rest)
{
    size_t prefix_len = strlen(prefix);
    int64_t ms = 0;

    assert_memory_equal(line, prefix, prefix_len);
    line += prefix_len;
    assert_true(strlen(line) >= RM_TIMESTAMP_TEXT_LEN);
    assert_int_equal(rm_timestamp_parse(rm_slice_make(line, RM_TIMESTAMP_TEXT_LEN), &ms), 0);
    assert_string_equal(line + RM_TIMESTAMP_TEXT_LEN, rest);
}

static void writes_logfmt(void **state)
{
    struct capture *capture = *state;

    capture_begin(capture);
    rm_log(RM_LOG_WARN, "worker joined", rm_field_int("worker", -2),
           rm_field_text("address", "127.0.0.1:8081"));
    capture_end(capture);
    assert_line(capture->text,
                "ts=", " level=warn msg=\"worker joined\" worker=-2 address=127.0.0.1:8081\n");
}

static void writes_json(void **state)
{
    struct capture *capture = *state;

    rm_log_set_format(RM_LOG_JSON);
    capture_begin(capture);
    rm_log(RM_LOG_ERROR, "worker left", rm_field_int("worker", 2),
           rm_field_text("why", "it said \"no\"\n"));
    capture_end(capture);
    assert_line(capture->text, "{\"ts\":\"",
                "\",\"level\":\"error\",\"msg\":\"worker left\",\"worker\":2,"
                "\"why\":\"it said \\\"no\\\"\\n\"}\n");
}

static void writes_lines_without_fields(void **state)
{
    struct capture *capture = *state;

    capture_begin(capture);
    rm_log(RM_LOG_INFO, "ready");
    capture_end(capture);
    assert_line(capture->text, "ts=", " level=info msg=ready\n");
}

static void quotes_what_would_break_the_line(void **state)
{
    struct capture *capture = *state;

    capture_begin(capture);
    rm_log(RM_LOG_INFO, "m", rm_field_text("a", ""), rm_field_text("b", NULL),
           rm_field_text("c", "x=y"), rm_field_text("d", "say \"x\""), rm_field_text("e", "a\\b"),
           rm_field_text("f", "1\n2\r\x1b[0m\xc2\x9b"), rm_field_text("g", "\xff\xc3"),
           rm_field_slice("h", rm_slice_make("\0", 1)), rm_field_text("i", "gr\xc3\xbcn"));
    capture_end(capture);
    assert_line(capture->text, "ts=",
                " level=info msg=m a=\"\" b=\"\" c=\"x=y\" d=\"say \\\"x\\\"\" e=\"a\\\\b\""
                " f=\"1\\n2\\r\\u001b[0m\\u009b\" g=\"\\ufffd\\ufffd\" h=\"\\u0000\""
                " i=gr\xc3\xbcn\n");
}

static void obeys_the_level(void **state)
{
    struct capture *capture = *state;

    capture_begin(capture);
    rm_log(RM_LOG_DEBUG, "hidden");
    assert_false(rm_log_enabled(RM_LOG_DEBUG));
    rm_log_set_level(RM_LOG_DEBUG);
    assert_true(rm_log_enabled(RM_LOG_DEBUG));
    rm_log(RM_LOG_DEBUG, "shown");
    rm_log_set_level(RM_LOG_ERROR);
    rm_log(RM_LOG_WARN, "hidden");
    assert_true(rm_log_enabled(RM_LOG_ERROR));
    capture_end(capture);
    assert_line(capture->text, "ts=", " level=debug msg=shown\n");
}

static void cuts_long_texts(void **state)
{
    struct capture *capture = *state;
    char text[600];
    const char *value;

    /* The cut falls into the euro sign, which is left out whole. */
    memset(text, 'x', sizeof text);
    memcpy(text + 511, "\xe2\x82\xac", 3);
    capture_begin(capture);
    rm_log(RM_LOG_INFO, "m", rm_field_slice("text", rm_slice_make(text, sizeof text)));
    capture_end(capture);
    value = strstr(capture->text, "text=");
    assert_non_null(value);
    assert_int_equal(strspn(value + 5, "x"), 511);
    assert_string_equal(value + 5 + 511, " truncated=true\n");
}

/* Whatever the fields hold, the line is whole and can be written to a pipe in one piece. */
static void leaves_out_what_does_not_fit(void **state)
{
    struct capture *capture = *state;
    char controls[512];
    char letters[512];
    struct rm_log_field fields[40] = {{0}};

    memset(controls, '\x01', sizeof controls);
    memset(letters, 'a', sizeof letters);
    fields[1] = rm_field_slice("controls", rm_slice_make(controls, sizeof controls));
    for (size_t i = 2; i < 39; i++) {
        fields[i] = rm_field_slice("letters", rm_slice_make(letters, sizeof letters));
    }
    fields[39] = rm_field_int("last", 39);
    for (int format = RM_LOG_LOGFMT; format <= RM_LOG_JSON; format++) {
        bool is_json = format == RM_LOG_JSON;
        size_t len;

        rm_log_set_format((enum rm_log_format)format);
        capture_begin(capture);
        rm__log(RM_LOG_INFO, "m", fields, 40);
        capture_end(capture);
        len = strlen(capture->text);
        assert_true(len <= PIPE_BUF);
        assert_non_null(strstr(capture->text, "\\u0001\""));
        assert_non_null(strstr(capture->text, is_json ? "\"last\":39,\"truncated\":true}\n"
                                                      : " last=39 truncated=true\n"));
        assert_ptr_equal(strchr(capture->text, '\n'), capture->text + len - 1);
    }
}

/* The end of the line has its room, however full the line is: small fields fill what texts of any
 * length leave. */
static void ends_a_full_line(void **state)
{
    struct capture *capture = *state;
    struct rm_log_field fields[128] = {{0}};
    char letters[512];

    memset(letters, 'a', sizeof letters);
    for (size_t i = 0; i < 128; i++) {
        fields[i] = rm_field_int("k", 1);
    }
    for (size_t round = 0; round < 16; round++) {
        bool is_json = round % 2 == 1;
        size_t len;

        for (size_t i = 1; i < 9; i++) {
            fields[i] = rm_field_slice("t", rm_slice_make(letters, 480 + (i == 1 ? round / 2 : 0)));
        }
        rm_log_set_format(is_json ? RM_LOG_JSON : RM_LOG_LOGFMT);
        capture_begin(capture);
        rm__log(RM_LOG_INFO, "m", fields, 128);
        capture_end(capture);
        len = strlen(capture->text);
        assert_true(len <= PIPE_BUF && len > PIPE_BUF - 32);
        assert_non_null(strstr(capture->text, is_json ? "\"k\":1,\"truncated\":true}\n"
                                                      : " k=1 truncated=true\n"));
    }
}

static void *log_lines(void *data)
{
    char text[400];
    const char *letter = data;

    memset(text, *letter, sizeof text);
    for (int i = 0; i < N_LINES; i++) {
        rm_log(RM_LOG_INFO, "m", rm_field_slice("text", rm_slice_make(text, sizeof text)),
               rm_field_slice("again", rm_slice_make(text, sizeof text)));
    }
    return NULL;
}

/* Reads @n_lines lines and checks that each is of one letter. */
static void check_lines(FILE *stream, int n_lines)
{
    char line[2048];

    for (int i = 0; i < n_lines; i++) {
        char *text;
        char expected[2048];

        assert_non_null(fgets(line, sizeof line, stream));
        text = strstr(line, "text=");
        assert_non_null(text);
        snprintf(expected, sizeof expected, "text=%.*s again=%.*s\n", 400, text + 5, 400, text + 5);
        assert_int_equal(strspn(text + 5, (char[]){text[5], '\0'}), 400);
        assert_string_equal(text, expected);
        assert_memory_equal(line, "ts=", 3);
    }
}

static void threads_do_not_interleave(void **state)
{
    static const char letters[N_THREADS] = {'a', 'b', 'c', 'd'};
    pthread_t threads[N_THREADS];
    int saved_stderr = dup(STDERR_FILENO);
    int ends[2];
    FILE *stream;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    stream = fdopen(ends[0], "r");
    assert_non_null(stream);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    for (size_t i = 0; i < N_THREADS; i++) {
        void *letter = (void *)(uintptr_t)&letters[i];

        assert_int_equal(pthread_create(&threads[i], NULL, log_lines, letter), 0);
    }
    check_lines(stream, N_THREADS * N_LINES);
    for (size_t i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(dup2(saved_stderr, STDERR_FILENO) >= 0);
    close(saved_stderr);
    close(ends[1]);
    assert_int_equal(fgetc(stream), EOF);
    fclose(stream);
}

static void parses_levels_and_formats(void **state)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    enum rm_log_level level = RM_LOG_WARN;
    enum rm_log_format format = RM_LOG_JSON;

    (void)state;
    assert_int_equal(rm_log_level_parse(rm_slice_of("INFO"), &level), RM_EINVAL);
    assert_int_equal(rm_log_level_parse(rm_slice_of("inf"), &level), RM_EINVAL);
    assert_int_equal(rm_log_level_parse(rm_slice_make(NULL, 0), &level), RM_EINVAL);
    assert_int_equal(level, RM_LOG_WARN);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rm_log_level_parse(rm_slice_of(levels[i]), &level), 0);
        assert_int_equal(level, RM_LOG_DEBUG + i);
    }
    assert_int_equal(rm_log_format_parse(rm_slice_of("text"), &format), RM_EINVAL);
    assert_int_equal(format, RM_LOG_JSON);
    assert_int_equal(rm_log_format_parse(rm_slice_of("logfmt"), &format), 0);
    assert_int_equal(format, RM_LOG_LOGFMT);
    assert_int_equal(rm_log_format_parse(rm_slice_of("json"), &format), 0);
    assert_int_equal(format, RM_LOG_JSON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_logfmt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_lines_without_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quotes_what_would_break_the_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(obeys_the_level, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cuts_long_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_out_what_does_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_a_full_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_do_not_interleave, set_up, tear_down),
        cmocka_unit_test(parses_levels_and_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
