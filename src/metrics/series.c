#include "series.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"

/* Room in the first chunk of a series, which may never see more, and in later ones. */
enum { FIRST_CAPACITY = 2, NEXT_CAPACITY = 32 };

/* To add to a distribution, in the time that a value takes to be read: some 5 ns. */
enum {
    MERGE_COST = 64, /* a series, besides 1 for each bucket of either side */
    RECORD_COST = 8, /* a value that is not counted yet */
};

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
    *series = (struct rm_series){.metric = metric,
                                 .hash = hash,
                                 .n_bytes = size,
                                 .late = RM_SERIES_NO_CHUNK,
                                 .n_labels = (uint32_t)n_labels};
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
    for (uint32_t i = 0; i < series->older.n; i++) {
        rm__chunk_unref(series->older.items[i]);
    }
    rm__chunk_unref(series->head);
    rm__vector_done(&series->older);
    rm__runs_done(&series->runs);
    if (series->distribution != NULL) {
        rm__distribution_done(series->distribution);
        free(series->distribution);
    }
    free(series);
}

/* What is shared costs nothing more. Errors: RM_ENOMEM. */
static int share_chunk(struct rm_series *copy, struct rm_chunk *chunk, struct rm_chunk **ret_chunk)
{
    *ret_chunk = rm__chunk_snapshot(chunk);
    if (*ret_chunk == NULL) {
        return RM_ENOMEM;
    }
    copy->n_bytes += *ret_chunk == chunk ? 0 : rm__chunk_bytes(*ret_chunk);
    return 0;
}

/* Errors: RM_ENOMEM, after which the copy has some. */
static int share_chunks(struct rm_series *copy, const struct rm_series *series)
{
    copy->older.items = malloc((series->older.n + 1) * sizeof *copy->older.items);
    if (copy->older.items == NULL) {
        return RM_ENOMEM;
    }
    copy->older.capacity = series->older.n + 1;
    copy->n_bytes += rm__vector_bytes(&copy->older);
    for (; copy->older.n < series->older.n; copy->older.n++) {
        struct rm_chunk *chunk;

        if (share_chunk(copy, series->older.items[copy->older.n], &chunk) != 0) {
            return RM_ENOMEM;
        }
        copy->older.items[copy->older.n] = chunk;
    }
    return series->head == NULL ? 0 : share_chunk(copy, series->head, &copy->head);
}

/* Errors: RM_ENOMEM. */
static int copy_distribution(struct rm_series *copy, const struct rm_series *series)
{
    struct rm_distribution distribution;
    int rv;

    rm__distribution_init(&distribution);
    rv = rm__distribution_merge(&distribution, series->distribution);
    distribution.n_dropped = series->distribution->n_dropped;
    distribution.dropped_hash = series->distribution->dropped_hash;
    distribution.dropped_ms = series->distribution->dropped_ms;
    if (rv == 0) {
        rv = rm__series_set_distribution(copy, &distribution);
    }
    if (rv != 0) {
        rm__distribution_done(&distribution);
    }
    return rv;
}

struct rm_series *rm__series_snapshot(const struct rm_series *series)
{
    struct rm_series *copy =
        rm__series_new(series->metric, series->hash, series->labels, series->n_labels);

    if (copy == NULL) {
        return NULL;
    }
    copy->identity = series->identity;
    copy->late = series->late;
    if (share_chunks(copy, series) != 0 ||
        (series->distribution != NULL && copy_distribution(copy, series) != 0)) {
        rm__series_free(copy);
        return NULL;
    }
    return copy;
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

/* ---- the distribution ---- */

/* Hands every value to @record, until it fails. */
static int record_all(const struct rm_series *series,
                      int (*record)(void *to, struct rm_bucket_bounds bounds, double value),
                      struct rm_bucket_bounds bounds, void *to)
{
    int rv = 0;

