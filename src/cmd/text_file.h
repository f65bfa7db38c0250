/* Small files, whole. */
#ifndef RAFTMETRICS_SRC_CMD_TEXT_FILE_H
#define RAFTMETRICS_SRC_CMD_TEXT_FILE_H

#include <stddef.h>

#include "raftmetrics/base/slice.h"
#include "raftmetrics/cmd/complaint.h"

/* The content of @path, NUL-terminated, the caller's to free. Errors: RM_ENOTFOUND, RM_EIO,
 * RM_ETOOBIG past @max bytes, RM_EINVAL where it holds a NUL, RM_ENOMEM, with a sentence. */
int rm_text_file_read(const char *path, size_t max, char **ret_text,
                      struct rm_complaint *complaint);

/* A token or the like: as above, without the newline at its end. */
int rm_secret_file_read(const char *path, char **ret_text, struct rm_complaint *complaint);

/* Writes @path anew so that a crash leaves the old content or the new: a temporary file, fsynced,
 * mode 0600, renamed. Errors: RM_EIO with a sentence. */
int rm_text_file_replace(const char *path, struct rm_slice content, struct rm_complaint *complaint);

#endif
