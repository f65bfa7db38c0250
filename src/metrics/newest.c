/* Which observations are the newest @limit of several series, found without walking over as many.
 *
 * Parts are taken by their bounds, the latest first, until they hold enough. None of the wanted can
 * then stand behind where the last of these ends, nor is any that stands behind it unwanted: those
 * are counted, chunk by chunk. The others that are wanted are looked for among what stands before,
 * going on with further parts until they end before all of them. */
#include "newest.h"

#include <assert.h>
#include <stdlib.h>

#include "raftmetrics/base/error.h"

/* In the time that a value takes to be read: some 5 ns. */
enum {
    PART_COST = 16,      /* to look at one for the first time */
    TURN_COST = 16,      /* to take one off the heap */
    DECODING_COST = 256, /* where some of a chunk is wanted, and some is not */
};

static const struct rm_position BEFORE_ALL = {INT64_MIN, 0};

/* ---- a heap of the next part of each share, the latest on top ---- */

static bool is_later(const struct rm_newest_part *a, const struct rm_newest_part *b)
{
    return rm__position_is_before(b->bound, a->bound);
}

static void sift_down(struct rm_newest *newest, size_t i)
{
    struct rm_newest_part *heap = newest->heap;
    struct rm_newest_part moved = heap[i];

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < newest->n_heap && is_later(&heap[child + 1], &heap[child])) {
            child++;
        }
        if (child >= newest->n_heap || !is_later(&heap[child], &moved)) {
            break;
        }
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moved;
}

static struct rm_newest_part wait_for(const struct rm_newest *newest, size_t share, size_t part)
{
    return (struct rm_newest_part){part, share, rm__part_bound(&newest->parts[part])};
}

/* Takes the latest part, and goes on to the one before it. */
static struct rm_newest_part take(struct rm_newest *newest)
{
    struct rm_newest_part *top = &newest->heap[0];
    struct rm_newest_part taken = *top;

    assert(newest->n_heap > 0);
    if (taken.part > newest->shares[taken.share].begin) {
        *top = wait_for(newest, taken.share, taken.part - 1);
    } else {
        newest->n_heap--;
        *top = newest->heap[newest->n_heap];
    }
    sift_down(newest, 0);
    return taken;
}

static int fill_heap(struct rm_newest *newest, int64_t *budget)
{
    for (; newest->next<newest->n_shares && * budget> 0; newest->next++) {
        newest->heap[newest->next] =
            wait_for(newest, newest->next, newest->shares[newest->next].end - 1);
        *budget -= PART_COST;
    }
    if (newest->next == newest->n_shares) {
        newest->n_heap = newest->n_shares;
        newest->next = newest->n_heap / 2;
        newest->stage = RM_NEWEST_HEAPIFY;
    }
    return 0;
}

static int heapify(struct rm_newest *newest, int64_t *budget)
{
    for (; newest->next > 0 && *budget > 0; newest->next--) {
        sift_down(newest, newest->next - 1);
        *budget -= TURN_COST;
    }
    if (newest->next == 0) {
        newest->stage = RM_NEWEST_TAKE;
    }
    return 0;
}

/* ---- what surely is wanted ---- */

static const struct rm_newest_part *taken_parts(const struct rm_newest *newest, size_t *ret_n)
{
    const struct rm_newest_part *parts = (const void *)newest->taken.data;

    *ret_n = newest->taken.len / sizeof *parts;
    return parts;
}

static int take_enough(struct rm_newest *newest, int64_t *budget)
{
    while (newest->n_taken<newest->limit && * budget> 0) {
        struct rm_newest_part taken = take(newest);
        int rv = rm_buffer_append(&newest->taken, &taken, sizeof taken);

        if (rv != 0) {
            return rv;
        }
        newest->n_taken += rm__part_count(&newest->parts[taken.part]);
        newest->end = taken.bound;
        *budget -= TURN_COST;
    }
    if (newest->n_taken >= newest->limit) {
        newest->latest.n_wanted = (size_t)newest->limit;
        newest->stage = RM_NEWEST_COUNT;
    }
    return 0;
}

