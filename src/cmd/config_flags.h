/* The flags that the configuration's table makes of itself, and the steps of rm_config_load. */
#ifndef RAFTMETRICS_SRC_CMD_CONFIG_FLAGS_H
#define RAFTMETRICS_SRC_CMD_CONFIG_FLAGS_H

#include "config_table.h"
#include "raftmetrics/cmd/options.h"

enum { RM_CONFIG_FLAGS_EXTRA = 4, RM_CONFIG_HELP_MAX = 320 };

/* An option table for rm_options_parse; it points into itself and must not be copied. */
struct rm_config_flags {
    struct rm_option table[RM_CONFIG_KEYS_MAX + RM_CONFIG_FLAGS_EXTRA];
    size_t n;
    struct {
        char name[RM_CONFIG_NAME_MAX];
        char help[RM_CONFIG_HELP_MAX];
    } texts[RM_CONFIG_KEYS_MAX];
};

/* --config and one flag for each key that @daemon has. */
void rm_config_flags_init(struct rm_config_flags *flags, enum rm_daemon daemon);

/* One more; there is room for a few. */
void rm_config_flags_add(struct rm_config_flags *flags, struct rm_option option);

/* All sources in order, without the check of the whole. On failure nothing is to be freed. */
int rm_config_resolve(struct rm_config *config, enum rm_daemon daemon,
                      const struct rm_options *options, char *const *environment,
                      struct rm_complaint *complaint);

#endif
