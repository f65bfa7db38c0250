/* Instants and durations out of text. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/duration.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_timestamp(struct rm_slice text)
{
    char formatted[RM_TIMESTAMP_TEXT_LEN + 1];
    int64_t ms = 7;
    int64_t back;
    int rv = rm_timestamp_parse(text, &ms);

    if (rv != 0) {
        assert((rv == RM_ESYNTAX || rv == RM_ERANGE) && ms == 7);
        return;
    }
    assert(ms >= RM_TIMESTAMP_MIN_MS && ms <= RM_TIMESTAMP_MAX_MS);
    rm_timestamp_format(ms, formatted);
    assert(rm_timestamp_parse(rm_slice_make(formatted, RM_TIMESTAMP_TEXT_LEN), &back) == 0);
    assert(back == ms);
}

static void check_duration(struct rm_slice text)
{
    int64_t ms = -7;
    int rv = rm_duration_parse(text, &ms);

    if (rv != 0) {
        assert((rv == RM_ESYNTAX || rv == RM_ERANGE) && ms == -7);
        return;
    }
    assert(ms > 0 && ms <= RM_DURATION_MAX_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rm_slice text = rm_slice_make(data, size);

    check_timestamp(text);
    check_duration(text);
    return 0;
}
