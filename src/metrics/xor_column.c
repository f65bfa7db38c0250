#include "xor_column.h"

#include "bits.h"
#include "double_bits.h"
#include "raftmetrics/base/error.h"

enum { LEADING_BITS = 5, LEADING_MAX = 31, LENGTH_BITS = 6 };

/* The meaningful bits of the last difference that said where they are. */
struct window {
    unsigned leading;
    unsigned length; /* 0: none yet */
};

static unsigned trailing_of(struct window window)
{
    return 64 - window.leading - window.length;
}

static bool fits(struct window window, unsigned leading, unsigned trailing)
{
    return leading >= window.leading && trailing >= trailing_of(window);
}

static void put_difference(struct rm_bit_writer *writer, struct window *window, uint64_t difference)
{
    unsigned leading = (unsigned)__builtin_clzll(difference);
    unsigned trailing = (unsigned)__builtin_ctzll(difference);

    leading = leading < LEADING_MAX ? leading : LEADING_MAX;
    if (fits(*window, leading, trailing)) {
        rm__bits_put(writer, 1, 2);
    } else {
        *window = (struct window){leading, 64 - leading - trailing};
        rm__bits_put(writer, 3, 2);
        rm__bits_put(writer, leading, LEADING_BITS);
        rm__bits_put(writer, window->length - 1, LENGTH_BITS);
    }
    rm__bits_put(writer, difference >> trailing_of(*window), window->length);
}

size_t rm__xor_column_encode(const double *values, uint32_t n,
                             uint8_t ret_bytes[RM_XOR_COLUMN_BYTES_MAX])
{
    struct rm_bit_writer writer = {.bytes = ret_bytes};
    struct window window = {0};
    uint64_t last = rm__bits_of_double(values[0]);

    assert(n >= 1 && n <= RM_XOR_COLUMN_MAX);
    rm__bits_put(&writer, last, 64);
    for (uint32_t i = 1; i < n; i++) {
        uint64_t bits = rm__bits_of_double(values[i]);

        if (bits == last) {
            rm__bits_put(&writer, 0, 1);
        } else {
            put_difference(&writer, &window, bits ^ last);
        }
        last = bits;
    }
    return rm__bits_end(&writer);
}

/* The window's bits from bit @at on, in place. */
static uint64_t get_difference(struct rm_slice bytes, size_t at, struct window window)
{
    return rm__bits_get(bytes, at, window.length) << trailing_of(window);
}

/* Reads the difference at *@at, and goes behind it. False where it is none. */
static bool take_difference(struct rm_slice bytes, size_t *at, struct window *window,
                            uint64_t *ret_difference)
{
    uint64_t front = rm__bits_load(bytes, *at);

    *ret_difference = 0;
    if ((front & 1) == 0) {
        *at += 1;
        return true;
    }
    *at += 2;
    if ((front & 2) != 0) {
        window->leading = (unsigned)(front >> 2 & LEADING_MAX);
        window->length = 1 + (unsigned)(front >> (2 + LEADING_BITS) & 63);
        *at += LEADING_BITS + LENGTH_BITS;
    }
    if (window->length == 0 || window->leading + window->length > 64) {
        return false;
    }
    *ret_difference = get_difference(bytes, *at, *window);
    *at += window->length;
    return true;
}

int rm__xor_column_decode(struct rm_slice bytes, uint32_t n, double *ret_values)
{
    struct window window = {0};
    size_t at = 64;
    uint64_t bits = rm__bits_get(bytes, 0, 64);

    assert(n >= 1 && n <= RM_XOR_COLUMN_MAX);
    ret_values[0] = rm__double_of_bits(bits);
    for (uint32_t i = 1; i < n; i++) {
        uint64_t difference;

        if (!take_difference(bytes, &at, &window, &difference)) {
            return RM_ECORRUPT;
        }
        bits ^= difference;
        ret_values[i] = rm__double_of_bits(bits);
    }
    return (at + 7) / 8 == bytes.len ? 0 : RM_ECORRUPT;
}
