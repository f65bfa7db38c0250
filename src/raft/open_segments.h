/* What stands in the open segments of a replica, whether C-Raft would read up to it or not.
 *
 * C-Raft takes the first batch of an open segment that it cannot read for one that was being
 * written when the process died, and cuts the segment there. A batch that was damaged later looks
 * the same, and what follows it was acknowledged. An entry of ours carries its index and a checksum
 * of its own, so what would be cut off is found by itself.
 *
 * Once it is cut off it is not found any more, so how far the segments reached is written down
 * before C-Raft loads, and forgotten when what it has loaded is known to reach as far: a replica
 * that was refused once is refused by the next start as well.
 *
 * File "reach" in the replica's directory, 24 bytes little-endian, replaced by rename:
 *   magic u64 | index u64 | checksum u64 (XXH3_64bits of what stands before it) */
#ifndef RAFTMETRICS_SRC_RAFT_OPEN_SEGMENTS_H
#define RAFTMETRICS_SRC_RAFT_OPEN_SEGMENTS_H

#include <stdint.h>

/* The highest index of an intact entry of ours in the open segments of @dir, or, where that is
 * higher, in those of a load before that was not accepted; 0: there is none. To be asked before
 * C-Raft loads, which closes them. Errors: RM_ECORRUPT (the file), RM_EIO, RM_ENOMEM. */
int rm__open_segments_last(const char *dir, uint64_t *ret_index);

/* What was loaded is accepted, and may be truncated from now on. Errors: RM_EIO, RM_ENOSPACE. */
int rm__open_segments_forget(const char *dir);

#endif
