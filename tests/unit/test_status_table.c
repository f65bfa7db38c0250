/* What `raftmetrics status` makes of an answer, whatever that is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../src/cmd/status_table.h"

static void assert_shown(const char *json, const char *expected)
{
    json_t *status = json_loads(json, JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY, NULL);
    char *text = NULL;
    size_t len;
    FILE *stream = open_memstream(&text, &len);

    assert_non_null(status);
    assert_non_null(stream);
    rm_status_print(stream, status);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(text, expected);
    json_decref(status);
    free(text);
}

static void test_a_cluster(void **state)
{
    (void)state;
    assert_shown(
        "{\"cluster\": {\"name\": \"here\", \"fingerprint\": \"00ff\", \"shards\": 2,"
        "              \"replicas\": 2, \"workers\": 2},"
        " \"workers\": ["
        "  {\"id\": 1, \"address\": \"a:8081\", \"state\": \"up\", \"version\": \"0.1.0\","
        "   \"uptime_seconds\": 93784, \"series\": 12, \"samples\": 123456789012,"
        "   \"memory_bytes\": 1023, \"disk_bytes\": 1610612736},"
        "  {\"id\": 2, \"address\": \"b:8081\", \"state\": \"up\", \"version\": \"0.1.0\","
        "   \"uptime_seconds\": 59, \"series\": 0, \"samples\": 0,"
        "   \"memory_bytes\": 1024, \"disk_bytes\": 0}],"
        " \"shards\": ["
        "  {\"id\": 0, \"leader\": 1, \"term\": 3, \"replicas\": ["
        "   {\"worker\": 1, \"role\": \"leader\", \"match_index\": 104, \"applied_index\": 104,"
        "    \"lag\": 0},"
        "   {\"worker\": 2, \"role\": \"follower\", \"match_index\": 104, \"applied_index\": 99,"
        "    \"lag\": 5}]},"
        "  {\"id\": 1, \"leader\": 2, \"term\": 12, \"replicas\": ["
        "   {\"worker\": 2, \"role\": \"leader\", \"match_index\": 7, \"applied_index\": 7,"
        "    \"lag\": 0}]}],"
        " \"control\": {\"version\": \"0.1.0\", \"uptime_seconds\": 3725, \"requests\": 12,"
        "               \"inflight\": 1, \"queue\": 2048}}",
        "cluster here (00ff): 2 of 2 workers up, 2 of 2 shards have a leader, replicas: 2\n"
        "control 0.1.0: up 1h 2m, 12 requests, 1 in flight, 2.0 KiB queued\n"
        "\n"
        "WORKER  ADDRESS  STATE  VERSION  UPTIME  SERIES       SAMPLES   MEMORY     DISK\n"
        "     1  a:8081   up     0.1.0     1d 2h      12  123456789012   1023 B  1.5 GiB\n"
        "     2  b:8081   up     0.1.0       59s       0             0  1.0 KiB      0 B\n"
        "\n"
        "SHARD  LEADER  TERM  WORKER  ROLE      MATCH  APPLIED  LAG\n"
        "    0       1     3       1  leader      104      104    0\n"
        "                          2  follower    104       99    5\n"
        "    1       2    12       2  leader        7        7    0\n");
}

static void test_trouble(void **state)
{
    (void)state;
    assert_shown(
        "{\"cluster\": {\"name\": \"here\", \"fingerprint\": \"\", \"replicas\": 3, \"workers\": "
        "3},"
        " \"workers\": ["
        "  {\"id\": 1, \"address\": \"a:1\", \"state\": \"up\", \"uptime_seconds\": 754},"
        "  {\"id\": 2, \"address\": \"b:1\", \"state\": \"unreachable\"}],"
        " \"shards\": ["
        "  {\"id\": 0, \"leader\": null, \"term\": 3, \"replicas\": ["
        "   {\"worker\": 1, \"role\": \"damaged\", \"reason\": \"its log lost entries\"},"
        "   {\"worker\": 3, \"role\": \"follower\", \"match_index\": 7, \"applied_index\": 7,"
        "    \"lag\": null}]},"
        "  {\"id\": 1, \"leader\": 0, \"term\": 0, \"replicas\": []}]}",
        "cluster here (-): 1 of 3 workers up, 0 of 2 shards have a leader, replicas: 3\n"
        "\n"
        "WORKER  ADDRESS  STATE        VERSION   UPTIME  SERIES  SAMPLES  MEMORY  DISK\n"
        "     1  a:1      up           -        12m 34s       -        -       -     -\n"
        "     2  b:1      unreachable  -              -       -        -       -     -\n"
        "\n"
        "SHARD  LEADER  TERM  WORKER  ROLE      MATCH  APPLIED  LAG  REASON\n"
        "    0       -     3       1  damaged       -        -    -  its log lost entries\n"
        "                          3  follower      7        7    -  -\n"
        "    1       -     0       -  -             -        -    -  -\n");
}

/* Of another program at that address: nothing may crash. */
static void test_any_json(void **state)
{
    static const char nothing[] =
        "cluster - (-): 0 of 0 workers up, 0 of 0 shards have a leader, replicas: 0\n"
        "\n"
        "WORKER  ADDRESS  STATE  VERSION  UPTIME  SERIES  SAMPLES  MEMORY  DISK\n"
        "\n"
        "SHARD  LEADER  TERM  WORKER  ROLE  MATCH  APPLIED  LAG\n";

    (void)state;
    assert_shown("null", nothing);
    assert_shown("[1, {}]", nothing);
    assert_shown("{\"cluster\": 1, \"workers\": \"x\", \"shards\": {\"id\": 1}}", nothing);
    assert_shown("{\"cluster\": {\"name\": 5, \"workers\": -7, \"replicas\": 1e300},"
                 " \"workers\": [null, {\"state\": 1, \"uptime_seconds\": -1,"
                 "                      \"disk_bytes\": 1e300}],"
                 " \"shards\": [7, {\"leader\": \"x\", \"replicas\": [0]}]}",
                 "cluster - (-): 0 of 0 workers up, 0 of 2 shards have a leader, replicas: "
                 "1000000000000000\n"
                 "\n"
                 "WORKER  ADDRESS  STATE  VERSION  UPTIME  SERIES  SAMPLES  MEMORY       DISK\n"
                 "     -  -        -      -             -       -        -       -          -\n"
                 "     -  -        1      -            0s       -        -       -  909.5 TiB\n"
                 "\n"
                 "SHARD  LEADER  TERM  WORKER  ROLE  MATCH  APPLIED  LAG\n"
                 "    -       -     -       -  -         -        -    -\n"
                 "    -       -     -       -  -         -        -    -\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cluster),
        cmocka_unit_test(test_trouble),
        cmocka_unit_test(test_any_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
