/* gzip, decompressed within a bound (zlib). */
#ifndef RAFTMETRICS_SRC_NET_GUNZIP_H
#define RAFTMETRICS_SRC_NET_GUNZIP_H

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/slice.h"

/* Appends what the gzip members of @packed hold to @plain, whose maximum bounds it.
 * Errors: RM_ESYNTAX (not gzip, cut short, or something behind it); RM_ETOOBIG; RM_ENOMEM. */
int rm__gunzip(struct rm_slice packed, struct rm_buffer *plain);

#endif
