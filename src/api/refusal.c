#include "refusal.h"

#include <stddef.h>

static const struct {
    enum rm__problem_kind kind;
    bool stays;
    const char *reason;
    const char *advice;
} refusals[RM__FATES] = {
    [RM__FATE_UNKNOWN_METRIC] = {RM__UNKNOWN_METRIC, true, "No metric of this name has any values",
                                 NULL},
    [RM__FATE_KEY_CONFLICT] = {RM__IDEMPOTENCY_CONFLICT, true,
                               "This Idempotency-Key was used for another request",
                               "use a new one"},
    [RM__FATE_KEYS_FULL] = {RM__IDEMPOTENCY_KEYS_FULL, false,
                            "The shard remembers as many Idempotency-Keys as it may "
                            "(max_idempotency_keys)",
                            "try again when some have expired"},
    [RM__FATE_TOO_MANY_SERIES] = {RM__TOO_MANY_SERIES, true,
                                  "The shard has as many series as it may (max_series), and this "
                                  "would begin one",
                                  "use fewer labels or names, delete metrics, or raise the limit"},
    [RM__FATE_MEMORY_FULL] = {RM__MEMORY_FULL, true,
                              "The worker holds as much as it may (max_memory_bytes), and this "
                              "would begin a series",
                              "delete metrics, or raise the limit"},
    [RM__FATE_TOO_MANY_SAMPLES] = {RM__TOO_MANY_SAMPLES, true,
                                   "A series of this would have more samples than it may "
                                   "(max_samples_per_series, and samples_full is refuse)",
                                   "delete the metric, or raise the limit"},
    [RM__FATE_NOT_LEADER] = {RM__NOT_LEADER, false, "Another worker leads this shard", NULL},
    [RM__FATE_NO_LEADER] = {RM__NO_LEADER, false, "The shard has no leader that can be reached",
                            "try again soon"},
    [RM__FATE_OVERLOADED] = {RM__OVERLOADED, false, "Too much is waiting to be written",
                             "try again later"},
    [RM__FATE_DISK_LOW] = {RM__DISK_LOW, false,
                           "The disk of the shard's leader is nearly full (min_free_disk_bytes)",
                           "try again when there is space"},
    [RM__FATE_SHARD_FULL] = {RM__SHARD_FULL, true,
                             "The shard holds as much as it may (max_shard_bytes; new series end "
                             "somewhat earlier)",
                             "delete metrics, or raise the limit"},
    [RM__FATE_LATE] = {RM__DEADLINE_EXCEEDED, false,
                       "The shard's leader was busy until the deadline", "try again later"},
    [RM__FATE_UNKNOWN] = {RM__OUTCOME_UNKNOWN, false,
                          "The shard's leader was lost after it was handed this; it may or may "
                          "not be recorded",
                          NULL},
};

static const char *advice_on_unknown(bool has_key)
{
    return has_key ? "send the same request with the same Idempotency-Key"
                   : "sent again it may count twice, for it had no Idempotency-Key; with one from "
                     "the first attempt on it would not";
}

/* Says the reason, and the advice behind @link. */
static void say(enum rm__fate fate, const char *link, const char *advice,
                struct rm__problem *ret_problem)
{
    rm__problem_set(ret_problem, refusals[fate].kind, "%s%s%s", refusals[fate].reason,
                    advice == NULL ? "" : link, advice == NULL ? "" : advice);
}

void rm__refusal_of(enum rm__fate fate, bool has_key, struct rm__problem *ret_problem)
{
    if (fate == RM__FATE_UNKNOWN) {
        say(fate, ": ", advice_on_unknown(has_key), ret_problem);
    } else {
        say(fate, "; nothing was recorded: ", refusals[fate].advice, ret_problem);
    }
}

void rm__refusal_of_items(enum rm__fate fate, struct rm__problem *ret_problem)
{
    say(fate, ": ", refusals[fate].advice, ret_problem);
}

bool rm__refusal_stays(enum rm__fate fate)
{
    return refusals[fate].stays;
}

/* ---- of some of a batch ---- */

#define WARNING                                                                                    \
    "; what is unknown may count twice if it is sent again, for the request had no "               \
    "Idempotency-Key"

static const char *advice_on_partial(const struct rm__partial *partial)
{
    static const char *const advices[2][2][2] = {
        /* refused for now; with unknown ones; with a key */
        {{"send only what was not recorded",
          "send the same request with the same Idempotency-Key, or only what was not recorded"},
         {"send only what was not recorded" WARNING,
          "send the same request with the same Idempotency-Key"}},
        /* refused for good */
        {{"change what \"refused\" says, then send only what was not recorded",
          "change what \"refused\" says, then send only what was not recorded, with another "
          "Idempotency-Key"},
         {"change what \"refused\" says, then send only what was not recorded" WARNING,
          "send the same request with the same Idempotency-Key until nothing is unknown; then "
          "change what \"refused\" says, and send only what was not recorded, with another "
          "Idempotency-Key"}},
    };

    return advices[partial->stays][partial->has_unknown][partial->has_key];
}

void rm__refusal_of_some(const struct rm__partial *partial, struct rm__problem *ret_problem)
{
    rm__problem_set(ret_problem, RM__PARTIALLY_RECORDED,
                    "Some of the batch's shards did not take their part: %s",
                    advice_on_partial(partial));
}
