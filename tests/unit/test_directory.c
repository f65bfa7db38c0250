/* Directories: made with what is above them, and locked. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/cmd/directory.h"
#include "raftmetrics/base/error.h"

static char top[64];

static int make_top(void **state)
{
    (void)state;
    strcpy(top, "/tmp/rm-test-directory-XXXXXX");
    return mkdtemp(top) == NULL ? -1 : chdir(top);
}

static int remove_top(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", top);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static unsigned mode_of(const char *path)
{
    struct stat found;

    assert_int_equal(stat(path, &found), 0);
    assert_true(S_ISDIR(found.st_mode));
    return found.st_mode & 0777;
}

static void test_making(void **state)
{
    struct rm_complaint complaint;
    char absolute[96];

    (void)state;
    snprintf(absolute, sizeof absolute, "%s//x/y//z/", top);
    assert_int_equal(rm_directory_make(absolute, 0700, &complaint), 0);
    assert_int_equal(mode_of("x/y"), 0755);
    assert_int_equal(mode_of("x/y/z"), 0700);
    assert_int_equal(rm_directory_make("./x/y/../w", 0700, &complaint), 0);
    assert_int_equal(mode_of("x/w"), 0700);
    assert_int_equal(rm_directory_make("x/w", 0755, &complaint), 0);
    assert_int_equal(mode_of("x/w"), 0700);
    assert_int_equal(rm_directory_make("/", 0755, &complaint), 0);
}

static void test_what_cannot_be_made(void **state)
{
    struct rm_complaint complaint;
    static char longest[5000];

    (void)state;
    memset(longest, 'a', sizeof longest - 1);
    assert_int_equal(rm_directory_make(longest, 0700, &complaint), RM_EIO);
    assert_non_null(strstr(complaint.text, "too long"));
    fclose(fopen("file", "w"));
    assert_int_equal(rm_directory_make("file", 0700, &complaint), RM_EIO);
    assert_string_equal(complaint.text, "cannot make file: Not a directory");
    assert_int_equal(rm_directory_make("file/below", 0700, &complaint), RM_EIO);
    assert_int_equal(rm_directory_make("/proc/no/such", 0700, &complaint), RM_EIO);
    assert_non_null(strstr(complaint.text, "cannot make /proc/no: "));
}

static void test_locking(void **state)
{
    struct rm_complaint complaint;
    int fd;
    int other = -1;

    (void)state;
    assert_int_equal(rm_directory_lock("none", &fd, &complaint), RM_EIO);
    assert_int_equal(rm_directory_make("held", 0700, &complaint), 0);
    assert_int_equal(rm_directory_lock("held", &fd, &complaint), 0);
    assert_int_equal(rm_directory_lock("./held/", &other, &complaint), RM_EBUSY);
    assert_int_equal(other, -1);
    assert_string_equal(complaint.text, "another process holds ./held/");
    close(fd);
    assert_int_equal(rm_directory_lock("held", &fd, &complaint), 0);
    close(fd);
}

static void *close_it(void *data)
{
    struct timespec pause = {0, 50 * 1000000L};

    nanosleep(&pause, NULL);
    close(*(int *)data);
    return NULL;
}

/* As after kill -9, while a thread of the killed process still waits for the disk. */
static void test_a_holder_that_is_dying_is_waited_for(void **state)
{
    struct rm_complaint complaint;
    pthread_t thread;
    int held;
    int fd;

    (void)state;
    assert_int_equal(rm_directory_make("held", 0700, &complaint), 0);
    assert_int_equal(rm_directory_lock("held", &held, &complaint), 0);
    assert_int_equal(pthread_create(&thread, NULL, close_it, &held), 0);
    assert_int_equal(rm_directory_lock("held", &fd, &complaint), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_making, make_top, remove_top),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_made, make_top, remove_top),
        cmocka_unit_test_setup_teardown(test_locking, make_top, remove_top),
        cmocka_unit_test_setup_teardown(test_a_holder_that_is_dying_is_waited_for, make_top,
                                        remove_top),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
