/* What a worker must not forget, in <data_dir>/cluster.json: which cluster it belongs to, whether
 * its replicas have begun, whom it met, and under which incarnation each of its replicas lives.
 *
 *   not formed   nothing of any shard was ever acknowledged here: what the directory holds of
 *                shards may be thrown away
 *   formed       each replica has had its first configuration on this disk, or waits to be
 * admitted: none is ever begun again, and one whose files are gone is damaged
 *
 * A worker is met before the first handshake with it completes: from then on it may have been
 * counted on, and must not come back as one that never was. */
#ifndef RAFTMETRICS_SRC_API_WORKER_CLUSTER_FILE_H
#define RAFTMETRICS_SRC_API_WORKER_CLUSTER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/partitioning/shard_map.h"

enum { RM__SENTENCE_MAX = 512, RM__REASON_MAX = 160 };

/* Who this worker is, as configured. All is borrowed. */
struct rm__cluster_identity {
    const char *name;        /* of the cluster */
    const char *fingerprint; /* of name and map */
    uint32_t worker;
    uint32_t n_shards;
    uint32_t n_replicas;
    const uint32_t *workers; /* ids */
    uint32_t n_workers;
};

/* This worker's replica of a shard. */
struct rm__cluster_replica {
    uint32_t incarnation;        /* 1: of the first map */
    bool is_joining;             /* the shard's leader has not said yet that it is a voter */
    bool begins_alone;           /* the shard begins again, empty, with this replica only */
    uint32_t rebuilding;         /* what it is being made the only voter as; 0: it is not */
    char reason[RM__REASON_MAX]; /* why it must not be started again; "" where it may */
};

struct rm__cluster_file {
    struct rm__cluster_identity identity;
    const char *data_dir; /* borrowed */
    bool is_formed;
    uint32_t met[RM_WORKERS_MAX];
    uint32_t n_met;
    struct rm__cluster_replica *replicas; /* by shard */
};

/* As of a worker that is new. Errors: RM_ENOMEM. */
int rm__cluster_file_init(struct rm__cluster_file *file, const char *data_dir,
                          const struct rm__cluster_identity *identity);
/* Harmless on one that is zeroed. */
void rm__cluster_file_done(struct rm__cluster_file *file);

/* Reads the file, or writes a new one into a directory that holds no shards.
 * On error @ret_sentence says what to do. Errors: RM_ECONFLICT (another cluster's, another
 * worker's, or another configuration's directory); RM_ECORRUPT (damaged, or missing beside shards);
 * RM_EIO, RM_ENOSPACE, RM_ENOMEM. */
int rm__cluster_file_load(struct rm__cluster_file *file, char ret_sentence[RM__SENTENCE_MAX]);

/* Durable when it returns. Errors: RM_EIO, RM_ENOSPACE, RM_ENOMEM; the file on the disk is then as
 * it was. */
int rm__cluster_file_save(const struct rm__cluster_file *file);

bool rm__cluster_file_has_met(const struct rm__cluster_file *file, uint32_t worker);

/* Durable when it returns; at once where @worker was met before. Errors: as rm__cluster_file_save;
 * it is then not met. */
int rm__cluster_file_meet(struct rm__cluster_file *file, uint32_t worker);

#endif
