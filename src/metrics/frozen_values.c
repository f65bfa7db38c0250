#include "raftmetrics/metrics/frozen_values.h"

#include <stdlib.h>
#include <string.h>

#include "newest.h"
#include "raftmetrics/base/error.h"
#include "selection.h"
#include "store_internal.h"

/* What is given of a chunk. */
struct part {
    struct rm_chunk *chunk; /* owned */
    uint32_t begin;
    uint32_t end;
    unsigned n_passed; /* how many of the twins are through with it */
};

/* A series of which not all was given. Its first part is entered when its turn comes: until then
 * nothing is decoded. */
struct source {
    struct rm_position position;       /* of the next value; before it, where no part is entered */
    const struct rm_observation *next; /* of the first part, until @end; NULL: not entered */
    const struct rm_observation *end;
    struct rm_observation *decoded; /* they lie in it, where that chunk is sealed; owned */
    struct part *parts;             /* what is left of them, the first included */
    size_t n_parts;
    uint32_t number; /* in the list of series */
};

/* What twins have in common. */
struct frozen_parts {
    unsigned n_owners;
    unsigned n_twins;   /* also those that were freed */
    struct part *items; /* of all sources, one behind the other */
    size_t n;
    struct rm_values_series *series;
    struct rm_label *labels; /* of all series; their bytes lie behind them */
};

struct frozen {
    struct rm_frozen_values values;
    enum rm_values_order order;
    struct frozen_parts *parts;
    struct source *heap; /* the one whose turn it is on top */
    size_t n_sources;
    size_t n_decoded_bytes; /* at most */
};

/* ---- one series ---- */

/* Copies what is given of a sealed chunk out of it. Errors: RM_ENOMEM. */
static int decode(struct source *source, const struct part *part)
{
    size_t n_bytes = (part->end - part->begin) * sizeof *source->decoded;
    struct rm_chunk_window window;

    source->decoded = malloc(n_bytes);
    if (source->decoded == NULL) {
        return RM_ENOMEM;
    }
    memcpy(source->decoded, rm__chunk_read(part->chunk, &window) + part->begin, n_bytes);
    source->next = source->decoded;
    return 0;
}

/* Errors: RM_ENOMEM, which leaves the source in front of the part. */
static int enter_part(struct source *source)
{
    const struct part *part = source->parts;

    if (!rm__chunk_is_sealed(part->chunk)) {
        source->next = rm__chunk_peek(part->chunk) + part->begin;
    } else if (decode(source, part) != 0) {
        return RM_ENOMEM;
    }
    source->end = source->next + (part->end - part->begin);
    source->position = source->next->position;
    return 0;
}

static void stand_before_part(struct source *source)
{
    if (source->n_parts > 0) {
        source->position = rm__chunk_first(source->parts->chunk)->position;
    }
}

/* The last to leave lets go of the chunk. */
static void leave_part(struct source *source, unsigned n_twins)
{
    struct part *part = source->parts;

    free(source->decoded);
    source->decoded = NULL;
    source->next = NULL;
    if (++part->n_passed == n_twins) {
        rm__chunk_unref(part->chunk);
        part->chunk = NULL;
    }
    source->parts++;
    source->n_parts--;
    stand_before_part(source);
}

/* Goes on behind the next value. */
static void advance(struct source *source, unsigned n_twins)
{
    source->next++;
    if (source->next == source->end) {
        leave_part(source, n_twins);
    } else {
        source->position = source->next->position;
    }
}

/* ---- all of them ---- */

static bool comes_first(const struct frozen *frozen, const struct source *a, const struct source *b)
{
    return frozen->order == RM_VALUES_BY_TIME ? rm__position_is_before(a->position, b->position)
                                              : a->number < b->number;
}

static void sift_down(struct frozen *frozen, size_t i)
{
    struct source *heap = frozen->heap;
    struct source moved = heap[i];

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < frozen->n_sources && comes_first(frozen, &heap[child + 1], &heap[child])) {
            child++;
        }
        if (child >= frozen->n_sources || !comes_first(frozen, &heap[child], &moved)) {
            break;
        }
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moved;
}

