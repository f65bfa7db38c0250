/* The writes for one shard on control: while one batch is under way to the leader, what comes for
 * the shard gathers; when it returns, all of that leaves together. A lone write leaves at once. */
#ifndef RAFTMETRICS_SRC_API_SHARD_QUEUE_H
#define RAFTMETRICS_SRC_API_SHARD_QUEUE_H

#include "cluster_view.h"
#include "part.h"

/* Shared by the queues of a loop. */
struct rm__queue_budget {
    size_t max_bytes;
    size_t n_bytes; /* waiting or under way */
    size_t n_parts;
};

struct rm__shard_queue {
    uint32_t shard;
    struct rm__cluster_view *view;
    struct rm__queue_budget *budget;
    uint64_t forward_timeout_ms;
    struct rm_list gathering;  /* parts */
    struct rm__flight *flight; /* NULL: none is under way */
};

void rm__shard_queue_init(struct rm__shard_queue *queue, uint32_t shard,
                          struct rm__cluster_view *view, struct rm__queue_budget *budget,
                          uint64_t forward_timeout_ms);

/* Fails what gathers; a batch under way goes on until the client ends it. */
void rm__shard_queue_done(struct rm__shard_queue *queue);

/* Takes a part. Its done may be called before this returns. */
void rm__shard_queue_add(struct rm__shard_queue *queue, struct rm__part *part);

/* Sends what gathers, unless a batch is under way; fails it where there is no leader. */
void rm__shard_queue_flush(struct rm__shard_queue *queue);

/* Answers for the parts whose deadline has come. */
void rm__shard_queue_expire(struct rm__shard_queue *queue, uint64_t now_ms);

#endif
