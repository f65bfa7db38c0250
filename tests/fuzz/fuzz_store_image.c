/* Images of a store and of a key table out of bytes. Of a store's the hashes are not looked at, or
 * nothing would get past them; what is read is used, changed, frozen and read again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/metrics/store_image.h"
#include "../unit/image_blob.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/timestamp.h"
#include "raftmetrics/metrics/key_table.h"

enum { INFOS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rm_blob *copy_of(const uint8_t *data, size_t size)
{
    char *copy = malloc(size);
    struct rm_blob *blob = rm_blob_new(copy, size);

    assert(blob != NULL);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    return blob;
}

static void read_metric(struct rm_store *store, struct rm_slice name)
{
    const struct rm_selection selection = {
        .metric_name = name, .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct rm_histograms histograms = {0};
    struct rm_values values = {0};
    struct rm_aggregate aggregate;

    assert(rm_store_values(store, &selection, 100, NULL, &values) == 0);
    assert(rm_store_aggregate(store, &selection, &aggregate) == 0);
    assert(rm_store_histogram(store, &selection, &histograms) == 0);
    assert(aggregate.count == values.n_total && values.n_points > 0);
    assert(rm_histogram_cumulative_count(&histograms.classic, histograms.bounds.n) ==
           histograms.count);
    assert(rm_native_histogram_count(&histograms.native) == histograms.count);
    assert(histograms.count >= aggregate.count && histograms.sum == histograms.sum);
    assert(aggregate.mean == aggregate.mean && aggregate.stddev == aggregate.stddev);
    rm_values_done(&values);
    rm_histograms_done(&histograms);
}

/* Page by page, each from where the one before says. */
static uint64_t count_series(const struct rm_store *store, struct rm_slice name)
{
    struct rm_series_info infos[3];
    uint64_t after = 0;
    uint64_t total = 0;
    size_t n;

    do {
        assert(rm_store_list_series(store, name, after, 3, infos, &n, &after) == 0);
        total += n;
    } while (after != 0);
    return total;
}

/* One observation more in the midst of each series. */
static void write_metric(struct rm_store *store, const struct rm_metric_info *info)
{
    char name[256];
    struct rm_sample sample = {.metric_name = {name, info->name.len}, .value = info->last};

    memcpy(name, info->name.data, info->name.len);
    for (int i = 0; i < 3; i++) {
        assert(rm_store_record(store, &sample) == 0);
        sample.timestamp_ms = i == 0 ? RM_TIMESTAMP_MAX_MS : RM_TIMESTAMP_MIN_MS;
    }
}

static void check_frozen(struct rm_store *store)
{
    struct rm_image *image = rm_store_freeze(store);
    struct rm_blob *blob = image_blob(image);
    struct rm_slice bytes = rm_blob_peek(blob);
    struct rm_store *restored;

    assert(rm_store_restore(blob, &bytes, 3, &restored) == 0 && bytes.len == 0);
    assert(rm_store_hash(restored) == rm_store_hash(store));
    rm_blob_unref(blob);
    rm_image_release(image);
    rm_store_free(restored);
}

/* A search comes to its end, and so does what it found. */
static void expire(struct rm_store *store)
{
    struct rm_expiry_search search = {0};
    struct rm_expiry found[RM_EXPIRIES_MAX];
    size_t n;

    do {
        rm_store_find_expired(store, RM_TIMESTAMP_MAX_MS, 100, &search, found, &n);
        assert(rm_store_expire(store, RM_TIMESTAMP_MAX_MS, found, n) == 0);
    } while (!search.is_done);
}

static void use_store(struct rm_store *store)
{
    const struct rm_retention none = {0};
    struct rm_metric_info infos[INFOS_MAX];
    bool has_more;
    size_t n;

    assert(rm_store_list(store, rm_slice_of(""), rm_slice_of(""), INFOS_MAX, SIZE_MAX, infos, &n,
                         &has_more) == 0);
    check_frozen(store);
    for (size_t i = 0; i < n; i++) {
        assert(count_series(store, infos[i].name) == infos[i].n_series);
        read_metric(store, infos[i].name);
        write_metric(store, &infos[i]);
        read_metric(store, infos[i].name);
    }
    check_frozen(store);
    expire(store);
    check_frozen(store);
    assert(rm_store_list(store, rm_slice_of(""), rm_slice_of(""), INFOS_MAX, SIZE_MAX, infos, &n,
                         &has_more) == 0);
    for (size_t i = 0; i < n; i++) {
        assert(rm_store_delete(store, infos[i].name) == 0);
    }
    assert(rm_store_set_retention(store, &none) == 0);
    assert(rm_store_set_bucket_rules(store, NULL, 0) == 0);
    assert(has_more || rm_store_hash(store) == 0);
}

static void check_key_table(struct rm_slice bytes)
{
    struct rm_key_table *table;
    struct rm_buffer again;
    int rv = rm_key_table_decode(&bytes, 1, &table);

    if (rv != 0) {
        assert(rv == RM_ECORRUPT || rv == RM_ENOMEM);
        return;
    }
    rm_buffer_init(&again, SIZE_MAX);
    assert(rm_key_table_encode(table, &again) == 0);
    assert(memcmp(bytes.data - again.len, again.data, again.len) == 0);
    rm_buffer_done(&again);
    rm_key_table_free(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rm_blob *blob = copy_of(data, size);
    struct rm_slice bytes = rm_blob_peek(blob);
    struct rm_store *store;
    int rv;

    check_key_table(bytes);
    rv = rm__store_restore_unhashed(blob, &bytes, 1, &store);
    rm_blob_unref(blob);
    if (rv == 0) {
        use_store(store);
        rm_store_free(store);
    } else {
        assert(rv == RM_ECORRUPT || rv == RM_ENOMEM);
    }
    return 0;
}
