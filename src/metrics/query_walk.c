#include "query_walk.h"

#include <assert.h>

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

void rm__walk_init(struct rm_walk *walk, const struct rm_series *series, struct rm_time_range range,
                   int64_t step_ms, bool reads_all)
{
    walk->series = series;
    walk->range = range;
    walk->step_ms = step_ms;
    walk->reads_all = reads_all;
    walk->n_opened = 0;
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
    const struct rm_observation *observations = rm__chunk_read(chunk, &walk->window);
    uint32_t n = chunk->n;

    while (n > 0 && observations[n - 1].position.timestamp_ms > walk->range.last_ms) {
        n--;
    }
    while (n > 0 && observations[0].position.timestamp_ms < walk->range.first_ms) {
        observations++;
        n--;
    }
    walk->opened = observations;
    walk->n_opened = n;
    walk->chunk++;
}

/* The piece of the opened chunk that lies in one bucket. */
static void cut_piece(struct rm_walk *walk, struct rm_piece *ret_piece)
{
    const struct rm_observation *observations = walk->opened;
    struct rm_time_range bucket =
        rm__bucket_of(walk->step_ms, observations[0].position.timestamp_ms);
    uint32_t n = walk->n_opened;

    if (observations[n - 1].position.timestamp_ms > bucket.last_ms) {
        n = 1;
        while (observations[n].position.timestamp_ms <= bucket.last_ms) {
            n++;
        }
    }
    *ret_piece =
        (struct rm_piece){.bucket_ms = bucket.first_ms, .observations = observations, .n = n};
    walk->opened += n;
    walk->n_opened -= n;
}

/* The chunks from the next on that lie as a whole in the range and in one bucket; false where the
 * next does not. */
static bool take_chunks(struct rm_walk *walk, struct rm_piece *ret_piece)
{
    struct rm_time_range bucket = rm__bucket_of(walk->step_ms, first_of(walk->series, walk->chunk));
    int64_t last_ms = bucket.last_ms < walk->range.last_ms ? bucket.last_ms : walk->range.last_ms;

    if (first_of(walk->series, walk->chunk) < walk->range.first_ms ||
        last_of(walk->series, walk->chunk) > last_ms) {
        return false;
    }
    *ret_piece = (struct rm_piece){.bucket_ms = bucket.first_ms,
                                   .begin = walk->chunk,
                                   .end = find_near(walk->series, walk->chunk, last_ms)};
    walk->chunk = ret_piece->end;
    return true;
}

bool rm__walk_next(struct rm_walk *walk, struct rm_piece *ret_piece)
{
    while (walk->n_opened == 0) {
        if (walk->chunk == rm__series_n_chunks(walk->series) ||
            first_of(walk->series, walk->chunk) > walk->range.last_ms) {
            return false;
        }
        if (!walk->reads_all && take_chunks(walk, ret_piece)) {
            return true;
        }
        open_chunk(walk);
    }
    cut_piece(walk, ret_piece);
    return true;
}
