#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

#include "../../src/api/worker/cluster_file.h"
#include "raftmetrics/base/error.h"

enum { N_SHARDS = 4, BYTES_MAX = 8192 };

static char directory[64];
static char path[96];
static char shard[96];

static const uint32_t ids[] = {1, 2, 7};
static const struct rm__cluster_identity identity = {.name = "tests",
                                                     .fingerprint = "0123456789abcdef",
                                                     .worker = 2,
                                                     .n_shards = N_SHARDS,
                                                     .n_replicas = 3,
                                                     .workers = ids,
                                                     .n_workers = 3};

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/test_cluster_file.XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/cluster.json", directory);
    snprintf(shard, sizeof shard, "%s/shard-3", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    rmdir(shard);
    return rmdir(directory);
}

static int load_as(struct rm__cluster_file *file, const struct rm__cluster_identity *as,
                   char ret_sentence[RM__SENTENCE_MAX])
{
    assert_int_equal(rm__cluster_file_init(file, directory, as), 0);
    return rm__cluster_file_load(file, ret_sentence);
}

static struct rm__cluster_file load(void)
{
    struct rm__cluster_file file;
    char sentence[RM__SENTENCE_MAX];

    assert_int_equal(load_as(&file, &identity, sentence), 0);
    assert_string_equal(sentence, "");
    return file;
}

static void check_refused(const struct rm__cluster_identity *as, int error, const char *phrase)
{
    struct rm__cluster_file file;
    char sentence[RM__SENTENCE_MAX];

    assert_int_equal(load_as(&file, as, sentence), error);
    if (strstr(sentence, phrase) == NULL || strstr(sentence, directory) == NULL) {
        fail_msg("\"%s\" says nothing of \"%s\"", sentence, phrase);
    }
    rm__cluster_file_done(&file);
}

static size_t read_bytes(char bytes[BYTES_MAX])
{
    FILE *stream = fopen(path, "rb");
    size_t len;

    assert_non_null(stream);
    len = fread(bytes, 1, BYTES_MAX, stream);
    fclose(stream);
    return len;
}

static void write_bytes(const char *bytes, size_t len)
{
    FILE *stream = fopen(path, "wb");

    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, len, stream), len);
    assert_int_equal(fclose(stream), 0);
}

static void test_a_new_directory_has_nothing_behind_it(void **state)
{
    struct rm__cluster_file file = load();

    (void)state;
    assert_int_equal(access(path, F_OK), 0);
    assert_false(file.is_formed);
    assert_int_equal(file.n_met, 0);
    for (size_t i = 0; i < N_SHARDS; i++) {
        assert_int_equal(file.replicas[i].incarnation, 1);
        assert_false(file.replicas[i].is_joining);
        assert_string_equal(file.replicas[i].reason, "");
    }
    rm__cluster_file_done(&file);
    rm__cluster_file_done(&file);
}

static void test_what_was_saved_is_loaded(void **state)
{
    struct rm__cluster_file file = load();

    (void)state;
    file.is_formed = true;
    file.replicas[1] = (struct rm__cluster_replica){.incarnation = UINT32_MAX, .is_joining = true};
    file.replicas[3] = (struct rm__cluster_replica){.incarnation = 1, .reason = "\"why\" \xc3\xa4"};
    assert_int_equal(rm__cluster_file_save(&file), 0);
    assert_int_equal(rm__cluster_file_meet(&file, 7), 0);
    assert_int_equal(rm__cluster_file_meet(&file, 1), 0);
    assert_int_equal(rm__cluster_file_meet(&file, 7), 0);
    rm__cluster_file_done(&file);

    file = load();
    assert_true(file.is_formed);
    assert_int_equal(file.n_met, 2);
    assert_true(rm__cluster_file_has_met(&file, 1));
    assert_true(rm__cluster_file_has_met(&file, 7));
    assert_false(rm__cluster_file_has_met(&file, 2));
    assert_int_equal(file.replicas[0].incarnation, 1);
    assert_true(file.replicas[1].incarnation == UINT32_MAX);
    assert_true(file.replicas[1].is_joining);
    assert_string_equal(file.replicas[3].reason, "\"why\" \xc3\xa4");
    rm__cluster_file_done(&file);
}