    for (uint32_t i = 0; i < rm__series_n_chunks(series); i++) {
        const struct rm_chunk *chunk = rm__series_chunk(series, i);
        struct rm_chunk_window window;
        const struct rm_observation *observations = rm__chunk_read(chunk, &window);

        for (uint32_t j = 0; j < chunk->n && rv == 0; j++) {
            rv = record(to, bounds, observations[j].value);
        }
    }
    return rv;
}

static int record_in_both(void *distribution, struct rm_bucket_bounds bounds, double value)
{
    return rm__distribution_record(distribution, bounds, value);
}

static int record_in_classic(void *histogram, struct rm_bucket_bounds bounds, double value)
{
    return rm_histogram_record(histogram, rm_bucket_of(bounds, value));
}

int rm__series_set_distribution(struct rm_series *series, struct rm_distribution *distribution)
{
    assert(series->distribution == NULL);
    series->distribution = malloc(sizeof *series->distribution);
    if (series->distribution == NULL) {
        return RM_ENOMEM;
    }
    *series->distribution = *distribution;
    series->n_bytes += sizeof *distribution + rm__distribution_bytes(distribution);
    return 0;
}

int rm__series_keep_distribution(struct rm_series *series, struct rm_bucket_bounds bounds)
{
    struct rm_distribution distribution;
    int rv;

    if (series->distribution != NULL) {
        return 0;
    }
    rm__distribution_init(&distribution);
    rv = record_all(series, record_in_both, bounds, &distribution);
    if (rv == 0) {
        rv = rm__series_set_distribution(series, &distribution);
    }
    if (rv != 0) {
        rm__distribution_done(&distribution);
    }
    return rv;
}

static int record_in_distribution(struct rm_series *series, struct rm_bucket_bounds bounds,
                                  double value)
{
    size_t n_bytes = rm__distribution_bytes(series->distribution);
    int rv = rm__distribution_record(series->distribution, bounds, value);

    series->n_bytes += rm__distribution_bytes(series->distribution) - n_bytes;
    return rv;
}

int rm__series_add_to_histogram(const struct rm_series *series, struct rm_bucket_bounds bounds,
                                struct rm_histogram *histogram)
{
    return series->distribution != NULL
               ? rm_histogram_merge(histogram, &series->distribution->classic)
               : record_all(series, record_in_classic, bounds, histogram);
}

static int64_t n_buckets_of(const struct rm_distribution *distribution)
{
    return (int64_t)distribution->classic.n_counts + distribution->native.positive.n +
           distribution->native.negative.n;
}

int rm__series_add_to_distribution(const struct rm_series *series, struct rm_bucket_bounds bounds,
                                   struct rm_distribution *distribution, int64_t *budget)
{
    if (series->distribution == NULL) {
        *budget -= RECORD_COST * (series->head == NULL ? 0 : (int64_t)series->head->n);
        return record_all(series, record_in_both, bounds, distribution);
    }
    *budget -= MERGE_COST + n_buckets_of(series->distribution) + n_buckets_of(distribution);
    return rm__distribution_merge(distribution, series->distribution);
}

/* ---- recording ---- */

/* The first chunk that does not stand before @position; the number of chunks where all do. */
static uint32_t find_chunk(const struct rm_series *series, struct rm_position position)
{
    uint32_t low = 0;
    uint32_t high = rm__series_n_chunks(series);

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct rm_chunk *chunk = rm__series_chunk(series, middle);

        if (rm__position_is_before(rm__chunk_last(chunk)->position, position)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Where chunk @index is kept. */
static struct rm_chunk **slot_of(struct rm_series *series, uint32_t index)
{
    return index < series->older.n ? (struct rm_chunk **)&series->older.items[index]
                                   : &series->head;
}

/* Chunk @index takes another form, with the same observations or with one more. */
static void count_change(struct rm_series *series, uint32_t index, size_t n_bytes_before)
{
    series->n_bytes += rm__chunk_bytes(rm__series_chunk(series, index)) - n_bytes_before;
    rm__runs_forget(&series->runs, index);
}

static int seal(struct rm_series *series, uint32_t index)
{
    struct rm_chunk **chunk = slot_of(series, index);
    size_t n_bytes = rm__chunk_bytes(*chunk);
    int rv = rm__chunk_seal(chunk, series->identity);

    if (rv == 0) {
        count_change(series, index, n_bytes);
    }
    return rv;
}

/* Chunk @index is going to be written: it is opened, and the one that was written late before is
 * sealed. */
static int open_for_writing(struct rm_series *series, uint32_t index)
{
    struct rm_chunk **chunk = slot_of(series, index);
    size_t n_bytes = rm__chunk_bytes(*chunk);
    int rv = 0;

    if (index == series->older.n || index == series->late) {
        return 0;
    }
    if (series->late != RM_SERIES_NO_CHUNK) {
        rv = seal(series, series->late);
    }
    if (rv == 0 && rm__chunk_is_sealed(*chunk)) {
        rv = rm__chunk_reopen(chunk);
        if (rv == 0) {
            count_change(series, index, n_bytes);
        }
    }
    if (rv == 0) {
        series->late = index;
    }
    return rv;
}

/* Puts @chunk in front of the one at @index, at its end where there is none. Takes it over unless
 * it fails. */
static int insert_chunk(struct rm_series *series, uint32_t index, struct rm_chunk *chunk)
{
    bool is_newest = index == rm__series_n_chunks(series);
    size_t n_bytes = rm__vector_bytes(&series->older);
    int rv = 0;

    if (!is_newest) {
        rv = rm__vector_insert(&series->older, index, chunk);
    } else if (series->head != NULL) {
        rv = rm__vector_insert(&series->older, series->older.n, series->head);
    }
    if (rv != 0) {
        return rv;
    }
    if (is_newest) {
        series->head = chunk;
    } else if (series->late != RM_SERIES_NO_CHUNK && series->late >= index) {
        series->late++;
    }
    series->n_bytes += rm__vector_bytes(&series->older) - n_bytes + rm__chunk_bytes(chunk);
    rm__runs_forget_from(&series->runs, index);
    return 0;
}

int rm__series_append_chunk(struct rm_series *series, struct rm_chunk *chunk)
{
    int rv = insert_chunk(series, rm__series_n_chunks(series), chunk);

    if (rv == 0 && series->older.n > 0 &&
        !rm__chunk_is_sealed(series->older.items[series->older.n - 1])) {
        series->late = series->older.n - 1;
    }
    return rv;
}

static int insert_into(struct rm_series *series, uint32_t index,
                       const struct rm_observation *observation)
{
    struct rm_chunk **chunk;
    size_t n_bytes;
    int rv = open_for_writing(series, index);

    if (rv != 0) {
        return rv;
    }
    chunk = slot_of(series, index);
    n_bytes = rm__chunk_bytes(*chunk);
    rv = rm__chunk_insert(chunk, rm__chunk_find(*chunk, observation->position), observation);
    if (rv == 0) {
        count_change(series, index, n_bytes);
    }
    return rv;
}

/* Puts an observation into a chunk of its own, in front of chunk @index. A series that gets a
 * second chunk keeps its distribution. */
static int insert_alone(struct rm_series *series, uint32_t index,
                        const struct rm_observation *observation)
{
    bool is_newest = index == rm__series_n_chunks(series);
    struct rm_chunk *chunk = rm__chunk_new(series->head == NULL ? FIRST_CAPACITY : NEXT_CAPACITY);
    int rv = chunk == NULL ? RM_ENOMEM : rm__chunk_insert(&chunk, 0, observation);

    if (rv == 0) {
        rv = insert_chunk(series, index, chunk);
    }
    if (rv != 0) {
        rm__chunk_unref(chunk);
        return rv;
    }
    if (is_newest) {
        return index == 0 ? 0 : seal(series, index - 1);
    }
    return open_for_writing(series, index);
}

/* Splits the full chunk @index, and inserts into the half that @observation belongs to; the other
 * is sealed unless it is the newest. */
static int split(struct rm_series *series, uint32_t index, const struct rm_observation *observation)
{
    struct rm_chunk **whole = slot_of(series, index);
    size_t n_bytes = rm__chunk_bytes(*whole);
    struct rm_chunk *earlier = NULL;
    struct rm_chunk *later = NULL;
    uint32_t half;
    uint32_t other;
    int rv = rm__chunk_split(*whole, &earlier, &later);

    if (rv != 0) {
        return rv;
    }
    rm__chunk_unref(*whole);
    *whole = later;
    count_change(series, index, n_bytes);
    rv = insert_chunk(series, index, earlier);
    if (rv != 0) {
        rm__chunk_unref(earlier);
        return rv;
    }
    half = rm__position_is_before(observation->position, rm__chunk_first(later)->position)
               ? index
               : index + 1;
    rv = insert_into(series, half, observation);
    if (rv != 0) {
        return rv;
    }
    other = half == index ? index + 1 : index;
    return other == series->older.n || rm__chunk_is_sealed(rm__series_chunk(series, other))
               ? 0
               : seal(series, other);
}

/* An observation between two chunks goes to the end of the first of them if there is room, and
 * into a new chunk if both are full. So series that are written in ascending or in descending
 * order of time fill their chunks, and of any two neighbours one is at least half full. */
static int insert(struct rm_series *series, const struct rm_observation *observation,
                  struct rm_bucket_bounds bounds)
{
    uint32_t n_chunks = rm__series_n_chunks(series);
    uint32_t index = find_chunk(series, observation->position);
    bool is_between =
        index == n_chunks ||
        rm__position_is_before(observation->position,
                               rm__chunk_first(rm__series_chunk(series, index))->position);
    int rv;

    if (is_between && index > 0 && !rm__chunk_is_full(rm__series_chunk(series, index - 1))) {
        return insert_into(series, index - 1, observation);
    }
    if (index < n_chunks && !rm__chunk_is_full(rm__series_chunk(series, index))) {
        return insert_into(series, index, observation);
    }
    rv = n_chunks == 0 ? 0 : rm__series_keep_distribution(series, bounds);
    if (rv != 0) {
        return rv;
    }
    return is_between ? insert_alone(series, index, observation)
                      : split(series, index, observation);
}

/* Most observations are newer than all before: no search for them. */
static bool is_append(const struct rm_series *series, const struct rm_observation *observation)
{
    return series->head != NULL && !rm__chunk_is_full(series->head) &&
           rm__position_is_before(rm__chunk_last(series->head)->position, observation->position);
}

static int append(struct rm_series *series, const struct rm_observation *observation)
{
    size_t n_bytes = rm__chunk_bytes(series->head);
    int rv = rm__chunk_insert(&series->head, series->head->n, observation);

    series->n_bytes += rm__chunk_bytes(series->head) - n_bytes;
    return rv;
}

int rm__series_record(struct rm_series *series, const struct rm_observation *observation,
                      struct rm_bucket_bounds bounds)
{
    int rv = is_append(series, observation) ? append(series, observation)
                                            : insert(series, observation, bounds);

    return rv != 0 || series->distribution == NULL
               ? rv
               : record_in_distribution(series, bounds, observation->value);
}

/* ---- ranges ---- */

struct rm_series_place rm__series_find(const struct rm_series *series, struct rm_position position)
{
    uint32_t chunk = find_chunk(series, position);

    if (chunk == rm__series_n_chunks(series)) {
        return (struct rm_series_place){chunk, 0};
    }
    return (struct rm_series_place){chunk,
                                    rm__chunk_find(rm__series_chunk(series, chunk), position)};
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
        count += rm__series_chunk(series, i)->n;
    }
    return count + end.index - begin.index;
}

/* What of chunk @i lies between two places: from *@ret_from to the one before *@ret_to. */
static void cut(const struct rm_series *series, uint32_t i, struct rm_series_place begin,
                struct rm_series_place end, uint32_t *ret_from, uint32_t *ret_to)
{
    *ret_from = i == begin.chunk ? begin.index : 0;
    *ret_to = i == end.chunk ? end.index : rm__series_chunk(series, i)->n;
}

static void sum_up_run(const struct rm_series *series, uint32_t first, struct rm_run *ret_run)
{
    *ret_run = (struct rm_run){0};
    for (uint32_t i = first; i < first + RM_RUN_CHUNKS; i++) {
        const struct rm_chunk *chunk = series->older.items[i];

        rm__chunk_summarize(chunk, 0, chunk->n, &ret_run->summary);
        rm__chunk_increase(chunk, 0, chunk->n, &ret_run->increase);
    }
}

/* The run that begins with chunk @i, where one does, all of it between two places; else NULL.
 * Ranges are cut into the same runs whether those are kept or not, or it would show in sums. */
static const struct rm_run *whole_run(const struct rm_series *series, uint32_t i,
                                      struct rm_series_place begin, struct rm_series_place end,
                                      struct rm_run *not_kept)
{
    struct rm_runs *runs = (struct rm_runs *)&series->runs; /* a cache: const, but for that */
    struct rm_run *run;

    if (i % RM_RUN_CHUNKS != 0 || i + RM_RUN_CHUNKS > series->older.n ||
        i + RM_RUN_CHUNKS > end.chunk || (i == begin.chunk && begin.index > 0)) {
        return NULL;
    }
    run = rm__runs_at(runs, i / RM_RUN_CHUNKS);
    if (run == NULL) {
        run = not_kept;
        run->summary.count = 0;
    }
    if (run->summary.count == 0) {
        sum_up_run(series, i, run);
    }
    return run;
}

void rm__series_summarize(const struct rm_series *series, struct rm_series_place begin,
                          struct rm_series_place end, struct rm_summary *summary)
{
    uint32_t n_chunks = rm__series_n_chunks(series);
    uint32_t i = begin.chunk;

    while (i < n_chunks && i <= end.chunk) {
        struct rm_run not_kept;
        const struct rm_run *run = whole_run(series, i, begin, end, &not_kept);
        uint32_t from;
        uint32_t to;

        if (run != NULL) {
            rm__summary_merge(summary, &run->summary);
            i += RM_RUN_CHUNKS;
        } else {
            cut(series, i, begin, end, &from, &to);
            rm__chunk_summarize(rm__series_chunk(series, i), from, to, summary);
            i++;
        }
    }
}

void rm__series_increase(const struct rm_series *series, struct rm_series_place begin,
                         struct rm_series_place end, struct rm_increase *increase)
{
    uint32_t n_chunks = rm__series_n_chunks(series);
    uint32_t i = begin.chunk;

    while (i < n_chunks && i <= end.chunk) {
        struct rm_run not_kept;
        const struct rm_run *run = whole_run(series, i, begin, end, &not_kept);
        uint32_t from;
        uint32_t to;

        if (run != NULL) {
            rm__increase_append(increase, &run->increase);
            i += RM_RUN_CHUNKS;
        } else {
            cut(series, i, begin, end, &from, &to);
            rm__chunk_increase(rm__series_chunk(series, i), from, to, increase);
            i++;
        }
    }
}
