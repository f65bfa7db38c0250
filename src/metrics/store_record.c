/* Recording. A store of a million series has little of them in the caches: what a sample costs is
 * waiting for memory, one pointer after the other. A batch waits for that of many samples at once.
 */
#include "freezing.h"
#include "raftmetrics/base/error.h"
#include "state_hash.h"
#include "store_internal.h"

/* Notes that @series got @observation. */
static void count_observation(struct rm_store *store, const struct rm_series *series,
                              const struct rm_observation *observation)
{
    uint64_t hash = rm__state_hash_observations(series->identity, observation, 1);
    struct rm_metric *metric = series->metric;

    if (metric->n_samples == 0 ||
        rm__position_is_before(metric->newest.position, observation->position)) {
        metric->newest = *observation;
    }
    metric->n_samples++;
    metric->state_hash += hash;
    store->n_samples++;
    store->state_hash += hash;
}

static int record(struct rm_store *store, const struct rm_sample *sample,
                  struct rm_store_hashes hashes)
{
    struct rm_series *series = NULL;
    struct rm_observation observation;
    uint64_t n_bytes;
    int rv;

    rv = rm__store_get_series(store, sample, hashes, &series);
    if (rv != 0) {
        return rv;
    }
    rm__views_keep(&store->views, series);
    n_bytes = series->n_bytes;
    observation = (struct rm_observation){
        .position = {sample->timestamp_ms, rm__metric_next_ordinal(series->metric)},
        .value = sample->value};
    rv = rm__store_before_record(store, series, observation.position);
    if (rv != 0) {
        return rv;
    }
    rv = rm__series_record(series, &observation, rm__shared_bounds_peek(series->metric->bounds));
    if (rv != 0) {
        return rv;
    }
    count_observation(store, series, &observation);
    store->n_bytes += series->n_bytes - n_bytes;
    return rm__store_drop_surplus(store, series);
}

int rm_store_record(struct rm_store *store, const struct rm_sample *sample)
{
    return record(store, sample, rm__store_hash(store, sample));
}

/* ---- batches ---- */

/* As many are waited for at once: more than there can be on the way from memory to one core. */
enum { N_TOGETHER = 32 };

static void prefetch_series(const struct rm_series *series)
{
    const char *bytes = (const char *)series;

    /* The struct, two labels, and what they say. */
    for (size_t at = 0; at < 256; at += 64) {
        __builtin_prefetch(bytes + at, 1);
    }
}

static void prefetch_parts(const struct rm_series *series)
{
    __builtin_prefetch(series->metric, 1);
    __builtin_prefetch((const char *)series->metric + 64, 1);
    if (series->head != NULL) {
        __builtin_prefetch(series->head, 1);
    }
    for (size_t at = 0; series->distribution != NULL && at < sizeof *series->distribution;
         at += 64) {
        __builtin_prefetch((const char *)series->distribution + at, 1);
    }
}

static void prefetch_ends(const struct rm_series *series)
{
    if (series->head != NULL) {
        rm__chunk_prefetch_end(series->head);
    }
    if (series->distribution != NULL) {
        __builtin_prefetch(series->distribution->classic.counts, 1);
        __builtin_prefetch(series->distribution->native.positive.buckets, 1);
    }
}

/* Asks memory for what @samples belong to, in steps each of which needs what came by the one
 * before. */
static void prefetch(const struct rm_store *store, const struct rm_sample *samples, size_t n,
                     struct rm_store_hashes *ret_hashes)
{
    const struct rm_series *series[N_TOGETHER];

    for (size_t i = 0; i < n; i++) {
        ret_hashes[i] = rm__store_hash(store, &samples[i]);
        rm__table_prefetch(&store->series, ret_hashes[i].series);
    }
    for (size_t i = 0; i < n; i++) {
        series[i] = rm__table_guess(&store->series, ret_hashes[i].series);
        if (series[i] != NULL) {
            prefetch_series(series[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (series[i] != NULL) {
            prefetch_parts(series[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (series[i] != NULL) {
            prefetch_ends(series[i]);
        }
    }
}

int rm_store_record_batch(struct rm_store *store, const struct rm_sample *samples, size_t n)
{
    struct rm_store_hashes hashes[N_TOGETHER];

    for (size_t done = 0; done < n; done += N_TOGETHER) {
        size_t n_now = n - done < N_TOGETHER ? n - done : N_TOGETHER;

        prefetch(store, samples + done, n_now, hashes);
        for (size_t i = 0; i < n_now; i++) {
            int rv = record(store, &samples[done + i], hashes[i]);

            if (rv != 0) {
                return rv;
            }
        }
    }
    return 0;
}
