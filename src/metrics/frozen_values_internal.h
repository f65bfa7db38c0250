/* What frozen values are made of (raftmetrics/metrics/frozen_values.h). */
#ifndef RAFTMETRICS_SRC_METRICS_FROZEN_VALUES_INTERNAL_H
#define RAFTMETRICS_SRC_METRICS_FROZEN_VALUES_INTERNAL_H

#include "part.h"
#include "raftmetrics/metrics/frozen_values.h"

/* A series of which not all was given. Its first part is entered when its turn comes: until then
 * nothing is decoded. */
struct rm_source {
    struct rm_position position;       /* of the next value; before it, where no part is entered */
    const struct rm_observation *next; /* of the first part, until @end; NULL: not entered */
    const struct rm_observation *end;
    struct rm_observation *decoded; /* they lie in it, where that chunk is sealed; owned */
    struct rm_part *parts;          /* what is left of them, the first included */
    size_t n_parts;
    uint32_t number; /* in the list of series */
};

/* What twins have in common. */
struct rm_given {
    unsigned n_owners;
    unsigned n_twins;      /* also those that were freed */
    struct rm_part *parts; /* of all sources, one behind the other */
    size_t n_parts;
    struct rm_values_series *series;
    struct rm_label *labels; /* of all series; their bytes lie behind them */
};

struct rm_frozen {
    struct rm_frozen_values values;
    enum rm_values_order order;
    struct rm_given *given;
    struct rm_source *heap; /* the one whose turn it is on top */
    size_t n_sources;
    size_t n_decoded_bytes; /* at most, while it is read */
};

/* Room for @n_parts parts, and for @n_series series with labels that take @n_label_bytes, their
 * structs included; values.n_bytes says so, and the caller adds n_decoded_bytes. NULL when out of
 * memory. */
struct rm_frozen *rm__frozen_new(size_t n_parts, size_t n_series, size_t n_label_bytes);

/* A source more: the next of the series. Those that are there come into the order of a heap by
 * rm__frozen_sift of each, from the middle one down to the first. */
void rm__frozen_add(struct rm_frozen *frozen, struct rm_part *parts, size_t n_parts);
void rm__frozen_sift(struct rm_frozen *frozen, size_t i);

#endif
