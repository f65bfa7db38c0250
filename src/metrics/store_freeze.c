/* rm_store_freeze: one walk over the store, which copies the index and shares the observations,
 * but for those of small open chunks. */
#include <stdlib.h>

#include "image_bytes.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"
#include "store_image.h"
#include "store_internal.h"

struct frozen {
    struct rm_image image;
    struct rm_buffer index; /* the header too */
    struct rm_buffer small; /* copied observations */
    /* Of struct rm_slice: the index, then the observations. Those that were copied have no data
     * until they are all there, for they move. */
    struct rm_buffer pieces;
    struct rm_buffer chunks; /* of struct rm_chunk *, owned: what the pieces share */
};

static void release(struct rm_image *image)
{
    struct frozen *frozen = (struct frozen *)((char *)image - offsetof(struct frozen, image));
    struct rm_chunk *const *chunks = (struct rm_chunk *const *)(const void *)frozen->chunks.data;

    for (size_t i = 0; i < frozen->chunks.len / sizeof *chunks; i++) {
        rm__chunk_unref(chunks[i]);
    }
    rm_buffer_done(&frozen->index);
    rm_buffer_done(&frozen->small);
    rm_buffer_done(&frozen->pieces);
    rm_buffer_done(&frozen->chunks);
    free(frozen);
}

static struct frozen *frozen_new(void)
{
    struct frozen *frozen = calloc(1, sizeof *frozen);

    if (frozen != NULL) {
        frozen->image.release = release;
        rm_buffer_init(&frozen->index, SIZE_MAX);
        rm_buffer_init(&frozen->small, SIZE_MAX);
        rm_buffer_init(&frozen->pieces, SIZE_MAX);
        rm_buffer_init(&frozen->chunks, SIZE_MAX);
    }
    return frozen;
}

static int add_piece(struct frozen *frozen, struct rm_slice piece)
{
    frozen->image.n_bytes += piece.len;
    return rm_buffer_append(&frozen->pieces, &piece, sizeof piece);
}

/* Copied observations that follow each other are one piece. */
static int copy_observations(struct frozen *frozen, struct rm_slice observations)
{
    size_t n_pieces = frozen->pieces.len / sizeof(struct rm_slice);
    struct rm_slice *last = (struct rm_slice *)(void *)frozen->pieces.data + n_pieces - 1;
    int rv = rm_buffer_append_slice(&frozen->small, observations);

    if (rv != 0) {
        return rv;
    }
    if (last->data != NULL || n_pieces == 1) {
        return add_piece(frozen, rm_slice_make(NULL, observations.len));
    }
    last->len += observations.len;
    frozen->image.n_bytes += observations.len;
    return 0;
}

/* What lies in one blob may go on where the last piece ends. */
static bool extend_piece(struct frozen *frozen, struct rm_slice observations)
{
    struct rm_slice *end = (struct rm_slice *)(void *)(frozen->pieces.data + frozen->pieces.len);

    if (end[-1].data == NULL || end[-1].data + end[-1].len != observations.data) {
        return false;
    }
    end[-1].len += observations.len;
    frozen->image.n_bytes += observations.len;
    return true;
}

static int share_observations(struct frozen *frozen, struct rm_chunk *chunk,
                              struct rm_slice observations)
{
    int rv = rm_buffer_append(&frozen->chunks, &chunk, sizeof(struct rm_chunk *));

    if (rv != 0) {
        return rv;
    }
    rm__chunk_ref(chunk);
    return extend_piece(frozen, observations) ? 0 : add_piece(frozen, observations);
}

static int add_observations(struct frozen *frozen, struct rm_chunk *chunk)
{
    struct rm_slice observations;

    if (rm__chunk_is_sealed(chunk)) {
        return share_observations(
            frozen, chunk,
            rm_slice_make(rm__chunk_block_of(chunk), rm__chunk_seal_of(chunk)->n_block_bytes));
    }
    observations = rm_slice_make(rm__chunk_peek(chunk), chunk->n * sizeof(struct rm_observation));
    return chunk->n < RM_CHUNK_SHARED_MIN ? copy_observations(frozen, observations)
                                          : share_observations(frozen, chunk, observations);
}

