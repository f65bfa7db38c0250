/* rm_store_freeze, and gathering its image (freezing.h): the index is copied, observations are
 * shared, but for those of small open chunks. */
#include <stdlib.h>

#include "freezing.h"
#include "frozen_series.h"
#include "image_bytes.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"
#include "store_image.h"

struct rm_freezing {
    struct rm_image image;
    struct rm_store *store; /* NULL: the image is whole, or never will be */
    bool is_whole;
    struct rm_store_image_header header;

    /* What there is to gather. */
    struct rm_buffer metrics; /* as they came, without the series */
    struct rm_slice metrics_left;
    struct rm_buffer series; /* of struct rm_series *, those of all metrics */
    size_t n_series_done;
    uint32_t n_series_left;          /* of the metric that is being gathered */
    struct rm_frozen_series current; /* the series that is being gathered, where there is one */
    uint32_t n_chunks_done;          /* of it */
    struct rm_table early; /* of struct rm_frozen_series, owned: those that were changed before */

    /* What is gathered. */
    struct rm_buffer index; /* the header too */
    size_t n_hashed;        /* bytes of the index, without the header */
    struct rm_state_hasher *hasher;
    struct rm_buffer small; /* copied observations */
    /* Of struct rm_slice: the index, then the observations. Those that were copied have no data
     * until they are all there, for they move. */
    struct rm_buffer pieces;
    struct rm_buffer chunks; /* of struct rm_chunk *, owned: what the pieces share */
};

static struct rm_series **series_of(const struct rm_freezing *freezing)
{
    return (struct rm_series **)(void *)freezing->series.data;
}

static size_t n_series_of(const struct rm_freezing *freezing)
{
    return freezing->series.len / sizeof(struct rm_series *);
}

/* ---- series that are changed before they are gathered ---- */

static bool is_of(const void *item, const void *key)
{
    const struct rm_frozen_series *frozen = item;

    return frozen->series == key;
}

static struct rm_frozen_series *find_early(const struct rm_freezing *freezing,
                                           const struct rm_series *series)
{
    return rm__table_find(&freezing->early, series->hash, is_of, series);
}

static bool is_known(const struct rm_freezing *freezing, const struct rm_series *series)
{
    return series->freeze == freezing->store->n_freezes;
}

static void free_early(struct rm_frozen_series *early)
{
    rm__frozen_series_done(early);
    free(early);
}

int rm__freezing_share(struct rm_freezing *freezing, struct rm_series *series)
{
    struct rm_frozen_series *early;
    int rv;

    if (is_known(freezing, series)) {
        return 0;
    }
    early = malloc(sizeof *early);
    if (early == NULL) {
        return RM_ENOMEM;
    }
    rm__frozen_series_share(early, series);
    rv = rm__frozen_series_pack_distribution(early);
    if (rv == 0) {
        rv = rm__table_add(&freezing->early, series->hash, early);
    }
    if (rv != 0) {
        free_early(early);
        return rv;
    }
    series->freeze = freezing->store->n_freezes;
    return 0;
}

/* What is shared of @series; NULL where it is not, or no more. */
static struct rm_frozen_series *find_shared(struct rm_freezing *freezing,
                                            const struct rm_series *series)
{
    return freezing->current.series == series ? &freezing->current : find_early(freezing, series);
}

int rm__freezing_own(struct rm_freezing *freezing, struct rm_series *series)
{
    int rv = rm__freezing_share(freezing, series);
    struct rm_frozen_series *shared = rv == 0 ? find_shared(freezing, series) : NULL;

    return shared == NULL ? rv : rm__frozen_series_own(shared);
}

int rm__freezing_drop(struct rm_freezing *freezing, struct rm_series *series, uint32_t n_chunks)
{
    int rv = rm__freezing_share(freezing, series);
    struct rm_frozen_series *shared = rv == 0 ? find_shared(freezing, series) : NULL;

    return shared == NULL ? rv : rm__frozen_series_drop(shared, n_chunks);
}

bool rm__freezing_keeps(struct rm_freezing *freezing, const struct rm_series *series)
{
    return !is_known(freezing, series) || find_shared(freezing, series) != NULL;
}

/* What was shared of @series before, which is then the caller's, or what it is now. */
static int take_series(struct rm_freezing *freezing, struct rm_series *series,
                       struct rm_frozen_series *ret_frozen)
{
    struct rm_frozen_series *early;

