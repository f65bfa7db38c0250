/* Directories that a process makes for itself and keeps others out of. */
#ifndef RAFTMETRICS_SRC_CMD_DIRECTORY_H
#define RAFTMETRICS_SRC_CMD_DIRECTORY_H

#include "raftmetrics/cmd/complaint.h"

/* Makes @path, and what is missing above it, so that they outlast a power cut: a worker whose
 * directory was lost with it would come back as an emptied one. The last gets @mode. Fine where it
 * is there already. Errors: RM_EIO with a sentence. */
int rm_directory_make(const char *path, unsigned mode, struct rm_complaint *complaint);

/* Locks @path until *@ret_fd is closed or the process ends, however it does. The lock is on the
 * directory itself: whatever is removed from it meanwhile, nobody else can hold it.
 * Errors: RM_EBUSY: another process holds it, and is not just dying; RM_EIO; with a sentence. */
int rm_directory_lock(const char *path, int *ret_fd, struct rm_complaint *complaint);

#endif
