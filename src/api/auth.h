/* Who asks, and what he may do. */
#ifndef RAFTMETRICS_SRC_API_AUTH_H
#define RAFTMETRICS_SRC_API_AUTH_H

#include <stdbool.h>

#include "raftmetrics/api/options.h"
#include "raftmetrics/base/slice.h"

/* The token of an Authorization field "Bearer SECRET"; NULL where it names none. Compares with
 * every token in constant time. */
const struct rm_token *rm__auth_token(const struct rm_token *tokens, size_t n_tokens,
                                      struct rm_slice authorization);

/* Is it the field that the nodes of this cluster send each other ("Cluster SECRET")? */
bool rm__auth_is_cluster(const char *cluster_secret, struct rm_slice authorization);

#endif
