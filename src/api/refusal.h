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

/* Of a batch of which some shards took their parts. @stays: some refusal of the others does. */
void rm__refusal_of_some(bool stays, bool has_key, struct rm__problem *ret_problem);

#endif
