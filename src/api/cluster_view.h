/* What control knows of the cluster: the map and the leaders, learned from the workers. A peer is
 * a worker as its address answers; the order and the ids in control's own configuration decide
 * nothing. */
#ifndef RAFTMETRICS_SRC_API_CLUSTER_VIEW_H
#define RAFTMETRICS_SRC_API_CLUSTER_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/api/options.h"
#include "raftmetrics/net/http_client.h"
#include "raftmetrics/net/loop.h"
#include "wire.h"

struct rm__cluster_view;

struct rm__peer {
    struct rm__cluster_view *view;
    const char *address; /* host:port, as configured */
    uint32_t id;         /* as it said itself; as configured before it spoke */
    bool is_up;          /* its last answer came, and it is of this cluster */
    bool is_asked;       /* a poll is under way */
    bool was_warned;     /* about why it is not up */
};

struct rm__cluster_view {
    struct rm_loop *loop;
    struct rm_http_client *client;
    const struct rm_api_options *options;
    struct rm_timer *timer;
    struct rm__peer *peers;
    size_t n_peers;
    uint32_t n_shards; /* 0: not known yet */
    uint32_t n_replicas;
    struct rm__peer **leaders; /* by shard; NULL: none known */
    char fingerprint[RM__FINGERPRINT_TEXT_LEN + 1];
    char *headers[2]; /* for every request to a worker: who we are, of which cluster */
    rm_loop_cb changed_cb;
    void *changed_data;
};

/* Asks every worker now and every @poll_ms. @changed_cb: leaders may be others now.
 * Errors: RM_ENOMEM. */
int rm__cluster_view_init(struct rm__cluster_view *view, struct rm_loop *loop,
                          struct rm_http_client *client, const struct rm_api_options *options,
                          uint64_t poll_ms, rm_loop_cb changed_cb, void *changed_data);

/* The client must have ended its requests before. */
void rm__cluster_view_done(struct rm__cluster_view *view);

/* The peer that leads @shard, if it can be reached; NULL otherwise. */
struct rm__peer *rm__cluster_view_leader(const struct rm__cluster_view *view, uint32_t shard);

/* Does @peer lead any shard, as far as is known? */
bool rm__cluster_view_leads(const struct rm__cluster_view *view, const struct rm__peer *peer);

/* A request to @peer failed: it leads nothing until it answers again. */
void rm__cluster_view_lost(struct rm__cluster_view *view, struct rm__peer *peer);

/* Does a failure mean that the worker is not the one to talk to: it is gone, on its way out, or of
 * another mind about the cluster? A worker that is merely busy is not lost. */
bool rm__cluster_view_is_lost(const struct rm_http_answer *answer);

/* How many shards have no reachable leader; all of them while their number is not known. */
uint32_t rm__cluster_view_count_leaderless(const struct rm__cluster_view *view);

#endif
