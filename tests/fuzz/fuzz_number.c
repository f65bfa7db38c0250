/* Numbers out of text, and text out of any double. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void check_round_trip(double value)
{
    char text[RM_DOUBLE_TEXT_MAX];
    size_t len = rm_double_format(value, text);
    double back;

    assert(len == strlen(text));
    assert(rm_double_parse(rm_slice_make(text, len), &back) == 0);
    assert(bits_of(back) == bits_of(value));
}

static void check_text(struct rm_slice text)
{
    double value = -1.5;
    int64_t integer = 7;
    int rv = rm_double_parse(text, &value);

    if (rv == 0) {
        assert(isfinite(value));
        check_round_trip(value);
    } else {
        assert((rv == RM_ESYNTAX || rv == RM_ERANGE) && value == -1.5);
    }
    rv = rm_int_parse(text, -1000, INT64_MAX, &integer);
    if (rv == 0) {
        assert(integer >= -1000);
        assert(rm_double_parse(text, &value) == 0 && value == (double)integer);
    } else {
        assert((rv == RM_ESYNTAX || rv == RM_ERANGE) && integer == 7);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double value;

    check_text(rm_slice_make(data, size));
    if (size >= sizeof value) {
        memcpy(&value, data, sizeof value);
        if (isfinite(value)) {
            check_round_trip(value);
        }
    }
    return 0;
}
