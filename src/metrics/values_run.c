#include "raftmetrics/metrics/values_run.h"

#include <stdlib.h>
#include <string.h>

#include "frozen_values_internal.h"
#include "newest.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/merge_sort.h"
#include "selection.h"
#include "store_internal.h"

/* In the time that a value takes to be read: some 5 ns. */
enum {
    SERIES_COST = 32,    /* to look at one: it is waited for */
    FIND_COST = 64,      /* to find where its range begins and ends */
    DECODING_COST = 256, /* where that is inside a sealed chunk */
    COUNT_COST = 8,      /* to count what a chunk has */
    PART_COST = 16,      /* to share or to let go of a chunk */
    SORT_COST = 6,
    LABELS_COST = 48, /* to copy those of a series */
};

/* A series by its newest value. */
struct ranked {
    const struct rm_share *share;
    struct rm_position newest;
};

struct rm_values_run {
    struct rm_selection selection;
    size_t limit;
    struct rm_position before;
    bool has_before;
    enum rm_values_order order;
    struct rm_view view;

    enum {
        STAGE_SHARE,
        STAGE_NEWEST,
        STAGE_RANK,
        STAGE_SORT,
        STAGE_FILL,
        STAGE_SIFT,
        STAGE_DONE
    } stage;
    size_t next;             /* of what the stage goes through */
    uint64_t n_total;        /* of the selection, whatever the cursor */
    uint64_t n_left;         /* before the cursor */
    uint64_t n_shared;       /* of them, at most limit a series */
    struct rm_buffer parts;  /* of struct rm_part, owned */
    struct rm_buffer shares; /* of struct rm_share, none empty at first */
    struct rm_newest newest;
    struct ranked *ranked;
    size_t n_ranked;
    struct rm_merge_sort sort;

    struct rm_frozen *frozen;
    size_t n_parts; /* that stay of the shares */
    size_t n_labels;
    size_t n_label_bytes;
    struct rm_label *labels_end; /* of those that are filled in, … */
    char *bytes_end;             /* … and of their bytes */
};

static struct rm_part *parts_of(const struct rm_values_run *run)
{
    return (struct rm_part *)(void *)run->parts.data;
}

static struct rm_share *shares_of(const struct rm_values_run *run)
{
    return (struct rm_share *)(void *)run->shares.data;
}

static size_t n_shares_of(const struct rm_values_run *run)
{
    return run->shares.len / sizeof(struct rm_share);
}

static const struct rm_series *series_of(const struct rm_values_run *run,
                                         const struct rm_share *share)
{
    return rm__view_series(&run->view, share->series);
}

/* ---- what each series gives ---- */

/* Observations of a series between two places. */
struct range {
    const struct rm_series *series;
    struct rm_series_place begin;
    struct rm_series_place end;
};

static size_t n_chunks_of(const struct range *range)
{
    return range->end.chunk - range->begin.chunk + (range->end.index > 0);
}

static int64_t cost_of_place(const struct rm_series *series, struct rm_series_place place)
{
    bool is_inside = place.index > 0 && rm__chunk_is_sealed(rm__series_chunk(series, place.chunk));

    return is_inside ? DECODING_COST : 0;
}

/* How many observations there are. */
static uint64_t count_range(const struct range *range, int64_t *budget)
{
    if (range->end.chunk >= range->begin.chunk) {
        *budget -= (int64_t)n_chunks_of(range) * COUNT_COST;
    }
    *budget -= cost_of_place(range->series, range->end);
    return rm__series_count(range->series, range->begin, range->end);
}

/* Only its newest @limit are ever wanted. What they are of @n. */
static uint64_t keep_newest(struct range *range, uint64_t n, uint64_t limit)
{
    struct rm_series_place *begin = &range->begin;
    uint64_t n_wanted = n < limit ? n : limit;
    uint64_t n_found = range->end.index;

    if (n_wanted == n) {
        return n;
    }
    begin->chunk = range->end.chunk;
    while (n_found < n_wanted) {
        begin->chunk--;
        n_found += rm__series_chunk(range->series, begin->chunk)->n;
    }
    begin->index = (uint32_t)(n_found - n_wanted);
    return n_wanted;
}

/* Errors: RM_ENOMEM. */
static int share_chunks(struct rm_values_run *run, const struct range *range)
{
    size_t n = n_chunks_of(range);
    int rv = rm_buffer_reserve(&run->parts, n * sizeof(struct rm_part));

    for (size_t i = 0; i < n && rv == 0; i++) {
        uint32_t index = range->begin.chunk + (uint32_t)i;
        struct rm_chunk *chunk = rm__series_chunk(range->series, index);
        struct rm_part part = {.chunk = rm__chunk_ref(chunk),
                               .begin = i == 0 ? range->begin.index : 0,
                               .end = index == range->end.chunk ? range->end.index : chunk->n};

        rv = rm_buffer_append(&run->parts, &part, sizeof part);
    }
    return rv;
}