/* How many of @part stand behind @position. */
static uint32_t count_behind(const struct rm_part *part, struct rm_position position)
{
    const struct rm_position next = {position.timestamp_ms, position.ordinal + 1};
    uint32_t index = rm__chunk_find(part->chunk, next);
    uint32_t begin = part->begin > index ? part->begin : index;

    return part->end > begin ? part->end - begin : 0;
}

/* Some are still wanted, for before the last part was taken the others held too few. A part more
 * than twice as many as those finds room. */
static int make_room(struct rm_latest *latest)
{
    latest->capacity = 2 * latest->n_wanted + RM_CHUNK_MAX;
    latest->positions = malloc(latest->capacity * sizeof *latest->positions);
    return latest->positions == NULL ? RM_ENOMEM : 0;
}

static int count_wanted(struct rm_newest *newest, int64_t *budget)
{
    size_t n;
    const struct rm_newest_part *taken = taken_parts(newest, &n);

    for (; newest->next<n && * budget> 0; newest->next++) {
        newest->latest.n_wanted -=
            count_behind(&newest->parts[taken[newest->next].part], newest->end);
        *budget -= DECODING_COST;
    }
    if (newest->next < n) {
        return 0;
    }
    newest->next = 0;
    newest->stage = RM_NEWEST_SHOW;
    return make_room(&newest->latest);
}

/* ---- the latest of those that may be ---- */

static void begin_parting(struct rm_latest *latest)
{
    latest->i = latest->low;
    latest->j = latest->high;
    latest->pivot = latest->positions[latest->low + (latest->high - latest->low) / 2];
}

static void begin_selecting(struct rm_newest *newest)
{
    struct rm_latest *latest = &newest->latest;

    newest->is_selecting = true;
    latest->low = 0;
    latest->high = latest->n - 1;
    begin_parting(latest);
}

static void swap(struct rm_position *a, struct rm_position *b)
{
    struct rm_position swapped = *a;

    *a = *b;
    *b = swapped;
}

/* Until the next swap. True: the later ones stand before the others now, down to j. */
static bool part(struct rm_latest *latest, int64_t *budget)
{
    struct rm_position *positions = latest->positions;
    size_t i = latest->i;
    size_t j = latest->j;

    while (rm__position_is_before(latest->pivot, positions[i])) {
        i++;
    }
    while (rm__position_is_before(positions[j], latest->pivot)) {
        j--;
    }
    *budget -= (int64_t)(i - latest->i + (latest->j - j) + 1);
    latest->i = i;
    latest->j = j;
    if (i >= j) {
        return true;
    }
    swap(&positions[latest->i++], &positions[latest->j--]);
    return false;
}

/* Puts the latest that are wanted to the front, the first of them last of these (Hoare 1961). */
static void select_latest(struct rm_newest *newest, int64_t *budget)
{
    struct rm_latest *latest = &newest->latest;

    while (latest->low < latest->high) {
        if (*budget <= 0) {
            return;
        }
        if (!part(latest, budget)) {
            continue;
        }
        if (latest->n_wanted - 1 <= latest->j) {
            latest->high = latest->j;
        } else {
            latest->low = latest->j + 1;
        }
        begin_parting(latest);
    }
    latest->n = latest->n_wanted;
    latest->first = latest->positions[latest->n_wanted - 1];
    newest->is_selecting = false;
}

/* Shows what of @part does not stand behind @end. There is room for all of it. */
static void show_part(struct rm_latest *latest, const struct rm_part *part, struct rm_position end)
{
    struct rm_chunk_window window;
    const struct rm_observation *observations;

    if (rm__position_is_before(end, rm__chunk_first(part->chunk)->position)) {
        return;
    }
    observations = rm__chunk_read(part->chunk, &window);
    for (uint32_t i = part->end; i > part->begin; i--) {
        struct rm_position position = observations[i - 1].position;

        if (rm__position_is_before(position, latest->first)) {
            break;
        }
        if (!rm__position_is_before(end, position)) {
            latest->positions[latest->n++] = position;
        }
    }
}

/* False: those that were shown leave no room for a part more. */
static bool has_room(const struct rm_latest *latest)
{
    return latest->capacity - latest->n >= RM_CHUNK_MAX;
}

