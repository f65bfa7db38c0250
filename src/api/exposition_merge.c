#include "exposition_merge.h"

#include <stdlib.h>

#include "raftmetrics/base/error.h"

static struct rm__page_stream *stream_of(struct rm_list *link)
{
    return RM_LIST_ENTRY(link, struct rm__page_stream, link);
}

void rm__merge_init(struct rm__exposition_merge *merge, struct rm_exposition_style style)
{
    *merge = (struct rm__exposition_merge){.style = style, .clashes = {.style = style}};
    rm_list_init(&merge->streams);
}

void rm__merge_done(struct rm__exposition_merge *merge)
{
    rm__family_clashes_done(&merge->clashes);
}

void rm__merge_add(struct rm__exposition_merge *merge, struct rm__page_stream *stream)
{
    *stream = (struct rm__page_stream){0};
    rm_list_push_back(&merge->streams, &stream->link);
}

void rm__page_stream_done(struct rm__page_stream *stream)
{
    free(stream->bytes);
    free(stream->next_bytes);
    rm_list_remove(&stream->link);
}

/* ---- pages ---- */

/* Goes on with the next page where the present one is read. */
static void advance(struct rm__page_stream *stream)
{
    stream->has_piece = rm__exposition_piece_next(&stream->pieces, &stream->piece);
    if (stream->has_piece || stream->next_bytes == NULL) {
        return;
    }
    free(stream->bytes);
    stream->bytes = stream->next_bytes;
    stream->pieces = stream->next_pieces;
    stream->next_bytes = NULL;
    stream->has_piece = rm__exposition_piece_next(&stream->pieces, &stream->piece);
}

bool rm__page_stream_wants(const struct rm__page_stream *stream)
{
    return !stream->is_last && stream->next_bytes == NULL;
}

bool rm__page_stream_is_awaited(const struct rm__page_stream *stream)
{
    return !stream->has_piece && !stream->is_last;
}

void rm__page_stream_feed(struct rm__page_stream *stream, char *bytes,
                          const struct rm__exposition_page *page)
{
    stream->is_last = page->is_last;
    stream->next_bytes = bytes;
    stream->next_pieces = page->pieces;
    if (!stream->has_piece) {
        advance(stream);
    }
}

/* ---- the text ---- */

/* The stream whose piece comes next. RM_EBUSY: some stream's piece is not known. */
static int find_first(struct rm__exposition_merge *merge, struct rm__page_stream **ret_stream)
{
    struct rm__page_stream *first = NULL;

    for (struct rm_list *link = merge->streams.next; link != &merge->streams; link = link->next) {
        struct rm__page_stream *stream = stream_of(link);

        if (rm__page_stream_is_awaited(stream)) {
            return RM_EBUSY;
        }
        if (stream->has_piece &&
            (first == NULL || rm_exposition_compare_names(merge->style, stream->piece.metric,
                                                          first->piece.metric) < 0)) {
            first = stream;
        }
    }
    *ret_stream = first;
    return first == NULL ? RM_ENOTFOUND : 0;
}

/* A family is admitted with its first piece; its others come right behind it. */
static int admit(struct rm__exposition_merge *merge, const struct rm__exposition_piece *piece)
{
    if (!piece->begins) {
        return 0;
    }
    return rm__family_clashes_admit(&merge->clashes, piece->metric, piece->family,
                                    &merge->is_admitted);
}

int rm__merge_next(struct rm__exposition_merge *merge, struct rm_slice *ret_text)
{
    int rv;

    do {
        struct rm__page_stream *stream;

        if (merge->present != NULL) {
            advance(merge->present);
            merge->present = NULL;
        }
        rv = find_first(merge, &stream);
        if (rv != 0) {
            return rv;
        }
        rv = admit(merge, &stream->piece);
        if (rv != 0) {
            return rv;
        }
        merge->present = stream;
    } while (!merge->is_admitted);
    *ret_text = merge->present->piece.text;
    return 0;
}
