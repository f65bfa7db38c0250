/* What a store says to a read, as the contract's JSON. Runs where the shard is led. */
#ifndef RAFTMETRICS_SRC_API_WORKER_ANSWER_H
#define RAFTMETRICS_SRC_API_WORKER_ANSWER_H

#include "../exchange.h"
#include "../read_query.h"
#include "raftmetrics/metrics/store.h"
#include "slow_reads.h"

/* GET /metrics/{name}, and what stands behind it: /aggregate, /series, /histogram. Each answers,
 * perhaps later: @query is copied, what its slices point to must live as long as the exchange. */
void rm__answer_values(struct rm__exchange *exchange, struct rm_store *store,
                       const struct rm__read_query *query, struct rm__slow_reads *slow_reads);
void rm__answer_aggregate(struct rm__exchange *exchange, struct rm_store *store,
                          const struct rm__read_query *query, struct rm__slow_reads *slow_reads);
void rm__answer_histogram(struct rm__exchange *exchange, struct rm_store *store,
                          const struct rm__read_query *query, struct rm__slow_reads *slow_reads);
void rm__answer_series(struct rm__exchange *exchange, struct rm_store *store,
                       const struct rm__read_query *query);

#endif