static void give(struct frozen *frozen, struct rm_point *ret_point)
{
    struct source *top = &frozen->heap[0];

    *ret_point = (struct rm_point){
        .position = top->next->position, .value = top->next->value, .series = top->number};
    advance(top, frozen->parts->n_twins);
    if (top->n_parts == 0) {
        frozen->n_sources--;
        *top = frozen->heap[frozen->n_sources];
    }
}

int rm_frozen_values_next(struct rm_frozen_values *values, struct rm_point *points, size_t max,
                          size_t *ret_n)
{
    struct frozen *frozen = (struct frozen *)(void *)values;
    size_t n = 0;

    while (n < max && frozen->n_sources > 0) {
        if (frozen->heap[0].next != NULL) {
            give(frozen, &points[n++]);
        } else if (enter_part(&frozen->heap[0]) != 0) {
            if (n == 0) {
                return RM_ENOMEM;
            }
            break;
        }
        if (frozen->n_sources > 0) {
            sift_down(frozen, 0);
        }
    }
    *ret_n = n;
    return 0;
}

/* Takes NULL. */
static void parts_unref(struct frozen_parts *parts)
{
    if (parts == NULL || --parts->n_owners > 0) {
        return;
    }
    for (size_t i = 0; i < parts->n; i++) {
        rm__chunk_unref(parts->items[i].chunk);
    }
    free(parts->items);
    free(parts->series);
    free(parts->labels);
    free(parts);
}

void rm_frozen_values_free(struct rm_frozen_values *values)
{
    struct frozen *frozen = (struct frozen *)(void *)values;

    if (frozen == NULL) {
        return;
    }
    for (size_t i = 0; i < frozen->n_sources; i++) {
        free(frozen->heap[i].decoded);
    }
    free(frozen->heap);
    parts_unref(frozen->parts);
    free(frozen);
}

static size_t own_bytes(const struct frozen *frozen)
{
    return sizeof *frozen + frozen->n_sources * sizeof *frozen->heap + frozen->n_decoded_bytes;
}

int rm_frozen_values_twin(struct rm_frozen_values *values, struct rm_frozen_values **ret_twin)
{
    struct frozen *frozen = (struct frozen *)(void *)values;
    struct frozen *twin = malloc(sizeof *twin);
    struct source *heap = malloc((frozen->n_sources + 1) * sizeof *heap);

    if (twin == NULL || heap == NULL) {
        free(twin);
        free(heap);
        return RM_ENOMEM;
    }
    memcpy(heap, frozen->heap, frozen->n_sources * sizeof *heap);
    *twin = *frozen;
    twin->heap = heap;
    twin->values.n_bytes = own_bytes(twin);
    twin->parts->n_owners++;
    twin->parts->n_twins++;
    *ret_twin = &twin->values;
    return 0;
}

/* ---- what is frozen ---- */

/* The ranges of a selection, and where each ends. */
struct ranges {
    struct rm_series_range *items;
    size_t n;
    uint64_t n_total; /* of the selection, whatever the cursor */
    uint64_t n_left;  /* in the ranges */
};

static void add_range(struct ranges *ranges, const struct rm_series *series,
                      const struct rm_selection *selection, const struct rm_position *before)
{
    struct rm_position end = rm__selection_end(selection);
    struct rm_series_range range = {.series = series,
                                    .begin =
                                        rm__series_find(series, rm__selection_first(selection)),
                                    .end = rm__series_find(series, end)};

    ranges->n_total += rm__series_range_count(&range);
    if (before != NULL && rm__position_is_before(*before, end)) {
        range.end = rm__series_find(series, *before);
    }
    if (rm__series_range_count(&range) > 0) {
        ranges->n_left += rm__series_range_count(&range);
        ranges->items[ranges->n++] = range;
    }
}

/* Errors: RM_ENOMEM. */
static int find_ranges(const struct rm_metric *metric, const struct rm_selection *selection,
                       const struct rm_position *before, struct ranges *ret_ranges)
{
    struct ranges ranges = {.items = malloc(metric->series.n * sizeof *ranges.items)};

    if (ranges.items == NULL) {
        return RM_ENOMEM;
    }
    for (uint32_t i = 0; i < metric->series.n; i++) {
        const struct rm_series *series = metric->series.items[i];

        if (rm__selection_has(selection, series)) {
            add_range(&ranges, series, selection, before);
        }
    }
    *ret_ranges = ranges;
    return 0;
}

