/* How control asks a worker for a page. */
#ifndef RAFTMETRICS_SRC_API_EXPOSITION_WIRE_H
#define RAFTMETRICS_SRC_API_EXPOSITION_WIRE_H

#include "exposition_page.h"
#include "params.h"

struct rm__page_query {
    struct rm__shard_set shards; /* that are asked for; the page says which it is of */
    struct rm_exposition_style style;
    struct rm__exposition_cursor from;
    uint32_t max_bytes;
};

/* Appends path and query. Errors: RM_ENOMEM, RM_ETOOBIG. */
int rm__page_query_format(const struct rm__page_query *query, struct rm_buffer *target);

/* Errors: RM_ESYNTAX. */
int rm__page_query_parse(const struct rm__params *params, struct rm__page_query *ret_query);

#endif
