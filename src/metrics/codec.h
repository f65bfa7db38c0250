/* Observations of a sealed chunk as bytes, and back. Three columns, each of which can be read
 * without the others:
 *
 *   timestamps  deltas of deltas
 *   ordinals    deltas of deltas; of a metric with one series they cost nothing
 *   values      whichever is smaller: XOR as in Pelkonen et al., "Gorilla", VLDB 2015; or decimals
 *               scaled to integers, frame of reference or deltas bit-packed, with the misfits kept
 *               apart, as in Afroozeh, Kuffo and Boncz, "ALP", SIGMOD 2024
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
 * depend on the observations alone. On error @bytes is unchanged. Errors: RM_ENOMEM. */
int rm__codec_encode(const struct rm_observation *observations, uint32_t n,
                     struct rm_buffer *bytes);

/* Reads @n (1 to RM_CODEC_MAX) observations. Any bytes are safe. Errors: RM_ECORRUPT where @bytes
 * are not those of @n observations in the order of their positions with finite values. */
int rm__codec_decode(struct rm_slice bytes, uint32_t n, struct rm_observation *ret_observations);

#endif