    if (is_known(freezing, series)) {
        early = find_early(freezing, series);
        rm__table_remove(&freezing->early, series->hash, early);
        *ret_frozen = *early;
        free(early);
        return 0;
    }
    rm__frozen_series_share(ret_frozen, series);
    series->freeze = freezing->store->n_freezes;
    return rm__frozen_series_pack_distribution(ret_frozen);
}

/* ---- the end ---- */

/* The store does not know of it any more. */
static void detach(struct rm_freezing *freezing)
{
    struct rm_series **series = series_of(freezing);

    if (freezing->store == NULL) {
        return;
    }
    freezing->store->freezing = NULL;
    freezing->store = NULL;
    if (freezing->current.series != NULL) {
        freezing->n_series_done--;
        rm__frozen_series_done(&freezing->current);
    }
    for (size_t i = 0; i < freezing->early.n_slots; i++) {
        if (freezing->early.slots[i].item != NULL) {
            free_early(freezing->early.slots[i].item);
        }
    }
    for (size_t i = freezing->n_series_done; i < n_series_of(freezing); i++) {
        if (series[i]->is_condemned) {
            rm__series_free(series[i]);
        }
    }
    rm__table_done(&freezing->early);
    rm_buffer_done(&freezing->metrics);
    rm_buffer_done(&freezing->series);
    rm__state_hasher_free(freezing->hasher);
    freezing->hasher = NULL;
}

static void release(struct rm_image *image)
{
    struct rm_freezing *freezing = (struct rm_freezing *)(void *)image;
    struct rm_chunk *const *chunks = (struct rm_chunk *const *)(const void *)freezing->chunks.data;

    detach(freezing);
    for (size_t i = 0; i < freezing->chunks.len / sizeof *chunks; i++) {
        rm__chunk_unref(chunks[i]);
    }
    rm_buffer_done(&freezing->index);
    rm_buffer_done(&freezing->small);
    rm_buffer_done(&freezing->pieces);
    rm_buffer_done(&freezing->chunks);
    free(freezing);
}

/* ---- observations ---- */

static int add_piece(struct rm_freezing *freezing, struct rm_slice piece)
{
    freezing->image.n_bytes += piece.len;
    return rm_buffer_append(&freezing->pieces, &piece, sizeof piece);
}

/* Copied observations that follow each other are one piece. */
static int copy_observations(struct rm_freezing *freezing, struct rm_slice observations)
{
    size_t n_pieces = freezing->pieces.len / sizeof(struct rm_slice);
    struct rm_slice *last = (struct rm_slice *)(void *)freezing->pieces.data + n_pieces - 1;
    int rv = rm_buffer_append_slice(&freezing->small, observations);

    if (rv != 0) {
        return rv;
    }
    if (last->data != NULL || n_pieces == 1) {
        return add_piece(freezing, rm_slice_make(NULL, observations.len));
    }
    last->len += observations.len;
    freezing->image.n_bytes += observations.len;
    return 0;
}

/* What lies in one blob may go on where the last piece ends. */
static bool extend_piece(struct rm_freezing *freezing, struct rm_slice observations)
{
    struct rm_slice *end =
        (struct rm_slice *)(void *)(freezing->pieces.data + freezing->pieces.len);

    if (end[-1].data == NULL || end[-1].data + end[-1].len != observations.data) {
        return false;
    }
    end[-1].len += observations.len;
    freezing->image.n_bytes += observations.len;
    return true;
}

static int share_observations(struct rm_freezing *freezing, struct rm_chunk *chunk,
                              struct rm_slice observations)
{
    int rv = rm_buffer_append(&freezing->chunks, &chunk, sizeof(struct rm_chunk *));

    if (rv != 0) {
        return rv;
    }
    rm__chunk_ref(chunk);
    return extend_piece(freezing, observations) ? 0 : add_piece(freezing, observations);
}

static int add_observations(struct rm_freezing *freezing, struct rm_chunk *chunk, uint32_t n)
{
    struct rm_slice observations;

    if (rm__chunk_is_sealed(chunk)) {
        return share_observations(
            freezing, chunk,
            rm_slice_make(rm__chunk_block_of(chunk), rm__chunk_seal_of(chunk)->n_block_bytes));
    }
    observations = rm_slice_make(rm__chunk_peek(chunk), n * sizeof(struct rm_observation));
    return n < RM_CHUNK_SHARED_MIN ? copy_observations(freezing, observations)
                                   : share_observations(freezing, chunk, observations);
}

