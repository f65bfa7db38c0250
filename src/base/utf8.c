#include "raftmetrics/base/utf8.h"

/* What the first byte of a character announces. */
struct lead {
    size_t len; /* 0: no character starts so */
    uint32_t bits;
    uint32_t smallest; /* below it the form is overlong */
};

static struct lead read_lead(unsigned char byte)
{
    if (byte < 0x80) {
        return (struct lead){1, byte, 0};
    }
    if (byte >= 0xc2 && byte <= 0xdf) {
        return (struct lead){2, byte & 0x1fU, 0x80};
    }
    if (byte >= 0xe0 && byte <= 0xef) {
        return (struct lead){3, byte & 0x0fU, 0x800};
    }
    if (byte >= 0xf0 && byte <= 0xf4) {
        return (struct lead){4, byte & 0x07U, 0x10000};
    }
    return (struct lead){0};
}

static bool is_surrogate(uint32_t code_point)
{
    return code_point >= 0xd800 && code_point <= 0xdfff;
}

size_t rm_utf8_decode(struct rm_slice text, uint32_t *ret_code_point)
{
    struct lead lead;
    uint32_t code_point;

    if (text.len == 0) {
        return 0;
    }
    lead = read_lead((unsigned char)text.data[0]);
    if (lead.len == 0 || lead.len > text.len) {
        return 0;
    }
    code_point = lead.bits;
    for (size_t i = 1; i < lead.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if ((byte & 0xc0) != 0x80) {
            return 0;
        }
        code_point = code_point << 6 | (byte & 0x3fU);
    }
    if (code_point < lead.smallest || code_point > 0x10ffff || is_surrogate(code_point)) {
        return 0;
    }
    *ret_code_point = code_point;
    return lead.len;
}

bool rm_utf8_is_valid(struct rm_slice text)
{
    size_t i = 0;

    while (i < text.len) {
        uint32_t code_point;
        size_t len = 1;

        if ((unsigned char)text.data[i] >= 0x80) {
            len = rm_utf8_decode(rm_slice_make(text.data + i, text.len - i), &code_point);
        }
        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}

bool rm_utf8_has_control(struct rm_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (byte < 0x20 || byte == 0x7f) {
            return true;
        }
        /* U+0080 to 009F are C2 80 to C2 9F; C2 starts a character and nothing else. */
        if (byte == 0xc2 && i + 1 < text.len && (unsigned char)text.data[i + 1] < 0xa0) {
            return true;
        }
    }
    return false;
}
