/* rm_store_restore: builds the tables, the series and what is known of their chunks; looks at every
 * byte once, and leaves observations where they are. */
#include <math.h>
#include <stdlib.h>

#include "codec.h"
#include "image_bytes.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/timestamp.h"
#include "raftmetrics/metrics/name.h"
#include "series_drop.h"
#include "store_image.h"
#include "store_internal.h"

/* So many series are read before the first of them is added to the store: by then memory has
 * brought its place there. */
enum { N_MADE = 16 };

struct restorer {
    struct rm_store *store;
    struct rm_blob *blob;
    bool is_hashed;                 /* blocks are believed where their hash is right */
    struct rm_slice index;          /* what is left of it */
    struct rm_slice observations;   /* and of them */
    uint64_t n_observations;        /* as many are left */
    struct rm_buffer labels;        /* of struct rm_label, those of one series */
    struct rm_vector bounds;        /* of struct rm_shared_bounds, as the image numbers them */
    struct rm_buffer seen;          /* ordinals of one metric that were looked at, not hashed */
    uint64_t n_past;                /* observations of it that were dropped of series there are */
    uint64_t last_number;           /* of its series that were read */
    struct rm_series *made[N_MADE]; /* not in the store yet; a ring, owned */
    uint64_t n_made;                /* of all that were made */
    uint64_t n_added;               /* of these, to the store */
};

/* A series, as far as it was read. */
struct progress {
    struct rm_series *series;
    uint64_t n_observations;
    uint64_t first_ordinal; /* the smallest that was looked at */
    struct rm_observation last;
};

/* ---- chunks ---- */

static int compare_ordinals(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return (*left > *right) - (*left < *right);
}

/* Does no ordinal that was seen come twice? Forgets them. */
static bool are_ordinals_distinct(struct rm_buffer *seen)
{
    uint64_t *ordinals = (uint64_t *)(void *)seen->data;
    size_t n = seen->len / sizeof *ordinals;
    bool are_distinct = true;

    if (n > 1) {
        qsort(ordinals, n, sizeof *ordinals, compare_ordinals);
    }
    for (size_t i = 1; i < n; i++) {
        are_distinct = are_distinct && ordinals[i] != ordinals[i - 1];
    }
    seen->len = 0;
    return are_distinct;
}

/* Errors: RM_ENOMEM. */
static int see_ordinals(struct restorer *restorer, const struct rm_observation *observations,
                        uint32_t n)
{
    int rv = 0;

    for (uint32_t i = 0; i < n && rv == 0 && !restorer->is_hashed; i++) {
        rv = rm_buffer_append(&restorer->seen, &observations[i].position.ordinal,
                              sizeof observations[i].position.ordinal);
    }
    return rv;
}

/* So far ahead that memory has brought them when they are looked at; measured. */
enum { N_AHEAD = 64 };

/* Positions ascend from progress->last on, ordinals are those of the metric, values are finite. */
static bool are_observations_valid(struct progress *progress,
                                   const struct rm_observation *observations, uint32_t n)
{
    uint64_t n_ordinals = rm__metric_next_ordinal(progress->series->metric);
    uint64_t first_ordinal = progress->first_ordinal;
    struct rm_position last = progress->last.position;

    for (uint32_t i = 0; i < n; i++) {
        struct rm_position position = observations[i].position;

        __builtin_prefetch((const char *)&observations[i] + N_AHEAD * sizeof *observations);
        if (!rm__position_is_before(last, position) || !isfinite(observations[i].value) ||
            position.ordinal >= n_ordinals) {
            return false;
        }
        first_ordinal = position.ordinal < first_ordinal ? position.ordinal : first_ordinal;
        last = position;
    }
    progress->first_ordinal = first_ordinal;
    progress->last = observations[n - 1];
    return last.timestamp_ms <= RM_TIMESTAMP_MAX_MS;
}

/* Adds that of something of @series. */
static void add_hash(struct restorer *restorer, struct rm_series *series, uint64_t hash)
{
    series->metric->state_hash += hash;
    restorer->store->state_hash += hash;
}

