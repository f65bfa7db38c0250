/* The directory of a shard's replica, <data_dir>/shard-<id>, while no replica runs in it. */
#ifndef RAFTMETRICS_SRC_API_WORKER_SHARD_DIR_H
#define RAFTMETRICS_SRC_API_WORKER_SHARD_DIR_H

#include <stdbool.h>
#include <stdint.h>

/* Nothing of a replica is there. */
bool rm__shard_dir_is_bare(const char *data_dir, uint32_t shard);

/* Removes it and what it holds. Fine where there is none. Errors: RM_EIO. */
int rm__shard_dir_remove(const char *data_dir, uint32_t shard);

/* Renames it to shard-<id>.damaged, for whoever may want to look, in place of an older one; durable
 * when it returns. Fine where there is none. Errors: RM_EIO, RM_ENOSPACE. */
int rm__shard_dir_set_aside(const char *data_dir, uint32_t shard);

/* What the files of all shards and of the worker itself take on the disk; 0 where that cannot be
 * told. */
uint64_t rm__data_dir_bytes(const char *data_dir);

#endif
