/* Which observations are the newest @limit of several series, found without walking over as many.
 *
 * Parts, what of one chunk lies in a range, are taken by the end of their time, the latest first,
 * until they hold enough. None of the wanted can then stand behind where the last of these ends,
 * nor is any that stands behind it unwanted: those are counted, chunk by chunk. The others that are
 * wanted are looked for among what stands before, going on with further parts until they end before
 * all of them. */
#include "newest.h"

#include <assert.h>
#include <stdlib.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"

uint64_t rm__series_range_count(const struct rm_series_range *range)
{
    return rm__series_count(range->series, range->begin, range->end);
}

/* ---- parts ---- */

struct part {
    const struct rm_series_range *range;
    uint32_t chunk;
    struct rm_position last; /* nothing of it stands behind */
};

static const struct rm_chunk *chunk_of(const struct part *part)
{
    return rm__series_chunk(part->range->series, part->chunk);
}

static uint32_t begin_of(const struct part *part)
{
    return part->chunk == part->range->begin.chunk ? part->range->begin.index : 0;
}

static uint32_t end_of(const struct part *part)
{
    return part->chunk == part->range->end.chunk ? part->range->end.index : chunk_of(part)->n;
}

/* The part before @part, or the last one where its chunk is that of the range's end; false where
 * there is none. */
static bool step_back(struct part *part)
{
    while (part->chunk > part->range->begin.chunk) {
        part->chunk--;
        if (end_of(part) > begin_of(part)) {
            part->last = rm__chunk_last(chunk_of(part))->position;
            return true;
        }
    }
    return false;
}

static bool last_part(const struct rm_series_range *range, struct part *ret_part)
{
    *ret_part = (struct part){.range = range, .chunk = range->end.chunk};
    if (range->end.index > 0 && end_of(ret_part) > begin_of(ret_part)) {
        ret_part->last = rm__chunk_last(chunk_of(ret_part))->position;
        return true;
    }
    return step_back(ret_part);
}

/* ---- a heap of the next part of each range, the latest on top ---- */

struct heap {
    struct part *parts;
    size_t n;
};

static bool is_later(const struct part *a, const struct part *b)
{
    return rm__position_is_before(b->last, a->last);
}

static void sift_down(struct heap *heap, size_t i)
{
    struct part moved = heap->parts[i];

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < heap->n && is_later(&heap->parts[child + 1], &heap->parts[child])) {
            child++;
        }
        if (child >= heap->n || !is_later(&heap->parts[child], &moved)) {
            break;
        }
        heap->parts[i] = heap->parts[child];
        i = child;
    }
    heap->parts[i] = moved;
}

static int heap_init(struct heap *heap, const struct rm_series_range *ranges, size_t n)
{
    *heap = (struct heap){.parts = malloc(n * sizeof *heap->parts)};
    if (heap->parts == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        heap->n += last_part(&ranges[i], &heap->parts[heap->n]);
    }
    for (size_t i = heap->n / 2; i > 0; i--) {
        sift_down(heap, i - 1);
    }
    return 0;
}

/* Takes the latest part, and goes on to the one before it. */
static struct part take(struct heap *heap)
{
    struct part part = heap->parts[0];

    assert(heap->n > 0);
    if (!step_back(&heap->parts[0])) {
        heap->n--;
        heap->parts[0] = heap->parts[heap->n];
    }
    sift_down(heap, 0);
    return part;
}

/* ---- the latest @n_wanted of positions that are shown one by one ---- */

struct latest {
    struct rm_position *positions; /* room for twice as many as are wanted */
    size_t n;
    size_t n_wanted;
    struct rm_position first; /* none before is wanted */
};

static void swap(struct rm_position *a, struct rm_position *b)
{
    struct rm_position swapped = *a;

    *a = *b;
    *b = swapped;
}

/* Puts the latest @n_wanted to the front, the first of them last of these (Hoare 1961). */
static void select_latest(struct rm_position *positions, size_t n, size_t n_wanted)
{
    size_t low = 0;
    size_t high = n - 1;

    while (low < high) {
        struct rm_position pivot = positions[low + (high - low) / 2];
        size_t i = low;
        size_t j = high;

        for (;;) {
            while (rm__position_is_before(pivot, positions[i])) {
                i++;
            }
            while (rm__position_is_before(positions[j], pivot)) {
                j--;
            }
            if (i >= j) {
                break;
            }
            swap(&positions[i++], &positions[j--]);
        }
        if (n_wanted - 1 <= j) {
            high = j;
        } else {
            low = j + 1;
        }
    }
}

static void forget_older(struct latest *latest)
{
    select_latest(latest->positions, latest->n, latest->n_wanted);
    latest->n = latest->n_wanted;
    latest->first = latest->positions[latest->n_wanted - 1];
}

static void show(struct latest *latest, struct rm_position position)
{
    if (rm__position_is_before(position, latest->first)) {
        return;
    }
    if (latest->n == 2 * latest->n_wanted) {
        forget_older(latest);
    }
    latest->positions[latest->n++] = position;
}