/* Errors: RM_ENOMEM. */
static int share(struct rm_values_run *run, const struct rm_series *item, struct range *range,
                 uint64_t n)
{
    struct rm_share share = {.series = item, .begin = run->parts.len / sizeof(struct rm_part)};
    int rv;

    run->n_left += n;
    n = keep_newest(range, n, run->limit);
    if (n == 0) {
        return 0;
    }
    run->n_shared += n;
    rv = share_chunks(run, range);
    share.end = run->parts.len / sizeof(struct rm_part);
    return rv != 0 ? rv : rm_buffer_append(&run->shares, &share, sizeof share);
}

/* Errors: RM_ENOMEM. */
static int share_series(struct rm_values_run *run, const struct rm_series *item, int64_t *budget)
{
    const struct rm_series *series = rm__view_series(&run->view, item);
    struct rm_position end = rm__selection_end(&run->selection);
    struct range range = {.series = series};
    uint64_t n;

    *budget -= SERIES_COST;
    if (!rm__selection_has(&run->selection, series)) {
        return 0;
    }
    range.begin = rm__series_find(series, rm__selection_first(&run->selection));
    range.end = rm__series_find(series, end);
    n = count_range(&range, budget);
    run->n_total += n;
    if (run->has_before && rm__position_is_before(run->before, end)) {
        range.end = rm__series_find(series, run->before);
        n = count_range(&range, budget);
    }
    *budget -= FIND_COST + cost_of_place(series, range.begin);
    return share(run, item, &range, n);
}

static int work_on_shares(struct rm_values_run *run, int64_t *budget)
{
    int rv = 0;

    for (; run->next<run->view.n && * budget> 0 && rv == 0; run->next++) {
        size_t n_bytes = run->parts.len;

        rv = share_series(run, run->view.items[run->next], budget);
        *budget -= (int64_t)((run->parts.len - n_bytes) / sizeof(struct rm_part)) * PART_COST;
    }
    if (rv != 0 || run->next < run->view.n) {
        return rv;
    }
    run->next = 0;
    run->stage = STAGE_RANK;
    if (run->n_shared > run->limit) {
        run->stage = STAGE_NEWEST;
        rv = rm__newest_begin(&run->newest, parts_of(run), shares_of(run), n_shares_of(run),
                              run->limit);
    }
    return rv;
}

static int work_on_newest(struct rm_values_run *run, int64_t *budget)
{
    int rv = rm__newest_work(&run->newest, budget);

    if (rv == 0 && run->newest.stage == RM_NEWEST_DONE) {
        rm__newest_done(&run->newest);
        run->stage = STAGE_RANK;
    }
    return rv;
}

/* ---- series, by their newest values ---- */

static struct rm_position newest_of(const struct rm_part *last, int64_t *budget)
{
    struct rm_chunk_window window;

    if (!rm__chunk_is_sealed(last->chunk) || last->end == last->chunk->n) {
        return rm__part_bound(last);
    }
    *budget -= last->end;
    return rm__chunk_read(last->chunk, &window)[last->end - 1].position;
}

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *left = a;
    const struct ranked *right = b;

    return rm__position_is_before(left->newest, right->newest) -
           rm__position_is_before(right->newest, left->newest);
}

static void count_labels(struct rm_values_run *run, const struct rm_series *series)
{
    run->n_labels += series->n_labels;
    for (uint32_t i = 0; i < series->n_labels; i++) {
        run->n_label_bytes += series->labels[i].name.len + series->labels[i].value.len;
    }
}

static void rank(struct rm_values_run *run, const struct rm_share *share, int64_t *budget)
{
    run->ranked[run->n_ranked++] =
        (struct ranked){share, newest_of(&parts_of(run)[share->end - 1], budget)};
    run->n_parts += share->end - share->begin;
    count_labels(run, series_of(run, share));
}

static int work_on_ranks(struct rm_values_run *run, int64_t *budget)
{
    if (run->ranked == NULL) {
        run->ranked = malloc((n_shares_of(run) + 1) * sizeof *run->ranked);
        if (run->ranked == NULL) {
            return RM_ENOMEM;
        }
    }
    for (; run->next < n_shares_of(run) && *budget > 0; run->next++) {
        const struct rm_share *share = &shares_of(run)[run->next];

        *budget -= SERIES_COST;
        if (share->begin < share->end) {
            rank(run, share, budget);
        }
    }
    if (run->next < n_shares_of(run)) {
        return 0;
    }
    run->stage = STAGE_SORT;
    return rm_merge_sort_begin(&run->sort, run->ranked, run->n_ranked, sizeof *run->ranked,
                               compare_ranked, SORT_COST);
}

