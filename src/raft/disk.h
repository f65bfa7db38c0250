/* How much room a file system has. */
#ifndef RAFTMETRICS_SRC_RAFT_DISK_H
#define RAFTMETRICS_SRC_RAFT_DISK_H

#include <stdint.h>

/* Bytes that files below @dir may still take. Errors: RM_EIO. */
int rm__disk_free_bytes(const char *dir, uint64_t *ret_bytes);

#endif
