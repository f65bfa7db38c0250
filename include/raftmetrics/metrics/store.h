/* The store of a shard: every metric, its series, their values and histograms, in memory. Pure: no
 * I/O, no clock, no global; stores that were given the same calls in the same order are equal.
 * Everything is copied in. One thread at a time. */
#ifndef RAFTMETRICS_METRICS_STORE_H
#define RAFTMETRICS_METRICS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/blob.h"
#include "raftmetrics/base/bucket_rule.h"
#include "raftmetrics/base/image.h"
#include "raftmetrics/base/retention.h"
#include "raftmetrics/base/sample.h"
#include "raftmetrics/base/slice.h"
#include "raftmetrics/metrics/histogram.h"
#include "raftmetrics/metrics/query.h"

struct rm_store;

/* @hash_seed seeds the tables, for names are chosen by strangers; it changes no answer.
 * NULL when out of memory. */
struct rm_store *rm_store_new(uint64_t hash_seed);

/* Takes NULL. */
void rm_store_free(struct rm_store *store);

/* Decides the bounds of the histograms of metrics that are new from now on; those that there are
 * keep theirs. The rules are copied, and valid: rm_bucket_rules_are_valid. On error nothing is
 * changed. Errors: RM_ENOMEM. */
int rm_store_set_bucket_rules(struct rm_store *store, const struct rm_bucket_rule *rules,
                              size_t n_rules);

/* *@ret_n_rules of them, borrowed until they are set again. */
const struct rm_bucket_rule *rm_store_bucket_rules(const struct rm_store *store,
                                                   size_t *ret_n_rules);

/* Decides what is kept from now on: @retention is copied, and valid (rm_retention_is_valid). Values
 * that are there already go as those that come do. On error nothing is changed. Errors:
 * RM_ENOMEM. */
int rm_store_set_retention(struct rm_store *store, const struct rm_retention *retention);

/* Borrowed until it is set again. */
const struct rm_retention *rm_store_retention(const struct rm_store *store);

/* Records one observation, at any time: a late one stands where its time belongs. Where a series
 * then holds more than retention.max_samples, and is not to refuse them, its oldest go, a chunk at
 * a time: it holds the newest max_samples, and fewer than a chunk above that. Errors: RM_ENOMEM,
 * after which the store may not be used for anything but freeing. */
int rm_store_record(struct rm_store *store, const struct rm_sample *sample);

/* Records @n observations in their order, as rm_store_record would each; quicker, for it asks
 * memory for what belongs to the next ones while it records one. */
int rm_store_record_batch(struct rm_store *store, const struct rm_sample *samples, size_t n);

/* Does each series, those that @samples would begin included, have room for those of @samples that
 * it would get? Always, but where retention.when_full is RM_SAMPLES_REFUSE. *@ret_has is what was
 * asked. Errors: RM_ENOMEM. */
int rm_store_has_room(const struct rm_store *store, const struct rm_sample *samples, size_t n,
                      bool *ret_has);

/* Is there a series of the sample's metric and labels? */
bool rm_store_has_series(const struct rm_store *store, const struct rm_sample *sample);

/* Removes all series of a metric. Should it come again, its ordinals and the numbers of its series
 * start again. Errors: RM_ENOTFOUND. */
int rm_store_delete(struct rm_store *store, struct rm_slice metric_name);

/* ---- expiry ----
 *
 * Values go by age as entries say, for no store knows the time. What is to be looked at stands in
 * the entry, so that every replica does the same; the leader's store says what that is.
 *
 * They go a chunk at a time, when the newest value of the chunk is older than its metric's
 * retention rule says; until then older ones stay with it. A series that has no value left is
 * forgotten with its distribution, and a metric without series as if it was deleted. */

enum { RM_EXPIRIES_MAX = 512 }; /* in one entry */

/* Series of a metric by their places, from 0 on, among those that there are in the order of their
 * creation; not by their numbers. */
struct rm_expiry {
    struct rm_slice metric_name; /* borrowed */
    uint64_t first_series;
    uint64_t n_series;
};

/* Drops what is too old at @time_ms of the series that @expiries (up to RM_EXPIRIES_MAX) say, and
 * what they hold above retention.max_samples; leaves the rest for later where that would take
 * long. Errors: RM_ENOMEM, after which the store may not be used for anything but freeing. */
int rm_store_expire(struct rm_store *store, int64_t time_ms, const struct rm_expiry *expiries,
                    size_t n);

/* How far a store was looked through. Zeroed it begins. */
struct rm_expiry_search {
    size_t slot;
    size_t n_slots;
    uint64_t series;
    int64_t due_ms; /* at the end: nothing goes before that, as the store is now */
    bool is_begun;
    bool is_done;
};

