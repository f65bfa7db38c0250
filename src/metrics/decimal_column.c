#include "decimal_column.h"

#include <assert.h>
#include <endian.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "bits.h"
#include "double_bits.h"
#include "raftmetrics/base/error.h"

enum {
    EXPONENT_MAX = 18,
    HEAD_BYTES = 4,
    MISFIT_BYTES = 9,
    /* So many values, spread over all, decide the exponent. */
    SAMPLE_MAX = 16,
};

/* Up to 10^22 they are exact. */
static const double POWERS_OF_TEN[EXPONENT_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
                                                       1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13,
                                                       1e14, 1e15, 1e16, 1e17, 1e18};

/* The integer that gives @value when it is divided by @power. */
static bool to_integer(double value, double power, int64_t *ret_integer)
{
    double scaled = value * power;

    if (!(fabs(scaled) < 0x1p53)) {
        return false;
    }
    *ret_integer = (int64_t)(scaled + copysign(0.5, scaled));
    return rm__is_same_double((double)*ret_integer / power, value);
}

/* ---- the exponent ---- */

struct sample {
    double values[SAMPLE_MAX];
    uint32_t n;
};

static void draw(struct sample *sample, const double *values, uint32_t n)
{
    sample->n = n < SAMPLE_MAX ? n : SAMPLE_MAX;
    for (uint32_t i = 0; i < sample->n; i++) {
        sample->values[i] = values[(size_t)i * n / sample->n];
    }
}

/* The smallest exponent that does; EXPONENT_MAX + 1 where none does. */
static unsigned exponent_of(double value)
{
    int64_t integer;
    unsigned exponent = 0;

    while (exponent <= EXPONENT_MAX && !to_integer(value, POWERS_OF_TEN[exponent], &integer)) {
        exponent++;
    }
    return exponent;
}

/* About how many bits the sample would take, its integers less the smallest, with an exponent that
 * does for one of its values. */
static unsigned bits_with(const struct sample *sample, unsigned exponent)
{
    int64_t smallest = INT64_MAX;
    int64_t largest = INT64_MIN;
    unsigned n_misfits = 0;

    for (uint32_t i = 0; i < sample->n; i++) {
        int64_t integer;

        if (!to_integer(sample->values[i], POWERS_OF_TEN[exponent], &integer)) {
            n_misfits++;
            continue;
        }
        smallest = integer < smallest ? integer : smallest;
        largest = integer > largest ? integer : largest;
    }
    return n_misfits * MISFIT_BYTES * 8 +
           (sample->n - n_misfits) * rm__bit_length((uint64_t)largest - (uint64_t)smallest);
}

/* False where no exponent pays. */
static bool choose_exponent(const double *values, uint32_t n, unsigned *ret_exponent)
{
    struct sample sample;
    unsigned least = UINT32_MAX;
    bool is_tried[EXPONENT_MAX + 2] = {false};

    draw(&sample, values, n);
    for (uint32_t i = 0; i < sample.n; i++) {
        unsigned exponent = exponent_of(sample.values[i]);
        unsigned n_bits;

        if (exponent > EXPONENT_MAX || is_tried[exponent]) {
            continue;
        }
        is_tried[exponent] = true;
        n_bits = bits_with(&sample, exponent);
        if (n_bits < least) {
            least = n_bits;
            *ret_exponent = exponent;
        }
    }
    return least < sample.n * 64;
}

/* ---- writing ---- */

struct misfits {
    uint8_t places[RM_DECIMAL_COLUMN_MAX];
    uint32_t n;
};

static int64_t first_integer(const double *values, uint32_t n, double power)
{
    for (uint32_t i = 0; i < n; i++) {
        int64_t integer;

        if (to_integer(values[i], power, &integer)) {
            return integer;
        }
    }
    return 0;
}

/* A misfit stands for the integer before it, which costs nothing as a difference. */
static void scale(const double *values, uint32_t n, double power, uint64_t *ret_integers,
                  struct misfits *ret_misfits)
{
    int64_t last = first_integer(values, n, power);

