/* Files that survive a crash: the copy of term and vote, the watermarks. What the kernel is asked
 * is recorded here, and fails on demand. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

#include "../../src/raft/vote_file.h"
#include "failing_malloc.h"
#include "raftmetrics/base/durable_file.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/raft/watermarks.h"

enum { BYTES_MAX = 4096, N_MARKS = 3, LONGER = 24 /* bytes of a mark */ };

static char directory[64];
static char path[96];

/* What was asked since set_up: w(rite), f(sync), r(ename), d(irectory's fsync). */
static char calls[64];
static size_t fails_at; /* the call that fails, from 1; 0: none */
static int fails_with;
static bool writes_short;

static bool call_fails(char call)
{
    size_t n = strlen(calls);

    assert_in_range(n, 0, sizeof calls - 2);
    calls[n] = call;
    errno = fails_with;
    return fails_at == n + 1;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    if (call_fails('w')) {
        return -1;
    }
    return syscall(SYS_write, fd, bytes, writes_short && len > 5 ? 5 : len);
}

int fsync(int fd)
{
    struct stat status;

    assert_int_equal(fstat(fd, &status), 0);
    return call_fails(S_ISDIR(status.st_mode) ? 'd' : 'f') ? -1 : 0;
}

int rename(const char *from, const char *to)
{
    return call_fails('r') ? -1 : (int)syscall(SYS_rename, from, to);
}

static void reset_calls(void)
{
    memset(calls, 0, sizeof calls);
    fails_at = 0;
    fails_with = EIO;
    writes_short = false;
}