static int show_taken(struct rm_newest *newest, int64_t *budget)
{
    size_t n;
    const struct rm_newest_part *taken = taken_parts(newest, &n);

    while (newest->next<n && * budget> 0) {
        if (!has_room(&newest->latest)) {
            begin_selecting(newest);
            return 0;
        }
        show_part(&newest->latest, &newest->parts[taken[newest->next].part], newest->end);
        newest->next++;
        *budget -= DECODING_COST;
    }
    if (newest->next == n) {
        begin_selecting(newest); /* as many as are wanted were there */
        newest->stage = RM_NEWEST_GO_ON;
    }
    return 0;
}

static int show_others(struct rm_newest *newest, int64_t *budget)
{
    struct rm_latest *latest = &newest->latest;

    while (newest->n_heap > 0 && *budget > 0 &&
           !rm__position_is_before(newest->heap[0].bound, latest->first)) {
        if (!has_room(latest)) {
            begin_selecting(newest);
            return 0;
        }
        show_part(latest, &newest->parts[take(newest).part], newest->end);
        *budget -= TURN_COST + DECODING_COST;
    }
    if (newest->n_heap == 0 || rm__position_is_before(newest->heap[0].bound, latest->first)) {
        begin_selecting(newest);
        newest->next = 0;
        newest->stage = RM_NEWEST_CUT;
    }
    return 0;
}

/* ---- what is left of the shares ---- */

/* The first part of @share that does not end before @first. */
static size_t find_part(const struct rm_newest *newest, const struct rm_share *share,
                        struct rm_position first)
{
    size_t low = share->begin;
    size_t high = share->end;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (rm__position_is_before(rm__part_bound(&newest->parts[middle]), first)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void cut(const struct rm_newest *newest, struct rm_share *share)
{
    struct rm_position first = newest->latest.first;
    struct rm_part *part;
    uint32_t index;

    share->begin = find_part(newest, share, first);
    if (share->begin == share->end) {
        return;
    }
    part = &newest->parts[share->begin];
    index = rm__chunk_find(part->chunk, first);
    if (index >= part->end) {
        share->begin++;
    } else if (index > part->begin) {
        part->begin = index;
    }
}

static int cut_shares(struct rm_newest *newest, int64_t *budget)
{
    for (; newest->next<newest->n_shares && * budget> 0; newest->next++) {
        struct rm_share *share = &newest->shares[newest->next];

        cut(newest, share);
        *budget -= PART_COST + (share->begin < share->end ? DECODING_COST : 0);
    }
    if (newest->next == newest->n_shares) {
        newest->stage = RM_NEWEST_DONE;
    }
    return 0;
}

/* ---- all of it ---- */

int rm__newest_begin(struct rm_newest *newest, struct rm_part *parts, struct rm_share *shares,
                     size_t n, uint64_t limit)
{
    *newest = (struct rm_newest){.parts = parts,
                                 .shares = shares,
                                 .n_shares = n,
                                 .limit = limit,
                                 .heap = malloc(n * sizeof *newest->heap),
                                 .latest = {.first = BEFORE_ALL}};
    rm_buffer_init(&newest->taken, SIZE_MAX);
    return newest->heap == NULL ? RM_ENOMEM : 0;
}

int rm__newest_work(struct rm_newest *newest, int64_t *budget)
{
    static int (*const stages[])(struct rm_newest *, int64_t *) = {
        [RM_NEWEST_FILL] = fill_heap,   [RM_NEWEST_HEAPIFY] = heapify,
        [RM_NEWEST_TAKE] = take_enough, [RM_NEWEST_COUNT] = count_wanted,
        [RM_NEWEST_SHOW] = show_taken,  [RM_NEWEST_GO_ON] = show_others,
        [RM_NEWEST_CUT] = cut_shares};
    int rv = 0;

    while (rv == 0 && *budget > 0 && newest->stage != RM_NEWEST_DONE) {
        if (newest->is_selecting) {
            select_latest(newest, budget);
        } else {
            rv = stages[newest->stage](newest, budget);
        }
    }
    return rv;
}

size_t rm__newest_bytes(const struct rm_newest *newest)
{
    return newest->n_shares * sizeof *newest->heap + newest->taken.capacity +
           newest->latest.capacity * sizeof *newest->latest.positions;
}

void rm__newest_done(struct rm_newest *newest)
{
    rm_buffer_done(&newest->taken);
    free(newest->heap);
    free(newest->latest.positions);
    *newest = (struct rm_newest){0};
}
