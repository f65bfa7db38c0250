/* A sender of batches, as a shard knows it: exactly once for whoever numbers his batches. */
#ifndef RAFTMETRICS_RAFT_SESSION_H
#define RAFTMETRICS_RAFT_SESSION_H

#include <stdbool.h>
#include <stdint.h>

/* 128 random bits; zero means none. */
struct rm_session {
    uint64_t low;
    uint64_t high;
};

static inline bool rm_session_is_none(struct rm_session session)
{
    return session.low == 0 && session.high == 0;
}

#endif
