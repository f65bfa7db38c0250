/* A chunk of an import: the body of one POST /metrics/batch, out of a file's rows. The same file,
 * read from the same place with the same options, always makes the same chunks. */
#ifndef RAFTMETRICS_SRC_CMD_CHUNK_H
#define RAFTMETRICS_SRC_CMD_CHUNK_H

#include <stdbool.h>

#include "rows.h"

struct rm_chunk {
    struct rm_rows *rows; /* borrowed */
    uint64_t max_items;
    bool skip_bad;

    struct rm_buffer body; /* JSON */
    uint64_t n_items;
    uint64_t n_skipped; /* bad rows among those read for it */
    uint64_t offset;    /* where the next chunk begins in the file */
    uint64_t line;
    bool is_last;

    struct rm_row row;
    struct rm_buffer item; /* a row that did not fit into the body waits here */
    bool is_waiting;
};

void rm_chunk_init(struct rm_chunk *chunk, struct rm_rows *rows, uint64_t max_items, bool skip_bad);
void rm_chunk_done(struct rm_chunk *chunk);

/* Reads the next one; it may be empty where it is the last. Errors: RM_EINVAL for a bad row,
 * RM_EIO, RM_ETOOBIG, RM_ENOMEM, with a sentence. */
int rm_chunk_next(struct rm_chunk *chunk, struct rm_complaint *complaint);

#endif
