#include "verdict.h"

#include <stdio.h>
#include <string.h>

#include "problem.h"
#include "raftmetrics/base/error.h"

enum { QUOTED_CODE_MAX = 64 };

bool rm__answer_says(const struct rm_http_answer *answer, const char *code)
{
    char quoted[QUOTED_CODE_MAX];
    int len = snprintf(quoted, sizeof quoted, "\"%s\"", code);

    return answer->error == 0 && answer->body.len > 0 &&
           memmem(answer->body.data, answer->body.len, quoted, (size_t)len) != NULL;
}

static bool is(const struct rm_http_answer *answer, enum rm__problem_kind kind)
{
    return answer->status == (int)rm__problem_status(kind) &&
           rm__answer_says(answer, rm__problem_code(kind));
}

static enum rm__verdict verdict_of_error(int error)
{
    switch (error) {
    case RM_ECONNECT:
        return RM__VERDICT_GONE;
    case RM_ECANCELED:
        return RM__VERDICT_CANCELED;
    default:
        return RM__VERDICT_UNKNOWN;
    }
}

/* Does the answer name a problem of ours, under its own status? */
static bool is_ours(const struct rm_http_answer *answer)
{
#define OR_IS(name, status, code) || is(answer, name)
    return false RM__PROBLEMS(OR_IS);
#undef OR_IS
}

/* What a worker answers says that nothing was done where it says nothing else: so it is agreed
 * among the nodes. An answer without a worker's words may be that of a proxy which had handed the
 * request over by then, or of a worker without memory for them; but for one that the request was at
 * fault for. */
static enum rm__verdict verdict_of_refusal(const struct rm_http_answer *answer)
{
    bool is_refused = (answer->status >= 400 && answer->status < 500) || is_ours(answer);

    return is_refused && !is(answer, RM__OUTCOME_UNKNOWN) ? RM__VERDICT_REFUSED
                                                          : RM__VERDICT_UNKNOWN;
}

enum rm__verdict rm__verdict_of(const struct rm_http_answer *answer)
{
    if (answer->error != 0) {
        return verdict_of_error(answer->error);
    }
    if (answer->status == 200) {
        return RM__VERDICT_DONE;
    }
    if (answer->status == 401 || answer->status == 409) {
        return RM__VERDICT_GONE;
    }
    if (answer->status == 421 || is(answer, RM__NO_LEADER) || is(answer, RM__NOT_CURRENT) ||
        is(answer, RM__SHUTTING_DOWN)) {
        return RM__VERDICT_ELSEWHERE;
    }
    if (is(answer, RM__UNKNOWN_SESSION)) {
        return RM__VERDICT_NO_SESSION;
    }
    if (is(answer, RM__STALE_SEQUENCE)) {
        return RM__VERDICT_STALE;
    }
    return verdict_of_refusal(answer);
}

enum rm__fate rm__fate_of_refusal(const struct rm_http_answer *answer)
{
    if (is(answer, RM__DISK_LOW)) {
        return RM__FATE_DISK_LOW;
    }
    return is(answer, RM__SHARD_FULL) ? RM__FATE_SHARD_FULL : RM__FATE_OVERLOADED;
}
