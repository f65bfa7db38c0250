/* Randomness of the kernel. */
#ifndef RAFTMETRICS_BASE_RANDOM_H
#define RAFTMETRICS_BASE_RANDOM_H

#include <stddef.h>

/* Fills @data; ends the process with a sentence where the kernel has none to give. */
void rm_random_bytes(void *data, size_t len);

/* @n_bytes random bytes as 2 * @n_bytes lower-case hex digits and a NUL. */
void rm_random_hex(char *ret_text, size_t n_bytes);

#endif
