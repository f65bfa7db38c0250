#include "formation.h"

enum rm__formation rm__formation_decide(const struct rm__formation_word *words, size_t n_words)
{
    enum rm__formation decision = RM__FORMATION_BEGIN;

    for (size_t i = 0; i < n_words; i++) {
        if (words[i].has_answered && words[i].has_met_us) {
            return RM__FORMATION_REJOIN;
        }
        if (!words[i].has_answered) {
            decision = RM__FORMATION_WAIT;
        }
    }
    return decision;
}
