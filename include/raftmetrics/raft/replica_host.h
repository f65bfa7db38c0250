/* What the replicas of one worker share: the loop and the peer port, the watch over the disk, the
 * budget of log memory, the file of watermarks. */
#ifndef RAFTMETRICS_RAFT_REPLICA_HOST_H
#define RAFTMETRICS_RAFT_REPLICA_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/tally.h"
#include "raftmetrics/raft/peer_port.h"

struct uv_loop_s;
struct rm_replica_host;

struct rm_replica_host_options {
    struct uv_loop_s *loop;
    struct rm_peer_port *port;
    const char *data_dir;         /* exists; a replica's files are in <data_dir>/shard-<id> */
    uint64_t min_free_disk_bytes; /* below it nothing is proposed */
    uint64_t max_log_bytes;       /* of all replicas; past it the longest log is snapshotted */

    /* Something that cannot be survived; ends the process, does not return. */
    void (*fatal)(void *data, const char *sentence);
    void *data;
};

/* @options is copied, its texts are borrowed. Errors: RM_EIO, RM_ECORRUPT (the watermarks),
 * RM_ENOMEM. */
int rm_replica_host_new(const struct rm_replica_host_options *options,
                        struct rm_replica_host **ret_host);

/* After all replicas are closed; frees once libuv has let go, while the loop runs. Takes NULL. */
void rm_replica_host_close(struct rm_replica_host *host);

/* Is the disk below its floor, as of the last look, at most half a second ago? */
bool rm_replica_host_is_disk_low(const struct rm_replica_host *host);

/* Bytes that the data directory may still take. */
uint64_t rm_replica_host_free_bytes(const struct rm_replica_host *host);

/* What the replicas did with the disk since the host began. */
struct rm_disk_stats {
    struct rm_tally append_us; /* from handing entries to the disk to their fsync, one a write */
    struct rm_tally append_bytes;
    struct rm_counter n_entries; /* that were appended */
    struct rm_counter n_failed_appends;
    struct rm_tally snapshot_us; /* from having the image to the fsync of its file */
    struct rm_tally snapshot_bytes;
    struct rm_counter n_failed_snapshots; /* for want of memory; they are tried again */
};

const struct rm_disk_stats *rm_replica_host_disk_stats(const struct rm_replica_host *host);

#endif
