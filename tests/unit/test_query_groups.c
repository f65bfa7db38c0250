/* Runs over many groups, which change or go while it is being worked out which there are, which
 * labels they have and in which order they stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/query_run.h"
#include "raftmetrics/metrics/store.h"
#include "random.h"

enum { N_GROUPS = 1100, STEP_MS = 1000 };

/* A group, and what is known of it: of even ones there is a second series. */
struct group {
    char dc[8]; /* empty: not there */
    char host[8];
    double value;
};

struct groups {
    struct random random;
    struct rm_store *store;
    struct group groups[N_GROUPS]; /* in the order of their labels */
};

static int compare_groups(const void *a, const void *b)
{
    const struct group *left = a;
    const struct group *right = b;
    int rv = strcmp(left->dc, right->dc);

    return rv != 0 ? rv : strcmp(left->host, right->host);
}

static void record(struct groups *groups, const struct group *group, const char *part,
                   int64_t timestamp_ms, double value)
{
    const struct rm_label labels[] = {{rm_slice_of("host"), rm_slice_of(group->host)},
                                      {rm_slice_of("part"), rm_slice_of(part)},
                                      {rm_slice_of("dc"), rm_slice_of(group->dc)}};
    struct rm_label sorted[3] = {labels[2], labels[0], labels[1]};
    bool has_dc = group->dc[0] != '\0';
    const struct rm_sample sample = {.metric_name = rm_slice_of("m"),
                                     .labels = has_dc ? sorted : sorted + 1,
                                     .n_labels = has_dc ? 3 : 2,
                                     .value = value,
                                     .timestamp_ms = timestamp_ms};

    assert_int_equal(rm_store_record(groups->store, &sample), 0);
}

static bool has_second(size_t i)
{
    return i % 2 == 0;
}

/* Recorded in any order. */
static void fill(struct groups *groups)
{
    static const char *const DCS[] = {"", "a", "b", "ab"};

    groups->store = rm_store_new(random_next(&groups->random));
    assert_non_null(groups->store);
    for (size_t i = 0; i < N_GROUPS; i++) {
        struct group *group = &groups->groups[i];

        snprintf(group->dc, sizeof group->dc, "%s", DCS[i % 4]);
        snprintf(group->host, sizeof group->host, "h%zu", i / 4);
        group->value = (double)random_below(&groups->random, 1000);
    }
    qsort(groups->groups, N_GROUPS, sizeof *groups->groups, compare_groups);
    for (size_t i = 0; i < N_GROUPS; i++) {
        size_t place = i * 7919 % N_GROUPS;
        const struct group *group = &groups->groups[place];

        record(groups, group, "1", 0, group->value);
        record(groups, group, "1", STEP_MS, group->value);
        if (has_second(place)) {
            record(groups, group, "2", STEP_MS, group->value);
        }
    }
}

/* Something that may become of the store while a run waits. */
static void change(struct groups *groups)
{
    const struct group other = {"ab", "other", 0};
    const struct group *group = &groups->groups[random_below(&groups->random, N_GROUPS)];

    switch (random_below(&groups->random, 200)) {
    case 0:
        (void)rm_store_delete(groups->store, rm_slice_of("m"));
        break;
    case 1:
    case 2:
    case 3:
        record(groups, &other, "1", 0, 1);
        break;
    default:
        record(groups, group, "1", (int64_t)random_below(&groups->random, 2 * STEP_MS), 5000);
        break;
    }
}

static struct rm_query random_query(struct random *random)
{
    return (struct rm_query){
        .selection = {.metric_name = rm_slice_of("m"), .from_ms = INT64_MIN, .to_ms = INT64_MAX},
        .group_by = {rm_slice_of("dc"), rm_slice_of("host")},
        .n_group_by = 2,
        .step_ms = random_below(random, 2) == 0 ? 0 : STEP_MS,
        .quantiles = {0.5},
        .n_quantiles = random_below(random, 2)};
}

static void check_bucket(const struct rm_query *query, const struct rm_query_bucket *bucket,
                         uint64_t n, double value)
{
    assert_int_equal(bucket->aggregate.count, n);
    assert_true(bucket->aggregate.sum == (double)n * value);
    assert_true(query->n_quantiles == 0 ? bucket->quantiles == NULL
                                        : bucket->quantiles[0] == value);
}