/* Errors of these: RM_ECORRUPT, RM_ENOMEM. */
static int take_open(struct restorer *restorer, struct progress *progress,
                     const struct rm_store_image_chunk *image, struct rm_chunk **ret_chunk)
{
    const struct rm_observation *observations =
        rm__image_take(&restorer->observations, image->n, sizeof *observations);
    struct rm_series *series = progress->series;

    if (observations == NULL || image->hash != 0 ||
        image->n_bytes != image->n * sizeof *observations ||
        !are_observations_valid(progress, observations, image->n)) {
        return RM_ECORRUPT;
    }
    if (see_ordinals(restorer, observations, image->n) != 0) {
        return RM_ENOMEM;
    }
    add_hash(restorer, series,
             rm__state_hash_observations(series->identity, observations, image->n));
    *ret_chunk = rm__chunk_adopt(restorer->blob, observations, image->n);
    return *ret_chunk == NULL ? RM_ENOMEM : 0;
}

/* Does @block say what its observations do? */
static int check_block(struct restorer *restorer, struct progress *progress,
                       const struct rm_chunk_block *block)
{
    struct rm_chunk_window window;
    struct rm_chunk_block truth;

    if (rm__codec_decode(rm__chunk_block_bytes(block), block->n, window.observations) != 0 ||
        !are_observations_valid(progress, window.observations, block->n)) {
        return RM_ECORRUPT;
    }
    truth = rm__chunk_block_describe(window.observations, block->n, progress->series->identity);
    truth.n_bytes = block->n_bytes;
    return memcmp(&truth, block, sizeof truth) == 0
               ? see_ordinals(restorer, window.observations, block->n)
               : RM_ECORRUPT;
}

static int check_seal(struct restorer *restorer, struct progress *progress,
                      const struct rm_store_image_chunk *image, const struct rm_chunk_block *block,
                      const struct rm_chunk_seal *seal)
{
    if (restorer->is_hashed) {
        return seal->hash == image->hash ? 0 : RM_ECORRUPT;
    }
    return check_block(restorer, progress, block);
}

static int take_sealed(struct restorer *restorer, struct progress *progress,
                       const struct rm_store_image_chunk *image, struct rm_chunk **ret_chunk)
{
    const struct rm_chunk_block *block = rm__image_take(&restorer->observations, image->n_bytes, 1);
    struct rm_chunk_seal seal = {.n_block_bytes = image->n_bytes};
    int rv;

    if (block == NULL || !rm__chunk_block_fills(block, image->n_bytes) || block->n != image->n) {
        return RM_ECORRUPT;
    }
    seal.hash = rm__state_hash_bytes(rm_slice_make(block, image->n_bytes), 0);
    rv = check_seal(restorer, progress, image, block, &seal);
    if (rv != 0) {
        return rv;
    }
    progress->last = block->last;
    add_hash(restorer, progress->series, block->state_hash);
    *ret_chunk = rm__chunk_adopt_block(restorer->blob, block, &seal);
    return *ret_chunk == NULL ? RM_ENOMEM : 0;
}

static int add_chunk(struct restorer *restorer, struct progress *progress,
                     const struct rm_store_image_chunk *image)
{
    struct rm_chunk *chunk;
    int rv;

    if (image->n == 0 || image->n > RM_CHUNK_MAX || image->is_sealed > 1 ||
        image->n_bytes % 8 != 0) {
        return RM_ECORRUPT;
    }
    rv = image->is_sealed ? take_sealed(restorer, progress, image, &chunk)
                          : take_open(restorer, progress, image, &chunk);
    if (rv != 0) {
        return rv;
    }
    progress->n_observations += image->n;
    rv = rm__series_append_chunk(progress->series, chunk);
    if (rv != 0) {
        rm__chunk_unref(chunk);
    }
    return rv;
}

/* Of all chunks the last is open, and of the others one at most. */
static bool are_chunks_closed(const struct rm_store_image_chunk *images, uint32_t n)
{
    uint32_t n_late = 0;

    for (uint32_t i = 0; i + 1 < n; i++) {
        n_late += !images[i].is_sealed;
    }
    return n_late <= 1 && !images[n - 1].is_sealed;
}

static int add_chunks(struct restorer *restorer, struct progress *progress, uint32_t n_chunks)
{
    const struct rm_store_image_chunk *images =
        rm__image_take(&restorer->index, n_chunks, sizeof *images);
    int rv = 0;

    if (images == NULL || n_chunks == 0 || !are_chunks_closed(images, n_chunks)) {
        return RM_ECORRUPT;
    }
    for (uint32_t i = 0; i < n_chunks && rv == 0; i++) {
        rv = add_chunk(restorer, progress, &images[i]);
    }
    return rv;
}

/* ---- series ---- */

