/* The HTTP face of a daemon: the order of checks of the contract, then the backend. */
#ifndef RAFTMETRICS_SRC_API_FRONT_H
#define RAFTMETRICS_SRC_API_FRONT_H

#include "answer_budget.h"
#include "backend.h"
#include "raftmetrics/api/options.h"
#include "raftmetrics/net/http_server.h"
#include "raftmetrics/net/loop.h"

enum { RM__ID_PREFIX_BYTES = 4 };

struct rm__front {
    struct rm_loop *loop;
    const struct rm_api_options *options; /* borrowed */
    const struct rm__backend *backend;
    void *data; /* the backend's */
    struct rm_http_server *server;
    struct rm__meter *meter; /* borrowed */
    char id_prefix[2 * RM__ID_PREFIX_BYTES + 1];
    uint64_t n_requests;
    struct rm__answer_budget answers;
    bool is_draining;
    struct rm_timer *drain_timer;
    uint64_t drain_until_ms;
    unsigned n_quiet_looks;
    bool has_abandoned;
    rm_loop_cb drained_cb;
    void *drained_data;
};

/* Listens, and counts into @meter. Errors: as rm_http_server_new. */
int rm__front_init(struct rm__front *front, struct rm_loop *loop,
                   const struct rm_api_options *options, enum rm_port_sharing sharing,
                   const struct rm__backend *backend, void *data, struct rm__meter *meter);

/* Accepts nothing new, waits for what is under way, calls @cb. */
void rm__front_drain(struct rm__front *front, uint64_t timeout_ms, rm_loop_cb cb, void *data);

/* Closes all connections. Every request must have been answered. */
void rm__front_done(struct rm__front *front);

#endif