/* Errors: RM_ENOMEM. */
static int begin_filling(struct rm_values_run *run)
{
    size_t n_struct_bytes = run->n_labels * sizeof(struct rm_label);

    run->frozen = rm__frozen_new(run->n_parts, run->n_ranked, n_struct_bytes + run->n_label_bytes);
    if (run->frozen == NULL) {
        return RM_ENOMEM;
    }
    run->frozen->order = run->order;
    run->labels_end = run->frozen->given->labels;
    run->bytes_end = (char *)(run->labels_end + run->n_labels);
    run->next = 0;
    run->stage = STAGE_FILL;
    return 0;
}

static int work_on_sorting(struct rm_values_run *run, int64_t *budget)
{
    if (!rm_merge_sort_work(&run->sort, budget)) {
        return 0;
    }
    rm_merge_sort_done(&run->sort);
    return begin_filling(run);
}

/* ---- what is frozen ---- */

static struct rm_slice copy_bytes(char **end, struct rm_slice bytes)
{
    struct rm_slice copy = {*end, bytes.len};

    if (bytes.len > 0) {
        memcpy(*end, bytes.data, bytes.len);
    }
    *end += bytes.len;
    return copy;
}

static void fill_labels(struct rm_values_run *run, const struct rm_series *series)
{
    run->frozen->given->series[run->next] =
        (struct rm_values_series){run->labels_end, series->n_labels};
    for (uint32_t i = 0; i < series->n_labels; i++) {
        run->labels_end->name = copy_bytes(&run->bytes_end, series->labels[i].name);
        run->labels_end->value = copy_bytes(&run->bytes_end, series->labels[i].value);
        run->labels_end++;
    }
}

/* Of its chunks one is decoded at a time; series after series, that of one of them. */
static void count_decoded(struct rm_values_run *run, const struct rm_part *parts, size_t n)
{
    size_t *n_all = &run->frozen->n_decoded_bytes;
    size_t n_most = 0;

    for (size_t i = 0; i < n; i++) {
        size_t n_bytes = rm__part_count(&parts[i]) * sizeof(struct rm_observation);

        if (rm__chunk_is_sealed(parts[i].chunk) && n_bytes > n_most) {
            n_most = n_bytes;
        }
    }
    if (run->order == RM_VALUES_BY_TIME) {
        *n_all += n_most;
    } else if (n_most > *n_all) {
        *n_all = n_most;
    }
}

static uint64_t count(const struct rm_part *parts, size_t n)
{
    uint64_t n_values = 0;

    for (size_t i = 0; i < n; i++) {
        n_values += rm__part_count(&parts[i]);
    }
    return n_values;
}

/* What was shared is given. */
static void fill(struct rm_values_run *run, const struct rm_share *share)
{
    struct rm_given *given = run->frozen->given;
    struct rm_part *from = &parts_of(run)[share->begin];
    struct rm_part *to = &given->parts[given->n_parts];
    size_t n = share->end - share->begin;

    memcpy(to, from, n * sizeof *to);
    for (size_t i = 0; i < n; i++) {
        from[i].chunk = NULL;
    }
    given->n_parts += n;
    rm__frozen_add(run->frozen, to, n);
    count_decoded(run, to, n);
    run->frozen->values.n_points += count(to, n);
}

static void end_filling(struct rm_values_run *run)
{
    struct rm_frozen_values *values = &run->frozen->values;

    values->n_total = run->n_total;
    values->has_older = run->n_left > run->limit;
    values->n_bytes += run->frozen->n_decoded_bytes;
    run->next = run->frozen->n_sources / 2;
    run->stage = STAGE_SIFT;
}

static int work_on_filling(struct rm_values_run *run, int64_t *budget)
{
    for (; run->next<run->n_ranked && * budget> 0; run->next++) {
        const struct rm_share *share = run->ranked[run->next].share;

        fill_labels(run, series_of(run, share));
        fill(run, share);
        *budget -= LABELS_COST + (int64_t)(share->end - share->begin) * PART_COST;
    }
    if (run->next == run->n_ranked) {
        end_filling(run);
    }
    return 0;
}

static int work_on_sifting(struct rm_values_run *run, int64_t *budget)
{
    for (; run->next > 0 && *budget > 0; run->next--) {
        rm__frozen_sift(run->frozen, run->next - 1);
        *budget -= PART_COST;
    }
    if (run->next == 0) {
        run->stage = STAGE_DONE;
    }
    return 0;
}

/* ---- all of it ---- */

