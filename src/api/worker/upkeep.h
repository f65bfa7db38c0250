/* What a worker looks after once its replicas run: that shards are led by the worker that the map
 * prefers, that replicas of a shard hold the same, and that none stands still. */
#ifndef RAFTMETRICS_SRC_API_WORKER_UPKEEP_H
#define RAFTMETRICS_SRC_API_WORKER_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/raft/replica.h"

struct json_t;
struct rm__seat;

/* What is known of a seat for that. */
struct rm__upkeep {
    bool is_asking_to_lead;
    uint64_t lead_due_ms;
    bool is_comparing;
    uint64_t compare_due_ms;
    uint64_t applied_index; /* when it last moved, or was last compared */
    uint64_t applied_at_ms; /* 0: not looked at, or looked away since */
    bool was_restarted;     /* for standing still, and has not caught up since */
    bool is_restarting;
};

/* To be called every second or so. */
void rm__upkeep_tick(struct rm__seat *seat, uint64_t now_ms);

/* A follower that stands still although the leader is ahead: what to do with it. */
enum rm__stillness { RM__STILL_FINE, RM__STILL_RESTART, RM__STILL_CONDEMN };

/* Judges @applied_index against the leader's @commit_index, and remembers it. */
enum rm__stillness rm__upkeep_judge(struct rm__upkeep *upkeep, uint64_t applied_index,
                                    uint64_t commit_index, uint64_t now_ms);

/* Nothing can be said of it for now: it stands still from when it is judged again. */
void rm__upkeep_look_away(struct rm__upkeep *upkeep);

/* The index at which the leader's state was another than ours, by its "hashes" as /internal/hashes
 * has them; 0: none. */
uint64_t rm__upkeep_difference(const struct rm_state_hash ours[RM_HASHES],
                               const struct json_t *hashes);

#endif
