/* The guard around libuv's raft_io: what it refuses to load. */
#include <endian.h>
#include <xxhash.h>

#include "../../src/raft/entry.h"
#include "../../src/raft/snapshot_header.h"
#include "fake_raft_io.h"
#include "raftmetrics/base/error.h"

enum { SNAPSHOT_REST = 8 };

/* ---- what is loaded: made as the library makes it, so that it can be freed as the library does */

static struct raft_buffer a_command(raft_index index)
{
    const struct rm__entry entry = {
        .kind = RM__ENTRY_COMMAND, .index = index, .body = rm_slice_of("body")};
    struct raft_buffer bytes = {.len = rm__entry_size(entry.body.len)};

    bytes.base = raft_malloc(bytes.len);
    assert_non_null(bytes.base);
    rm__entry_encode(&entry, bytes.base);
    return bytes;
}

/* Entries from @start_index on, in batches of two: a configuration where the log begins, a barrier,
 * and commands; the terms are given, 0 ends them. */
static void load_entries(raft_index start_index, const raft_term *terms)
{
    void *batch = NULL;

    for (fake.n_entries = 0; terms[fake.n_entries] != 0; fake.n_entries++) {
    }
    fake.start_index = start_index;
    fake.entries = raft_calloc(fake.n_entries, sizeof *fake.entries);
    assert_non_null(fake.entries);
    for (size_t i = 0; i < fake.n_entries; i++) {
        struct raft_entry *entry = &fake.entries[i];
        struct raft_buffer command = a_command(start_index + i);

        if (i % 2 == 0) {
            batch = raft_malloc(2 * command.len);
            assert_non_null(batch);
        }
        entry->term = terms[i];
        entry->type = start_index + i == 1 ? RAFT_CHANGE : RAFT_COMMAND;
        entry->batch = batch;
        entry->buf.base = (char *)batch + i % 2 * command.len;
        entry->buf.len = command.len;
        memcpy(entry->buf.base, command.base, command.len);
        raft_free(command.base);
    }
}

static void load_snapshot(raft_index index, raft_term term)
{
    const struct rm__snapshot_header header = {.time_ms = 5};
    const struct rm_slice rest = rm_slice_make("12345678", SNAPSHOT_REST);
    struct raft_buffer *buffer = raft_calloc(1, sizeof *buffer);
    struct raft_snapshot *snapshot = raft_calloc(1, sizeof *snapshot);

    buffer->len = RM__SNAPSHOT_HEADER_BYTES + SNAPSHOT_REST;
    buffer->base = raft_malloc(buffer->len);
    rm__snapshot_header_encode(&header, &rest, 1, buffer->base);
    memcpy((char *)buffer->base + RM__SNAPSHOT_HEADER_BYTES, rest.data, rest.len);
    snapshot->index = index;
    snapshot->term = term;
    snapshot->bufs = buffer;
    snapshot->n_bufs = 1;
    assert_int_equal(raft_configuration_add(&snapshot->configuration, 1, "one", RAFT_VOTER), 0);
    fake.snapshot = snapshot;
}

static void write_copy(uint64_t term, uint64_t vote)
{
    const struct rm__vote copy = {term, vote};

    assert_int_equal(rm__vote_file_write(fake_dir, &copy), 0);
}

/* ---- what comes of it ---- */

static struct {
    raft_term term;
    raft_id voted_for;
    struct raft_snapshot *snapshot;
    raft_index start_index;
    struct raft_entry *entries;
    size_t n_entries;
} loaded;

static int load(void)
{
    memset(&loaded, 0, sizeof loaded);
    return guard.io.load(&guard.io, &loaded.term, &loaded.voted_for, &loaded.snapshot,
                         &loaded.start_index, &loaded.entries, &loaded.n_entries);
}

static void free_loaded(void)
{
    for (size_t i = 0; i < loaded.n_entries; i += 2) {
        raft_free(loaded.entries[i].batch);
    }
    raft_free(loaded.entries);
    if (loaded.snapshot != NULL) {
        raft_configuration_close(&loaded.snapshot->configuration);
        raft_free(loaded.snapshot->bufs[0].base);
        raft_free(loaded.snapshot->bufs);
        raft_free(loaded.snapshot);
    }
}

