/* A gzip stream as it is written (zlib), for answers whose end is not known at their beginning. */
#ifndef RAFTMETRICS_NET_GZIP_H
#define RAFTMETRICS_NET_GZIP_H

#include <stdbool.h>

#include "raftmetrics/base/slice.h"

struct rm_gzip;

/* Some 256 KiB. NULL when out of memory. */
struct rm_gzip *rm_gzip_new(void);

/* Takes NULL. */
void rm_gzip_free(struct rm_gzip *gzip);

/* Compresses from the front of *@plain, which moves on, into @packed, of which it fills *@ret_n
 * bytes, as long as there is of both. @is_end: nothing comes behind *@plain. True once the last
 * byte of the stream is out. */
bool rm_gzip_write(struct rm_gzip *gzip, struct rm_slice *plain, bool is_end, char *packed,
                   size_t size, size_t *ret_n);

#endif