/* The labels in @bytes, into restorer->labels. */
static bool cut_labels(struct restorer *restorer, const struct rm_store_image_label *sizes,
                       uint32_t n_labels, struct rm_slice bytes)
{
    struct rm_label *labels = (struct rm_label *)(void *)restorer->labels.data;
    const char *at = bytes.data;

    for (uint32_t i = 0; i < n_labels; i++) {
        labels[i].name = rm_slice_make(at, sizes[i].n_name_bytes);
        at += sizes[i].n_name_bytes;
        labels[i].value = rm_slice_make(at, sizes[i].n_value_bytes);
        at += sizes[i].n_value_bytes;
    }
    return rm_labels_are_canonical(labels, n_labels);
}

static int read_labels(struct restorer *restorer, uint32_t n_labels)
{
    const struct rm_store_image_label *sizes =
        rm__image_take(&restorer->index, n_labels, sizeof *sizes);
    struct rm_slice bytes;
    uint64_t n_bytes = 0;
    int rv;

    if (sizes == NULL) {
        return RM_ECORRUPT;
    }
    for (uint32_t i = 0; i < n_labels; i++) {
        n_bytes += (uint64_t)sizes[i].n_name_bytes + sizes[i].n_value_bytes;
    }
    if (!rm__image_take_bytes(&restorer->index, n_bytes, &bytes)) {
        return RM_ECORRUPT;
    }
    rv = rm_buffer_reserve(&restorer->labels, n_labels * sizeof(struct rm_label));
    if (rv != 0) {
        return rv;
    }
    return cut_labels(restorer, sizes, n_labels, bytes) ? 0 : RM_ECORRUPT;
}

static int add_distribution(struct restorer *restorer, const struct progress *progress,
                            struct rm_slice bytes)
{
    struct rm_series *series = progress->series;
    struct rm_distribution distribution;
    int rv = rm__distribution_read(bytes, rm__shared_bounds_peek(series->metric->bounds),
                                   progress->n_observations, &distribution);

    if (rv != 0) {
        return rv;
    }
    if (distribution.n_dropped > series->metric->n_gone - restorer->n_past) {
        rm__distribution_done(&distribution);
        return RM_ECORRUPT;
    }
    rv = rm__series_set_distribution(series, &distribution);
    if (rv != 0) {
        rm__distribution_done(&distribution);
        return rv;
    }
    restorer->n_past += distribution.n_dropped;
    add_hash(restorer, series, rm__series_past_hash(series));
    return 0;
}

/* Everything of a series that is in the store, behind its labels. */
static int fill_series(struct restorer *restorer, const struct rm_store_image_series *image,
                       struct progress *progress)
{
    struct rm_slice distribution;
    int rv;

    if (image->n_distribution_bytes % 8 != 0 ||
        !rm__image_take_bytes(&restorer->index, image->n_distribution_bytes, &distribution) ||
        (distribution.len == 0 && image->n_chunks > 1)) {
        return RM_ECORRUPT;
    }
    rv = add_chunks(restorer, progress, image->n_chunks);
    return rv != 0 || distribution.len == 0 ? rv
                                            : add_distribution(restorer, progress, distribution);
}

/* Adds the series that was made first of those that are not in the store. */
static int add_made(struct restorer *restorer)
{
    int rv = rm__store_add_series(restorer->store, restorer->made[restorer->n_added % N_MADE]);

    if (rv != 0) {
        return rv == RM_EEXIST ? RM_ECORRUPT : rv;
    }
    restorer->n_added++;
    return 0;
}

static int add_all_made(struct restorer *restorer)
{
    int rv = 0;

    while (restorer->n_added < restorer->n_made && rv == 0) {
        rv = add_made(restorer);
    }
    return rv;
}

static void free_made(struct restorer *restorer)
{
    for (; restorer->n_added < restorer->n_made; restorer->n_added++) {
        rm__series_free(restorer->made[restorer->n_added % N_MADE]);
    }
}

/* Numbers ascend, up to the last that the metric gave. */
static bool take_number(struct restorer *restorer, const struct rm_metric *metric, uint64_t number)
{
    if (number <= restorer->last_number || number > metric->n_born) {
        return false;
    }
    restorer->last_number = number;
    return true;
}

