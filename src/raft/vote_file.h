/* The term and vote of every replica is kept a second time, with a checksum: C-Raft's own two files
 * carry none, and one flipped bit there would let a replica vote twice in a term. Written before
 * C-Raft's, so it is never the older one.
 *
 * File "vote" in the replica's directory, 32 bytes little-endian, replaced by rename:
 *   magic u64 | term u64 | vote u64 | checksum u64 (XXH3_64bits of what stands before it) */
#ifndef RAFTMETRICS_SRC_RAFT_VOTE_FILE_H
#define RAFTMETRICS_SRC_RAFT_VOTE_FILE_H

#include <stdint.h>

struct rm__vote {
    uint64_t term;
    uint64_t vote; /* raft id; 0: none in this term */
};

/* Durable when it returns. Errors: RM_EIO, RM_ENOSPACE. */
int rm__vote_file_write(const char *dir, const struct rm__vote *vote);

/* Errors: RM_ENOTFOUND (no file); RM_ECORRUPT; RM_EIO. */
int rm__vote_file_read(const char *dir, struct rm__vote *ret_vote);

#endif
