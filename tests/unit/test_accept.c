#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/api/accept.h"

static void check(const char *accept, bool prefers_json)
{
    bool is = rm__accept_prefers_json(rm_slice_of(accept));

    if (is != prefers_json) {
        fail_msg("Accept: %s prefers JSON: %d", accept, is);
    }
}

static void test_absent_and_wildcards_are_text(void **state)
{
    (void)state;
    assert_false(rm__accept_prefers_json((struct rm_slice){NULL, 0}));
    check("", false);
    check("*/*", false);
    check("*/*;q=1", false);
    check("application/*", false);
    check("text/*", false);
    check("image/png", false);
}

static void test_json_alone(void **state)
{
    (void)state;
    check("application/json", true);
    check("Application/JSON", true);
    check("  application/json  ", true);
    check("application/json, */*", true);
    check("*/*, application/json;q=0.1", true);
    check("application/json; charset=utf-8", true);
    check("application/json;q=0", false);
    check("application/jsonx", false);
    check("xapplication/json", false);
}

static void test_the_greater_weight_wins(void **state)
{
    (void)state;
    check("application/json, text/plain", false);
    check("text/plain;q=0.9, application/json", true);
    check("application/json;q=0.8, text/plain;q=0.9", false);
    check("application/json ; q=0.9 , text/plain ; q=0.8", true);
    check("application/json;Q=0.2,TEXT/plain;q=0.5", false);
    check("application/json;q=0.5;v=1, text/html;q=0.4, text/plain;q=0.45", true);
    check("application/json;q=0.3, application/json;q=0.7, text/plain;q=0.5", true);
    check("text/plain;q=0, application/json;q=0.001", true);
}

static void test_what_prometheus_sends_is_text(void **state)
{
    (void)state;
    check("application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;"
          "q=0.1",
          false);
    check("application/openmetrics-text, application/json", false);
    check("application/openmetrics-text;q=0.5, application/json;q=0.6", true);
}

static void test_malformed_weights_count_nothing(void **state)
{
    (void)state;
    check("application/json;q=", false);
    check("application/json;q=high", false);
    check("application/json;q", true);
    check("application/json;;;q=0.5;", true);
    check(",,application/json,,", true);
    check(";;;,=", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent_and_wildcards_are_text),
        cmocka_unit_test(test_json_alone),
        cmocka_unit_test(test_the_greater_weight_wins),
        cmocka_unit_test(test_what_prometheus_sends_is_text),
        cmocka_unit_test(test_malformed_weights_count_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