static char *put_labels(char *to, const struct rm_series *series)
{
    size_t n_bytes = 0;

    for (uint32_t i = 0; i < series->n_labels; i++) {
        const struct rm_label *label = &series->labels[i];
        const struct rm_store_image_label sizes = {(uint32_t)label->name.len,
                                                   (uint32_t)label->value.len};

        to = rm__image_put(to, &sizes, sizeof sizes);
        n_bytes += label->name.len + label->value.len;
    }
    /* A series keeps them in that order too. */
    return rm__image_put(to, series->labels + series->n_labels, n_bytes);
}

static char *put_chunk(char *to, const struct rm_chunk *chunk)
{
    struct rm_store_image_chunk image = {.n_bytes = chunk->n * sizeof(struct rm_observation),
                                         .n = chunk->n};

    if (rm__chunk_is_sealed(chunk)) {
        image.hash = rm__chunk_seal_of(chunk)->hash;
        image.n_bytes = rm__chunk_seal_of(chunk)->n_block_bytes;
        image.is_sealed = 1;
    }
    return rm__image_put(to, &image, sizeof image);
}

static size_t distribution_max(const struct rm_series *series)
{
    return series->distribution == NULL ? 0 : rm__distribution_image_max(series->distribution);
}

/* So many series or chunks ahead memory is asked for those that come, and half as many ahead for
 * what they point to. */
enum { N_AHEAD = 16 };

static void prefetch_series(const struct rm_vector *series, uint32_t i)
{
    if (i + N_AHEAD < series->n) {
        const char *next = series->items[i + N_AHEAD];

        __builtin_prefetch(next);
        __builtin_prefetch(next + 64);
        __builtin_prefetch(next + 128);
    }
    if (i + N_AHEAD / 2 < series->n) {
        const struct rm_series *near = series->items[i + N_AHEAD / 2];
        const char *head = (const char *)near->head;

        __builtin_prefetch(head, 1);
        __builtin_prefetch(head + 64);
        __builtin_prefetch(near->distribution);
    }
}

static void prefetch_chunk(const struct rm_series *series, uint32_t i)
{
    if (i + N_AHEAD < series->older.n) {
        __builtin_prefetch(series->older.items[i + N_AHEAD], 1);
    }
}

/* What it takes in the index, at most. */
static size_t series_bytes(const struct rm_series *series)
{
    size_t n_bytes = sizeof(struct rm_store_image_series) +
                     series->n_labels * sizeof(struct rm_store_image_label) + 8 +
                     distribution_max(series) +
                     rm__series_n_chunks(series) * sizeof(struct rm_store_image_chunk);

    for (uint32_t i = 0; i < series->n_labels; i++) {
        n_bytes += series->labels[i].name.len + series->labels[i].value.len;
    }
    return n_bytes;
}

static int add_series(struct frozen *frozen, const struct rm_series *series)
{
    struct rm_store_image_series image = {.n_labels = series->n_labels,
                                          .n_chunks = rm__series_n_chunks(series)};
    int rv = rm_buffer_reserve(&frozen->index, series_bytes(series));
    char *front;
    char *to;

    if (rv != 0) {
        return rv;
    }
    front = frozen->index.data + frozen->index.len;
    to = put_labels(front + sizeof image, series);
    if (series->distribution != NULL) {
        char *end = rm__distribution_put(series->distribution, to);

        image.n_distribution_bytes = (uint64_t)(end - to);
        to = end;
    }
    memcpy(front, &image, sizeof image);
    for (uint32_t i = 0; i < image.n_chunks && rv == 0; i++) {
        struct rm_chunk *chunk = rm__series_chunk(series, i);

        prefetch_chunk(series, i);
        to = put_chunk(to, chunk);
        rv = add_observations(frozen, chunk);
    }
    frozen->index.len = (size_t)(to - frozen->index.data);
    return rv;
}