/* All that was loaded is handed over as it is. */
static void assert_loads(void)
{
    assert_int_equal(load(), 0);
    assert_string_equal(rm__io_guard_reason(&guard), "");
    assert_ptr_equal(loaded.snapshot, fake.snapshot);
    assert_ptr_equal(loaded.entries, fake.entries);
    assert_int_equal(loaded.start_index, fake.start_index);
    assert_int_equal(loaded.n_entries, fake.n_entries);
    free_loaded();
}

/* Nothing is handed over, and all that was loaded is freed: the end of the test counts. */
static void assert_refused(int error, const char *reason)
{
    assert_int_equal(load(), error);
    assert_string_equal(rm__io_guard_reason(&guard), reason);
    assert_string_equal(guard.io.errmsg, reason);
    assert_null(loaded.snapshot);
    assert_null(loaded.entries);
}

#define TERMS(...)                                                                                 \
    (const raft_term[])                                                                            \
    {                                                                                              \
        __VA_ARGS__, 0                                                                             \
    }

/* A replica of term 3 that has entries 1 to 5, the last three of term 2. */
static int set_up_log(void **state)
{
    int rv = set_up(state);

    fake.term = 3;
    write_copy(3, 0);
    load_entries(1, TERMS(1, 1, 2, 2, 2));
    return rv;
}

/* A replica of term 3 whose snapshot ends at index 10 of term 2. */
static int set_up_snapshot(void **state)
{
    int rv = set_up(state);

    fake.term = 3;
    write_copy(3, 0);
    load_snapshot(10, 2);
    fake.start_index = 11;
    return rv;
}

/* ---- term and vote ---- */

static void test_a_new_replica_loads(void **state)
{
    struct rm__vote copy;

    (void)state;
    assert_loads();
    assert_int_equal(loaded.term, 0);
    assert_int_equal(loaded.voted_for, 0);
    assert_int_equal(rm__vote_file_read(fake_dir, &copy), RM_ENOTFOUND);
}

static void test_the_newer_of_two_votes_holds(void **state)
{
    static const struct {
        struct rm__vote ours, theirs, expected;
    } rows[] = {
        {{5, 2}, {5, 2}, {5, 2}},                           /* as it is nearly always */
        {{5, 0}, {5, 0}, {5, 0}}, {{6, 0}, {5, 2}, {6, 0}}, /* died between the two writes */
        {{5, 2}, {5, 0}, {5, 2}}, {{1, 0}, {0, 0}, {1, 0}}, /* in a bootstrap */
        {{6, 2}, {3, 1}, {6, 2}},                           /* theirs went back */
        {{6, 2}, {0, 0}, {6, 2}},                           /* or is gone */
        {{5, 2}, {5, 3}, {5, 2}},                           /* theirs is damaged */
        {{5, 2}, {7, 3}, {7, 3}}, /* impossible; the larger term breaks no promise */
        {{5, 2}, {7, 0}, {7, 0}}, {{5, 0}, {5, 3}, {5, 3}}, /* nor does a vote */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rm__vote copy;

        write_copy(rows[i].ours.term, rows[i].ours.vote);
        fake.term = rows[i].theirs.term;
        fake.voted_for = rows[i].theirs.vote;
        assert_loads();
        assert_int_equal(loaded.term, rows[i].expected.term);
        assert_int_equal(loaded.voted_for, rows[i].expected.vote);
        assert_int_equal(rm__vote_file_read(fake_dir, &copy), 0);
        assert_int_equal(copy.term, rows[i].expected.term);
        assert_int_equal(copy.vote, rows[i].expected.vote);
    }
}

static void test_a_vote_goes_with_the_term_that_was_loaded(void **state)
{
    struct rm__vote copy;

    (void)state;
    write_copy(6, 0);
    fake.term = 5;
    assert_loads();
    assert_int_equal(guard.io.set_vote(&guard.io, 4), 0);
    assert_int_equal(rm__vote_file_read(fake_dir, &copy), 0);
    assert_int_equal(copy.term, 6);
    assert_int_equal(copy.vote, 4);
}

static void test_a_damaged_copy_is_refused(void **state)
{
    (void)state;
    touch("vote");
    assert_refused(RAFT_CORRUPT, "the file of its term and vote is damaged");
    fake.term = 5;
    assert_refused(RAFT_CORRUPT, "the file of its term and vote is damaged");
    remove_file("vote");
    assert_refused(RAFT_CORRUPT, "the file of its term and vote is missing");
    guard.dir = "/dev/null";
    assert_refused(RAFT_IOERR, "the file of its term and vote cannot be read");
}

