#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "raftmetrics/base/random.h"

enum { N_BYTES = 1000 };

/* Not 0: the kernel's place is taken by one that is interrupted every other time, and gives 0, 1, 2
 * and so on, this many at a time. */
static size_t n_bytes_a_call;

ssize_t getrandom(void *data, size_t len, unsigned flags)
{
    static bool is_interrupted;
    unsigned char *bytes = data;

    if (n_bytes_a_call == 0) {
        return syscall(SYS_getrandom, data, len, flags);
    }
    is_interrupted = !is_interrupted;
    if (is_interrupted) {
        errno = EINTR;
        return -1;
    }
    len = len < n_bytes_a_call ? len : n_bytes_a_call;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (unsigned char)i;
    }
    return (ssize_t)len;
}

/* That a byte is never set, in 64 draws, happens by chance once in 10^150 runs. */
static void fills_every_byte(void **state)
{
    unsigned char seen[N_BYTES + 1] = {0};
    unsigned char data[N_BYTES + 1];

    (void)state;
    for (int draw = 0; draw < 64; draw++) {
        memset(data, 0, sizeof data);
        rm_random_bytes(data, N_BYTES);
        for (size_t i = 0; i <= N_BYTES; i++) {
            seen[i] |= data[i];
        }
    }
    for (size_t i = 0; i < N_BYTES; i++) {
        assert_int_not_equal(seen[i], 0);
    }
    assert_int_equal(seen[N_BYTES], 0);
    rm_random_bytes(NULL, 0);
}

/* The kernel may give less than was asked for, or be interrupted. */
static void asks_until_it_has_all(void **state)
{
    unsigned char data[N_BYTES];

    (void)state;
    memset(data, 0xff, sizeof data);
    n_bytes_a_call = 7;
    rm_random_bytes(data, N_BYTES);
    n_bytes_a_call = 0;
    for (size_t i = 0; i < N_BYTES; i++) {
        assert_int_equal(data[i], i % 7);
    }
}

static void writes_hex_digits(void **state)
{
    char text[2 * 16 + 2];
    char other[2 * 16 + 2];

    (void)state;
    memset(text, '#', sizeof text);
    rm_random_hex(text, 16);
    rm_random_hex(other, 16);
    assert_int_equal(strlen(text), 32);
    assert_int_equal(strspn(text, "0123456789abcdef"), 32);
    assert_int_equal(text[33], '#');
    assert_string_not_equal(text, other);
    rm_random_hex(text, 0);
    assert_string_equal(text, "");
}

/* Both digits of every byte vary. */
static void uses_all_digits_everywhere(void **state)
{
    char text[2 * 8 + 1];
    char seen[2 * 8][16] = {{0}};

    (void)state;
    for (int draw = 0; draw < 4000; draw++) {
        rm_random_hex(text, 8);
        for (size_t i = 0; i < 16; i++) {
            seen[i][strcspn("0123456789abcdef", (char[]){text[i], '\0'})] = 1;
        }
    }
    for (size_t i = 0; i < 16; i++) {
        for (size_t digit = 0; digit < 16; digit++) {
            assert_int_equal(seen[i][digit], 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_every_byte),
        cmocka_unit_test(asks_until_it_has_all),
        cmocka_unit_test(writes_hex_digits),
        cmocka_unit_test(uses_all_digits_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
