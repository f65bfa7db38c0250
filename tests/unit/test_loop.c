/* The signals of a loop. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raftmetrics/net/loop.h"

struct hearing {
    struct rm_loop *loop;
    int signum;
};

static void on_signal(int signum, void *data)
{
    struct hearing *hearing = data;

    hearing->signum = signum;
    rm_loop_stop(hearing->loop);
}

/* Who stops takes no notice of another SIGTERM, and does not die of it. */
static void test_a_signal_is_heard_and_later_ignored(void **state)
{
    struct hearing hearing = {.loop = rm_loop_new()};
    struct rm_signal *handle;

    (void)state;
    assert_non_null(hearing.loop);
    handle = rm_signal_new(hearing.loop, SIGTERM, on_signal, &hearing);
    assert_non_null(handle);
    raise(SIGTERM);
    rm_loop_run(hearing.loop);
    assert_int_equal(hearing.signum, SIGTERM);
    hearing.signum = 0;
    rm_signal_free(handle);
    raise(SIGTERM);
    rm_loop_free(hearing.loop);
    raise(SIGTERM);
    assert_int_equal(hearing.signum, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signal_is_heard_and_later_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
