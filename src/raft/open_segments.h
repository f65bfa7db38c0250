/* What stands in the open segments of a replica, whether C-Raft would read up to it or not.
 *
 * C-Raft takes the first batch of an open segment that it cannot read for one that was being
 * written when the process died, and cuts the segment there. A batch that was damaged later looks
 * the same, and what follows it was acknowledged. An entry of ours carries its index and a checksum
 * of its own, so what would be cut off is found by itself. */
#ifndef RAFTMETRICS_SRC_RAFT_OPEN_SEGMENTS_H
#define RAFTMETRICS_SRC_RAFT_OPEN_SEGMENTS_H

#include <stdint.h>

/* The highest index of an intact entry of ours in the open segments of @dir; 0: there is none.
 * To be asked before C-Raft loads, which closes them. Errors: RM_EIO, RM_ENOMEM. */
int rm__open_segments_last(const char *dir, uint64_t *ret_index);

#endif