static void test_a_missing_copy_of_a_log_is_refused(void **state)
{
    (void)state;
    remove_file("vote");
    fake.term = 0;
    assert_refused(RAFT_CORRUPT, "the file of its term and vote is missing");
}

static void test_a_missing_copy_of_a_snapshot_is_refused(void **state)
{
    (void)state;
    remove_file("vote");
    fake.term = 0;
    assert_refused(RAFT_CORRUPT, "the file of its term and vote is missing");
}

static void test_an_error_of_the_inner_load_comes_out(void **state)
{
    (void)state;
    fail_calls("load", RAFT_CORRUPT);
    assert_refused(RAFT_CORRUPT, "load failed");
    fail_calls(NULL, 0);
    assert_loads();
}

/* ---- the log ---- */

static void test_a_log_loads(void **state)
{
    (void)state;
    fake.entries[2].type = RAFT_BARRIER;
    memset(fake.entries[2].buf.base, 0, 8);
    assert_loads();
}

static void test_a_snapshot_loads(void **state)
{
    (void)state;
    assert_loads();
    load_snapshot(10, 2);
    load_entries(9, TERMS(1, 2, 2, 3));
    assert_loads();
    load_snapshot(10, 2);
    load_entries(9, TERMS(1, 2));
    assert_loads();
    load_snapshot(10, 2);
    load_entries(11, TERMS(2));
    assert_loads();
}

static char *byte_of_entry(size_t i, size_t at)
{
    return (char *)fake.entries[i].buf.base + at;
}

static void test_a_damaged_entry_is_refused(void **state)
{
    (void)state;
    *byte_of_entry(4, RM__ENTRY_HEADER_BYTES) ^= 1;
    assert_refused(RAFT_CORRUPT, "the entry at index 5 is damaged");
}

static void test_an_entry_of_a_newer_version_is_refused(void **state)
{
    (void)state;
    *byte_of_entry(1, 0) = 2;
    assert_refused(RAFT_MALFORMED, "the entry at index 2 is of a newer version");
}

static void test_an_entry_in_the_wrong_place_is_refused(void **state)
{
    (void)state;
    memcpy(fake.entries[3].buf.base, fake.entries[4].buf.base, fake.entries[3].buf.len);
    assert_refused(RAFT_CORRUPT, "the entry at index 4 belongs to index 5");
}

static void test_an_entry_of_no_type_is_refused(void **state)
{
    (void)state;
    fake.entries[3].type = (enum raft_entry_type)4;
    assert_refused(RAFT_CORRUPT, "the entry at index 4 is damaged");
}

static void test_terms_that_go_back_are_refused(void **state)
{
    (void)state;
    fake.entries[4].term = 1;
    assert_refused(RAFT_CORRUPT, "the entry at index 5 is damaged");
}

static void test_a_log_newer_than_its_term_is_refused(void **state)
{
    (void)state;
    fake.entries[4].term = 4;
    assert_refused(RAFT_CORRUPT, "its log is of term 4, but its term is 3");
}

static void test_a_snapshot_newer_than_its_term_is_refused(void **state)
{
    (void)state;
    fake.snapshot->term = 4;
    assert_refused(RAFT_CORRUPT, "its log is of term 4, but its term is 3");
}

static void test_a_log_without_its_beginning_is_refused(void **state)
{
    (void)state;
    fake.start_index = 2;
    assert_refused(RAFT_CORRUPT, "entries are missing before index 2");
}

static void test_a_log_that_begins_with_a_command_is_refused(void **state)
{
    (void)state;
    fake.entries[0].type = RAFT_COMMAND;
    assert_refused(RAFT_CORRUPT, "its log does not begin with a configuration");
}

static void test_a_gap_behind_the_snapshot_is_refused(void **state)
{
    (void)state;
    load_entries(12, TERMS(2, 2));
    assert_refused(RAFT_CORRUPT, "entries are missing before index 12");
}

static void test_a_log_that_ends_before_the_snapshot_is_refused(void **state)
{
    (void)state;
    load_entries(7, TERMS(2, 2, 2));
    assert_refused(RAFT_CORRUPT, "entries are missing after index 9");
}

static void test_a_log_that_contradicts_the_snapshot_is_refused(void **state)
{
    (void)state;
    load_entries(9, TERMS(1, 1, 2));
    assert_refused(RAFT_CORRUPT, "its log and its snapshot differ at index 10");
}

