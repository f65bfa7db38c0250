/* UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing past U+10FFFF. */
#ifndef RAFTMETRICS_BASE_UTF8_H
#define RAFTMETRICS_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/slice.h"

/* The bytes of the character that @text starts with, 1 to 4, and its code point; 0 where it starts
 * with none, *@ret_code_point is then untouched. */
size_t rm_utf8_decode(struct rm_slice text, uint32_t *ret_code_point);

/* The empty slice is valid. */
bool rm_utf8_is_valid(struct rm_slice text);

/* A control character: U+0000–001F, 007F, 0080–009F. */
static inline bool rm_utf8_is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

/* True where valid UTF-8 @text holds a control character. */
bool rm_utf8_has_control(struct rm_slice text);

#endif
