#include "query_walk.h"

#include <assert.h>

/* A piece ends at multiples of it, so that none is long to sum up; runs do not straddle them. */
enum { CHUNKS_MOST = 16 * RM_RUN_CHUNKS };

struct rm_time_range rm__selection_range(const struct rm_selection *selection)
{
    struct rm_time_range range = {selection->from_ms, selection->to_ms};

    if (range.last_ms == INT64_MIN) {
        return (struct rm_time_range){INT64_MAX, INT64_MIN};
    }
    if (range.last_ms != INT64_MAX) {
        range.last_ms--;
    }
    return range;
}

struct rm_time_range rm__bucket_of(int64_t step_ms, int64_t timestamp_ms)
{
    int64_t n_before;
    int64_t n_behind;

    assert(step_ms >= 0);
    if (step_ms == 0) {
        return (struct rm_time_range){INT64_MIN, INT64_MAX};
    }
    n_before = timestamp_ms % step_ms;
    n_before += n_before < 0 ? step_ms : 0;
    n_behind = step_ms - 1 - n_before;
    return (struct rm_time_range){
        timestamp_ms >= INT64_MIN + n_before ? timestamp_ms - n_before : INT64_MIN,
        timestamp_ms <= INT64_MAX - n_behind ? timestamp_ms + n_behind : INT64_MAX};
}

static int64_t first_of(const struct rm_series *series, uint32_t chunk)
{
    return rm__chunk_first(rm__series_chunk(series, chunk))->position.timestamp_ms;
}

static int64_t last_of(const struct rm_series *series, uint32_t chunk)
{
    return rm__chunk_last(rm__series_chunk(series, chunk))->position.timestamp_ms;
}

/* The first chunk from @low to the one before @high that ends behind @last_ms; @high where none
 * does. */
