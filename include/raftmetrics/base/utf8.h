/* UTF-8 as RFC 3629 has it. */
#ifndef RAFTMETRICS_BASE_UTF8_H
#define RAFTMETRICS_BASE_UTF8_H

#include <stdbool.h>

#include "raftmetrics/base/slice.h"

/* No overlong form, no surrogate, nothing past U+10FFFF. The empty slice is valid. */
bool rm_utf8_is_valid(struct rm_slice text);

/* True where valid UTF-8 @text holds a control character (U+0000–001F, 007F, 0080–009F). */
bool rm_utf8_has_control(struct rm_slice text);

#endif