/* A series without observations, which is added to the store in its turn. */
static int make_series(struct restorer *restorer, struct rm_metric *metric,
                       const struct rm_store_image_series *image, struct rm_series **ret_series)
{
    uint32_t n_labels = image->n_labels;
    struct rm_series *series;
    int rv;

    if (!take_number(restorer, metric, image->number)) {
        return RM_ECORRUPT;
    }
    rv = read_labels(restorer, n_labels);
    if (rv == 0 && restorer->n_made - restorer->n_added == N_MADE) {
        rv = add_made(restorer);
    }
    if (rv != 0) {
        return rv;
    }
    series = rm__store_new_series(restorer->store, metric,
                                  (const struct rm_label *)(const void *)restorer->labels.data,
                                  n_labels);
    if (series == NULL) {
        return RM_ENOMEM;
    }
    restorer->made[restorer->n_made++ % N_MADE] = series;
    series->number = image->number;
    add_hash(restorer, series, rm__series_number_hash(series));
    *ret_series = series;
    return 0;
}

static int read_series(struct restorer *restorer, struct rm_metric *metric,
                       struct progress *ret_progress)
{
    const struct rm_store_image_series *image = rm__image_take(&restorer->index, 1, sizeof *image);
    struct progress progress = {.first_ordinal = UINT64_MAX,
                                .last = {.position = {RM_TIMESTAMP_MIN_MS - 1, UINT64_MAX}}};
    int rv;

    if (image == NULL) {
        return RM_ECORRUPT;
    }
    rv = make_series(restorer, metric, image, &progress.series);
    if (rv == 0) {
        rv = fill_series(restorer, image, &progress);
    }
    *ret_progress = progress;
    return rv;
}

/* ---- metrics ---- */

static bool has_past(const struct rm_series *series)
{
    return series->distribution != NULL && series->distribution->n_dropped > 0;
}

/* Series were created in the order of their first ordinals, as far as these were not dropped. */
static int read_all_series(struct restorer *restorer, struct rm_metric *metric, uint32_t n_series)
{
    uint64_t n_observations = 0;
    uint64_t first_ordinal = 0;

    for (uint32_t i = 0; i < n_series; i++) {
        struct progress progress;
        int rv = read_series(restorer, metric, &progress);

        if (rv != 0) {
            return rv;
        }
        if (!restorer->is_hashed && progress.first_ordinal < first_ordinal) {
            return RM_ECORRUPT;
        }
        first_ordinal = has_past(progress.series) ? first_ordinal : progress.first_ordinal;
        n_observations += progress.n_observations;
        if (i == 0 || rm__position_is_before(metric->newest.position, progress.last.position)) {
            metric->newest = progress.last;
        }
    }
    return n_observations == metric->n_samples && are_ordinals_distinct(&restorer->seen)
               ? 0
               : RM_ECORRUPT;
}

/* More are never recorded, and so ordinals and numbers go on. */
#define GONE_MAX (UINT64_C(1) << 62)

static int add_metric(struct restorer *restorer)
{
    const struct rm_store_image_metric *image = rm__image_take(&restorer->index, 1, sizeof *image);
    struct rm_store *store = restorer->store;
    struct rm_shared_bounds *bounds;
    struct rm_metric *metric;
    struct rm_slice name;
    int rv;

    if (image == NULL || !rm__image_take_bytes(&restorer->index, image->n_name_bytes, &name) ||
        !rm_metric_name_is_valid(name) || image->n_observations == 0 ||
        image->n_observations > restorer->n_observations || image->n_gone > GONE_MAX ||
        image->n_born > image->n_observations + image->n_gone ||
        !rm__numbered_bounds_find(&restorer->bounds, image->bounds, &bounds)) {
        return RM_ECORRUPT;
    }
    rv = rm__store_make_metric(store, name, bounds, &metric);
    if (rv != 0) {
        return rv == RM_EEXIST ? RM_ECORRUPT : rv;
    }
    restorer->n_observations -= image->n_observations;
    metric->n_samples = image->n_observations;
    rm__metric_add_gone(metric, image->n_gone, &store->state_hash);
    rm__metric_add_born(metric, image->n_born, &store->state_hash);
    restorer->n_past = 0;
    restorer->last_number = 0;
    rv = read_all_series(restorer, metric, image->n_series);
    store->n_samples += metric->n_samples;
    return rv;
}

/* ---- the image ---- */

/* No more than so many can lie in @n_bytes. */
static uint64_t observations_max(uint64_t n_bytes)
{
    return (n_bytes / sizeof(struct rm_chunk_block) + 1) * RM_CHUNK_MAX;
}