static uint32_t find_chunk(const struct rm_series *series, uint32_t low, uint32_t high,
                           int64_t last_ms)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (last_of(series, middle) <= last_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The same, where it is likely to be near @begin. */
static uint32_t find_near(const struct rm_series *series, uint32_t begin, int64_t last_ms)
{
    uint32_t n_chunks = rm__series_n_chunks(series);
    uint32_t distance = 1;

    while (distance < n_chunks - begin && last_of(series, begin + distance) <= last_ms) {
        begin += distance;
        distance *= 2;
    }
    return find_chunk(series, begin, distance < n_chunks - begin ? begin + distance : n_chunks,
                      last_ms);
}

bool rm__walk_is_between_chunks(const struct rm_walk *walk)
{
    return walk->next == walk->end;
}

void rm__walk_init(struct rm_walk *walk, const struct rm_series *series, struct rm_time_range range,
                   int64_t step_ms, unsigned needs)
{
    walk->series = series;
    walk->range = range;
    walk->step_ms = step_ms;
    walk->needs = needs;
    walk->next = 0;
    walk->end = 0;
    walk->chunk = rm__series_n_chunks(series);
    if (range.first_ms <= range.last_ms) {
        walk->chunk = range.first_ms == INT64_MIN
                          ? 0
                          : find_chunk(series, 0, walk->chunk, range.first_ms - 1);
    }
}

/* Reads the next chunk, but for what is outside of the range. */
static void open_chunk(struct rm_walk *walk)
{
    const struct rm_chunk *chunk = rm__series_chunk(walk->series, walk->chunk);

    walk->observations = NULL;
    if ((walk->needs & RM_WALK_ORDINALS) != 0) {
        walk->observations = rm__chunk_read(chunk, &walk->window);
        for (uint32_t i = 0; i < chunk->n; i++) {
            walk->timestamps_ms[i] = walk->observations[i].position.timestamp_ms;
            walk->values[i] = walk->observations[i].value;
        }
    } else {
        rm__chunk_read_timestamps(chunk, walk->timestamps_ms);
        rm__chunk_read_values(chunk, walk->values);
    }
    walk->opened = chunk;
    walk->next = 0;
    walk->end = chunk->n;
    while (walk->end > 0 && walk->timestamps_ms[walk->end - 1] > walk->range.last_ms) {
        walk->end--;
    }
    while (walk->next < walk->end && walk->timestamps_ms[walk->next] < walk->range.first_ms) {
        walk->next++;
    }
    walk->chunk++;
}

/* Observation @index of the opened chunk. Where its ordinal was not read it is @ordinal. */
static struct rm_observation observation_at(const struct rm_walk *walk, uint32_t index,
                                            uint64_t ordinal)
{
    if (index == 0) {
        return *rm__chunk_first(walk->opened);
    }
    if (index == walk->opened->n - 1U) {
        return *rm__chunk_last(walk->opened);
    }
    if (walk->observations != NULL) {
        return walk->observations[index];
    }
    return (struct rm_observation){{walk->timestamps_ms[index], ordinal}, walk->values[index]};
}

/* The piece of the opened chunk that lies in one bucket. It does not begin within the chunk unless
 * it is the first of its bucket in the series, nor end there unless it is the last, so ordinals
 * that keep it the first and the last will do. */
static void cut_piece(struct rm_walk *walk, struct rm_piece *ret_piece)
{
    struct rm_time_range bucket = rm__bucket_of(walk->step_ms, walk->timestamps_ms[walk->next]);
    uint32_t end = walk->end;

    if (walk->timestamps_ms[end - 1] > bucket.last_ms) {
        end = walk->next + 1;
        while (walk->timestamps_ms[end] <= bucket.last_ms) {
            end++;
        }
    }
    *ret_piece = (struct rm_piece){.bucket_ms = bucket.first_ms,
                                   .values = walk->values + walk->next,
                                   .n = end - walk->next,
                                   .first = observation_at(walk, walk->next, 0),
                                   .last = observation_at(walk, end - 1, UINT64_MAX)};
    walk->next = end;
}

/* The next chunk alone, which needs no timestamps for lying as a whole in one bucket. */
static void read_values(struct rm_walk *walk, int64_t bucket_ms, struct rm_piece *ret_piece)
{
    const struct rm_chunk *chunk = rm__series_chunk(walk->series, walk->chunk);

    rm__chunk_read_values(chunk, walk->values);
    *ret_piece = (struct rm_piece){.bucket_ms = bucket_ms,
                                   .values = walk->values,
                                   .n = chunk->n,
                                   .first = *rm__chunk_first(chunk),
                                   .last = *rm__chunk_last(chunk)};
    walk->chunk++;
}

/* The chunks from the next on that lie as a whole in the range and in one bucket; false where the
 * next does not. */
static bool take_chunks(struct rm_walk *walk, struct rm_piece *ret_piece)
{
    struct rm_time_range bucket = rm__bucket_of(walk->step_ms, first_of(walk->series, walk->chunk));
    int64_t last_ms = bucket.last_ms < walk->range.last_ms ? bucket.last_ms : walk->range.last_ms;
    uint32_t next_stop;

    if (first_of(walk->series, walk->chunk) < walk->range.first_ms ||
        last_of(walk->series, walk->chunk) > last_ms) {
        return false;
    }
    if ((walk->needs & RM_WALK_VALUES) != 0) {
        read_values(walk, bucket.first_ms, ret_piece);
        return true;
    }
    *ret_piece = (struct rm_piece){.bucket_ms = bucket.first_ms,
                                   .begin = walk->chunk,
                                   .end = find_near(walk->series, walk->chunk, last_ms)};
    next_stop = (walk->chunk / CHUNKS_MOST + 1) * CHUNKS_MOST;
    if (ret_piece->end > next_stop) {
        ret_piece->end = next_stop;
    }
    walk->chunk = ret_piece->end;
    return true;
}

bool rm__walk_next(struct rm_walk *walk, struct rm_piece *ret_piece)
{
    while (walk->next == walk->end) {
        if (walk->chunk == rm__series_n_chunks(walk->series) ||
            first_of(walk->series, walk->chunk) > walk->range.last_ms) {
            return false;
        }
        if (take_chunks(walk, ret_piece)) {
            return true;
        }
        open_chunk(walk);
    }
    cut_piece(walk, ret_piece);
    return true;
}
