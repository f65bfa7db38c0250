/* Writes of clients that ask a worker directly. They carry no session: what became of one whose
 * leader is lost is not known, and stays so. */
#include <stdlib.h>

#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/proto/write_batch.h"
#include "worker_internal.h"

enum rm__fate rm__worker_check(void *data, uint32_t shard, uint32_t *ret_worker)
{
    const struct rm_worker *worker = data;

    if (rm__worker_led_shard(worker, shard, ret_worker) != NULL) {
        return RM__FATE_DONE;
    }
    return *ret_worker == 0 || *ret_worker == worker->options.worker_id ? RM__FATE_NO_LEADER
                                                                        : RM__FATE_NOT_LEADER;
}

/* A part on its way through a replica. */
struct proposal {
    struct rm__part *part;
    uint32_t worker_id;
};

static void on_part_proposed(int status, struct rm_slice result, void *data)
{
    struct proposal *proposal = data;
    struct rm__part *part = proposal->part;
    uint32_t worker_id = proposal->worker_id;
    enum rm_outcome outcome;
    enum rm__fate fate = RM__FATE_UNKNOWN;

    free(proposal);
    if (status == RM_ENOTLEADER) {
        fate = RM__FATE_NO_LEADER;
    } else if (status == 0 && rm_write_reply_decode(result, &outcome, 1) == 0) {
        fate = rm__fate_of_outcome(outcome);
    }
    rm__part_finish(part, fate, worker_id);
}

/* Nothing was done, and @error says why. */
static enum rm__fate fate_of_refusal(int error)
{
    switch (error) {
    case RM_ENOTLEADER:
        return RM__FATE_NO_LEADER;
    case RM_ENOSPACE:
        return RM__FATE_DISK_LOW;
    case RM_EFULL:
        return RM__FATE_SHARD_FULL;
    default:
        return RM__FATE_OVERLOADED;
    }
}

void rm__worker_write(void *data, struct rm__part *part)
{
    struct rm_worker *worker = data;
    uint32_t leader;
    struct rm__shard *shard = rm__worker_led_shard(worker, part->shard, &leader);
    struct proposal *proposal;
    int rv;

    if (shard == NULL) {
        rm__part_finish(part, RM__FATE_NO_LEADER, 0);
        return;
    }
    proposal = malloc(sizeof *proposal);
    if (proposal == NULL) {
        rm__part_finish(part, RM__FATE_OVERLOADED, 0);
        return;
    }
    *proposal = (struct proposal){part, worker->options.worker_id};
    rv = rm__shard_propose(shard, rm_clock_wall_ms(), (struct rm_session){0}, 0,
                           rm_buffer_peek(&part->bytes), on_part_proposed, proposal);
    if (rv != 0) {
        free(proposal);
        rm__part_finish(part, fate_of_refusal(rv), 0);
    }
}
