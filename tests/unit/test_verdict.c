#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/api/verdict.h"
#include "raftmetrics/base/error.h"

static struct rm_http_answer answer_of(int status, const char *body)
{
    return (struct rm_http_answer){.status = status, .body = rm_slice_of(body)};
}

static void check(int status, const char *body, enum rm__verdict verdict)
{
    struct rm_http_answer answer = answer_of(status, body);

    assert_int_equal(rm__verdict_of(&answer), verdict);
}

static void check_error(int error, enum rm__verdict verdict)
{
    struct rm_http_answer answer = {.error = error};

    assert_int_equal(rm__verdict_of(&answer), verdict);
}

static void test_answers(void **state)
{
    (void)state;
    check(200, "", RM__VERDICT_DONE);
    check(401, "", RM__VERDICT_GONE);
    check(409, "", RM__VERDICT_GONE);
    check(421, "", RM__VERDICT_ELSEWHERE);
    check(503, "{\"error\":\"no_leader\"}", RM__VERDICT_ELSEWHERE);
    check(503, "{\"error\":\"not_current\"}", RM__VERDICT_ELSEWHERE);
    check(503, "{\"error\":\"shutting_down\"}", RM__VERDICT_ELSEWHERE);
    check(404, "{\"error\":\"unknown_session\"}", RM__VERDICT_NO_SESSION);
    check(410, "{\"error\":\"stale_sequence\"}", RM__VERDICT_STALE);
    check(503, "{\"error\":\"outcome_unknown\"}", RM__VERDICT_UNKNOWN);
    check(503, "{\"error\":\"disk_low\"}", RM__VERDICT_REFUSED);
    check(429, "{\"error\":\"shard_full\"}", RM__VERDICT_REFUSED);
    check(400, "{\"error\":\"invalid_body\"}", RM__VERDICT_REFUSED);
}

/* A code counts under its own status only. */
static void test_codes_belong_to_their_status(void **state)
{
    (void)state;
    check(404, "{\"error\":\"unknown_metric\"}", RM__VERDICT_REFUSED);
    check(404, "{\"error\":\"stale_sequence\"}", RM__VERDICT_REFUSED);
    check(400, "{\"error\":\"no_leader\"}", RM__VERDICT_REFUSED);
    check(503, "{\"error\":\"unknown_session\"}", RM__VERDICT_UNKNOWN);
    check(200, "{\"error\":\"outcome_unknown\"}", RM__VERDICT_DONE);
}

/* What stands between control and a worker may fail after the worker was handed the request; and a
 * worker without memory for a body sends none. */
static void test_answers_that_no_worker_words(void **state)
{
    (void)state;
    check(500, "", RM__VERDICT_UNKNOWN);
    check(502, "<html>Bad Gateway</html>", RM__VERDICT_UNKNOWN);
    check(503, "", RM__VERDICT_UNKNOWN);
    check(503, "upstream connect error or disconnect/reset before headers", RM__VERDICT_UNKNOWN);
    check(504, "upstream request timeout", RM__VERDICT_UNKNOWN);
    check(302, "", RM__VERDICT_UNKNOWN);
    check(204, "", RM__VERDICT_UNKNOWN);
    check(400, "<html>Bad Request</html>", RM__VERDICT_REFUSED);
    check(503, "{\"error\":\"overloaded\"}", RM__VERDICT_REFUSED);
}

/* Only without a connection is it known that nothing left. */
static void test_errors(void **state)
{
    (void)state;
    check_error(RM_ECONNECT, RM__VERDICT_GONE);
    check_error(RM_EUNKNOWN, RM__VERDICT_UNKNOWN);
    check_error(RM_ETIMEDOUT, RM__VERDICT_UNKNOWN);
    check_error(RM_ETOOBIG, RM__VERDICT_UNKNOWN);
    check_error(RM_ENOMEM, RM__VERDICT_UNKNOWN);
    check_error(RM_ECANCELED, RM__VERDICT_CANCELED);
}

static void test_refusals(void **state)
{
    struct rm_http_answer disk = answer_of(503, "{\"error\":\"disk_low\"}");
    struct rm_http_answer full = answer_of(429, "{\"error\":\"shard_full\"}");
    struct rm_http_answer busy = answer_of(503, "{\"error\":\"overloaded\"}");

    (void)state;
    assert_int_equal(rm__fate_of_refusal(&disk), RM__FATE_DISK_LOW);
    assert_int_equal(rm__fate_of_refusal(&full), RM__FATE_SHARD_FULL);
    assert_int_equal(rm__fate_of_refusal(&busy), RM__FATE_OVERLOADED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_codes_belong_to_their_status),
        cmocka_unit_test(test_answers_that_no_worker_words),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
