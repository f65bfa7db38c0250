/* The Accept field of a request. */
#ifndef RAFTMETRICS_SRC_API_ACCEPT_H
#define RAFTMETRICS_SRC_API_ACCEPT_H

#include <stdbool.h>

#include "raftmetrics/base/exposition.h"
#include "raftmetrics/base/slice.h"

/* Does the client want JSON rather than text? True where application/json has a greater weight
 * than every text type it names (RFC 9110, section 12.5.1); a bare wildcard is a wish for text. */
bool rm__accept_prefers_json(struct rm_slice accept);

/* Which exposition the client wants, where it does not want JSON: OpenMetrics 1.0.0 where that has
 * a greater weight than text, or the same and stands first; names as they are where it says
 * escaping=allow-utf-8 for what it gets. Versions that are not known are passed over. */
struct rm_exposition_style rm__accept_style(struct rm_slice accept);

/* The same for a client that has chosen @syntax otherwise. */
struct rm_exposition_style rm__accept_style_of(struct rm_slice accept,
                                               enum rm_exposition_syntax syntax);

/* Does a client with this Accept-Encoding take gzip, and not rather the text as it is? */
bool rm__accept_gzip(struct rm_slice accept_encoding);

#endif
