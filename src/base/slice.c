#include "raftmetrics/base/slice.h"

#include <stdlib.h>

int rm_slice_compare(struct rm_slice a, struct rm_slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);

    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool rm_slice_equal_nocase(struct rm_slice a, struct rm_slice b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

bool rm_slice_has_prefix(struct rm_slice a, struct rm_slice prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.data, prefix.data, prefix.len) == 0);
}

char *rm_slice_dup(struct rm_slice a)
{
    char *copy = malloc(a.len + 1);

    if (copy == NULL) {
        return NULL;
    }
    if (a.len > 0) {
        memcpy(copy, a.data, a.len);
    }
    copy[a.len] = '\0';
    return copy;
}

bool rm_slice_next(struct rm_slice *rest, char separator, struct rm_slice *ret_head)
{
    const char *cut;

    if (rest->data == NULL) {
        return false;
    }
    cut = rest->len == 0 ? NULL : memchr(rest->data, separator, rest->len);
    if (cut == NULL) {
        *ret_head = *rest;
        *rest = (struct rm_slice){NULL, 0};
        return true;
    }
    *ret_head = rm_slice_make(rest->data, (size_t)(cut - rest->data));
    *rest = rm_slice_make(cut + 1, rest->len - ret_head->len - 1);
    return true;
}

bool rm_slice_all_between(struct rm_slice a, unsigned char low, unsigned char high)
{
    for (size_t i = 0; i < a.len; i++) {
        unsigned char byte = (unsigned char)a.data[i];

        if (byte < low || byte > high) {
            return false;
        }
    }
    return true;
}
