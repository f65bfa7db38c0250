/* Error codes: every fallible function of the project returns 0 or one of these, negative.
 * Codes of other libraries are translated into these once, in the layer that owns the library. */
#ifndef RAFTMETRICS_BASE_ERROR_H
#define RAFTMETRICS_BASE_ERROR_H

#define RM_ERRORS(X)                                                                               \
    X(RM_EINVAL, -1, "invalid argument")                                                           \
    X(RM_ENOMEM, -2, "out of memory")                                                              \
    X(RM_ERANGE, -3, "out of range")                                                               \
    X(RM_ETOOBIG, -4, "larger than its limit")                                                     \
    X(RM_ESYNTAX, -5, "malformed")                                                                 \
    X(RM_ENOTFOUND, -6, "not found")                                                               \
    X(RM_EEXIST, -7, "already exists")                                                             \
    X(RM_ECONFLICT, -8, "conflicts with what is recorded")                                         \
    X(RM_EFULL, -9, "full")                                                                        \
    X(RM_EIO, -10, "input or output failed")                                                       \
    X(RM_ETIMEDOUT, -11, "timed out")                                                              \
    X(RM_ECONNECT, -12, "could not connect")                                                       \
    X(RM_ENOTLEADER, -13, "not the leader")                                                        \
    X(RM_EUNKNOWN, -14, "outcome unknown")                                                         \
    X(RM_EPROTO, -15, "the peer broke the protocol")                                               \
    X(RM_ECANCELED, -16, "canceled")                                                               \
    X(RM_EAMBIGUOUS, -17, "ambiguous")                                                             \
    X(RM_EBUSY, -18, "in use")                                                                     \
    X(RM_ECORRUPT, -19, "damaged")                                                                 \
    X(RM_ENOSPACE, -20, "not enough space on the disk")                                            \
    X(RM_ESESSION, -21, "unknown session")                                                         \
    X(RM_ESTALE, -22, "older than what is recorded")                                               \
    X(RM_EDENIED, -23, "denied")

enum rm_error {
    RM_OK = 0,
#define RM_ERROR_ENUM(name, code, text) name = code,
    RM_ERRORS(RM_ERROR_ENUM)
#undef RM_ERROR_ENUM
};

/* A short English text for @error; never NULL. */
const char *rm_strerror(int error);

#endif
