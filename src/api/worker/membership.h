/* Whether a replica still belongs to its shard, as that is led now.
 *
 * Where `raftmetrics rebuild` has made another worker's replica the shard's only voter, all others
 * are void: they must never vote again, and what they hold may differ. They find that out for
 * themselves. One that has had no leader for a while, or hears of a leader in a newer term than its
 * own, asks that leader who the members are, and goes if it is not among them.
 *
 * In ordinary operation that never happens: a replica is removed only when its own worker asked for
 * that, which the joiner sees to. And the leader answers behind a barrier, so it is no deposed one
 * who does not know: within one history, two configurations that each have a majority to agree
 * share a voter. */
#ifndef RAFTMETRICS_SRC_API_WORKER_MEMBERSHIP_H
#define RAFTMETRICS_SRC_API_WORKER_MEMBERSHIP_H

#include <stdbool.h>
#include <stdint.h>

struct rm_worker;
struct rm__seat;

enum { RM__ADVICE_MAX = 320 };

struct rm__membership {
    bool is_asking;
    uint64_t led_ms;             /* when a leader was last known; 0: never looked */
    uint64_t denied_ms;          /* since when it is said to be no member; 0: it is not */
    char advice[RM__ADVICE_MAX]; /* where nobody has led for long: who could; else "" */
};

/* To be called every second or so, each of them; the first for the worker as a whole. */
void rm__membership_refresh(struct rm_worker *worker, uint64_t now_ms);
void rm__membership_tick(struct rm__seat *seat, uint64_t now_ms);

#endif
