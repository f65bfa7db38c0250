/* When to try again: after a failure not before a pause is over, so that nothing spins; another
 * worker may be tried at once, but that only once a pause. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_PACE_H
#define RAFTMETRICS_SRC_API_CONTROL_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { RM__PACE_PAUSE_MS = 50 };

/* Zeroed: nothing has failed. */
struct rm__pace {
    uint64_t not_before_ms;
    uint64_t hurry_not_before_ms;
};

static inline void rm__pace_failed(struct rm__pace *pace, uint64_t now_ms)
{
    pace->not_before_ms = now_ms + RM__PACE_PAUSE_MS;
}

/* May the next attempt start? @is_other: it goes to another worker than the last. */
static inline bool rm__pace_allows(struct rm__pace *pace, uint64_t now_ms, bool is_other)
{
    if (now_ms >= pace->not_before_ms) {
        return true;
    }
    if (!is_other || now_ms < pace->hurry_not_before_ms) {
        return false;
    }
    pace->hurry_not_before_ms = now_ms + RM__PACE_PAUSE_MS;
    return true;
}

#endif