/* ---- the index ---- */

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

static char *put_chunk(char *to, const struct rm_chunk *chunk, uint32_t n)
{
    struct rm_store_image_chunk image = {.n_bytes = n * sizeof(struct rm_observation), .n = n};

    if (rm__chunk_is_sealed(chunk)) {
        image.hash = rm__chunk_seal_of(chunk)->hash;
        image.n_bytes = rm__chunk_seal_of(chunk)->n_block_bytes;
        image.is_sealed = 1;
    }
    return rm__image_put(to, &image, sizeof image);
}

/* So many series or chunks ahead memory is asked for those that come, and half as many ahead for
 * what they point to. */
enum { N_AHEAD = 16 };

static void prefetch_series(const struct rm_freezing *freezing)
{
    struct rm_series *const *series = series_of(freezing) + freezing->n_series_done;
    size_t n = n_series_of(freezing) - freezing->n_series_done;

    if (N_AHEAD < n) {
        const char *next = (const char *)series[N_AHEAD];

        __builtin_prefetch(next);
        __builtin_prefetch(next + 64);
        __builtin_prefetch(next + 128);
    }
    if (N_AHEAD / 2 < n) {
        const struct rm_series *near = series[N_AHEAD / 2];
        const char *head = (const char *)near->head;

        __builtin_prefetch(head, 1);
        __builtin_prefetch(head + 64);
        __builtin_prefetch(near->distribution);
    }
}

/* What the front of it takes in the index. */
static size_t front_bytes(const struct rm_frozen_series *frozen)
{
    const struct rm_series *series = frozen->series;
    size_t n_bytes = sizeof(struct rm_store_image_series) +
                     series->n_labels * sizeof(struct rm_store_image_label) + 8 +
                     frozen->n_distribution_bytes;

    for (uint32_t i = 0; i < series->n_labels; i++) {
        n_bytes += series->labels[i].name.len + series->labels[i].value.len;
    }
    return n_bytes;
}

static int add_front(struct rm_freezing *freezing, const struct rm_frozen_series *frozen)
{
    const struct rm_store_image_series image = {.n_labels = frozen->series->n_labels,
                                                .n_chunks = rm__frozen_series_n_chunks(frozen),
                                                .n_distribution_bytes =
                                                    frozen->n_distribution_bytes,
                                                .number = frozen->series->number};
    int rv = rm_buffer_reserve(&freezing->index, front_bytes(frozen));
    char *to;

    if (rv != 0) {
        return rv;
    }
    to = freezing->index.data + freezing->index.len;
    to = rm__image_put(to, &image, sizeof image);
    to = put_labels(to, frozen->series);
    to = rm__image_put(to, frozen->distribution, frozen->n_distribution_bytes);
    freezing->index.len = (size_t)(to - freezing->index.data);
    return 0;
}

/* Up to *@n_steps of the chunks that are left of the series that is being gathered. */
static int gather_chunks(struct rm_freezing *freezing, size_t *n_steps)
{
    const struct rm_frozen_series *current = &freezing->current;
    uint32_t n_left = rm__frozen_series_n_chunks(current) - freezing->n_chunks_done;
    uint32_t n = n_left < *n_steps ? n_left : (uint32_t)*n_steps;
    int rv = rm_buffer_reserve(&freezing->index, n * sizeof(struct rm_store_image_chunk));

    *n_steps -= n;
    for (; n > 0 && rv == 0; n--) {
        char *to = freezing->index.data + freezing->index.len;
        uint32_t n_observations;
        struct rm_chunk *chunk =
            rm__frozen_series_chunk(current, freezing->n_chunks_done, &n_observations);

        rm__frozen_series_prefetch_chunk(current, freezing->n_chunks_done + N_AHEAD);
        to = put_chunk(to, chunk, n_observations);
        freezing->index.len = (size_t)(to - freezing->index.data);
        freezing->n_chunks_done++;
        rv = add_observations(freezing, chunk, n_observations);
    }
    return rv;
}

static int begin_series(struct rm_freezing *freezing)
{
    struct rm_series *series = series_of(freezing)[freezing->n_series_done];
    int rv;

    prefetch_series(freezing);
    freezing->n_series_done++;
    freezing->n_series_left--;
    freezing->n_chunks_done = 0;
    rv = take_series(freezing, series, &freezing->current);
    return rv != 0 ? rv : add_front(freezing, &freezing->current);
}

