/* A column of doubles, each as the bits in which it differs from the one before: Pelkonen et al.,
 * "Gorilla: A Fast, Scalable, In-Memory Time Series Database", VLDB 2015, section 4.1.2.
 *
 *   the first: 64 bits, then for each
 *     0                                 the same bits
 *     1 0 | meaningful bits             they lie within those of the last one that said where
 *     1 1 | leading zeros, 5 bits | how many less 1, 6 bits | meaningful bits */
#ifndef RAFTMETRICS_SRC_METRICS_XOR_COLUMN_H
#define RAFTMETRICS_SRC_METRICS_XOR_COLUMN_H

#include <stdint.h>

#include "raftmetrics/base/slice.h"

enum {
    RM_XOR_COLUMN_MAX = 256,
    RM_XOR_COLUMN_BYTES_MAX = RM_XOR_COLUMN_MAX * 10 + 8,
};

/* Writes @n (1 to RM_XOR_COLUMN_MAX) values; returns how many bytes. */
size_t rm__xor_column_encode(const double *values, uint32_t n,
                             uint8_t ret_bytes[RM_XOR_COLUMN_BYTES_MAX]);

/* Reads @n (1 to RM_XOR_COLUMN_MAX) values and nothing else; they may be no finite numbers. Any
 * bytes are safe. Errors: RM_ECORRUPT. */
int rm__xor_column_decode(struct rm_slice bytes, uint32_t n, double *ret_values);

#endif
