/* The writes for one shard on control: while one batch is under way to the leader, what comes for
 * the shard gathers; when it returns, all of that leaves together. A lone write leaves at once.
 *
 * A batch goes to whoever leads the shard until some leader says what became of it, or until all
 * its clients have been answered at their deadlines. Each time it is the same bytes under the same
 * number of one session, so it is recorded once however often it is handed over. Only then comes
 * the next number, and with it the end of the former: the shard refuses what is below. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_SHARD_QUEUE_H
#define RAFTMETRICS_SRC_API_CONTROL_SHARD_QUEUE_H

#include "pace.h"
#include "queue_budget.h"
#include "sender.h"

struct rm__shard_queue {
    uint32_t shard;
    struct rm__cluster_view *view;
    struct rm__queue_budget *budget;
    struct rm__sender sender;
    struct rm__pace pace;
    struct rm_list gathering;  /* parts */
    struct rm__flight *flight; /* the batch under way; NULL: none is */
};

void rm__shard_queue_init(struct rm__shard_queue *queue, uint32_t shard,
                          struct rm__cluster_view *view, struct rm__queue_budget *budget,
                          uint64_t forward_timeout_ms);

/* Ends all of it: what was perhaps handed over is unknown, the rest had no leader. */
void rm__shard_queue_done(struct rm__shard_queue *queue);

/* Takes a part. Its done may be called before this returns. */
void rm__shard_queue_add(struct rm__shard_queue *queue, struct rm__part *part);

/* Does what is to be done now: sends what waits; takes a batch from who leads no more to who leads
 * now; fails what waits for a leader in vain. */
void rm__shard_queue_flush(struct rm__shard_queue *queue);

/* Answers for the parts whose deadline has come, and flushes. To be called every now and then
 * while parts wait. */
void rm__shard_queue_expire(struct rm__shard_queue *queue, uint64_t now_ms);

#endif
