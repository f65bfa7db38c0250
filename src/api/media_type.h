/* A media type with its parameters, as Content-Type and each range of Accept have it (RFC 9110,
 * section 8.3.1). */
#ifndef RAFTMETRICS_SRC_API_MEDIA_TYPE_H
#define RAFTMETRICS_SRC_API_MEDIA_TYPE_H

#include <stdbool.h>

#include "raftmetrics/base/slice.h"

struct rm__media_type {
    struct rm_slice name;   /* type/subtype, without white space; data NULL: the field is absent */
    struct rm_slice params; /* what stands behind the first ';' */
};

struct rm__media_type rm__media_type_read(struct rm_slice text);

/* Without case. */
bool rm__media_type_is(const struct rm__media_type *type, const char *name);

/* The value of a parameter, without quotes; data NULL where there is none. */
struct rm_slice rm__media_type_param(const struct rm__media_type *type, const char *name);

#endif
