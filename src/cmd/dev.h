/* raftmetrics dev: a control daemon on port P and workers on P + 1, …, all on 127.0.0.1, started
 * and stopped together. The workers' peer ports are P + 101, …, or others where those are taken.
 *
 *   dev_files.c    prepares the directory: lock, ports, configurations
 *   dev_cluster.c  runs the processes, on one loop
 *   dev.c          the command line */
#ifndef RAFTMETRICS_SRC_CMD_DEV_H
#define RAFTMETRICS_SRC_CMD_DEV_H

#include <stdint.h>

#include "raftmetrics/cmd/complaint.h"
#include "raftmetrics/cmd/config.h"

enum { RM_DEV_WORKERS_MAX = 64, RM_DEV_NODES_MAX = RM_DEV_WORKERS_MAX + 1 };

struct rm_dev_node {
    enum rm_daemon daemon;
    unsigned id;   /* of a worker; 0: control */
    char name[16]; /* "control", "worker-2" */
    uint16_t port;
    uint16_t peer_port; /* of a worker */
    char *config_path;
    char *pid_path;
};

struct rm_dev_plan {
    unsigned n_workers;
    uint16_t port;
    const char *given_directory; /* as the person wrote it */
    char *directory;             /* absolute */
    const char *token;
    const char *log_level;
    char *executable;
    int lock_fd;                                /* of the directory */
    struct rm_dev_node nodes[RM_DEV_NODES_MAX]; /* control first */
    unsigned n_nodes;
};

/* Fills in the rest of @plan, which has the first six, makes the directory, locks it against
 * another dev, sees that ports are free and no node of an earlier run lives, and writes the
 * configurations. Errors: RM_EBUSY, RM_EIO, RM_ENOMEM with a sentence; rm_dev_plan_done in any
 * case. */
int rm_dev_prepare(struct rm_dev_plan *plan, struct rm_complaint *complaint);
void rm_dev_plan_done(struct rm_dev_plan *plan);

/* Runs the cluster until a signal. Returns an exit code. */
int rm_dev_run(const struct rm_dev_plan *plan);

#endif
