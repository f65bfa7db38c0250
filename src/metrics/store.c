#include "raftmetrics/metrics/store.h"

#include <stdlib.h>

#include "freezing.h"
#include "raftmetrics/base/error.h"
#include "selection.h"
#include "series_drop.h"
#include "state_hash.h"
#include "store_internal.h"

struct rm_store *rm_store_new(uint64_t hash_seed)
{
    struct rm_store *store = calloc(1, sizeof *store);

    if (store != NULL) {
        store->hash_seed = hash_seed;
        rm__views_init(&store->views);
    }
    return store;
}

void rm_store_free(struct rm_store *store)
{
    if (store == NULL) {
        return;
    }
    rm__views_lose(&store->views);
    rm__freezing_finish(store->freezing);
    for (size_t i = 0; i < store->metrics.n_slots; i++) {
        rm__metric_free(store->metrics.slots[i].item);
    }
    rm__table_done(&store->metrics);
    rm__table_done(&store->series);
    rm__vector_done(&store->arrivals);
    rm__name_index_done(&store->names[0]);
    rm__name_index_done(&store->names[1]);
    rm__bucket_table_done(&store->bounds);
    rm__retention_done(&store->retention);
    free(store);
}

int rm_store_set_bucket_rules(struct rm_store *store, const struct rm_bucket_rule *rules,
                              size_t n_rules)
{
    return rm__bucket_table_set(&store->bounds, rules, n_rules);
}

const struct rm_bucket_rule *rm_store_bucket_rules(const struct rm_store *store,
                                                   size_t *ret_n_rules)
{
    *ret_n_rules = store->bounds.n_rules;
    return store->bounds.rules;
}

int rm_store_set_retention(struct rm_store *store, const struct rm_retention *retention)
{
    struct rm_retention copy;
    int rv = rm__retention_copy(retention, &copy);

    if (rv == 0) {
        rm__retention_done(&store->retention);
        store->retention = copy;
    }
    return rv;
}

const struct rm_retention *rm_store_retention(const struct rm_store *store)
{
    return &store->retention;
}

static bool metric_has_name(const void *item, const void *key)
{
    const struct rm_metric *metric = item;

    return rm_slice_equal(metric->name, *(const struct rm_slice *)key);
}

struct rm_metric *rm__store_find_metric(const struct rm_store *store, struct rm_slice name)
{
    uint64_t hash = rm__table_hash(name, store->hash_seed);

    return rm__table_find(&store->metrics, hash, metric_has_name, &name);
}

static bool series_has_key(const void *item, const void *key)
{
    const struct rm_series *series = item;
    const struct rm_sample *sample = key;

    return rm_slice_equal(series->metric->name, sample->metric_name) &&
           rm__series_has_labels(series, sample->labels, sample->n_labels);
}

/* Series are found by name and labels at once, not by labels in a table of their metric: one
 * lookup for what is recorded most, and no table for each of a million metrics of one series. */
static uint64_t hash_labels(const struct rm_sample *sample, uint64_t hash)
{
    for (size_t i = 0; i < sample->n_labels; i++) {
        hash = rm__table_hash(sample->labels[i].name, hash);
        hash = rm__table_hash(sample->labels[i].value, hash);
    }
    return hash;
}

struct rm_store_hashes rm__store_hash(const struct rm_store *store, const struct rm_sample *sample)
{
    uint64_t metric = rm__table_hash(sample->metric_name, store->hash_seed);

    return (struct rm_store_hashes){metric, hash_labels(sample, metric)};
}

static uint64_t identity_of(const struct rm_sample *sample)
{
    uint64_t identity = rm__state_hash_bytes(sample->metric_name, 0);

    for (size_t i = 0; i < sample->n_labels; i++) {
        identity = rm__state_hash_bytes(sample->labels[i].name, identity);
        identity = rm__state_hash_bytes(sample->labels[i].value, identity);
    }
    return identity;
}

