/* What control knows of the cluster: the map and the leaders, learned from the workers. A peer is
 * a worker as its address answers; the order and the ids in control's own configuration decide
 * nothing. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_CLUSTER_VIEW_H
#define RAFTMETRICS_SRC_API_CONTROL_CLUSTER_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../verdict.h"
#include "../wire.h"
#include "raftmetrics/api/options.h"
#include "raftmetrics/net/http_client.h"
#include "raftmetrics/net/loop.h"
#include "raftmetrics/partitioning/shard_map.h"

struct rm__cluster_view;

struct rm__peer {
    struct rm__cluster_view *view;
    const char *address; /* host:port, as configured */
    uint32_t id;         /* as it said itself; as configured before it spoke */
    bool is_up;          /* its last answer came, and it is of this cluster */
    bool is_asked;       /* a poll is under way */
    bool is_overdue;     /* it was under way already when the next one was due */
    bool was_warned;     /* about why it is not up */
};

/* Who leads a shard. Raft has at most one leader a term, so of two claims the newer term wins. */
struct rm__leadership {
    struct rm__peer *leader; /* up; NULL: none is known */
    uint64_t term;           /* the newest that was heard of */
    uint64_t since_ms;       /* when the leader was lost; of no meaning while there is one */
};

struct rm__cluster_view {
    struct rm_loop *loop;
    struct rm_http_client *client;
    const struct rm_api_options *options;
    struct rm_timer *timer;
    uint64_t poll_ms;
    uint64_t timer_ms; /* the period it has now */
    struct rm__peer *peers;
    size_t n_peers;
    uint32_t n_shards; /* 0: not known yet */
    uint32_t n_replicas;
    struct rm__leadership *leaderships; /* by shard */
    struct rm_shard_map map;            /* empty while some worker's id is not known */
    char fingerprint[RM__FINGERPRINT_TEXT_LEN + 1];
    char *headers[2]; /* for every request to a worker: who we are, of which cluster */
    rm_loop_cb changed_cb;
    void *changed_data;
};

/* Asks every worker now and every @poll_ms, more often while some shard has no leader.
 * @changed_cb: leaders may be others now. Errors: RM_ENOMEM. */
int rm__cluster_view_init(struct rm__cluster_view *view, struct rm_loop *loop,
                          struct rm_http_client *client, const struct rm_api_options *options,
                          uint64_t poll_ms, rm_loop_cb changed_cb, void *changed_data);

/* The client must have ended its requests before. */
void rm__cluster_view_done(struct rm__cluster_view *view);

/* The peer that leads @shard, if it can be reached; NULL otherwise. */
struct rm__peer *rm__cluster_view_leader(const struct rm__cluster_view *view, uint32_t shard);

/* Has @shard been without a leader for longer than a change of leaders takes? Then nobody should
 * wait for one. */
bool rm__cluster_view_is_hopeless(const struct rm__cluster_view *view, uint32_t shard);

/* Does @peer lead any shard, as far as is known? */
bool rm__cluster_view_leads(const struct rm__cluster_view *view, const struct rm__peer *peer);

/* Does @peer hold a replica of @shard? True as well while that is not known. */
bool rm__cluster_view_holds(const struct rm__cluster_view *view, const struct rm__peer *peer,
                            uint32_t shard);

/* Takes in what @peer's answer to a request for @shard says about who leads. @body: of the answer,
 * may name the leader. Leaders may be others afterwards. */
void rm__cluster_view_learn(struct rm__peer *peer, uint32_t shard, enum rm__verdict verdict,
                            struct rm_slice body);

/* How many shards have no reachable leader; all of them while their number is not known. */
uint32_t rm__cluster_view_count_leaderless(const struct rm__cluster_view *view);

#endif
