#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/exposition.h"

static const struct rm_exposition_style text = {RM_EXPOSITION_TEXT, false};
static const struct rm_exposition_style text_utf8 = {RM_EXPOSITION_TEXT, true};
static const struct rm_exposition_style openmetrics = {RM_EXPOSITION_OPENMETRICS, false};
static const struct rm_exposition_style openmetrics_utf8 = {RM_EXPOSITION_OPENMETRICS, true};

struct fixture {
    struct rm_buffer buffer;
    struct rm_exposition exposition;
};

static struct rm_exposition *begin(struct fixture *f, struct rm_exposition_style style)
{
    rm_buffer_init(&f->buffer, 1 << 20);
    rm_exposition_init(&f->exposition, style, &f->buffer);
    return &f->exposition;
}

static void check(struct fixture *f, const char *expected)
{
    assert_int_equal(rm_exposition_finish(&f->exposition), 0);
    assert_int_equal(rm_buffer_append_byte(&f->buffer, '\0'), 0);
    assert_string_equal(f->buffer.data, expected);
    rm_exposition_done(&f->exposition);
    rm_buffer_done(&f->buffer);
}

static struct rm_label label(const char *name, const char *value)
{
    return (struct rm_label){rm_slice_of(name), rm_slice_of(value)};
}

static void write_three_families(struct rm_exposition *exposition)
{
    const struct rm_label labels[] = {label("host", "web-1"), label("dc", "eu")};
    double sum = 75.5;

    rm_exposition_family(exposition, rm_slice_of("jobs"), "_total", RM_EXPOSITION_COUNTER,
                         rm_slice_of("Jobs that were done."));
    rm_exposition_count(exposition, UINT64_MAX);
    rm_exposition_family(exposition, rm_slice_of("temperature"), "", RM_EXPOSITION_GAUGE,
                         rm_slice_of("How warm it is."));
    rm_exposition_labels(exposition, labels, 2);
    rm_exposition_value(exposition, -0.5);
    rm_exposition_labels(exposition, NULL, 0);
    rm_exposition_value(exposition, INFINITY);
    rm_exposition_value(exposition, -INFINITY);
    rm_exposition_family(exposition, rm_slice_of("latency"), "", RM_EXPOSITION_HISTOGRAM,
                         rm_slice_of("How long it took."));
    rm_exposition_labels(exposition, labels, 1);
    rm_exposition_bucket(exposition, 1, 2);
    rm_exposition_bucket(exposition, INFINITY, 3);
    rm_exposition_total(exposition, 3, &sum);
    rm_exposition_labels(exposition, NULL, 0);
    rm_exposition_bucket(exposition, INFINITY, 0);
    rm_exposition_total(exposition, 0, NULL);
    rm_exposition_end(exposition);
}

static void text_has_families_and_samples(void **state)
{
    struct fixture f;

    (void)state;
    write_three_families(begin(&f, text));
    check(&f, "# HELP jobs_total Jobs that were done.\n"
              "# TYPE jobs_total counter\n"
              "jobs_total 18446744073709551615\n"
              "# HELP temperature How warm it is.\n"
              "# TYPE temperature gauge\n"
              "temperature{host=\"web-1\",dc=\"eu\"} -0.5\n"
              "temperature +Inf\n"
              "temperature -Inf\n"
              "# HELP latency How long it took.\n"
              "# TYPE latency histogram\n"
              "latency_bucket{host=\"web-1\",le=\"1\"} 2\n"
              "latency_bucket{host=\"web-1\",le=\"+Inf\"} 3\n"
              "latency_sum{host=\"web-1\"} 75.5\n"
              "latency_count{host=\"web-1\"} 3\n"
              "latency_bucket{le=\"+Inf\"} 0\n"
              "latency_count 0\n");
}

static void openmetrics_differs_where_its_specification_does(void **state)
{
    struct fixture f;

    (void)state;
    write_three_families(begin(&f, openmetrics));
    check(&f, "# HELP jobs Jobs that were done.\n"
              "# TYPE jobs counter\n"
              "jobs_total 18446744073709551615\n"
              "# HELP temperature How warm it is.\n"
              "# TYPE temperature gauge\n"
              "temperature{host=\"web-1\",dc=\"eu\"} -0.5\n"
              "temperature +Inf\n"
              "temperature -Inf\n"
              "# HELP latency How long it took.\n"
              "# TYPE latency histogram\n"
              "latency_bucket{host=\"web-1\",le=\"1.0\"} 2\n"
              "latency_bucket{host=\"web-1\",le=\"+Inf\"} 3\n"
              "latency_sum{host=\"web-1\"} 75.5\n"
              "latency_count{host=\"web-1\"} 3\n"
              "latency_bucket{le=\"+Inf\"} 0\n"
              "# EOF\n");
}

