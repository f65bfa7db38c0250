/* What store.c and values.c know of a store. */
#ifndef RAFTMETRICS_SRC_METRICS_STORE_INTERNAL_H
#define RAFTMETRICS_SRC_METRICS_STORE_INTERNAL_H

#include "metric.h"
#include "metric_index.h"
#include "raftmetrics/metrics/store.h"
#include "table.h"

struct rm_store {
    uint64_t hash_seed;
    struct rm_table metrics; /* struct rm_metric by name, owned */
    struct rm_table series;  /* struct rm_series by name and labels */
    struct rm_metric_index index;
    uint64_t n_samples;
    uint64_t n_bytes; /* allocated for metrics and series, not for the tables and the index */
};

/* NULL where no such metric is known. */
struct rm_metric *rm__store_find_metric(const struct rm_store *store, struct rm_slice name);

#endif
