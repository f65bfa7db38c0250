/* The JSON of aggregates, piece by piece, against the same written in one go; and the order of
 * their groups. */
#include <stdio.h>
#include <string.h>

#include "../../src/api/worker/aggregate_body.h"
#include "model.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/store.h"
#include "random.h"

enum { N_HOSTS = 300, STEP_MS = 1000 };

static struct rm_store *store_new(void)
{
    struct rm_store *store = rm_store_new(1);

    assert_non_null(store);
    return store;
}

static void record(struct rm_store *store, const char *host, int64_t timestamp_ms, double value)
{
    const struct rm_label label = {rm_slice_of("host"), rm_slice_of(host)};
    const struct rm_sample sample = {.metric_name = rm_slice_of("cpu"),
                                     .labels = &label,
                                     .n_labels = host[0] != '\0',
                                     .value = value,
                                     .timestamp_ms = timestamp_ms};

    assert_int_equal(rm_store_record(store, &sample), 0);
}

static struct rm__read_query query_of_all(void)
{
    struct rm__read_query query = {
        .selection = {.metric_name = rm_slice_of("cpu"), .from_ms = INT64_MIN, .to_ms = INT64_MAX},
        .decimals = -1};

    query.aggregate.limit = SIZE_MAX;
    query.aggregate.n_aggs = 2;
    query.aggregate.aggs[0] = (struct rm__agg_field){RM__AGG_COUNT, 0, rm_slice_of("count")};
    query.aggregate.aggs[1] = (struct rm__agg_field){RM__AGG_SUM, 0, rm_slice_of("sum")};
    return query;
}

static void group_by_host(struct rm__read_query *query)
{
    query->aggregate.group_by[0] = rm_slice_of("host");
    query->aggregate.n_group_by = 1;
}

static void order_by(struct rm__read_query *query, enum rm__agg agg, bool is_descending)
{
    query->aggregate.is_ordered = true;
    query->aggregate.is_descending = is_descending;
    query->aggregate.order_by = (struct rm__agg_field){agg, 0, rm_slice_of("it")};
}

static struct rm_query_result ask(struct rm_store *store, const struct rm__read_query *query,
                                  int64_t step_ms)
{
    struct rm_query asked = {.selection = query->selection,
                             .n_group_by = query->aggregate.n_group_by,
                             .step_ms = step_ms};
    struct rm_query_result result;

    asked.group_by[0] = query->aggregate.group_by[0];
    assert_int_equal(rm_store_query(store, &asked, &result), 0);
    return result;
}

/* Some budget at a time. */
static int64_t some(struct random *random)
{
    return random == NULL ? INT64_MAX : 1 + (int64_t)random_below(random, 300);
}

/* The caller's to free. All but the end; in one go where @random is NULL. NULL where it is longer
 * than @max. */
static char *write_body(struct random *random, struct rm_store *store,
                        const struct rm__read_query *query, size_t max)
{
    struct rm__exchange exchange = {.name = {"cpu", 3}};
    struct rm_query_result whole = ask(store, query, 0);
    struct rm_query_result result = ask(store, query, query->aggregate.step_ms);
    struct rm__read_query whole_query = *query;
    struct rm__aggregate_body body;
    struct rm__group_order order;
    int64_t budget;

    whole_query.aggregate.step_ms = 0;
    assert_int_equal(rm__group_order_begin(&order, &whole_query, &whole), 0);
    do {
        budget = some(random);
    } while (!rm__group_order_work(&order, &budget));
    rm__aggregate_body_begin(&body, &exchange, query, &result, &order);
    body.bytes.max = max;
    do {
        budget = some(random);
    } while (!rm__aggregate_body_write(&body, &budget));
    rm_query_result_done(&whole);
    rm_query_result_done(&result);
    rm__group_order_done(&order);
    if (body.json.error != 0) {
        assert_int_equal(body.json.error, RM_ETOOBIG);
        rm__aggregate_body_done(&body);
        return NULL;
    }
    assert_int_equal(rm_buffer_append_byte(&body.bytes, '\0'), 0);
    return rm_buffer_take(&body.bytes);
}

static void check_body(struct rm_store *store, const struct rm__read_query *query,
                       const char *expected)
{
    char *text = write_body(NULL, store, query, SIZE_MAX);

    assert_string_equal(text, expected);
    free(text);
}

static void test_of_one_group(void **state)
{
    struct rm_store *store = store_new();
    struct rm__read_query query = query_of_all();

    (void)state;
    record(store, "b", 0, 1.5);
    record(store, "a", STEP_MS, 2);
    check_body(store, &query, "{\"metric_name\":\"cpu\",\"count\":2,\"sum\":3.5");
    query.aggregate.step_ms = STEP_MS;
    check_body(store, &query,
               "{\"metric_name\":\"cpu\",\"series\":["
               "{\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"count\":1,\"sum\":1.5},"
               "{\"timestamp\":\"1970-01-01T00:00:01.000Z\",\"count\":1,\"sum\":2}]");
    query.selection.to_ms = 0;
    check_body(store, &query, "{\"metric_name\":\"cpu\",\"series\":[]");
    group_by_host(&query);
    check_body(store, &query, "{\"metric_name\":\"cpu\",\"groups\":[");
    rm_store_free(store);
}

