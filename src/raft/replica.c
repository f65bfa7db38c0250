#include "raftmetrics/raft/replica.h"

#include <stdlib.h>

#include "raftmetrics/base/error.h"

enum { RESULT_BYTES_MAX = 1 << 20 };

struct rm_replica {
    struct rm_replica_options options;
    struct rm_state_machine machine;
    int64_t time_ms; /* of the last entry */
    uint64_t applied_index;
    struct rm_buffer result; /* kept between entries for its memory */
};

struct rm_replica *rm_replica_new(const struct rm_replica_options *options,
                                  const struct rm_state_machine *machine)
{
    struct rm_replica *replica = calloc(1, sizeof *replica);

    if (replica == NULL) {
        return NULL;
    }
    replica->options = *options;
    replica->machine = *machine;
    replica->time_ms = INT64_MIN;
    rm_buffer_init(&replica->result, RESULT_BYTES_MAX);
    return replica;
}

void rm_replica_free(struct rm_replica *replica)
{
    if (replica != NULL) {
        rm_buffer_done(&replica->result);
        free(replica);
    }
}

int rm_replica_propose(struct rm_replica *replica, int64_t now_ms, struct rm_slice body,
                       rm_propose_cb cb, void *data)
{
    if (now_ms > replica->time_ms) {
        replica->time_ms = now_ms;
    }
    rm_buffer_clear(&replica->result);
    replica->machine.apply(replica->machine.data, replica->time_ms, body, &replica->result);
    replica->applied_index++;
    cb(0, rm_buffer_peek(&replica->result), data);
    return 0;
}

void rm_replica_read(struct rm_replica *replica, enum rm_read_level level, rm_read_cb cb,
                     void *data)
{
    (void)replica;
    (void)level;
    cb(0, data);
}

void rm_replica_status(const struct rm_replica *replica, struct rm_replica_status *ret_status)
{
    *ret_status = (struct rm_replica_status){.leader = replica->options.worker_id,
                                             .is_leader = true,
                                             .term = 1,
                                             .applied_index = replica->applied_index};
}
