/* Values that go: by their age, as entries say; by their number, as others come. */
#include <assert.h>
#include <stdlib.h>

#include "freezing.h"
#include "raftmetrics/base/error.h"
#include "series_drop.h"
#include "store_internal.h"

enum {
    /* Series that are looked at in one entry, and chunks that are dropped: a few milliseconds. */
    ENTRY_WORK_MAX = 8192,
    /* Chunks that go for one sample that comes: more come into being no faster. */
    SURPLUS_CHUNKS_MAX = 2,
    SLOTS_PER_WORK = 16,
};

/* What may go of the series of one metric. */
struct limits {
    int64_t max_age_ms; /* INT64_MAX: any */
    int64_t oldest_ms;  /* what is older is too old; INT64_MIN: nothing is */
    uint64_t max_samples;
    uint32_t max_chunks; /* to go at once */
};

static uint64_t max_samples(const struct rm_store *store)
{
    const struct rm_retention *retention = &store->retention;

    return retention->max_samples == 0 || retention->when_full == RM_SAMPLES_REFUSE
               ? UINT64_MAX
               : retention->max_samples;
}

static struct limits limits_of(const struct rm_store *store, const struct rm_metric *metric,
                               int64_t time_ms)
{
    int64_t max_age_ms = rm__retention_max_age(&store->retention, metric->name);

    return (struct limits){.max_age_ms = max_age_ms,
                           .oldest_ms = max_age_ms == INT64_MAX || time_ms < INT64_MIN + max_age_ms
                                            ? INT64_MIN
                                            : time_ms - max_age_ms,
                           .max_samples = max_samples(store),
                           .max_chunks = UINT32_MAX};
}

static int64_t newest_of(const struct rm_chunk *chunk)
{
    return rm__chunk_last(chunk)->position.timestamp_ms;
}

/* The newest value of a metric stays until it goes with all of it: so it always is among those that
 * there are, and need not be looked for. */
static bool has_newest(const struct rm_series *series)
{
    return rm__chunk_last(series->head)->position.ordinal ==
               series->metric->newest.position.ordinal &&
           series->metric->series.n > 1;
}

/* How many chunks of @series are to go; all of them: the series is. */
static uint32_t count_expired(const struct rm_series *series, const struct limits *limits)
{
    uint32_t n_chunks = rm__series_n_chunks(series);
    uint64_t n_left = rm__series_n_held(series);
    uint32_t n = 0;

    while (n < n_chunks && n < limits->max_chunks) {
        const struct rm_chunk *chunk = rm__series_chunk(series, n);

        if (newest_of(chunk) >= limits->oldest_ms && n_left - chunk->n < limits->max_samples) {
            break;
        }
        n_left -= chunk->n;
        n++;
    }
    return n == n_chunks && has_newest(series) ? n - 1 : n;
}

/* What the state's hash has of @series is @less. */
static void subtract(struct rm_store *store, struct rm_metric *metric, uint64_t n_samples,
                     uint64_t less)
{
    metric->n_samples -= n_samples;
    metric->state_hash -= less;
    store->n_samples -= n_samples;
    store->n_dropped += n_samples;
    store->state_hash -= less;
    rm__metric_add_gone(metric, n_samples, &store->state_hash);
}

static int drop_chunks(struct rm_store *store, struct rm_series *series, uint32_t n_chunks)
{
    uint64_t n_bytes = series->n_bytes;
    uint64_t n_samples;
    uint64_t less;
    int rv = rm__store_before_drop(store, series, n_chunks);

    if (rv != 0) {
        return rv;
    }
    rm__views_keep(&store->views, series);
    less = rm__series_drop(series, n_chunks, &n_samples);
    store->n_bytes -= n_bytes - series->n_bytes;
    subtract(store, series->metric, n_samples, less);
    return 0;
}

int rm__store_drop_surplus(struct rm_store *store, struct rm_series *series)
{
    const struct limits limits = {.oldest_ms = INT64_MIN,
                                  .max_samples = max_samples(store),
                                  .max_chunks = SURPLUS_CHUNKS_MAX};
    uint32_t n;

    if (limits.max_samples == UINT64_MAX || rm__series_n_held(series) <= limits.max_samples) {
        return 0;
    }
    n = count_expired(series, &limits);
    return n > 0 ? drop_chunks(store, series, n) : 0;
}

/* ---- an entry ---- */

struct expiring {
    struct rm_store *store;
    uint64_t work_left;
    int rv; /* of what may fail */
};

/* All of a series goes, but for its place among those of its metric. */
static void remove_series(struct rm_store *store, struct rm_series *series)
{
    rm__views_keep(&store->views, series);
    subtract(store, series->metric, rm__series_n_held(series), rm__series_state_hash(series));
    rm__table_remove(&store->series, series->hash, series);
    store->n_bytes -= series->n_bytes;
    store->n_expired++;
    rm__store_free_series(store, series);
}

/* Is all of @series gone? */
static bool expire_series(struct expiring *expiring, struct rm_series *series,
                          const struct limits *limits)
{
    struct limits affordable = *limits;
    uint32_t n;

    affordable.max_chunks = (uint32_t)expiring->work_left;
    n = count_expired(series, &affordable);
    expiring->work_left -= n;
    if (n == rm__series_n_chunks(series)) {
        remove_series(expiring->store, series);
        return true;
    }
    if (n > 0) {
        expiring->rv = drop_chunks(expiring->store, series, n);
    }
    return false;
}

/* The series from @begin to the one before @end, as far as the work goes; those that are left close
 * up. */
