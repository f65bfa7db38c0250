#include "raftmetrics/metrics/frozen_values.h"

#include <stdlib.h>
#include <string.h>

#include "frozen_values_internal.h"
#include "raftmetrics/base/error.h"

/* ---- one series ---- */

/* Copies what is given of a sealed chunk out of it. Errors: RM_ENOMEM. */
static int decode(struct rm_source *source, const struct rm_part *part)
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
static int enter_part(struct rm_source *source)
{
    const struct rm_part *part = source->parts;

    if (!rm__chunk_is_sealed(part->chunk)) {
        source->next = rm__chunk_peek(part->chunk) + part->begin;
    } else if (decode(source, part) != 0) {
        return RM_ENOMEM;
    }
    source->end = source->next + (part->end - part->begin);
    source->position = source->next->position;
    return 0;
}

static void stand_before_part(struct rm_source *source)
{
    if (source->n_parts > 0) {
        source->position = rm__chunk_first(source->parts->chunk)->position;
    }
}

/* The last to leave lets go of the chunk. */
static void leave_part(struct rm_source *source, unsigned n_twins)
{
    struct rm_part *part = source->parts;

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
static void advance(struct rm_source *source, unsigned n_twins)
{
    source->next++;
    if (source->next == source->end) {
        leave_part(source, n_twins);
    } else {
        source->position = source->next->position;
    }
}

/* ---- all of them ---- */

static bool comes_first(const struct rm_frozen *frozen, const struct rm_source *a,
                        const struct rm_source *b)
{
    return frozen->order == RM_VALUES_BY_TIME ? rm__position_is_before(a->position, b->position)
                                              : a->number < b->number;
}

void rm__frozen_sift(struct rm_frozen *frozen, size_t i)
{
    struct rm_source *heap = frozen->heap;
    struct rm_source moved = heap[i];

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

static void give(struct rm_frozen *frozen, struct rm_point *ret_point)
{
    struct rm_source *top = &frozen->heap[0];

    *ret_point = (struct rm_point){
        .position = top->next->position, .value = top->next->value, .series = top->number};
    advance(top, frozen->given->n_twins);
    if (top->n_parts == 0) {
        frozen->n_sources--;
        *top = frozen->heap[frozen->n_sources];
    }
}

int rm_frozen_values_next(struct rm_frozen_values *values, struct rm_point *points, size_t max,
                          size_t *ret_n)
{
    struct rm_frozen *frozen = (struct rm_frozen *)(void *)values;
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
            rm__frozen_sift(frozen, 0);
        }
    }
    *ret_n = n;
    return 0;
}

/* ---- life ---- */

void rm__frozen_add(struct rm_frozen *frozen, struct rm_part *parts, size_t n_parts)
{
    struct rm_source *source = &frozen->heap[frozen->n_sources];

    *source = (struct rm_source){
        .parts = parts, .n_parts = n_parts, .number = (uint32_t)frozen->n_sources};
    stand_before_part(source);
    frozen->n_sources++;
}

/* Takes NULL. */
static void given_unref(struct rm_given *given)
{
    if (given == NULL || --given->n_owners > 0) {
        return;
    }
    for (size_t i = 0; i < given->n_parts; i++) {
        rm__chunk_unref(given->parts[i].chunk);
    }
    free(given->parts);
    free(given->series);
    free(given->labels);
    free(given);
}

/* NULL when out of memory. */
static struct rm_given *given_new(size_t n_parts, size_t n_series, size_t n_label_bytes)
{
    struct rm_given *given = calloc(1, sizeof *given);

    if (given == NULL) {
        return NULL;
    }
    given->n_owners = 1;
    given->n_twins = 1;
    given->parts = malloc((n_parts + 1) * sizeof *given->parts);
    given->series = malloc((n_series + 1) * sizeof *given->series);
    given->labels = malloc(n_label_bytes + 1);
    if (given->parts == NULL || given->series == NULL || given->labels == NULL) {
        given_unref(given);
        return NULL;
    }
    return given;
}

/* Beside what is given. */
static size_t own_bytes(const struct rm_frozen *frozen, size_t n_sources)
{
    return sizeof *frozen + n_sources * sizeof *frozen->heap;
}

struct rm_frozen *rm__frozen_new(size_t n_parts, size_t n_series, size_t n_label_bytes)
{
    struct rm_frozen *frozen = calloc(1, sizeof *frozen);

    if (frozen == NULL) {
        return NULL;
    }
    frozen->heap = malloc((n_series + 1) * sizeof *frozen->heap);
    frozen->given = given_new(n_parts, n_series, n_label_bytes);
    if (frozen->heap == NULL || frozen->given == NULL) {
        rm_frozen_values_free(&frozen->values);
        return NULL;
    }
    frozen->values.series = frozen->given->series;
    frozen->values.n_series = n_series;
    frozen->values.n_bytes = own_bytes(frozen, n_series) + sizeof *frozen->given +
                             n_parts * sizeof *frozen->given->parts +
                             n_series * sizeof *frozen->given->series + n_label_bytes;
    return frozen;
}

void rm_frozen_values_free(struct rm_frozen_values *values)
{
    struct rm_frozen *frozen = (struct rm_frozen *)(void *)values;

    if (frozen == NULL) {
        return;
    }
    for (size_t i = 0; i < frozen->n_sources; i++) {
        free(frozen->heap[i].decoded);
    }
    free(frozen->heap);
    given_unref(frozen->given);
    free(frozen);
}

int rm_frozen_values_twin(struct rm_frozen_values *values, struct rm_frozen_values **ret_twin)
{
    struct rm_frozen *frozen = (struct rm_frozen *)(void *)values;
    struct rm_frozen *twin = malloc(sizeof *twin);
    struct rm_source *heap = malloc((frozen->n_sources + 1) * sizeof *heap);

    if (twin == NULL || heap == NULL) {
        free(twin);
        free(heap);
        return RM_ENOMEM;
    }
    memcpy(heap, frozen->heap, frozen->n_sources * sizeof *heap);
    *twin = *frozen;
    twin->heap = heap;
    twin->values.n_bytes = own_bytes(twin, twin->n_sources) + twin->n_decoded_bytes;
    twin->given->n_owners++;
    twin->given->n_twins++;
    *ret_twin = &twin->values;
    return 0;
}
