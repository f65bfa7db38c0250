#include "raftmetrics/base/timestamp.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#include "raftmetrics/base/error.h"
#include "scan.h"

enum {
    MS_PER_SECOND = 1000,
    MS_PER_MINUTE = 60000,
    MS_PER_HOUR = 3600000,
    MS_PER_DAY = 86400000,
    DAYS_PER_ERA = 146097, /* 400 years: the calendar repeats */
    DAYS_TO_EPOCH = 719468 /* from 0000-03-01, where era 0 starts, to 1970-01-01 */
};

/* Milliseconds within 1966 to 1973, or seconds up to the year 5138: seconds were probably meant. */
#define AMBIGUOUS_END INT64_C(100000000000)

struct date {
    int year;
    int month;
    int day;
};

/* A timestamp as it was written. */
struct written {
    struct date date;
    int hour;
    int minute;
    int second;
    int ms;
    int offset_minutes;
};

static int64_t floor_divide(int64_t dividend, int64_t divisor)
{
    return dividend / divisor - (dividend % divisor < 0);
}

static bool is_leap_year(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

/* Years are counted from March on, so that the leap day is the last of its year, and months of 30
 * and 31 days follow each other such that (153 * month + 2) / 5 days lie before a month. */
static int64_t days_since_epoch(const struct date *date)
{
    int64_t year = date->month > 2 ? date->year : date->year - 1;
    int64_t era = floor_divide(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t month_from_march = date->month > 2 ? date->month - 3 : date->month + 9;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + date->day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

static struct date date_of_day(int64_t days)
{
    int64_t era = floor_divide(days + DAYS_TO_EPOCH, DAYS_PER_ERA);
    int64_t day_of_era = days + DAYS_TO_EPOCH - era * DAYS_PER_ERA;
    /* Days of era without the leap days before them, in years of 365. */
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;

    return (struct date){
        .year = (int)(era * 400 + year_of_era + (month <= 2)),
        .month = (int)month,
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
    };
}

/* Writes @width digits and @behind them. */
static char *put(char *text, int64_t value, int width, char behind)
{
    for (int i = width - 1; i >= 0; i--) {
        text[i] = (char)('0' + value % 10);
        value /= 10;
    }
    text[width] = behind;
    return text + width + 1;
}

void rm_timestamp_format(int64_t ms, char ret_text[RM_TIMESTAMP_TEXT_LEN + 1])
{
    int64_t days = floor_divide(ms, MS_PER_DAY);
    int64_t ms_of_day = ms - days * MS_PER_DAY;
    struct date date = date_of_day(days);
    char *text = ret_text;

    assert(ms >= RM_TIMESTAMP_MIN_MS && ms <= RM_TIMESTAMP_MAX_MS);
    text = put(text, date.year, 4, '-');
    text = put(text, date.month, 2, '-');
    text = put(text, date.day, 2, 'T');
    text = put(text, ms_of_day / MS_PER_HOUR, 2, ':');
    text = put(text, ms_of_day / MS_PER_MINUTE % 60, 2, ':');
    text = put(text, ms_of_day / MS_PER_SECOND % 60, 2, '.');
    text = put(text, ms_of_day % MS_PER_SECOND, 3, 'Z');
    *text = '\0';
}

/* Takes exactly @width digits, at least @min and at most @max. */
static bool take_number(struct rm_slice *rest, size_t width, int min, int max, int *ret_number)
{
    int number = 0;

    if (rest->len < width || rm__scan_count_digits(rm_slice_make(rest->data, width)) != width) {
        return false;
    }
    for (size_t i = 0; i < width; i++) {
        number = number * 10 + (rest->data[i] - '0');
    }
    if (number < min || number > max) {
        return false;
    }
    rm__scan_skip(rest, width);
    *ret_number = number;
    return true;
}

static bool take_date(struct rm_slice *rest, struct date *ret_date)
{
    return take_number(rest, 4, 0, 9999, &ret_date->year) && rm__scan_any(rest, "-") &&
           take_number(rest, 2, 1, 12, &ret_date->month) && rm__scan_any(rest, "-") &&
           take_number(rest, 2, 1, days_of_month(ret_date->year, ret_date->month), &ret_date->day);
}

static bool take_fraction(struct rm_slice *rest, int *ret_ms)
{
    size_t n_digits = rm__scan_count_digits(*rest);
    int weight = 100;

    *ret_ms = 0;
    for (size_t i = 0; i < n_digits && weight > 0; i++) {
        *ret_ms += weight * (rest->data[i] - '0');
        weight /= 10;
    }
    rm__scan_skip(rest, n_digits);
    return n_digits > 0;
}

static bool take_time(struct rm_slice *rest, struct written *written)
{
    return take_number(rest, 2, 0, 23, &written->hour) && rm__scan_any(rest, ":") &&
           take_number(rest, 2, 0, 59, &written->minute) && rm__scan_any(rest, ":") &&
           take_number(rest, 2, 0, 60, &written->second) &&
           (!rm__scan_any(rest, ".") || take_fraction(rest, &written->ms));
}

static bool take_offset(struct rm_slice *rest, int *ret_minutes)
{
    bool is_negative = rm__scan_any(rest, "-");
    int hours;
    int minutes;

    if (!is_negative && !rm__scan_any(rest, "+")) {
        *ret_minutes = 0;
        return rm__scan_any(rest, "Zz");
    }
    if (!take_number(rest, 2, 0, 23, &hours) || !rm__scan_any(rest, ":") ||
        !take_number(rest, 2, 0, 59, &minutes)) {
        return false;
    }
    minutes += hours * 60;
    *ret_minutes = is_negative ? -minutes : minutes;
    return true;
}

/* Is @ms, the instant behind a second 60, the start of a month? Leap seconds are inserted nowhere
 * else. */
static bool follows_leap_second(int64_t ms)
{
    int64_t days = floor_divide(ms, MS_PER_DAY);

    return ms == days * MS_PER_DAY && date_of_day(days).day == 1;
}

int rm_timestamp_parse(struct rm_slice text, int64_t *ret_ms)
{
    struct written written = {0};
    int64_t ms;

    if (!take_date(&text, &written.date) || !rm__scan_any(&text, "Tt ") ||
        !take_time(&text, &written) || !take_offset(&text, &written.offset_minutes) ||
        text.len > 0) {
        return RM_ESYNTAX;
    }
    ms = days_since_epoch(&written.date) * MS_PER_DAY + (int64_t)written.hour * MS_PER_HOUR +
         ((int64_t)written.minute - written.offset_minutes) * MS_PER_MINUTE +
         (int64_t)written.second * MS_PER_SECOND;
    if (written.second < 60) {
        ms += written.ms;
    } else if (!follows_leap_second(ms)) {
        return RM_ESYNTAX;
    }
    if (ms < RM_TIMESTAMP_MIN_MS || ms > RM_TIMESTAMP_MAX_MS) {
        return RM_ERANGE;
    }
    *ret_ms = ms;
    return 0;
}

int rm_timestamp_from_int(int64_t count, enum rm_precision precision, int64_t *ret_ms)
{
    int64_t ms = count;

    switch (precision) {
    case RM_PRECISION_NONE:
        if (count > -AMBIGUOUS_END && count < AMBIGUOUS_END) {
            return RM_EAMBIGUOUS;
        }
        break;
    case RM_PRECISION_S:
        if (__builtin_mul_overflow(count, MS_PER_SECOND, &ms)) {
            return RM_ERANGE;
        }
        break;
    case RM_PRECISION_MS:
        break;
    case RM_PRECISION_US:
        ms = floor_divide(count, 1000);
        break;
    case RM_PRECISION_NS:
        ms = floor_divide(count, 1000000);
        break;
    }
    if (ms < RM_TIMESTAMP_MIN_MS || ms > RM_TIMESTAMP_MAX_MS) {
        return RM_ERANGE;
    }
    *ret_ms = ms;
    return 0;
}

int rm_precision_parse(struct rm_slice text, enum rm_precision *ret_precision)
{
    static const struct {
        const char *name;
        enum rm_precision precision;
    } names[] = {
        {"s", RM_PRECISION_S},
        {"ms", RM_PRECISION_MS},
        {"us", RM_PRECISION_US},
        {"ns", RM_PRECISION_NS},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (rm_slice_is(text, names[i].name)) {
            *ret_precision = names[i].precision;
            return 0;
        }
    }
    return RM_EINVAL;
}
