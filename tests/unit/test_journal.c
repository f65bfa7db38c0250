/* The journal of an import, and the pid file of a daemon: what is left behind by those who died. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/cmd/journal.h"
#include "../../src/cmd/pidfile.h"
#include "raftmetrics/base/error.h"

static char directory[64];
static char path[96];

static int set_up(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/rm-test-journal-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory); /* fails where a temporary file was left */
}

static void write_text(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_a_journal_reads_back(void **state)
{
    struct rm_journal written = {.url = "http://127.0.0.1:8080",
                                 .settings = "csv label=a=\"b\"",
                                 .content = UINT64_C(0xfedcba9876543210),
                                 .size = 5000000000,
                                 .salt = INT64_MAX,
                                 .n_chunks = 7,
                                 .offset = 4999999999,
                                 .line = 8001,
                                 .n_recorded = 7000,
                                 .n_skipped = 3,
                                 .updated_ms = 1700000000000,
                                 .is_finished = true};
    struct rm_journal read;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(rm_journal_write(path, &written, &complaint), 0);
    assert_int_equal(rm_journal_read(path, &read, &complaint), 0);
    assert_string_equal(read.url, written.url);
    assert_string_equal(read.settings, written.settings);
    assert_true(read.content == written.content && read.size == written.size &&
                read.salt == written.salt && read.n_chunks == written.n_chunks &&
                read.offset == written.offset && read.line == written.line &&
                read.n_recorded == written.n_recorded && read.n_skipped == written.n_skipped &&
                read.updated_ms == written.updated_ms && read.is_finished);
    rm_journal_done(&read);
}

static void test_what_is_not_a_journal(void **state)
{
    static const char *const texts[] = {
        "", "{", "[]", "{}", "timestamp,value\n", "{\"raftmetrics_import\": 2}"};
    struct rm_journal read;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(rm_journal_read(path, &read, &complaint), RM_ENOTFOUND);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_text(texts[i]);
        assert_int_equal(rm_journal_read(path, &read, &complaint), RM_EINVAL);
        assert_non_null(strstr(complaint.text, path));
    }
}

static void test_a_journal_that_cannot_be_written(void **state)
{
    struct rm_journal journal = {.url = "u", .settings = "s"};
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(rm_journal_write("/proc/nowhere/j", &journal, &complaint), RM_ENOTFOUND);
    assert_non_null(strstr(complaint.text, "/proc/nowhere/j"));
}

static void test_a_pid_file_is_held_once(void **state)
{
    struct rm_pidfile mine;
    struct rm_pidfile other;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(rm_pidfile_holder(path), 0);
    assert_int_equal(rm_pidfile_acquire(path, &mine, &complaint), 0);
    assert_int_equal(rm_pidfile_holder(path), getpid());
    assert_int_equal(rm_pidfile_acquire(path, &other, &complaint), RM_EBUSY);
    assert_non_null(strstr(complaint.text, path));
    rm_pidfile_release(&mine);
    assert_int_equal(rm_pidfile_holder(path), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(rm_pidfile_acquire(path, &mine, &complaint), 0);
    rm_pidfile_release(&mine);
}

static void test_no_pid_file_is_wanted(void **state)
{
    struct rm_pidfile none;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(rm_pidfile_acquire("", &none, &complaint), 0);
    rm_pidfile_release(&none);
}

/* The child dies without a chance to clean up. */
static void test_the_pid_of_a_dead_process_is_stale(void **state)
{
    struct rm_pidfile pidfile;
    struct rm_complaint complaint;
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        _exit(rm_pidfile_acquire(path, &pidfile, &complaint) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(rm_pidfile_holder(path), 0);
    assert_int_equal(rm_pidfile_acquire(path, &pidfile, &complaint), 0);
    assert_int_equal(rm_pidfile_holder(path), getpid());
    rm_pidfile_release(&pidfile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_journal_reads_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_a_journal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_journal_that_cannot_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_pid_file_is_held_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_pid_file_is_wanted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_pid_of_a_dead_process_is_stale, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