static void check_result(const struct groups *groups, const struct rm_query *query,
                         const struct rm_query_result *result)
{
    assert_int_equal(result->n_groups, N_GROUPS);
    for (size_t i = 0; i < N_GROUPS; i++) {
        const struct group *group = &groups->groups[i];
        const struct rm_query_group *found = &result->groups[i];
        uint64_t n_last = has_second(i) ? 2 : 1;

        assert_true(rm_slice_equal(found->labels[0], rm_slice_of(group->dc)));
        assert_true(rm_slice_equal(found->labels[1], rm_slice_of(group->host)));
        if (query->step_ms == 0) {
            assert_int_equal(found->n_buckets, 1);
            check_bucket(query, &found->buckets[0], 1 + n_last, group->value);
        } else {
            assert_int_equal(found->n_buckets, 2);
            check_bucket(query, &found->buckets[0], 1, group->value);
            check_bucket(query, &found->buckets[1], n_last, group->value);
        }
    }
}

static void test_groups_are_those_of_the_beginning(void **state)
{
    static struct groups groups;

    (void)state;
    groups.random = random_start("test_groups_are_those_of_the_beginning");
    for (int round = 0; round < 30; round++) {
        struct rm_query query = random_query(&groups.random);
        struct rm_query_result result;
        struct rm_query_run *run;
        int64_t n_values = 1 + (int64_t)random_below(&groups.random, round % 2 == 0 ? 500 : 20000);
        bool is_done = false;

        fill(&groups);
        assert_int_equal(rm_query_run_begin(groups.store, &query, &run), 0);
        while (!is_done) {
            assert_int_equal(rm_query_run_work(run, n_values, &is_done), 0);
            change(&groups);
        }
        rm_query_run_take(run, &result);
        rm_query_run_free(run);
        rm_store_free(groups.store);
        check_result(&groups, &query, &result);
        rm_query_result_done(&result);
    }
}

/* In any of its stages. */
static void test_a_store_that_goes(void **state)
{
    static struct groups groups;

    (void)state;
    groups.random = random_start("test_a_store_that_goes");
    for (int n_pieces = 0, is_over = 0; !is_over; n_pieces += 1 + n_pieces / 8) {
        struct rm_query query = random_query(&groups.random);
        struct rm_query_run *run;
        bool is_done = false;

        fill(&groups);
        assert_int_equal(rm_query_run_begin(groups.store, &query, &run), 0);
        for (int i = 0; i < n_pieces && !is_done; i++) {
            assert_int_equal(rm_query_run_work(run, 2000, &is_done), 0);
        }
        rm_store_free(groups.store);
        if (!is_done) {
            assert_int_equal(rm_query_run_work(run, 2000, &is_done), RM_ECANCELED);
        }
        rm_query_run_free(run);
        is_over = is_done;
    }
}

static uint64_t kept_bytes(const struct rm_store *store)
{
    struct rm_store_stats stats;

    rm_store_stats(store, &stats);
    return stats.n_kept_bytes;
}

/* Some at a time, and while the store goes on changing, which concerns it no more. */
static void test_closing(void **state)
{
    static struct groups groups;

    (void)state;
    groups.random = random_start("test_closing");
    for (int store_goes = 0; store_goes < 2; store_goes++) {
        struct rm_query query = random_query(&groups.random);
        struct rm_query_run *run;
        int n_less = 0;

        fill(&groups);
        assert_int_equal(rm_query_run_begin(groups.store, &query, &run), 0);
        for (size_t i = 0; i < N_GROUPS; i++) {
            record(&groups, &groups.groups[i], "1", 0, 1);
        }
        for (bool is_closed = false; !is_closed;) {
            uint64_t before = kept_bytes(groups.store);

            is_closed = rm_query_run_close(run, 1000);
            n_less += kept_bytes(groups.store) < before;
            record(&groups, &groups.groups[0], "2", 0, 1);
            if (store_goes && n_less == 10) {
                break;
            }
        }
        assert_true(n_less >= 10);
        assert_true(store_goes || kept_bytes(groups.store) == 0);
        rm_store_free(groups.store);
        assert_true(!store_goes || !rm_query_run_close(run, 1000));
        rm_query_run_free(run);
    }
    assert_true(rm_query_run_close(NULL, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_are_those_of_the_beginning),
        cmocka_unit_test(test_a_store_that_goes),
        cmocka_unit_test(test_closing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
