/* What a store does by itself, on one core: store apply N_SERIES | store image | store range.
 * Prints a line of JSON. */
#include <assert.h>
#include <malloc.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "raftmetrics/metrics/store.h"
#include "raftmetrics/metrics/values_run.h"

/* Of this core: what others do on the machine does not count. */
static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- batches, as they come out of the decoder: every text in memory of its own ---- */

enum { BATCH = 10000, TEXT_BYTES = 96 };

static unsigned series_a_metric = 1000;

struct batch {
    struct rm_sample samples[BATCH];
    struct rm_label labels[BATCH][2];
    char texts[BATCH][TEXT_BYTES];
};

static struct rm_slice put(char **end, const char *format, unsigned number)
{
    int len = sprintf(*end, format, number);
    struct rm_slice slice = rm_slice_make(*end, (size_t)len);

    *end += len;
    return slice;
}

/* Sample @i of the batch is the next of series @series. */
static void set_sample(struct batch *batch, size_t i, unsigned series, int64_t timestamp_ms)
{
    struct rm_sample *sample = &batch->samples[i];
    struct rm_label *labels = batch->labels[i];
    char *end = batch->texts[i];

    sample->metric_name = put(&end, "http_requests_%u", series / series_a_metric);
    labels[0].name = put(&end, "dc", 0);
    labels[0].value = put(&end, "eu-%u", series % 3);
    labels[1].name = put(&end, "host", 0);
    labels[1].value = put(&end, "web-%u", series % series_a_metric);
    sample->labels = labels;
    sample->n_labels = 2;
    sample->timestamp_ms = timestamp_ms;
    sample->value = (double)((series * 31U + (unsigned)(timestamp_ms / 15000)) % 1000) / 10;
}

/* Records @n samples, each of the next series in an order that is none in memory; returns the
 * seconds that took, without making the batches. */
static double record(struct rm_store *store, struct batch *batch, unsigned n_series, uint64_t from,
                     uint64_t n)
{
    double taken = 0;

    for (uint64_t done = 0; done < n; done += BATCH) {
        double began = 0;

        for (size_t i = 0; i < BATCH; i++) {
            uint64_t k = from + done + i;

            set_sample(batch, i, (unsigned)(k % n_series * 7919 % n_series),
                       (int64_t)(k / n_series) * 15000);
        }
        began = seconds();
        assert(rm_store_record_batch(store, batch->samples, BATCH) == 0);
        taken += seconds() - began;
    }
    return taken;
}

/* ---- memory ---- */

static double allocated_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return (double)info.uordblks + (double)info.hblkhd;
}

