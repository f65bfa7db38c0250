#include "wire.h"

#include "raftmetrics/base/error.h"

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int rm__session_parse(struct rm_slice text, struct rm_session *ret_session)
{
    uint64_t halves[2] = {0};

    if (text.len != RM__SESSION_TEXT_LEN) {
        return RM_ESYNTAX;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint64_t *half = &halves[i / (RM__SESSION_TEXT_LEN / 2)];
        int digit = digit_of(text.data[i]);

        if (digit < 0) {
            return RM_ESYNTAX;
        }
        *half = *half << 4 | (uint64_t)digit;
    }
    if (halves[0] == 0 && halves[1] == 0) {
        return RM_ESYNTAX;
    }
    *ret_session = (struct rm_session){.high = halves[0], .low = halves[1]};
    return 0;
}
