#include "raftmetrics/base/error.h"

const char *rm_strerror(int error)
{
    switch (error) {
    case RM_OK:
        return "success";
#define RM_ERROR_TEXT(name, code, text)                                                            \
    case name:                                                                                     \
        return text;
        RM_ERRORS(RM_ERROR_TEXT)
#undef RM_ERROR_TEXT
    default:
        return "unknown error";
    }
}
