#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/json_writer.h"

struct fixture {
    struct rm_buffer buffer;
    struct rm_json_writer json;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    rm_buffer_init(&f->buffer, 4096);
    rm_json_init(&f->json, &f->buffer);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    rm_buffer_done(&f->buffer);
    free(f);
    return 0;
}

static void assert_written(struct fixture *f, const char *expected)
{
    assert_int_equal(rm_json_finish(&f->json), 0);
    assert_int_equal(rm_buffer_append_byte(&f->buffer, '\0'), 0);
    assert_string_equal(f->buffer.data, expected);
}

static void writes_every_kind_of_value(void **state)
{
    struct fixture *f = *state;
    struct rm_json_writer *json = &f->json;

    rm_json_object_begin(json);
    rm_json_member_text(json, "metric_name", rm_slice_of("cpu_usage"));
    rm_json_key(json, "values");
    rm_json_array_begin(json);
    rm_json_double(json, 75.5);
    rm_json_double(json, 80.2);
    rm_json_double(json, -0.0);
    rm_json_double(json, NAN);
    rm_json_double(json, -INFINITY);
    rm_json_array_end(json);
    rm_json_member_int(json, "int", INT64_MIN);
    rm_json_member_uint(json, "uint", UINT64_MAX);
    rm_json_member_double(json, "double", 1e300);
    rm_json_member_bool(json, "yes", true);
    rm_json_member_bool(json, "no", false);
    rm_json_key(json, "null");
    rm_json_null(json);
    rm_json_key(json, "timestamp");
    rm_json_timestamp(json, 1732568363376);
    rm_json_key(json, "raw");
    rm_json_raw(json, rm_slice_of("{\"a\":[1]}"));
    rm_json_object_end(json);
    assert_written(f, "{\"metric_name\":\"cpu_usage\",\"values\":[75.5,80.2,-0.0,null,null],"
                      "\"int\":-9223372036854775808,\"uint\":18446744073709551615,"
                      "\"double\":1e+300,\"yes\":true,\"no\":false,\"null\":null,"
                      "\"timestamp\":\"2024-11-25T20:59:23.376Z\",\"raw\":{\"a\":[1]}}");
}

static void puts_commas_between_nested_values(void **state)
{
    struct fixture *f = *state;
    struct rm_json_writer *json = &f->json;

    rm_json_array_begin(json);
    rm_json_array_begin(json);
    rm_json_array_end(json);
    rm_json_object_begin(json);
    rm_json_object_end(json);
    rm_json_object_begin(json);
    rm_json_key(json, "a");
    rm_json_array_begin(json);
    rm_json_int(json, 1);
    rm_json_text(json, rm_slice_of("2"));
    rm_json_array_end(json);
    rm_json_key(json, "b");
    rm_json_object_begin(json);
    rm_json_member_bool(json, "c", true);
    rm_json_object_end(json);
    rm_json_member_int(json, "d", 3);
    rm_json_object_end(json);
    rm_json_bool(json, false);
    rm_json_array_end(json);
    assert_written(f, "[[],{},{\"a\":[1,\"2\"],\"b\":{\"c\":true},\"d\":3},false]");
}

static void writes_behind_what_is_there(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(rm_buffer_append_text(&f->buffer, "data: "), 0);
    rm_json_int(&f->json, 7);
    assert_written(f, "data: 7");
}

static void escapes_texts(void **state)
{
    struct fixture *f = *state;
    struct rm_json_writer *json = &f->json;

    rm_json_array_begin(json);
    rm_json_text(json, rm_slice_make(NULL, 0));
    rm_json_text(json, rm_slice_of("\"\\/"));
    rm_json_text(json, rm_slice_of("\b\f\n\r\t\x01\x1f\x7f"));
    rm_json_text(json, rm_slice_make("a\0b", 3));
    rm_json_text(json, rm_slice_of("\xc2\x80\xc2\x9f\xc2\xa0"));
    rm_json_text(json, rm_slice_of("Gr\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"));
    rm_json_text(json, rm_slice_of("\xff"
                                   "a\xc3"
                                   "b\xed\xa0\x80\xe2\x82"));
    rm_json_array_end(json);
    assert_written(f, "[\"\",\"\\\"\\\\/\",\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\",\"a\\u0000b\","
                      "\"\\u0080\\u009f\xc2\xa0\",\"Gr\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\","
                      "\"\\ufffda\\ufffdb\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"]");
}

static void escapes_keys(void **state)
{
    struct fixture *f = *state;

    rm_json_object_begin(&f->json);
    rm_json_member_int(&f->json, "a\"\n", 1);
    rm_json_object_end(&f->json);
    assert_written(f, "{\"a\\\"\\n\":1}");
}

static void nests_to_its_limit(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < RM_JSON_DEPTH_MAX; i++) {
        rm_json_array_begin(&f->json);
    }
    rm_json_int(&f->json, 1);
    rm_json_int(&f->json, 2);
    for (int i = 0; i < RM_JSON_DEPTH_MAX; i++) {
        rm_json_array_end(&f->json);
    }
    assert_written(f, "[[[[[[[[[[[[[[[[1,2]]]]]]]]]]]]]]]]");
}

/* Small things that would fit again must not follow what was lost. */
static void keeps_the_first_error(void **state)
{
    struct rm_buffer buffer;
    struct rm_json_writer json;

    (void)state;
    rm_buffer_init(&buffer, 8);
    rm_json_init(&json, &buffer);
    rm_json_array_begin(&json);
    rm_json_int(&json, 12345);
    rm_json_int(&json, 678);
    assert_int_equal(json.error, RM_ETOOBIG);
    rm_json_int(&json, 9);
    rm_json_array_end(&json);
    assert_int_equal(rm_json_finish(&json), RM_ETOOBIG);
    assert_true(rm_slice_is(rm_buffer_peek(&buffer), "[12345,"));
    rm_buffer_done(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_every_kind_of_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(puts_commas_between_nested_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_behind_what_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(escapes_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(escapes_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nests_to_its_limit, set_up, tear_down),
        cmocka_unit_test(keeps_the_first_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