static int set_up(void **state)
{
    (void)state;
    reset_calls();
    strcpy(directory, "/tmp/rm-test-durable-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
    return 0;
}

static int tear_down(void **state)
{
    char vote[96];

    (void)state;
    snprintf(vote, sizeof vote, "%s/vote", directory);
    unlink(vote);
    unlink(path);
    return rmdir(directory); /* fails where a temporary file was left */
}

static void assert_content(const char *expected)
{
    char bytes[BYTES_MAX];
    size_t len;

    assert_int_equal(rm_durable_file_read(path, bytes, sizeof bytes, &len), 0);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(bytes, expected, len);
}

static void test_the_disk_has_it_before_the_name_does(void **state)
{
    (void)state;
    assert_int_equal(rm_durable_file_write(path, "first", 5), 0);
    assert_string_equal(calls, "wfrd");
    assert_content("first");
    assert_int_equal(rm_durable_file_write(path, "2", 1), 0);
    assert_content("2");
}

static void test_a_name_without_a_directory(void **state)
{
    char before[256];

    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(rm_durable_file_write("file", "here", 4), 0);
    assert_int_equal(chdir(before), 0);
    assert_content("here");
}

static void test_a_short_write_goes_on(void **state)
{
    (void)state;
    writes_short = true;
    assert_int_equal(rm_durable_file_write(path, "thirteen byte", 13), 0);
    assert_string_equal(calls, "wwwfrd");
    assert_content("thirteen byte");
}

static void test_a_failure_leaves_what_was(void **state)
{
    (void)state;
    assert_int_equal(rm_durable_file_write(path, "before", 6), 0);
    for (size_t n = 1; n <= 4; n++) {
        reset_calls();
        fails_at = n;
        assert_int_equal(rm_durable_file_write(path, "after", 5), RM_EIO);
        assert_content(n < 4 ? "before" : "after");
    }
    reset_calls();
    fails_at = 1;
    fails_with = ENOSPC;
    assert_int_equal(rm_durable_file_write(path, "after", 5), RM_ENOSPACE);
    reset_calls();
    fails_at = 1;
    fails_with = EINTR;
    assert_int_equal(rm_durable_file_write(path, "again", 5), 0);
    assert_content("again");
}

static void test_a_directory_that_is_not_there(void **state)
{
    char bytes[BYTES_MAX];
    size_t len;

    (void)state;
    assert_int_equal(rm_durable_file_write("/nonexistent/file", "x", 1), RM_EIO);
    assert_int_equal(rm_durable_file_read("/nonexistent/file", bytes, 1, &len), RM_ENOTFOUND);
    assert_int_equal(rm_durable_file_read(directory, bytes, 1, &len), RM_EIO);
}

static void test_a_file_past_the_maximum(void **state)
{
    char bytes[BYTES_MAX];
    size_t len = 77;

    (void)state;
    assert_int_equal(rm_durable_file_write(path, "12345", 5), 0);
    assert_int_equal(rm_durable_file_read(path, bytes, 4, &len), RM_ETOOBIG);
    assert_int_equal(len, 77);
    assert_int_equal(rm_durable_file_read(path, bytes, 5, &len), 0);
    assert_int_equal(len, 5);
}

/* Reads the file, and gives each of its bytes every wrong bit in turn, then each other length. */
static void damage(const char *damaged, int (*read_it)(void))
{
    char bytes[BYTES_MAX];
    size_t len;

    assert_int_equal(rm_durable_file_read(damaged, bytes, sizeof bytes, &len), 0);
    for (size_t bit = 0; bit < len * 8; bit++) {
        reset_calls();
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(rm_durable_file_write(damaged, bytes, len), 0);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(read_it(), RM_ECORRUPT);
    }
    for (size_t other = 0; other <= len + LONGER; other++) {
        reset_calls();
        assert_int_equal(rm_durable_file_write(damaged, bytes, len), 0);
        assert_int_equal(read_it(), 0); /* what is missing next may still be in memory */
        assert_int_equal(truncate(damaged, (off_t)other), 0);
        assert_int_equal(read_it(), other == len ? 0 : RM_ECORRUPT);
    }
}

static struct rm__vote read_vote;

static int read_the_vote(void)
{
    return rm__vote_file_read(directory, &read_vote);
}

static void test_term_and_vote_read_back(void **state)
{
    static const struct rm__vote votes[] = {
        {0, 0}, {1, 0}, {1, 5}, {UINT64_MAX, UINT64_MAX}, {UINT64_C(0x0102030405060708), 9}};

    (void)state;
    assert_int_equal(read_the_vote(), RM_ENOTFOUND);
    for (size_t i = 0; i < sizeof votes / sizeof *votes; i++) {
        assert_int_equal(rm__vote_file_write(directory, &votes[i]), 0);
        assert_int_equal(read_the_vote(), 0);
        assert_int_equal(read_vote.term, votes[i].term);
        assert_int_equal(read_vote.vote, votes[i].vote);
    }
    assert_string_equal(calls, "wfrdwfrdwfrdwfrdwfrd");
    fails_at = strlen(calls) + 1;
    fails_with = ENOSPC;
    assert_int_equal(rm__vote_file_write(directory, &votes[0]), RM_ENOSPACE);
}

static void test_a_damaged_vote_is_found(void **state)
{
    static const struct rm__vote vote = {UINT64_C(0x0102030405060708), 9};
    char file[96];

    (void)state;
    snprintf(file, sizeof file, "%s/vote", directory);
    assert_int_equal(rm__vote_file_write(directory, &vote), 0);
    damage(file, read_the_vote);
    assert_int_equal(read_vote.term, vote.term);
}

/* A file of another kind whose checksum is right. */
static void test_another_file_is_no_vote(void **state)
{
    char bytes[32] = "something else";
    char file[96];
    uint64_t checksum = htole64(XXH3_64bits(bytes, 24));

    (void)state;
    memcpy(bytes + 24, &checksum, sizeof checksum);
    snprintf(file, sizeof file, "%s/vote", directory);
    assert_int_equal(rm_durable_file_write(file, bytes, sizeof bytes), 0);
    assert_int_equal(read_the_vote(), RM_ECORRUPT);
}

static struct rm_watermark read_marks[N_MARKS];
static size_t n_read_marks;

static int read_the_marks(void)
{
    return rm_watermarks_read(path, read_marks, N_MARKS, &n_read_marks);
}

static const struct rm_watermark marks[N_MARKS] = {
    {.shard = 0, .incarnation = 1, .index = 0, .term = 0},
    {.shard = 63, .incarnation = UINT32_MAX, .index = UINT64_MAX, .term = UINT64_MAX - 1},
    {.shard = UINT32_MAX, .incarnation = 0, .index = 1, .term = 2},
};

static void test_watermarks_read_back(void **state)
{
    (void)state;
    assert_int_equal(read_the_marks(), RM_ENOTFOUND);
    for (size_t n = 0; n <= N_MARKS; n++) {
        assert_int_equal(rm_watermarks_write(path, marks, n), 0);
        assert_int_equal(read_the_marks(), 0);
        assert_int_equal(n_read_marks, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(read_marks[i].shard, marks[i].shard);
            assert_int_equal(read_marks[i].incarnation, marks[i].incarnation);
            assert_true(read_marks[i].index == marks[i].index);
            assert_true(read_marks[i].term == marks[i].term);
        }
    }
    assert_int_equal(rm_watermarks_read(path, read_marks, N_MARKS - 1, &n_read_marks), RM_ETOOBIG);
    assert_string_equal(calls, "wfrdwfrdwfrdwfrd");
}

static void test_damaged_watermarks_are_found(void **state)
{
    (void)state;
    assert_int_equal(rm_watermarks_write(path, marks, 2), 0);
    /* A file that is too long for its reader is not read at all. */
    assert_int_equal(rm_watermarks_read(path, read_marks, 2, &n_read_marks), 0);
    damage(path, read_the_marks);
    assert_int_equal(n_read_marks, 2);
}

/* Files of another kind, or with another number of marks, whose checksum is right. */
static void test_other_files_are_no_watermarks(void **state)
{
    static const size_t places[] = {0, 8}; /* magic, count */
    char bytes[BYTES_MAX];
    uint64_t checksum;
    size_t len;

    (void)state;
    assert_int_equal(rm_watermarks_write(path, marks, 2), 0);
    assert_int_equal(rm_durable_file_read(path, bytes, sizeof bytes, &len), 0);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        bytes[places[i]] ^= 1;
        checksum = htole64(XXH3_64bits(bytes, len - 8));
        memcpy(bytes + len - 8, &checksum, sizeof checksum);
        assert_int_equal(rm_durable_file_write(path, bytes, len), 0);
        assert_int_equal(read_the_marks(), RM_ECORRUPT);
        bytes[places[i]] ^= 1;
    }
    checksum = htole64(XXH3_64bits(bytes, len - 7)); /* and a byte more */
    memcpy(bytes + len - 7, &checksum, sizeof checksum);
    assert_int_equal(rm_durable_file_write(path, bytes, len + 1), 0);
    assert_int_equal(read_the_marks(), RM_ECORRUPT);
}

#if FAILING_MALLOC
static void test_out_of_memory(void **state)
{
    (void)state;
    failing_malloc_arm(1);
    assert_int_equal(rm_watermarks_write(path, marks, 2), RM_ENOMEM);
    failing_malloc_arm(1);
    assert_int_equal(read_the_marks(), RM_ENOMEM);
    assert_true(failing_malloc_disarm());
}
#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_disk_has_it_before_the_name_does),
        TEST(test_a_name_without_a_directory),
        TEST(test_a_short_write_goes_on),
        TEST(test_a_failure_leaves_what_was),
        TEST(test_a_directory_that_is_not_there),
        TEST(test_a_file_past_the_maximum),
        TEST(test_term_and_vote_read_back),
        TEST(test_a_damaged_vote_is_found),
        TEST(test_another_file_is_no_vote),
        TEST(test_watermarks_read_back),
        TEST(test_damaged_watermarks_are_found),
        TEST(test_other_files_are_no_watermarks),
#if FAILING_MALLOC
        TEST(test_out_of_memory),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
