#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/api/route.h"
#include "raftmetrics/api/options.h"
#include "raftmetrics/base/error.h"

/* The action, or the error where that is negative. The name and Allow as found. */
struct found {
    int rv;
    const struct rm__route *route;
    struct rm__route_name name;
    const char *allow;
};

static struct found find_as(const char *method, const char *path, bool is_internal)
{
    struct found found = {.allow = NULL};

    found.rv = rm__route_find(rm_slice_of(method), rm_slice_of(path), is_internal, &found.route,
                              &found.name, &found.allow);
    return found;
}

static struct found find(const char *method, const char *path)
{
    return find_as(method, path, false);
}

static void check_action(const char *method, const char *path, enum rm__action action,
                         unsigned scope)
{
    struct found found = find(method, path);

    assert_int_equal(found.rv, 0);
    assert_int_equal(found.route->action, action);
    assert_int_equal(found.route->scope, scope);
}

static void test_every_endpoint(void **state)
{
    (void)state;
    check_action("GET", "/livez", RM__ACTION_LIVEZ, 0);
    check_action("GET", "/readyz", RM__ACTION_READYZ, 0);
    check_action("GET", "/health", RM__ACTION_HEALTH, 0);
    check_action("GET", "/status", RM__ACTION_STATUS, RM_SCOPE_READ);
    check_action("GET", "/status/metrics", RM__ACTION_STATUS_METRICS, RM_SCOPE_READ);
    check_action("POST", "/metrics", RM__ACTION_RECORD, RM_SCOPE_WRITE);
    check_action("GET", "/metrics", RM__ACTION_LIST, RM_SCOPE_READ);
    check_action("POST", "/metrics/batch", RM__ACTION_RECORD_BATCH, RM_SCOPE_WRITE);
    check_action("GET", "/metrics/cpu", RM__ACTION_VALUES, RM_SCOPE_READ);
    check_action("DELETE", "/metrics/cpu", RM__ACTION_DELETE, RM_SCOPE_ADMIN);
    check_action("GET", "/metrics/cpu/aggregate", RM__ACTION_AGGREGATE, RM_SCOPE_READ);
    check_action("GET", "/metrics/cpu/series", RM__ACTION_SERIES, RM_SCOPE_READ);
    check_action("GET", "/metrics/cpu/histogram", RM__ACTION_HISTOGRAM, RM_SCOPE_READ);
}

static void test_every_action_is_described(void **state)
{
    (void)state;
    for (int i = 0; i < RM__ACTIONS; i++) {
        const struct rm__route *route;
        struct rm__route_name name;
        const char *method;
        const char *path;
        const char *allow;
        bool is_internal;

        rm__route_describe((enum rm__action)i, &method, &path, &is_internal);
        /* The star in its path is no name of a metric. */
        assert_int_equal(rm__route_find(rm_slice_of(method), rm_slice_of(path), is_internal, &route,
                                        &name, &allow),
                         strchr(path, '*') == NULL ? 0 : RM_ESYNTAX);
        assert_int_equal(route->action, i);
    }
}

static void test_head_goes_where_get_goes(void **state)
{
    (void)state;
    check_action("HEAD", "/livez", RM__ACTION_LIVEZ, 0);
    check_action("HEAD", "/metrics", RM__ACTION_LIST, RM_SCOPE_READ);
    check_action("HEAD", "/metrics/cpu/aggregate", RM__ACTION_AGGREGATE, RM_SCOPE_READ);
    assert_int_equal(find_as("HEAD", "/append", true).rv, RM_EINVAL);
}

static void check_name(const char *path, const char *name)
{
    struct found found = find("GET", path);

    assert_int_equal(found.rv, 0);
    assert_int_equal(found.name.len, strlen(name));
    assert_memory_equal(found.name.text, name, found.name.len);
}

static void test_names_in_paths(void **state)
{
    (void)state;
    check_name("/metrics/cpu", "cpu");
    check_name("/metrics/cpu%5Fusage", "cpu_usage");
    check_name("/metrics/a%2Fb/aggregate", "a/b");
    check_name("/metrics/a:b.c-d", "a:b.c-d");
    check_name("/metrics/aggregate", "aggregate");
    check_name("/metrics/batch", "batch");
    check_name("/metrics/batch/aggregate", "batch");
    check_name("/metrics/aggregate/aggregate", "aggregate");
}

static void test_names_that_are_none(void **state)
{
    static const char *const bad[] = {"1cpu", "a%20b", "a+b", "%2Fa",      "a%",      "a%2",
                                      "a%zz", "a%00",  "%ff", "caf%C3%A9", "a%252Fb", "a~b"};
    char path[64];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(path, sizeof path, "/metrics/%s", bad[i]);
        assert_int_equal(find("GET", path).rv, RM_ESYNTAX);
        assert_int_equal(find("DELETE", path).rv, RM_ESYNTAX);
    }
}