static void forget_empty(struct ranges *ranges)
{
    size_t n = 0;

    ranges->n_left = 0;
    for (size_t i = 0; i < ranges->n; i++) {
        uint64_t count = rm__series_range_count(&ranges->items[i]);

        ranges->n_left += count;
        if (count > 0) {
            ranges->items[n++] = ranges->items[i];
        }
    }
    ranges->n = n;
}

/* ---- series, by their newest values ---- */

struct ranked {
    const struct rm_series_range *range;
    struct rm_position newest;
};

static struct rm_position newest_of(const struct rm_series_range *range)
{
    struct rm_series_place end = range->end;
    struct rm_chunk_window window;
    const struct rm_chunk *chunk;

    if (end.index == 0) {
        return rm__chunk_last(rm__series_chunk(range->series, end.chunk - 1))->position;
    }
    chunk = rm__series_chunk(range->series, end.chunk);
    return rm__chunk_read(chunk, &window)[end.index - 1].position;
}

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *left = a;
    const struct ranked *right = b;

    return rm__position_is_before(left->newest, right->newest) -
           rm__position_is_before(right->newest, left->newest);
}

/* The caller's to free; NULL when out of memory. */
static struct ranked *rank(const struct ranges *ranges)
{
    struct ranked *ranked = malloc((ranges->n + 1) * sizeof *ranked);

    for (size_t i = 0; i < ranges->n && ranked != NULL; i++) {
        ranked[i] = (struct ranked){&ranges->items[i], newest_of(&ranges->items[i])};
    }
    if (ranked != NULL) {
        qsort(ranked, ranges->n, sizeof *ranked, compare_ranked);
    }
    return ranked;
}

static size_t n_chunks_of(const struct rm_series_range *range)
{
    return range->end.chunk - range->begin.chunk + (range->end.index > 0);
}

static void share_parts(const struct rm_series_range *range, struct part *parts)
{
    for (size_t i = 0; i < n_chunks_of(range); i++) {
        uint32_t index = range->begin.chunk + (uint32_t)i;
        struct rm_chunk *chunk = rm__series_chunk(range->series, index);

        parts[i] = (struct part){.chunk = rm__chunk_ref(chunk),
                                 .begin = i == 0 ? range->begin.index : 0,
                                 .end = index == range->end.chunk ? range->end.index : chunk->n};
    }
}

static size_t label_bytes(const struct rm_series *series)
{
    size_t n_bytes = series->n_labels * sizeof *series->labels;

    for (uint32_t i = 0; i < series->n_labels; i++) {
        n_bytes += series->labels[i].name.len + series->labels[i].value.len;
    }
    return n_bytes;
}

static struct rm_slice copy_bytes(char **end, struct rm_slice bytes)
{
    struct rm_slice copy = {*end, bytes.len};

    if (bytes.len > 0) {
        memcpy(*end, bytes.data, bytes.len);
    }
    *end += bytes.len;
    return copy;
}

/* Errors: RM_ENOMEM. */
static int allocate(struct frozen *frozen, const struct ranges *ranges)
{
    struct frozen_parts *parts = calloc(1, sizeof *parts);
    size_t n_bytes = 0;
    size_t n = 0;

    frozen->parts = parts;
    if (parts == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < ranges->n; i++) {
        n += n_chunks_of(&ranges->items[i]);
        n_bytes += label_bytes(ranges->items[i].series);
    }
    parts->n_owners = 1;
    parts->n_twins = 1;
    parts->items = calloc(n + 1, sizeof *parts->items);
    parts->series = malloc((ranges->n + 1) * sizeof *parts->series);
    parts->labels = malloc(n_bytes + 1);
    frozen->heap = malloc((ranges->n + 1) * sizeof *frozen->heap);
    if (parts->items == NULL || parts->series == NULL || parts->labels == NULL ||
        frozen->heap == NULL) {
        return RM_ENOMEM;
    }
    parts->n = n;
    frozen->values.n_bytes =
        sizeof *parts + n * sizeof *parts->items + ranges->n * sizeof *parts->series + n_bytes;
    return 0;
}