static void counters_of_openmetrics_always_end_in_total(void **state)
{
    struct fixture f;
    struct rm_exposition *exposition = begin(&f, openmetrics);

    (void)state;
    rm_exposition_family(exposition, rm_slice_of("jobs"), "", RM_EXPOSITION_COUNTER,
                         rm_slice_of("Jobs."));
    rm_exposition_value(exposition, 1.5);
    rm_exposition_family(exposition, rm_slice_of("work_total"), "", RM_EXPOSITION_GAUGE,
                         rm_slice_of("Work."));
    rm_exposition_value(exposition, 2);
    check(&f, "# HELP jobs Jobs.\n# TYPE jobs counter\njobs_total 1.5\n"
              "# HELP work_total Work.\n# TYPE work_total gauge\nwork_total 2\n");
}

static void write_odd_names(struct rm_exposition *exposition)
{
    const struct rm_label labels[] = {label("dc", "eu"), label("http.route", "/a"),
                                      label("k8s-pod", "p")};

    rm_exposition_family(exposition, rm_slice_of("http.server/time-s"), "_last",
                         RM_EXPOSITION_GAUGE, rm_slice_of("Time."));
    rm_exposition_value(exposition, 1);
    rm_exposition_labels(exposition, labels, 3);
    rm_exposition_value(exposition, 2);
    rm_exposition_family(exposition, rm_slice_of("job:rate"), "", RM_EXPOSITION_HISTOGRAM,
                         rm_slice_of("Rate."));
    rm_exposition_labels(exposition, labels, 2);
    rm_exposition_bucket(exposition, INFINITY, 1);
    rm_exposition_family(exposition, rm_slice_of("a.b"), "", RM_EXPOSITION_HISTOGRAM,
                         rm_slice_of("B."));
    rm_exposition_bucket(exposition, INFINITY, 1);
}

static void names_are_escaped_with_underscores(void **state)
{
    struct fixture f;

    (void)state;
    write_odd_names(begin(&f, text));
    check(&f, "# HELP http_server_time_s_last Time.\n"
              "# TYPE http_server_time_s_last gauge\n"
              "http_server_time_s_last 1\n"
              "http_server_time_s_last{dc=\"eu\",http_route=\"/a\",k8s_pod=\"p\"} 2\n"
              "# HELP job:rate Rate.\n"
              "# TYPE job:rate histogram\n"
              "job:rate_bucket{dc=\"eu\",http_route=\"/a\",le=\"+Inf\"} 1\n"
              "# HELP a_b B.\n"
              "# TYPE a_b histogram\n"
              "a_b_bucket{le=\"+Inf\"} 1\n");
}

static void names_are_kept_in_quotes_where_that_is_allowed(void **state)
{
    struct fixture f;

    (void)state;
    write_odd_names(begin(&f, text_utf8));
    check(&f, "# HELP \"http.server/time-s_last\" Time.\n"
              "# TYPE \"http.server/time-s_last\" gauge\n"
              "{\"http.server/time-s_last\"} 1\n"
              "{\"http.server/time-s_last\",dc=\"eu\",\"http.route\"=\"/a\",\"k8s-pod\"=\"p\"} 2\n"
              "# HELP job:rate Rate.\n"
              "# TYPE job:rate histogram\n"
              "job:rate_bucket{dc=\"eu\",\"http.route\"=\"/a\",le=\"+Inf\"} 1\n"
              "# HELP \"a.b\" B.\n"
              "# TYPE \"a.b\" histogram\n"
              "{\"a.b_bucket\",le=\"+Inf\"} 1\n");
}

static void values_of_labels_and_helps_are_escaped(void **state)
{
    const struct rm_label labels[] = {label("path", "C:\\\"new\"\n"), label("name", "Zürich")};
    const struct rm_exposition_style styles[] = {text, openmetrics};
    const char *const helps[] = {"a \\\\ b \"c\"\\nd", "a \\\\ b \\\"c\\\"\\nd"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        struct rm_exposition *exposition = begin(&f, styles[i]);
        char expected[512];

        rm_exposition_family(exposition, rm_slice_of("m"), "", RM_EXPOSITION_GAUGE,
                             rm_slice_of("a \\ b \"c\"\nd"));
        rm_exposition_labels(exposition, labels, 2);
        rm_exposition_value(exposition, 1);
        snprintf(expected, sizeof expected,
                 "# HELP m %s\n# TYPE m gauge\n"
                 "m{path=\"C:\\\\\\\"new\\\"\\n\",name=\"Zürich\"} 1\n",
                 helps[i]);
        check(&f, expected);
    }
}

