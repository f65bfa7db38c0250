#include "chunk.h"

#include "raftmetrics/base/error.h"

enum {
    BODY_MAX_BYTES = 4 << 20, /* the daemon's default for a batch */
    ITEM_MAX_BYTES = 2 << 20,
};

static const char body_start[] = "{\"metrics\":[";
static const char body_end[] = "]}";

void rm_chunk_init(struct rm_chunk *chunk, struct rm_rows *rows, uint64_t max_items, bool skip_bad)
{
    chunk->rows = rows;
    chunk->max_items = max_items;
    chunk->skip_bad = skip_bad;
    chunk->is_last = false;
    chunk->is_waiting = false;
    rm_buffer_init(&chunk->body, BODY_MAX_BYTES);
    rm_buffer_init(&chunk->item, ITEM_MAX_BYTES);
}

void rm_chunk_done(struct rm_chunk *chunk)
{
    rm_buffer_done(&chunk->body);
    rm_buffer_done(&chunk->item);
}

/* The next good row as JSON into item. Errors: RM_ENOTFOUND behind the last. */
static int read_item(struct rm_chunk *chunk, struct rm_complaint *complaint)
{
    int error;

    do {
        rm_rows_tell(chunk->rows, &chunk->offset, &chunk->line);
        error = rm_rows_next(chunk->rows, &chunk->row, complaint);
        chunk->n_skipped += error == RM_EINVAL;
    } while (error == RM_EINVAL && chunk->skip_bad);
    if (error != 0) {
        return error;
    }
    rm_buffer_clear(&chunk->item);
    error = rm_row_write(&chunk->row, &chunk->item);
    chunk->is_waiting = error == 0;
    return error == 0 ? 0
                      : rm_complain(complaint, error, "line %llu: %s",
                                    (unsigned long long)chunk->row.line, rm_strerror(error));
}

static bool has_room(const struct rm_chunk *chunk)
{
    return chunk->n_items < chunk->max_items &&
           chunk->body.len + 1 + chunk->item.len + sizeof body_end <= BODY_MAX_BYTES;
}

static int append_item(struct rm_chunk *chunk)
{
    int error = chunk->n_items == 0 ? 0 : rm_buffer_append_byte(&chunk->body, ',');

    if (error == 0) {
        error = rm_buffer_append_slice(&chunk->body, rm_buffer_peek(&chunk->item));
    }
    chunk->n_items++;
    chunk->is_waiting = false;
    return error;
}

static int fill(struct rm_chunk *chunk, struct rm_complaint *complaint)
{
    int error = 0;

    for (;;) {
        if (!chunk->is_waiting) {
            error = read_item(chunk, complaint);
        }
        if (error != 0 || !has_room(chunk)) {
            return error;
        }
        error = append_item(chunk);
        if (error != 0) {
            return rm_complain(complaint, error, "%s", rm_strerror(error));
        }
    }
}

int rm_chunk_next(struct rm_chunk *chunk, struct rm_complaint *complaint)
{
    int error;

    rm_buffer_clear(&chunk->body);
    chunk->n_items = 0;
    chunk->n_skipped = 0;
    if (rm_buffer_append_text(&chunk->body, body_start) != 0) {
        return rm_complain(complaint, RM_ENOMEM, "out of memory");
    }
    error = fill(chunk, complaint);
    if (error == RM_ENOTFOUND) {
        chunk->is_last = true;
        error = 0;
    }
    if (error == 0 && rm_buffer_append_text(&chunk->body, body_end) != 0) {
        return rm_complain(complaint, RM_ENOMEM, "out of memory");
    }
    return error;
}
