/* A block of memory with several owners: it is freed when the last lets go of it. Not for several
 * threads. */
#ifndef RAFTMETRICS_BASE_BLOB_H
#define RAFTMETRICS_BASE_BLOB_H

#include <stddef.h>

#include "raftmetrics/base/slice.h"

struct rm_blob;

/* Takes @data, which came from malloc; the caller is the first owner. NULL when out of memory,
 * @data is then still the caller's. */
struct rm_blob *rm_blob_new(void *data, size_t len);

struct rm_blob *rm_blob_ref(struct rm_blob *blob);
/* Takes NULL. */
void rm_blob_unref(struct rm_blob *blob);

/* Gives the memory back to its only owner, who frees it; the blob is gone. */
void *rm_blob_take(struct rm_blob *blob);

struct rm_slice rm_blob_peek(const struct rm_blob *blob);

#endif