static void expire_range(struct expiring *expiring, struct rm_metric *metric, uint32_t begin,
                         uint32_t end, const struct limits *limits)
{
    void **items = metric->series.items;
    uint32_t kept = begin;
    uint32_t i = begin;

    while (i < end && expiring->work_left > 0 && expiring->rv == 0) {
        expiring->work_left--;
        if (!expire_series(expiring, items[i], limits)) {
            items[kept++] = items[i];
        }
        i++;
    }
    rm__vector_remove_some(&metric->series, kept, i - kept);
}

/* The last series of a metric goes with it. */
static void expire_last(struct expiring *expiring, struct rm_metric *metric,
                        const struct limits *limits)
{
    struct rm_store *store = expiring->store;
    struct rm_series *series = metric->series.items[0];
    struct limits affordable = *limits;
    uint32_t n;

    affordable.max_chunks = (uint32_t)expiring->work_left;
    n = count_expired(series, &affordable);
    expiring->work_left -= n;
    if (n == rm__series_n_chunks(series)) {
        store->n_dropped += metric->n_samples;
        store->n_expired++;
        rm__store_remove_metric(store, metric);
    } else if (n > 0) {
        expiring->rv = drop_chunks(store, series, n);
    }
}

static void expire(struct expiring *expiring, const struct rm_expiry *expiry, int64_t time_ms)
{
    struct rm_metric *metric = rm__store_find_metric(expiring->store, expiry->metric_name);
    struct limits limits;
    uint64_t begin;
    uint64_t n;

    if (metric == NULL) {
        return;
    }
    limits = limits_of(expiring->store, metric, time_ms);
    begin = expiry->first_series < metric->series.n ? expiry->first_series : metric->series.n;
    n = metric->series.n - begin;
    n = expiry->n_series < n ? expiry->n_series : n;
    if (metric->series.n > 1) {
        expire_range(expiring, metric, (uint32_t)begin, (uint32_t)(begin + n), &limits);
    }
    if (metric->series.n == 1 && expiring->rv == 0) {
        expire_last(expiring, metric, &limits);
    }
}

int rm_store_expire(struct rm_store *store, int64_t time_ms, const struct rm_expiry *expiries,
                    size_t n)
{
    struct expiring expiring = {.store = store, .work_left = ENTRY_WORK_MAX};

    for (size_t i = 0; i < n && expiring.work_left > 0 && expiring.rv == 0; i++) {
        expire(&expiring, &expiries[i], time_ms);
    }
    return expiring.rv;
}

/* ---- looking for what an entry is to say ---- */

/* Notes when the oldest chunk, which stays, is to go. */
static void note_due(const struct rm_series *series, const struct limits *limits,
                     struct rm_expiry_search *search)
{
    int64_t newest_ms = newest_of(rm__series_oldest(series));

    if (limits->max_age_ms != INT64_MAX && newest_ms < INT64_MAX - limits->max_age_ms &&
        newest_ms + limits->max_age_ms < search->due_ms) {
        search->due_ms = newest_ms + limits->max_age_ms + 1;
    }
}

/* Goes on through the series of @metric, counting what an entry has to do for what is found. True:
 * some of them are to go. */
static bool search_metric(const struct rm_store *store, const struct rm_metric *metric,
                          int64_t time_ms, size_t *work_left, struct rm_expiry_search *search,
                          struct rm_expiry *ret_expiry)
{
    struct limits limits = limits_of(store, metric, time_ms);
    uint64_t begin = UINT64_MAX;
    uint64_t end = 0;

    while (search->series<metric->series.n && * work_left> 0) {
        const struct rm_series *series = metric->series.items[search->series];
        uint32_t n;

        (*work_left)--;
        limits.max_chunks = (uint32_t)*work_left;
        n = count_expired(series, &limits);
        *work_left -= n;
        if (n > 0) {
            begin = begin == UINT64_MAX ? search->series : begin;
            end = search->series + 1;
        } else {
            note_due(series, &limits, search);
        }
        search->series += *work_left > 0; /* else there may be more of it */
    }
    *ret_expiry = (struct rm_expiry){metric->name, begin, end - begin};
    return begin != UINT64_MAX;
}

/* Looks at the slot where the search stands, and goes on to the next once it is done with it. */
static bool search_slot(const struct rm_store *store, int64_t time_ms, size_t *work_left,
                        struct rm_expiry_search *search, struct rm_expiry *ret_expiry)
{
    const struct rm_metric *metric = store->metrics.slots[search->slot].item;
    bool is_found =
        metric != NULL && search_metric(store, metric, time_ms, work_left, search, ret_expiry);

    if (metric == NULL || search->series >= metric->series.n) {
        search->slot++;
        search->series = 0;
    }
    return is_found;
}

/* A table that has grown is looked through anew: everything stands elsewhere. */
static void begin_search(const struct rm_store *store, struct rm_expiry_search *search)
{
    if (!search->is_begun || search->n_slots != store->metrics.n_slots) {
        *search = (struct rm_expiry_search){
            .n_slots = store->metrics.n_slots, .due_ms = INT64_MAX, .is_begun = true};
    }
}

void rm_store_find_expired(const struct rm_store *store, int64_t time_ms, size_t max_work,
                           struct rm_expiry_search *search, struct rm_expiry *ret_expiries,
                           size_t *ret_n)
{
    size_t slots_left = max_work * SLOTS_PER_WORK;
    size_t work_left = max_work;
    size_t n = 0;

    begin_search(store, search);
    if (store->retention.n_rules == 0 && max_samples(store) == UINT64_MAX) {
        search->slot = search->n_slots;
    }
    for (; search->slot < search->n_slots && slots_left > 0 && work_left > 0 && n < RM_EXPIRIES_MAX;
         slots_left--) {
        n += search_slot(store, time_ms, &work_left, search, &ret_expiries[n]);
    }
    search->is_done = search->slot == search->n_slots;
    *ret_n = n;
}