static void test_who_cannot_be_written_down_is_not_met(void **state)
{
    struct rm__cluster_file file = load();
    char moved[128];

    (void)state;
    snprintf(moved, sizeof moved, "%s.moved", directory);
    assert_int_equal(rename(directory, moved), 0);
    assert_int_equal(rm__cluster_file_meet(&file, 7), RM_EIO);
    assert_false(rm__cluster_file_has_met(&file, 7));
    assert_int_equal(rename(moved, directory), 0);
    assert_int_equal(rm__cluster_file_meet(&file, 7), 0);
    assert_true(rm__cluster_file_has_met(&file, 7));
    rm__cluster_file_done(&file);
}

static void test_what_is_not_this_workers_is_refused(void **state)
{
    struct rm__cluster_file file = load();
    struct rm__cluster_identity other = identity;

    (void)state;
    rm__cluster_file_done(&file);
    other.name = "others";
    check_refused(&other, RM_ECONFLICT, "cluster_name");
    other = identity;
    other.worker = 7;
    check_refused(&other, RM_ECONFLICT, "node_id");
    other = identity;
    other.n_shards = N_SHARDS + 1;
    check_refused(&other, RM_ECONFLICT, "n_shards");
    other = identity;
    other.fingerprint = "0123456789abcdee";
    check_refused(&other, RM_ECONFLICT, "1, 2, 7 and 3 replicas");
}

static void test_shards_without_the_file_are_refused(void **state)
{
    (void)state;
    assert_int_equal(mkdir(shard, 0700), 0);
    check_refused(&identity, RM_ECORRUPT, "no cluster.json");
    assert_int_not_equal(access(path, F_OK), 0);
}

/* A flipped bit is noticed wherever it changes what is said. */
static void test_every_bit_counts(void **state)
{
    struct rm__cluster_file file = load();
    char bytes[BYTES_MAX];
    size_t len;

    (void)state;
    file.is_formed = true;
    file.replicas[2] = (struct rm__cluster_replica){.incarnation = 77};
    assert_int_equal(rm__cluster_file_save(&file), 0);
    rm__cluster_file_done(&file);
    len = read_bytes(bytes);
    for (size_t i = 0; i < 8 * len; i++) {
        char sentence[RM__SENTENCE_MAX];
        char flipped[BYTES_MAX];

        memcpy(flipped, bytes, len);
        flipped[i / 8] = (char)(flipped[i / 8] ^ 1 << i % 8);
        write_bytes(flipped, len);
        if (load_as(&file, &identity, sentence) == 0) {
            /* White space for white space, or a digit of the checksum in capitals: the same. */
            assert_true(file.is_formed);
            assert_int_equal(file.replicas[2].incarnation, 77);
            assert_int_equal(file.n_met, 0);
        }
        rm__cluster_file_done(&file);
    }
}

static void test_what_is_cut_or_of_another_format_is_refused(void **state)
{
    static const char next[] = "{\"format\":2}";
    struct rm__cluster_file file = load();
    char bytes[BYTES_MAX];
    size_t len;

    (void)state;
    rm__cluster_file_done(&file);
    len = read_bytes(bytes);
    for (size_t i = 0; i < len; i++) {
        write_bytes(bytes, i);
        check_refused(&identity, RM_ECORRUPT, "damaged");
    }
    len = (size_t)snprintf(bytes, sizeof bytes, "{\"format\": 2, \"checksum\": \"%016" PRIx64 "\"}",
                           (uint64_t)XXH3_64bits(next, strlen(next)));
    write_bytes(bytes, len);
    check_refused(&identity, RM_ECONFLICT, "another version");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_directory_has_nothing_behind_it),
        TEST(test_what_was_saved_is_loaded),
        TEST(test_who_cannot_be_written_down_is_not_met),
        TEST(test_what_is_not_this_workers_is_refused),
        TEST(test_shards_without_the_file_are_refused),
        TEST(test_every_bit_counts),
        TEST(test_what_is_cut_or_of_another_format_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
