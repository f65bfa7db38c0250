/* GET /metrics as JSON. A worker lists what it leads, as a page; the pages of all make the answer.
 *
 *   page   lines · shards ' ' more '\n'
 *   line   name ' ' the metric as a client is told of it, JSON '\n'; in byte order of the names
 *
 * shards, as of shard_set.h: those that the page is of. more: 0; or 1 where it ends before they do,
 * at the limit that was asked for. */
#ifndef RAFTMETRICS_SRC_API_LISTING_H
#define RAFTMETRICS_SRC_API_LISTING_H

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/metrics/query.h"
#include "shard_set.h"

/* A page that is read; all points into its bytes. */
struct rm__listing_page {
    struct rm__shard_set shards;
    bool has_more;
    struct rm_slice name; /* of its next line; empty: none is left */
    struct rm_slice metric;
    struct rm_slice lines; /* behind that one */
};

/* Appends the line of a metric that @worker holds. Errors: RM_ENOMEM, RM_ETOOBIG. */
int rm__listing_add(struct rm_buffer *page, const struct rm_metric_info *info, uint64_t worker);

/* Appends what follows the lines. Errors: RM_ENOMEM, RM_ETOOBIG. */
int rm__listing_end(struct rm_buffer *page, const struct rm__shard_set *shards, bool has_more);

/* Any bytes are safe. Errors: RM_EPROTO. */
int rm__listing_read(struct rm_slice bytes, struct rm__listing_page *ret_page);

/* Appends what the client is told: the first @limit metrics of all @pages, and where to go on.
 * Takes the lines out of the pages; a metric is copied as it is, so that ten thousand take some
 * 1 ms. Errors: RM_EPROTO (a page is not as above, or two have the same name); RM_ENOMEM;
 * RM_ETOOBIG. */
int rm__listing_merge(struct rm__listing_page *pages, size_t n_pages, size_t limit,
                      struct rm_buffer *body);

#endif