static void fill_sources(struct frozen *frozen, const struct ranked *ranked, size_t n)
{
    struct part *parts = frozen->parts->items;

    for (size_t i = 0; i < n; i++) {
        struct source source = {
            .parts = parts, .n_parts = n_chunks_of(ranked[i].range), .number = (uint32_t)i};

        share_parts(ranked[i].range, parts);
        stand_before_part(&source);
        frozen->heap[i] = source;
        parts += source.n_parts;
    }
    frozen->n_sources = n;
    for (size_t i = n / 2; i > 0; i--) {
        sift_down(frozen, i - 1);
    }
}

static void fill_series(struct frozen_parts *parts, const struct ranked *ranked, size_t n)
{
    struct rm_label *labels = parts->labels;
    char *bytes;

    for (size_t i = 0; i < n; i++) {
        parts->series[i] = (struct rm_values_series){labels, ranked[i].range->series->n_labels};
        labels += parts->series[i].n_labels;
    }
    bytes = (char *)labels;
    labels = parts->labels;
    for (size_t i = 0; i < n; i++) {
        const struct rm_series *series = ranked[i].range->series;

        for (uint32_t j = 0; j < series->n_labels; j++) {
            labels->name = copy_bytes(&bytes, series->labels[j].name);
            labels->value = copy_bytes(&bytes, series->labels[j].value);
            labels++;
        }
    }
}

/* What a series takes for the chunk whose turn it is, at most. */
static size_t decoded_bytes(const struct source *source)
{
    size_t n_most = 0;

    for (size_t i = 0; i < source->n_parts; i++) {
        const struct part *part = &source->parts[i];

        if (rm__chunk_is_sealed(part->chunk) && part->end - part->begin > n_most) {
            n_most = part->end - part->begin;
        }
    }
    return n_most * sizeof *source->decoded;
}

/* Series after series only one is decoded at a time. */
static void count_bytes(struct frozen *frozen)
{
    size_t n_all = 0;
    size_t n_most = 0;

    for (size_t i = 0; i < frozen->n_sources; i++) {
        size_t n_bytes = decoded_bytes(&frozen->heap[i]);

        n_all += n_bytes;
        n_most = n_bytes > n_most ? n_bytes : n_most;
    }
    frozen->n_decoded_bytes = frozen->order == RM_VALUES_BY_TIME ? n_all : n_most;
    frozen->values.n_bytes += own_bytes(frozen);
}

/* Errors: RM_ENOMEM. */
static int freeze(struct frozen *frozen, const struct ranges *ranges)
{
    struct ranked *ranked;
    int rv = allocate(frozen, ranges);

    if (rv != 0) {
        return rv;
    }
    ranked = rank(ranges);
    if (ranked == NULL) {
        return RM_ENOMEM;
    }
    fill_sources(frozen, ranked, ranges->n);
    fill_series(frozen->parts, ranked, ranges->n);
    count_bytes(frozen);
    free(ranked);
    frozen->values.series = frozen->parts->series;
    frozen->values.n_series = ranges->n;
    return 0;
}

int rm_store_freeze_values(const struct rm_store *store, const struct rm_selection *selection,
                           size_t limit, const struct rm_position *before,
                           enum rm_values_order order, struct rm_frozen_values **ret_values)
{
    const struct rm_metric *metric = rm__store_find_metric(store, selection->metric_name);
    struct frozen *frozen;
    struct ranges ranges;
    int rv;

    if (metric == NULL) {
        return RM_ENOTFOUND;
    }
    rv = find_ranges(metric, selection, before, &ranges);
    if (rv != 0) {
        return rv;
    }
    frozen = calloc(1, sizeof *frozen);
    rv = frozen == NULL ? RM_ENOMEM : rm__keep_newest(ranges.items, ranges.n, limit);
    if (rv == 0) {
        frozen->order = order;
        frozen->values.n_total = ranges.n_total;
        frozen->values.n_points = ranges.n_left < limit ? ranges.n_left : limit;
        frozen->values.has_older = ranges.n_left > limit;
        forget_empty(&ranges);
        rv = freeze(frozen, &ranges);
    }
    free(ranges.items);
    if (rv != 0) {
        rm_frozen_values_free(frozen == NULL ? NULL : &frozen->values);
        return rv;
    }
    *ret_values = &frozen->values;
    return 0;
}
