/* The image of a store: what it is in a snapshot. Little-endian, every part at a multiple of 8
 * bytes from its front.
 *
 *   header             72 bytes; the counts of what follows, the hashes of all of it
 *   index
 *     retention        16 bytes                               once
 *     age              16 bytes, and its pattern, filled up   its n_rules times, in their order
 *     bounds           8 bytes, and 8 each                    n_bounds times
 *     rule             8 bytes, and its pattern, filled up    n_rules times, in their order
 *     metric           40 bytes, and its name, filled up      n_metrics times, in any order
 *       series         24 bytes                               n_series times, as they were created
 *         label sizes  8 bytes                                  n_labels times, sorted by name
 *         label bytes  name, value, name, ... filled up         once
 *         distribution n_distribution_bytes                     once, where the series keeps one
 *         chunk        24 bytes                                 n_chunks times, in order of time
 *   observations       those of all chunks in that order: of a sealed chunk its block
 *                      (chunk_block.h), of an open one 24 bytes for each
 *
 * The chunks of a restored store are those of the frozen one, and their sums are stored, not
 * computed: both show in the last bits of aggregates. Observations make the bulk of an image. They
 * lie in it as they do in memory, so that they are neither copied into it nor out of it.
 *
 * Every byte is under a hash: the index under one in the header, a block under one in the index
 * that was made when it was sealed, and the observations of open chunks, for nobody has to look at
 * them before they are restored, under what the state's hash is above that of the blocks. So a
 * restored image is one that a store has frozen, and its blocks are not decoded to see whether they
 * can be. */
#ifndef RAFTMETRICS_SRC_METRICS_STORE_IMAGE_H
#define RAFTMETRICS_SRC_METRICS_STORE_IMAGE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "observation.h"
#include "raftmetrics/metrics/store.h"
#include "state_hash.h"

enum { RM_STORE_IMAGE_VERSION = 7 };

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
    uint64_t index_hash; /* rm__state_hash_bytes of the index, then of the header up to here */
};

struct rm_store_image_retention {
    uint64_t max_samples;
    uint32_t when_full; /* enum rm_samples_full */
    uint32_t n_rules;
};

struct rm_store_image_age {
    int64_t max_age_ms;
    uint64_t n_pattern_bytes;
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
    uint64_t n_observations; /* that there are */
    uint64_t bounds;
    uint64_t n_gone; /* observations that were dropped: ordinals are below the sum of both */
    uint64_t n_born; /* series that ever were: each began with an observation */
};

struct rm_store_image_series {
    uint32_t n_labels;
    uint32_t n_chunks;
    uint64_t n_distribution_bytes; /* 0: the values, in one chunk, say it all */
    uint64_t number;               /* above that of the one before, up to the metric's n_born */
};

struct rm_store_image_label {
    uint32_t n_name_bytes;
    uint32_t n_value_bytes;
};

/* The newest chunk is open, of the others one at most. */
struct rm_store_image_chunk {
    uint64_t hash;    /* of the block; 0 of an open chunk */
    uint64_t n_bytes; /* a multiple of 8 */
    uint32_t n;
    uint32_t is_sealed;
};

static_assert(sizeof(struct rm_store_image_header) == 72, "no gaps");
static_assert(offsetof(struct rm_store_image_header, index_hash) == 64, "no gaps");
static_assert(sizeof(struct rm_store_image_retention) == 16, "no gaps");
static_assert(sizeof(struct rm_store_image_age) == 16, "no gaps");
static_assert(sizeof(struct rm_store_image_bounds) == 8, "no gaps");
static_assert(sizeof(struct rm_store_image_rule) == 8, "no gaps");
static_assert(sizeof(struct rm_store_image_metric) == 40, "no gaps");
static_assert(sizeof(struct rm_store_image_series) == 24, "no gaps");
static_assert(sizeof(struct rm_store_image_label) == 8, "no gaps");
static_assert(sizeof(struct rm_store_image_chunk) == 24, "no gaps");
static_assert(sizeof(struct rm_observation) == 24, "no gaps");
static_assert(offsetof(struct rm_observation, position.timestamp_ms) == 0, "part of the format");
static_assert(offsetof(struct rm_observation, position.ordinal) == 8, "part of the format");
static_assert(offsetof(struct rm_observation, value) == 16, "part of the format");

/* @hash is that of the index alone. */
static inline uint64_t rm__store_image_index_hash(const struct rm_store_image_header *header,
                                                  uint64_t hash)
{
    return rm__state_hash_bytes(
        rm_slice_make(header, offsetof(struct rm_store_image_header, index_hash)), hash);
}

/* rm_store_restore of an image from anywhere: does without the hashes, which keep tests from
 * showing it consistent images that nobody froze, but decodes every block, and looks whether it
 * says what its observations do. */
int rm__store_restore_unhashed(struct rm_blob *blob, struct rm_slice *bytes, uint64_t hash_seed,
                               struct rm_store **ret_store);

#endif
