/* What a client is told of a write that was not recorded, or perhaps. */
#ifndef RAFTMETRICS_SRC_API_REFUSAL_H
#define RAFTMETRICS_SRC_API_REFUSAL_H

#include <stdbool.h>

#include "part.h"
#include "problem.h"

/* Of a fate that is not RM__FATE_DONE. @has_key: the request had an Idempotency-Key. */
void rm__refusal_of(enum rm__fate fate, bool has_key, struct rm__problem *ret_problem);

/* Will the same request be refused again, until something is changed? */
bool rm__refusal_stays(enum rm__fate fate);

/* The same of items of a batch, of which others were recorded. */
void rm__refusal_of_items(enum rm__fate fate, struct rm__problem *ret_problem);

/* A batch of which some shards took their parts. */
struct rm__partial {
    bool stays;       /* some refusal of the others does */
    bool has_unknown; /* of some nobody knows */
    bool has_key;
};

void rm__refusal_of_some(const struct rm__partial *partial, struct rm__problem *ret_problem);

#endif
