/* A slice: borrowed bytes with a length, not terminated. Who owns the bytes is said where a slice
 * is handed over. */
#ifndef RAFTMETRICS_BASE_SLICE_H
#define RAFTMETRICS_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct rm_slice {
    const char *data;
    size_t len;
};

/* The bytes of a NUL-terminated @text, without the NUL. */
static inline struct rm_slice rm_slice_of(const char *text)
{
    return (struct rm_slice){text, strlen(text)};
}

static inline struct rm_slice rm_slice_make(const void *data, size_t len)
{
    return (struct rm_slice){data, len};
}

static inline bool rm_slice_equal(struct rm_slice a, struct rm_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool rm_slice_is(struct rm_slice a, const char *text)
{
    return rm_slice_equal(a, rm_slice_of(text));
}

/* Byte order, the shorter first where one is a prefix of the other; as memcmp. */
int rm_slice_compare(struct rm_slice a, struct rm_slice b);

/* ASCII letters compared without case. */
bool rm_slice_equal_nocase(struct rm_slice a, struct rm_slice b);

bool rm_slice_has_prefix(struct rm_slice a, struct rm_slice prefix);

/* A NUL-terminated copy on the heap, the caller's to free; NULL when out of memory. */
char *rm_slice_dup(struct rm_slice a);

/* Cuts @rest at the first @separator: *@ret_head gets what stands before it, *@rest what follows.
 * Without a separator the head is everything and the rest is empty. False when @rest was at its
 * end (data NULL). */
bool rm_slice_next(struct rm_slice *rest, char separator, struct rm_slice *ret_head);

/* True where all bytes stand between @low and @high. */
bool rm_slice_all_between(struct rm_slice a, unsigned char low, unsigned char high);

#endif
