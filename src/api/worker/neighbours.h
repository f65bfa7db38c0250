/* The other workers of the configuration, as this one asks them over HTTP: before its cluster has
 * formed, and for what Raft's own messages do not carry. */
#ifndef RAFTMETRICS_SRC_API_WORKER_NEIGHBOURS_H
#define RAFTMETRICS_SRC_API_WORKER_NEIGHBOURS_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/api/options.h"
#include "raftmetrics/net/http_client.h"
#include "raftmetrics/net/loop.h"

struct rm__neighbours;

struct rm__neighbour {
    struct rm__neighbours *neighbours;
    uint32_t id;
    const char *address; /* host:port */
    bool is_asked;       /* for its view of the cluster; its answer has not come */
    bool was_warned;     /* about what it answered */
    bool is_up;          /* it answered when it was last asked */
    bool has_answered;   /* as a worker of this cluster, under its id, at least once */
    bool has_met_us;     /* it said so */
    uint64_t *led_terms; /* by shard: the term in which it leads, as last heard; 0: it does not */
};

struct rm__neighbours {
    struct rm_loop *loop;
    struct rm_http_client *client;
    uint64_t asked_at_ms;    /* 0: never */
    const char *fingerprint; /* of name and map; borrowed */
    uint32_t self;
    uint32_t n_shards;
    char *headers[2]; /* for every request: who we are, of which cluster */
    struct rm__neighbour *each;
    size_t n;
    rm_loop_cb answered_cb;
    void *answered_data;
};

/* @fingerprint and the texts of @options are borrowed. @answered_cb: one has answered. Errors:
 * RM_ENOMEM. */
int rm__neighbours_init(struct rm__neighbours *neighbours, struct rm_loop *loop,
                        const struct rm_api_options *options, const char *fingerprint,
                        uint32_t self, uint32_t n_shards, rm_loop_cb answered_cb,
                        void *answered_data);

/* Ends what is under way. Harmless on one that is zeroed. */
void rm__neighbours_done(struct rm__neighbours *neighbours);

/* Asks each that is not being asked for its view of the cluster: whom it met, what it leads. Not
 * again within 150 ms, whoever wants to know. */
void rm__neighbours_ask(struct rm__neighbours *neighbours);

/* The neighbour that leads @shard in the newest term that was heard of, *@ret_term; 0: none. */
uint32_t rm__neighbours_leader(const struct rm__neighbours *neighbours, uint32_t shard,
                               uint64_t *ret_term);

/* Did @worker answer when it was last asked? */
bool rm__neighbours_is_up(const struct rm__neighbours *neighbours, uint32_t worker);

/* @worker no longer leads @shard: it has said so, or did not answer. */
void rm__neighbours_forget_leader(struct rm__neighbours *neighbours, uint32_t shard,
                                  uint32_t worker);

/* Sends @method @target, below /internal and without a body, to neighbour @worker. The callback as
 * of rm_http_client_send. Errors: RM_ENOTFOUND (no such neighbour), RM_ENOMEM. */
int rm__neighbours_send(struct rm__neighbours *neighbours, uint32_t worker, const char *method,
                        const char *target, rm_http_answer_cb cb, void *data);

#endif