static int add_arrival(struct rm_store *store, struct rm_metric *metric)
{
    metric->arrival = store->arrivals.n;
    return rm__vector_insert(&store->arrivals, metric->arrival, metric);
}

/* The last takes its place. */
static void remove_arrival(struct rm_store *store, const struct rm_metric *metric)
{
    struct rm_metric *last = store->arrivals.items[--store->arrivals.n];

    store->arrivals.items[metric->arrival] = last;
    last->arrival = metric->arrival;
}

static int add_metric(struct rm_store *store, uint64_t hash, struct rm_slice name,
                      struct rm_shared_bounds *bounds, struct rm_metric **ret_metric)
{
    struct rm_metric *metric = rm__metric_new(hash, name, rm__shared_bounds_ref(bounds));
    int rv;

    if (metric == NULL) {
        rm__shared_bounds_unref(bounds);
        return RM_ENOMEM;
    }
    rv = add_arrival(store, metric);
    if (rv != 0) {
        goto err_after_new;
    }
    rv = rm__name_index_add(&store->names[0], metric);
    if (rv != 0) {
        goto err_after_arrival;
    }
    rv = rm__name_index_add(&store->names[1], metric);
    if (rv != 0) {
        goto err_after_names;
    }
    rv = rm__table_add(&store->metrics, hash, metric);
    if (rv != 0) {
        goto err_after_both_names;
    }
    store->n_bytes += rm__metric_bytes(metric);
    store->state_hash += metric->state_hash;
    *ret_metric = metric;
    return 0;

err_after_both_names:
    rm__name_index_remove(&store->names[1], metric);
err_after_names:
    rm__name_index_remove(&store->names[0], metric);
err_after_arrival:
    remove_arrival(store, metric);
err_after_new:
    rm__metric_free(metric);
    return rv;
}

static struct rm_series *new_series(const struct rm_store *store, struct rm_metric *metric,
                                    uint64_t hash, const struct rm_sample *sample)
{
    struct rm_series *series = rm__series_new(metric, hash, sample->labels, sample->n_labels);

    if (series != NULL) {
        series->identity = identity_of(sample);
        series->freeze = store->n_freezes;
    }
    return series;
}

/* Takes @series, which is in none of the tables, over unless it fails. */
static int add_series(struct rm_store *store, struct rm_series *series)
{
    struct rm_vector *others = &series->metric->series;
    size_t n_vector_bytes = rm__vector_bytes(others);
    int rv = rm__table_add(&store->series, series->hash, series);

    if (rv != 0) {
        return rv;
    }
    rv = rm__vector_insert(others, others->n, series);
    if (rv != 0) {
        rm__table_remove(&store->series, series->hash, series);
        return rv;
    }
    store->n_bytes += series->n_bytes + rm__vector_bytes(others) - n_vector_bytes;
    return 0;
}

int rm__store_make_metric(struct rm_store *store, struct rm_slice name,
                          struct rm_shared_bounds *bounds, struct rm_metric **ret_metric)
{
    uint64_t hash = rm__table_hash(name, store->hash_seed);

    if (rm__table_find(&store->metrics, hash, metric_has_name, &name) != NULL) {
        return RM_EEXIST;
    }
    return add_metric(store, hash, name, bounds, ret_metric);
}

struct rm_series *rm__store_new_series(struct rm_store *store, struct rm_metric *metric,
                                       const struct rm_label *labels, size_t n_labels)
{
    const struct rm_sample sample = {
        .metric_name = metric->name, .labels = labels, .n_labels = n_labels};
    uint64_t hash = hash_labels(&sample, metric->hash);

    rm__table_prefetch(&store->series, hash);
    return new_series(store, metric, hash, &sample);
}

int rm__store_add_series(struct rm_store *store, struct rm_series *series)
{
    const struct rm_sample sample = {.metric_name = series->metric->name,
                                     .labels = series->labels,
                                     .n_labels = series->n_labels};

    if (rm__table_find(&store->series, series->hash, series_has_key, &sample) != NULL) {
        return RM_EEXIST;
    }
    return add_series(store, series);
}

