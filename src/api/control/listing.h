/* The listings of several workers, merged into one. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_LISTING_H
#define RAFTMETRICS_SRC_API_CONTROL_LISTING_H

#include "fanout.h"

/* Answers with what the workers answered. False, and nothing is answered: some of @n_shards is
 * missing there, or stands there twice. */
bool rm__listing_reply(struct rm__exchange *exchange, const struct rm__fanout_answer *answers,
                       size_t n_answers, uint32_t n_shards);

#endif
