/* What the files store*.c and values.c know of a store. */
#ifndef RAFTMETRICS_SRC_METRICS_STORE_INTERNAL_H
#define RAFTMETRICS_SRC_METRICS_STORE_INTERNAL_H

#include "bucket_table.h"
#include "metric.h"
#include "name_index.h"
#include "raftmetrics/metrics/store.h"
#include "retention.h"
#include "series.h"
#include "table.h"
#include "view.h"

struct rm_store {
    uint64_t hash_seed;
    struct rm_table metrics;       /* struct rm_metric by name, owned */
    struct rm_table series;        /* struct rm_series by name and labels */
    struct rm_vector arrivals;     /* the metrics, nearly as they came and as they lie in memory */
    struct rm_name_index names[2]; /* with names escaped, and as they are */
    struct rm_bucket_table bounds;
    struct rm_retention retention; /* owned */
    struct rm_views views;         /* of metrics, that readers have open: keep what changes */
    uint64_t n_samples;
    uint64_t n_dropped;  /* samples, ever since the store was made; no part of the state */
    uint64_t n_expired;  /* series, likewise */
    uint64_t state_hash; /* the sum of the metrics', without the rules' */
    uint64_t n_bytes;    /* allocated for metrics and series, not for the tables and indices */
    struct rm_freezing *freezing; /* NULL: no image is being gathered */
    uint32_t n_freezes;           /* so many were begun */
};

/* NULL where no such metric is known. */
struct rm_metric *rm__store_find_metric(const struct rm_store *store, struct rm_slice name);

/* The series that @sample belongs to; NULL where there is none. */
struct rm_series *rm__store_find_series(const struct rm_store *store,
                                        const struct rm_sample *sample);

/* A metric without series, which becomes one more owner of @bounds; the store owns it. Copies. On
 * error the store is unchanged. Errors: RM_EEXIST, RM_ENOMEM. */
int rm__store_make_metric(struct rm_store *store, struct rm_slice name,
                          struct rm_shared_bounds *bounds, struct rm_metric **ret_metric);

/* A series without observations and number, the caller's, which is not in the store yet. Copies.
 * NULL when out of memory. */
struct rm_series *rm__store_new_series(struct rm_store *store, struct rm_metric *metric,
                                       const struct rm_label *labels, size_t n_labels);

/* Takes it over as the last of its metric, with what was recorded in it meanwhile, unless it fails:
 * the store is then unchanged. It should not follow at once: memory was asked for its place.
 * Errors: RM_EEXIST, RM_ENOMEM. */
int rm__store_add_series(struct rm_store *store, struct rm_series *series);

/* A metric with its series. */
void rm__store_remove_metric(struct rm_store *store, struct rm_metric *metric);

/* Drops what @series, which just got a sample, holds above the limit, if it is to.
 * Errors: RM_ENOMEM. */
int rm__store_drop_surplus(struct rm_store *store, struct rm_series *series);

/* Where what a sample belongs to stands in the tables. */
struct rm_store_hashes {
    uint64_t metric;
    uint64_t series;
};

struct rm_store_hashes rm__store_hash(const struct rm_store *store, const struct rm_sample *sample);

/* The series that @sample belongs to, made if it is new. Errors: RM_ENOMEM. */
int rm__store_get_series(struct rm_store *store, const struct rm_sample *sample,
                         struct rm_store_hashes hashes, struct rm_series **ret_series);

#endif