static void check_bound(double bound, const char *as_text, const char *as_openmetrics)
{
    const struct rm_exposition_style styles[] = {text, openmetrics};
    const char *const expected[] = {as_text, as_openmetrics};

    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        struct rm_exposition *exposition = begin(&f, styles[i]);
        char line[128];

        rm_exposition_family(exposition, rm_slice_of("m"), "", RM_EXPOSITION_HISTOGRAM,
                             rm_slice_of("M."));
        rm_exposition_bucket(exposition, bound, 7);
        snprintf(line, sizeof line, "# HELP m M.\n# TYPE m histogram\nm_bucket{le=\"%s\"} 7\n",
                 expected[i]);
        check(&f, line);
    }
}

static void bounds_are_written_as_other_exporters_write_them(void **state)
{
    (void)state;
    check_bound(0, "0", "0.0");
    check_bound(1, "1", "1.0");
    check_bound(-2, "-2", "-2.0");
    check_bound(0.25, "0.25", "0.25");
    check_bound(500000, "500000", "500000.0");
    check_bound(1e6, "1e+06", "1e+06");
    check_bound(2.5e6, "2.5e+06", "2.5e+06");
    check_bound(-1234567.5, "-1.2345675e+06", "-1.2345675e+06");
    check_bound(1e22, "1e+22", "1e+22");
    check_bound(1e100, "1e+100", "1e+100");
    check_bound(0.0001, "0.0001", "0.0001");
    check_bound(0.00001, "1e-05", "1e-05");
    check_bound(2.5e-7, "2.5e-07", "2.5e-07");
    check_bound(INFINITY, "+Inf", "+Inf");
}

static void check_order(struct rm_exposition_style style, const char *first, const char *second)
{
    struct rm_slice a = rm_slice_of(first);
    struct rm_slice b = rm_slice_of(second);

    if (rm_exposition_compare_names(style, a, b) >= 0 ||
        rm_exposition_compare_names(style, b, a) <= 0 ||
        rm_exposition_compare_names(style, a, a) != 0) {
        fail_msg("%s is not before %s", first, second);
    }
}

static void names_stand_in_the_order_of_what_is_written(void **state)
{
    (void)state;
    check_order(text, "a", "a.");
    check_order(text, "a.b", "a.b_c");
    check_order(text, "a0", "a.b");
    check_order(text, "aB", "a.b");
    check_order(text, "a.b", "aab");
    check_order(text, "a-b", "a.b");
    check_order(text, "a.b", "a/b");
    check_order(text, "a/b", "a_b");
    check_order(text, "a_b", "a.c");
    check_order(text_utf8, "a.b", "a0");
    check_order(text_utf8, "a.c", "a_b");
    check_order(openmetrics, "a_b", "a.c");
}

static void a_family_goes_on_in_another_text(void **state)
{
    struct fixture f;
    struct rm_exposition *exposition = begin(&f, openmetrics);

    (void)state;
    rm_exposition_go_on(exposition, rm_slice_of("a.b_total"), "", RM_EXPOSITION_COUNTER);
    rm_exposition_value(exposition, 1);
    check(&f, "a_b_total 1\n");
}

static void lack_of_room_is_told_at_the_end(void **state)
{
    struct rm_buffer buffer;
    struct rm_exposition exposition;

    (void)state;
    rm_buffer_init(&buffer, 40);
    rm_exposition_init(&exposition, text, &buffer);
    write_three_families(&exposition);
    assert_int_equal(rm_exposition_finish(&exposition), RM_ETOOBIG);
    rm_exposition_done(&exposition);
    rm_buffer_done(&buffer);
}

static void content_types_name_version_and_escaping(void **state)
{
    (void)state;
    assert_string_equal(rm_exposition_content_type(text),
                        "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
    assert_string_equal(rm_exposition_content_type(text_utf8),
                        "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8");
    assert_string_equal(rm_exposition_content_type(openmetrics),
                        "application/openmetrics-text; version=1.0.0; charset=utf-8; "
                        "escaping=underscores");
    assert_string_equal(rm_exposition_content_type(openmetrics_utf8),
                        "application/openmetrics-text; version=1.0.0; charset=utf-8; "
                        "escaping=allow-utf-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_families_and_samples),
        cmocka_unit_test(openmetrics_differs_where_its_specification_does),
        cmocka_unit_test(counters_of_openmetrics_always_end_in_total),
        cmocka_unit_test(names_are_escaped_with_underscores),
        cmocka_unit_test(names_are_kept_in_quotes_where_that_is_allowed),
        cmocka_unit_test(values_of_labels_and_helps_are_escaped),
        cmocka_unit_test(bounds_are_written_as_other_exporters_write_them),
        cmocka_unit_test(names_stand_in_the_order_of_what_is_written),
        cmocka_unit_test(a_family_goes_on_in_another_text),
        cmocka_unit_test(lack_of_room_is_told_at_the_end),
        cmocka_unit_test(content_types_name_version_and_escaping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
