/* rm_store_restore: builds the tables, the series and what is known of their chunks; looks at every
 * observation once, and leaves it where it is. */
#include <math.h>
#include <stdlib.h>

#include "image_bytes.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/timestamp.h"
#include "raftmetrics/metrics/name.h"
#include "store_image.h"
#include "store_internal.h"

struct restorer {
    struct rm_store *store;
    struct rm_blob *blob;
    struct rm_slice index;        /* what is left of it */
    struct rm_slice observations; /* and of them */
    struct rm_buffer labels;      /* of struct rm_label, those of one series */
    struct rm_vector bounds;      /* of struct rm_shared_bounds, as the image numbers them */
    uint64_t *seen;               /* one bit for each ordinal of one metric */
};

/* A series, as far as it was read. */
struct progress {
    struct rm_series *series;
    uint64_t n_observations;
    uint64_t first_ordinal; /* the smallest */
    struct rm_observation last;
};

/* ---- chunks ---- */

/* Finite, too. */
static bool is_within(double value, double bound)
{
    return fabs(value) <= bound;
}

/* What the sums and moments of RM_CHUNK_MAX doubles cannot pass. Whether they are those of just
 * these doubles would take as long to find out as recording them. */
static bool is_summary_valid(const struct rm_store_image_chunk *image)
{
    return image->moments_scale <= RM_MOMENTS_LARGE && is_within(image->small_high, 0x1p521) &&
           is_within(image->small_low, fabs(image->small_high)) &&
           is_within(image->large_high, 0x1p969) &&
           is_within(image->large_low, fabs(image->large_high)) && isfinite(image->min) &&
           isfinite(image->max) && image->min <= image->max &&
           is_within(image->moments_mean, 0x1p425) && is_within(image->moments_m2, 0x1p880) &&
           image->moments_m2 >= 0;
}

static struct rm_summary summary_of(const struct rm_store_image_chunk *image,
                                    const struct rm_observation *observations)
{
    return (struct rm_summary){
        .count = image->n,
        .sum = {{image->small_high, image->small_low}, {image->large_high, image->large_low}},
        .min = image->min,
        .max = image->max,
        .first = observations[0],
        .last = observations[image->n - 1],
        .moments = {image->moments_mean, image->moments_m2,
                    (enum rm_moments_scale)image->moments_scale}};
}

/* Notes an ordinal; false where it was noted before. */
static bool see(uint64_t *seen, uint64_t ordinal)
{
    uint64_t bit = UINT64_C(1) << (ordinal % 64);
    bool is_new = (seen[ordinal / 64] & bit) == 0;

    seen[ordinal / 64] |= bit;
    return is_new;
}

/* So far ahead that memory has brought them when they are looked at; measured. */
enum { N_AHEAD = 64 };

/* Positions ascend from progress->last on, ordinals are those of the metric and none comes twice,
 * values are finite. */
static bool are_observations_valid(const struct restorer *restorer, struct progress *progress,
                                   const struct rm_observation *observations, uint32_t n)
{
    uint64_t n_ordinals = progress->series->metric->n_samples;
    uint64_t first_ordinal = progress->first_ordinal;
    struct rm_position last = progress->last.position;

    for (uint32_t i = 0; i < n; i++) {
        struct rm_position position = observations[i].position;

        __builtin_prefetch((const char *)&observations[i] + N_AHEAD * sizeof *observations);
        if (!rm__position_is_before(last, position) || !isfinite(observations[i].value) ||
            position.ordinal >= n_ordinals || !see(restorer->seen, position.ordinal)) {
            return false;
        }
        first_ordinal = position.ordinal < first_ordinal ? position.ordinal : first_ordinal;
        last = position;
    }
    progress->first_ordinal = first_ordinal;
    progress->last = observations[n - 1];
    return last.timestamp_ms <= RM_TIMESTAMP_MAX_MS;
}

static int add_chunk(struct restorer *restorer, struct progress *progress,
                     const struct rm_store_image_chunk *image)
{
    struct rm_series *series = progress->series;
    const struct rm_observation *observations;
    struct rm_summary summary;
    struct rm_chunk *chunk;
    uint64_t hash;
    int rv;

    if (image->n == 0 || image->n > RM_CHUNK_MAX || !is_summary_valid(image)) {
        return RM_ECORRUPT;
    }
    observations = rm__image_take(&restorer->observations, image->n, sizeof *observations);
    if (observations == NULL ||
        !are_observations_valid(restorer, progress, observations, image->n)) {
        return RM_ECORRUPT;
    }
    progress->n_observations += image->n;
    hash = rm__state_hash_observations(series->identity, observations, image->n);
    series->metric->state_hash += hash;
    restorer->store->state_hash += hash;
    summary = summary_of(image, observations);
    chunk = rm__chunk_adopt(restorer->blob, observations, image->n, &summary);
    if (chunk == NULL) {
        return RM_ENOMEM;
    }
    rv = rm__series_insert_chunk(series, series->chunks.n, chunk);
    if (rv != 0) {
        rm__chunk_unref(chunk);
    }
    return rv;
}

