/* The sessions that are open in a shard: the last batch of each, and its result. Part of the
 * replicated state: times come from the entries, and the same calls in the same order give the
 * same table.
 *
 * A batch is numbered by its sender, from 1; one is outstanding at a time. Above the last number:
 * new. Equal: done, and the stored result is the answer. Below: the sender gave that one up.
 *
 * Encoded, little-endian, the session that was idle longest first:
 *   count u64 | count × (session, low u64 | high u64 | last number u64, 0: none yet
 *   | last use i64, ms | length of its result u64 | result | zeros to a multiple of 8 bytes) */
#ifndef RAFTMETRICS_SRC_RAFT_SESSION_TABLE_H
#define RAFTMETRICS_SRC_RAFT_SESSION_TABLE_H

#include <stddef.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/slice.h"
#include "raftmetrics/raft/session.h"

enum {
    RM__SESSION_TTL_MS = 3600 * 1000, /* without use; part of the format, not of a configuration */
    RM__SESSIONS_MAX = 4096,          /* likewise; past it the one that was idle longest goes */
};

struct rm__session_table;

/* NULL when out of memory. */
struct rm__session_table *rm__session_table_new(void);
void rm__session_table_free(struct rm__session_table *table);

/* Opens @session, which is not none, or uses it where it is open. Errors: RM_ENOMEM. */
int rm__session_open(struct rm__session_table *table, struct rm_session session, int64_t time_ms);

/* 0: new. RM_EEXIST: done before, *@ret_result is borrowed until the next change. RM_ESESSION: no
 * such session. RM_ESTALE: below the last. */
int rm__session_check(const struct rm__session_table *table, struct rm_session session,
                      uint64_t sequence, struct rm_slice *ret_result);

/* Notes that @sequence, which is new, is done, with a copy of @result, in a session that is open.
 * Errors: RM_ENOMEM; nothing is changed. */
int rm__session_record(struct rm__session_table *table, struct rm_session session,
                       uint64_t sequence, struct rm_slice result, int64_t time_ms);

/* Forgets what was not used for RM__SESSION_TTL_MS. */
void rm__session_expire(struct rm__session_table *table, int64_t time_ms);

size_t rm__session_count(const struct rm__session_table *table);

/* Equal for equal tables. */
uint64_t rm__session_table_hash(const struct rm__session_table *table);

/* Appends the table, a multiple of 8 bytes; and reads one, from the front of *@bytes, which is
 * moved behind it. Errors: RM_ENOMEM; RM_ETOOBIG; RM_ECORRUPT. */
int rm__session_table_encode(const struct rm__session_table *table, struct rm_buffer *ret_bytes);
int rm__session_table_decode(struct rm_slice *bytes, struct rm__session_table **ret_table);

#endif
