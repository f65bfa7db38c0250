/* Locks that end with the process that holds them. */
#ifndef RAFTMETRICS_SRC_CMD_FILE_LOCK_H
#define RAFTMETRICS_SRC_CMD_FILE_LOCK_H

#include <stdbool.h>

/* How long a process that was killed may still hold its locks: a thread of it that waits for the
 * disk ends only then. */
enum { RM_DYING_MS = 2000 };

/* flock(2)s @fd for this process alone. Waits for a holder that may be dying, and so blocks.
 * False with errno where that did not help. */
bool rm_file_lock(int fd);

#endif
