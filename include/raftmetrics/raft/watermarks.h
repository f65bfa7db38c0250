/* How far each replica of a worker had come: (index, term) of an entry that was both committed and
 * on its disk, at most a second behind. A log that does not reach its mark has lost what it once
 * acknowledged. One file for all shards, so that a second costs one fsync.
 *
 * Little-endian: magic u64 | count u64 | count × (shard u32, incarnation u32, index u64, term u64)
 * | checksum u64 (XXH3_64bits of what stands before it); replaced by rename. */
#ifndef RAFTMETRICS_RAFT_WATERMARKS_H
#define RAFTMETRICS_RAFT_WATERMARKS_H

#include <stddef.h>
#include <stdint.h>

enum { RM_WATERMARKS_MAX = 1024 }; /* of a worker */

struct rm_watermark {
    uint32_t shard;
    uint32_t incarnation;
    uint64_t index; /* 0: none */
    uint64_t term;
};

/* Durable when it returns; may run on any thread. Errors: RM_EIO, RM_ENOSPACE, RM_ENOMEM. */
int rm_watermarks_write(const char *path, const struct rm_watermark *marks, size_t n_marks);

/* Up to @max marks. Errors: RM_ENOTFOUND (no file); RM_ECORRUPT; RM_EIO; RM_ETOOBIG; RM_ENOMEM. */
int rm_watermarks_read(const char *path, struct rm_watermark *ret_marks, size_t max,
                       size_t *ret_n_marks);

#endif