static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    assert(file != NULL && fscanf(file, "%*s %ld", &pages) == 1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* ---- the parts ---- */

enum { SAMPLES_A_SERIES = 10, N_MEASURED = 10000000, MIB = 1 << 20, SHARD_BYTES = 256 * MIB };

static void apply(unsigned n_series)
{
    struct batch *batch = calloc(1, sizeof *batch);
    struct rm_store *store = rm_store_new(1);
    struct rm_store_stats stats;
    uint64_t n_idle = (uint64_t)n_series * SAMPLES_A_SERIES;
    double allocated;
    double resident;
    double made;
    double taken;

    assert(batch != NULL && store != NULL);
    memset(batch, 1, sizeof *batch);
    allocated = allocated_bytes();
    resident = resident_bytes();
    made = record(store, batch, n_series, 0, n_series);
    taken = record(store, batch, n_series, n_series, n_idle - n_series);
    allocated = allocated_bytes() - allocated;
    resident = resident_bytes() - resident;
    rm_store_stats(store, &stats);
    printf("{\"series\": %u, \"made_a_second\": %.0f, \"allocated_a_series\": %.1f, "
           "\"resident_a_series\": %.1f, \"counted_a_series\": %.1f, ",
           n_series, n_series / made, allocated / n_series, resident / n_series,
           (double)stats.n_bytes / n_series);
    if (n_idle < N_MEASURED) {
        taken += record(store, batch, n_series, n_idle, N_MEASURED - n_idle);
        n_idle = N_MEASURED;
    }
    printf("\"samples_a_second\": %.0f}\n", (double)(n_idle - n_series) / taken);
    rm_store_free(store);
    free(batch);
}

/* Fills a store until it counts @n_bytes_max, or has @n_a_series samples in each series. */
static struct rm_store *fill(unsigned n_series, unsigned n_a_series, uint64_t n_bytes_max,
                             bool is_noisy)
{
    struct batch *batch = calloc(1, sizeof *batch);
    struct rm_store *store = rm_store_new(1);
    struct rm_store_stats stats;
    uint64_t n = 0;

    assert(batch != NULL && store != NULL);
    do {
        for (size_t i = 0; i < BATCH; i++, n++) {
            unsigned series = (unsigned)(n % n_series * 7919 % n_series);

            set_sample(batch, i, series, (int64_t)(n / n_series) * 15000);
            if (is_noisy) {
                batch->samples[i].value = sin((double)n) * 1e5;
                batch->samples[i].timestamp_ms += (int64_t)(n * 2654435761U >> 8) % 5000;
            }
        }
        assert(rm_store_record_batch(store, batch->samples, BATCH) == 0);
        rm_store_stats(store, &stats);
    } while (stats.n_bytes < n_bytes_max && n < (uint64_t)n_series * n_a_series);
    free(batch);
    return store;
}

static struct rm_blob *copy(const struct rm_image *image)
{
    char *bytes = malloc(image->n_bytes);
    char *end = bytes;
    struct rm_blob *blob;

    assert(bytes != NULL);
    for (size_t i = 0; i < image->n_pieces; i++) {
        memcpy(end, image->pieces[i].data, image->pieces[i].len);
        end += image->pieces[i].len;
    }
    blob = rm_blob_new(bytes, image->n_bytes);
    assert(blob != NULL);
    return blob;
}

/* The longest and all of the pieces in which an image is gathered. */
struct gathering {
    double longest;
    double total;
    unsigned n;
};

static void gather(struct rm_image *image, struct gathering *gathering)
{
    enum { N_STEPS = 1024 };
    bool is_whole = false;

    while (!is_whole) {
        double began = seconds();
        double taken;

        assert(rm_image_gather(image, N_STEPS, &is_whole) == 0);
        taken = seconds() - began;
        gathering->total += taken;
        gathering->longest = taken > gathering->longest ? taken : gathering->longest;
        gathering->n++;
    }
}

static void freeze_and_restore(const char *what, struct rm_store *store)
{
    struct gathering gathering = {0};
    double times[5];
    struct rm_image *image;
    struct rm_store_stats stats;
    struct rm_store *restored;
    struct rm_blob *blob;
    struct rm_slice bytes;
    size_t n_bytes;
    size_t n_pieces;

    rm_store_stats(store, &stats);
    times[0] = seconds();
    image = rm_store_freeze(store);
    times[1] = seconds();
    assert(image != NULL);
    gather(image, &gathering);
    n_bytes = image->n_bytes;
    n_pieces = image->n_pieces;
    blob = copy(image);
    times[2] = seconds();
    rm_image_release(image);
    times[3] = seconds();
    bytes = rm_blob_peek(blob);
    times[4] = seconds();
    assert(rm_store_restore(blob, &bytes, 2, &restored) == 0);
    printf("{\"what\": \"%s\", \"mib\": %.1f, \"samples\": %llu, \"metrics\": %llu, "
           "\"series\": %llu, \"image_mib\": %.1f, \"pieces\": %zu, \"freeze_ms\": %.1f, "
           "\"gather_ms\": %.1f, \"longest_gather_ms\": %.2f, \"release_ms\": %.1f, "
           "\"restore_ms\": %.1f}\n",
           what, (double)stats.n_bytes / MIB, (unsigned long long)stats.n_samples,
           (unsigned long long)stats.n_metrics, (unsigned long long)stats.n_series,
           (double)n_bytes / MIB, n_pieces, (times[1] - times[0]) * 1e3, gathering.total * 1e3,
           gathering.longest * 1e3, (times[3] - times[2]) * 1e3, (seconds() - times[4]) * 1e3);
    fflush(stdout);
    assert(rm_store_hash(store) == rm_store_hash(restored));
    rm_blob_unref(blob);
    rm_store_free(restored);
    rm_store_free(store);
}

static void image(void)
{
    freeze_and_restore("regular", fill(1000, UINT32_MAX, SHARD_BYTES, false));
    freeze_and_restore("one series", fill(1, UINT32_MAX, SHARD_BYTES, true));
    freeze_and_restore("noisy", fill(1000, UINT32_MAX, SHARD_BYTES, true));
    freeze_and_restore("half-full heads", fill(80000, 128, SHARD_BYTES, true));
    freeze_and_restore("distributions", fill(30000, UINT32_MAX, SHARD_BYTES, true));
    freeze_and_restore("idle", fill(1000000, SAMPLES_A_SERIES, SHARD_BYTES, false));
    series_a_metric = 1000000;
    freeze_and_restore("one metric", fill(500000, SAMPLES_A_SERIES, SHARD_BYTES, false));
    series_a_metric = 10;
    freeze_and_restore("many metrics", fill(600000, SAMPLES_A_SERIES, SHARD_BYTES, false));
}

/* Ranges between any two times of one long series. */
static void range(void)
{
    enum { N = 1000000, N_RANGES = 20000 };
    struct rm_store *store = fill(1, N, UINT64_MAX, true);
    struct rm_selection selection = {.metric_name = rm_slice_of("http_requests_0")};
    struct rm_aggregate aggregate;
    uint64_t counted = 0;
    double began = 0;

    for (uint64_t i = 0; i < 2 * N_RANGES; i++) {
        if (i == N_RANGES) {
            began = seconds();
        }
        selection.from_ms = (int64_t)(i * 2654435761U % (N / 2)) * 15000 + 7;
        selection.to_ms = selection.from_ms + (int64_t)(i * 40503U % (N / 2)) * 15000;
        assert(rm_store_aggregate(store, &selection, &aggregate) == 0);
        counted += i < N_RANGES ? 0 : aggregate.count;
    }
    printf("{\"samples\": %d, \"samples_a_range\": %.0f, \"us_a_range\": %.2f}\n", N,
           (double)counted / N_RANGES, (seconds() - began) / N_RANGES * 1e6);
    rm_store_free(store);
}

/* Freezing the newest values: all of one long series; those of many series, newest of all. */
static void freeze_values(const char *what, unsigned n_series, unsigned n_a_series, size_t limit)
{
    enum { N_TIMES = 20 };
    struct rm_store *store = fill(n_series, n_a_series, UINT64_MAX, true);
    const struct rm_selection selection = {
        .metric_name = rm_slice_of("http_requests_0"), .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct rm_point *points = malloc(limit * sizeof *points);
    struct rm_frozen_values *values;
    double freezing = 0;
    double taking = 0;
    uint64_t n_points = 0;
    size_t n;

    for (int i = 0; i < N_TIMES; i++) {
        double began = seconds();

        assert(rm_store_freeze_values(store, &selection, limit, NULL, RM_VALUES_BY_TIME, &values) ==
               0);
        freezing += seconds() - began;
        began = seconds();
        assert(rm_frozen_values_next(values, points, limit, &n) == 0 && n == values->n_points);
        taking += seconds() - began;
        n_points += n;
        rm_frozen_values_free(values);
    }
    printf("{\"what\": \"%s\", \"values\": %llu, \"freeze_ms\": %.3f, \"ns_a_value\": %.1f}\n",
           what, (unsigned long long)n_points / N_TIMES, freezing / N_TIMES * 1e3,
           taking / (double)n_points * 1e9);
    free(points);
    rm_store_free(store);
}

static void values(void)
{
    freeze_values("all of one series", 1, 1000000, 1000000);
    freeze_values("half of one series", 1, 1000000, 500000);
    freeze_values("half of ten series", 10, 100000, 500000);
    freeze_values("half of 1,000 series", 1000, 1000, 500000);
    freeze_values("few of 1,000 series", 1000, 1000, 10000);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "image") == 0) {
        image();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "values") == 0) {
        values();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "range") == 0) {
        range();
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "apply") == 0) {
        apply((unsigned)strtoul(argv[2], NULL, 10));
        return 0;
    }
    fprintf(stderr, "usage: %s apply N_SERIES | image | range | values\n", argv[0]);
    return 2;
}
