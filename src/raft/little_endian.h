/* Integers in the byte order of everything that raft/ writes, at any alignment. */
#ifndef RAFTMETRICS_SRC_RAFT_LITTLE_ENDIAN_H
#define RAFTMETRICS_SRC_RAFT_LITTLE_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void rm__put_u32(void *bytes, uint32_t value)
{
    value = htole32(value);
    memcpy(bytes, &value, sizeof value);
}

static inline void rm__put_u64(void *bytes, uint64_t value)
{
    value = htole64(value);
    memcpy(bytes, &value, sizeof value);
}

static inline uint32_t rm__get_u32(const void *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof value);
    return le32toh(value);
}

static inline uint64_t rm__get_u64(const void *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof value);
    return le64toh(value);
}

#endif