static void end_series(struct rm_freezing *freezing)
{
    struct rm_series *series = freezing->current.series;

    rm__frozen_series_done(&freezing->current);
    if (series->is_condemned) {
        rm__series_free(series);
    }
}

/* Metrics without series, too, take what was copied of them into the index. */
static int begin_metric(struct rm_freezing *freezing)
{
    struct rm_slice rest = freezing->metrics_left;
    const struct rm_store_image_metric *image = rm__image_take(&rest, 1, sizeof *image);
    size_t n_bytes = sizeof *image + image->n_name_bytes + rm__image_padding(image->n_name_bytes);

    freezing->n_series_left = image->n_series;
    freezing->metrics_left =
        rm_slice_make(freezing->metrics_left.data + n_bytes, freezing->metrics_left.len - n_bytes);
    return rm_buffer_append(&freezing->index, image, n_bytes);
}

/* What has come to the index; what is in it does not change any more. */
static void hash_index(struct rm_freezing *freezing)
{
    size_t done = sizeof freezing->header + freezing->n_hashed;

    rm__state_hasher_add(freezing->hasher,
                         rm_slice_make(freezing->index.data + done, freezing->index.len - done));
    freezing->n_hashed += freezing->index.len - done;
}

static int gather_some(struct rm_freezing *freezing, size_t n_steps, bool *ret_is_done)
{
    int rv = 0;

    *ret_is_done = false;
    while (rv == 0 && n_steps > 0 && !*ret_is_done) {
        if (freezing->current.series != NULL) {
            rv = gather_chunks(freezing, &n_steps);
            if (rv == 0 && n_steps > 0) {
                end_series(freezing);
            }
            continue;
        }
        n_steps--;
        if (freezing->n_series_left > 0) {
            rv = begin_series(freezing);
        } else if (freezing->metrics_left.len > 0) {
            rv = begin_metric(freezing);
        } else {
            *ret_is_done = true;
        }
    }
    hash_index(freezing);
    return rv;
}

/* Now nothing moves any more. */
static void finish_pieces(struct rm_freezing *freezing)
{
    struct rm_slice *pieces = (struct rm_slice *)(void *)freezing->pieces.data;
    const char *small = freezing->small.data;

    freezing->image.pieces = pieces;
    freezing->image.n_pieces = freezing->pieces.len / sizeof *pieces;
    freezing->image.n_bytes += freezing->index.len;
    pieces[0] = rm_buffer_peek(&freezing->index);
    for (size_t i = 1; i < freezing->image.n_pieces; i++) {
        if (pieces[i].data == NULL) {
            pieces[i].data = small;
            small += pieces[i].len;
        }
    }
}

static void finish_header(struct rm_freezing *freezing)
{
    struct rm_store_image_header *header = &freezing->header;

    header->n_bytes = freezing->image.n_bytes;
    header->n_index_bytes = freezing->n_hashed;
    header->index_hash =
        rm__store_image_index_hash(header, rm__state_hasher_hash(freezing->hasher));
    memcpy(freezing->index.data, header, sizeof *header);
}

static int gather(struct rm_image *image, size_t n_steps, bool *ret_is_whole)
{
    struct rm_freezing *freezing = (struct rm_freezing *)(void *)image;
    bool is_done;
    int rv;

    *ret_is_whole = freezing->is_whole;
    if (freezing->store == NULL) {
        return freezing->is_whole ? 0 : RM_ENOMEM;
    }
    rv = gather_some(freezing, n_steps, &is_done);
    if (rv == 0 && is_done) {
        finish_pieces(freezing);
        finish_header(freezing);
        freezing->is_whole = true;
    }
    if (rv != 0 || is_done) {
        detach(freezing);
    }
    *ret_is_whole = freezing->is_whole;
    return rv == 0 ? 0 : RM_ENOMEM;
}

void rm__freezing_finish(struct rm_freezing *freezing)
{
    bool is_whole = freezing == NULL;
    int rv = 0;

    /* What fails is told to who gathers the image next. */
    while (rv == 0 && !is_whole) {
        rv = gather(&freezing->image, SIZE_MAX, &is_whole);
    }
}

/* ---- the beginning ---- */

/* So many metrics ahead memory is asked for those that come, and half as many ahead for the lists
 * of their series. */
