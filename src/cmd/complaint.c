#include "raftmetrics/cmd/complaint.h"

#include <stdarg.h>
#include <stdio.h>

int rm_complain(struct rm_complaint *complaint, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(complaint->text, sizeof complaint->text, format, args);
    va_end(args);
    for (char *at = complaint->text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
    return error;
}
