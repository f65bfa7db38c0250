/* The control daemon on one loop: takes the clients' requests, finds the shard, forwards to the
 * worker that leads it. Several loops may each run one; they share the port and nothing else but
 * the counters. */
#ifndef RAFTMETRICS_API_CONTROL_H
#define RAFTMETRICS_API_CONTROL_H

#include "raftmetrics/api/options.h"
#include "raftmetrics/net/http_server.h"
#include "raftmetrics/net/loop.h"

struct rm_control;
struct rm_control_stats;

struct rm_control_options {
    struct rm_api_options api;
    unsigned n_loops;             /* of this process, one control on each */
    enum rm_port_sharing sharing; /* of the port, among them */
    uint64_t forward_timeout_ms;
    uint64_t status_poll_ms;
    size_t max_queue_bytes; /* of this loop's waiting writes */
};

/* Counters of all loops of a process. NULL when out of memory. */
struct rm_control_stats *rm_control_stats_new(void);
void rm_control_stats_free(struct rm_control_stats *stats);

/* To be called for all loops of a process before any of them runs. Listens, and starts to ask the
 * workers for the shard map. @options is copied, what it points to is borrowed. Errors: RM_EBUSY
 * (port taken), RM_EINVAL (address), RM_EIO, RM_ENOMEM. */
int rm_control_new(struct rm_loop *loop, const struct rm_control_options *options,
                   struct rm_control_stats *stats, struct rm_control **ret_control);

uint16_t rm_control_port(const struct rm_control *control);

/* Unready; accepts nothing new, answers what is under way, then calls @cb; at the latest after
 * @timeout_ms. */
void rm_control_drain(struct rm_control *control, uint64_t timeout_ms, rm_loop_cb cb, void *data);

/* Takes NULL. */
void rm_control_free(struct rm_control *control);

#endif
