#include "raftmetrics/base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void rm_random_bytes(void *data, size_t len)
{
    char *rest = data;

    while (len > 0) {
        ssize_t n = getrandom(rest, len, 0);

        if (n < 0 && errno != EINTR) {
            fprintf(stderr, "The kernel gives no random bytes: %s\n", strerror(errno));
            exit(EXIT_FAILURE);
        }
        if (n > 0) {
            rest += n;
            len -= (size_t)n;
        }
    }
}

void rm_random_hex(char *ret_text, size_t n_bytes)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char *bytes = (unsigned char *)ret_text + n_bytes;

    /* The bytes stand in the second half of the text, which grows over them from the front: the
     * digits of byte i are written to 2i and 2i + 1, never behind byte i at n_bytes + i. */
    rm_random_bytes(bytes, n_bytes);
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned char byte = bytes[i];

        ret_text[2 * i] = digits[byte >> 4];
        ret_text[2 * i + 1] = digits[byte & 15];
    }
    ret_text[2 * n_bytes] = '\0';
}
