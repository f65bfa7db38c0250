/* The Accept field of a request. */
#ifndef RAFTMETRICS_SRC_API_ACCEPT_H
#define RAFTMETRICS_SRC_API_ACCEPT_H

#include <stdbool.h>

#include "raftmetrics/base/slice.h"

/* Does the client want JSON rather than text? True where application/json has a greater weight
 * than every text type it names (RFC 9110, section 12.5.1); a bare wildcard is a wish for text. */
bool rm__accept_prefers_json(struct rm_slice accept);

#endif
