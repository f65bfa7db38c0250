/* Bits in bytes, the lowest of a byte first. */
#ifndef RAFTMETRICS_SRC_METRICS_BITS_H
#define RAFTMETRICS_SRC_METRICS_BITS_H

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "raftmetrics/base/slice.h"

static inline uint64_t rm__low_bits(uint64_t value, unsigned n)
{
    return n < 64 ? value & ((UINT64_C(1) << n) - 1) : value;
}

/* Bits of @value without its leading zeros; 0 of 0. */
static inline unsigned rm__bit_length(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

/* Writes to @bytes, which has room for all that is written and 8 bytes more. */
struct rm_bit_writer {
    uint8_t *bytes;
    size_t n_bytes; /* that are full */
    uint64_t rest;  /* fewer than 8 bits */
    unsigned n_rest;
};

/* The lowest @n (at most 56) bits of @value. */
static inline void rm__bits_put_few(struct rm_bit_writer *writer, uint64_t value, unsigned n)
{
    uint64_t word = writer->rest | rm__low_bits(value, n) << writer->n_rest;
    unsigned n_bits = writer->n_rest + n;
    uint64_t little = htole64(word);

    memcpy(writer->bytes + writer->n_bytes, &little, sizeof little);
    writer->n_bytes += n_bits / 8;
    writer->rest = n_bits < 64 ? word >> (n_bits & ~7U) : 0;
    writer->n_rest = n_bits % 8;
}

static inline void rm__bits_put(struct rm_bit_writer *writer, uint64_t value, unsigned n)
{
    if (n > 56) {
        rm__bits_put_few(writer, value, 32);
        value >>= 32;
        n -= 32;
    }
    rm__bits_put_few(writer, value, n);
}

/* Fills the last byte up; how many there are. */
static inline size_t rm__bits_end(struct rm_bit_writer *writer)
{
    return writer->n_bytes + (writer->n_rest > 0);
}

/* The 64 bits from bit @at on, of which those from the 58th on may be wrong; zeros stand behind the
 * end of @bytes. */
static inline uint64_t rm__bits_load(struct rm_slice bytes, size_t at)
{
    size_t byte = at / 8;
    uint64_t little = 0;

    if (byte + sizeof little <= bytes.len) {
        memcpy(&little, bytes.data + byte, sizeof little);
    } else if (byte < bytes.len) {
        memcpy(&little, bytes.data + byte, bytes.len - byte);
    }
    return le64toh(little) >> at % 8;
}

/* The @n bits from bit @at on. */
static inline uint64_t rm__bits_get(struct rm_slice bytes, size_t at, unsigned n)
{
    if (n <= 57) {
        return rm__low_bits(rm__bits_load(bytes, at), n);
    }
    return rm__low_bits(rm__bits_load(bytes, at), 32) |
           rm__low_bits(rm__bits_load(bytes, at + 32), n - 32) << 32;
}

/* Numbers in 7 bits a byte, the lowest first, the highest bit says that more follow (LEB128). */
enum { RM_VARINT_BYTES_MAX = 10 };

static inline size_t rm__varint_put(uint8_t *bytes, uint64_t value)
{
    size_t n = 0;

    while (value >= 0x80) {
        bytes[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[n++] = (uint8_t)value;
    return n;
}

/* False where @bytes do not begin with one; otherwise moves behind it. */
static inline bool rm__varint_take(struct rm_slice *bytes, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes->len && i < RM_VARINT_BYTES_MAX; i++) {
        uint64_t byte = (uint8_t)bytes->data[i];

        value |= (byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *bytes = rm_slice_make(bytes->data + i + 1, bytes->len - i - 1);
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* Signed numbers as unsigned ones, small magnitudes as small numbers: 0, -1, 1, -2, ... */
static inline uint64_t rm__zigzag(uint64_t value)
{
    return value << 1 ^ (0 - (value >> 63));
}

static inline uint64_t rm__unzigzag(uint64_t value)
{
    return value >> 1 ^ (0 - (value & 1));
}

#endif
