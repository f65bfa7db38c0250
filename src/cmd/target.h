/* A request's target: path and query, percent-encoded. */
#ifndef RAFTMETRICS_SRC_CMD_TARGET_H
#define RAFTMETRICS_SRC_CMD_TARGET_H

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/cmd/options.h"

/* Each appends to @target, which starts empty. Errors: RM_ENOMEM; RM_ETOOBIG. */

/* As it stands: "/metrics/". */
int rm_target_append(struct rm_buffer *target, const char *text);

/* One segment of a path: all but letters, digits and -._~ is encoded, '/' too. */
int rm_target_append_segment(struct rm_buffer *target, const char *segment);

/* name=value, behind '?' or '&'. */
int rm_target_append_parameter(struct rm_buffer *target, const char *name, const char *value);

/* Every option given whose name stands among @names (ends with NULL), as the parameter of that
 * name, with underscores for hyphens; a switch is true. */
int rm_target_append_options(struct rm_buffer *target, const struct rm_options *options,
                             const char *const *names);

/* Ends the text with a NUL, which does not count. */
int rm_target_finish(struct rm_buffer *target, const char **ret_text);

#endif
