/* A column of integers: the differences of neighbours, or the differences of those, or neither,
 * less their smallest or zigzag, packed in so many bits each as make the whole smallest; of those
 * that need more the rest stands apart, as a patch.
 *
 *   kind u8 | width u8 | n_patches u8 | start, first difference (as many as the kind takes), base:
 *   varints | the numbers, width bits each | where the patches are, u8 each | their bits above the
 *   width, varints
 *
 * Numbers are taken modulo 2^64, signed and unsigned alike. */
#ifndef RAFTMETRICS_SRC_METRICS_PACKED_INTS_H
#define RAFTMETRICS_SRC_METRICS_PACKED_INTS_H

#include <stdint.h>

#include "raftmetrics/base/slice.h"

enum {
    RM_PACKED_INTS_MAX = 256,
    RM_PACKED_INTS_BYTES_MAX = 3 + 3 * 10 + RM_PACKED_INTS_MAX * 8 + 8, /* nothing is patched */
};

enum rm_packing {
    RM_PACKING_PLAIN = 0,   /* less the smallest */
    RM_PACKING_DELTA = 1,   /* differences, less the smallest */
    RM_PACKING_ZIGZAG = 2,  /* differences, zigzag */
    RM_PACKING_DELTA_2 = 3, /* differences of differences, zigzag */
};

/* Packs @n (1 to RM_PACKED_INTS_MAX) numbers the smaller of two ways; returns how many bytes. */
size_t rm__packed_ints_encode(const uint64_t *numbers, uint32_t n, enum rm_packing one,
                              enum rm_packing other, uint8_t ret_bytes[RM_PACKED_INTS_BYTES_MAX]);

/* Reads @n (1 to RM_PACKED_INTS_MAX) numbers and nothing else. Any bytes are safe. Errors:
 * RM_ECORRUPT. */
int rm__packed_ints_decode(struct rm_slice bytes, uint32_t n, uint64_t *ret_numbers);

#endif
