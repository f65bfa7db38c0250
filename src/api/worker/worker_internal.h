/* A worker daemon from inside: what its files share. */
#ifndef RAFTMETRICS_SRC_API_WORKER_WORKER_INTERNAL_H
#define RAFTMETRICS_SRC_API_WORKER_WORKER_INTERNAL_H

#include "../front.h"
#include "../read_query.h"
#include "../shard_set.h"
#include "../wire.h"
#include "cluster_file.h"
#include "neighbours.h"
#include "raftmetrics/api/worker.h"
#include "raftmetrics/partitioning/shard_map.h"
#include "seat.h"
#include "shard.h"
#include "slow_reads.h"

enum { RM__STATUS_BYTES_MAX = 4 << 20, RM__HASH_TEXT_MAX = 17, RM__WAITING_TEXT_MAX = 256 };

struct rm_worker {
    struct rm_worker_options options;
    struct rm_loop *loop;
    struct rm_shard_map map;
    char fingerprint[RM__FINGERPRINT_TEXT_LEN + 1];
    uint32_t worker_ids[RM_WORKERS_MAX];
    struct rm__cluster_file file;
    struct rm__neighbours neighbours;
    struct rm__front front;
    struct rm__meter meter;
    struct rm__slow_reads slow_reads;
    struct rm_timer *timer;
    unsigned n_ticks;
    uint64_t started_ms;

    /* once the cluster has formed */
    struct rm_peer_port *peer_port;
    struct rm_replica_host *host;
    struct rm__seat *seats; /* by shard */
    uint64_t opened_ms;
    uint64_t asked_ms;            /* when the neighbours were last asked who leads what */
    uint32_t n_logged_waiting;    /* before: for so many workers it was last said to wait */
    struct rm__worker_stop *stop; /* NULL: it does not stop yet */
    bool is_freed;                /* once all seats have let go */
};

/* This worker's replica of @shard; NULL where it does not lead. *@ret_leader: the id of who does,
 * as far as is known. */
struct rm__shard *rm__worker_led_shard(const struct rm_worker *worker, uint32_t shard,
                                       uint32_t *ret_leader);

/* Those that this worker leads. */
struct rm__shard_set rm__worker_led_shards(const struct rm_worker *worker);

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

/* The functions of struct rm__backend that answer reads (worker_reads.c, worker_list.c), statuses
 * (worker_status.c, worker_metrics.c) and what control says (worker_wire.c). */
void rm__worker_read(void *data, struct rm__exchange *exchange, uint32_t shard);
void rm__worker_list(void *data, struct rm__exchange *exchange);
void rm__worker_status(void *data, struct rm__exchange *exchange);
void rm__worker_internal(void *data, struct rm__exchange *exchange);
void rm__worker_self_metrics(void *data, struct rm_exposition *exposition);
bool rm__worker_admits(void *data, struct rm__exchange *exchange, struct rm__problem *ret_problem);

/* worker_writes.c: writes of clients that ask this worker directly. */
enum rm__fate rm__worker_check(void *data, uint32_t shard, uint32_t *ret_worker);
void rm__worker_write(void *data, struct rm__part *part);

/* ---- worker_reads.c ---- */

/* What is asked for; not 0: answered. */
int rm__worker_query(struct rm__exchange *exchange, struct rm__read_query *ret_query);

/* Answers for a read whose level cannot be had: what rm_replica_read failed with. */
void rm__worker_reply_unreadable(struct rm__exchange *exchange, int error);

/* ---- worker_exposition.c ---- */

/* Answers GET /metrics as an exposition of what this worker leads. */
void rm__worker_expose(void *data, struct rm__exchange *exchange, struct rm_exposition_style style);

/* Answers control's request for a page. */
void rm__worker_reply_page(struct rm_worker *worker, struct rm__exchange *exchange);

/* "cluster": {…} as this worker sees it. */
void rm__worker_write_cluster(const struct rm_worker *worker, struct rm_json_writer *json);

/* ---- worker_identity.c ---- */

/* Shard map, ids and fingerprint, out of the options. Errors: RM_EINVAL (ids), RM_ENOMEM. */
int rm__worker_init_map(struct rm_worker *worker);

/* cluster.json; as rm__cluster_file_load. */
int rm__worker_load_file(struct rm_worker *worker, char ret_sentence[RM__SENTENCE_MAX]);

/* ---- worker_formation.c ---- */

/* Starts the replicas of a cluster that has formed, or goes about forming it. Errors: those of the
 * disk and the peer port. */
int rm__worker_open(struct rm_worker *worker);

/* Forms the cluster if what the others have said allows it. */
void rm__worker_try_to_form(struct rm_worker *worker);

/* How many workers the forming of the cluster waits for; *@ret_text lists their ids. */
uint32_t rm__worker_waiting_for(const struct rm_worker *worker,
                                char ret_text[RM__WAITING_TEXT_MAX]);

/* Logs the sentence and ends the process. */
_Noreturn void rm__worker_fatal(const struct rm_worker *worker, const char *sentence);

/* A seat's replica has let go of its files. */
void rm__worker_seat_closed(struct rm_worker *worker);

/* ---- worker_stop.c ---- */

/* Who still waits is answered: the replicas close. */
void rm__worker_abandon(void *data);

/* Takes NULL. */
void rm__worker_stop_free(struct rm__worker_stop *stop);

#endif