struct rm_series *rm__store_find_series(const struct rm_store *store,
                                        const struct rm_sample *sample)
{
    uint64_t hash = rm__store_hash(store, sample).series;

    return rm__table_find(&store->series, hash, series_has_key, sample);
}

bool rm_store_has_series(const struct rm_store *store, const struct rm_sample *sample)
{
    return rm__store_find_series(store, sample) != NULL;
}

/* Gives @series, the last of its metric, the next number there. */
static void number_series(struct rm_store *store, struct rm_series *series)
{
    struct rm_metric *metric = series->metric;
    uint64_t hash;

    rm__metric_add_born(metric, 1, &store->state_hash);
    series->number = metric->n_born;
    hash = rm__series_number_hash(series);
    metric->state_hash += hash;
    store->state_hash += hash;
}

int rm__store_get_series(struct rm_store *store, const struct rm_sample *sample,
                         struct rm_store_hashes hashes, struct rm_series **ret_series)
{
    struct rm_metric *metric;
    int rv;

    *ret_series = rm__table_find(&store->series, hashes.series, series_has_key, sample);
    if (*ret_series != NULL) {
        return 0;
    }
    metric = rm__table_find(&store->metrics, hashes.metric, metric_has_name, &sample->metric_name);
    if (metric == NULL) {
        rv = add_metric(store, hashes.metric, sample->metric_name,
                        rm__bucket_table_choose(&store->bounds, sample->metric_name), &metric);

        if (rv != 0) {
            return rv;
        }
    }
    *ret_series = new_series(store, metric, hashes.series, sample);
    if (*ret_series == NULL) {
        return RM_ENOMEM;
    }
    rv = add_series(store, *ret_series);
    if (rv != 0) {
        rm__series_free(*ret_series);
        return rv;
    }
    number_series(store, *ret_series);
    return 0;
}

void rm__store_remove_metric(struct rm_store *store, struct rm_metric *metric)
{
    for (uint32_t i = 0; i < metric->series.n; i++) {
        const struct rm_series *series = metric->series.items[i];

        rm__views_keep(&store->views, series);
        rm__table_remove(&store->series, series->hash, series);
    }
    remove_arrival(store, metric);
    rm__name_index_remove(&store->names[0], metric);
    rm__name_index_remove(&store->names[1], metric);
    rm__table_remove(&store->metrics, metric->hash, metric);
    store->n_samples -= metric->n_samples;
    store->state_hash -= metric->state_hash;
    store->n_bytes -= rm__metric_bytes(metric);
    rm__store_free_metric(store, metric);
}

int rm_store_delete(struct rm_store *store, struct rm_slice metric_name)
{
    struct rm_metric *metric = rm__store_find_metric(store, metric_name);

    if (metric == NULL) {
        return RM_ENOTFOUND;
    }
    rm__store_remove_metric(store, metric);
    return 0;
}

int rm_store_aggregate(struct rm_store *store, const struct rm_selection *selection,
                       struct rm_aggregate *ret_aggregate)
{
    const struct rm_metric *metric = rm__store_find_metric(store, selection->metric_name);
    struct rm_summary summary = {0};

    if (metric == NULL) {
        return RM_ENOTFOUND;
    }
    for (uint32_t i = 0; i < metric->series.n; i++) {
        const struct rm_series *series = metric->series.items[i];

        if (rm__selection_has(selection, series)) {
            rm__series_summarize(series, rm__series_find(series, rm__selection_first(selection)),
                                 rm__series_find(series, rm__selection_end(selection)), &summary);
        }
    }
    rm__summary_aggregate(&summary, ret_aggregate);
    return 0;
}

static void describe_metric(const struct rm_metric *metric, struct rm_metric_info *ret_info)
{
    *ret_info = (struct rm_metric_info){.name = metric->name,
                                        .n_series = metric->series.n,
                                        .n_samples = metric->n_samples,
                                        .last = metric->newest.value};
}

static bool is_behind(struct rm_name_place a, struct rm_name_place b)
{
    return a.block != b.block ? a.block > b.block : a.index > b.index;
}

