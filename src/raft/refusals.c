#include "refusals.h"

#include <stdio.h>
#include <string.h>

static bool is_known(const struct rm__refusals *refusals, const char *address, const char *reason)
{
    for (size_t i = 0; i < refusals->n_refusals; i++) {
        const struct rm__refusal *refusal = &refusals->refusals[i];

        if (strcmp(refusal->address, address) == 0 && strcmp(refusal->reason, reason) == 0) {
            return true;
        }
    }
    return false;
}

static bool make_room(struct rm__refusals *refusals, uint64_t now_ms)
{
    if (refusals->n_refusals < RM__REFUSALS_MAX) {
        return true;
    }
    if (now_ms - refusals->refusals[0].time_ms < RM__REFUSAL_KEEP_MS) {
        return false;
    }
    refusals->n_refusals--;
    memmove(refusals->refusals, refusals->refusals + 1,
            refusals->n_refusals * sizeof refusals->refusals[0]);
    return true;
}

bool rm__refusals_add(struct rm__refusals *refusals, const char *address, const char *reason,
                      uint64_t now_ms)
{
    struct rm__refusal *refusal;

    if (is_known(refusals, address, reason) || !make_room(refusals, now_ms)) {
        return false;
    }
    refusal = &refusals->refusals[refusals->n_refusals++];
    snprintf(refusal->address, sizeof refusal->address, "%s", address);
    refusal->reason = reason;
    refusal->time_ms = now_ms;
    return true;
}

void rm__refusals_forget(struct rm__refusals *refusals, const char *address)
{
    size_t n_kept = 0;

    for (size_t i = 0; i < refusals->n_refusals; i++) {
        if (strcmp(refusals->refusals[i].address, address) != 0) {
            refusals->refusals[n_kept++] = refusals->refusals[i];
        }
    }
    refusals->n_refusals = n_kept;
}
