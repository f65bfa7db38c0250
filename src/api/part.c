#include "part.h"

void rm__part_finish(struct rm__part *part, enum rm__fate fate, uint32_t worker)
{
    part->fate = fate;
    part->worker = worker;
    part->done(part);
}

enum rm__fate rm__fate_of_outcome(enum rm_outcome outcome)
{
    switch (outcome) {
    case RM_OUTCOME_DONE:
        return RM__FATE_DONE;
    case RM_OUTCOME_UNKNOWN_METRIC:
        return RM__FATE_UNKNOWN_METRIC;
    case RM_OUTCOME_KEY_CONFLICT:
        return RM__FATE_KEY_CONFLICT;
    case RM_OUTCOME_KEYS_FULL:
        return RM__FATE_KEYS_FULL;
    case RM_OUTCOME_TOO_MANY_SERIES:
        return RM__FATE_TOO_MANY_SERIES;
    case RM_OUTCOME_SHARD_FULL:
        return RM__FATE_SHARD_FULL;
    case RM_OUTCOME_MEMORY_FULL:
        return RM__FATE_MEMORY_FULL;
    case RM_OUTCOME_TOO_MANY_SAMPLES:
        return RM__FATE_TOO_MANY_SAMPLES;
    }
    return RM__FATE_UNKNOWN;
}
