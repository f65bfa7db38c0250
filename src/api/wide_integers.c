#include "wide_integers.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "raftmetrics/base/error.h"

/* The longest that always fits: up to 18 digits. */
enum { FITTING_DIGITS = 18 };

static const char LARGEST[] = "9223372036854775807";
static const char SMALLEST[] = "9223372036854775808";

/* The end of the JSON string that begins at @i. */
static size_t string_end(struct rm_slice text, size_t i)
{
    for (i++; i < text.len && text.data[i] != '"'; i++) {
        i += text.data[i] == '\\';
    }
    return i < text.len ? i + 1 : text.len;
}

static size_t digits_end(struct rm_slice text, size_t i)
{
    while (i < text.len && isdigit((unsigned char)text.data[i])) {
        i++;
    }
    return i;
}

static bool is_number_char(char c)
{
    return isdigit((unsigned char)c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static size_t number_end(struct rm_slice text, size_t i)
{
    while (i < text.len && is_number_char(text.data[i])) {
        i++;
    }
    return i;
}

static bool is_wide(struct rm_slice digits, bool is_negative)
{
    if (digits.len <= FITTING_DIGITS) {
        return is_negative && rm_slice_is(digits, "0");
    }
    return digits.len > strlen(LARGEST) ||
           (digits.len == strlen(LARGEST) &&
            memcmp(digits.data, is_negative ? SMALLEST : LARGEST, digits.len) > 0);
}

/* Is the number from @begin to @end an integer that is wide? */
static bool needs_mark(struct rm_slice text, size_t begin, size_t end)
{
    bool is_negative = text.data[begin] == '-';
    size_t first = begin + is_negative;

    return digits_end(text, first) == end &&
           is_wide(rm_slice_make(text.data + first, end - first), is_negative);
}

int rm__wide_integers_mark(struct rm_slice text, struct rm_buffer *marked)
{
    size_t n_done = 0;
    size_t i = 0;
    int rv = 0;

    while (i < text.len && rv == 0) {
        size_t begin = i;

        if (text.data[i] == '"') {
            i = string_end(text, i);
        } else if (text.data[i] != '-' && !isdigit((unsigned char)text.data[i])) {
            i++;
        } else {
            i = number_end(text, i);
            if (needs_mark(text, begin, i)) {
                rv = rm_buffer_append(marked, text.data + n_done, i - n_done);
                rv = rv != 0 ? rv : rm_buffer_append(marked, ".0", 2);
                n_done = i;
            }
        }
    }
    return rv != 0 ? rv : rm_buffer_append(marked, text.data + n_done, text.len - n_done);
}
