/* Whether a resolved configuration makes sense as a whole. */
#ifndef RAFTMETRICS_SRC_CMD_CONFIG_CHECK_H
#define RAFTMETRICS_SRC_CMD_CONFIG_CHECK_H

#include "raftmetrics/cmd/config.h"

/* Errors: RM_EINVAL with a sentence that names the keys and their sources. */
int rm_config_check(const struct rm_config *config, struct rm_complaint *complaint);

#endif
