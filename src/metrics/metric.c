#include "metric.h"

#include <stdlib.h>
#include <string.h>

#include "series.h"
#include "state_hash.h"

/* What tells the hashes of counts from that of bounds. */
enum { GONE_SEED = 1, BORN_SEED = 2 };

/* The hash in a state's of a count; 0 of none. */
static uint64_t count_hash(uint64_t count, uint64_t seed)
{
    return count == 0 ? 0 : rm__state_hash_bytes(rm_slice_make(&count, sizeof count), seed);
}

static void add_to(struct rm_metric *metric, uint64_t *count, uint64_t n, uint64_t seed,
                   uint64_t *state_hash)
{
    uint64_t seed_of_name = rm__state_hash_bytes(metric->name, seed);
    uint64_t change = count_hash(*count + n, seed_of_name) - count_hash(*count, seed_of_name);

    *count += n;
    metric->state_hash += change;
    *state_hash += change;
}

void rm__metric_add_gone(struct rm_metric *metric, uint64_t n, uint64_t *state_hash)
{
    add_to(metric, &metric->n_gone, n, GONE_SEED, state_hash);
}

void rm__metric_add_born(struct rm_metric *metric, uint64_t n, uint64_t *state_hash)
{
    add_to(metric, &metric->n_born, n, BORN_SEED, state_hash);
}

uint32_t rm__metric_find_behind(const struct rm_metric *metric, uint64_t number)
{
    uint32_t begin = 0;
    uint32_t end = metric->series.n;

    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        const struct rm_series *series = metric->series.items[middle];

        if (series->number > number) {
            end = middle;
        } else {
            begin = middle + 1;
        }
    }
    return begin;
}

/* The hash in a state's of bounds that are not the default ones. */
static uint64_t bounds_hash(struct rm_slice name, const struct rm_shared_bounds *bounds)
{
    if (bounds == NULL) {
        return 0;
    }
    return rm__state_hash_bytes(rm_slice_make(bounds->bounds, bounds->n * sizeof *bounds->bounds),
                                rm__state_hash_bytes(name, 0));
}

struct rm_metric *rm__metric_new(uint64_t hash, struct rm_slice name,
                                 struct rm_shared_bounds *bounds)
{
    struct rm_metric *metric = malloc(sizeof *metric + name.len);
    char *bytes;

    if (metric == NULL) {
        return NULL;
    }
    bytes = (char *)(metric + 1);
    if (name.len > 0) {
        memcpy(bytes, name.data, name.len);
    }
    *metric = (struct rm_metric){.hash = hash,
                                 .state_hash = bounds_hash(name, bounds),
                                 .bounds = bounds,
                                 .name = {bytes, name.len}};
    return metric;
}

void rm__metric_free(struct rm_metric *metric)
{
    if (metric == NULL) {
        return;
    }
    for (uint32_t i = 0; i < metric->series.n; i++) {
        rm__series_free(metric->series.items[i]);
    }
    rm__vector_done(&metric->series);
    rm__shared_bounds_unref(metric->bounds);
    free(metric);
}

uint64_t rm__metric_bytes(const struct rm_metric *metric)
{
    uint64_t n_bytes = sizeof *metric + metric->name.len + rm__vector_bytes(&metric->series);

    for (uint32_t i = 0; i < metric->series.n; i++) {
        n_bytes += ((const struct rm_series *)metric->series.items[i])->n_bytes;
    }
    return n_bytes;
}
