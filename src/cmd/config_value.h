/* One key of a configuration, set from a text or from JSON and shown as a text. */
#ifndef RAFTMETRICS_SRC_CMD_CONFIG_VALUE_H
#define RAFTMETRICS_SRC_CMD_CONFIG_VALUE_H

#include <jansson.h>
#include <stdio.h>

#include "config_table.h"

/* @where is what a person calls the source: "environment PORT". A value that was there is replaced.
 * Errors: RM_EINVAL with a sentence that names key, value and source; RM_ENOMEM. */
int rm_config_set_text(struct rm_config *config, const struct rm_config_key *key, const char *text,
                       enum rm_config_origin origin, const char *where,
                       struct rm_complaint *complaint);
int rm_config_set_json(struct rm_config *config, const struct rm_config_key *key,
                       const json_t *value, enum rm_config_origin origin, const char *where,
                       struct rm_complaint *complaint);

/* The value as a text, and as JSON (a new reference; NULL: out of memory). Secrets are ***. */
void rm_config_show(FILE *out, const struct rm_config *config, const struct rm_config_key *key);
json_t *rm_config_to_json(const struct rm_config *config, const struct rm_config_key *key);

#endif
