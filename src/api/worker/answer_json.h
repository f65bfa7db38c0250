/* What the answers to reads have in common. */
#ifndef RAFTMETRICS_SRC_API_WORKER_ANSWER_JSON_H
#define RAFTMETRICS_SRC_API_WORKER_ANSWER_JSON_H

#include <stddef.h>

#include "../exchange.h"
#include "../read_query.h"
#include "raftmetrics/base/json_writer.h"
#include "raftmetrics/base/sample.h"

/* Begins the object of an answer, with the metric's name. */
void rm__answer_begin(struct rm__exchange *exchange, struct rm_json_writer *json,
                      struct rm_buffer *body);

/* Ends it with the moment that it describes, @query's, and answers. */
void rm__answer_end(struct rm__exchange *exchange, const struct rm__read_query *query,
                    struct rm_json_writer *json, struct rm_buffer *body);

/* Answers what a store refused: RM_ENOTFOUND, RM_ECANCELED, or RM_ENOMEM. */
void rm__answer_failure(struct rm__exchange *exchange, int error);

/* @value with as many decimals as are asked for; null where it is not finite. */
void rm__answer_number(struct rm_json_writer *json, const struct rm__read_query *query,
                       double value);

/* The member "labels". */
void rm__answer_labels(struct rm_json_writer *json, const struct rm_label *labels, size_t n_labels);

#endif
