/* What stands behind the HTTP face: on control the workers, on a worker its own shards. */
#ifndef RAFTMETRICS_SRC_API_BACKEND_H
#define RAFTMETRICS_SRC_API_BACKEND_H

#include "exchange.h"
#include "part.h"

struct rm__backend {
    /* How many shards there are; 0 while that is not known. */
    uint32_t (*n_shards)(void *data);

    /* Can a part for @shard be handed over now? RM__FATE_DONE: yes. Otherwise why not, and
     * *@ret_worker as in a part. */
    enum rm__fate (*check)(void *data, uint32_t shard, uint32_t *ret_worker);

    /* Takes the part; calls its done exactly once, perhaps before this returns. */
    void (*write)(void *data, struct rm__part *part);

    /* Answers a read of one metric, a listing, an exposition, a status, an /internal request; now
     * or later. */
    void (*read)(void *data, struct rm__exchange *exchange, uint32_t shard);
    void (*list)(void *data, struct rm__exchange *exchange);
    void (*expose)(void *data, struct rm__exchange *exchange, struct rm_exposition_style style);
    void (*status)(void *data, struct rm__exchange *exchange);
    void (*internal)(void *data, struct rm__exchange *exchange);

    /* Writes this process's own metrics. */
    void (*self_metrics)(void *data, struct rm_exposition *exposition);

    /* Fills in the message of /health; false where the daemon is unhealthy. */
    bool (*health)(void *data, char *ret_message, size_t size);

    /* Appends a line a check to @lines; false where one fails. */
    bool (*ready)(void *data, bool all, struct rm_buffer *lines);

    /* May the /internal request be served? False: *@ret_problem says why not. */
    bool (*admits)(void *data, struct rm__exchange *exchange, struct rm__problem *ret_problem);

    /* The address of a worker for a client to go to; NULL where it is not known. */
    const char *(*address)(void *data, uint32_t worker);

    /* The requests of this turn of the loop are in. */
    void (*pass)(void *data);

    /* The daemon ends and can wait no longer: answers what waits for others. NULL: nothing does. */
    void (*abandon)(void *data);
};

#endif
