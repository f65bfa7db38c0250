/* How a seat gets a replica anew: one that was damaged or lost, or whose worker was emptied.
 *
 *   damaged ──ask──► the leader agrees: the old id is out of the shard ──► the files are set aside,
 *   the new id is written down, a replica without files starts under it ──ask──► it is filled, and
 *   becomes a voter ──► done
 *
 * Each ask is one step of rm_replica_admit on the leader, and is repeated until it says that all is
 * done. Until the leader agrees nothing is changed here: it does so only while the other replicas
 * have all that was committed. The new id is on the disk before it is used, and the old files are
 * out of the way before that: whenever this process ends in between, it finds a seat whose files
 * are gone, and asks again. */
#ifndef RAFTMETRICS_SRC_API_WORKER_JOINER_H
#define RAFTMETRICS_SRC_API_WORKER_JOINER_H

#include <stdbool.h>
#include <stdint.h>

struct rm__seat;

enum { RM__OBSTACLE_MAX = 160 };

struct rm__joiner {
    bool is_asking;
    bool has_agreed;                 /* the leader, to take @incarnation in */
    uint32_t incarnation;            /* that the next replica will have; 0: not chosen */
    uint32_t asked;                  /* id of the worker that was asked last */
    uint64_t due_ms;                 /* when to ask again */
    char obstacle[RM__OBSTACLE_MAX]; /* what it waits for; "" where all goes well */
};

/* The next step, where the seat needs one; to be called every 200 ms or so. */
void rm__joiner_tick(struct rm__seat *seat, uint64_t now_ms);

/* Is a replica on its way into this seat? */
bool rm__joiner_is_needed(const struct rm__seat *seat);

#endif
