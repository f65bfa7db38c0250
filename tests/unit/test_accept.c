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

static void check_style(const char *accept, enum rm_exposition_syntax syntax, bool keeps_names)
{
    struct rm_exposition_style style = rm__accept_style(rm_slice_of(accept));

    if (style.syntax != syntax || style.keeps_names != keeps_names) {
        fail_msg("Accept: %s is OpenMetrics: %d, keeps names: %d", accept,
                 style.syntax == RM_EXPOSITION_OPENMETRICS, style.keeps_names);
    }
}

static void test_expositions_are_text_unless_openmetrics_weighs_more(void **state)
{
    (void)state;
    check_style("", RM_EXPOSITION_TEXT, false);
    check_style("*/*", RM_EXPOSITION_TEXT, false);
    check_style("text/html", RM_EXPOSITION_TEXT, false);
    check_style("application/openmetrics-text", RM_EXPOSITION_OPENMETRICS, false);
    check_style("Application/OpenMetrics-Text; Version=1.0.0", RM_EXPOSITION_OPENMETRICS, false);
    check_style("application/openmetrics-text;q=0", RM_EXPOSITION_TEXT, false);
    check_style("application/openmetrics-text;q=0.1, */*", RM_EXPOSITION_OPENMETRICS, false);
    check_style("application/openmetrics-text;q=0.3,text/plain;q=0.4", RM_EXPOSITION_TEXT, false);
    check_style("text/plain, application/openmetrics-text", RM_EXPOSITION_TEXT, false);
    check_style("application/openmetrics-text, text/plain", RM_EXPOSITION_OPENMETRICS, false);
    check_style("application/openmetrics-text;q=0.5, text/*", RM_EXPOSITION_TEXT, false);
}

static void test_unknown_versions_are_passed_over(void **state)
{
    (void)state;
    check_style("application/openmetrics-text;version=0.0.1", RM_EXPOSITION_TEXT, false);
    check_style("application/openmetrics-text;version=2.0.0, text/plain;q=0.1", RM_EXPOSITION_TEXT,
                false);
    check_style("text/plain;version=9, application/openmetrics-text;q=0.1",
                RM_EXPOSITION_OPENMETRICS, false);
}

static void test_names_are_kept_where_that_is_asked_for(void **state)
{
    (void)state;
    check_style("text/plain;version=1.0.0;escaping=allow-utf-8", RM_EXPOSITION_TEXT, true);
    check_style("text/plain;version=1.0.0;escaping=underscores", RM_EXPOSITION_TEXT, false);
    check_style("text/plain;version=1.0.0;escaping=dots", RM_EXPOSITION_TEXT, false);
    check_style("text/plain;version=1.0.0", RM_EXPOSITION_TEXT, false);
    check_style("text/plain;version=0.0.4;escaping=allow-utf-8", RM_EXPOSITION_TEXT, false);
    check_style("text/plain;escaping=allow-utf-8", RM_EXPOSITION_TEXT, false);
    /* Of ranges that weigh the same, the first. */
    check_style("text/plain, text/plain;version=1.0.0;escaping=allow-utf-8", RM_EXPOSITION_TEXT,
                false);
    /* Only of what it gets. */
    check_style("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.1,text/plain",
                RM_EXPOSITION_TEXT, false);
}

static void test_what_prometheus_sends_by_default(void **state)
{
    static const char two[] = "application/openmetrics-text;version=1.0.0,application/"
                              "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;"
                              "q=0.5,*/*;q=0.1";
    static const char three[] = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;"
                                "q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
                                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                                "text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

    (void)state;
    check_style(two, RM_EXPOSITION_OPENMETRICS, false);
    check_style(three, RM_EXPOSITION_OPENMETRICS, true);
    assert_true(rm__accept_style_of(rm_slice_of(three), RM_EXPOSITION_TEXT).keeps_names);
    assert_false(rm__accept_style_of(rm_slice_of(two), RM_EXPOSITION_TEXT).keeps_names);
}

static void check_gzip(const char *accept_encoding, bool takes_gzip)
{
    if (rm__accept_gzip(rm_slice_of(accept_encoding)) != takes_gzip) {
        fail_msg("Accept-Encoding: %s takes gzip: %d", accept_encoding, !takes_gzip);
    }
}

static void test_who_takes_gzip(void **state)
{
    (void)state;
    assert_false(rm__accept_gzip((struct rm_slice){NULL, 0}));
    check_gzip("", false);
    check_gzip("gzip", true);
    check_gzip("GZip", true);
    check_gzip("deflate, gzip;q=0.5, br", true);
    check_gzip("deflate, br", false);
    check_gzip("gzip;q=0", false);
    check_gzip("*", true);
    check_gzip("*;q=0", false);
    check_gzip("gzip;q=0, *", false);
    check_gzip("identity", false);
    check_gzip("identity, gzip;q=0.5", false);
    check_gzip("identity;q=0.5, gzip", true);
    check_gzip("gzip, identity", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent_and_wildcards_are_text),
        cmocka_unit_test(test_json_alone),
        cmocka_unit_test(test_the_greater_weight_wins),
        cmocka_unit_test(test_what_prometheus_sends_is_text),
        cmocka_unit_test(test_malformed_weights_count_nothing),
        cmocka_unit_test(test_expositions_are_text_unless_openmetrics_weighs_more),
        cmocka_unit_test(test_unknown_versions_are_passed_over),
        cmocka_unit_test(test_names_are_kept_where_that_is_asked_for),
        cmocka_unit_test(test_what_prometheus_sends_by_default),
        cmocka_unit_test(test_who_takes_gzip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
