/* This worker's place among the replicas of a shard, whichever replica sits in it.
 *
 *   empty ──open──► sitting ──condemn──► condemned: it sits on, and is to be replaced
 *     └── its files are damaged or gone ──► damaged: nobody sits, somebody is to join
 *
 * What becomes of the last two is the joiner's work. */
#ifndef RAFTMETRICS_SRC_API_WORKER_SEAT_H
#define RAFTMETRICS_SRC_API_WORKER_SEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster_file.h"
#include "joiner.h"
#include "membership.h"
#include "shard.h"
#include "upkeep.h"

struct rm_worker;

struct rm__seat {
    struct rm_worker *worker;
    uint32_t id;                 /* of the shard */
    bool is_held;                /* by the map; else it is nobody's and stays empty */
    struct rm__shard *shard;     /* NULL: nobody sits */
    bool is_closing;             /* who sat here has not let go yet */
    char reason[RM__REASON_MAX]; /* why it is to be replaced; "" where it is not */
    struct rm__joiner joiner;
    struct rm__membership membership;
    struct rm__upkeep upkeep;
};

/* How a replica comes to its seat. */
enum rm__seat_entry {
    RM__SEAT_BEGINS,       /* with the shard's first configuration */
    RM__SEAT_BEGINS_ALONE, /* likewise, but that is this replica only: an operator said so */
    RM__SEAT_CONTINUES,    /* with the files of its life before, if they are sound */
    RM__SEAT_JOINS,        /* with no files; the shard's leader will fill it */
};

void rm__seat_init(struct rm__seat *seat, struct rm_worker *worker, uint32_t id);

/* Starts the replica that cluster.json knows. One whose files are damaged is no error: the seat is
 * damaged then. Errors: RM_EIO, RM_ENOSPACE, RM_ENOMEM. */
int rm__seat_open(struct rm__seat *seat, enum rm__seat_entry entry);

/* Nobody sits here any more; once is_closing is false the files are let go of as well. Fine where
 * nobody does. */
void rm__seat_close(struct rm__seat *seat);

/* Who sits here must be replaced, and not be started again. It stays until the shard's leader
 * agrees to take another in: two that go at once might be one too many. */
void rm__seat_condemn(struct rm__seat *seat, const char *reason);

/* Who sits here is no member of the shard as it is led now, and counts for nobody: it goes at once,
 * and another is to take its place. */
void rm__seat_void(struct rm__seat *seat, const char *reason);

/* What cluster.json says of it. */
struct rm__cluster_replica *rm__seat_record(const struct rm__seat *seat);

/* The status of who sits here; of nobody, zeroes and the role of a damaged replica. */
void rm__seat_status(const struct rm__seat *seat, struct rm_replica_status *ret_status);

/* Random, at least 2, and not @former. */
uint32_t rm__seat_new_incarnation(uint32_t former);

#endif
