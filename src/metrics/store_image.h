/* The image of a store: what it is in a snapshot. Little-endian, every part at a multiple of 8
 * bytes from its front.
 *
 *   header             72 bytes; the counts of what follows, the hashes of all of it
 *   index
 *     bounds           8 bytes, and 8 each                    n_bounds times
 *     rule             8 bytes, and its pattern, filled up    n_rules times, in their order
 *     metric           24 bytes, and its name, filled up      n_metrics times, in any order
 *       series         16 bytes                               n_series times, as they were created
 *         label sizes  8 bytes                                  n_labels times, sorted by name
 *         label bytes  name, value, name, ... filled up         once
 *         counts       8 bytes                                  n_counts times
 *         chunk        72 bytes                                 n_chunks times, in order of time
 *   observations       24 bytes                               those of all chunks in that order
 *
 * The chunks of a restored store are those of the frozen one, and their sums are stored, not
 * computed: both come out of the order in which the observations were recorded, and show in the
 * last bits of aggregates. The observations make the bulk of an image. They lie in it as they do in
 * memory, so that they are neither copied into it nor out of it. */
#ifndef RAFTMETRICS_SRC_METRICS_STORE_IMAGE_H
#define RAFTMETRICS_SRC_METRICS_STORE_IMAGE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "observation.h"
#include "raftmetrics/metrics/store.h"
#include "state_hash.h"

enum { RM_STORE_IMAGE_VERSION = 2 };

struct rm_store_image_header {
    uint32_t version;
    uint32_t zero;
    uint32_t n_bounds;
    uint32_t n_rules;
    uint64_t n_bytes;       /* of the image */
    uint64_t n_index_bytes; /* of the index */
    uint64_t n_metrics;
    uint64_t n_series;
    uint64_t n_observations;
    uint64_t state_hash; /* rm_store_hash */
    uint64_t index_hash; /* rm__state_hash_bytes of the header up to here, then of the index */
};

/* Bounds of histograms that a rule or a metric has, and that are not the default ones. They are
 * called by their place, from 1 on; the default ones are 0. */
struct rm_store_image_bounds {
    uint64_t n; /* of doubles that follow */
};

struct rm_store_image_rule {
    uint32_t n_pattern_bytes;
    uint32_t bounds;
};

struct rm_store_image_metric {
    uint32_t n_name_bytes;
    uint32_t n_series;
    uint64_t n_observations; /* their ordinals are 0 to one less */
    uint64_t bounds;
};

struct rm_store_image_series {
    uint32_t n_labels;
    uint32_t n_chunks;
    uint32_t first_bucket; /* of the histogram */
    uint32_t n_counts;
};

struct rm_store_image_label {
    uint32_t n_name_bytes;
    uint32_t n_value_bytes;
};

/* A summary without what the observations say. */
struct rm_store_image_chunk {
    uint32_t n;
    uint32_t moments_scale; /* enum rm_moments_scale */
    double small_high;
    double small_low;
    double large_high;
    double large_low;
    double min;
    double max;
    double moments_mean;
    double moments_m2;
};

static_assert(sizeof(struct rm_store_image_header) == 72, "no gaps");
static_assert(offsetof(struct rm_store_image_header, index_hash) == 64, "no gaps");
static_assert(sizeof(struct rm_store_image_bounds) == 8, "no gaps");
static_assert(sizeof(struct rm_store_image_rule) == 8, "no gaps");
static_assert(sizeof(struct rm_store_image_metric) == 24, "no gaps");
static_assert(sizeof(struct rm_store_image_series) == 16, "no gaps");
static_assert(sizeof(struct rm_store_image_label) == 8, "no gaps");
static_assert(sizeof(struct rm_store_image_chunk) == 72, "no gaps");
static_assert(sizeof(struct rm_observation) == 24, "no gaps");
static_assert(offsetof(struct rm_observation, position.timestamp_ms) == 0, "part of the format");
static_assert(offsetof(struct rm_observation, position.ordinal) == 8, "part of the format");
static_assert(offsetof(struct rm_observation, value) == 16, "part of the format");

static inline uint64_t rm__store_image_index_hash(const struct rm_store_image_header *header,
                                                  struct rm_slice index)
{
    struct rm_slice counts =
        rm_slice_make(header, offsetof(struct rm_store_image_header, index_hash));

    return rm__state_hash_bytes(index, rm__state_hash_bytes(counts, 0));
}

/* rm_store_restore without the two hashes, which keep tests from showing it consistent images that
 * nobody froze. */
int rm__store_restore_unhashed(struct rm_blob *blob, struct rm_slice *bytes, uint64_t hash_seed,
                               struct rm_store **ret_store);

#endif