/* Goes on looking for what rm_store_expire would drop at @time_ms, through a store that may have
 * changed since: up to RM_EXPIRIES_MAX into @ret_expiries, borrowed until the store is changed. Up
 * to @max_work, at least 2, of series that are looked at and chunks that are found; one entry does
 * away with what 4096 find. Once search->is_done there is no more; what came or moved meanwhile may
 * have been passed by. */
void rm_store_find_expired(const struct rm_store *store, int64_t time_ms, size_t max_work,
                           struct rm_expiry_search *search, struct rm_expiry *ret_expiries,
                           size_t *ret_n);

/* The newest @limit values of @selection that stand before @before (NULL: from the newest).
 * *@ret_values is the caller's, to be ended with rm_values_done.
 * Errors: RM_ENOTFOUND (the metric has no series); RM_ENOMEM. */
int rm_store_values(struct rm_store *store, const struct rm_selection *selection, size_t limit,
                    const struct rm_position *before, struct rm_values *ret_values);

/* Errors: RM_ENOTFOUND (the metric has no series). A known metric with an empty selection is 0. */
int rm_store_aggregate(struct rm_store *store, const struct rm_selection *selection,
                       struct rm_aggregate *ret_aggregate);

/* *@ret_result is the caller's, to be ended with rm_query_result_done.
 * Errors: RM_ENOTFOUND (the metric has no series); RM_ETOOBIG (more than RM_STEPS_MAX buckets in a
 * group, or RM_QUERY_BUCKETS_MAX in all of them); RM_ENOMEM. */
int rm_store_query(struct rm_store *store, const struct rm_query *query,
                   struct rm_query_result *ret_result);

/* Of the series that @selection's matchers choose, whatever its range of time. *@ret_histograms is
 * the caller's, to be ended with rm_histograms_done.
 * Errors: RM_ENOTFOUND (the metric has no series); RM_ENOMEM. */
int rm_store_histogram(struct rm_store *store, const struct rm_selection *selection,
                       struct rm_histograms *ret_histograms);

/* Up to @limit metrics in byte order of their names, those with @prefix that stand behind @after
 * (empty: from the first), into @ret_infos (room for @limit); *@ret_has_more where some were left.
 * A store that is asked for the first time gets into order first, about @max_work metrics at a
 * call. Errors: RM_EBUSY (it is not in order yet: ask again); RM_ENOMEM. */
int rm_store_list(struct rm_store *store, struct rm_slice prefix, struct rm_slice after,
                  size_t limit, size_t max_work, struct rm_metric_info *ret_infos, size_t *ret_n,
                  bool *ret_has_more);

/* The series of a metric are numbered in the order of their creation, from 1 on: no number is given
 * twice while the metric lives, whatever became of those that had it, and a restored store goes on
 * with the frozen one's. So pages that are asked for one after the other have every series that
 * lives all the while, each once, whichever come and go meanwhile.
 *
 * Up to @limit (at least 1) series of a metric in that order, those with numbers above @after (0:
 * from the first), into @ret_infos (room for @limit). *@ret_next: what to say as @after for those
 * that were left; 0 where none were. Errors: RM_ENOTFOUND (the metric has no series). */
int rm_store_list_series(const struct rm_store *store, struct rm_slice metric_name, uint64_t after,
                         size_t limit, struct rm_series_info *ret_infos, size_t *ret_n,
                         uint64_t *ret_next);

struct rm_store_stats {
    uint64_t n_metrics;
    uint64_t n_series;
    uint64_t n_samples;
    uint64_t n_bytes;      /* asked of malloc by the store, and what it uses of blobs */
    uint64_t n_kept_bytes; /* beside them: copies for runs (query_run.h) of what changed since; what
                              they share with the store is not counted, nor what they alone hold
                              once the store has let go of it */

    /* Ever since the store was made or restored; no part of what it holds. */
    uint64_t n_dropped; /* samples, for their age or their number */
    uint64_t n_expired; /* series */
};

void rm_store_stats(const struct rm_store *store, struct rm_store_stats *ret_stats);

/* Equal for stores that hold the same, however it came about. At once. */
uint64_t rm_store_hash(const struct rm_store *store);

/* An image of the store as it is now, to be gathered; the store may then be changed. It shares
 * memory with the store, and while it lives the store copies what it changes of that. Freeing the
 * store, or freezing it again, gathers what is left of it at once. NULL when out of memory. */
struct rm_image *rm_store_freeze(struct rm_store *store);

/* Reads an image from the front of *@bytes, a part of @blob that begins at a multiple of 8, and
 * moves *@bytes behind it. Observations stay in the blob, of which the store becomes an owner: it
 * is freed when the last of them is deleted, or copied for a change. The store answers as the
 * frozen one would, to the last bit. Any bytes are safe. On error *@bytes is unchanged. Errors:
 * RM_ECORRUPT, RM_ENOMEM. */
int rm_store_restore(struct rm_blob *blob, struct rm_slice *bytes, uint64_t hash_seed,
                     struct rm_store **ret_store);

#endif