    ret_misfits->n = 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t integer;

        if (to_integer(values[i], power, &integer)) {
            last = integer;
        } else {
            ret_misfits->places[ret_misfits->n++] = (uint8_t)i;
        }
        ret_integers[i] = (uint64_t)last;
    }
}

size_t rm__decimal_column_encode(const double *values, uint32_t n,
                                 uint8_t ret_bytes[RM_DECIMAL_COLUMN_BYTES_MAX])
{
    uint64_t integers[RM_DECIMAL_COLUMN_MAX];
    struct misfits misfits;
    unsigned exponent;
    size_t n_integer_bytes;
    uint8_t *end;

    assert(n >= 1 && n <= RM_DECIMAL_COLUMN_MAX);
    if (!choose_exponent(values, n, &exponent)) {
        return 0;
    }
    scale(values, n, POWERS_OF_TEN[exponent], integers, &misfits);
    assert(misfits.n <= UINT8_MAX); /* the exponent does for one of the values */
    n_integer_bytes = rm__packed_ints_encode(integers, n, RM_PACKING_PLAIN, RM_PACKING_ZIGZAG,
                                             ret_bytes + HEAD_BYTES);
    ret_bytes[0] = (uint8_t)exponent;
    ret_bytes[1] = (uint8_t)misfits.n;
    ret_bytes[2] = (uint8_t)n_integer_bytes;
    ret_bytes[3] = (uint8_t)(n_integer_bytes >> 8);
    end = ret_bytes + HEAD_BYTES + n_integer_bytes;
    memcpy(end, misfits.places, misfits.n);
    end += misfits.n;
    for (uint32_t i = 0; i < misfits.n; i++) {
        uint64_t bits = htole64(rm__bits_of_double(values[misfits.places[i]]));

        memcpy(end, &bits, sizeof bits);
        end += sizeof bits;
    }
    return (size_t)(end - ret_bytes);
}

/* ---- reading ---- */

static int put_misfits(struct rm_slice bytes, unsigned n_misfits, uint32_t n, double *values)
{
    if (bytes.len != (size_t)n_misfits * MISFIT_BYTES) {
        return RM_ECORRUPT;
    }
    for (unsigned i = 0; i < n_misfits; i++) {
        uint8_t place = (uint8_t)bytes.data[i];
        uint64_t bits;

        if (place >= n) {
            return RM_ECORRUPT;
        }
        memcpy(&bits, bytes.data + n_misfits + i * sizeof bits, sizeof bits);
        values[place] = rm__double_of_bits(le64toh(bits));
    }
    return 0;
}

int rm__decimal_column_decode(struct rm_slice bytes, uint32_t n, double *ret_values)
{
    const uint8_t *head = (const uint8_t *)bytes.data;
    uint64_t integers[RM_DECIMAL_COLUMN_MAX];
    size_t n_integer_bytes;
    double power;
    int rv;

    assert(n >= 1 && n <= RM_DECIMAL_COLUMN_MAX);
    if (bytes.len < HEAD_BYTES || head[0] > EXPONENT_MAX) {
        return RM_ECORRUPT;
    }
    n_integer_bytes = (size_t)(head[2] | head[3] << 8);
    if (n_integer_bytes > bytes.len - HEAD_BYTES) {
        return RM_ECORRUPT;
    }
    rv = rm__packed_ints_decode(rm_slice_make(bytes.data + HEAD_BYTES, n_integer_bytes), n,
                                integers);
    if (rv != 0) {
        return rv;
    }
    power = POWERS_OF_TEN[head[0]];
    for (uint32_t i = 0; i < n; i++) {
        ret_values[i] = (double)(int64_t)integers[i] / power;
    }
    n_integer_bytes += HEAD_BYTES;
    return put_misfits(rm_slice_make(bytes.data + n_integer_bytes, bytes.len - n_integer_bytes),
                       head[1], n, ret_values);
}
