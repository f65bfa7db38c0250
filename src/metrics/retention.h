/* A store's own copy of what it was told to keep. */
#ifndef RAFTMETRICS_SRC_METRICS_RETENTION_H
#define RAFTMETRICS_SRC_METRICS_RETENTION_H

#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/retention.h"
#include "raftmetrics/base/slice.h"

/* Copies what @from, valid, points to; *@ret_copy is the caller's, to be ended with
 * rm__retention_done. Errors: RM_ENOMEM. */
int rm__retention_copy(const struct rm_retention *from, struct rm_retention *ret_copy);

/* Harmless on a zeroed one. */
void rm__retention_done(struct rm_retention *retention);

/* How old values of the metric may become; INT64_MAX: of any age. */
int64_t rm__retention_max_age(const struct rm_retention *retention, struct rm_slice metric_name);

/* What it adds to the hash of a state; 0 where everything is kept. */
uint64_t rm__retention_hash(const struct rm_retention *retention);

/* Allocated bytes. */
size_t rm__retention_bytes(const struct rm_retention *retention);

/* Appends it to the index of an image. Errors: RM_ENOMEM. */
int rm__retention_freeze(const struct rm_retention *retention, struct rm_buffer *index);

/* Takes that off the front of *@index; *@ret_copy as of rm__retention_copy. Errors: RM_ECORRUPT,
 * RM_ENOMEM. */
int rm__retention_restore(struct rm_slice *index, struct rm_retention *ret_copy);

#endif
