/* A column of doubles that are decimals of few digits: as integers, the values times a power of ten
 * that is the same for all of them. What does not come back bit for bit when it is divided by that
 * power stands apart, as it is. After Afroozeh, Kuffo and Boncz, "ALP: Adaptive Lossless
 * floating-Point Compression", SIGMOD 2024.
 *
 *   exponent u8 | n_misfits u8 | n_bytes of the integers u16 | the integers, see packed_ints.h;
 *   a misfit's is that of its neighbour | where the misfits are, u8 each | the misfits, 8 bytes
 * each
 *
 * An integer of at most 53 bits and a power of ten up to 10^22 are doubles, and their quotient is
 * rounded once: it is the double that is nearest to the decimal, which is what reading its digits
 * gives too. */
#ifndef RAFTMETRICS_SRC_METRICS_DECIMAL_COLUMN_H
#define RAFTMETRICS_SRC_METRICS_DECIMAL_COLUMN_H

#include <stdint.h>

#include "packed_ints.h"
#include "raftmetrics/base/slice.h"

enum {
    RM_DECIMAL_COLUMN_MAX = RM_PACKED_INTS_MAX,
    RM_DECIMAL_COLUMN_BYTES_MAX = 4 + RM_PACKED_INTS_BYTES_MAX + RM_DECIMAL_COLUMN_MAX * 9,
};

/* Writes @n (1 to RM_DECIMAL_COLUMN_MAX) values; returns how many bytes, 0 where too few of them
 * are decimals. */
size_t rm__decimal_column_encode(const double *values, uint32_t n,
                                 uint8_t ret_bytes[RM_DECIMAL_COLUMN_BYTES_MAX]);

/* Reads @n (1 to RM_DECIMAL_COLUMN_MAX) values and nothing else; misfits may be no finite numbers.
 * Any bytes are safe. Errors: RM_ECORRUPT. */
int rm__decimal_column_decode(struct rm_slice bytes, uint32_t n, double *ret_values);

#endif
