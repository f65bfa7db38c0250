/* What one request writes to one shard, on its way: filled by write.c, carried by a backend, which
 * says exactly once what became of it. */
#ifndef RAFTMETRICS_SRC_API_PART_H
#define RAFTMETRICS_SRC_API_PART_H

#include <stdint.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/list.h"
#include "raftmetrics/proto/write_batch.h"

enum rm__fate {
    RM__FATE_DONE,
    RM__FATE_UNKNOWN_METRIC,
    RM__FATE_KEY_CONFLICT,
    RM__FATE_KEYS_FULL,
    RM__FATE_TOO_MANY_SERIES,  /* it would begin one, and the shard has as many as it may */
    RM__FATE_MEMORY_FULL,      /* likewise, and the leader's shards hold as much as they may */
    RM__FATE_TOO_MANY_SAMPLES, /* of a series, which has as many as it may */
    RM__FATE_NOT_LEADER,       /* this worker does not lead the shard; worker: who does, or 0 */
    RM__FATE_NO_LEADER,
    RM__FATE_OVERLOADED,
    RM__FATE_DISK_LOW,   /* the leader's disk is nearly full */
    RM__FATE_SHARD_FULL, /* the shard holds as much as it may */
    RM__FATE_LATE,       /* the deadline came before it was handed over */
    RM__FATE_UNKNOWN,    /* handed over, and no word since; it may be recorded */
};

enum { RM__FATES = RM__FATE_UNKNOWN + 1 };

struct rm__part {
    struct rm_list link; /* for the backend */
    uint32_t shard;
    struct rm_buffer bytes; /* a WriteBatch of one write */
    uint64_t deadline_ms;
    const char *request_id; /* borrowed from the exchange */
    enum rm__fate fate;
    uint32_t worker; /* id of the worker that spoke, 0 where none did */
    void (*done)(struct rm__part *part);
    void *data;
};

/* Ends a part: tells its owner, who may free it. */
void rm__part_finish(struct rm__part *part, enum rm__fate fate, uint32_t worker);

/* The fate of a write that the shard's leader applied. */
enum rm__fate rm__fate_of_outcome(enum rm_outcome outcome);

#endif
