/* The exact sum of doubles, as one long integer: what the sums of the code are compared with. A
 * double is m * 2^e with an integer m below 2^53 and e of -1074 at least, so the sum times 2^1074
 * is an integer; it is kept in digits of 32 bits that carry late. */
#ifndef RAFTMETRICS_TESTS_UNIT_EXACT_SUM_H
#define RAFTMETRICS_TESTS_UNIT_EXACT_SUM_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { EXACT_SUM_N_DIGITS = 70 };

struct exact_sum {
    int64_t digits[EXACT_SUM_N_DIGITS];
};

static inline void exact_sum_carry(struct exact_sum *sum)
{
    for (int i = 0; i < EXACT_SUM_N_DIGITS - 1; i++) {
        int64_t low = sum->digits[i] & INT64_C(0xffffffff);

        sum->digits[i + 1] += (sum->digits[i] - low) / (INT64_C(1) << 32);
        sum->digits[i] = low;
    }
}

static inline void exact_sum_add(struct exact_sum *sum, double value)
{
    int exponent;
    int64_t mantissa = (int64_t)ldexp(frexp(fabs(value), &exponent), 53);
    int shift = exponent - 53 + 1074;

    if (shift < 0) {
        mantissa >>= -shift; /* a denormal: its last bits are zeros */
        shift = 0;
    }
    for (int i = shift / 32; mantissa != 0; i++) {
        int64_t part = (mantissa & ((INT64_C(1) << (32 - shift % 32)) - 1)) << shift % 32;

        sum->digits[i] += value < 0 ? -part : part;
        mantissa >>= 32 - shift % 32;
        shift = 0;
    }
    exact_sum_carry(sum);
}

/* |sum - @value| as a double, good to 50 bits. */
static inline double exact_sum_distance(const struct exact_sum *sum, double value)
{
    struct exact_sum rest = *sum;
    double distance = 0;

    exact_sum_add(&rest, -value);
    if (rest.digits[EXACT_SUM_N_DIGITS - 1] < 0) {
        for (int i = 0; i < EXACT_SUM_N_DIGITS; i++) {
            rest.digits[i] = -rest.digits[i];
        }
        exact_sum_carry(&rest);
    }
    for (int i = EXACT_SUM_N_DIGITS - 1; i >= 0; i--) {
        distance += ldexp((double)rest.digits[i], 32 * i - 1074);
    }
    return distance;
}

/* The distance from the magnitude of @value to the next larger double. */
static inline double exact_sum_ulp(double value)
{
    int exponent;

    frexp(value, &exponent);
    return value == 0 || exponent < -1021 ? 0x1p-1074 : ldexp(1, exponent - 53);
}

#endif
