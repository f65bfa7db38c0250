/* The control daemon, as the client commands see it: one request at a time, waited for. */
#ifndef RAFTMETRICS_SRC_CMD_REMOTE_H
#define RAFTMETRICS_SRC_CMD_REMOTE_H

#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/slice.h"
#include "raftmetrics/cmd/complaint.h"
#include "raftmetrics/cmd/options.h"

/* The options that every client command has, first in its table. */
#define RM_REMOTE_OPTIONS                                                                          \
    {"url", "URL", "the control daemon (RAFTMETRICS_URL; default http://127.0.0.1:8080)", false},  \
        {"token", "TOKEN", "token to show it (AUTH_TOKEN)", false},                                \
    {                                                                                              \
        "token-file", "FILE", "file that holds the token (AUTH_TOKEN_FILE)", false                 \
    }
#define RM_JSON_OPTION                                                                             \
    {                                                                                              \
        "json", NULL, "print the daemon's JSON as it is", false                                    \
    }

struct rm_remote;

/* Owned by whoever received it. */
struct rm_answer {
    int error;        /* 0: an answer came; else as in struct rm_http_answer */
    int status;       /* HTTP status */
    int64_t retry_ms; /* Retry-After; 0 where absent */
    char *body;       /* NUL-terminated, never NULL when error is 0 */
    size_t body_len;
};

/* From the options above and the environment. Errors: RM_EINVAL with a sentence; RM_ENOMEM. */
int rm_remote_new(const struct rm_options *options, struct rm_remote **ret_remote,
                  struct rm_complaint *complaint);
void rm_remote_free(struct rm_remote *remote);

/* "http://127.0.0.1:8080", without a slash at its end. */
const char *rm_remote_url(const struct rm_remote *remote);

/* @target: path and query, encoded. @body: JSON, data NULL for none. @idempotency_key: NULL for
 * none. The outcome is in @ret_answer, failures too; free it with rm_answer_done. */
void rm_remote_call(struct rm_remote *remote, const char *method, const char *target,
                    struct rm_slice body, const char *idempotency_key,
                    struct rm_answer *ret_answer);
void rm_answer_done(struct rm_answer *answer);

/* Why @answer is no success, in the daemon's words where it gave some. */
void rm_answer_explain(const struct rm_remote *remote, const struct rm_answer *answer,
                       struct rm_complaint *ret_complaint);

/* Calls, and prints on stderr why where the status is not 200. Returns an exit code; @ret_answer
 * is to be freed where it is RM_EXIT_OK. */
int rm_remote_ask(struct rm_remote *remote, const char *command, const char *method,
                  const char *target, struct rm_slice body, const char *idempotency_key,
                  struct rm_answer *ret_answer);

/* An answer's body on stdout, with a newline behind it. */
void rm_answer_print(const struct rm_answer *answer);

#endif
