/* Several streams of pages, each in order, on their way to one text. A stream is of some shards;
 * together they are of all. Text comes out once every stream that has not ended has a page, and a
 * stream holds two pages at most: one that is read and the next. */
#ifndef RAFTMETRICS_SRC_API_EXPOSITION_MERGE_H
#define RAFTMETRICS_SRC_API_EXPOSITION_MERGE_H

#include "exposition_page.h"
#include "family_clashes.h"
#include "raftmetrics/base/list.h"

struct rm__page_stream {
    struct rm_list link;
    char *bytes;            /* of the page that is read; owned */
    struct rm_slice pieces; /* of it, behind the present one */
    struct rm__exposition_piece piece;
    bool has_piece;
    char *next_bytes; /* of the page behind it; owned; NULL: it has not come yet */
    struct rm_slice next_pieces;
    bool is_last; /* no further page comes */
};

struct rm__exposition_merge {
    struct rm_exposition_style style;
    struct rm_list streams;
    struct rm__family_clashes clashes;
    struct rm__page_stream *present; /* whose piece was given out last; NULL: none */
    bool is_admitted;                /* that piece's family: all of its pieces are, or none */
};

void rm__merge_init(struct rm__exposition_merge *merge, struct rm_exposition_style style);

/* Its streams are ended by who made them. */
void rm__merge_done(struct rm__exposition_merge *merge);

/* One more stream, of which no page has come. */
void rm__merge_add(struct rm__exposition_merge *merge, struct rm__page_stream *stream);

/* Frees its pages. */
void rm__page_stream_done(struct rm__page_stream *stream);

/* Has it room for a page? Not once the last has come. */
bool rm__page_stream_wants(const struct rm__page_stream *stream);

/* Has it neither a page nor ended? */
bool rm__page_stream_is_awaited(const struct rm__page_stream *stream);

/* Takes a page that was read from @bytes, with @bytes, which came from malloc. */
void rm__page_stream_feed(struct rm__page_stream *stream, char *bytes,
                          const struct rm__exposition_page *page);

/* The next text, good until the next call. Errors: RM_EBUSY (some stream's page has to come first),
 * RM_ENOTFOUND (that was all), RM_ENOMEM. */
int rm__merge_next(struct rm__exposition_merge *merge, struct rm_slice *ret_text);

#endif