static void prefetch_metric(const struct rm_vector *metrics, uint32_t i)
{
    if (i + N_AHEAD < metrics->n) {
        const char *next = metrics->items[i + N_AHEAD];

        __builtin_prefetch(next);
        __builtin_prefetch(next + 64);
        __builtin_prefetch(next + 128);
    }
    if (i + N_AHEAD / 2 < metrics->n) {
        __builtin_prefetch(
            ((const struct rm_metric *)metrics->items[i + N_AHEAD / 2])->series.items);
    }
}

static int list_metric(struct rm_freezing *freezing, const struct rm_metric *metric)
{
    const struct rm_store_image_metric image = {
        .n_name_bytes = (uint32_t)metric->name.len,
        .n_series = metric->series.n,
        .n_observations = metric->n_samples,
        .n_gone = metric->n_gone,
        .n_born = metric->n_born,
        .bounds = metric->bounds == NULL ? 0 : metric->bounds->number};
    int rv = rm_buffer_reserve(&freezing->metrics, sizeof image + metric->name.len + 8);
    char *to;

    if (rv != 0) {
        return rv;
    }
    to = freezing->metrics.data + freezing->metrics.len;
    to = rm__image_put(to, &image, sizeof image);
    to = rm__image_put(to, metric->name.data, metric->name.len);
    freezing->metrics.len = (size_t)(to - freezing->metrics.data);
    return rm_buffer_append(&freezing->series, metric->series.items,
                            metric->series.n * sizeof *metric->series.items);
}

/* What takes most of a large image is rather not moved as it grows. Most of the room is address
 * space only, for as long as nothing is written there. */
static int make_room(struct rm_freezing *freezing, const struct rm_store *store)
{
    int rv =
        rm_buffer_reserve(&freezing->series, store->series.n_items * sizeof(struct rm_series *));

    if (rv == 0) {
        rv = rm_buffer_reserve(&freezing->index, store->n_bytes / 2);
    }
    return rv != 0 ? rv : rm_buffer_reserve(&freezing->small, store->n_bytes / 2);
}

static int list_all(struct rm_freezing *freezing, struct rm_store *store)
{
    const struct rm_vector *metrics = &store->arrivals;
    int rv = rm_buffer_append(&freezing->index, &freezing->header, sizeof freezing->header);

    if (rv == 0) {
        rv = add_piece(freezing, rm_slice_make(NULL, 0));
    }
    if (rv == 0) {
        rv = rm__retention_freeze(&store->retention, &freezing->index);
    }
    if (rv == 0) {
        rv = rm__bucket_table_freeze(&store->bounds, &freezing->index);
    }
    if (rv == 0) {
        rv = make_room(freezing, store);
    }
    for (uint32_t i = 0; i < metrics->n && rv == 0; i++) {
        prefetch_metric(metrics, i);
        rv = list_metric(freezing, metrics->items[i]);
    }
    freezing->metrics_left = rm_buffer_peek(&freezing->metrics);
    return rv;
}

static struct rm_freezing *freezing_new(void)
{
    struct rm_freezing *freezing = calloc(1, sizeof *freezing);

    if (freezing == NULL) {
        return NULL;
    }
    freezing->hasher = rm__state_hasher_new();
    if (freezing->hasher == NULL) {
        free(freezing);
        return NULL;
    }
    freezing->image.gather = gather;
    freezing->image.release = release;
    rm_buffer_init(&freezing->metrics, SIZE_MAX);
    rm_buffer_init(&freezing->series, SIZE_MAX);
    rm_buffer_init(&freezing->index, SIZE_MAX);
    rm_buffer_init(&freezing->small, SIZE_MAX);
    rm_buffer_init(&freezing->pieces, SIZE_MAX);
    rm_buffer_init(&freezing->chunks, SIZE_MAX);
    return freezing;
}

struct rm_image *rm_store_freeze(struct rm_store *store)
{
    struct rm_freezing *freezing = freezing_new();

    if (freezing == NULL) {
        return NULL;
    }
    rm__freezing_finish(store->freezing);
    freezing->store = store;
    store->freezing = freezing;
    store->n_freezes++;
    if (list_all(freezing, store) != 0) {
        release(&freezing->image);
        return NULL;
    }
    freezing->header = (struct rm_store_image_header){.version = RM_STORE_IMAGE_VERSION,
                                                      .n_bounds = store->bounds.known.n,
                                                      .n_rules = (uint32_t)store->bounds.n_rules,
                                                      .n_metrics = store->metrics.n_items,
                                                      .n_series = store->series.n_items,
                                                      .n_observations = store->n_samples,
                                                      .state_hash = rm_store_hash(store)};
    return &freezing->image;
}
