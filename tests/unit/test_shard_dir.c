#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/api/worker/shard_dir.h"
#include "raftmetrics/base/error.h"

enum { PATH_BYTES = 128, SHARD = 5, FILE_BYTES = 100000 };

static char directory[64];

static const char *path_of(const char *name)
{
    static char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void make_file(const char *name, size_t n_bytes)
{
    FILE *stream = fopen(path_of(name), "wb");

    assert_non_null(stream);
    for (size_t i = 0; i < n_bytes; i++) {
        fputc('x', stream);
    }
    assert_int_equal(fclose(stream), 0);
}

static bool exists(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/test_shard_dir.XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path_of("shard-5.damaged/log"));
    rmdir(path_of("shard-5.damaged"));
    return rmdir(directory);
}

static void test_bare_is_what_holds_nothing(void **state)
{
    (void)state;
    assert_true(rm__shard_dir_is_bare(directory, SHARD));
    assert_int_equal(mkdir(path_of("shard-5"), 0700), 0);
    assert_true(rm__shard_dir_is_bare(directory, SHARD));
    make_file("shard-5/log", 1);
    assert_false(rm__shard_dir_is_bare(directory, SHARD));
    assert_int_equal(rm__shard_dir_remove(directory, SHARD), 0);
    assert_false(exists("shard-5"));
    assert_int_equal(rm__shard_dir_remove(directory, SHARD), 0);
}

static void test_what_is_set_aside_takes_the_place_of_the_one_before(void **state)
{
    (void)state;
    assert_int_equal(rm__shard_dir_set_aside(directory, SHARD), 0);
    assert_false(exists("shard-5.damaged"));
    assert_int_equal(mkdir(path_of("shard-5"), 0700), 0);
    make_file("shard-5/older", 1);
    assert_int_equal(rm__shard_dir_set_aside(directory, SHARD), 0);
    assert_true(exists("shard-5.damaged/older"));
    assert_false(exists("shard-5"));
    assert_int_equal(rm__shard_dir_set_aside(directory, SHARD), 0);
    assert_true(exists("shard-5.damaged/older"));
    assert_int_equal(mkdir(path_of("shard-5"), 0700), 0);
    make_file("shard-5/log", 1);
    assert_int_equal(rm__shard_dir_set_aside(directory, SHARD), 0);
    assert_true(exists("shard-5.damaged/log"));
    assert_false(exists("shard-5.damaged/older"));
}

static void test_what_is_no_directory_of_files_stays(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("shard-5"), 0700), 0);
    assert_int_equal(mkdir(path_of("shard-5/inner"), 0700), 0);
    assert_int_equal(rm__shard_dir_remove(directory, SHARD), RM_EIO);
    assert_true(exists("shard-5/inner"));
    assert_int_equal(rmdir(path_of("shard-5/inner")), 0);
    assert_int_equal(rm__shard_dir_remove(directory, SHARD), 0);
}

static void test_bytes_are_those_of_all_files(void **state)
{
    uint64_t before = rm__data_dir_bytes(directory);

    (void)state;
    assert_int_equal(mkdir(path_of("shard-5"), 0700), 0);
    make_file("shard-5/log", FILE_BYTES);
    make_file("file", FILE_BYTES);
    assert_in_range(rm__data_dir_bytes(directory) - before, 2 * FILE_BYTES, 4 * FILE_BYTES);
    unlink(path_of("file"));
    assert_int_equal(rm__shard_dir_remove(directory, SHARD), 0);
    assert_int_equal(rm__data_dir_bytes("/nonexistent"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_bare_is_what_holds_nothing),
        TEST(test_what_is_set_aside_takes_the_place_of_the_one_before),
        TEST(test_what_is_no_directory_of_files_stays),
        TEST(test_bytes_are_those_of_all_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
