#include "narrowing.h"

#include <assert.h>
#include <string.h>

enum { NO_INTERVAL = RM_RANKS_MAX };

static_assert((int)NO_INTERVAL <= (int)UINT8_MAX, "intervals are numbered by bytes");

/* The least shift with which numbers up to @range have fewer than @n. */
static unsigned shift_for(uint64_t range, size_t n)
{
    unsigned shift = 0;

    while (range >> shift >= n) {
        shift++;
    }
    return shift;
}

static void begin_pass(struct rm_narrowing *narrowing)
{
    narrowing->n_bins = RM_NARROWING_BINS / RM_RANKS_MAX;
    while (narrowing->n_bins * 2 * narrowing->n_intervals <= RM_NARROWING_BINS) {
        narrowing->n_bins *= 2;
    }
    for (size_t i = 0; i < narrowing->n_intervals; i++) {
        struct rm_interval *interval = &narrowing->intervals[i];

        interval->shift = shift_for(interval->high - interval->low, narrowing->n_bins);
    }
    memset(narrowing->counts, 0, sizeof narrowing->counts);
}

/* After the first pass no interval is in two places of it, for that was a bin. */
static void index_intervals(struct rm_narrowing *narrowing)
{
    memset(narrowing->first, NO_INTERVAL, sizeof narrowing->first);
    for (size_t i = narrowing->n_intervals; i > 0; i--) {
        uint64_t distance = narrowing->intervals[i - 1].low - narrowing->low;

        narrowing->first[distance >> narrowing->shift] = (uint8_t)(i - 1);
    }
}

void rm__narrowing_init(struct rm_narrowing *narrowing, uint64_t n, uint64_t low, uint64_t high,
                        const uint64_t *ranks, size_t n_ranks)
{
    assert(n_ranks >= 1 && n_ranks <= RM_RANKS_MAX && ranks[n_ranks - 1] < n);
    narrowing->ranks = ranks;
    narrowing->low = low;
    narrowing->shift = shift_for(high - low, RM_NARROWING_BINS);
    memset(narrowing->first, 0, sizeof narrowing->first);
    narrowing->intervals[0] =
        (struct rm_interval){.low = low, .high = high, .n = n, .n_ranks = n_ranks};
    narrowing->n_intervals = 1;
    begin_pass(narrowing);
}

/* The interval that @key is in; n_intervals where it is in none. Several may be in one place of the
 * index, so the first is only where to begin. */
static size_t find_interval(const struct rm_narrowing *narrowing, uint64_t key)
{
    size_t i = narrowing->first[(key - narrowing->low) >> narrowing->shift];

    while (i < narrowing->n_intervals && narrowing->intervals[i].high < key) {
        i++;
    }
    return i < narrowing->n_intervals && narrowing->intervals[i].low <= key
               ? i
               : narrowing->n_intervals;
}

void rm__narrowing_count(struct rm_narrowing *narrowing, uint64_t key)
{
    size_t i = find_interval(narrowing, key);

    if (i < narrowing->n_intervals) {
        const struct rm_interval *interval = &narrowing->intervals[i];

        narrowing->counts[i * narrowing->n_bins + ((key - interval->low) >> interval->shift)]++;
    }
}

/* Puts the bins of @whole with a rank that is asked for behind @parts; how many. */
static size_t divide(const struct rm_interval *whole, const uint64_t *counts, size_t n_bins,
                     const uint64_t *ranks, struct rm_interval *parts)
{
    uint64_t width = UINT64_C(1) << whole->shift;
    struct rm_interval part = {.first_rank = whole->first_rank, .rank = whole->rank};
    size_t end = whole->rank + whole->n_ranks;
    size_t n_parts = 0;

    for (size_t bin = 0; bin < n_bins && part.rank < end; bin++) {
        part.n = counts[bin];
        part.n_ranks = 0;
        while (part.rank + part.n_ranks < end &&
               ranks[part.rank + part.n_ranks] < part.first_rank + part.n) {
            part.n_ranks++;
        }
        if (part.n_ranks > 0) {
            part.low = whole->low + bin * width;
            part.high = whole->high - part.low < width ? whole->high : part.low + (width - 1);
            parts[n_parts++] = part;
        }
        part.first_rank += part.n;
        part.rank += part.n_ranks;
    }
    return n_parts;
}

uint64_t rm__narrowing_end_pass(struct rm_narrowing *narrowing)
{
    struct rm_interval parts[RM_RANKS_MAX];
    size_t n_parts = 0;
    uint64_t n_left = 0;

    for (size_t i = 0; i < narrowing->n_intervals; i++) {
        n_parts += divide(&narrowing->intervals[i], narrowing->counts + i * narrowing->n_bins,
                          narrowing->n_bins, narrowing->ranks, parts + n_parts);
    }
    for (size_t i = 0; i < n_parts; i++) {
        n_left += parts[i].low < parts[i].high ? parts[i].n : 0;
    }
    memcpy(narrowing->intervals, parts, n_parts * sizeof *parts);
    narrowing->n_intervals = n_parts;
    index_intervals(narrowing);
    begin_pass(narrowing);
    return n_left;
}

/* Keys of an interval with one number are known. */
bool rm__narrowing_has(const struct rm_narrowing *narrowing, uint64_t key)
{
    size_t i = find_interval(narrowing, key);

    return i < narrowing->n_intervals && narrowing->intervals[i].low < narrowing->intervals[i].high;
}

void rm__narrowing_finish(const struct rm_narrowing *narrowing, uint64_t *left, uint64_t *ret_keys)
{
    uint64_t ranks[RM_RANKS_MAX]; /* among those that are left */
    uint64_t found[RM_RANKS_MAX];
    size_t n_ranks = 0;
    uint64_t n_left = 0;

    for (size_t i = 0; i < narrowing->n_intervals; i++) {
        const struct rm_interval *interval = &narrowing->intervals[i];

        for (size_t j = interval->rank; j < interval->rank + interval->n_ranks; j++) {
            if (interval->low < interval->high) {
                ranks[n_ranks++] = narrowing->ranks[j] - interval->first_rank + n_left;
            }
        }
        n_left += interval->low < interval->high ? interval->n : 0;
    }
    rm__order_statistics(left, (size_t)n_left, narrowing->intervals[0].low,
                         narrowing->intervals[narrowing->n_intervals - 1].high, ranks, n_ranks,
                         found);
    n_ranks = 0;
    for (size_t i = 0; i < narrowing->n_intervals; i++) {
        const struct rm_interval *interval = &narrowing->intervals[i];

        for (size_t j = interval->rank; j < interval->rank + interval->n_ranks; j++) {
            ret_keys[j] = interval->low < interval->high ? found[n_ranks++] : interval->low;
        }
    }
}
