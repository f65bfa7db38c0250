/* What can be wrong with a request, and the answer that says so. */
#ifndef RAFTMETRICS_SRC_API_PROBLEM_H
#define RAFTMETRICS_SRC_API_PROBLEM_H

#include <stdarg.h>

#include "raftmetrics/base/slice.h"

/* X(name, HTTP status, code in the body) */
#define RM__PROBLEMS(X)                                                                            \
    X(RM__BAD_REQUEST, 400, "bad_request")                                                         \
    X(RM__INVALID_METRIC_NAME_IN_PATH, 400, "invalid_metric_name")                                 \
    X(RM__INVALID_PARAMETER, 400, "invalid_parameter")                                             \
    X(RM__INVALID_HEADER, 400, "invalid_header")                                                   \
    X(RM__INVALID_ENCODING, 400, "invalid_encoding")                                               \
    X(RM__INVALID_JSON, 400, "invalid_json")                                                       \
    X(RM__UNAUTHORIZED, 401, "unauthorized")                                                       \
    X(RM__FORBIDDEN, 403, "forbidden")                                                             \
    X(RM__NOT_FOUND, 404, "not_found")                                                             \
    X(RM__UNKNOWN_METRIC, 404, "unknown_metric")                                                   \
    X(RM__UNKNOWN_SESSION, 404, "unknown_session")                                                 \
    X(RM__METHOD_NOT_ALLOWED, 405, "method_not_allowed")                                           \
    X(RM__WRONG_CLUSTER, 409, "wrong_cluster")                                                     \
    X(RM__STALE_SEQUENCE, 410, "stale_sequence")                                                   \
    X(RM__LENGTH_REQUIRED, 411, "length_required")                                                 \
    X(RM__BODY_TOO_LARGE, 413, "body_too_large")                                                   \
    X(RM__TARGET_TOO_LONG, 414, "target_too_long")                                                 \
    X(RM__UNSUPPORTED_MEDIA_TYPE, 415, "unsupported_media_type")                                   \
    X(RM__UNSUPPORTED_ENCODING, 415, "unsupported_encoding")                                       \
    X(RM__NOT_LEADER, 421, "not_leader")                                                           \
    X(RM__INVALID_BODY, 422, "invalid_body")                                                       \
    X(RM__UNKNOWN_FIELD, 422, "unknown_field")                                                     \
    X(RM__MISSING_FIELD, 422, "missing_field")                                                     \
    X(RM__INVALID_METRIC_NAME, 422, "invalid_metric_name")                                         \
    X(RM__INVALID_VALUE, 422, "invalid_value")                                                     \
    X(RM__INVALID_TIMESTAMP, 422, "invalid_timestamp")                                             \
    X(RM__AMBIGUOUS_TIMESTAMP, 422, "ambiguous_timestamp")                                         \
    X(RM__INVALID_LABELS, 422, "invalid_labels")                                                   \
    X(RM__TOO_MANY_ITEMS, 422, "too_many_items")                                                   \
    X(RM__IDEMPOTENCY_CONFLICT, 422, "idempotency_conflict")                                       \
    X(RM__IDEMPOTENCY_KEYS_FULL, 429, "idempotency_keys_full")                                     \
    X(RM__SHARD_FULL, 429, "shard_full")                                                           \
    X(RM__TOO_MANY_SERIES, 429, "too_many_series")                                                 \
    X(RM__MEMORY_FULL, 429, "memory_full")                                                         \
    X(RM__TOO_MANY_SAMPLES, 429, "too_many_samples")                                               \
    X(RM__HEADERS_TOO_LARGE, 431, "headers_too_large")                                             \
    X(RM__NOT_IMPLEMENTED, 501, "not_implemented")                                                 \
    X(RM__NO_LEADER, 503, "no_leader")                                                             \
    X(RM__NOT_CURRENT, 503, "not_current")                                                         \
    X(RM__OVERLOADED, 503, "overloaded")                                                           \
    X(RM__DISK_LOW, 503, "disk_low")                                                               \
    X(RM__SHUTTING_DOWN, 503, "shutting_down")                                                     \
    X(RM__OUTCOME_UNKNOWN, 503, "outcome_unknown")                                                 \
    X(RM__PARTIALLY_RECORDED, 503, "partially_recorded")                                           \
    X(RM__DEADLINE_EXCEEDED, 504, "deadline_exceeded")                                             \
    X(RM__BAD_VERSION, 505, "http_version_not_supported")

enum rm__problem_kind {
#define RM__PROBLEM_ENUM(name, status, code) name,
    RM__PROBLEMS(RM__PROBLEM_ENUM)
#undef RM__PROBLEM_ENUM
};

#define RM__PROBLEM_COUNT(name, status, code) +1
enum { RM__PROBLEM_KINDS = RM__PROBLEMS(RM__PROBLEM_COUNT), RM__PROBLEM_TEXT_MAX = 512 };
#undef RM__PROBLEM_COUNT

/* One problem and the sentence that says what to change. */
struct rm__problem {
    enum rm__problem_kind kind;
    char message[RM__PROBLEM_TEXT_MAX];
};

unsigned rm__problem_status(enum rm__problem_kind kind);
const char *rm__problem_code(enum rm__problem_kind kind);

/* Fills in @problem. A message that is too long is cut, one that is not UTF-8 made so. */
void rm__problem_set(struct rm__problem *problem, enum rm__problem_kind kind, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));

void rm__problem_vset(struct rm__problem *problem, enum rm__problem_kind kind, const char *format,
                      va_list args) __attribute__((format(printf, 3, 0)));

/* @text cut to what a message may quote, at a character's end. For printf: precision and pointer.
 */
struct rm_slice rm__problem_quote(struct rm_slice text);
#define RM__QUOTE(text) (int)rm__problem_quote(text).len, rm__problem_quote(text).data

#endif