static void test_a_damaged_snapshot_is_refused(void **state)
{
    (void)state;
    load_entries(11, TERMS(2, 2));
    *((char *)fake.snapshot->bufs[0].base + RM__SNAPSHOT_HEADER_BYTES) ^= 1;
    assert_refused(RAFT_CORRUPT, "its snapshot is damaged");
}

static void test_a_snapshot_of_nothing_is_refused(void **state)
{
    (void)state;
    fake.snapshot->term = 0;
    assert_refused(RAFT_CORRUPT, "its snapshot is damaged");
    load_snapshot(0, 2);
    assert_refused(RAFT_CORRUPT, "its snapshot is damaged");
}

static void test_a_snapshot_of_a_newer_version_is_refused(void **state)
{
    struct raft_buffer *buffer = &fake.snapshot->bufs[0];
    char *bytes = buffer->base;
    uint64_t checksum;

    (void)state;
    bytes[8] = 2;
    memset(bytes + 32, 0, sizeof checksum);
    checksum = htole64(XXH3_64bits(bytes, buffer->len));
    memcpy(bytes + 32, &checksum, sizeof checksum);
    assert_refused(RAFT_MALFORMED, "its snapshot is of a newer version");
}

static void test_a_flipped_format_of_a_snapshot_is_damage(void **state)
{
    (void)state;
    *((char *)fake.snapshot->bufs[0].base + 8) = 2;
    assert_refused(RAFT_CORRUPT, "its snapshot is damaged");
}

/* ---- open segments ---- */

/* An open segment with an entry at @index behind what cannot be read. */
static void write_open_segment(raft_index index)
{
    struct raft_buffer entry = a_command(index);
    char path[PATH_MAX];
    FILE *file;

    snprintf(path, sizeof path, "%s/open-1", fake_dir);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite("\1\0\0\0\0\0\0\0what is not ours", 1, 24, file), 24);
    assert_int_equal(fwrite(entry.base, 1, entry.len, file), entry.len);
    assert_int_equal(fclose(file), 0);
    raft_free(entry.base);
}

static void remove_open_segment(void)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/open-1", fake_dir);
    assert_int_equal(unlink(path), 0);
}

static bool has_reach(void)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/reach", fake_dir);
    return access(path, F_OK) == 0;
}

/* Whatever became of the segment meanwhile, until a log reaches as far. */
static void test_entries_behind_a_damaged_one_are_missed(void **state)
{
    (void)state;
    write_open_segment(9);
    assert_refused(RAFT_CORRUPT, "an open segment is damaged before entry 9, which it held");
    remove_open_segment();
    load_entries(1, TERMS(1, 1, 2, 2, 2));
    assert_refused(RAFT_CORRUPT, "an open segment is damaged before entry 9, which it held");
    assert_true(has_reach());
    load_entries(1, TERMS(1, 1, 2, 2, 2, 2, 2, 2, 2));
    assert_loads();
    assert_false(has_reach());
}

static void test_what_was_noted_of_open_segments_is_damaged(void **state)
{
    char path[PATH_MAX];

    (void)state;
    write_open_segment(9);
    assert_refused(RAFT_CORRUPT, "an open segment is damaged before entry 9, which it held");
    remove_open_segment();
    snprintf(path, sizeof path, "%s/reach", fake_dir);
    assert_int_equal(truncate(path, 23), 0);
    load_entries(1, TERMS(1, 1, 2, 2, 2));
    assert_refused(RAFT_IOERR, "its open segments cannot be read");
    assert_int_equal(unlink(path), 0);
}

static void test_an_open_segment_that_was_read_whole(void **state)
{
    (void)state;
    write_open_segment(2);
    assert_loads();
    assert_false(has_reach());
    remove_open_segment();
}

/* ---- the watermark ---- */

