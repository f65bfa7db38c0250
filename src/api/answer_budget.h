/* What the answers of a loop hold in memory until their clients have taken them: slow readers, many
 * and of long answers, must not cost more than is known. */
#ifndef RAFTMETRICS_SRC_API_ANSWER_BUDGET_H
#define RAFTMETRICS_SRC_API_ANSWER_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

struct rm__answer_budget {
    size_t max_bytes;
    size_t n_bytes;
};

/* False where there is no room. One answer always has room, however long it is. */
static inline bool rm__answer_budget_take(struct rm__answer_budget *budget, size_t n_bytes)
{
    if (budget->n_bytes > 0 &&
        (budget->n_bytes >= budget->max_bytes || n_bytes > budget->max_bytes - budget->n_bytes)) {
        return false;
    }
    budget->n_bytes += n_bytes;
    return true;
}

static inline void rm__answer_budget_release(struct rm__answer_budget *budget, size_t n_bytes)
{
    budget->n_bytes -= n_bytes;
}

#endif