static int add_chunks(struct restorer *restorer, struct progress *progress, uint32_t n_chunks)
{
    const struct rm_store_image_chunk *images =
        rm__image_take(&restorer->index, n_chunks, sizeof *images);
    int rv = 0;

    if (images == NULL || n_chunks == 0) {
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

static int read_counts(struct restorer *restorer, const struct rm_store_image_series *image,
                       size_t n_buckets, struct rm_histogram *ret_borrowed)
{
    const uint64_t *counts = rm__image_take(&restorer->index, image->n_counts, sizeof *counts);

    if (counts == NULL || image->n_counts == 0 || image->n_counts > n_buckets ||
        image->first_bucket > n_buckets - image->n_counts) {
        return RM_ECORRUPT;
    }
    *ret_borrowed = (struct rm_histogram){.counts = (uint64_t *)counts,
                                          .first_bucket = image->first_bucket,
                                          .n_counts = image->n_counts};
    return 0;
}

static bool is_count_of(const struct rm_histogram *histogram, uint64_t n_observations)
{
    for (uint32_t i = 0; i < histogram->n_counts; i++) {
        if (histogram->counts[i] > n_observations) {
            return false;
        }
        n_observations -= histogram->counts[i];
    }
    return n_observations == 0;
}

/* Everything of a series that is in the store, behind its labels. */
static int fill_series(struct restorer *restorer, const struct rm_store_image_series *image,
                       struct progress *progress)
{
    struct rm_histogram histogram;
    size_t n_bounds = rm__shared_bounds_peek(progress->series->metric->bounds).n;
    int rv = read_counts(restorer, image, n_bounds + 1, &histogram);

    if (rv == 0) {
        rv = add_chunks(restorer, progress, image->n_chunks);
    }
    if (rv != 0) {
        return rv;
    }
    return is_count_of(&histogram, progress->n_observations)
               ? rm__series_add_counts(progress->series, &histogram)
               : RM_ECORRUPT;
}

static int add_series(struct restorer *restorer, struct rm_metric *metric,
                      struct progress *ret_progress)
{
    const struct rm_store_image_series *image = rm__image_take(&restorer->index, 1, sizeof *image);
    struct progress progress = {.first_ordinal = UINT64_MAX,
                                .last = {.position = {RM_TIMESTAMP_MIN_MS - 1, UINT64_MAX}}};
    uint64_t n_bytes;
    int rv;

    if (image == NULL) {
        return RM_ECORRUPT;
    }
    rv = read_labels(restorer, image->n_labels);
    if (rv != 0) {
        return rv;
    }
    rv = rm__store_make_series(restorer->store, metric,
                               (const struct rm_label *)(const void *)restorer->labels.data,
                               image->n_labels, &progress.series);
    if (rv != 0) {
        return rv == RM_EEXIST ? RM_ECORRUPT : rv;
    }
    n_bytes = progress.series->n_bytes;
    rv = fill_series(restorer, image, &progress);
    restorer->store->n_bytes += progress.series->n_bytes - n_bytes;
    *ret_progress = progress;
    return rv;
}

/* ---- metrics ---- */

/* Series were created in the order of their first ordinals, and are merged in it. */
static int add_all_series(struct restorer *restorer, struct rm_metric *metric, uint32_t n_series)
{
    uint64_t n_observations = 0;
    uint64_t first_ordinal = 0;

    for (uint32_t i = 0; i < n_series; i++) {
        struct progress progress;
        int rv = add_series(restorer, metric, &progress);

        if (rv != 0) {
            return rv;
        }
        if (progress.first_ordinal < first_ordinal) {
            return RM_ECORRUPT;
        }
        first_ordinal = progress.first_ordinal;
        n_observations += progress.n_observations;
        if (i == 0 || rm__position_is_before(metric->newest.position, progress.last.position)) {
            metric->newest = progress.last;
        }
    }
    return n_observations == metric->n_samples ? 0 : RM_ECORRUPT;
}

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
        image->n_observations > restorer->observations.len / sizeof(struct rm_observation) ||
        !rm__numbered_bounds_find(&restorer->bounds, image->bounds, &bounds)) {
        return RM_ECORRUPT;
    }
    rv = rm__store_make_metric(store, name, bounds, &metric);
    if (rv != 0) {
        return rv == RM_EEXIST ? RM_ECORRUPT : rv;
    }
    metric->n_samples = image->n_observations;
    rv = add_all_series(restorer, metric, image->n_series);
    memset(restorer->seen, 0, (metric->n_samples / 64 + 1) * sizeof *restorer->seen);
    store->n_samples += metric->n_samples;
    return rv;
}

