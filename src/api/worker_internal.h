/* A worker daemon from inside: what worker.c shares with the files that answer for it. */
#ifndef RAFTMETRICS_SRC_API_WORKER_INTERNAL_H
#define RAFTMETRICS_SRC_API_WORKER_INTERNAL_H

#include "front.h"
#include "raftmetrics/api/worker.h"
#include "raftmetrics/partitioning/shard_map.h"
#include "shard.h"
#include "wire.h"

enum { RM__STATUS_BYTES_MAX = 4 << 20, RM__HASH_TEXT_MAX = 17 };

struct rm_worker {
    struct rm_worker_options options;
    struct rm_loop *loop;
    struct rm_shard_map map;
    struct rm_peer_port *peer_port;
    struct rm_replica_host *host;
    struct rm__shard **shards; /* by shard; NULL for those that live elsewhere */
    char fingerprint[RM__FINGERPRINT_TEXT_LEN + 1];
    uint64_t started_ms;
    struct rm__front front;
};

/* This worker's replica of @shard; NULL where it does not lead. *@ret_leader: the id of who does,
 * as far as is known. */
struct rm__shard *rm__worker_led_shard(const struct rm_worker *worker, uint32_t shard,
                                       uint32_t *ret_leader);

/* This worker's replica of @shard, whoever leads; NULL where none runs. */
struct rm__shard *rm__worker_shard(const struct rm_worker *worker, uint32_t shard);

/* Does the map give worker @id a replica of @shard? */
bool rm__worker_map_has(const struct rm_worker *worker, uint32_t shard, uint32_t id);

/* The address of a worker of the cluster; NULL for an id that is none. */
const char *rm__worker_address(const struct rm_worker *worker, uint32_t id);

/* 421 with the address of @leader; 503 where none is known, or where it is this worker, which then
 * does not serve yet. */
void rm__worker_reply_not_leader(const struct rm_worker *worker, struct rm__exchange *exchange,
                                 uint32_t leader);

/* The functions of struct rm__backend that answer reads (worker_reads.c), statuses
 * (worker_status.c) and what control says (worker_wire.c). */
void rm__worker_read(void *data, struct rm__exchange *exchange, uint32_t shard);
void rm__worker_list(void *data, struct rm__exchange *exchange);
void rm__worker_status(void *data, struct rm__exchange *exchange);
void rm__worker_internal(void *data, struct rm__exchange *exchange);
bool rm__worker_admits(void *data, struct rm__exchange *exchange, struct rm__problem *ret_problem);

/* "cluster": {…} as this worker sees it. */
void rm__worker_write_cluster(const struct rm_worker *worker, struct rm_json_writer *json);

#endif