/* Shows what of @part does not stand behind @end. */
static void show_part(struct latest *latest, const struct part *part, struct rm_position end)
{
    struct rm_chunk_window window;
    const struct rm_chunk *chunk = chunk_of(part);
    const struct rm_observation *observations;

    if (rm__position_is_before(end, rm__chunk_first(chunk)->position)) {
        return;
    }
    observations = rm__chunk_read(chunk, &window);
    for (uint32_t i = end_of(part); i > begin_of(part); i--) {
        struct rm_position position = observations[i - 1].position;

        if (rm__position_is_before(position, latest->first)) {
            break;
        }
        if (!rm__position_is_before(end, position)) {
            show(latest, position);
        }
    }
}

/* ---- the first of the newest ---- */

static const struct rm_position BEFORE_ALL = {INT64_MIN, 0};

/* How many of @part stand behind @position. */
static uint32_t count_behind(const struct part *part, struct rm_position position)
{
    const struct rm_position next = {position.timestamp_ms, position.ordinal + 1};
    uint32_t index = rm__chunk_find(chunk_of(part), next);
    uint32_t begin = begin_of(part) > index ? begin_of(part) : index;

    return end_of(part) > begin ? end_of(part) - begin : 0;
}

/* Takes parts until they hold @limit. */
static int take_enough(struct heap *heap, uint64_t limit, struct rm_buffer *taken)
{
    uint64_t n = 0;

    while (n < limit) {
        struct part part = take(heap);
        int rv = rm_buffer_append(taken, &part, sizeof part);

        if (rv != 0) {
            return rv;
        }
        n += end_of(&part) - begin_of(&part);
    }
    return 0;
}

/* The first of the latest @latest->n_wanted that do not stand behind @end, in parts that were taken
 * and in those that were not. */
static struct rm_position first_of_latest(struct latest *latest, const struct part *taken,
                                          size_t n_taken, struct heap *heap, struct rm_position end)
{
    for (size_t i = 0; i < n_taken; i++) {
        show_part(latest, &taken[i], end);
    }
    forget_older(latest); /* as many as are wanted were there */
    while (heap->n > 0 && !rm__position_is_before(heap->parts[0].last, latest->first)) {
        struct part part = take(heap);

        show_part(latest, &part, end);
    }
    forget_older(latest);
    return latest->first;
}

/* Errors: RM_ENOMEM. */
static int find_first(struct heap *heap, uint64_t limit, struct rm_buffer *taken,
                      struct rm_position *ret_first)
{
    struct latest latest = {.n_wanted = (size_t)limit, .first = BEFORE_ALL};
    const struct part *parts;
    struct rm_position end;
    size_t n_taken;
    int rv = take_enough(heap, limit, taken);

    if (rv != 0) {
        return rv;
    }
    parts = (const struct part *)(const void *)taken->data;
    n_taken = taken->len / sizeof *parts;
    end = parts[n_taken - 1].last;
    for (size_t i = 0; i < n_taken; i++) {
        latest.n_wanted -= count_behind(&parts[i], end);
    }
    latest.positions = malloc(2 * latest.n_wanted * sizeof *latest.positions);
    if (latest.positions == NULL) {
        return RM_ENOMEM;
    }
    *ret_first = first_of_latest(&latest, parts, n_taken, heap, end);
    free(latest.positions);
    return 0;
}

static bool is_behind(struct rm_series_place a, struct rm_series_place b)
{
    return a.chunk != b.chunk ? a.chunk > b.chunk : a.index > b.index;
}

static void begin_at(struct rm_series_range *range, struct rm_position first)
{
    struct rm_series_place place = rm__series_find(range->series, first);

    if (is_behind(place, range->begin)) {
        range->begin = is_behind(place, range->end) ? range->end : place;
    }
}

/* Of one series chunks are counted. */
static void leave_out(struct rm_series_range *range, uint64_t n)
{
    struct rm_series_place *begin = &range->begin;

    while (n > 0) {
        uint32_t n_left = rm__series_chunk(range->series, begin->chunk)->n - begin->index;

        if (n < n_left) {
            begin->index += (uint32_t)n;
            return;
        }
        n -= n_left;
        *begin = (struct rm_series_place){begin->chunk + 1, 0};
    }
}

static int keep_newest_of_many(struct rm_series_range *ranges, size_t n, uint64_t limit)
{
    struct rm_position first = BEFORE_ALL;
    struct rm_buffer taken;
    struct heap heap;
    int rv = heap_init(&heap, ranges, n);

    rm_buffer_init(&taken, SIZE_MAX);
    if (rv == 0) {
        rv = find_first(&heap, limit, &taken, &first);
    }
    for (size_t i = 0; i < n && rv == 0; i++) {
        begin_at(&ranges[i], first);
    }
    rm_buffer_done(&taken);
    free(heap.parts);
    return rv;
}

int rm__keep_newest(struct rm_series_range *ranges, size_t n, uint64_t limit)
{
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++) {
        total += rm__series_range_count(&ranges[i]);
    }
    if (total <= limit) {
        return 0;
    }
    if (limit > 0 && n > 1) {
        return keep_newest_of_many(ranges, n, limit);
    }
    for (size_t i = 0; i < n; i++) {
        leave_out(&ranges[i], rm__series_range_count(&ranges[i]) - (n == 1 ? limit : 0));
    }
    return 0;
}
