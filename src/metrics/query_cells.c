#include "query_cells.h"

#include <stdlib.h>

#include "raftmetrics/base/error.h"

void rm__cells_done(struct rm_cells *cells)
{
    free(cells->items);
    free(cells->ordered);
    rm__table_done(&cells->table);
}

static uint64_t hash_of(const struct rm_cells *cells, int64_t bucket_ms)
{
    return rm__table_hash(rm_slice_make(&bucket_ms, sizeof bucket_ms), cells->hash_seed);
}

/* Takes out one by one: the table may have grown for another group than this one. */
void rm__cells_clear(struct rm_cells *cells)
{
    for (size_t i = 0; i < cells->n; i++) {
        rm__table_remove(&cells->table, hash_of(cells, cells->items[i].bucket_ms),
                         &cells->items[i]);
    }
    cells->n = 0;
    cells->likely = 0;
}

static bool is_bucket(const void *item, const void *key)
{
    const struct rm_cell *cell = item;
    const int64_t *bucket_ms = key;

    return cell->bucket_ms == *bucket_ms;
}

/* Series are walked in the order of time, so the buckets of one mostly come as those of the one
 * before it did. */
struct rm_cell *rm__cells_find(struct rm_cells *cells, int64_t bucket_ms)
{
    struct rm_cell *cell;

    if (cells->likely < cells->n && cells->items[cells->likely].bucket_ms == bucket_ms) {
        cell = &cells->items[cells->likely];
    } else {
        cell = rm__table_find(&cells->table, hash_of(cells, bucket_ms), is_bucket, &bucket_ms);
    }
    if (cell != NULL) {
        cells->likely = (size_t)(cell - cells->items) + 1;
    }
    return cell;
}

static int make(struct rm_cells *cells, int64_t bucket_ms, bool without_moments,
                struct rm_cell **ret_cell)
{
    struct rm_cell *cell;
    int rv;

    if (cells->n == cells->max) {
        return RM_ETOOBIG;
    }
    if (cells->items == NULL) {
        /* Cells stay where they are; what is not used of the memory is not touched. */
        cells->items = malloc(cells->max * sizeof *cells->items);
        if (cells->items == NULL) {
            return RM_ENOMEM;
        }
    }
    cell = &cells->items[cells->n];
    *cell =
        (struct rm_cell){.bucket_ms = bucket_ms, .summary = {.without_moments = without_moments}};
    rv = rm__table_add(&cells->table, hash_of(cells, bucket_ms), cell);
    if (rv == 0) {
        cells->n++;
        cells->likely = cells->n;
        *ret_cell = cell;
    }
    return rv;
}

int rm__cells_get(struct rm_cells *cells, int64_t bucket_ms, bool without_moments,
                  struct rm_cell **ret_cell)
{
    struct rm_cell *cell = rm__cells_find(cells, bucket_ms);

    if (cell != NULL) {
        *ret_cell = cell;
        return 0;
    }
    return make(cells, bucket_ms, without_moments, ret_cell);
}

static int compare_cells(const void *a, const void *b)
{
    const struct rm_cell *const *left = a;
    const struct rm_cell *const *right = b;

    return ((*left)->bucket_ms > (*right)->bucket_ms) - ((*left)->bucket_ms < (*right)->bucket_ms);
}

int rm__cells_order(struct rm_cells *cells)
{
    bool is_ordered = true;

    if (cells->ordered == NULL) {
        cells->ordered = malloc(cells->max * sizeof(struct rm_cell *));
        if (cells->ordered == NULL) {
            return RM_ENOMEM;
        }
    }
    for (size_t i = 0; i < cells->n; i++) {
        cells->ordered[i] = &cells->items[i];
        is_ordered =
            is_ordered && (i == 0 || cells->items[i - 1].bucket_ms < cells->items[i].bucket_ms);
    }
    if (!is_ordered) {
        qsort(cells->ordered, cells->n, sizeof(struct rm_cell *), compare_cells);
    }
    return 0;
}
