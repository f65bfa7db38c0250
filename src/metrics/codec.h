/* Observations of a sealed chunk as bytes, and back. Three columns, each of which can be read
 * without the others:
 *
 *   timestamps  packed_ints.h: differences, or differences of those
 *   ordinals    the same; those of a metric with one series cost nothing
 *   values      whichever is smaller: xor_column.h or decimal_column.h
 *
 *   n_bytes of the timestamps u16 | of the ordinals u16 | timestamps | ordinals | form u8 | values
 *
 * Every finite double comes back bit for bit, every timestamp and ordinal there is. Pure. */
#ifndef RAFTMETRICS_SRC_METRICS_CODEC_H
#define RAFTMETRICS_SRC_METRICS_CODEC_H

#include <stdint.h>

#include "observation.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/slice.h"

/* Most observations that are encoded together. */
enum { RM_CODEC_MAX = 256 };

/* Appends @n (1 to RM_CODEC_MAX) observations, which are in the order of their positions. The bytes
 * depend on the observations alone. On error @bytes is unchanged. Errors: RM_ENOMEM; RM_ETOOBIG
 * (the buffer's maximum). */
int rm__codec_encode(const struct rm_observation *observations, uint32_t n,
                     struct rm_buffer *bytes);

/* Reads @n (1 to RM_CODEC_MAX) observations. Any bytes are safe. Errors: RM_ECORRUPT where @bytes
 * are not those of @n observations in the order of their positions with finite values. */
int rm__codec_decode(struct rm_slice bytes, uint32_t n, struct rm_observation *ret_observations);

/* One column alone, unchecked against the others. Errors: RM_ECORRUPT. */
int rm__codec_decode_timestamps(struct rm_slice bytes, uint32_t n, int64_t *ret_timestamps_ms);
int rm__codec_decode_values(struct rm_slice bytes, uint32_t n, double *ret_values);

#endif
