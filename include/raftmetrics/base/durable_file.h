/* Small files that a crash leaves as they were or as they were to be: written beside, fsynced,
 * renamed, the directory fsynced. */
#ifndef RAFTMETRICS_BASE_DURABLE_FILE_H
#define RAFTMETRICS_BASE_DURABLE_FILE_H

#include <stddef.h>

/* What is written beside @path is "tmp-" and its name, in the same directory; one writer at a time.
 * On error @path is what it was, or, where only the last step failed, already what it was to be.
 * Errors: RM_EIO, RM_ENOSPACE. */
int rm_durable_file_write(const char *path, const void *bytes, size_t len);

/* All of the file, at most @max bytes. Errors: RM_ENOTFOUND (no file); RM_ETOOBIG; RM_EIO. */
int rm_durable_file_read(const char *path, void *ret_bytes, size_t max, size_t *ret_len);

/* Makes durable what was created, renamed and removed in a directory. Errors: RM_EIO, RM_ENOSPACE.
 */
int rm_durable_directory_sync(const char *path);

#endif