/* The header of an image that is as long as its parts; NULL where there is none. */
static const struct rm_store_image_header *peek_header(struct rm_slice bytes)
{
    const struct rm_store_image_header *header = rm__image_take(&bytes, 1, sizeof *header);

    assert((uintptr_t)bytes.data % 8 == 0);
    if (header == NULL || header->version != RM_STORE_IMAGE_VERSION || header->zero != 0 ||
        header->n_bytes % 8 != 0 || header->n_bytes < sizeof *header ||
        header->n_bytes - sizeof *header > bytes.len || header->n_index_bytes % 8 != 0 ||
        header->n_index_bytes > header->n_bytes - sizeof *header ||
        header->n_observations > observations_max(header->n_bytes) ||
        header->n_metrics > header->n_index_bytes / sizeof(struct rm_store_image_metric) ||
        header->n_series > header->n_index_bytes / sizeof(struct rm_store_image_series)) {
        return NULL;
    }
    return header;
}

static struct rm_slice index_of(const struct rm_store_image_header *header)
{
    return rm_slice_make(header + 1, header->n_index_bytes);
}

static int allocate(struct restorer *restorer, const struct rm_store_image_header *header,
                    uint64_t hash_seed)
{
    restorer->store = rm_store_new(hash_seed);
    if (restorer->store == NULL ||
        rm__table_reserve(&restorer->store->metrics, header->n_metrics) != 0 ||
        rm__table_reserve(&restorer->store->series, header->n_series) != 0) {
        return RM_ENOMEM;
    }
    return 0;
}

static int add_metrics(struct restorer *restorer, const struct rm_store_image_header *header)
{
    int rv = rm__retention_restore(&restorer->index, &restorer->store->retention);

    if (rv == 0) {
        rv = rm__bucket_table_restore(&restorer->store->bounds, &restorer->index, header->n_bounds,
                                      header->n_rules, &restorer->bounds);
    }
    for (uint64_t i = 0; i < header->n_metrics && rv == 0; i++) {
        rv = add_metric(restorer);
    }
    if (rv == 0) {
        rv = add_all_made(restorer);
    }
    rm__numbered_bounds_done(&restorer->bounds);
    if (rv != 0) {
        return rv;
    }
    return restorer->index.len == 0 && restorer->observations.len == 0 &&
                   restorer->n_observations == 0 &&
                   restorer->store->series.n_items == header->n_series
               ? 0
               : RM_ECORRUPT;
}

static int restore(struct rm_blob *blob, const struct rm_store_image_header *header, bool is_hashed,
                   uint64_t hash_seed, struct rm_store **ret_store)
{
    struct rm_slice index = index_of(header);
    struct restorer restorer = {
        .blob = blob,
        .is_hashed = is_hashed,
        .index = index,
        .observations = rm_slice_make(index.data + index.len,
                                      header->n_bytes - sizeof *header - header->n_index_bytes),
        .n_observations = header->n_observations};
    int rv;

    rm_buffer_init(&restorer.labels, SIZE_MAX);
    rm_buffer_init(&restorer.seen, SIZE_MAX);
    rv = allocate(&restorer, header, hash_seed);
    if (rv == 0) {
        rv = add_metrics(&restorer, header);
    }
    free_made(&restorer);
    rm_buffer_done(&restorer.seen);
    rm_buffer_done(&restorer.labels);
    if (rv != 0) {
        rm_store_free(restorer.store);
        return rv;
    }
    *ret_store = restorer.store;
    return 0;
}

static void move_behind(struct rm_slice *bytes, const struct rm_store_image_header *header)
{
    *bytes = rm_slice_make(bytes->data + header->n_bytes, bytes->len - header->n_bytes);
}

int rm__store_restore_unhashed(struct rm_blob *blob, struct rm_slice *bytes, uint64_t hash_seed,
                               struct rm_store **ret_store)
{
    const struct rm_store_image_header *header = peek_header(*bytes);
    int rv;

    if (header == NULL) {
        return RM_ECORRUPT;
    }
    rv = restore(blob, header, false, hash_seed, ret_store);
    if (rv == 0) {
        move_behind(bytes, header);
    }
    return rv;
}

int rm_store_restore(struct rm_blob *blob, struct rm_slice *bytes, uint64_t hash_seed,
                     struct rm_store **ret_store)
{
    const struct rm_store_image_header *header = peek_header(*bytes);
    struct rm_store *store;
    int rv;

    if (header == NULL ||
        header->index_hash !=
            rm__store_image_index_hash(header, rm__state_hash_bytes(index_of(header), 0))) {
        return RM_ECORRUPT;
    }
    rv = restore(blob, header, true, hash_seed, &store);
    if (rv != 0) {
        return rv;
    }
    if (rm_store_hash(store) != header->state_hash) {
        rm_store_free(store);
        return RM_ECORRUPT;
    }
    move_behind(bytes, header);
    *ret_store = store;
    return 0;
}
