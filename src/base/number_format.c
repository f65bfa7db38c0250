#include "raftmetrics/base/number.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "power_of_ten.h"

/* Up to here a double holds every integer. */
#define INTEGERS_END 9007199254740992.0

/* ECMAScript's bounds of the layout without exponent, as positions of the point. */
enum { POINT_MAX = 21, POINT_MIN = -5 };

/* 0.DIGITS times ten to the power of @point; the first digit is not 0. */
struct decimal {
    char digits[DBL_DECIMAL_DIG];
    int n_digits;
    int point;
};

/* Writes @value without leading zeros; returns the end. */
static char *put_integer(char *text, uint64_t value)
{
    char reversed[20];
    int n = 0;

    do {
        reversed[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (n > 0) {
        *text++ = reversed[--n];
    }
    return text;
}

static char *put_zeros(char *text, int n)
{
    memset(text, '0', (size_t)n);
    return text + n;
}

static char *put_digits(char *text, const char *digits, int n)
{
    memcpy(text, digits, (size_t)n);
    return text + n;
}

static char *put_exponent(char *text, int exponent)
{
    *text++ = 'e';
    *text++ = exponent < 0 ? '-' : '+';
    return put_integer(text, (uint64_t)abs(exponent));
}

/* Digits, with a point behind the first where more follow, and an exponent. */
static char *put_scientific(char *text, const struct decimal *decimal)
{
    *text++ = decimal->digits[0];
    if (decimal->n_digits > 1) {
        *text++ = '.';
        text = put_digits(text, decimal->digits + 1, decimal->n_digits - 1);
    }
    return put_exponent(text, decimal->point - 1);
}

static char *put_decimal(char *text, const struct decimal *decimal)
{
    int n_digits = decimal->n_digits;
    int point = decimal->point;

    if (point < POINT_MIN || point > POINT_MAX) {
        return put_scientific(text, decimal);
    }
    if (point <= 0) {
        *text++ = '0';
        *text++ = '.';
        text = put_zeros(text, -point);
        return put_digits(text, decimal->digits, n_digits);
    }
    if (point >= n_digits) {
        text = put_digits(text, decimal->digits, n_digits);
        return put_zeros(text, point - n_digits);
    }
    text = put_digits(text, decimal->digits, point);
    *text++ = '.';
    return put_digits(text, decimal->digits + point, n_digits - point);
}

static void trim_zeros(struct decimal *decimal)
{
    while (decimal->n_digits > 1 && decimal->digits[decimal->n_digits - 1] == '0') {
        decimal->n_digits--;
    }
}

/* Whether try_short_decimal finds every decimal of up to 15 digits. What is larger and has no
 * more digits is an integer, what is smaller needs a power of ten that is not exact. */
static bool is_in_short_range(double value)
{
    return value >= 1e-7 && value < 1e14;
}

/* The fast way, for numbers of at most 15 digits, as people and most sensors write them: scaled to
 * an integer of 15 digits and back they are the same. If one decimal of 15 digits reads as @value
 * it is the only one (DBL_DIG), and the error of the multiplication is too small to miss it. */
static bool try_short_decimal(double value, struct decimal *ret_decimal)
{
    /* log10(2) times the binary exponent is the decimal one, or one less. */
    int decimals = DBL_DIG - 1 - (int)floor(ilogb(value) * 0.30103);
    uint64_t scaled = (uint64_t)(value * rm__power_of_ten[decimals] + 0.5);

    if (scaled >= UINT64_C(1000000000000000)) {
        decimals--;
        scaled = (uint64_t)(value * rm__power_of_ten[decimals] + 0.5);
    }
    if ((double)scaled / rm__power_of_ten[decimals] != value) {
        return false;
    }
    ret_decimal->n_digits = (int)(put_integer(ret_decimal->digits, scaled) - ret_decimal->digits);
    ret_decimal->point = ret_decimal->n_digits - decimals;
    return true;
}

/* @value rounded to @n_digits, by the C library. */
static void round_to_digits(double value, int n_digits, struct decimal *ret_decimal)
{
    char text[RM_DOUBLE_TEXT_MAX];
    const char *exponent = text;

    snprintf(text, sizeof text, "%.*e", n_digits - 1, value);
    ret_decimal->n_digits = 0;
    for (; *exponent != 'e'; exponent++) {
        /* What is no digit is the point, in whatever form the locale gives it. */
        if (*exponent >= '0' && *exponent <= '9') {
            ret_decimal->digits[ret_decimal->n_digits++] = *exponent;
        }
    }
    ret_decimal->point = (int)strtol(exponent + 1, NULL, 10) + 1;
}

static bool reads_as(const struct decimal *decimal, double value)
{
    char text[RM_DOUBLE_TEXT_MAX];
    char *end = put_digits(text, decimal->digits, decimal->n_digits);

    end = put_exponent(end, decimal->point - decimal->n_digits);
    *end = '\0';
    return strtod(text, NULL) == value;
}

/* The next larger decimal of as many digits. */
static void step_up(struct decimal *decimal)
{
    int i = decimal->n_digits - 1;

    while (i >= 0 && decimal->digits[i] == '9') {
        decimal->digits[i--] = '0';
    }
    if (i >= 0) {
        decimal->digits[i]++;
    } else {
        decimal->digits[0] = '1';
        decimal->point++;
    }
}

static int fewest_digits(double value)
{
    if (value < DBL_MIN) {
        return 1;
    }
    return is_in_short_range(value) ? DBL_DIG + 1 : DBL_DIG;
}

/* The slow way. At a power of two the doubles below stand closer than those above, so that the
 * nearest decimal of n digits may not read back although the next larger one does. */
static void find_decimal(double value, struct decimal *ret_decimal)
{
    int exponent;
    bool is_power_of_two = frexp(value, &exponent) == 0.5;

    for (int n_digits = fewest_digits(value);; n_digits++) {
        round_to_digits(value, n_digits, ret_decimal);
        if (n_digits == DBL_DECIMAL_DIG || reads_as(ret_decimal, value)) {
            return;
        }
        if (is_power_of_two) {
            step_up(ret_decimal);
            if (reads_as(ret_decimal, value)) {
                return;
            }
        }
    }
}

static char *put_positive(char *text, double value)
{
    struct decimal decimal = {0};

    if (value < INTEGERS_END && value == (double)(uint64_t)value) {
        return put_integer(text, (uint64_t)value);
    }
    if (!is_in_short_range(value) || !try_short_decimal(value, &decimal)) {
        find_decimal(value, &decimal);
    }
    trim_zeros(&decimal);
    return put_decimal(text, &decimal);
}

size_t rm_double_format(double value, char ret_text[RM_DOUBLE_TEXT_MAX])
{
    char *end = ret_text;

    assert(isfinite(value));
    if (signbit(value)) {
        *end++ = '-';
    }
    end = put_positive(end, fabs(value));
    if (value == 0 && signbit(value)) {
        *end++ = '.';
        *end++ = '0';
    }
    *end = '\0';
    return (size_t)(end - ret_text);
}

double rm_double_round(double value, int decimals)
{
    char text[64];

    assert(decimals >= 0 && decimals <= 17);
    if (!(fabs(value) < INTEGERS_END)) {
        return value; /* without a fraction, or not finite */
    }
    snprintf(text, sizeof text, "%.*f", decimals, value);
    return strtod(text, NULL);
}
