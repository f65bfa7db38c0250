#include "series.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"

/* Room in the first chunk of a series, which may never see more, and in later ones. */
enum { FIRST_CAPACITY = 2, NEXT_CAPACITY = 32 };

static size_t size_of(const struct rm_label *labels, size_t n_labels)
{
    size_t size = sizeof(struct rm_series) + n_labels * sizeof *labels;

    for (size_t i = 0; i < n_labels; i++) {
        size += labels[i].name.len + labels[i].value.len;
    }
    return size;
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

struct rm_series *rm__series_new(struct rm_metric *metric, uint64_t hash,
                                 const struct rm_label *labels, size_t n_labels)
{
    size_t size = size_of(labels, n_labels);
    struct rm_series *series = malloc(size);
    char *end;

    assert(n_labels <= UINT32_MAX);
    if (series == NULL) {
        return NULL;
    }
    *series = (struct rm_series){
        .metric = metric, .hash = hash, .n_bytes = size, .n_labels = (uint32_t)n_labels};
    end = (char *)(series->labels + n_labels);
    for (size_t i = 0; i < n_labels; i++) {
        series->labels[i].name = copy_bytes(&end, labels[i].name);
        series->labels[i].value = copy_bytes(&end, labels[i].value);
    }
    return series;
}

void rm__series_free(struct rm_series *series)
{
    if (series == NULL) {
        return;
    }
    for (uint32_t i = 0; i < series->chunks.n; i++) {
        rm__chunk_unref(series->chunks.items[i]);
    }
    rm__vector_done(&series->chunks);
    rm_histogram_done(&series->histogram);
    free(series);
}

bool rm__series_has_labels(const struct rm_series *series, const struct rm_label *labels,
                           size_t n_labels)
{
    if (series->n_labels != n_labels) {
        return false;
    }
    for (size_t i = 0; i < n_labels; i++) {
        if (!rm_slice_equal(series->labels[i].name, labels[i].name) ||
            !rm_slice_equal(series->labels[i].value, labels[i].value)) {
            return false;
        }
    }
    return true;
}

struct rm_slice rm__series_label(const struct rm_series *series, struct rm_slice name)
{
    for (uint32_t i = 0; i < series->n_labels; i++) {
        if (rm_slice_equal(series->labels[i].name, name)) {
            return series->labels[i].value;
        }
    }
    return rm_slice_make("", 0);
}

static struct rm_chunk *chunk_at(const struct rm_series *series, uint32_t index)
{
    return series->chunks.items[index];
}

/* The first chunk of which not all stand before @position; the count of chunks where there is
 * none. */
static uint32_t find_chunk(const struct rm_series *series, struct rm_position position)
{
    uint32_t low = 0;
    uint32_t high = series->chunks.n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (rm__position_is_before(chunk_at(series, middle)->summary.last.position, position)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct rm_series_place rm__series_find(const struct rm_series *series, struct rm_position position)
{
    uint32_t chunk = find_chunk(series, position);

    if (chunk == series->chunks.n) {
        return (struct rm_series_place){chunk, 0};
    }
    return (struct rm_series_place){chunk, rm__chunk_find(chunk_at(series, chunk), position)};
}

int rm__series_insert_chunk(struct rm_series *series, uint32_t index, struct rm_chunk *chunk)
{
    size_t n_bytes = rm__vector_bytes(&series->chunks);
    int rv = rm__vector_insert(&series->chunks, index, chunk);

    if (rv == 0) {
        series->n_bytes += rm__vector_bytes(&series->chunks) - n_bytes + rm__chunk_bytes(chunk);
    }
    return rv;
}

static int insert_into(struct rm_series *series, struct rm_series_place place,
                       const struct rm_observation *observation)
{
    struct rm_chunk *chunk = chunk_at(series, place.chunk);
    size_t n_bytes = rm__chunk_bytes(chunk);
    int rv = rm__chunk_insert(&chunk, place.index, observation);

    if (rv == 0) {
        series->chunks.items[place.chunk] = chunk;
        series->n_bytes += rm__chunk_bytes(chunk) - n_bytes;
    }
    return rv;
}

/* Puts an observation into a chunk of its own, in front of chunk @index. */
static int insert_alone(struct rm_series *series, uint32_t index,
                        const struct rm_observation *observation)
{
    struct rm_chunk *chunk = rm__chunk_new(series->chunks.n == 0 ? FIRST_CAPACITY : NEXT_CAPACITY);
    int rv = chunk == NULL ? RM_ENOMEM : rm__chunk_insert(&chunk, 0, observation);

    if (rv == 0) {
        rv = rm__series_insert_chunk(series, index, chunk);
    }
    if (rv != 0) {
        rm__chunk_unref(chunk);
    }
    return rv;
}

/* Splits the full chunk of @place, and moves @place along. */
static int split(struct rm_series *series, struct rm_series_place *place)
{
    struct rm_chunk *whole = chunk_at(series, place->chunk);
    struct rm_chunk *earlier = NULL;
    struct rm_chunk *later = NULL;
    int rv = rm__chunk_split(whole, &earlier, &later);

    if (rv != 0) {
        return rv;
    }
    rv = rm__series_insert_chunk(series, place->chunk + 1, later);
    if (rv != 0) {
        rm__chunk_unref(earlier);
        rm__chunk_unref(later);
        return rv;
    }
    series->chunks.items[place->chunk] = earlier;
    series->n_bytes += rm__chunk_bytes(earlier) - rm__chunk_bytes(whole);
    rm__chunk_unref(whole);
    if (place->index > earlier->n) {
        *place = (struct rm_series_place){place->chunk + 1, place->index - earlier->n};
    }
    return 0;
}

/* An observation between two chunks goes to the end of the first of them if there is room, and
 * into a new chunk if both are full. So series that are written in ascending or in descending
 * order of time fill their chunks, and of any two neighbours one is at least half full. */
static int insert(struct rm_series *series, const struct rm_observation *observation)
{
    struct rm_series_place place = rm__series_find(series, observation->position);
    bool is_between = place.index == 0;

    if (is_between && place.chunk > 0 && !rm__chunk_is_full(chunk_at(series, place.chunk - 1))) {
        place.chunk--;
        place.index = chunk_at(series, place.chunk)->n;
        return insert_into(series, place, observation);
    }
    if (is_between &&
        (place.chunk == series->chunks.n || rm__chunk_is_full(chunk_at(series, place.chunk)))) {
        return insert_alone(series, place.chunk, observation);
    }
    if (rm__chunk_is_full(chunk_at(series, place.chunk))) {
        int rv = split(series, &place);

        if (rv != 0) {
            return rv;
        }
    }
    return insert_into(series, place, observation);
}

/* Most observations are newer than all before: no search for them. */
static bool is_append(const struct rm_series *series, const struct rm_observation *observation,
                      struct rm_series_place *ret_place)
{
    const struct rm_chunk *chunk;

    if (series->chunks.n == 0) {
        return false;
    }
    chunk = chunk_at(series, series->chunks.n - 1);
    if (rm__chunk_is_full(chunk) ||
        !rm__position_is_before(chunk->summary.last.position, observation->position)) {
        return false;
    }
    *ret_place = (struct rm_series_place){series->chunks.n - 1, chunk->n};
    return true;
}

int rm__series_record(struct rm_series *series, const struct rm_observation *observation,
                      struct rm_bucket_bounds bounds)
{
    size_t n_bytes = rm_histogram_bytes(&series->histogram);
    struct rm_series_place place;
    int rv;

    rv = rm_histogram_record(&series->histogram, rm_bucket_of(bounds, observation->value));
    if (rv != 0) {
        return rv;
    }
    series->n_bytes += rm_histogram_bytes(&series->histogram) - n_bytes;
    if (is_append(series, observation, &place)) {
        return insert_into(series, place, observation);
    }
    return insert(series, observation);
}

int rm__series_add_counts(struct rm_series *series, const struct rm_histogram *histogram)
{
    size_t n_bytes = rm_histogram_bytes(&series->histogram);
    int rv = rm_histogram_merge(&series->histogram, histogram);

    series->n_bytes += rm_histogram_bytes(&series->histogram) - n_bytes;
    return rv;
}

static bool is_behind(struct rm_series_place a, struct rm_series_place b)
{
    return a.chunk != b.chunk ? a.chunk > b.chunk : a.index > b.index;
}

uint64_t rm__series_count(const struct rm_series *series, struct rm_series_place begin,
                          struct rm_series_place end)
{
    uint64_t count = 0;

    if (!is_behind(end, begin)) {
        return 0;
    }
    for (uint32_t i = begin.chunk; i < end.chunk; i++) {
        count += chunk_at(series, i)->n;
    }
    return count + end.index - begin.index;
}

void rm__series_summarize(const struct rm_series *series, struct rm_series_place begin,
                          struct rm_series_place end, struct rm_summary *summary)
{
    for (uint32_t i = begin.chunk; i < series->chunks.n && i <= end.chunk; i++) {
        const struct rm_chunk *chunk = chunk_at(series, i);
        uint32_t from = i == begin.chunk ? begin.index : 0;
        uint32_t to = i == end.chunk ? end.index : chunk->n;

        if (from == 0 && to == chunk->n) {
            rm__summary_merge(summary, &chunk->summary);
        } else {
            rm__chunk_summarize(chunk, from, to, summary);
        }
    }
}

const struct rm_observation *rm__series_step_back(const struct rm_series *series,
                                                  struct rm_series_place *place)
{
    if (place->index == 0) {
        assert(place->chunk > 0);
        place->chunk--;
        place->index = chunk_at(series, place->chunk)->n;
    }
    place->index--;
    return &rm__chunk_peek(chunk_at(series, place->chunk))[place->index];
}
