/* A file that holds the pid of a running daemon, and is flock'ed by it as long as it lives: the
 * kernel lets go of the lock however the daemon ends, so that a pid left behind is told from a
 * live one. */
#ifndef RAFTMETRICS_SRC_CMD_PIDFILE_H
#define RAFTMETRICS_SRC_CMD_PIDFILE_H

#include <stdint.h>

#include "raftmetrics/cmd/complaint.h"

struct rm_pidfile {
    int fd;           /* -1: none */
    const char *path; /* borrowed */
};

/* Locks @path and writes this process's pid; "" is no file and succeeds.
 * Errors: RM_EBUSY: a live process holds it; RM_EIO; with a sentence. */
int rm_pidfile_acquire(const char *path, struct rm_pidfile *ret_pidfile,
                       struct rm_complaint *complaint);

/* Removes the file. */
void rm_pidfile_release(struct rm_pidfile *pidfile);

/* The live process that holds @path; 0: none does. */
int64_t rm_pidfile_holder(const char *path);

#endif