/* Where a listing of names with @prefix behind @after begins. */
static struct rm_name_place first_listed(const struct rm_name_index *names, struct rm_slice prefix,
                                         struct rm_slice after)
{
    struct rm_name_place first = rm__name_index_find(names, prefix);
    struct rm_name_place behind = rm__name_index_find(names, after);
    const struct rm_metric *metric = rm__name_index_at(names, behind);

    if (metric != NULL && rm_slice_equal(metric->name, after)) {
        behind = rm__name_index_next(names, behind);
    }
    return is_behind(behind, first) ? behind : first;
}

int rm_store_list(struct rm_store *store, struct rm_slice prefix, struct rm_slice after,
                  size_t limit, size_t max_work, struct rm_metric_info *ret_infos, size_t *ret_n,
                  bool *ret_has_more)
{
    static const struct rm_exposition_style style = {.keeps_names = true};
    struct rm_name_index *names = &store->names[style.keeps_names];
    struct rm_name_place place;
    const struct rm_metric *metric;
    size_t n = 0;
    int rv = rm__name_index_fill(names, &store->metrics, style, max_work);

    if (rv != 0) {
        return rv;
    }
    place = first_listed(names, prefix, after);
    while (n < limit && (metric = rm__name_index_at(names, place)) != NULL &&
           rm_slice_has_prefix(metric->name, prefix)) {
        describe_metric(metric, &ret_infos[n++]);
        place = rm__name_index_next(names, place);
    }
    metric = rm__name_index_at(names, place);
    *ret_has_more = metric != NULL && rm_slice_has_prefix(metric->name, prefix);
    *ret_n = n;
    return 0;
}

/* In the head stands the newest sample. */
static void describe_series(const struct rm_series *series, struct rm_series_info *ret_info)
{
    struct rm_series_place end = {rm__series_n_chunks(series), 0};
    struct rm_series_place head = {series->older.n, 0};
    struct rm_summary newest = {0};

    rm__series_summarize(series, head, end, &newest);
    *ret_info = (struct rm_series_info){
        .labels = series->labels,
        .n_labels = series->n_labels,
        .n_samples = rm__series_count(series, (struct rm_series_place){0}, end),
        .last = newest.last.value};
}

int rm_store_list_series(const struct rm_store *store, struct rm_slice metric_name, uint64_t after,
                         size_t limit, struct rm_series_info *ret_infos, size_t *ret_n,
                         uint64_t *ret_next)
{
    const struct rm_metric *metric = rm__store_find_metric(store, metric_name);
    size_t n = 0;
    uint32_t i;

    if (metric == NULL) {
        return RM_ENOTFOUND;
    }
    for (i = rm__metric_find_behind(metric, after); i < metric->series.n && n < limit; i++) {
        const struct rm_series *series = metric->series.items[i];

        describe_series(series, &ret_infos[n]);
        after = series->number;
        n++;
    }
    *ret_n = n;
    *ret_next = i < metric->series.n ? after : 0;
    return 0;
}

uint64_t rm_store_hash(const struct rm_store *store)
{
    return store->state_hash + rm__bucket_table_hash(&store->bounds) +
           rm__retention_hash(&store->retention);
}

void rm_store_stats(const struct rm_store *store, struct rm_store_stats *ret_stats)
{
    *ret_stats = (struct rm_store_stats){
        .n_metrics = store->metrics.n_items,
        .n_series = store->series.n_items,
        .n_samples = store->n_samples,
        .n_dropped = store->n_dropped,
        .n_expired = store->n_expired,
        .n_bytes = sizeof *store + store->n_bytes + rm__table_bytes(&store->metrics) +
                   rm__table_bytes(&store->series) + rm__name_index_bytes(&store->names[0]) +
                   rm__name_index_bytes(&store->names[1]) + rm__bucket_table_bytes(&store->bounds) +
                   rm__retention_bytes(&store->retention),
        .n_kept_bytes = store->views.n_kept_bytes};
}