/* A path with a name of @n characters, each written as @character. */
static void make_long_path(char *path, const char *character, size_t n)
{
    strcpy(path, "/metrics/");
    for (size_t i = 0; i < n; i++) {
        strcat(path, character);
    }
}

static void test_the_longest_name(void **state)
{
    char path[4 * RM_METRIC_NAME_MAX];

    (void)state;
    make_long_path(path, "a", RM_METRIC_NAME_MAX);
    assert_int_equal(find("GET", path).name.len, RM_METRIC_NAME_MAX);
    make_long_path(path, "%61", RM_METRIC_NAME_MAX);
    assert_int_equal(find("GET", path).name.len, RM_METRIC_NAME_MAX);
    make_long_path(path, "a", RM_METRIC_NAME_MAX + 1);
    assert_int_equal(find("GET", path).rv, RM_ESYNTAX);
    make_long_path(path, "%61", RM_METRIC_NAME_MAX + 1);
    assert_int_equal(find("GET", path).rv, RM_ESYNTAX);
}

static void test_paths_that_lead_nowhere(void **state)
{
    static const char *const paths[] = {"/",
                                        "",
                                        "/metric",
                                        "/metricsx",
                                        "/metrics/",
                                        "/metrics//aggregate",
                                        "/metrics/a/",
                                        "/metrics/a/b",
                                        "/metrics/a/aggregate/",
                                        "/metrics/a/aggregate/x",
                                        "/Metrics",
                                        "/health/",
                                        "//health",
                                        "/status/x",
                                        "/cluster",
                                        "/append",
                                        "/session",
                                        "/admit",
                                        "/lead",
                                        "/hashes",
                                        "/internal",
                                        "/internal/append"};

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (find("GET", paths[i]).rv != RM_ENOTFOUND || find("POST", paths[i]).rv != RM_ENOTFOUND) {
            fail_msg("%s leads somewhere", paths[i]);
        }
    }
}

static void check_allow(const char *method, const char *path, const char *allow)
{
    struct found found = find(method, path);

    assert_int_equal(found.rv, RM_EINVAL);
    assert_string_equal(found.allow, allow);
}

static void test_methods_that_are_not_allowed(void **state)
{
    (void)state;
    check_allow("POST", "/livez", "GET, HEAD");
    check_allow("DELETE", "/metrics", "GET, HEAD, POST");
    check_allow("PUT", "/metrics", "GET, HEAD, POST");
    check_allow("PUT", "/metrics/batch", "GET, HEAD, POST, DELETE");
    check_allow("POST", "/metrics/cpu", "GET, HEAD, DELETE");
    check_allow("DELETE", "/metrics/cpu/aggregate", "GET, HEAD");
    check_allow("get", "/metrics", "GET, HEAD, POST");
    check_allow("POST", "/metrics/%zz", "GET, HEAD, DELETE");
}

static void test_paths_between_nodes(void **state)
{
    struct rm_slice path = rm_slice_of("/internal/append");

    (void)state;
    assert_true(rm__route_strip_internal(&path));
    assert_true(rm_slice_is(path, "/append"));
    assert_false(rm__route_strip_internal(&path));
    path = rm_slice_of("/internal");
    assert_false(rm__route_strip_internal(&path));
    path = rm_slice_of("/internalx/append");
    assert_false(rm__route_strip_internal(&path));
    path = rm_slice_of("/internal/");
    assert_true(rm__route_strip_internal(&path));
    assert_true(rm_slice_is(path, "/"));

    assert_int_equal(find_as("POST", "/append", true).route->action, RM__ACTION_APPEND);
    assert_int_equal(find_as("GET", "/cluster", true).route->action, RM__ACTION_CLUSTER);
    assert_int_equal(find_as("GET", "/metrics/cpu", true).route->action, RM__ACTION_VALUES);
    assert_int_equal(find_as("POST", "/session", true).route->action, RM__ACTION_SESSION);
    assert_int_equal(find_as("POST", "/admit", true).route->action, RM__ACTION_ADMIT);
    assert_int_equal(find_as("POST", "/lead", true).route->action, RM__ACTION_LEAD);
    assert_int_equal(find_as("GET", "/hashes", true).route->action, RM__ACTION_HASHES);
    assert_int_equal(find_as("GET", "/append", true).rv, RM_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_endpoint),
        cmocka_unit_test(test_every_action_is_described),
        cmocka_unit_test(test_head_goes_where_get_goes),
        cmocka_unit_test(test_names_in_paths),
        cmocka_unit_test(test_names_that_are_none),
        cmocka_unit_test(test_the_longest_name),
        cmocka_unit_test(test_paths_that_lead_nowhere),
        cmocka_unit_test(test_methods_that_are_not_allowed),
        cmocka_unit_test(test_paths_between_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
