/* A radix selection: keys are counted into bins by the topmost bits in which they differ, and only
 * bins with a rank that is asked for are looked at again. Each round settles 8 bits of at most 64
 * or more, so there is no input that makes it slow, as there is for each quickselect without
 * randomness. */
#include "order_statistics.h"

#include <assert.h>
#include <stdbool.h>

enum {
    N_BINS = 1 << 8,
    MANY = 1 << 13, /* keys are worth more bins: fewer rounds */
    N_BINS_FOR_MANY = 1 << 11,
    FEW = 32, /* are sorted */
    NO_PART = UINT8_MAX,
};

static_assert((int)RM_RANKS_MAX < (int)NO_PART, "parts are numbered by bytes");

/* Keys, and the ranks that are wanted of them. */
struct part {
    uint64_t *keys;
    size_t n;
    uint64_t first_rank; /* of the smallest of them */
    const uint64_t *ranks;
    size_t n_ranks;
    uint64_t *ret_keys;
};

struct bins {
    size_t n;
    uint64_t low;
    unsigned shift;
    size_t counts[N_BINS_FOR_MANY];
    uint8_t parts[N_BINS_FOR_MANY]; /* which part each becomes, or NO_PART */
};

static void sort(uint64_t *keys, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t key = keys[i];
        size_t j = i;

        for (; j > 0 && keys[j - 1] > key; j--) {
            keys[j] = keys[j - 1];
        }
        keys[j] = key;
    }
}

static size_t bin_of(const struct bins *bins, uint64_t key)
{
    return (size_t)((key - bins->low) >> bins->shift);
}

static void find_range(const struct part *part, uint64_t *ret_low, uint64_t *ret_high)
{
    uint64_t low = part->keys[0];
    uint64_t high = part->keys[0];

    for (size_t i = 1; i < part->n; i++) {
        low = part->keys[i] < low ? part->keys[i] : low;
        high = part->keys[i] > high ? part->keys[i] : high;
    }
    *ret_low = low;
    *ret_high = high;
}

static void count(struct bins *bins, const struct part *part, uint64_t low, uint64_t high)
{
    bins->n = part->n < MANY ? N_BINS : N_BINS_FOR_MANY;
    bins->low = low;
    bins->shift = 0;
    while ((high - low) >> bins->shift >= bins->n) {
        bins->shift++;
    }
    memset(bins->counts, 0, bins->n * sizeof *bins->counts);
    for (size_t i = 0; i < part->n; i++) {
        bins->counts[bin_of(bins, part->keys[i])]++;
    }
}

/* The parts of @whole that its ranks ask for: one for each bin with a rank, in their order, their
 * keys still to be brought together. */
static size_t divide(const struct part *whole, struct bins *bins, struct part *ret_parts)
{
    uint64_t first_rank = whole->first_rank;
    size_t n_parts = 0;
    size_t n_keys = 0;
    size_t rank = 0;

    for (size_t bin = 0; bin < bins->n; bin++) {
        size_t n_ranks = 0;

        while (rank + n_ranks < whole->n_ranks &&
               whole->ranks[rank + n_ranks] < first_rank + bins->counts[bin]) {
            n_ranks++;
        }
        bins->parts[bin] = NO_PART;
        if (n_ranks > 0) {
            bins->parts[bin] = (uint8_t)n_parts;
            ret_parts[n_parts] = (struct part){.keys = whole->keys + n_keys,
                                               .n = bins->counts[bin],
                                               .first_rank = first_rank,
                                               .ranks = whole->ranks + rank,
                                               .n_ranks = n_ranks,
                                               .ret_keys = whole->ret_keys + rank};
            n_keys += bins->counts[bin];
            n_parts++;
        }
        first_rank += bins->counts[bin];
        rank += n_ranks;
    }
    return n_parts;
}

/* Drops the keys of no part. */
static void compact(const struct part *whole, const struct bins *bins)
{
    size_t n_kept = 0;

    for (size_t i = 0; i < whole->n; i++) {
        uint64_t key = whole->keys[i];

        whole->keys[n_kept] = key;
        n_kept += bins->parts[bin_of(bins, key)] != NO_PART ? 1 : 0;
    }
}

/* Brings the kept keys into the order of their parts: each swap puts one where it belongs
 * (McIlroy, Bostic and McIlroy, "Engineering radix sort", 1993). */
static void bring_together(const struct bins *bins, const struct part *parts, size_t n_parts)
{
    size_t n_placed[RM_RANKS_MAX] = {0};

    for (size_t i = 0; i + 1 < n_parts; i++) { /* what is left is of the last */
        while (n_placed[i] < parts[i].n) {
            uint64_t *place = &parts[i].keys[n_placed[i]];
            size_t home = bins->parts[bin_of(bins, *place)];
            uint64_t *home_place = &parts[home].keys[n_placed[home]];
            uint64_t key = *place;

            *place = *home_place;
            *home_place = key;
            n_placed[home]++;
        }
    }
}

static void sort_few(const struct part *part)
{
    sort(part->keys, part->n);
    for (size_t i = 0; i < part->n_ranks; i++) {
        part->ret_keys[i] = part->keys[part->ranks[i] - part->first_rank];
    }
}

/* All keys of @part are between @low and @high. */
static void select_keys(const struct part *part, uint64_t low, uint64_t high)
{
    struct part parts[RM_RANKS_MAX];
    struct bins bins;
    size_t n_parts;

    if (part->n <= FEW) {
        sort_few(part);
        return;
    }
    if (low == high) {
        for (size_t i = 0; i < part->n_ranks; i++) {
            part->ret_keys[i] = low;
        }
        return;
    }
    count(&bins, part, low, high);
    n_parts = divide(part, &bins, parts);
    compact(part, &bins);
    bring_together(&bins, parts, n_parts);
    for (size_t i = 0; i < n_parts; i++) {
        find_range(&parts[i], &low, &high);
        select_keys(&parts[i], low, high);
    }
}

void rm__order_statistics(uint64_t *keys, size_t n, uint64_t low, uint64_t high,
                          const uint64_t *ranks, size_t n_ranks, uint64_t *ret_keys)
{
    const struct part whole = {
        .keys = keys, .n = n, .ranks = ranks, .n_ranks = n_ranks, .ret_keys = ret_keys};

    assert(n_ranks <= RM_RANKS_MAX && (n_ranks == 0 || ranks[n_ranks - 1] < n));
    if (n_ranks > 0) {
        select_keys(&whole, low, high);
    }
}
