/* An entry of a shard's log: a fixed header that the leader fills, and a body. Little-endian:
 *
 *   0 format u32 | 4 kind u32 | 8 body length u64 | 16 index u64 | 24 leader's time i64, ms
 *   32 session, low u64 | 40 high u64 | 48 sequence u64 | 56 checksum u64 | 64 body | zeros
 *
 * The checksum is XXH3_64bits over the header with its own field zero, and the body. The whole is
 * padded with zeros to a multiple of 8 bytes: C-Raft 0.22 reads past an entry that is not. */
#ifndef RAFTMETRICS_SRC_RAFT_ENTRY_H
#define RAFTMETRICS_SRC_RAFT_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/slice.h"
#include "raftmetrics/raft/session.h"

enum {
    RM__ENTRY_FORMAT = 1,
    RM__ENTRY_HEADER_BYTES = 64,
};

enum rm__entry_kind {
    RM__ENTRY_COMMAND = 1,      /* body: the state machine's */
    RM__ENTRY_OPEN_SESSION = 2, /* no body */
};

struct rm__entry {
    enum rm__entry_kind kind;
    uint64_t index; /* that it was proposed for */
    int64_t time_ms;
    struct rm_session session; /* zero: none */
    uint64_t sequence;
    struct rm_slice body;
};

/* Bytes of an entry with a body of @body_len. */
size_t rm__entry_size(size_t body_len);

/* Writes rm__entry_size(entry->body.len) bytes to @ret_bytes. */
void rm__entry_encode(const struct rm__entry *entry, void *ret_bytes);

/* The body is borrowed from @bytes. Errors: RM_ECORRUPT (length or checksum); RM_EPROTO (format or
 * kind that this version does not know). */
int rm__entry_decode(struct rm_slice bytes, struct rm__entry *ret_entry);

/* As rm__entry_decode, of an entry at the front of @bytes, which may go on behind it. */
int rm__entry_decode_front(struct rm_slice bytes, struct rm__entry *ret_entry);

#endif
