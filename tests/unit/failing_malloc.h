/* Makes the n-th allocation of a test program fail, and counts what is not freed. To be included by
 * one file of the program: its malloc takes the place of glibc's everywhere. Sanitizers replace
 * malloc themselves, so with them FAILING_MALLOC is 0 and there is nothing here. */
#ifndef RAFTMETRICS_TESTS_UNIT_FAILING_MALLOC_H
#define RAFTMETRICS_TESTS_UNIT_FAILING_MALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FAILING_MALLOC 0
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAILING_MALLOC 0
#endif

#ifndef FAILING_MALLOC
#define FAILING_MALLOC 1

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

static long failing_malloc_countdown; /* the allocation that fails; 0: none */
static bool failing_malloc_failed;
static long failing_malloc_n_live;

static bool failing_malloc_fails_now(void)
{
    if (failing_malloc_countdown == 0 || --failing_malloc_countdown > 0) {
        return false;
    }
    failing_malloc_failed = true;
    return true;
}

static void *failing_malloc_count(void *block)
{
    failing_malloc_n_live += block != NULL ? 1 : 0;
    return block;
}

void *malloc(size_t size)
{
    return failing_malloc_fails_now() ? NULL : failing_malloc_count(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return failing_malloc_fails_now() ? NULL : failing_malloc_count(__libc_calloc(n, size));
}

void *realloc(void *block, size_t size)
{
    if (failing_malloc_fails_now()) {
        return NULL;
    }
    return block == NULL ? failing_malloc_count(__libc_malloc(size)) : __libc_realloc(block, size);
}

void free(void *block)
{
    failing_malloc_n_live -= block != NULL ? 1 : 0;
    __libc_free(block);
}

/* From now on the @n-th allocation fails, and none after it. */
static void failing_malloc_arm(long n)
{
    failing_malloc_countdown = n;
    failing_malloc_failed = false;
}

/* True where an allocation did fail since. */
static bool failing_malloc_disarm(void)
{
    failing_malloc_countdown = 0;
    return failing_malloc_failed;
}

#endif
#endif