/* ---- the image ---- */

/* The header of an image that is as long as its parts; NULL where there is none. */
static const struct rm_store_image_header *peek_header(struct rm_slice bytes)
{
    const struct rm_store_image_header *header = rm__image_take(&bytes, 1, sizeof *header);

    assert((uintptr_t)bytes.data % 8 == 0);
    if (header == NULL || header->version != RM_STORE_IMAGE_VERSION || header->zero != 0 ||
        header->n_index_bytes % 8 != 0 || header->n_index_bytes > bytes.len ||
        header->n_observations >
            (bytes.len - header->n_index_bytes) / sizeof(struct rm_observation) ||
        header->n_bytes != sizeof *header + header->n_index_bytes +
                               header->n_observations * sizeof(struct rm_observation) ||
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
    restorer->seen = calloc(header->n_observations / 64 + 1, sizeof *restorer->seen);
    if (restorer->store == NULL || restorer->seen == NULL ||
        rm__table_reserve(&restorer->store->metrics, header->n_metrics) != 0 ||
        rm__table_reserve(&restorer->store->series, header->n_series) != 0) {
        return RM_ENOMEM;
    }
    return 0;
}

static int add_metrics(struct restorer *restorer, const struct rm_store_image_header *header)
{
    int rv = rm__bucket_table_restore(&restorer->store->bounds, &restorer->index, header->n_bounds,
                                      header->n_rules, &restorer->bounds);

    for (uint64_t i = 0; i < header->n_metrics && rv == 0; i++) {
        rv = add_metric(restorer);
    }
    rm__numbered_bounds_done(&restorer->bounds);
    if (rv != 0) {
        return rv;
    }
    return restorer->index.len == 0 && restorer->observations.len == 0 &&
                   restorer->store->series.n_items == header->n_series
               ? 0
               : RM_ECORRUPT;
}

static int restore(struct rm_blob *blob, const struct rm_store_image_header *header,
                   uint64_t hash_seed, struct rm_store **ret_store)
{
    struct rm_slice index = index_of(header);
    struct restorer restorer = {
        .blob = blob,
        .index = index,
        .observations = rm_slice_make(index.data + index.len,
                                      header->n_observations * sizeof(struct rm_observation))};
    int rv;

    rm_buffer_init(&restorer.labels, SIZE_MAX);
    rv = allocate(&restorer, header, hash_seed);
    if (rv == 0) {
        rv = add_metrics(&restorer, header);
    }
    free(restorer.seen);
    rm_buffer_done(&restorer.labels);
    if (rv != 0) {
        rm_store_free(restorer.store);
        return rv;
    }
    *ret_store = restorer.store;
    return 0;
}

int rm__store_restore_unhashed(struct rm_blob *blob, struct rm_slice *bytes, uint64_t hash_seed,
                               struct rm_store **ret_store)
{
    const struct rm_store_image_header *header = peek_header(*bytes);
    int rv;

    if (header == NULL) {
        return RM_ECORRUPT;
    }
    rv = restore(blob, header, hash_seed, ret_store);
    if (rv == 0) {
        *bytes = rm_slice_make(bytes->data + header->n_bytes, bytes->len - header->n_bytes);
    }
    return rv;
}

int rm_store_restore(struct rm_blob *blob, struct rm_slice *bytes, uint64_t hash_seed,
                     struct rm_store **ret_store)
{
    const struct rm_store_image_header *header = peek_header(*bytes);
    struct rm_slice rest = *bytes;
    struct rm_store *store;
    int rv;

    if (header == NULL ||
        header->index_hash != rm__store_image_index_hash(header, index_of(header))) {
        return RM_ECORRUPT;
    }
    rv = rm__store_restore_unhashed(blob, &rest, hash_seed, &store);
    if (rv != 0) {
        return rv;
    }
    if (rm_store_hash(store) != header->state_hash) {
        rm_store_free(store);
        return RM_ECORRUPT;
    }
    *bytes = rest;
    *ret_store = store;
    return 0;
}