static void test_a_log_reaches_its_mark(void **state)
{
    static const struct rm_watermark marks[] = {
        {0}, {.index = 0, .term = 9}, {.index = 5, .term = 2}, {.index = 1, .term = 1}};

    (void)state;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        guard.mark = marks[i];
        assert_loads();
        load_entries(1, TERMS(1, 1, 2, 2, 2));
    }
    guard.mark = (struct rm_watermark){.index = 6, .term = 2};
    assert_refused(RAFT_CORRUPT, "it once had entry 6 of term 2, and has lost it");
    load_entries(1, TERMS(1, 1, 2, 2, 2));
    guard.mark = (struct rm_watermark){.index = 5, .term = 3};
    assert_refused(RAFT_CORRUPT, "it once had entry 5 of term 3, and has lost it");
    load_entries(1, TERMS(1, 1, 2, 2, 2));
    guard.mark = (struct rm_watermark){.index = 5, .term = 1};
    assert_refused(RAFT_CORRUPT, "it once had entry 5 of term 1, and has lost it");
}

static void test_a_snapshot_reaches_its_mark(void **state)
{
    static const struct rm_watermark marks[] = {
        {.index = 10, .term = 2}, {.index = 9, .term = 2}, {.index = 1, .term = 1}};

    (void)state;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        guard.mark = marks[i];
        assert_loads();
        load_snapshot(10, 2);
    }
    guard.mark = (struct rm_watermark){.index = 11, .term = 2};
    assert_refused(RAFT_CORRUPT, "it once had entry 11 of term 2, and has lost it");
    load_snapshot(10, 2);
    guard.mark = (struct rm_watermark){.index = 10, .term = 1};
    assert_refused(RAFT_CORRUPT, "it once had entry 10 of term 1, and has lost it");
    load_snapshot(10, 2);
    load_entries(9, TERMS(1, 2, 3));
    guard.mark = (struct rm_watermark){.index = 9, .term = 2};
    assert_refused(RAFT_CORRUPT, "it once had entry 9 of term 2, and has lost it");
}

static void test_nothing_does_not_reach_a_mark(void **state)
{
    (void)state;
    guard.mark = (struct rm_watermark){.index = 1, .term = 1};
    assert_refused(RAFT_CORRUPT, "it once had entry 1 of term 1, and has lost it");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define TEST_LOG(function) cmocka_unit_test_setup_teardown(function, set_up_log, tear_down)
#define TEST_SNAPSHOT(function)                                                                    \
    cmocka_unit_test_setup_teardown(function, set_up_snapshot, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_replica_loads),
        TEST(test_the_newer_of_two_votes_holds),
        TEST(test_a_vote_goes_with_the_term_that_was_loaded),
        TEST(test_a_damaged_copy_is_refused),
        TEST_LOG(test_a_missing_copy_of_a_log_is_refused),
        TEST_SNAPSHOT(test_a_missing_copy_of_a_snapshot_is_refused),
        TEST(test_an_error_of_the_inner_load_comes_out),
        TEST_LOG(test_a_log_loads),
        TEST_SNAPSHOT(test_a_snapshot_loads),
        TEST_LOG(test_a_damaged_entry_is_refused),
        TEST_LOG(test_an_entry_of_a_newer_version_is_refused),
        TEST_LOG(test_an_entry_in_the_wrong_place_is_refused),
        TEST_LOG(test_an_entry_of_no_type_is_refused),
        TEST_LOG(test_terms_that_go_back_are_refused),
        TEST_LOG(test_entries_behind_a_damaged_one_are_missed),
        TEST_LOG(test_what_was_noted_of_open_segments_is_damaged),
        TEST_LOG(test_an_open_segment_that_was_read_whole),
        TEST_LOG(test_a_log_newer_than_its_term_is_refused),
        TEST_SNAPSHOT(test_a_snapshot_newer_than_its_term_is_refused),
        TEST_LOG(test_a_log_without_its_beginning_is_refused),
        TEST_LOG(test_a_log_that_begins_with_a_command_is_refused),
        TEST_SNAPSHOT(test_a_gap_behind_the_snapshot_is_refused),
        TEST_SNAPSHOT(test_a_log_that_ends_before_the_snapshot_is_refused),
        TEST_SNAPSHOT(test_a_log_that_contradicts_the_snapshot_is_refused),
        TEST_SNAPSHOT(test_a_damaged_snapshot_is_refused),
        TEST_SNAPSHOT(test_a_snapshot_of_nothing_is_refused),
        TEST_SNAPSHOT(test_a_snapshot_of_a_newer_version_is_refused),
        TEST_SNAPSHOT(test_a_flipped_format_of_a_snapshot_is_damage),
        TEST_LOG(test_a_log_reaches_its_mark),
        TEST_SNAPSHOT(test_a_snapshot_reaches_its_mark),
        TEST(test_nothing_does_not_reach_a_mark),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