int rm_values_run_begin(struct rm_store *store, const struct rm_selection *selection, size_t limit,
                        const struct rm_position *before, enum rm_values_order order,
                        struct rm_values_run **ret_run)
{
    const struct rm_metric *metric = rm__store_find_metric(store, selection->metric_name);
    struct rm_values_run *run;

    if (metric == NULL) {
        return RM_ENOTFOUND;
    }
    run = calloc(1, sizeof *run);
    if (run == NULL) {
        return RM_ENOMEM;
    }
    run->selection = *selection;
    run->limit = limit;
    run->has_before = before != NULL;
    run->before = before == NULL ? (struct rm_position){0} : *before;
    run->order = order;
    rm_buffer_init(&run->parts, SIZE_MAX);
    rm_buffer_init(&run->shares, SIZE_MAX);
    if (rm__view_open(&run->view, &store->views, metric) != 0) {
        free(run);
        return RM_ENOMEM;
    }
    *ret_run = run;
    return 0;
}

int rm_values_run_work(struct rm_values_run *run, int64_t n_values, bool *ret_is_done)
{
    static int (*const stages[])(struct rm_values_run *, int64_t *) = {
        [STAGE_SHARE] = work_on_shares, [STAGE_NEWEST] = work_on_newest,
        [STAGE_RANK] = work_on_ranks,   [STAGE_SORT] = work_on_sorting,
        [STAGE_FILL] = work_on_filling, [STAGE_SIFT] = work_on_sifting};
    int64_t budget = n_values;
    int rv = run->view.is_lost ? RM_ECANCELED : 0;

    while (rv == 0 && budget > 0 && run->stage != STAGE_DONE) {
        rv = stages[run->stage](run, &budget);
    }
    *ret_is_done = rv == 0 && run->stage == STAGE_DONE;
    return rv;
}

struct rm_frozen_values *rm_values_run_take(struct rm_values_run *run)
{
    struct rm_frozen *frozen = run->frozen;

    run->frozen = NULL;
    return &frozen->values;
}

size_t rm_values_run_bytes(const struct rm_values_run *run)
{
    return sizeof *run + rm__view_bytes(&run->view) + run->parts.capacity + run->shares.capacity +
           rm__newest_bytes(&run->newest) +
           (run->ranked == NULL ? 0 : n_shares_of(run) * sizeof *run->ranked) +
           run->sort.n * run->sort.size + (run->frozen == NULL ? 0 : run->frozen->values.n_bytes);
}

/* The last *@n of @parts, until that is 0. */
static void release(struct rm_part *parts, size_t *n, int64_t *budget)
{
    for (; *n > 0 && *budget > 0; --*n) {
        struct rm_chunk *chunk = parts[*n - 1].chunk;

        *budget -= chunk == NULL ? 1 : PART_COST;
        rm__chunk_unref(chunk);
    }
}

/* Those that nobody was given, or took. True: all are gone. */
static bool release_parts(struct rm_values_run *run, int64_t *budget)
{
    size_t n = run->parts.len / sizeof(struct rm_part);

    release(parts_of(run), &n, budget);
    run->parts.len = n * sizeof(struct rm_part);
    if (run->frozen == NULL) {
        return n == 0;
    }
    release(run->frozen->given->parts, &run->frozen->given->n_parts, budget);
    return n == 0 && run->frozen->given->n_parts == 0;
}

bool rm_values_run_close(struct rm_values_run *run, int64_t n_values)
{
    int64_t budget = n_values;

    return run == NULL || (release_parts(run, &budget) && rm__view_release(&run->view, &budget));
}

void rm_values_run_free(struct rm_values_run *run)
{
    if (run == NULL) {
        return;
    }
    (void)rm_values_run_close(run, INT64_MAX);
    rm__view_close(&run->view);
    rm_buffer_done(&run->parts);
    rm_buffer_done(&run->shares);
    rm__newest_done(&run->newest);
    rm_merge_sort_done(&run->sort);
    free(run->ranked);
    rm_frozen_values_free(run->frozen == NULL ? NULL : &run->frozen->values);
    free(run);
}

int rm_store_freeze_values(struct rm_store *store, const struct rm_selection *selection,
                           size_t limit, const struct rm_position *before,
                           enum rm_values_order order, struct rm_frozen_values **ret_values)
{
    struct rm_values_run *run;
    bool is_done;
    int rv = rm_values_run_begin(store, selection, limit, before, order, &run);

    if (rv != 0) {
        return rv;
    }
    rv = rm_values_run_work(run, INT64_MAX, &is_done);
    if (rv == 0) {
        *ret_values = rm_values_run_take(run);
    }
    rm_values_run_free(run);
    return rv;
}