static void test_of_groups(void **state)
{
    struct rm_store *store = store_new();
    struct rm__read_query query = query_of_all();

    (void)state;
    group_by_host(&query);
    record(store, "b", 0, DBL_MAX);
    record(store, "b", 0, DBL_MAX);
    record(store, "", STEP_MS, 2);
    check_body(store, &query,
               "{\"metric_name\":\"cpu\",\"groups\":[{\"labels\":{},\"count\":1,\"sum\":2},"
               "{\"labels\":{\"host\":\"b\"},\"count\":2,\"sum\":null,\"overflow\":true}");
    query.aggregate.limit = 1;
    order_by(&query, RM__AGG_COUNT, true);
    query.aggregate.step_ms = STEP_MS;
    query.aggregate.n_aggs = 1;
    check_body(store, &query,
               "{\"metric_name\":\"cpu\",\"groups\":[{\"labels\":{\"host\":\"b\"},\"series\":["
               "{\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"count\":2}]}");
    rm_store_free(store);
}

/* Of what is equal, and of what does not exist, the labels' order stays; and that comes last. */
static void test_order(void **state)
{
    static const char *const HOSTS[] = {"a", "b", "c", "d", "e"};
    static const double VALUES[] = {1, 3, 1, 3, 2};
    struct rm_store *store = store_new();
    struct rm__read_query query = query_of_all();

    (void)state;
    group_by_host(&query);
    query.aggregate.n_aggs = 0;
    for (int i = 0; i < 5; i++) {
        record(store, HOSTS[i], 0, VALUES[i]);
    }
    order_by(&query, RM__AGG_MAX, false);
    check_body(store, &query,
               "{\"metric_name\":\"cpu\",\"groups\":[{\"labels\":{\"host\":\"a\"}},"
               "{\"labels\":{\"host\":\"c\"}},{\"labels\":{\"host\":\"e\"}},"
               "{\"labels\":{\"host\":\"b\"}},{\"labels\":{\"host\":\"d\"}}");
    order_by(&query, RM__AGG_MAX, true);
    check_body(store, &query,
               "{\"metric_name\":\"cpu\",\"groups\":[{\"labels\":{\"host\":\"b\"}},"
               "{\"labels\":{\"host\":\"d\"}},{\"labels\":{\"host\":\"e\"}},"
               "{\"labels\":{\"host\":\"a\"}},{\"labels\":{\"host\":\"c\"}}");
    record(store, "b", 9000, 1);
    record(store, "d", 18000, 1);
    for (int is_descending = 0; is_descending < 2; is_descending++) {
        order_by(&query, RM__AGG_COUNT_RATE, is_descending != 0);
        query.aggregate.limit = 3;
        check_body(store, &query,
                   is_descending
                       ? "{\"metric_name\":\"cpu\",\"groups\":[{\"labels\":{\"host\":\"b\"}},"
                         "{\"labels\":{\"host\":\"d\"}},{\"labels\":{\"host\":\"a\"}}"
                       : "{\"metric_name\":\"cpu\",\"groups\":[{\"labels\":{\"host\":\"d\"}},"
                         "{\"labels\":{\"host\":\"b\"}},{\"labels\":{\"host\":\"a\"}}");
    }
    rm_store_free(store);
}

static struct rm__read_query random_query(struct random *random)
{
    struct rm__read_query query = query_of_all();

    query.decimals = (int)random_below(random, 3) - 1;
    query.aggregate.step_ms = (int64_t)random_below(random, 2) * STEP_MS;
    if (random_below(random, 3) > 0) {
        group_by_host(&query);
    }
    if (random_below(random, 2) == 0) {
        order_by(&query, random_below(random, 2) == 0 ? RM__AGG_SUM : RM__AGG_COUNT_RATE,
                 random_below(random, 2) == 0);
    }
    if (random_below(random, 2) == 0) {
        query.aggregate.limit = 1 + random_below(random, N_HOSTS);
    }
    return query;
}

static void test_pieces(void **state)
{
    struct random random = random_start("test_pieces");

    (void)state;
    for (int round = 0; round < 60; round++) {
        struct rm_store *store = store_new();
        struct rm__read_query query = random_query(&random);
        char *whole;
        char *pieces;
        size_t max;

        for (uint64_t i = random_below(&random, 3000) + 1; i > 0; i--) {
            char host[8];

            snprintf(host, sizeof host, "h%" PRIu64, random_below(&random, N_HOSTS));
            record(store, host, (int64_t)random_below(&random, 9 * STEP_MS),
                   (double)random_below(&random, 50) / 4);
        }
        whole = write_body(NULL, store, &query, SIZE_MAX);
        pieces = write_body(&random, store, &query, SIZE_MAX);
        assert_string_equal(pieces, whole);
        max = strlen("{\"metric_name\":\"cpu\",\"groups\":[");
        max += random_below(&random, strlen(whole) - max);
        assert_null(write_body(&random, store, &query, max));
        free(whole);
        free(pieces);
        rm_store_free(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_one_group),
        cmocka_unit_test(test_of_groups),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