static int add_metric(struct frozen *frozen, const struct rm_metric *metric)
{
    const struct rm_store_image_metric image = {
        .n_name_bytes = (uint32_t)metric->name.len,
        .n_series = metric->series.n,
        .n_observations = metric->n_samples,
        .n_gone = metric->n_gone,
        .bounds = metric->bounds == NULL ? 0 : metric->bounds->number};
    int rv = rm_buffer_reserve(&frozen->index, sizeof image + metric->name.len + 8);
    char *to;

    if (rv != 0) {
        return rv;
    }
    to = frozen->index.data + frozen->index.len;
    to = rm__image_put(to, &image, sizeof image);
    to = rm__image_put(to, metric->name.data, metric->name.len);
    frozen->index.len = (size_t)(to - frozen->index.data);
    for (uint32_t i = 0; i < metric->series.n && rv == 0; i++) {
        prefetch_series(&metric->series, i);
        rv = add_series(frozen, metric->series.items[i]);
    }
    return rv;
}

static int add_metrics(struct frozen *frozen, struct rm_store *store)
{
    static const struct rm_store_image_header ROOM = {0};
    int rv = rm_buffer_append(&frozen->index, &ROOM, sizeof ROOM);

    if (rv == 0) {
        rv = add_piece(frozen, rm_slice_make(NULL, 0));
    }
    if (rv == 0) {
        rv = rm__retention_freeze(&store->retention, &frozen->index);
    }
    if (rv == 0) {
        rv = rm__bucket_table_freeze(&store->bounds, &frozen->index);
    }
    for (uint32_t i = 0; i < store->index.metrics.n && rv == 0; i++) {
        rv = add_metric(frozen, store->index.metrics.items[i]);
    }
    return rv;
}

/* Now nothing moves any more. */
static void finish_pieces(struct frozen *frozen)
{
    struct rm_slice *pieces = (struct rm_slice *)(void *)frozen->pieces.data;
    const char *small = frozen->small.data;

    frozen->image.pieces = pieces;
    frozen->image.n_pieces = frozen->pieces.len / sizeof *pieces;
    frozen->image.n_bytes += frozen->index.len;
    pieces[0] = rm_buffer_peek(&frozen->index);
    for (size_t i = 1; i < frozen->image.n_pieces; i++) {
        if (pieces[i].data == NULL) {
            pieces[i].data = small;
            small += pieces[i].len;
        }
    }
}

static void finish_header(struct frozen *frozen, const struct rm_store *store)
{
    struct rm_store_image_header header = {
        .version = RM_STORE_IMAGE_VERSION,
        .n_bounds = store->bounds.known.n,
        .n_rules = (uint32_t)store->bounds.n_rules,
        .n_bytes = frozen->image.n_bytes,
        .n_index_bytes = frozen->index.len - sizeof header,
        .n_metrics = store->metrics.n_items,
        .n_series = store->series.n_items,
        .n_observations = store->n_samples,
        .state_hash = rm_store_hash(store),
    };
    struct rm_slice index = rm_slice_make(frozen->index.data + sizeof header, header.n_index_bytes);

    header.index_hash = rm__store_image_index_hash(&header, index);
    memcpy(frozen->index.data, &header, sizeof header);
}

struct rm_image *rm_store_freeze(struct rm_store *store)
{
    struct frozen *frozen = frozen_new();

    if (frozen == NULL) {
        return NULL;
    }
    if (add_metrics(frozen, store) != 0) {
        release(&frozen->image);
        return NULL;
    }
    finish_pieces(frozen);
    finish_header(frozen, store);
    return &frozen->image;
}
