/* What the files of this layer know of a loop beyond its public face. */
#ifndef RAFTMETRICS_SRC_NET_LOOP_INTERNAL_H
#define RAFTMETRICS_SRC_NET_LOOP_INTERNAL_H

#include <uv.h>

#include "raftmetrics/net/loop.h"

/* The libuv loop, borrowed. */
uv_loop_t *rm__loop_uv(struct rm_loop *loop);

#endif
