#include "problem.h"

#include <stdio.h>

#include "raftmetrics/base/utf8.h"

enum { QUOTED_MAX = 80 };

static const struct {
    unsigned status;
    const char *code;
} problems[] = {
#define RM__PROBLEM_ROW(name, status, code) [name] = {status, code},
    RM__PROBLEMS(RM__PROBLEM_ROW)
#undef RM__PROBLEM_ROW
};

unsigned rm__problem_status(enum rm__problem_kind kind)
{
    return problems[kind].status;
}

const char *rm__problem_code(enum rm__problem_kind kind)
{
    return problems[kind].code;
}

/* The longest part of valid UTF-8 @text that has at most @max bytes and ends with a character. */
static size_t cut_at_character(const char *text, size_t len, size_t max)
{
    if (len <= max) {
        return len;
    }
    len = max;
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
        len--;
    }
    return len;
}

/* What a message quotes may be cut within a character, or never have been UTF-8. */
static void keep_utf8(char *text)
{
    if (rm_utf8_is_valid(rm_slice_of(text))) {
        return;
    }
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text & 0x80) != 0) {
            *text = '?';
        }
    }
}

void rm__problem_vset(struct rm__problem *problem, enum rm__problem_kind kind, const char *format,
                      va_list args)
{
    problem->kind = kind;
    vsnprintf(problem->message, sizeof problem->message, format, args);
    keep_utf8(problem->message);
}

void rm__problem_set(struct rm__problem *problem, enum rm__problem_kind kind, const char *format,
                     ...)
{
    va_list args;

    va_start(args, format);
    rm__problem_vset(problem, kind, format, args);
    va_end(args);
}

struct rm_slice rm__problem_quote(struct rm_slice text)
{
    return rm_slice_make(text.data == NULL ? "" : text.data,
                         text.data == NULL ? 0 : cut_at_character(text.data, text.len, QUOTED_MAX));
}
