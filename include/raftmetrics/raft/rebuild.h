/* What an operator decides of a shard whose majority is lost: the replica that is left becomes its
 * only voter. Of files that no process uses. */
#ifndef RAFTMETRICS_RAFT_REBUILD_H
#define RAFTMETRICS_RAFT_REBUILD_H

#include <stdint.h>

#include "raftmetrics/raft/replica_id.h"

enum { RM_REBUILD_REASON_MAX = 256 };

/* Where a replica's files are, and who it is by them. */
struct rm_replica_files {
    const char *data_dir; /* the replica's are in <data_dir>/shard-<shard> */
    uint32_t shard;
    struct rm_replica_id self;
};

/* Of two replicas of one shard, the one with the higher (last_term, last_index) has all that the
 * other has, as far as it was acknowledged. */
struct rm_replica_extent {
    uint64_t term; /* the replica's own; its last entry may be of an older one */
    uint64_t last_index;
    uint64_t last_term;
    uint64_t snapshot_index; /* 0: no snapshot */
    uint64_t n_entries;      /* in the log */
};

/* Loads the replica's files, with every check that rm_replica_start makes before it trusts them,
 * and says how far they reach. Tidies them as a start would; nothing is lost by that.
 * On error @ret_reason says why, a phrase. Errors: RM_ENOTFOUND (there is nothing); RM_ECORRUPT;
 * RM_EPROTO (they are of a newer version); RM_EIO; RM_ENOMEM. */
int rm_replica_survey(const struct rm_replica_files *files, struct rm_replica_extent *ret_extent,
                      char ret_reason[RM_REBUILD_REASON_MAX]);

/* Surveys, and makes replica @as the only voter of the shard, in a term far past any that others
 * may have reached. Durable when it returns; it may be done again, by whoever was interrupted.
 * Errors: as rm_replica_survey; RM_ENOSPACE. */
int rm_replica_rebuild(const struct rm_replica_files *files, struct rm_replica_id as,
                       struct rm_replica_extent *ret_extent,
                       char ret_reason[RM_REBUILD_REASON_MAX]);

#endif
