/* A part of an exposition, as a worker hands it to control: pieces of families in the order in
 * which they are written, over some of the shards that the worker leads, and where to go on.
 *
 *   header   version, last?, number of shards, cursor, all as 32-bit little-endian words, of which
 *            the cursor's number of a series takes two, the lower one first
 *   cursor's metric · a bit a shard · pieces
 *   piece    family, begins?, length of the metric's name, length of the text · name · text */
#ifndef RAFTMETRICS_SRC_API_EXPOSITION_PAGE_H
#define RAFTMETRICS_SRC_API_EXPOSITION_PAGE_H

#include "exposed_family.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/metrics/name.h"
#include "shard_set.h"

/* Behind which series to go on. Whatever comes and goes between two pages, a series that lives all
 * the while is written, once. Where the metric has no such series or no such family left, it goes
 * on with what comes next. Zeroed: at the very first. */
struct rm__exposition_cursor {
    char metric[RM_METRIC_NAME_MAX];
    uint32_t metric_len;
    uint32_t family; /* enum rm__exposed_family; RM__EXPOSED_FAMILIES: all are written */
    uint64_t series; /* number of the last that is written of the family; 0: nothing of it is */
};

struct rm__exposition_piece {
    struct rm_slice metric; /* as it was recorded */
    enum rm__exposed_family family;
    bool begins; /* the text has the family's head */
    struct rm_slice text;
};

/* Appends the head of a piece whose text is to follow; *@ret_mark names it. */
int rm__exposition_piece_begin(struct rm_buffer *pieces, struct rm_slice metric,
                               enum rm__exposed_family family, bool begins, size_t *ret_mark);
void rm__exposition_piece_end(struct rm_buffer *pieces, size_t mark);

struct rm__exposition_page {
    bool is_last; /* nothing comes behind it */
    struct rm__shard_set shards;
    struct rm__exposition_cursor next;
    struct rm_slice pieces;
};

/* Appends @page, of a cluster of @n_shards. Errors: RM_ENOMEM, RM_ETOOBIG. */
int rm__exposition_page_write(const struct rm__exposition_page *page, uint32_t n_shards,
                              struct rm_buffer *buffer);

/* The pieces point into @bytes. Any bytes are safe. Errors: RM_EPROTO. */
int rm__exposition_page_read(struct rm_slice bytes, struct rm__exposition_page *ret_page);

/* Cuts the first piece off @pieces, those of a page that was read. False: there is none. */
bool rm__exposition_piece_next(struct rm_slice *pieces, struct rm__exposition_piece *ret_piece);

#endif
