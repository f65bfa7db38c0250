/* Integers of a JSON text that an int64_t does not hold: those that are too large, and -0. */
#ifndef RAFTMETRICS_SRC_API_WIDE_INTEGERS_H
#define RAFTMETRICS_SRC_API_WIDE_INTEGERS_H

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/slice.h"

/* Appends @text with ".0" behind each of these, so that it is read as a double, and the others as
 * what they are. What is no JSON stays so. Errors: as rm_buffer_append. */
int rm__wide_integers_mark(struct rm_slice text, struct rm_buffer *marked);

#endif
