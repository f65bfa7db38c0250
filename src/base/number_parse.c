#include "raftmetrics/base/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "power_of_ten.h"
#include "raftmetrics/base/error.h"
#include "scan.h"

enum {
    /* No point halfway between two doubles has more than 767 digits; whatever follows behind so
     * many only says on which side of it the number stands. */
    SIGNIFICANT_MAX = 800,
    /* With so many digits, a power of ten past this is infinite or 0 for certain. */
    POWER_MAX = 10000,
};

/* Where a written exponent stops counting: sums with the length of any slice fit an int64_t. */
#define EXPONENT_MAX INT64_C(1000000000000000000)

/* DIGITS times ten to the power of @exponent. */
struct decimal {
    bool is_negative;
    size_t n_digits;
    int64_t exponent;
    char digits[SIGNIFICANT_MAX]; /* no leading zeros */
};

static void push_digit(struct decimal *decimal, char digit)
{
    if (decimal->n_digits < SIGNIFICANT_MAX) {
        if (decimal->n_digits > 0 || digit != '0') {
            decimal->digits[decimal->n_digits++] = digit;
        }
        return;
    }
    decimal->exponent++;
    if (digit != '0' && decimal->digits[SIGNIFICANT_MAX - 1] == '0') {
        decimal->digits[SIGNIFICANT_MAX - 1] = '1'; /* so that it does not look like halfway */
    }
}

/* Returns how many digits there were. */
static size_t take_digits(struct rm_slice *rest, struct decimal *decimal)
{
    size_t n = rm__scan_count_digits(*rest);

    for (size_t i = 0; i < n; i++) {
        push_digit(decimal, rest->data[i]);
    }
    rm__scan_skip(rest, n);
    return n;
}

static bool take_exponent(struct rm_slice *rest, struct decimal *decimal)
{
    bool is_negative = rm__scan_any(rest, "-");
    int64_t exponent = 0;
    size_t n;

    if (!is_negative) {
        rm__scan_any(rest, "+");
    }
    n = rm__scan_count_digits(*rest);
    for (size_t i = 0; i < n && exponent < EXPONENT_MAX / 10; i++) {
        exponent = exponent * 10 + (rest->data[i] - '0');
    }
    rm__scan_skip(rest, n);
    decimal->exponent += is_negative ? -exponent : exponent;
    return n > 0;
}

static bool take_decimal(struct rm_slice *rest, struct decimal *ret_decimal)
{
    size_t n_digits;

    ret_decimal->n_digits = 0;
    ret_decimal->exponent = 0;
    ret_decimal->is_negative = rm__scan_any(rest, "-");
    n_digits = take_digits(rest, ret_decimal);
    if (rm__scan_any(rest, ".")) {
        size_t n_decimals = take_digits(rest, ret_decimal);

        ret_decimal->exponent -= (int64_t)n_decimals;
        n_digits += n_decimals;
    }
    if (n_digits == 0) {
        return false;
    }
    return !rm__scan_any(rest, "eE") || take_exponent(rest, ret_decimal);
}

static uint64_t small_integer(const struct decimal *decimal)
{
    uint64_t value = 0;

    for (size_t i = 0; i < decimal->n_digits; i++) {
        value = value * 10 + (uint64_t)(decimal->digits[i] - '0');
    }
    return value;
}

/* By the C library, in a form without a point, which would be the locale's. */
static double read_by_library(const struct decimal *decimal)
{
    char text[SIGNIFICANT_MAX + 16];
    int64_t exponent = decimal->exponent;

    if (exponent > POWER_MAX) {
        exponent = POWER_MAX;
    } else if (exponent < -POWER_MAX) {
        exponent = -POWER_MAX;
    }
    memcpy(text, decimal->digits, decimal->n_digits);
    snprintf(text + decimal->n_digits, sizeof text - decimal->n_digits, "e%d", (int)exponent);
    return strtod(text, NULL);
}

static double read_decimal(const struct decimal *decimal)
{
    if (decimal->n_digits == 0) {
        return 0;
    }
    if (decimal->n_digits <= DBL_DIG && decimal->exponent >= -RM__POWER_OF_TEN_MAX &&
        decimal->exponent <= RM__POWER_OF_TEN_MAX) {
        double integer = (double)small_integer(decimal);

        return decimal->exponent < 0 ? integer / rm__power_of_ten[-decimal->exponent]
                                     : integer * rm__power_of_ten[decimal->exponent];
    }
    return read_by_library(decimal);
}

int rm_double_parse(struct rm_slice text, double *ret_value)
{
    struct decimal decimal;
    double value;

    if (!take_decimal(&text, &decimal) || text.len > 0) {
        return RM_ESYNTAX;
    }
    value = read_decimal(&decimal);
    if (isinf(value)) {
        return RM_ERANGE;
    }
    *ret_value = decimal.is_negative ? -value : value;
    return 0;
}

int rm_int_parse(struct rm_slice text, int64_t min, int64_t max, int64_t *ret_value)
{
    bool is_negative = rm__scan_any(&text, "-");
    bool overflows = false;
    int64_t value = 0;

    if (text.len == 0 || rm__scan_count_digits(text) != text.len) {
        return RM_ESYNTAX;
    }
    for (size_t i = 0; i < text.len; i++) {
        int digit = text.data[i] - '0';

        overflows |= __builtin_mul_overflow(value, 10, &value);
        overflows |= __builtin_add_overflow(value, is_negative ? -digit : digit, &value);
    }
    if (overflows || value < min || value > max) {
        return RM_ERANGE;
    }
    *ret_value = value;
    return 0;
}
